# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger tells: deliveries, who is behind, what may be revoked, who needs which root. Second tool: sqlite3."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.ending import note_refused
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.telling import export_text
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, PASSWORD, Pki, openssl

pytestmark = pytest.mark.usefixtures("quick")


def renew(pki: Pki, *names: str, **how: Any) -> Any:
    return pki.issue(*names, renew_before_days=364, **how)


def status(pki: Pki, name: str = "mac-01") -> str:
    return str(pki.tell()["clients"][name]["status"])


# -- deliveries


def test_a_delivery_is_written_down_once(rooted: Pki) -> None:
    first = rooted.issue("mac-01").entries["mac-01"].sha1
    assert rooted.seen("mac-01", first, gateway_roots=("AA", "BB"))
    before = rooted.tree()
    rooted.now += DAY
    assert not rooted.seen("mac-01", first, gateway_roots=("AA", "BB"))
    assert rooted.tree() == before
    assert rooted.seen("mac-01", first, gateway_roots=("AA", "BB"), macos_version="15.6")
    assert rooted.sql(
        "SELECT time, host, macos_version, status, shown_uuid, certificate_sha1, gateway_roots FROM deliveries"
    ) == [
        ("2026-11-22T12:00:00Z", "mac-01", "15.5", "installed", f"UUID-{first[:8]}", first, "AA BB"),
        ("2026-11-23T12:00:00Z", "mac-01", "15.6", "installed", f"UUID-{first[:8]}", first, "AA BB"),
    ]


def test_deliveries_are_only_added(rooted: Pki) -> None:
    rooted.seen("mac-01", "AB" * 20)
    connection = sqlite3.connect(rooted.path / "ledger.sqlite3")
    for change in ("DELETE FROM deliveries", "UPDATE deliveries SET status = 'installed'"):
        with pytest.raises(sqlite3.IntegrityError, match="only added"):
            connection.execute(change)
    connection.close()


def test_the_removal_of_what_never_was_there_is_no_news(rooted: Pki) -> None:
    assert not rooted.seen("mac-01", status="removed")
    assert rooted.seen("mac-01", rooted.issue("mac-01").entries["mac-01"].sha1)
    assert rooted.seen("mac-01", status="removed")
    assert status(rooted) == "removed_from_mac"


def test_without_a_pki_folder_nothing_can_be_written_down(pki: Pki) -> None:
    with pytest.raises(PkiError, match=r"is no PKI folder.*leave ledger out"):
        pki.seen("mac-01", "AB" * 20)
    with pytest.raises(PkiError, match="is no PKI folder yet"):
        pki.tell()
    assert not pki.path.exists()


def test_a_ledger_of_the_release_before(rooted: Pki) -> None:
    sha1 = rooted.issue("mac-01").entries["mac-01"].sha1
    connection = sqlite3.connect(rooted.path / "ledger.sqlite3")
    connection.executescript("DROP TABLE deliveries; PRAGMA user_version = 1;")
    connection.close()
    before = rooted.tree()
    assert status(rooted) == "never_delivered"
    assert not rooted.issue("mac-01").changed
    assert rooted.tree() == before
    assert rooted.seen("mac-01", sha1)
    assert rooted.sql("PRAGMA user_version") == [(2,)]
    assert status(rooted) == "current"


# -- where a client stands


def test_from_never_delivered_to_current_and_round_again(rooted: Pki) -> None:
    first = rooted.issue("mac-01").entries["mac-01"].sha1
    assert status(rooted) == "never_delivered"
    rooted.seen("mac-01", first, "pending_approval")
    assert status(rooted) == "never_delivered"
    rooted.seen("mac-01", first)
    told = rooted.tell()["clients"]["mac-01"]
    assert (told["status"], told["next_step"], told["days_left"], told["host"]) == ("current", "", 365, "mac-01")
    assert (told["sha1"], told["mac_sha1"], told["mac_days_left"]) == (first, first, 365)
    assert told["verified"] == told["seen"] == "2026-11-22T12:00:00Z"

    rooted.now += 340 * DAY
    assert status(rooted) == "expiring"
    second = rooted.issue("mac-01").entries["mac-01"].sha1
    assert status(rooted) == "behind"
    rooted.seen("mac-01", second, "pending_approval", shown_uuid=f"UUID-{first[:8]}")
    told = rooted.tell()["clients"]["mac-01"]
    assert (told["status"], told["mac_sha1"], told["mac_days_left"], told["days_left"]) == ("behind", first, 25, 365)
    assert told["next_step"].startswith("Have the waiting profile approved on the Mac")
    assert "until 2027-11-22T12:00:00Z it connects" in told["next_step"]
    rooted.now += 30 * DAY
    assert "so it cannot connect" in rooted.tell()["clients"]["mac-01"]["next_step"]
    rooted.seen("mac-01", second)
    assert status(rooted) == "current"
    rooted.now += 400 * DAY
    assert status(rooted) == "expired"


