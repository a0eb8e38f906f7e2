# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client identities: what is in them, when they are renewed, how they end. Read back with openssl and asn1crypto."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.exceptions import UnsupportedAlgorithm

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import clients, ending
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.deciding import Settings
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.outcome import Entry
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import parse_clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import errors, pkcs12
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import keys as x509_keys
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import (
    DAY,
    NOW,
    PASSPHRASE,
    PASSWORD,
    Pki,
    any_key,
    openssl,
)

pytestmark = pytest.mark.usefixtures("quick")


# -- what is in an identity


def test_what_openssl_sees_of_the_certificate(rooted: Pki) -> None:
    root = rooted.root().current
    entry = rooted.issue({"name": "mac-01", "sans": ["mac-01.example.com"]}).entries["mac-01"]
    text = openssl("x509", "-in", entry.certificate_path, "-noout", "-text", "-serial", "-fingerprint", "-sha1")
    assert "Signature Algorithm: sha256WithRSAEncryption" in text
    assert re.search(r"Subject: CN ?= ?mac-01\n", text)
    assert "Public-Key: (2048 bit)" in text
    assert re.search(r"Key Usage: critical\s+Digital Signature\n", text)
    assert re.search(r"Extended Key Usage: ?\n\s+TLS Web Client Authentication\n", text)
    assert re.search(r"Subject Alternative Name: ?\n\s+DNS:mac-01, DNS:mac-01\.example\.com\n", text)
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE\n", text)
    assert "Subject Key Identifier" in text
    assert "Authority Key Identifier" in text
    assert "Not Before: Nov 22 11:00:00 2026 GMT" in text
    assert "Not After : Nov 22 12:00:00 2027 GMT" in text
    assert f"serial={entry.serial}\n" in text
    assert f"Fingerprint={entry.sha1}\n" in text.replace(":", "")
    assert entry.not_after == "2027-11-22T12:00:00Z"
    assert entry.root_sha1 == root["sha1"]
    moment = str(int((NOW + DAY).timestamp()))
    for purpose in ("sslclient", "any"):
        openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-attime", moment, "-CAfile", root["certificate_path"],
            entry.certificate_path,
        )  # fmt: skip


