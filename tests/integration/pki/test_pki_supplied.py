# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities that an enterprise CA issued: checked, and encoded again for the Mac. The files are made by openssl."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import reading
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, PASSPHRASE, Pki, keys, openssl, real_now

GOOD = "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:mac-01\n"


class Ca:
    """Somebody who holds the key of our root and issues with openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = Pki(str(folder / "pki.db"), real_now())
        self.template.root()
        (root,) = self.template.certificates()
        self.root = folder / "root.pem"
        self.root.write_text(self.template.pem(root.sha1))
        with reading(self.template.place) as store:
            store.unlock(PASSPHRASE)
            self.root.with_name("root.key").write_bytes(store.root_key(root.sha1))
        self.key = folder / "client.key"
        self.key.write_bytes(clear(keys()[2]))

    @lru_cache(maxsize=64)  # noqa: B019
    def issue(self, *, name: str = "mac-01", extensions: str = GOOD, days: int = 300, digest: str = "-sha256") -> Path:
        place = Path(tempfile.mkdtemp(dir=self.folder))
        (place / "ext.cnf").write_text(extensions)
        openssl("req", "-new", "-key", self.key, "-subj", f"/CN={name}", "-out", place / "client.csr")
        openssl(
            "x509", "-req", "-in", place / "client.csr", "-CA", self.root, "-CAkey", self.root.with_name("root.key"),
            "-CAkeyform", "DER", "-days", str(days), digest, "-extfile", place / "ext.cnf",
            "-out", place / "client.pem",
        )  # fmt: skip
        return place / "client.pem"

    @lru_cache(maxsize=64)  # noqa: B019
    def pkcs12(self, **how: Any) -> Path:
        """In OpenSSL 3's own form, which macOS 14 does not open."""
        certificate = self.issue(**how)
        openssl(
            "pkcs12", "-export", "-in", certificate, "-inkey", self.key, "-passout", "pass:theirs",
            "-out", certificate.with_suffix(".p12"),
        )  # fmt: skip
        return certificate.with_suffix(".p12")