def test_a_profile_that_waits_is_behind_though_the_certificate_is_the_same(rooted: Pki) -> None:
    """As in a migration of the gateway's root: another profile, the same identity."""
    sha1 = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", sha1, gateway_roots=("AA",))
    rooted.seen("mac-01", sha1, "pending_approval", profile_uuid="NEW", shown_uuid="OLD", gateway_roots=("AA", "BB"))
    told = rooted.tell()["clients"]["mac-01"]
    assert (told["status"], told["gateway_roots"]) == ("behind", ["AA"])


def test_ended_clients(rooted: Pki) -> None:
    sha1 = rooted.issue("mac-01", "mac-02").entries["mac-01"].sha1
    rooted.seen("mac-01", sha1)
    rooted.end("mac-01")
    rooted.end("mac-02", state="removed")
    told = rooted.tell()
    assert [told["clients"][name]["status"] for name in ("mac-01", "mac-02")] == ["revoked", "removed"]
    assert told["clients"]["mac-01"]["next_step"] == "See that Azure refuses it, and take the profile off the Mac."
    assert [entry["sha1"] for entry in told["revoked"]] == [sha1]
    again = rooted.issue("mac-01").entries["mac-01"]
    assert again.reason == "revoked"
    assert status(rooted) == "behind"
    assert "the certificate on it has been revoked" in rooted.tell()["clients"]["mac-01"]["next_step"]
    assert [entry["sha1"] for entry in rooted.tell()["revoked"]] == [sha1]


def test_a_client_that_was_revoked_and_has_lost_its_profile(rooted: Pki) -> None:
    sha1 = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", sha1)
    rooted.end("mac-01")
    rooted.seen("mac-01", status="removed")
    told = rooted.tell()["clients"]["mac-01"]
    assert (told["status"], told["next_step"]) == ("revoked", "See that Azure refuses it.")
    assert (told["mac_sha1"], told["mac_not_after"], told["mac_days_left"]) == ("", "", 0)
    rooted.now += 400 * DAY
    assert rooted.tell()["clients"]["mac-01"]["next_step"].startswith("Nothing")


def test_nothing_is_left_to_do_in_azure_once_it_was_seen_to_refuse(rooted: Pki) -> None:
    def refused() -> None:
        note_refused(rooted.folder, {first, second, "AB" * 20}, rooted.now)

    first = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.now += 2 * DAY
    second = renew(rooted, "mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", second)
    rooted.end("mac-01")
    note_refused(rooted.folder, {first}, rooted.now)
    assert rooted.tell()["clients"]["mac-01"]["next_step"].startswith("See that Azure refuses it, and")
    refused()
    written = rooted.tree()
    refused()
    assert rooted.tree() == written
    assert rooted.tell()["clients"]["mac-01"]["next_step"] == "Take the profile off the Mac."
    rooted.seen("mac-01", status="removed")
    said = rooted.tell()["clients"]["mac-01"]["next_step"]
    assert said == "Nothing; Azure refuses it, as was seen at 2026-11-24T12:00:00Z."
    assert [e["sha1"] for e in rooted.tell(history=True)["events"] if e["what"] == "refused"] == [first, second]
    rooted.now += 400 * DAY
    assert rooted.tell()["clients"]["mac-01"]["next_step"] == "Nothing; its certificates have ended."


