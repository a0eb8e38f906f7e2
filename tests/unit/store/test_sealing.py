# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is private is sealed, to its place and under one passphrase. Second tools: hashlib's scrypt and AES-GCM by hand,
and a search through the whole file or dump."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import Place, SqliteFile
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.sealing import (
    WrongPassphraseError,
    check_passphrase,
    new_vault,
    unwrap,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import Identity, reading, writing
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import Cluster
from ansible_collections.vwan.user_vpn.tests.unit.store.store_tools import NOW, PASSPHRASE, alter, issuance, rows

NEW = "another long passphrase"


def server(place: Place, request: pytest.FixtureRequest) -> Cluster | None:
    return None if isinstance(place, SqliteFile) else request.getfixturevalue("cluster")


def everything(place: Place, request: pytest.FixtureRequest) -> bytes:
    """All that the database holds: the file, or a dump with bytes as they are."""
    if isinstance(place, SqliteFile):
        return place.path.read_bytes()
    cluster: Cluster = request.getfixturevalue("cluster")
    dump = cluster.run("pg_dump", f"--schema={str(place).rpartition('=')[2]}")
    parts = [bytes.fromhex(word[3:]) for word in dump.split() if word.startswith("\\\\x")]
    return dump.encode() + b"".join(parts)


def test_neither_a_key_nor_a_password_is_in_the_database(filled: Place, request: pytest.FixtureRequest) -> None:
    content = everything(filled, request)
    assert issuance("mac-01").pem in content
    identity = issuance("mac-01").private
    assert isinstance(identity, Identity)
    for secret in (b"key of", b"pkcs12 of", b"password of", PASSPHRASE.encode(), identity.pkcs12):
        assert secret not in content
        assert base64.b64encode(secret)[:-4] not in content
        assert secret.hex().encode() not in content.lower()


def test_the_seal_opens_by_hand(filled: Place, request: pytest.FixtureRequest) -> None:
    """From the documentation of the format alone."""
    facts = dict(rows(filled, "SELECT name, value FROM facts", server(filled, request)))
    key = json.loads(facts["data_key"])
    assert (key["kdf"], key["n"], key["r"], key["p"]) == ("scrypt", 32768, 8, 1)
    wrapping = hashlib.scrypt(
        PASSPHRASE.encode(), salt=base64.b64decode(key["salt"]), n=key["n"], r=key["r"], p=key["p"],
        maxmem=1 << 26, dklen=32,
    )  # fmt: skip
    wrapped = base64.b64decode(key["wrapped"])
    data_key = AESGCM(wrapping).decrypt(wrapped[:12], wrapped[12:], f"{facts['store_id']} data key".encode())
    hexed = "hex(sealed)" if isinstance(filled, SqliteFile) else "encode(sealed, 'hex')"
    query = f"SELECT sha1, {hexed} FROM certificates WHERE kind = 'root'"
    ((sha1, sealed),) = rows(filled, query, server(filled, request))
    content = bytes.fromhex(sealed)
    bound = f"{facts['store_id']} private part of the root certificate {sha1}".encode()
    assert AESGCM(data_key).decrypt(content[:12], content[12:], bound) == issuance("P2SRootCert", kind="root").private


def test_the_same_is_never_sealed_twice_alike(place: Place, request: pytest.FixtureRequest) -> None:
    with writing(place, NOW) as store:
        store.unlock(PASSPHRASE)
        part = Identity(b"the same", "for both")
        for name in ("mac-01", "mac-02"):
            made = issuance(name)
            store.issue([type(made)(made.certificate, made.pem, b"", part)])
    (one,), (two,) = rows(place, "SELECT sealed FROM certificates ORDER BY id", server(place, request))
    assert one != two


def test_a_seal_in_another_row_does_not_open(filled: Place, request: pytest.FixtureRequest) -> None:
    swap = (
        "UPDATE certificates SET sealed = (SELECT sealed FROM certificates WHERE name = 'mac-02') WHERE name = 'mac-01'"
    )
    alter(filled, swap, server(filled, request))
    with reading(filled) as store:
        store.unlock(PASSPHRASE)
        _root, one, two = store.certificates()
        assert store.identity(two.sha1) == issuance("mac-02").private
        with pytest.raises(PkiError, match="was altered, or belongs elsewhere"):
            store.identity(one.sha1)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 100])
