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
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import identities
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.plan import Entry
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.report import tell
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import Store, writing
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import errors, pkcs12
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, NOW, PASSPHRASE, Pki, any_key, openssl

pytestmark = pytest.mark.usefixtures("quick")


# -- what is in an identity


def test_what_openssl_sees_of_the_certificate(rooted: Pki, tmp_path: Path) -> None:
    root = rooted.root().current
    entry = rooted.issue({"name": "mac-01", "sans": ["mac-01.example.com"]}).entries["mac-01"]
    pem = rooted.pem(entry.sha1)
    text = openssl("x509", "-noout", "-text", "-serial", "-fingerprint", "-sha1", stdin=pem)
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
    (tmp_path / "root.pem").write_text(rooted.pem(root["sha1"]))
    for purpose in ("sslclient", "any"):
        openssl(
            "verify", "-x509_strict", "-purpose", purpose, "-attime", moment, "-CAfile", tmp_path / "root.pem",
            stdin=pem,
        )  # fmt: skip


def test_openssl_opens_the_pkcs12_in_its_old_form(rooted: Pki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()  # the true cost of passwords
    rooted = Pki(str(tmp_path / "true.db"))
    rooted.root()
    entry = rooted.issue("mac-01").entries["mac-01"]
    issued = rooted.identity("mac-01")
    assert issued.identity
    (tmp_path / "mac-01.p12").write_bytes(issued.identity.pkcs12)
    password = issued.identity.password
    told = openssl(
        "pkcs12", "-legacy", "-info", "-in", tmp_path / "mac-01.p12", "-passin", f"pass:{password}", "-nodes"
    )
    assert "MAC: sha1, Iteration 2048" in told
    assert told.count("pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048") == 2
    assert told.count("-----BEGIN CERTIFICATE-----") == told.count("-----BEGIN PRIVATE KEY-----") == 1
    assert f"friendlyName: mac-01 {entry.serial}" in told
    certificate = told[told.index("-----BEGIN CERTIFICATE-----") :].split("-----END CERTIFICATE-----")[0]
    assert certificate in issued.pem.decode()
    key = openssl("pkey", "-pubout", stdin=told[told.index("-----BEGIN PRIVATE KEY-----") :])
    assert key == openssl("x509", "-noout", "-pubkey", stdin=issued.pem)


def test_asn1_says_the_same_of_the_algorithms(rooted: Pki) -> None:
    rooted.issue("mac-01")
    identity = rooted.identity("mac-01").identity
    assert identity
    pfx = asn1_pkcs12.Pfx.load(identity.pkcs12)
    assert pfx["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native == "sha1"
    used = []
    for part in pfx.authenticated_safe:
        if isinstance(part["content"], asn1_cms.EncryptedData):
            used.append(part["content"]["encrypted_content_info"]["content_encryption_algorithm"]["algorithm"].native)
        else:
            bags = asn1_pkcs12.SafeContents.load(part["content"].native)
            used += [bag["bag_value"]["encryption_algorithm"]["algorithm"].native for bag in bags]
    assert used == ["pkcs12_sha1_tripledes_3key"] * 2


def test_no_private_key_and_no_password_lies_in_the_database_in_clear(rooted: Pki) -> None:
    rooted.issue("mac-01", "mac-02")
    passwords = [rooted.identity(name).identity.password for name in ("mac-01", "mac-02")]  # type: ignore[union-attr]
    assert len(set(passwords)) == 2
    everything = repr(rooted.content())
    assert "mac-01" in everything
    for secret in (PASSPHRASE, *passwords, "PRIVATE KEY"):
        assert secret not in everything
        assert repr(secret.encode())[2:-1] not in everything
    for key in (any_key() for _unused in range(3)):
        prime = key.private_numbers().p.to_bytes(128, "big")
        assert repr(prime)[2:-1] not in everything


# -- when it is made, and when not


def test_check_then_run_then_run(rooted: Pki) -> None:
    before = rooted.content()
    foreseen = rooted.issue("mac-01", "mac-02", check=True)
    assert rooted.content() == before
    made = rooted.issue("mac-01", "mac-02")
    for name in ("mac-01", "mac-02"):
        expected, entry = foreseen.entries[name], made.entries[name]
        assert (entry.changed, entry.reason) == (True, "missing")
        assert (expected.sha1, expected.serial) == ("", "")
        assert replace(expected, sha1=entry.sha1, serial=entry.serial) == entry
    before = rooted.content()
    for check in (False, True):
        again = rooted.issue("mac-02", "mac-01", check=check, means={"passphrase": None})  # nothing to sign
        assert not again.changed
        assert again.entries == {n: replace(e, changed=False, reason="") for n, e in made.entries.items()}
        assert again.diff() == ({}, {})
    assert rooted.content() == before


def test_check_mode_before_there_is_a_store_or_a_root(pki: Pki) -> None:
    foreseen = pki.issue("mac-01", "bad name", check=True)
    assert foreseen.entries["mac-01"] == Entry(changed=True, reason="missing", common_name="mac-01")
    assert foreseen.failures == ["bad name"]
    with pytest.raises(PkiError, match="has no current root; make one with root_certificate"):
        pki.issue("mac-01")
    with pytest.raises(PkiError, match="Set passphrase"):
        pki.issue("mac-01", check=True, means={"passphrase": None})
    assert not pki.exists


def reissued(pki: Pki, *items: Any, **settings: Any) -> str:
    """Why mac-01 is made anew; check mode and run agree, the next run does nothing, the store knows both."""
    old = next(c.sha1 for c in pki.certificates("mac-01") if c.state == "issued")
    foreseen = pki.issue(*items, check=True, **settings).entries["mac-01"]
    done = pki.issue(*items, **settings)
    entry = done.entries["mac-01"]
    assert (foreseen.changed, foreseen.reason, foreseen.not_after) == (entry.changed, entry.reason, entry.not_after)
    assert not pki.issue(*items, **settings).changed
    if entry.changed:
        assert entry.sha1 != old
        found = {c.sha1: (c.state, c.has_key) for c in pki.certificates("mac-01")}
        assert (found[old], found[entry.sha1]) == (("superseded", False), ("issued", True))
        assert list(done.diff()[1]) == ["mac-01"]
        assert done.diff()[0]["mac-01"]["serial"] == done.before["mac-01"].serial
    else:
        assert entry.sha1 == old
    return entry.reason


def test_reasons(rooted: Pki) -> None:
    rooted.issue("mac-01", "mac-02")
    assert reissued(rooted, "mac-01") == ""
    assert reissued(rooted, {"name": "mac-01", "sans": ["b.example.com"]}) == "options_changed"
    assert reissued(rooted, {"name": "mac-01", "sans": ["b.example.com"]}, valid_days=300) == ""
    assert reissued(rooted, "mac-01") == "options_changed"
    assert reissued(rooted, "mac-01", key_size=3072) == "options_changed"
    rooted.root(generation=2)
    assert reissued(rooted, "mac-01", key_size=3072) == "root_rotated"
    rooted.now = NOW + 400 * DAY
    assert reissued(rooted, "mac-01", key_size=3072) == "expiring"
    assert "superseded" not in rooted.states("mac-02")


@pytest.mark.parametrize(
    ("client", "subject", "alternative"),
    [
        ({"common_name": "mac-01@red.example.com"}, "CN = mac-01@red.example.com", "DNS:mac-01"),
        ({"common_name": "RED\\mac-01"}, "CN = RED\\\\mac-01", "DNS:mac-01"),
        ({"common_name": "mac-01@red.com", "san_type": "email"}, "CN = mac-01@red.com", "email:mac-01@red.com"),
        ({"name": "192.0.2.17"}, "CN = 192.0.2.17", "IP Address:192.0.2.17"),
        ({"sans": ["192.0.2.18", "b.com"]}, "CN = mac-01", "DNS:mac-01, IP Address:192.0.2.18, DNS:b.com"),
    ],
)
def test_names_in_a_certificate_as_openssl_sees_them(
    rooted: Pki, client: dict[str, Any], subject: str, alternative: str
) -> None:
    entry = rooted.issue({"name": "mac-01"} | client).entries[client.get("name", "mac-01")]
    text = openssl("x509", "-noout", "-subject", "-ext", "subjectAltName", stdin=rooted.pem(entry.sha1))
    assert subject.replace(" ", "") in text.replace(" ", "")
    assert f"\n    {alternative}\n" in text
    assert entry.common_name == client.get("common_name", client.get("name", "mac-01"))


def test_another_domain_is_a_reason_that_can_wait(rooted: Pki) -> None:
    """A changed domain issues anew what is there, the most urgent first, and not all at once."""
    names = ["mac-01", "mac-02", "mac-03"]

    def domain(text: str) -> list[dict[str, str]]:
        return [{"name": name, "common_name": f"{name}@{text}"} for name in names]

    rooted.issue(*names)
    before = rooted.issue(*names).entries
    foreseen = rooted.issue(*domain("red.com"), check=True, renew_batch=2)
    done = rooted.issue(*domain("red.com"), renew_batch=2)
    assert [entry["name"] for entry in done.deferred] == [entry["name"] for entry in foreseen.deferred] == ["mac-03"]
    assert {(e.reason, e.common_name) for n, e in done.entries.items() if n != "mac-03"} == {
        ("options_changed", "mac-01@red.com"),
        ("options_changed", "mac-02@red.com"),
    }
    assert done.entries["mac-03"] == before["mac-03"]
    assert done.diff()[0]["mac-01"]["common_name"] == "mac-01"
    assert done.diff()[1]["mac-01"]["common_name"] == "mac-01@red.com"
    assert list(rooted.issue(*domain("red.com"), renew_batch=2).diff()[1]) == ["mac-03"]
    assert not rooted.issue(*domain("red.com"), renew_batch=2).changed
    assert rooted.issue(*domain("blue.com")).entries["mac-02"].common_name == "mac-02@blue.com"


def test_who_is_revoked_by_a_common_name_is_named(rooted: Pki) -> None:
    """People call a client by its name; what stands in its certificate is not taken for another client's."""
    rooted.issue({"name": "mac-01", "common_name": "anna@red.com"}, "mac-02")
    with pytest.raises(PkiError, match=r"no client 'anna@red.com' \(that is the common name of mac-01\)"):
        rooted.end("anna@red.com")
    done = rooted.end("mac-01")
    assert done.entries["mac-01"].common_name == "anna@red.com"
    assert [entry["name"].partition(".")[0] for entry in done.to_refuse] == ["mac-01"]
    assert tell(rooted.place, now=rooted.now, clients=["anna@red.com"])["clients"].keys() == {"mac-01"}


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
        with pytest.raises(PkiError, match="ended at 2027-03-02T12:00:00Z; make its successor by raising generation"):
            pki.issue("mac-01", check=check)
    pki.root(generation=2)
    assert reissued(pki, "mac-01") == "root_rotated"


def test_the_generation_that_is_to_sign(rooted: Pki) -> None:
    rooted.issue("mac-01", generation=1)
    assert not rooted.issue("mac-01", generation=1).changed
    foreseen = rooted.issue("mac-01", generation=2, check=True)
    assert foreseen.entries["mac-01"].reason == "root_rotated"
    with pytest.raises(PkiError, match="has no current root of generation 2; make one with root_certificate"):
        rooted.issue("mac-01", generation=2)
    rooted.root(generation=2)
    assert rooted.issue("mac-01", generation=2).entries["mac-01"].reason == "root_rotated"
    for check in (False, True):
        with pytest.raises(PkiError, match="generation 2 already, not 1"):
            rooted.issue("mac-01", generation=1, check=check)


def test_options_that_go_back_and_forth_are_said(rooted: Pki) -> None:
    """Two inventories over one store ask for the same client with different options: each run issues it anew."""
    first, second = {"name": "mac-01", "sans": ["a.example.com"]}, "mac-01"
    assert rooted.issue(first).warnings == rooted.issue(second).warnings == []
    for item in (first, second):
        (warning,) = rooted.issue(item).warnings
        assert "mac-01" in warning
        assert "they take turns for ever" in warning


# -- what concerns all clients


@pytest.mark.parametrize(
    ("settings", "means", "words"),
    [
        ({}, {"passphrase": "wrong wrong wrong"}, "passphrase is not the one"),
        ({}, {"passphrase": None}, "Set passphrase"),
        ({}, {"passphrase": "short"}, "at least 12"),
        ({"valid_days": 0}, {}, "valid_days"),
        ({"valid_days": 30}, {}, "renew_before_days"),
        ({"renew_before_days": -1}, {}, "renew_before_days"),
        ({"renew_batch": -1}, {}, "renew_batch must be at least 0"),
    ],
)
def test_one_clear_sentence_and_nothing_written(
    rooted: Pki, settings: dict[str, Any], means: dict[str, Any], words: str
) -> None:
    before = rooted.content()
    for check in (True, False):
        with pytest.raises(UserVpnError, match=words) as caught:
            rooted.issue("mac-01", check=check, means={"new_key": _no_key} | means, **settings)
        assert not means.get("passphrase") or means["passphrase"] not in str(caught.value)
    assert rooted.content() == before


def _no_key(_size: int) -> Any:
    return pytest.fail("a key was made first")


def test_an_openssl_without_the_old_form_is_noticed_at_once(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> bytes:
        raise UnsupportedAlgorithm("PBESv1SHA1And3KeyTripleDESCBC is not supported")

    monkeypatch.setattr(pkcs12.pkcs12, "serialize_key_and_certificates", refuse)
    before = rooted.content()
    with pytest.raises(UserVpnError, match=r"FIPS build.*ordinary OpenSSL"):
        rooted.issue("mac-01", means={"new_key": _no_key})
    assert rooted.content() == before


def test_without_cryptography(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_VERSION", "0")
    for attempt in (pki.root, lambda: pki.issue("mac-01"), lambda: pki.retire(1)):
        with pytest.raises(UserVpnError, match="pip install 'cryptography>=43'"):
            attempt()


def test_revoking_needs_no_cryptography(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    rooted.issue("mac-01")
    monkeypatch.setattr(errors, "_VERSION", "0")
    assert rooted.end("mac-01").changed


# -- in bulk


def test_one_new_client_is_a_change(rooted: Pki) -> None:
    rooted.issue("mac-01")
    assert rooted.issue("mac-01", "mac-02", check=True).changed
    assert rooted.issue("mac-01", "mac-02").changed
    assert not rooted.issue("mac-01", "mac-02").changed


def test_many_at_once_use_all_cores_and_tell(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "SAY_EVERY", 0.0)
    monkeypatch.setattr(identities, "_cores", lambda: 3)
    together = threading.Barrier(3, timeout=10)

    def slow_key(_size: int) -> Any:
        together.wait()  # goes on only when three are at work
        return any_key()

    told: list[tuple[int, int]] = []
    names = [f"mac-{number:02}" for number in range(12)]
    outcome = rooted.issue(
        *names, means={"new_key": slow_key, "progress": lambda done, total: told.append((done, total))}
    )
    assert sorted(outcome.entries) == names
    assert len({entry.serial for entry in outcome.entries.values()}) == 12
    assert told == sorted(told)
    assert told[-1] == (12, 12)
    assert not rooted.issue(*names).changed


def test_a_failing_key_generator_loses_nothing(rooted: Pki) -> None:
    count = iter(range(100))

    def fail_later(_size: int) -> Any:
        if next(count) == 3:
            raise MemoryError
        return any_key()

    before = rooted.content()
    with pytest.raises(MemoryError):
        rooted.issue(*(f"mac-{number}" for number in range(8)), means={"new_key": fail_later})
    assert rooted.content() == before
    assert rooted.issue(*(f"mac-{number}" for number in range(8))).changed


def test_what_one_call_issues_is_one_transaction(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    rooted.issue("mac-01")
    before = rooted.content()
    with monkeypatch.context() as patch:
        issue = Store.issue

        def killed(store: Store, issuances: Any) -> None:
            issue(store, issuances)
            raise KeyboardInterrupt

        patch.setattr(Store, "issue", killed)
        with pytest.raises(KeyboardInterrupt):
            rooted.issue({"name": "mac-01", "sans": ["x.example.com"]}, "mac-02", "mac-03")
    assert rooted.content() == before


def test_what_somebody_else_writes_meanwhile_is_respected(rooted: Pki) -> None:
    """While our keys are made, another run issues one of our clients, revokes one, and raises the generation."""
    rooted.issue("mac-02")
    other = Pki(rooted.option)
    done: list[str] = []

    def meanwhile(_size: int) -> Any:
        if not done:
            done.append("now")
            other.issue("mac-01")
            other.end("mac-02")
            other.root(generation=2)
        return any_key()

    outcome = rooted.issue(
        "mac-01", {"name": "mac-02", "sans": ["x.example.com"]}, "mac-03", means={"new_key": meanwhile}
    )
    assert [outcome.entries[name].reason for name in ("mac-01", "mac-03")] == ["root_rotated", "missing"]
    assert outcome.failures == ["mac-02"]
    assert "was revoked at" in outcome.entries["mac-02"].msg
    assert rooted.states("mac-02") == ["revoked"]
    (second,) = [c.sha1 for c in rooted.certificates() if c.kind == "root" and c.generation == 2]
    assert {c.root_sha1 for c in rooted.certificates() if c.kind == "client" and c.state == "issued"} == {second}
    assert not rooted.issue("mac-01", "mac-03").changed


def test_the_same_client_is_issued_once_though_two_want_it(rooted: Pki) -> None:
    other = Pki(rooted.option)
    done: list[str] = []

    def meanwhile(_size: int) -> Any:
        if not done:
            done.append("now")
            other.issue("mac-01")
        return any_key()

    outcome = rooted.issue("mac-01", means={"new_key": meanwhile})
    assert (outcome.changed, outcome.entries["mac-01"].changed) == (False, False)
    assert rooted.states("mac-01") == ["issued"]


def test_the_store_knows_everything(rooted: Pki, tmp_path: Path) -> None:
    first = rooted.issue("mac-01").entries["mac-01"]
    second = rooted.issue({"name": "mac-01", "sans": ["x.example.com"]}).entries["mac-01"]
    columns = "sha1, serial, subject, name, common_name, root_sha1, state, reason, origin, not_after, options"
    assert rooted.sql(f"SELECT {columns} FROM certificates WHERE kind = 'client' ORDER BY id") == [
        (
            e.sha1, e.serial, "CN=mac-01", "mac-01", "mac-01", e.root_sha1, state, why, "made", e.not_after,
            json.dumps({"key_size": 2048, "common_name": "mac-01", "names": names}),
        )
        for e, state, why, names in (
            (first, "superseded", "missing", ["mac-01"]),
            (second, "issued", "options_changed", ["mac-01", "x.example.com"]),
        )
    ]  # fmt: skip
    assert rooted.sql("SELECT time, client, what, reason FROM events WHERE sha1 = ? ORDER BY id", first.sha1) == [
        ("2026-11-22T12:00:00Z", "mac-01", "issued", "missing"),
        ("2026-11-22T12:00:00Z", "mac-01", "superseded", "options_changed"),
    ]
    for entry in (first, second):  # every certificate ever issued can still be shown to an auditor
        told = openssl("x509", "-noout", "-fingerprint", "-sha256", stdin=rooted.pem(entry.sha1))
        ((sha256, key),) = rooted.sql("SELECT sha256, public_key_sha256 FROM certificates WHERE sha1 = ?", entry.sha1)
        assert sha256 in told.replace(":", "")
        public = tmp_path / f"{entry.sha1}.der"
        spki = openssl("x509", "-noout", "-pubkey", stdin=rooted.pem(entry.sha1))
        openssl("pkey", "-pubin", "-outform", "DER", "-out", public, stdin=spki)
        assert key.lower() in openssl("dgst", "-sha256", public)


# -- revoked, absent


def test_revoking_covers_all_that_is_still_valid(rooted: Pki) -> None:
    old = rooted.issue("mac-01", "mac-02").entries["mac-01"]
    new = rooted.issue({"name": "mac-01", "sans": ["x.example.com"]}).entries["mac-01"]
    before = rooted.content()
    foreseen = rooted.end("mac-01", check=True)
    assert rooted.content() == before
    done = rooted.end("mac-01")
    assert done == foreseen
    assert (done.entries["mac-01"].changed, done.entries["mac-01"].reason) == (True, "revoked")
    assert [r["sha1"] for r in done.revoked] == sorted([old.sha1, new.sha1])
    assert done.to_refuse == [
        {"name": f"mac-01.revoked-{sha1[:8]}", "thumbprint": sha1} for sha1 in sorted([old.sha1, new.sha1])
    ]
    assert not any(c.has_key for c in rooted.certificates("mac-01"))
    assert rooted.pem(new.sha1)
    again = rooted.end("mac-01")
    assert (again.changed, again.revoked) == (False, done.revoked)
    assert again.entries["mac-01"].sha1 == new.sha1
    assert rooted.issue("mac-02").revoked == done.revoked  # whoever is named
    rooted.now = NOW + 366 * DAY
    assert rooted.issue("mac-02", check=True).revoked == []


def test_revoked_stays_revoked_until_it_is_let_in_again(rooted: Pki) -> None:
    rooted.issue("mac-01", "mac-02")
    refused = rooted.end("mac-01", why="left in a train").revoked
    rooted.now += DAY
    before = rooted.content()
    for check in (True, False):
        outcome = rooted.issue("mac-01", "mac-02", check=check)
        assert (outcome.changed, outcome.failures) == (False, ["mac-01"])
        assert outcome.entries["mac-01"].msg == (
            "mac-01 was revoked at 2026-11-22T12:00:00Z: left in a train. It gets no new identity, unless readmit "
            "names mac-01."
        )
    assert rooted.content() == before
    readmit = frozenset({"mac-01", "nobody"})
    foreseen = rooted.issue("mac-01", readmit=readmit, check=True)
    assert rooted.content() == before
    back = rooted.issue("mac-01", readmit=readmit)
    for entry in (foreseen.entries["mac-01"], back.entries["mac-01"]):
        assert (entry.changed, entry.reason) == (True, "readmitted")
    assert back.revoked == refused  # the old ones stay refused
    assert rooted.sql("SELECT time, client FROM events WHERE what = 'readmitted'") == [
        ("2026-11-23T12:00:00Z", "mac-01")
    ]
    assert not rooted.issue("mac-01").changed
    rooted.end("mac-01")  # in the same second as it was let in
    assert rooted.issue("mac-01").failures == ["mac-01"]
    rooted.now += DAY
    assert rooted.issue("mac-01", readmit=readmit).entries["mac-01"].reason == "readmitted"
    assert rooted.states("mac-01") == ["revoked", "revoked", "issued"]


def test_removing_is_not_revoking(rooted: Pki) -> None:
    entry = rooted.issue("mac-01").entries["mac-01"]
    foreseen = rooted.end("mac-01", state="removed", check=True)
    done = rooted.end("mac-01", state="removed")
    assert done == foreseen
    assert done.entries["mac-01"].reason == "removed"
    assert (done.revoked, done.to_refuse) == ([], [])
    assert not any(c.has_key for c in rooted.certificates("mac-01"))
    assert not rooted.end("mac-01", "mac-unknown", state="removed").changed
    assert rooted.issue("mac-01").entries["mac-01"].reason == "missing"
    rooted.end("mac-01", state="removed")
    assert sorted(c["sha1"] for c in rooted.end("mac-01").revoked) != [entry.sha1]  # both can still be revoked
    assert rooted.issue("mac-01").failures == ["mac-01"]
    rooted.end("mac-01", state="removed")
    assert rooted.issue("mac-01").failures == ["mac-01"]


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
    before = rooted.content()
    for check in (True, False):
        with pytest.raises(PkiError) as error:
            rooted.end("mac-01", asked, check=check, thumbprints=[clients["mac-02"].sha1])
        assert words in str(error.value)
        assert str(error.value).startswith("Nobody was revoked")
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 500
        removed = rooted.end(asked, state="removed", check=check)
        assert not removed.changed
        assert [warning for warning in removed.warnings if words in warning]
    assert rooted.content() == before


def test_where_nothing_was_issued_nobody_is_revoked(pki: Pki) -> None:
    for check in (True, False):
        with pytest.raises(UserVpnError, match=r"^Nobody was revoked: there is no store at .*; name the one"):
            pki.end("mac-01", check=check)
    assert not pki.exists


def test_many_misspelt_names_are_one_sentence(rooted: Pki) -> None:
    rooted.issue("mac-01")
    with pytest.raises(PkiError, match=r"no client 'x10' \(.*\), none of 97 others\.$"):
        rooted.end(*(f"x{number}" for number in range(100)))


# -- thumbprints


@pytest.mark.parametrize(
    ("thumbprint", "words"),
    [("AB" * 20, "knows no client certificate"), ("AB" * 32, "40 hex digits"), ("", "40 hex digits")],
)
def test_thumbprints_that_mean_nothing(rooted: Pki, thumbprint: str, words: str) -> None:
    for check in (True, False):
        with pytest.raises(UserVpnError, match=words):
            rooted.end(thumbprints=[thumbprint], check=check)


def test_the_current_certificate_by_its_thumbprint_revokes_its_client(rooted: Pki) -> None:
    entry = rooted.issue("mac-01").entries["mac-01"]
    done = rooted.end(thumbprints=[f"\u200e{entry.sha1.lower()}"], why="stolen in Rome")
    assert done.to_refuse == [{"name": f"mac-01.revoked-{entry.sha1[:8]}", "thumbprint": entry.sha1}]
    assert not rooted.certificates("mac-01")[0].has_key
    assert "stolen in Rome" in rooted.issue("mac-01").entries["mac-01"].msg


def test_the_old_certificate_may_be_revoked_once_the_new_one_is_on_the_mac(rooted: Pki) -> None:
    first = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", first)
    rooted.now += 2 * DAY
    outcome = rooted.issue("mac-01", renew_before_days=364)
    second = outcome.entries["mac-01"].sha1
    assert outcome.revocable == []
    rooted.seen("mac-01", second, "pending_approval", shown_uuid=f"UUID-{first[:8]}")
    assert rooted.issue("mac-01").revocable == []
    rooted.seen("mac-01", second)
    assert [entry["sha1"] for entry in rooted.issue("mac-01").revocable] == [first]
    assert rooted.issue("mac-02").revocable == []

    foreseen = rooted.end(thumbprints=[first.lower()], why="superseded", check=True)
    done = rooted.end(thumbprints=[":".join(first[i : i + 2] for i in range(0, 40, 2))], why="superseded")
    assert done == foreseen
    assert (done.changed, done.entries["mac-01"].sha1) == (True, first)
    assert done.to_refuse == [{"name": f"mac-01.superseded-{first[:8]}", "thumbprint": first}]
    assert not rooted.end(thumbprints=[first]).changed
    again = rooted.issue("mac-01")
    assert (again.changed, again.entries["mac-01"].sha1, again.revocable) == (False, second, [])


# -- batches


def test_the_most_urgent_renewals_first(rooted: Pki) -> None:
    for number in range(5):
        rooted.issue(f"mac-{number}")
        rooted.now += DAY
    names = [f"mac-{number}" for number in range(5)]
    early = {"renew_before_days": 364, "renew_batch": 2}
    foreseen = rooted.issue(*names, "new", check=True, **early)
    done = rooted.issue(*names, "new", **early)
    for outcome in (foreseen, done):
        assert {n for n, e in outcome.entries.items() if e.changed} == {"mac-0", "mac-1", "new"}
        assert [(d["name"], d["reason"]) for d in outcome.deferred] == [
            ("mac-2", "expiring"), ("mac-3", "expiring"), ("mac-4", "expiring"),
        ]  # fmt: skip
        assert all(outcome.entries[name].sha1 for name in ("mac-2", "mac-3", "mac-4"))
    assert {n for n, e in rooted.issue(*names, **early).entries.items() if e.changed} == {"mac-2", "mac-3"}
    assert {n for n, e in rooted.issue(*names, **early).entries.items() if e.changed} == {"mac-4"}
    assert not rooted.issue(*names, **early).changed


def test_who_has_no_working_identity_is_never_put_off(rooted: Pki) -> None:
    rooted.issue("a", "b", "c")
    rooted.end("a", state="removed")
    rooted.root(generation=2)
    assert {n for n, e in rooted.issue("a", "b", "c", renew_batch=1).entries.items() if e.changed} == {"a", "b"}
    rooted.retire(1, force=True)  # nobody trusts the root of c any more
    assert rooted.issue("a", "b", "c", renew_batch=1, defer=frozenset({"c"})).entries["c"].changed
    rooted.now += 400 * DAY
    assert rooted.issue("a", "b", "c", renew_batch=1).deferred == []


# -- one client, one Mac


def test_two_macs_with_one_identity_get_no_other(rooted: Pki) -> None:
    sha1 = rooted.issue("mac-01", "mac-02").entries["mac-01"].sha1
    rooted.seen("office", sha1, serial_number="C02OFFICE")
    rooted.seen("home", sha1, serial_number="C02HOME")
    quiet = rooted.issue("mac-01", "mac-02")
    assert (quiet.changed, quiet.failures) == (False, [])
    (warning,) = quiet.warnings
    assert "2 Macs have the identity of mac-01: C02HOME (seen as home), C02OFFICE (seen as office)" in warning
    rooted.now += 340 * DAY
    for check in (True, False):
        outcome = rooted.issue("mac-01", "mac-02", check=check)
        assert outcome.failures == ["mac-01"]
        assert "with the state forgotten of the module ledger" in outcome.entries["mac-01"].msg
    assert rooted.states("mac-01") == ["issued"]
    assert rooted.states("mac-02") == ["superseded", "issued"]


def test_a_serial_number_that_is_told_counts_at_once(rooted: Pki) -> None:
    sha1 = rooted.issue({"name": "mac-01", "serial_number": "C02OLD"}).entries["mac-01"].sha1
    rooted.seen("mac-01", sha1, serial_number="C02OLD")
    assert rooted.issue({"name": "mac-01", "serial_number": "C02OLD"}).warnings == []
    assert "C02NEW (named in clients)" in rooted.issue({"name": "mac-01", "serial_number": "C02NEW"}).warnings[0]
    rooted.now += 340 * DAY
    assert rooted.issue({"name": "mac-01", "serial_number": "C02NEW"}).failures == ["mac-01"]
    assert rooted.issue({"name": "mac-01", "serial_number": "C02OLD"}).entries["mac-01"].changed


def test_what_is_supplied_is_looked_at_before_there_is_a_root(pki: Pki, tmp_path: Path) -> None:
    """In check mode the root has only been predicted."""
    theirs = Pki(str(tmp_path / "theirs.db"))
    theirs.root()
    export = identities.Export(tmp_path, "by-hand-7")
    supplied = theirs.issue("mac-01", means={"export": export}).entries["mac-01"]
    source = {"pkcs12_source": supplied.pkcs12_path, "source_password": "by-hand-7"}
    foreseen = pki.issue({"name": "mac-01", **source}, {"name": "mac-02", **source}, "mac-03", check=True)
    assert foreseen.entries["mac-01"].sha1 == supplied.sha1
    assert foreseen.failures == ["mac-02"]
    assert "is not that of 'mac-02'" in foreseen.entries["mac-02"].msg
    assert (foreseen.entries["mac-03"].changed, foreseen.entries["mac-03"].sha1) == (True, "")
    assert not pki.exists


# -- files for people


def test_an_export_is_what_is_current_and_is_not_written_again(rooted: Pki, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export = {"export": identities.Export(folder, "by-hand-7")}
    foreseen = rooted.issue("mac-01", means=export, check=True)
    assert not folder.exists()
    entry = rooted.issue("mac-01", means=export).entries["mac-01"]
    assert (entry.pkcs12_path, entry.certificate_path) == (str(folder / "mac-01.p12"), str(folder / "mac-01.cer"))
    assert foreseen.entries["mac-01"] == replace(entry, sha1="", serial="")
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "mac-01.p12": 0o600, "mac-01.cer": 0o600,
    }  # fmt: skip
    assert folder.stat().st_mode & 0o777 == 0o700
    told = openssl("pkcs12", "-legacy", "-in", folder / "mac-01.p12", "-passin", "pass:by-hand-7", "-nodes")
    assert "PRIVATE KEY" in told
    assert openssl("x509", "-in", folder / "mac-01.cer").strip() in told
    assert rooted.pem(entry.sha1) == (folder / "mac-01.cer").read_text()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for check in (True, False):
        again = rooted.issue("mac-01", means=export | {"passphrase": None}, check=check)
        assert (again.changed, again.entries["mac-01"].pkcs12_path) == (False, str(folder / "mac-01.p12"))
    assert {path: path.read_bytes() for path in folder.iterdir()} == before

    other = {"export": identities.Export(folder, "another one")}
    assert rooted.issue("mac-01", means=other, check=True).entries["mac-01"].reason == "exported"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert rooted.issue("mac-01", means=other).entries["mac-01"].reason == "exported"
    assert not rooted.issue("mac-01", means=other).changed
    (folder / "mac-01.cer").write_text("something else")
    (folder / "mac-01.p12").chmod(0o644)
    assert rooted.issue("mac-01", means=other).changed
    assert (folder / "mac-01.p12").stat().st_mode & 0o777 == 0o600
    with pytest.raises(UserVpnError, match="set export_password"):
        identities.Export(folder, "")

    assert rooted.end("mac-01", exported=folder, check=True).changed
    assert len(list(folder.iterdir())) == 2
    assert rooted.end("mac-01", exported=folder).changed
    assert list(folder.iterdir()) == []
    (folder / "mac-01.p12").touch()  # copied back from a backup, for example
    again = rooted.end("mac-01", exported=folder).entries["mac-01"]
    assert (again.changed, again.reason) == (True, "revoked")
    assert list(folder.iterdir()) == []


def test_another_run_that_holds_the_store_is_waited_for(rooted: Pki) -> None:
    """Two writers: the second waits for the first, and then looks again."""
    holding, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with writing(rooted.place, rooted.now) as store:
            store.note("something", "")
            holding.set()
            assert go_on.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(20)
    done: list[Any] = []
    issuer = threading.Thread(target=lambda: done.append(rooted.issue("mac-01")))
    issuer.start()
    go_on.set()
    holder.join(20)
    issuer.join(20)
    assert done
    assert rooted.states("mac-01") == ["issued"]