@pytest.mark.parametrize("seen_as", ["pending_approval", "no_console_user", "mdm_required"])
def test_a_profile_that_somebody_took_off_is_not_on_the_mac(rooted: Pki, seen_as: str) -> None:
    first = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", first)
    rooted.seen("mac-01", first, seen_as)
    told = rooted.tell()["clients"]["mac-01"]
    assert (told["status"], told["mac_sha1"], told["mac_days_left"]) == ("removed_from_mac", "", 0)
    assert "run the playbook site again" in told["next_step"].lower()
    assert "connects" not in told["next_step"]
    rooted.seen("mac-01", first)
    assert status(rooted) == "current"


def test_a_root_that_was_withdrawn_by_force_connects_nobody(rooted: Pki) -> None:
    old = rooted.issue("mac-01", "mac-02").entries
    for name, entry in old.items():
        rooted.seen(name, entry.sha1)
    rooted.root(generation=2)
    new = rooted.issue("mac-01").entries["mac-01"].sha1
    shown = f"UUID-{old['mac-01'].sha1[:8]}"
    rooted.seen("mac-01", new, "pending_approval", shown_uuid=shown)
    assert "it connects" in rooted.tell()["clients"]["mac-01"]["next_step"]
    rooted.retire(1, force=True)
    told = rooted.tell()["clients"]
    assert [told[name]["status"] for name in ("mac-01", "mac-02")] == ["behind", "old_root"]
    assert all(told[name]["next_step"].endswith("withdrawn, so it cannot connect.") for name in told)


def test_certificates_in_a_keychain_are_never_delivered_and_yet_renewed(rooted: Pki) -> None:
    rooted.issue("mac-01")
    told = rooted.tell()["clients"]["mac-01"]
    assert told["status"] == "never_delivered"
    assert "a keychain has no profile and needs nothing" in told["next_step"]
    rooted.now += 340 * DAY
    assert status(rooted) == "expiring"
    rooted.root(generation=2)
    assert status(rooted) == "old_root"
    rooted.now += 30 * DAY
    assert status(rooted) == "expired"


def test_only_the_named_clients_and_the_whole_history(rooted: Pki) -> None:
    first = rooted.issue("mac-01", "mac-02").entries["mac-01"].sha1
    rooted.seen("mac-01", first)
    rooted.seen("mac-01", first, macos_version="26.1")
    told = rooted.tell(names=["mac-01"])
    assert set(told["clients"]) == {"mac-01"}
    assert [c["name"] for c in told["certificates"]] == ["P2SRootCert", "mac-01"]
    assert [d["macos_version"] for d in told["deliveries"]] == ["26.1"]
    assert told["events"] == []
    windows = "\u200e" + " ".join(first[at : at + 2] for at in range(0, 40, 2)).lower()
    assert rooted.tell(names=[windows]) == told
    assert rooted.tell(names=["AB" * 20, "mac-O1"])["clients"] == {}
    whole = rooted.tell(history=True)
    assert [d["macos_version"] for d in whole["deliveries"]] == ["15.5", "26.1"]
    assert [(e["sha1"], e["what"]) for e in whole["events"]] == rooted.sql("SELECT sha1, what FROM events ORDER BY id")


# -- what may be revoked, and who needs a root


def test_the_old_certificate_may_be_revoked_once_the_new_one_is_on_the_mac(rooted: Pki) -> None:
    first = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", first)
    rooted.now += 2 * DAY
    outcome = renew(rooted, "mac-01")
    second = outcome.entries["mac-01"].sha1
    assert outcome.revocable == []
    rooted.seen("mac-01", second, "pending_approval", shown_uuid=f"UUID-{first[:8]}")
    assert rooted.issue("mac-01").revocable == []
    rooted.seen("mac-01", second)
    assert [entry["sha1"] for entry in rooted.issue("mac-01").revocable] == [first]
    assert [entry["sha1"] for entry in rooted.tell()["revocable"]] == [first]
    assert rooted.issue("mac-02").revocable == []

    foreseen = rooted.end(thumbprints=[first.lower()], check=True)
    done = rooted.end(thumbprints=[":".join(first[i : i + 2] for i in range(0, 40, 2))], why="superseded")
    assert done == foreseen
    assert (done.changed, done.entries["mac-01"].sha1) == (True, first)
    assert [entry["sha1"] for entry in done.revoked] == [first]
    assert not rooted.end(thumbprints=[first]).changed
    assert rooted.issue("mac-01").entries["mac-01"].sha1 == second
    assert rooted.issue("mac-01").revocable == []
    assert status(rooted) == "current"
    (certificate,) = [c for c in rooted.tell()["certificates"] if c["sha1"] == first]
    assert (certificate["state"], certificate["why"]) == ("revoked", "superseded")


