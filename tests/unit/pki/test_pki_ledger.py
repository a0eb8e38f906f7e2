# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store tells: deliveries, who is behind, what may be revoked, who needs which root; and its export."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.manifest import update
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import deliveries
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import SqliteFile
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.deliveries import forget
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.packages import remember_package
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.refusals import note_refused
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.report import export_text, tell
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import REFUSED
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import Cluster
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, Pki, openssl
from ansible_collections.vwan.user_vpn.tests.unit.store.store_tools import rows

pytestmark = pytest.mark.usefixtures("quick")


def told(pki: Pki, **how: Any) -> dict[str, Any]:
    return tell(pki.place, now=pki.now, **how)


def client(pki: Pki, name: str = "mac-01") -> dict[str, Any]:
    return dict(told(pki)["clients"][name])


def status(pki: Pki, name: str = "mac-01") -> str:
    return str(client(pki, name)["status"])


def issued(pki: Pki, name: str = "mac-01", **how: Any) -> str:
    """The thumbprint of the certificate that a client has after this."""
    return pki.issue(name, **how).entries[name].sha1


def renewed(pki: Pki, name: str = "mac-01") -> str:
    return issued(pki, name, renew_before_days=364)


# -- deliveries


def test_a_delivery_is_written_down_once(rooted: Pki) -> None:
    first = issued(rooted)
    assert rooted.seen("mac-01", first, gateway_roots=("AA", "BB"))
    before = rooted.content()
    rooted.now += DAY
    assert not rooted.seen("mac-01", first, gateway_roots=("AA", "BB"))
    assert rooted.content() == before
    assert rooted.seen("mac-01", first, gateway_roots=("AA", "BB"), macos_version="15.6")
    assert rooted.sql(
        "SELECT time, host, macos_version, status, shown_uuid, certificate_sha1, gateway_roots FROM deliveries"
    ) == [
        ("2026-11-22T12:00:00Z", "mac-01", "15.5", "installed", f"UUID-{first[:8]}", first, "AA BB"),
        ("2026-11-23T12:00:00Z", "mac-01", "15.6", "installed", f"UUID-{first[:8]}", first, "AA BB"),
    ]


def test_the_removal_of_what_never_was_there_is_no_news(rooted: Pki) -> None:
    assert not rooted.seen("mac-01", status="removed")
    assert rooted.seen("mac-01", issued(rooted))
    assert rooted.seen("mac-01", status="removed")
    assert status(rooted) == "removed_from_mac"


# -- where a client stands


def test_it_says_when_and_which_gateway_roots_there_are_until_when(rooted: Pki) -> None:
    """Of all packages together, each once."""
    first, second = (
        {
            "sha1": sha * 20,
            "sha256": sha * 32,
            "subject": f"CN={sha}",
            "not_after": f"20{sha}-01-15T12:00:00Z",
            "pem": "",
        }
        for sha in ("38", "42")
    )
    assert told(rooted)["gateway_roots"] == []
    for name, roots in (("wan", [second]), ("hub", [first, second])):
        remember_package(rooted.place, name, {"digest": "", "gateway_roots": roots}, rooted.now, "anna")
    here = told(rooted)
    assert here["time"] == "2026-11-22T12:00:00Z"
    assert here["gateway_roots"] == [{k: v for k, v in root.items() if k != "pem"} for root in (first, second)]


def test_from_never_delivered_to_current_and_round_again(rooted: Pki) -> None:
    first = issued(rooted)
    assert status(rooted) == "never_delivered"
    rooted.seen("mac-01", first, "pending_approval")
    assert status(rooted) == "never_delivered"
    rooted.seen("mac-01", first)
    here = client(rooted)
    assert (here["status"], here["next_step"], here["days_left"], here["host"]) == ("current", "", 365, "mac-01")
    assert (here["sha1"], here["mac_sha1"], here["mac_days_left"]) == (first, first, 365)
    assert here["verified"] == here["seen"] == "2026-11-22T12:00:00Z"

    rooted.now += 340 * DAY
    assert status(rooted) == "expiring"
    second = issued(rooted)
    assert status(rooted) == "behind"
    rooted.seen("mac-01", second, "pending_approval", shown_uuid=f"UUID-{first[:8]}")
    here = client(rooted)
    assert (here["status"], here["mac_sha1"], here["mac_days_left"], here["days_left"]) == ("behind", first, 25, 365)
    assert here["next_step"].startswith("Have the waiting profile approved on the Mac")
    assert here["detail"].startswith("Until 2027-11-22T12:00:00Z it connects")
    rooted.now += 30 * DAY
    assert "so it cannot connect" in client(rooted)["detail"]
    rooted.seen("mac-01", second)
    assert status(rooted) == "current"
    rooted.now += 400 * DAY
    assert status(rooted) == "expired"