def test_openssl_opens_the_pkcs12_in_its_old_form(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the true number of rounds
    entry = rooted.issue("mac-01").entries["mac-01"]
    told = openssl("pkcs12", "-legacy", "-info", "-in", entry.pkcs12_path, "-passin", f"pass:{PASSWORD}", "-nodes")
    assert "MAC: sha1, Iteration 2048" in told
    assert told.count("pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048") == 2
    assert told.count("-----BEGIN CERTIFICATE-----") == told.count("-----BEGIN PRIVATE KEY-----") == 1
    assert f"friendlyName: mac-01 {entry.serial}" in told
    certificate = told[told.index("-----BEGIN CERTIFICATE-----") :].split("-----END CERTIFICATE-----")[0]
    assert certificate in Path(entry.certificate_path).read_text()
    key = openssl("pkey", "-pubout", stdin=told[told.index("-----BEGIN PRIVATE KEY-----") :])
    assert key == openssl("x509", "-in", entry.certificate_path, "-noout", "-pubkey")


def test_asn1_says_the_same_of_the_algorithms(rooted: Pki) -> None:
    entry = rooted.issue("mac-01").entries["mac-01"]
    pfx = asn1_pkcs12.Pfx.load(Path(entry.pkcs12_path).read_bytes())
    assert pfx["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native == "sha1"
    used = []
    for part in pfx.authenticated_safe:
        if isinstance(part["content"], asn1_cms.EncryptedData):
            used.append(part["content"]["encrypted_content_info"]["content_encryption_algorithm"]["algorithm"].native)
        else:
            bags = asn1_pkcs12.SafeContents.load(part["content"].native)
            used += [bag["bag_value"]["encryption_algorithm"]["algorithm"].native for bag in bags]
    assert used == ["pkcs12_sha1_tripledes_3key"] * 2


def test_the_private_key_lies_in_the_pkcs12_alone(rooted: Pki) -> None:
    rooted.issue("mac-01")
    clear = {path: content for path, (_m, _t, content) in rooted.tree().items() if b"PRIVATE KEY" in content}
    assert [Path(path).name for path in clear] == ["root.key"]
    everything = b"".join(content for _m, _t, content in rooted.tree().values())
    for secret in (PASSPHRASE, PASSWORD):
        assert secret.encode() not in everything
        assert secret.encode("utf-16-be") not in everything


# -- when it is made, and when not


def test_check_then_run_then_run(rooted: Pki) -> None:
    before = rooted.tree()
    foreseen = rooted.issue("mac-01", "mac-02", check=True)
    assert rooted.tree() == before
    made = rooted.issue("mac-01", "mac-02")
    for name in ("mac-01", "mac-02"):
        expected, entry = foreseen.entries[name], made.entries[name]
        assert (entry.changed, entry.reason) == (True, "missing")
        assert (expected.sha1, expected.serial, expected.pkcs12_path) == ("", "", "")
        known = {field: getattr(entry, field) for field in ("sha1", "serial", "pkcs12_path", "certificate_path")}
        assert replace(expected, **known) == entry
    before = rooted.tree()
    for check in (False, True):
        again = rooted.issue("mac-02", "mac-01", check=check, passphrase=None)  # nothing to sign, no passphrase
        assert not again.changed
        assert again.entries == {n: replace(e, changed=False, reason="") for n, e in made.entries.items()}
        assert again.diff() == ({}, {})
    assert rooted.tree() == before


def test_check_mode_before_there_is_a_folder_or_a_root(pki: Pki) -> None:
    foreseen = pki.issue("mac-01", "bad name", check=True)
    assert foreseen.entries["mac-01"] == Entry(changed=True, reason="missing")
    assert foreseen.failures == ["bad name"]
    assert not pki.path.exists()
    with pytest.raises(UserVpnError, match="is no PKI folder yet; make one with root_certificate"):
        pki.issue("mac-01")
    with pytest.raises(UserVpnError, match="Set passphrase"):
        pki.issue("mac-01", check=True, passphrase=None)
    assert not pki.path.exists()


def reissued(pki: Pki, *items: Any, **settings: Any) -> str:
    """Why mac-01 is made anew; check mode and run agree, the next run does nothing, the ledger knows both."""
    ((old,),) = [pki.sql("SELECT sha1 FROM certificates WHERE state = 'issued' AND name = 'mac-01'")]
    foreseen = pki.issue(*items, check=True, **settings).entries["mac-01"]
    done = pki.issue(*items, **settings)
    entry = done.entries["mac-01"]
    assert (foreseen.changed, foreseen.reason, foreseen.not_after) == (entry.changed, entry.reason, entry.not_after)
    assert not pki.issue(*items, **settings).changed
    if entry.changed:
        assert entry.sha1 != old[0]
        assert [p.name for p in pki.path.glob("clients/mac-01/*.p12")] == [f"{entry.sha1}.p12"]
        states = dict(pki.sql("SELECT sha1, state FROM certificates WHERE kind = 'client' AND name = 'mac-01'"))
        assert (states[old[0]], states[entry.sha1]) == ("superseded", "issued")
        assert list(done.diff()[1]) == ["mac-01"]
        assert done.diff()[0]["mac-01"]["serial"] == done.before["mac-01"].serial
    else:
        assert entry.sha1 == old[0]
    return entry.reason


def test_reasons(rooted: Pki) -> None:
    rooted.issue("mac-01", "mac-02")
    assert reissued(rooted, "mac-01") == ""
    assert reissued(rooted, "mac-01", password="another") == "options_changed"
    assert reissued(rooted, "mac-01", password="another", valid_days=100, renew_before_days=5) == ""
    assert reissued(rooted, {"name": "mac-01", "pkcs12_password": "own"}) == "options_changed"
    assert reissued(rooted, {"name": "mac-01", "sans": ["vpn.example.com"]}) == "options_changed"
    assert reissued(rooted, "mac-01", key_size=3072) == "options_changed"
    assert reissued(rooted, "mac-01") == "options_changed"
    next(rooted.path.glob("clients/mac-01/*.p12")).write_bytes(b"spoilt")
    assert reissued(rooted, "mac-01") == "missing"
    next(rooted.path.glob("clients/mac-01/*.p12")).unlink()
    assert reissued(rooted, "mac-01") == "missing"
    rooted.root(generation=2)
    assert reissued(rooted, "mac-01") == "root_rotated"
    rooted.now = NOW + 400 * DAY
    assert reissued(rooted, "mac-01") == "expiring"
    assert not rooted.sql("SELECT * FROM certificates WHERE name = 'mac-02' AND state = 'superseded'")


def test_renewal_begins_on_time(rooted: Pki) -> None:
    rooted.issue("mac-01")
    rooted.now = NOW + 335 * DAY - timedelta(seconds=1)
    assert reissued(rooted, "mac-01") == ""
    rooted.now = NOW + 335 * DAY
    assert reissued(rooted, "mac-01") == "expiring"


def test_nothing_outlives_the_root_and_renewal_does_not_run_in_circles(pki: Pki) -> None:
    pki.root(valid_days=100)
    entry = pki.issue("mac-01").entries["mac-01"]
    assert entry.not_after == pki.root(valid_days=100).current["not_after"]
    pki.now = NOW + 90 * DAY
    assert reissued(pki, "mac-01") == ""  # a new one would end at the same moment
    pki.now = NOW + 100 * DAY
    for check in (False, True):
        with pytest.raises(UserVpnError, match="ended at 2027-03-02T12:00:00Z; make its successor"):
            pki.issue("mac-01", check=check)
    pki.root(generation=2)
    assert reissued(pki, "mac-01") == "root_rotated"


def test_a_lost_certificate_is_written_again_and_keeps_its_key(rooted: Pki) -> None:
    made = rooted.issue("mac-01").entries["mac-01"]
    content = Path(made.certificate_path).read_bytes()
    Path(made.certificate_path).unlink()
    assert rooted.issue("mac-01", check=True).entries["mac-01"].changed
    entry = rooted.issue("mac-01", passphrase=None).entries["mac-01"]
    assert entry == made
    assert Path(made.certificate_path).read_bytes() == content
    assert not rooted.issue("mac-01").changed


def test_the_generation_that_is_to_sign(rooted: Pki) -> None:
    rooted.issue("mac-01", generation=1)
    assert not rooted.issue("mac-01", generation=1).changed
    foreseen = rooted.issue("mac-01", generation=2, check=True)
    assert foreseen.entries["mac-01"].reason == "root_rotated"
    with pytest.raises(UserVpnError, match="has no current root of generation 2; make one with root_certificate"):
        rooted.issue("mac-01", generation=2)
    rooted.root(generation=2)
    assert rooted.issue("mac-01", generation=2).entries["mac-01"].reason == "root_rotated"
    for check in (False, True):
        with pytest.raises(UserVpnError, match="generation 2 already, not 1"):
            rooted.issue("mac-01", generation=1, check=check)


# -- what concerns all clients


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"password": None}, "PKCS#12 password is empty.*set pkcs12_password"),
        ({"password": ""}, "PKCS#12 password is empty"),
        ({"password": "pässword"}, "outside ASCII"),
        ({"password": "pass\nword"}, "outside ASCII"),
        ({"passphrase": "guess"}, "passphrase is wrong"),
        ({"passphrase": None}, "Set passphrase: 1 client certificates"),
        ({"valid_days": 0}, "valid_days"),
        ({"valid_days": 30}, "renew_before_days"),
        ({"renew_before_days": -1}, "renew_before_days"),
        ({"key_size": 1024}, "key_size"),
    ],
)
def test_one_clear_sentence_and_nothing_written(rooted: Pki, settings: dict[str, Any], words: str) -> None:
    before = rooted.tree()
    for check in (True, False):
        with pytest.raises(UserVpnError, match=words) as caught:
            rooted.issue("mac-01", check=check, **settings)
        for secret in (settings.get("password"), settings.get("passphrase")):
            assert not secret or secret not in str(caught.value)
    assert rooted.tree() == before