def clear(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Ca:
    return Ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def pki(ca: Ca, tmp_path: Path) -> Pki:
    """A store with the root of this CA."""
    return ca.template.backup(tmp_path / "pki.db")


def client(source: Path, **more: Any) -> dict[str, Any]:
    return {"name": "mac-01", "pkcs12_source": source, "source_password": "theirs"} | more


def test_a_modern_pkcs12_becomes_one_that_every_mac_opens(ca: Ca, pki: Pki) -> None:
    item = client(ca.pkcs12())
    before = pki.content()
    foreseen = pki.issue(item, check=True)
    assert pki.content() == before
    taken = pki.issue(item)
    assert taken.entries == foreseen.entries
    entry = taken.entries["mac-01"]
    assert (entry.changed, entry.reason) == (True, "missing")
    identity = pki.identity("mac-01").identity
    assert identity and identity.password != "theirs"
    password = f"pass:{identity.password}"
    told = openssl("pkcs12", "-legacy", "-info", "-passin", password, "-nodes", stdin=identity.pkcs12)
    assert told.count("pbeWithSHA1And3-KeyTripleDES-CBC") == 2
    assert pki.pem(entry.sha1) == ca.issue().read_text()
    before = pki.content()
    assert not pki.issue(item, means={"passphrase": None}).changed  # nothing is to be sealed
    assert not pki.issue(item, check=True).changed
    assert pki.content() == before
    assert pki.sql("SELECT origin FROM certificates WHERE kind = 'client'") == [("supplied",)]


def test_two_files_do_as_well(ca: Ca, pki: Pki) -> None:
    item = {"name": "mac-01", "certificate_source": ca.issue(), "key_source": ca.key}
    assert pki.issue(item).entries["mac-01"].reason == "missing"
    assert not pki.issue(item).changed


def test_another_file(ca: Ca, pki: Pki) -> None:
    first = pki.issue(client(ca.pkcs12())).entries["mac-01"]
    successor = pki.issue(client(ca.pkcs12(days=299))).entries["mac-01"]
    assert successor.reason == "options_changed"
    assert successor.sha1 != first.sha1
    assert [(c.sha1, c.state, c.has_key) for c in pki.certificates("mac-01")] == [
        (first.sha1, "superseded", False),
        (successor.sha1, "issued", True),
    ]
    assert pki.issue("mac-01").entries["mac-01"].reason == "options_changed"  # from now on made here


def test_a_supplied_certificate_is_not_renewed_by_us(ca: Ca, pki: Pki) -> None:
    item = client(ca.pkcs12(days=10))
    pki.issue(item)
    soon = pki.issue(item)
    assert not soon.changed
    assert "supply its successor" in soon.warnings[0]
    pki.now += 11 * DAY
    assert "expired on" in pki.issue(item).entries["mac-01"].msg


def test_a_revoked_certificate_does_not_come_back(ca: Ca, pki: Pki) -> None:
    item = client(ca.pkcs12())
    pki.issue(item)
    pki.end("mac-01")
    assert "has been revoked; supply a new one" in pki.issue(item, readmit=["mac-01"]).entries["mac-01"].msg
    successor = client(ca.pkcs12(days=299))
    assert pki.issue(successor).failures == ["mac-01"]
    assert pki.issue(successor, readmit=["mac-01"]).entries["mac-01"].reason == "readmitted"


def test_after_a_rotation_it_has_to_be_issued_anew(ca: Ca, pki: Pki) -> None:
    item = client(ca.pkcs12())
    pki.issue(item)
    pki.root(generation=2)
    entry = pki.issue(item, "mac-02")
    assert entry.failures == ["mac-01"]
    assert "has not been issued by the current root" in entry.entries["mac-01"].msg
    assert entry.entries["mac-02"].changed


@pytest.mark.parametrize(
    ("how", "item", "words"),
    [
        ({"name": "mac-02"}, {}, "is not that of 'mac-01'"),
        (
            {"extensions": "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:mac-01\n"},
            {},
            "clientAuth is not among them",
        ),
        ({"extensions": f"{GOOD}keyUsage=keyEncipherment\n"}, {}, "a key usage without digitalSignature"),
        ({"extensions": f"{GOOD}basicConstraints=critical,CA:TRUE\n"}, {}, "that of a CA, not of a client"),
        ({"digest": "-sha1"}, {}, "not signed with SHA-256 or better"),
        ({}, {"source_password": "guess"}, "source_password is wrong"),
        ({}, {"pkcs12_source": "nowhere.p12"}, "cannot be read"),
        ({}, {"sans": ["more.example.com"]}, "remove sans"),
        ({}, {"key_source": "client.key"}, "client.key cannot be read"),
    ],
)
def test_identities_that_are_refused(ca: Ca, pki: Pki, how: dict[str, Any], item: dict[str, Any], words: str) -> None:
    before = pki.content()
    outcome = pki.issue(client(ca.pkcs12(**how), **item))
    assert words in outcome.entries["mac-01"].msg
    assert pki.content() == before


@pytest.mark.parametrize(
    ("extensions", "doubt"),
    [
        ("extendedKeyUsage=clientAuth\n", "no alternative name"),
        ("extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:mac-01\n", "not its first extended key usage"),
        ("subjectAltName=DNS:mac-01\n", ""),
    ],
)
def test_what_may_work_is_taken_with_a_warning(ca: Ca, pki: Pki, extensions: str, doubt: str) -> None:
    outcome = pki.issue(client(ca.pkcs12(extensions=extensions)))
    assert outcome.entries["mac-01"].reason == "missing"
    assert [doubt in warning for warning in outcome.warnings] == [True] * bool(doubt)


def test_usages_of_a_client_are_taken(ca: Ca, pki: Pki) -> None:
    usages = f"{GOOD}keyUsage=critical,digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n"
    assert pki.issue(client(ca.pkcs12(extensions=usages))).entries["mac-01"].reason == "missing"


def test_a_key_that_belongs_to_another_certificate(ca: Ca, pki: Pki, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(clear(keys()[1]))
    item = {"name": "mac-01", "certificate_source": ca.issue(), "key_source": other}
    assert "does not belong to" in pki.issue(item).entries["mac-01"].msg