def test_a_mac_that_went_back_to_an_old_profile_is_not_cut_off(rooted: Pki) -> None:
    first = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", first)
    rooted.now += 2 * DAY
    second = renew(rooted, "mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", second)
    rooted.seen("mac-01", second, "no_console_user", shown_uuid=f"UUID-{first[:8]}")
    assert rooted.tell()["revocable"] == []
    rooted.seen("mac-01", second, "no_console_user", shown_uuid="nobody knows")
    assert rooted.tell()["revocable"] == []
    rooted.seen("mac-01", second, "no_console_user")  # it shows none: what it had last was the new one
    assert [entry["sha1"] for entry in rooted.tell()["revocable"]] == [first]


def test_a_root_is_needed_until_the_macs_have_left_it(rooted: Pki) -> None:
    entries = rooted.issue("away", "here", "lost").entries
    for name, entry in entries.items():
        rooted.seen(name, entry.sha1)
    rooted.root(generation=2)
    rooted.now += DAY
    moved = rooted.issue("away", "here", generation=2).entries
    rooted.seen("here", moved["here"].sha1)

    def needed() -> list[list[str]]:
        return [root["needed_by"] for root in rooted.tell()["roots"]]

    assert needed() == [["away", "lost"], ["away", "here"]]
    assert rooted.tell()["clients"]["lost"]["status"] == "old_root"
    rooted.end("lost")
    assert needed() == [["away"], ["away", "here"]]
    with pytest.raises(PkiError, match=r"needed by 1 clients \(away\)"):
        rooted.retire(1)
    rooted.seen("away", moved["away"].sha1)
    assert needed() == [[], ["away", "here"]]
    assert rooted.retire(1).changed


def test_nobody_needs_a_root_for_what_has_ended(rooted: Pki) -> None:
    rooted.issue("mac-01")
    rooted.now += 400 * DAY
    assert rooted.tell()["roots"][0]["needed_by"] == []


# -- thumbprints


@pytest.mark.parametrize(
    ("thumbprint", "words"),
    [("AB" * 20, "knows no client certificate"), ("AB" * 32, "40 hex digits"), ("", "40 hex digits")],
)
def test_thumbprints_that_mean_nothing(rooted: Pki, thumbprint: str, words: str) -> None:
    for check in (True, False):
        with pytest.raises(UserVpnError, match=words):
            rooted.end(thumbprints=[thumbprint], check=check)


def test_the_current_certificate_by_its_thumbprint(rooted: Pki) -> None:
    entry = rooted.issue("mac-01").entries["mac-01"]
    assert rooted.end(thumbprints=[entry.sha1], why="stolen in Rome").changed
    assert not Path(entry.pkcs12_path).exists()
    again = rooted.issue("mac-01").entries["mac-01"]
    assert (again.reason, again.sha1 != entry.sha1) == ("revoked", True)
    assert rooted.sql("SELECT reason FROM events WHERE sha1 = ? AND what = 'revoked'", entry.sha1) == [
        ("stolen in Rome",)
    ]


# -- batches