def test_an_openssl_without_the_old_form_is_noticed_at_once(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> bytes:
        raise UnsupportedAlgorithm("PBESv1SHA1And3KeyTripleDESCBC is not supported")

    monkeypatch.setattr(pkcs12.pkcs12, "serialize_key_and_certificates", refuse)
    before = rooted.tree()
    with pytest.raises(UserVpnError, match=r"FIPS build.*ordinary OpenSSL"):
        rooted.issue("mac-01", make_key=lambda _size: pytest.fail("a key was made first"))
    assert rooted.tree() == before


def test_without_cryptography(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_VERSION", "0")
    for attempt in (pki.root, lambda: pki.issue("mac-01"), lambda: pki.end("mac-01"), lambda: pki.retire(1)):
        with pytest.raises(UserVpnError, match="pip install 'cryptography>=42'"):
            attempt()


def test_a_full_disk_stops_the_run_and_the_next_one_converges(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    rooted.issue("mac-01")
    with monkeypatch.context() as patch:

        def full(*_arguments: Any) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("os.fsync", full)
        with pytest.raises(Exception, match="No space left on device"):
            rooted.issue("mac-01", "mac-02", password="another")
    assert not rooted.issue("mac-01").changed
    assert rooted.issue("mac-01", "mac-02", password="another").changed
    assert not rooted.issue("mac-01", "mac-02", password="another").changed


# -- in bulk


def test_many_at_once_use_all_cores_and_tell(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "SAY_EVERY", 0.0)
    monkeypatch.setattr(clients, "BATCH_SECONDS", 0.001)
    monkeypatch.setattr(clients, "_cores", lambda: 3)
    together = threading.Barrier(3, timeout=10)

    def slow_key(_size: int) -> Any:
        together.wait()  # goes on only when three are at work
        return any_key()

    told: list[tuple[int, int]] = []
    names = [f"mac-{number:02}" for number in range(12)]
    outcome = clients.ensure_clients(
        rooted.folder,
        parse_clients(names),
        Settings(passphrase=PASSPHRASE, password=PASSWORD),
        now=NOW,
        make_key=slow_key,
        progress=lambda done, total: told.append((done, total)),
    )
    assert sorted(outcome.entries) == names
    assert len({entry.serial for entry in outcome.entries.values()}) == 12
    assert told == sorted(told)
    assert told[-1] == (12, 12)
    assert not rooted.issue(*names).changed


def test_the_root_key_is_opened_twice_at_most(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    load = x509_keys.load_key
    monkeypatch.setattr(x509_keys, "load_key", lambda *a, **k: opened.append(a) or load(*a, **k))
    rooted.issue(*(f"mac-{number}" for number in range(6)))
    assert len(opened) == 2  # before anything is written, and under the lock


def test_a_failing_key_generator_loses_nothing(rooted: Pki) -> None:
    count = iter(range(100))

    def fail_later(_size: int) -> Any:
        if next(count) == 3:
            raise MemoryError
        return any_key()

    with pytest.raises(MemoryError):
        rooted.issue(*(f"mac-{number}" for number in range(8)), make_key=fail_later)
    assert set(rooted.sql("SELECT state FROM certificates WHERE kind = 'client'")) <= {("issued",)}
    assert rooted.issue(*(f"mac-{number}" for number in range(8))).changed


def test_the_ledger_knows_everything(rooted: Pki) -> None:
    first = rooted.issue("mac-01").entries["mac-01"]
    second = rooted.issue("mac-01", password="another").entries["mac-01"]
    columns = "sha1, serial, subject, name, root_sha1, state, reason, not_after, options"
    assert rooted.sql(f"SELECT {columns} FROM certificates WHERE kind = 'client' ORDER BY id") == [
        (e.sha1, e.serial, "CN=mac-01", "mac-01", e.root_sha1, state, why, e.not_after, json.dumps(made_of))
        for e, state, why, made_of in (
            (first, "superseded", "missing", {"key_size": 2048, "sans": []}),
            (second, "issued", "options_changed", {"key_size": 2048, "sans": []}),
        )
    ]
    assert rooted.sql("SELECT time, what, reason FROM events WHERE sha1 = ? ORDER BY id", first.sha1) == [
        ("2026-11-22T12:00:00Z", "intended", "missing"),
        ("2026-11-22T12:00:00Z", "issued", "missing"),
        ("2026-11-22T12:00:00Z", "superseded", "options_changed"),
        ("2026-11-22T12:00:00Z", "key_destroyed", "superseded"),
    ]
    for entry in (first, second):  # every certificate ever issued can still be shown to an auditor
        sha256 = openssl("x509", "-in", entry.certificate_path, "-noout", "-fingerprint", "-sha256")
        ((known,),) = rooted.sql("SELECT sha256 FROM certificates WHERE sha1 = ?", entry.sha1)
        assert known in sha256.replace(":", "")


# -- revoked, absent


def test_revoking_covers_all_that_is_still_valid(rooted: Pki) -> None:
    old = rooted.issue("mac-01", "mac-02").entries["mac-01"]
    new = rooted.issue("mac-01", password="another").entries["mac-01"]
    before = rooted.tree()
    foreseen = rooted.end("mac-01", check=True)
    assert rooted.tree() == before
    done = rooted.end("mac-01")
    assert done == foreseen
    assert (done.entries["mac-01"].changed, done.entries["mac-01"].reason) == (True, "revoked")
    assert [r["sha1"] for r in done.revoked] == sorted([old.sha1, new.sha1])
    assert not Path(new.pkcs12_path).exists()
    assert Path(new.certificate_path).exists()
    again = rooted.end("mac-01")
    assert (again.changed, again.revoked) == (False, done.revoked)
    assert again.entries["mac-01"].sha1 == new.sha1
    assert rooted.issue("mac-02").revoked == done.revoked  # whoever is named
    back = rooted.issue("mac-01")
    assert back.entries["mac-01"].reason == "revoked"
    assert back.revoked == done.revoked  # the old ones stay refused
    assert not rooted.issue("mac-01").changed
    rooted.now = NOW + 366 * DAY
    assert rooted.issue("mac-01", check=True).revoked == []


def test_removing_is_not_revoking(rooted: Pki) -> None:
    entry = rooted.issue("mac-01").entries["mac-01"]
    foreseen = rooted.end("mac-01", state="removed", check=True)
    done = rooted.end("mac-01", state="removed")
    assert done == foreseen
    assert done.entries["mac-01"].reason == "removed"
    assert done.revoked == []
    assert not Path(entry.pkcs12_path).exists()
    assert not rooted.end("mac-01", "mac-unknown", state="removed").changed
    assert rooted.end("mac-01").revoked[0]["sha1"] == entry.sha1  # it can still be revoked
    assert rooted.issue("mac-01").entries["mac-01"].reason == "revoked"
    rooted.end("mac-01", state="removed")
    assert rooted.issue("mac-01").entries["mac-01"].reason == "missing"


@pytest.mark.parametrize("state", ["revoked", "removed"])
def test_a_key_that_a_killed_run_should_have_destroyed(
    rooted: Pki, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    key = Path(rooted.issue("mac-01", "mac-02").entries["mac-01"].pkcs12_path)

    def killed(*_unused: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ending, "destroy", killed)
        with pytest.raises(KeyboardInterrupt):
            rooted.end("mac-01", state=state)
    assert key.exists()
    assert not rooted.end("mac-03", state="removed").changed
    predicted = rooted.end("mac-01", state=state, check=True)
    done = rooted.end("mac-01", state=state)
    assert predicted.entries == done.entries
    assert (done.entries["mac-01"].changed, done.entries["mac-01"].reason) == (True, state)
    assert not key.exists()
    assert not rooted.end("mac-01", state=state).changed
    assert rooted.sql("SELECT what FROM events ORDER BY id DESC LIMIT 1") == [("key_destroyed",)]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("mac-O1", "no client 'mac-O1' (the nearest known are mac-01, mac-02)"),
        ("MAC-01", "no client 'MAC-01' (the nearest known are mac-01, mac-02)"),
        ("mac-01.fritz.box", "no client 'mac-01.fritz.box' (the nearest known are mac-01)"),
        ("laptop", "no client 'laptop' (the nearest known are mac-02 on laptop-7)"),
        ("\u200emac-01", "no client '\\u200emac-01' (the nearest known are mac-01, mac-02)"),
        ("gone", "no client 'gone' (no known name is like it)"),
        ("AB CD" * 9, "(if it is to be a thumbprint, SHA-1 has 40 hex digits)"),
        ("x" * 100_000, "(no known name is like it)"),
        ("", "no client '' (no known name is like it)"),
    ],
)
def test_a_misspelt_name_is_not_taken_for_revoked(rooted: Pki, asked: str, words: str) -> None:
    clients = rooted.issue("mac-01", "mac-02").entries
    rooted.seen("laptop-7", clients["mac-02"].sha1)
    before = rooted.tree()
    for check in (True, False):
        with pytest.raises(UserVpnError) as error:
            rooted.end("mac-01", asked, check=check, thumbprints=[clients["mac-02"].sha1])
        assert words in str(error.value)
        assert str(error.value).startswith("Nobody was revoked")
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 500
        removed = rooted.end(asked, state="removed", check=check)
        assert not removed.changed
        assert [warning for warning in removed.warnings if words in warning]
    assert rooted.tree() == before


def test_where_nothing_was_issued_nobody_is_revoked(pki: Pki) -> None:
    for check in (True, False):
        with pytest.raises(UserVpnError, match=r"^Nobody was revoked: .* is no PKI folder; name the one"):
            pki.end("mac-01", check=check)
    assert not pki.path.exists()


def test_many_misspelt_names_are_one_sentence(rooted: Pki) -> None:
    rooted.issue("mac-01")
    with pytest.raises(UserVpnError, match=r"no client 'x10' \(.*\), none of 97 others\.$"):
        rooted.end(*(f"x{number}" for number in range(100)))