def test_a_seal_that_was_altered_does_not_open(content: bytes) -> None:
    vault = new_vault("store")
    sealed = vault.seal(b"content", "x")
    assert vault.open(sealed, "x") == b"content"
    for wrong in (content, sealed[:-1] + bytes([sealed[-1] ^ 1]), bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(PkiError, match="was altered, or belongs elsewhere"):
            vault.open(wrong, "x")


# -- passphrases


def test_the_wrong_passphrase(filled: Place) -> None:
    with reading(filled) as store:
        with pytest.raises(WrongPassphraseError, match=r"passphrase is not the one of this store.*rekeyed") as caught:
            store.unlock(NEW)
        assert NEW not in str(caught.value)
        assert len(store.certificates()) == 3  # what is public needs none


@pytest.mark.parametrize(
    ("passphrase", "words"),
    [
        (None, "Set passphrase: it seals the private keys"),
        ("", "Set passphrase"),
        ("eleven char", "passphrase has 11 characters; it must have at least 12"),
        ("é" * 600, "longer than 1023 bytes"),
        ("\udcff" * 20, "no text"),
    ],
)
def test_passphrases_that_nobody_may_have(place: Place, passphrase: str | None, words: str) -> None:
    for opened in (reading(place), writing(place, NOW)):
        with opened as store, pytest.raises(PkiError, match=words):
            store.unlock(passphrase)
    with pytest.raises(PkiError, match="new_passphrase"):
        check_passphrase("short", "new_passphrase")


def test_letters_count_however_a_keyboard_composes_them(place: Place) -> None:
    typed = "Straßenbahn für Zürich"
    with writing(place, NOW) as store:
        store.unlock(unicodedata.normalize("NFD", typed))
    with reading(place) as store:
        store.unlock(unicodedata.normalize("NFC", typed))


def test_a_new_passphrase_wraps_anew_and_touches_no_seal(filled: Place, request: pytest.FixtureRequest) -> None:
    query = "SELECT sealed FROM certificates ORDER BY id"
    before = rows(filled, query, server(filled, request))
    with writing(filled, NOW, "anna") as store:
        store.unlock(PASSPHRASE)
        with pytest.raises(PkiError, match="new_passphrase has 5 characters"):
            store.rekey("short")
        store.rekey(NEW)
    assert rows(filled, query, server(filled, request)) == before
    with reading(filled) as store:
        with pytest.raises(WrongPassphraseError):
            store.unlock(PASSPHRASE)
        store.unlock(NEW)
        assert store.identity(store.certificates()[1].sha1) == issuance("mac-01").private
        assert [(e.what, e.who) for e in store.events()[-1:]] == [("rekeyed", "anna")]


# -- what a store says about its passphrase


GOOD = new_vault("store").wrap(PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"n": 1 << 30},
        {"n": 2},
        {"n": (1 << 15) + 1},
        {"n": -32768},
        {"n": True},
        {"n": "32768"},
        {"n": 1e9},
        {"r": 1 << 20},
        {"r": 1},
        {"p": 1 << 20},
        {"p": 0},
        {"kdf": "none"},
        {"salt": ""},
        {"salt": 7},
        {"salt": "no base64!"},
        {"wrapped": ""},
        {"wrapped": None},
    ],
)
def test_a_hostile_store_makes_nobody_work(change: dict[str, object]) -> None:
    with pytest.raises(PkiError, match="makes no sense; restore the store from a backup"):
        unwrap(json.dumps(json.loads(GOOD) | change), "store", PASSPHRASE)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000, "{" + '"a":' * 10])
def test_no_parameters_at_all(text: str) -> None:
    with pytest.raises(PkiError, match="makes no sense"):
        unwrap(text, "store", PASSPHRASE)


def test_the_data_key_of_another_store(tmp_path: Path) -> None:
    with pytest.raises(WrongPassphraseError):
        unwrap(GOOD, "another store", PASSPHRASE)