def test_the_most_urgent_renewals_first(rooted: Pki) -> None:
    for number in range(5):
        rooted.issue(f"mac-{number}")
        rooted.now += DAY
    names = [f"mac-{number}" for number in range(5)]
    foreseen = renew(rooted, *names, "new", renew_batch=2, check=True)
    done = renew(rooted, *names, "new", renew_batch=2)
    for outcome in (foreseen, done):
        assert {n for n, e in outcome.entries.items() if e.changed} == {"mac-0", "mac-1", "new"}
        assert [(d["name"], d["reason"]) for d in outcome.deferred] == [
            ("mac-2", "expiring"), ("mac-3", "expiring"), ("mac-4", "expiring"),
        ]  # fmt: skip
        assert all(outcome.entries[name].pkcs12_path for name in ("mac-2", "mac-3", "mac-4"))
    assert {n for n, e in renew(rooted, *names, renew_batch=2).entries.items() if e.changed} == {"mac-2", "mac-3"}
    assert {n for n, e in renew(rooted, *names, renew_batch=2).entries.items() if e.changed} == {"mac-4"}
    assert not renew(rooted, *names, renew_batch=2).changed


def test_who_has_no_working_identity_is_never_put_off(rooted: Pki) -> None:
    rooted.issue("a", "b", "c")
    Path(rooted.issue("a").entries["a"].pkcs12_path).unlink()
    rooted.root(generation=2)
    assert {n for n, e in rooted.issue("a", "b", "c", renew_batch=1).entries.items() if e.changed} == {"a", "b"}
    assert rooted.issue("a", "b", "c", renew_batch=1, password="another").deferred == []
    rooted.now += 400 * DAY
    assert rooted.issue("a", "b", "c", renew_batch=1).deferred == []
    with pytest.raises(PkiError, match="renew_batch must be at least 0"):
        rooted.issue("a", renew_batch=-1)


# -- export


def test_an_export_is_the_ledger_and_only_changes_with_it(rooted: Pki, tmp_path: Path) -> None:
    sha1 = rooted.issue("mac-01").entries["mac-01"].sha1
    rooted.seen("mac-01", sha1, gateway_roots=("AA", "BB"))
    rooted.end("mac-01", why="sold")
    dest = tmp_path / "ledger.json"
    args = {"path": str(rooted.path), "export": str(dest)}
    assert run_action("ledger", args, check=True)["changed"]
    assert not dest.exists()
    assert run_action("ledger", args, diff=True)["diff"]["before"] == ""
    assert not run_action("ledger", args)["changed"]
    assert dest.stat().st_mode & 0o777 == 0o600
    document = json.loads(dest.read_bytes())
    assert [(c["sha1"], c["state"]) for c in document["certificates"]] == rooted.sql(
        "SELECT sha1, state FROM certificates ORDER BY id"
    )
    assert [tuple(e[k] for k in ("time", "sha1", "what", "reason")) for e in document["events"]] == rooted.sql(
        "SELECT time, sha1, what, reason FROM events ORDER BY id"
    )
    assert [d["gateway_roots"] for d in document["deliveries"]] == [["AA", "BB"]]
    for certificate in document["certificates"]:
        told = openssl("x509", "-noout", "-serial", "-fingerprint", "-sha1", stdin=certificate["pem"])
        assert f"serial={certificate['serial']}" in told
        assert certificate["sha1"] in told.replace(":", "")
    assert "PRIVATE" not in dest.read_text()

    table = tmp_path / "ledger.csv"
    assert run_action("ledger", args | {"export": str(table)})["changed"]
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(r["name"], r["state"], r["why"]) for r in rows] == [
        ("P2SRootCert", "issued", "missing"),
        ("mac-01", "revoked", "sold"),
    ]
    rooted.now += 100 * DAY
    assert export_text(rooted.folder, ".csv") == table.read_bytes()
    table.write_bytes(b"\xff\xfe, and no text")
    assert "and no text" in run_action("ledger", args | {"export": str(table)}, diff=True)["diff"]["before"]
    with table.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse
    assert "is larger than" in run_action("ledger", args | {"export": str(table)}, diff=True)["diff"]["before"]
    assert "rename it" in run_action("ledger", args | {"export": "ledger.txt"})["msg"]
    assert "Nothing is asked for" in run_action("ledger", {"path": str(rooted.path)})["msg"]