def test_a_profile_that_waits_is_behind_though_the_certificate_is_the_same(rooted: Pki) -> None:
    """As in a migration of the gateway's root: another profile, the same identity."""
    sha1 = issued(rooted)
    rooted.seen("mac-01", sha1, gateway_roots=("AA",))
    rooted.seen("mac-01", sha1, "pending_approval", profile_uuid="NEW", shown_uuid="OLD", gateway_roots=("AA", "BB"))
    here = client(rooted)
    assert (here["status"], here["gateway_roots"]) == ("behind", ["AA"])


def test_a_profile_of_which_not_all_is_there_is_not_current(rooted: Pki) -> None:
    """Nor is the certificate in it verified: what came before it still counts."""
    first = issued(rooted)
    rooted.seen("mac-01", first)
    rooted.now += 340 * DAY
    second = issued(rooted)
    rooted.seen("mac-01", second, "incomplete", shown_uuid=f"UUID-{second[:8]}")
    here = client(rooted)
    assert (here["status"], here["mac_sha1"], here["verified"]) == ("behind", second, "2026-11-22T12:00:00Z")
    assert here["next_step"] == (
        "Remove the profile from the Mac and bring it back, for not all that it holds is there."
    )


def test_ended_clients(rooted: Pki) -> None:
    sha1 = rooted.issue("mac-01", "mac-02").entries["mac-01"].sha1
    rooted.seen("mac-01", sha1)
    rooted.end("mac-01")
    rooted.end("mac-02", state="removed")
    all_of_it = told(rooted)
    assert [all_of_it["clients"][name]["status"] for name in ("mac-01", "mac-02")] == ["revoked", "removed"]
    assert all_of_it["clients"]["mac-01"]["next_step"] == "See that Azure refuses it, and take the profile off the Mac."
    assert [entry["sha1"] for entry in all_of_it["revoked"]] == [sha1]
    assert rooted.issue("mac-01").entries["mac-01"].failed
    assert rooted.issue("mac-01", readmit=frozenset({"mac-01"})).entries["mac-01"].changed
    assert status(rooted) == "behind"
    assert client(rooted)["detail"] == "The certificate on it has been revoked."
    assert [entry["sha1"] for entry in told(rooted)["revoked"]] == [sha1]


def test_a_client_that_was_revoked_and_has_lost_its_profile(rooted: Pki) -> None:
    sha1 = issued(rooted)
    rooted.seen("mac-01", sha1)
    rooted.end("mac-01")
    rooted.seen("mac-01", status="removed")
    here = client(rooted)
    assert (here["status"], here["next_step"]) == ("revoked", "See that Azure refuses it.")
    assert (here["mac_sha1"], here["mac_not_after"], here["mac_days_left"]) == ("", "", 0)
    rooted.now += 400 * DAY
    assert (client(rooted)["next_step"], client(rooted)["detail"]) == ("", "Its certificates have ended.")


@pytest.mark.parametrize("seen_as", ["pending_approval", "no_console_user", "mdm_required"])
def test_a_profile_that_somebody_took_off_is_not_on_the_mac(rooted: Pki, seen_as: str) -> None:
    first = issued(rooted)
    rooted.seen("mac-01", first)
    rooted.seen("mac-01", first, seen_as)
    here = client(rooted)
    assert (here["status"], here["mac_sha1"], here["mac_days_left"]) == ("removed_from_mac", "", 0)
    assert " again" in here["next_step"] and "playbook" not in here["next_step"]
    assert here["detail"] == ""
    rooted.seen("mac-01", first)
    assert status(rooted) == "current"