def test_the_module_tells_the_same_as_sqlite(rooted: Pki) -> None:
    rooted.issue("mac-01", "mac-02")
    before = rooted.tree()
    for days in (-1, 36_501, 999_999_999):
        result = run_action("ledger_info", {"path": str(rooted.path), "renew_before_days": days})
        assert result["msg"] == "renew_before_days must lie between 0 and 36500."
    told = run_action("ledger_info", {"path": str(rooted.path), "history": True}, check=True)
    assert not told["changed"]
    assert rooted.tree() == before
    assert [(c["name"], c["sha1"], c["serial"]) for c in told["certificates"]] == rooted.sql(
        "SELECT name, sha1, serial FROM certificates ORDER BY id"
    )
    json.dumps(told)


# -- rebuilding


def lose(pki: Pki, how: str) -> None:
    ledger = pki.path / "ledger.sqlite3"
    if how == "missing":
        ledger.unlink()
    elif how == "empty":
        ledger.write_bytes(b"")
    elif how == "no database":
        ledger.write_bytes(b"not a database, but long enough to look like one" * 100)
        Path(f"{ledger}-journal").touch(mode=0o600)
        Path(f"{ledger}-journal").write_bytes(b"which must not be rolled back into the new one")
    else:
        content = bytearray(ledger.read_bytes())
        for start in range(4096, len(content), 4096):  # every page but the first
            content[start : start + 64] = b"\xff" * 64
        ledger.write_bytes(content)


def rebuild(pki: Pki, **how: Any) -> dict[str, Any]:
    args = {"path": str(pki.path), "rebuild": True, "pkcs12_password": PASSWORD} | how
    check = args.pop("check", False)
    return run_action("ledger", args, check=check)


@pytest.mark.parametrize("how", ["missing", "empty", "no database", "damaged pages"])
def test_a_lost_ledger_is_rebuilt_from_the_files(rooted: Pki, how: str) -> None:
    rooted.issue("mac-01", "mac-02", {"name": "mac-03", "sans": ["more.example.com"]})
    rooted.now += 2 * DAY
    renew(rooted, "mac-01")
    revoked = rooted.end("mac-02").revoked[0]["sha1"]
    second = {"generation": 2, "common_name": "Second"}  # two roots of the tests may share their key
    rooted.root(**second)
    rooted.issue("mac-01", generation=2)
    query = "SELECT sha1, sha256, kind, name, generation, serial, root_sha1, not_after, state, private_sha256, pem "
    query += "FROM certificates ORDER BY sha1"
    before, files = rooted.sql(query), {p: v for p, v in rooted.tree().items() if "ledger" not in p}
    lose(rooted, how)
    for attempt in (rooted.root, lambda: rooted.issue("mac-01"), lambda: rooted.end("mac-01"), rooted.tell):
        with pytest.raises(PkiError, match=r"restore it from the backup, or rebuild it .* \(rebuild: true\)"):
            attempt()

    foreseen = rebuild(rooted, revoked=[revoked], check=True)
    assert (foreseen["changed"], foreseen["lost"]) == (True, True)
    with pytest.raises(PkiError, match="rebuild: true"):
        rooted.root()
    done = rebuild(rooted, revoked=[revoked])
    assert (done["changed"], done["added"]) == (True, foreseen["added"])
    assert done["skipped"] == done["unopened"] == done["unknown"] == []
    assert rooted.sql(query) == before
    assert {p: v[2] for p, v in rooted.tree().items() if "ledger" not in p and p != "."} == {
        p: v[2] for p, v in files.items() if p != "."
    }
    kept = {"missing": 0, "no database": 2}.get(how, 1)
    assert len([p for p in rooted.path.iterdir() if ".damaged-20" in p.name]) == kept
    assert not (rooted.path / "ledger.sqlite3-journal").exists()
    assert rooted.sql("PRAGMA integrity_check") == [("ok",)]
    assert rooted.sql("SELECT DISTINCT reason FROM events WHERE what != 'refused'") == [("rebuilt",)]
    assert rooted.sql("SELECT sha1 FROM events WHERE what = 'refused'") == [(revoked,)]
    assert not rebuild(rooted, revoked=[revoked])["changed"]

    assert not rooted.root(**second).changed
    again = rooted.issue("mac-01", {"name": "mac-03", "sans": ["more.example.com"]}, generation=2).entries
    assert (again["mac-01"].changed, again["mac-03"].reason) == (False, "root_rotated")
    assert rooted.issue("mac-02", generation=2).entries["mac-02"].reason == "revoked"


def test_what_the_files_do_not_tell(rooted: Pki) -> None:
    """Said in the documentation: without the list of Azure nothing is revoked; without the password all is renewed."""
    rooted.issue("mac-01", "mac-02")
    rooted.end("mac-02")
    lose(rooted, "missing")
    done = rebuild(rooted, pkcs12_password=None, revoked=["AB" * 20])
    assert {entry["name"]: entry["state"] for entry in done["added"]} == {
        "P2SRootCert": "issued", "mac-01": "issued", "mac-02": "superseded",
    }  # fmt: skip
    assert (done["unopened"], done["unknown"]) == (["mac-01"], ["AB" * 20])
    assert len(done["warnings"]) == 2
    assert rooted.issue("mac-01").entries["mac-01"].reason == "options_changed"
    assert rooted.end("mac-02").changed  # and can be revoked again


def test_after_an_old_backup_only_what_is_missing_is_added(rooted: Pki, place: Path) -> None:
    rooted.issue("mac-01", "mac-02")
    backup = place / "backup.sqlite3"
    shutil.copy(rooted.path / "ledger.sqlite3", backup)
    rooted.now += 2 * DAY
    renewed = renew(rooted, "mac-01").entries["mac-01"]
    gone = rooted.end("mac-02").revoked[0]["sha1"]
    events = rooted.sql("SELECT count(*) FROM events")
    shutil.copy(backup, rooted.path / "ledger.sqlite3")
    done = rebuild(rooted, revoked=[gone])
    assert (done["changed"], done["lost"]) == (True, False)
    assert [(entry["name"], entry["state"]) for entry in done["added"]] == [("mac-01", "issued")]
    assert rooted.sql("SELECT name, state FROM certificates WHERE kind = 'client' ORDER BY name, id") == [
        ("mac-01", "superseded"), ("mac-01", "issued"), ("mac-02", "revoked"),
    ]  # fmt: skip
    assert rooted.sql("SELECT count(*) FROM events") < events
    assert rooted.issue("mac-01").entries["mac-01"].sha1 == renewed.sha1
    assert not rebuild(rooted, revoked=[gone])["changed"]


def test_files_that_are_of_no_use_are_named_and_left_out(rooted: Pki) -> None:
    rooted.issue("mac-01", "mac-02")
    entry = rooted.issue("mac-01").entries["mac-01"]
    Path(entry.certificate_path).write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    stranger = rooted.path / "clients" / "mac-02"
    (stranger / f"{'AB' * 20}.pem").write_bytes(next(stranger.glob("*.pem")).read_bytes())
    lose(rooted, "missing")
    done = rebuild(rooted)
    assert len(done["skipped"]) == 2
    assert "holds no certificate that can be read" in done["skipped"][0]
    assert "is not the certificate that its name says" in done["skipped"][1]
    assert done["warnings"][:2] == [f"[test-host] Left out: {sentence}" for sentence in done["skipped"]]
    assert {e["name"] for e in done["added"]} == {"P2SRootCert", "mac-02"}


def test_a_rebuilt_folder_agrees_with_openssl_and_the_sqlite3_program(rooted: Pki) -> None:
    rooted.issue("mac-01")
    lose(rooted, "missing")
    rebuild(rooted)
    for kind, sha1, serial, pem in rooted.sql("SELECT kind, sha1, serial, pem FROM certificates"):
        told = openssl("x509", "-noout", "-serial", "-fingerprint", "-sha1", stdin=pem.decode())
        assert sha1 in told.replace(":", ""), kind
        assert f"serial={serial}" in told
    if not shutil.which("sqlite3"):
        pytest.skip(
            "the program sqlite3 is not installed; it reads the ledger as a second tool (apt-get install sqlite3)"
        )
    command = ["sqlite3", "-readonly", rooted.path / "ledger.sqlite3", "PRAGMA integrity_check;"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ok\n"


def test_nothing_to_rebuild(pki: Pki) -> None:
    assert "there is nothing to rebuild" in rebuild(pki)["msg"]
    assert not pki.path.exists()