def test_a_root_that_was_withdrawn_by_force_connects_nobody(rooted: Pki) -> None:
    old = rooted.issue("mac-01", "mac-02").entries
    for name, entry in old.items():
        rooted.seen(name, entry.sha1)
    rooted.root(generation=2)
    new = issued(rooted)
    shown = f"UUID-{old['mac-01'].sha1[:8]}"
    rooted.seen("mac-01", new, "pending_approval", shown_uuid=shown)
    assert "it connects" in client(rooted)["detail"]
    rooted.retire(1, force=True)
    all_of_it = told(rooted)["clients"]
    assert [all_of_it[name]["status"] for name in ("mac-01", "mac-02")] == ["behind", "old_root"]
    assert all(all_of_it[name]["detail"].endswith("withdrawn, so it cannot connect.") for name in all_of_it)


def test_certificates_in_a_keychain_are_never_delivered_and_yet_renewed(rooted: Pki) -> None:
    rooted.issue("mac-01")
    here = client(rooted)
    assert here["status"] == "never_delivered"
    assert "a keychain has no profile and needs nothing" in here["next_step"]
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
    all_of_it = told(rooted, clients=["mac-01"])
    assert set(all_of_it["clients"]) == {"mac-01"}
    assert [c["name"] for c in all_of_it["certificates"]] == ["P2SRootCert", "mac-01"]
    assert [d["macos_version"] for d in all_of_it["deliveries"]] == ["26.1"]
    assert all_of_it["events"] == []
    windows = "\u200e" + " ".join(first[at : at + 2] for at in range(0, 40, 2)).lower()
    assert told(rooted, clients=[windows]) == all_of_it
    assert told(rooted, clients=["AB" * 20, "mac-O1"])["clients"] == {}
    whole = told(rooted, history=True)
    assert [d["macos_version"] for d in whole["deliveries"]] == ["15.5", "26.1"]
    assert [(e["sha1"], e["what"]) for e in whole["events"]] == rooted.sql("SELECT sha1, what FROM events ORDER BY id")


# -- what may be revoked, and who needs a root


def test_the_old_certificate_may_be_revoked_once_the_new_one_is_on_the_mac(rooted: Pki) -> None:
    first = issued(rooted)
    rooted.seen("mac-01", first)
    rooted.now += 2 * DAY
    outcome = rooted.issue("mac-01", renew_before_days=364)
    second = outcome.entries["mac-01"].sha1
    assert outcome.revocable == []
    rooted.seen("mac-01", second, "pending_approval", shown_uuid=f"UUID-{first[:8]}")
    assert rooted.issue("mac-01").revocable == []
    rooted.seen("mac-01", second)
    assert [entry["sha1"] for entry in rooted.issue("mac-01").revocable] == [first]
    assert [entry["sha1"] for entry in told(rooted)["revocable"]] == [first]
    assert rooted.issue("mac-02").revocable == []

    foreseen = rooted.end(thumbprints=[first.lower()], why="superseded", check=True)
    done = rooted.end(thumbprints=[":".join(first[i : i + 2] for i in range(0, 40, 2))], why="superseded")
    assert done == foreseen
    assert (done.changed, done.entries["mac-01"].sha1) == (True, first)
    assert [entry["sha1"] for entry in done.revoked] == [first]
    assert not rooted.end(thumbprints=[first]).changed
    assert issued(rooted) == second
    assert rooted.issue("mac-01").revocable == []
    assert status(rooted) == "current"
    (certificate,) = [c for c in told(rooted)["certificates"] if c["sha1"] == first]
    assert (certificate["state"], certificate["why"]) == ("revoked", "superseded")


def test_a_mac_that_went_back_to_an_old_profile_is_not_cut_off(rooted: Pki) -> None:
    first = issued(rooted)
    rooted.seen("mac-01", first)
    rooted.now += 2 * DAY
    second = renewed(rooted)
    rooted.seen("mac-01", second)
    rooted.seen("mac-01", second, "no_console_user", shown_uuid=f"UUID-{first[:8]}")
    assert told(rooted)["revocable"] == []
    rooted.seen("mac-01", second, "no_console_user", shown_uuid="nobody knows")
    assert told(rooted)["revocable"] == []
    rooted.seen("mac-01", second, "no_console_user")  # it shows none: what it had last was the new one
    assert [entry["sha1"] for entry in told(rooted)["revocable"]] == [first]


def test_a_root_is_needed_until_the_macs_have_left_it(rooted: Pki) -> None:
    entries = rooted.issue("away", "here", "lost").entries
    for name, entry in entries.items():
        rooted.seen(name, entry.sha1)
    rooted.root(generation=2)
    rooted.now += DAY
    moved = rooted.issue("away", "here", generation=2).entries
    rooted.seen("here", moved["here"].sha1)

    def needed() -> list[list[str]]:
        return [root["needed_by"] for root in told(rooted)["roots"]]

    assert needed() == [["away", "lost"], ["away", "here"]]
    assert told(rooted)["clients"]["lost"]["status"] == "old_root"
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
    assert told(rooted)["roots"][0]["needed_by"] == []


def test_without_a_store_nothing_can_be_told_or_written_down(pki: Pki) -> None:
    with pytest.raises(PkiError, match=r"There is no store at .*leave pki out"):
        pki.seen("mac-01", "AB" * 20)
    with pytest.raises(PkiError, match=r"There is no store at .* yet; make it with root_certificate first"):
        told(pki)
    with pytest.raises(PkiError, match="There is no store"):
        export_text(pki.place, ".json")
    assert not pki.exists


# -- noting what many Macs were seen with


def seen_with(host: str, sha1: str = "", **more: Any) -> dict[str, Any]:
    """As the module takes it."""
    uuid = f"UUID-{sha1[:8]}"
    shown = {"serial_number": f"C02{host}", "macos_version": "15.5", "profile_uuid": uuid, "shown_uuid": uuid}
    installed = {"host": host, "identifier": "com.example.vpn", "status": "installed", "certificate_sha1": sha1}
    return installed | shown | {"gateway_roots": ["BB" * 20, "AA" * 20]} | more


def note(pki: Pki, *macs: dict[str, Any], check: bool = False, **more: Any) -> dict[str, Any]:
    how = {name: more.pop(name) for name in ("strategy", "task_vars") if name in more}
    args = {"pki": pki.option, "state": "noted", "macs": list(macs), **more}
    return run_action("ledger", args, check=check, **how)


def test_what_many_macs_were_seen_with_is_one_transaction(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = rooted.issue("mac-01", "mac-02", "mac-03").entries
    macs = [seen_with(name, entry.sha1) for name, entry in entries.items()]
    begun: list[str] = []
    for name in ("reading", "writing"):
        real = getattr(deliveries, name)
        monkeypatch.setattr(deliveries, name, lambda *given, r=real, n=name: begun.append(n) or r(*given))
    before = rooted.content()
    foreseen = note(rooted, *macs, check=True)
    assert (foreseen["changed"], foreseen["noted"], rooted.content()) == (False, [], before)
    done = note(rooted, *macs)
    assert (done["changed"], done["noted"]) == (False, ["mac-01", "mac-02", "mac-03"])
    assert begun == ["reading", "writing"]
    assert rooted.sql("SELECT host, serial_number, status, certificate_sha1, gateway_roots FROM deliveries") == [
        (name, f"C02{name}", "installed", entry.sha1, f"{'AA' * 20} {'BB' * 20}") for name, entry in entries.items()
    ]
    written = rooted.content()
    assert note(rooted, *macs)["noted"] == []
    assert rooted.content() == written
    assert note(rooted, macs[0], macs[1] | {"macos_version": "26.1"}, macs[2])["noted"] == ["mac-02"]


def test_what_is_no_news(rooted: Pki) -> None:
    sha1 = issued(rooted)
    never = [seen_with(f"mac-{status}", status=status, profile_uuid="") for status in ("removed", "key_wanted")]
    assert note(rooted, *never)["noted"] == []
    note(rooted, seen_with("mac-01", sha1))
    gone = seen_with("mac-01", status="removed", profile_uuid="", shown_uuid="")
    assert note(rooted, gone)["noted"] == ["mac-01"]
    assert note(rooted, gone)["noted"] == []


def test_a_certificate_of_another_ca_is_left_out(rooted: Pki) -> None:
    assert note(rooted, seen_with("mac-01", "AB" * 20))["noted"] == ["mac-01"]
    assert rooted.sql("SELECT certificate_sha1 FROM deliveries") == [("",)]
    assert note(rooted, seen_with("mac-01", "AB" * 20))["noted"] == []


def test_macs_that_share_an_identity_are_told_once(rooted: Pki) -> None:
    entries = rooted.issue(*(f"mac-{number}" for number in range(6))).entries
    macs = [seen_with(f"{name}-{twin}", e.sha1) for name, e in entries.items() for twin in "ab"]
    (warning,) = note(rooted, *macs[:2], macs[3])["warnings"]
    assert "mac-0 on C02mac-0-a (mac-0-a), C02mac-0-b (mac-0-b). None of them is renewed" in warning
    (warning,) = note(rooted, *macs)["warnings"]
    assert warning.count("(mac-") == 6 and "; and 2 more. None" in warning
    assert "warnings" not in note(rooted, *macs)
    assert "warnings" not in note(rooted, seen_with("mac-9", ""))


def test_serial_numbers_that_macs_tell_reach_the_manifest(rooted: Pki, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    update(path, {"mac-01": {"serial_number": "C02OLD"}, "mac-02": {}})
    macs = [seen_with("mac-01"), seen_with("mac-02", serial_number=""), seen_with("mac-03")]
    before = path.read_bytes()
    note(rooted, *macs, manifest=str(path), check=True)
    assert path.read_bytes() == before
    note(rooted, *macs, manifest=str(path))
    entries = json.loads(path.read_text())["profiles"]
    assert {host: entry["serial_number"] for host, entry in entries.items()} == {"mac-01": "C02mac-01", "mac-02": None}


def test_where_run_once_is_ignored_each_mac_is_noted_by_its_own_task(rooted: Pki) -> None:
    macs = [seen_with("mac-01"), seen_with("mac-02")]
    play = {"inventory_hostname": "mac-02", "ansible_play_hosts_all": ["mac-01", "mac-02"]}
    assert note(rooted, *macs, strategy="free", task_vars=play)["noted"] == ["mac-02"]
    assert note(rooted, *macs, task_vars=play)["noted"] == ["mac-01"]


def test_nothing_is_left_to_do_in_azure_once_it_was_seen_to_refuse(rooted: Pki) -> None:
    first = issued(rooted)
    rooted.now += 2 * DAY
    second = renewed(rooted)
    rooted.seen("mac-01", second)
    rooted.end("mac-01")
    note_refused(rooted.place, {first}, rooted.now)
    assert client(rooted)["next_step"].startswith("See that Azure refuses it, and")
    note_refused(rooted.place, {first, second, "AB" * 20}, rooted.now)
    written = rooted.content()
    note_refused(rooted.place, {first, second, "AB" * 20}, rooted.now)
    assert rooted.content() == written
    assert client(rooted)["next_step"] == "Take the profile off the Mac."
    rooted.seen("mac-01", status="removed")
    here = client(rooted)
    assert (here["next_step"], here["detail"]) == ("", "Azure refuses it, as was seen at 2026-11-24T12:00:00Z.")
    assert [e["sha1"] for e in told(rooted, history=True)["events"] if e["what"] == REFUSED] == [first, second]
    rooted.now += 400 * DAY
    assert (client(rooted)["next_step"], client(rooted)["detail"]) == ("", "Its certificates have ended.")


def test_the_report_keeps_who_when_and_why(rooted: Pki) -> None:
    sha1 = issued(rooted)
    rooted.now += DAY
    rooted.end("mac-01", why="stolen in Rome", who="anna")
    (certificate,) = [c for c in told(rooted)["certificates"] if c["sha1"] == sha1]
    since = "2026-11-23T12:00:00Z"
    assert [certificate[key] for key in ("state", "since", "why", "who")] == [
        "revoked",
        since,
        "stolen in Rome",
        "anna",
    ]
    (event,) = [e for e in told(rooted, history=True, clients=["mac-01"])["events"] if e["what"] == "revoked"]
    assert event == {
        "time": since, "sha1": sha1, "client": "mac-01", "what": "revoked", "reason": "stolen in Rome", "who": "anna",
    }  # fmt: skip
    assert told(rooted)["to_refuse"] == [{"name": f"mac-01.revoked-{sha1[:8]}", "thumbprint": sha1}]


# -- clocks that were wrong


def test_a_certificate_of_the_future_succeeds_nothing(rooted: Pki) -> None:
    good = issued(rooted)
    rooted.seen("mac-01", good)
    rooted.now += 400 * DAY  # a clock runs ahead for one run
    early = renewed(rooted)
    rooted.seen("mac-01", early)
    rooted.now -= 399 * DAY
    assert told(rooted)["revocable"] == []
    assert status(rooted) == "not_yet_valid"
    assert told(rooted)["roots"][0]["needed_by"] == ["mac-01"]
    healed = issued(rooted)
    rooted.seen("mac-01", healed)
    assert {entry["sha1"] for entry in told(rooted)["revocable"]} == {good, early}
    assert status(rooted) == "current"


# -- one client, one Mac


def test_what_any_mac_was_last_seen_with_is_needed(rooted: Pki) -> None:
    """The name of one Mac was given to another one, which was not noticed."""
    first = issued(rooted)
    rooted.seen("mac-01", first)
    rooted.now += 2 * DAY
    second = renewed(rooted)
    rooted.seen("mac-01", second, serial_number="SECOND")
    here = client(rooted)
    assert (here["status"], here["serial_numbers"]) == ("two_macs", ["C02mac-01", "SECOND"])
    assert here["serial_number"] == "SECOND"  # the one that was seen last
    assert "mac-01 (C02mac-01) and mac-01 (SECOND) have its identity" in here["detail"]
    assert told(rooted)["revocable"] == []  # the first Mac would be locked out
    rooted.now += 2 * DAY
    assert rooted.issue("mac-01", renew_before_days=364).entries["mac-01"].failed
    forget(rooted.place, rooted.now, serial_number="C02mac-01")
    assert [entry["sha1"] for entry in told(rooted)["revocable"]] == [first]
    assert status(rooted) == "current"
    assert renewed(rooted) != second


def test_a_forgotten_mac_that_is_seen_again_counts_again(rooted: Pki) -> None:
    first = issued(rooted)
    rooted.seen("mac-01", first)
    assert forget(rooted.place, rooted.now, host="mac-02") == []
    foreseen = forget(rooted.place, rooted.now, host="mac-01", check=True)
    assert client(rooted)["host"] == "mac-01"
    assert forget(rooted.place, rooted.now, host="mac-01", who="anna") == foreseen
    assert forget(rooted.place, rooted.now, host="mac-01") == []
    assert (client(rooted)["host"], status(rooted)) == ("", "never_delivered")
    last = told(rooted, history=True)
    assert [d["status"] for d in last["deliveries"]] == []
    (event,) = [e for e in last["events"] if e["what"] == "forgotten"]
    assert (event["who"], event["reason"]) == ("anna", "the Mac mac-01 with the serial number C02mac-01")
    assert rooted.seen("mac-01", first)
    assert status(rooted) == "current"


def test_a_mac_that_was_renamed_is_the_same(rooted: Pki) -> None:
    first = issued(rooted)
    rooted.seen("mac-01", first)
    rooted.seen("annas-mac", first, serial_number="C02mac-01")
    assert (status(rooted), client(rooted)["host"]) == ("current", "annas-mac")
    rooted.seen("annas-mac", serial_number="C02mac-01", status="removed")
    rooted.seen("mac-02", first)
    assert client(rooted)["serial_numbers"] == ["C02mac-02"]  # it was taken from the first


def test_a_mac_without_a_serial_number_has_its_name(rooted: Pki) -> None:
    first = issued(rooted)
    for host in ("mac-01", "mac-02"):
        rooted.seen(host, first, serial_number="")
    rooted.now += 2 * DAY
    second = renewed(rooted)
    rooted.seen("mac-01", second, serial_number="")
    assert told(rooted)["revocable"] == []
    rooted.seen("mac-02", second, serial_number="")
    assert [entry["sha1"] for entry in told(rooted)["revocable"]] == [first]


# -- the modules


def test_an_export_is_the_store_and_only_changes_with_it(
    rooted: Pki, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cluster: Cluster | None = None if isinstance(rooted.place, SqliteFile) else request.getfixturevalue("cluster")
    sha1 = issued(rooted)
    rooted.seen("mac-01", sha1, gateway_roots=("AA", "BB"))
    rooted.end("mac-01", why="sold")
    dest = tmp_path / "ledger.json"
    args = {"pki": rooted.option, "state": "exported", "dest": str(dest)}
    assert run_action("ledger", args, check=True)["changed"]
    assert not dest.exists()
    assert run_action("ledger", args, diff=True)["diff"]["before"] == ""
    assert not run_action("ledger", args)["changed"]
    assert dest.stat().st_mode & 0o777 == 0o600
    document = json.loads(dest.read_bytes())
    query = "SELECT sha1, state FROM certificates ORDER BY id"
    assert [(c["sha1"], c["state"]) for c in document["certificates"]] == rows(rooted.place, query, cluster)
    query = "SELECT time, sha1, what, reason FROM events ORDER BY id"
    assert [tuple(e[k] for k in ("time", "sha1", "what", "reason")) for e in document["events"]] == rows(
        rooted.place, query, cluster
    )
    assert [d["gateway_roots"] for d in document["deliveries"]] == [["AA", "BB"]]
    for certificate in document["certificates"]:
        said = openssl("x509", "-noout", "-serial", "-fingerprint", "-sha1", stdin=certificate["pem"])
        assert f"serial={certificate['serial']}" in said
        assert certificate["sha1"] in said.replace(":", "")
    assert "PRIVATE" not in dest.read_text()

    table = tmp_path / "ledger.csv"
    assert run_action("ledger", args | {"dest": str(table)})["changed"]
    lines = list(csv.DictReader(table.read_text().splitlines()))
    assert [(line["name"], line["state"], line["why"]) for line in lines] == [
        ("P2SRootCert", "issued", "missing"),
        ("mac-01", "revoked", "sold"),
    ]
    rooted.now += 100 * DAY
    assert export_text(rooted.place, ".csv") == table.read_bytes()
    table.write_bytes(b"\xff\xfe, and no text")
    assert "and no text" in run_action("ledger", args | {"dest": str(table)}, diff=True)["diff"]["before"]
    with table.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse
    assert "is larger than" in run_action("ledger", args | {"dest": str(table)}, diff=True)["diff"]["before"]
    assert "rename it" in run_action("ledger", args | {"dest": "ledger.txt"})["msg"]
    assert "does not exist" in run_action("ledger", args | {"dest": "/nowhere/ledger.csv"})["msg"]


def test_the_module_tells_the_same_as_a_second_tool(rooted: Pki, request: pytest.FixtureRequest) -> None:
    cluster: Cluster | None = None if isinstance(rooted.place, SqliteFile) else request.getfixturevalue("cluster")
    rooted.issue("mac-01", "mac-02")
    before = rooted.content()
    result = run_action("ledger_info", {"pki": rooted.option, "history": True}, check=True)
    assert not result["changed"]
    assert rooted.content() == before
    query = "SELECT name, sha1, serial FROM certificates ORDER BY id"
    assert [(c["name"], c["sha1"], c["serial"]) for c in result["certificates"]] == rows(rooted.place, query, cluster)
    json.dumps(result)
    for days in (-1, 36_501, 999_999_999):
        result = run_action("ledger_info", {"pki": rooted.option, "renew_before_days": days})
        assert result["msg"] == "renew_before_days must lie between 0 and 36500."


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "missing required arguments: pki, state"),
        ({"pki": "pki.db", "state": "lost"}, "value of state must be one of"),
        ({"pki": "pki.db", "state": "backup"}, "state is backup but all of the following are missing: dest"),
        ({"pki": "pki.db", "state": "exported"}, "state is exported but all of the following are missing: dest"),
        ({"pki": "pki.db", "state": "rekeyed"}, "missing: passphrase, new_passphrase"),
        ({"pki": "pki.db", "state": "forgotten"}, "state is forgotten but any of the following are missing"),
        ({"pki": "", "state": "checked"}, "pki is empty"),
        ({"pki": "pki.db", "state": "checked"}, "There is no store at"),
        ({"pki": "pki.db", "state": "forgotten", "host": "x"}, "There is no store at"),
    ],
)
def test_what_the_module_asks_for(args: dict[str, Any], words: str, tmp_path: Path) -> None:
    if args.get("pki"):
        args = args | {"pki": str(tmp_path / "pki.db")}
    result = run_action("ledger", args)
    assert result["failed"]
    assert words in result["msg"]
