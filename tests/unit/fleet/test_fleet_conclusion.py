# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a run."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.choosing import chosen
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.conclusion import (
    data,
    lines,
    removals,
    seen,
    standings,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.connections import sentences
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.run import Run
from ansible_collections.vwan.user_vpn.tests.unit.fleet.runs import UP, mac, of, run

UNREACHABLE = {"unreachable": True, "msg": "Task failed: Failed to connect to the host via ssh: no route"}
FAILED = {"failed": True, "msg": "anna may not read profiles: set become: true."}
REFUSED = {
    "failed": True,
    "connected": False,
    "refused": True,
    "identities": ["AB"],
    "msg": "It was refused.",
    "address": "",
}

REVOKED = {"certificates_issued": {"clients": {"anna": {"failed": True, "reason": "revoked"}}}}


@pytest.mark.parametrize(
    ("told", "status", "failed", "msg"),
    [
        (of(mac("installed")), "current", False, "It is installed."),
        (of(mac("pending_approval")), "waiting for approval", False, "It is pending_approval."),
        (of(mac("incomplete")), "behind", False, "It is incomplete."),
        (of(mac("no_console_user")), "nobody at the screen", False, "It is no_console_user."),
        (of(mac("mdm_required")), "behind", False, "It is mdm_required."),
        (of(UNREACHABLE), "unreachable", True, "Failed to connect to the host via ssh: no route"),
        (of(FAILED), "failed", True, "anna may not read profiles: set become: true."),
        (of({"failed": True}), "failed", True, "no reason was given"),
        ({"entry": {"failed": True, "msg": "dns is wrong."}}, "failed", True, "dns is wrong."),
        ({"entry": {"failed": True, "msg": "It was revoked."}} | REVOKED, "revoked", True, "It was revoked."),
        (of(mac("installed")) | REVOKED, "current", False, "It is installed."),
        ({"entry": {"delivery": "export"}}, "exported", False, "Its profile was exported, and the Mac was not asked."),
        ({}, "failed", True, "Nothing was found out about this Mac in this run."),
        (of(mac("installed"), connect_result=UNREACHABLE), "unreachable", True, None),
        (of(mac("installed"), connect_result=FAILED), "failed", True, "anna may not read profiles: set become: true."),
        (of(mac("installed"), connect_result=REFUSED), "current", False, "It is installed."),
        (
            of(mac("installed"), connect_result=REFUSED, user_vpn_require_connected=True),
            "failed",
            True,
            "It was refused.",
        ),
        (of(mac("installed", tunnel=UP), user_vpn_require_connected=True), "current", False, "It is installed."),
        (of(mac("pending_approval"), user_vpn_require_installed=True), "waiting for approval", True, None),
        (of(mac("installed"), user_vpn_require_installed=True), "current", False, None),
    ],
)
def test_where_a_mac_stands(told: dict[str, Any], status: str, failed: bool, msg: str | None) -> None:
    (standing,) = standings(run(anna=told))
    assert (standing.status, standing.failed) == (status, failed)
    assert msg in (None, standing.msg)


def by_mdm(**told: Any) -> dict[str, Any]:
    return {"user_vpn_delivery": "mdm", "entry": {"delivery": "mdm_api"}, "configure_client_in_mdm": told}


def of_mdm(state: str, **more: Any) -> dict[str, Any]:
    told = {"state": state, "failed": False, "msg": "", "last_seen": "2026-11-28T08:00:00Z", "serial_number": "C02A"}
    return {"anna": told | {"wanted_version": "U", "shown_version": "U" if state == "installed" else ""} | more}


@pytest.mark.parametrize(
    ("told", "status", "failed", "msg"),
    [
        (by_mdm(macs=of_mdm("installed")), "current", False, "The MDM says installed; it last heard of the Mac: 2026"),
        (by_mdm(macs=of_mdm("pending", last_seen="")), "behind", False, "it last heard of the Mac: never."),
        (by_mdm(macs=of_mdm("failed", failed=True, msg="It refuses.")), "failed", True, "It refuses."),
        (by_mdm(failed=False, msg="Jamf Pro refuses the login."), "failed", True, "Jamf Pro refuses the login."),
        (by_mdm(skipped=True, msg="x"), "exported", False, "was exported"),
        (
            by_mdm(macs=of_mdm("installed")) | {"user_vpn_require_connected": True},
            "failed",
            True,
            "No run contacts this",
        ),
    ],
)
def test_what_an_mdm_says_of_a_mac(told: dict[str, Any], status: str, failed: bool, msg: str) -> None:
    (standing,) = standings(run(anna=told))
    assert (standing.status, standing.failed) == (status, failed)
    assert msg in standing.msg


def test_what_an_mdm_says_is_noted_as_what_a_mac_was_seen_with() -> None:
    mdm = by_mdm(macs=of_mdm("installed", macos_version="15.5"))
    (told,) = seen(run(anna=mdm | {"user_vpn_identifier": "com.example.vpn"}))
    assert (told["status"], told["shown_uuid"], told["identifier"]) == ("installed", "U", "com.example.vpn")
    assert told["macos_version"] == "15.5"
    assert seen(run(anna=by_mdm(macs=of_mdm("failed", failed=True)))) == []
    # Where each Mac asks for itself, its own answer counts.
    alone = {"configure_client_in_mdm_alone": {"macs": {"ben": of_mdm("pending")["anna"]}}}
    two = {"anna": by_mdm(macs=of_mdm("installed")), "ben": by_mdm(skipped=True) | alone}
    assert [standing.status for standing in standings(run(**two))] == ["current", "behind"]


def test_check_mode_makes_nobody_fail_for_what_a_real_run_would_do() -> None:
    strict = {"user_vpn_require_installed": True}
    assert [s.failed for s in standings(run(check=True, anna=of(mac("pending_approval"), **strict)))] == [False]


def test_what_people_read() -> None:
    told = standings(
        run(
            anna=of(mac("installed", tunnel=UP)),
            ben=of(mac("installed")),
            chris=of(mac("pending_approval")),
            dora=of(mac("pending_approval", msg="another")),
            eve=of(FAILED),
            fay=of({"failed": True, "msg": "sudo asked for a password."}),
            gus=of(FAILED),
        )
    )
    assert lines(told) == [
        "7 Macs: 2 current, 2 waiting for approval, 3 failed. 1 connected.",
        "waiting for approval: chris, dora. Each person approves the profile in System Settings > General > Device "
        "Management; then run again.",
        "failed: eve, gus. anna may not read profiles: set become: true.",
        "failed: fay. sudo asked for a password.",
    ]
    assert lines(told[:1], check=True) == ["Check mode, nothing was changed. 1 Mac: 1 current. 1 connected."]
    assert lines([]) == ["0 Macs: none. 0 connected."]
    found = data(told)
    assert found["hosts"] == {"waiting for approval": ["chris", "dora"], "failed": ["eve", "fay", "gus"]}
    assert {status: number for status, number in found["counts"].items() if number} == {
        "current": 2,
        "waiting for approval": 2,
        "failed": 3,
    }


def test_what_the_store_is_to_note() -> None:
    told = run(
        anna=of(mac("installed")),
        ben=of(UNREACHABLE),
        chris=of(mac("pending_approval")),
        dora={"entry": {"failed": True, "msg": "x"}},
        eve={"install_certificates_result": mac("installed")},
        fay={"revoke_removed": mac("removed", profile_uuid="")},
    )
    assert [each["host"] for each in seen(told)] == ["anna", "chris", "fay"]
    assert [seen(told)[2][name] for name in ("status", "shown_uuid", "certificate_sha1")] == ["removed", "", ""]
    assert seen(told)[0] == {
        "host": "anna",
        "identifier": "com.example.vpn",
        "serial_number": "C02A",
        "macos_version": "15.5",
        "status": "installed",
        "profile_uuid": "U",
        "shown_uuid": "U",
        "profile_sha256": "F",
        "certificate_sha1": "A",
        "gateway_roots": ["R"],
        "address": "",
        "in_store": True,
    }


def test_the_next_step_is_in_the_words_of_the_macs_macos() -> None:
    old = mac("pending_approval", macos_version="12.7")
    told = run(anna=of(old), ben=of({"status": "key_wanted", "msg": "It has no key."}))
    assert lines(standings(told))[1:] == [
        "waiting for approval: anna. Each person approves the profile in System Preferences > Profiles; then run "
        "again.",
        "behind: ben. It has no key.",
    ]


def test_a_step_that_runs_by_itself_concludes_from_what_it_saw() -> None:
    up = {"connected": True, "installed": True, "address": "172.16.0.5", "msg": "It is up."}
    hostvars: dict[str, Any] = {
        "anna": {"user_vpn_fleet": ["anna", "ben", "chris"], "connect_result": up},
        "ben": {"connect_result": {"connected": False, "installed": False, "address": "", "msg": "Install it."}},
        "chris": {},
    }
    told = standings(Run(hostvars))
    assert lines(told) == ["2 Macs: 1 current, 1 behind. 1 connected.", "behind: ben. Install it."]


def test_an_azure_that_says_nothing_fails_those_that_have_to_be_connected() -> None:
    told = run(
        anna=of(mac("installed", tunnel=UP), connect_health={"failed": False, "msg": "x"}),
        ben=of(mac("installed", tunnel=UP), user_vpn_require_connected=True),
    )
    assert [(each.status, each.failed) for each in standings(told)] == [("current", False), ("failed", True)]


def test_after_a_revocation() -> None:
    hostvars: dict[str, Any] = {
        "anna": {"revoke_macs": ["anna", "ben", "chris", "dora"], "revoke_removed": mac("removed")},
        "ben": {"revoke_removed": UNREACHABLE},
        "chris": {"revoke_removed": FAILED},
        "dora": {"revoke_removed": mac("removed"), "revoke_keychain_result": mac("no_console_user")},
    }
    told = removals(Run(hostvars))
    assert [(each.host, each.status, each.failed) for each in told] == [
        ("anna", "removed", False),
        ("ben", "unreachable", False),  # Azure refuses it all the same
        ("chris", "failed", True),
        ("dora", "nobody at the screen", False),
    ]


def test_a_revocation_that_an_mdm_has_still_to_carry_out() -> None:
    """Nobody is to let it deliver anything."""
    (told,) = removals(run(anna=by_mdm() | {"revoke_macs": ["anna"], "revoke_in_mdm": {"macs": of_mdm("pending")}}))
    assert (told.status, told.next_step, told.failed) == ("behind", "", False)
    assert lines([told])[1].startswith("behind: anna. The MDM says pending; it last heard of the Mac: 2026")


def test_what_there_is_to_say_about_connections() -> None:
    told = run(
        anna=of(mac("installed"), connect_result=REFUSED),
        ben=of(mac("installed"), connect_result=REFUSED),
        chris=of(mac("installed", tunnel=UP)),
        dora=of(mac("installed"), connect_result={"connected": True, "address": "172.16.0.9"}),
    )
    said = sentences(told, {}, {}, {"addresses": ["172.16.0.5"], "connections": 7})
    assert said[0].startswith("The gateway refused anna, ben. The ledger does not know the certificate on this Mac")
    assert said[1] == "Azure sees 1 of 2 Macs that are connected."
    assert said[2].startswith("Azure does not see dora (172.16.0.9) among the 7 clients that are connected.")
    assert sentences(told, {}, {}, {"failed": True, "msg": "AuthorizationFailed"})[1:] == [
        "Azure did not say who is connected: AuthorizationFailed"
    ]
    assert len(sentences(told, {}, {}, {"skipped": True})) == 1
    assert sentences(run(anna=of(mac("pending_approval")), ben=of(UNREACHABLE)), {}, {}, {}) == []


def test_why_macs_are_not_connected_and_what_a_person_has_to_trust() -> None:
    down = {"connected": False, "msg": "The tunnel did not come up.", "address": ""}
    by_hand = {"untrusted_roots": ["AB"], "msg": "Trust the root.", "status": "installed"}
    said = sentences(
        run(
            anna=of(mac("installed")),
            ben=of(mac("installed"), connect_result=down),
            chris=of(mac("installed")),
            dora=of(mac("installed", tunnel=UP)),
            eve={"install_certificates_result": by_hand},
        ),
        {},
        {},
        {},
    )
    assert len(said) == 3
    assert said[0].startswith("Not connected: anna, chris. Nothing on this Mac can start 'Contoso VPN' from")
    assert said[1:] == ["Not connected: ben. The tunnel did not come up.", "eve: Trust the root."]


def test_a_way_that_is_named_but_cannot_be_used_is_the_macs_own_task_to_refuse() -> None:
    told = run(anna=of(mac("installed"), user_vpn_connect_via="shortcut"))
    assert chosen(told, "connect") == ["anna"]


def test_the_user_group_of_each_mac_is_said() -> None:
    """By what stands in the certificate that was rendered, one from a file too, or else in the one that was issued."""
    groups = [
        {"name": "red", "default": False, "priority": 1, "members": [{"type": "CertificateGroupId", "value": "red"}]},
        {"name": "others", "default": True, "priority": 2, "members": []},
    ]
    connections = [
        {"name": "c1", "address_pools": ["10.1.0.0/24"], "user_groups": ["red"]},
        {"name": "c2", "address_pools": ["10.2.0.0/24"], "user_groups": ["others"]},
    ]
    configuration = {"user_groups": groups, "gateways": [{"connection_configurations": connections}]}
    issued = {"clients": {"chris": {"common_name": "RED\\chris"}}}
    looked = {"certificates_grouped": {"configurations": [configuration]}, "certificates_issued": issued}
    told = standings(
        run(
            anna=of(mac("installed"), entry={"common_name": "anna@red"}) | looked,
            ben=of(mac("installed"), entry={"common_name": "ben"}) | looked,
            chris=of(mac("installed"), entry=None) | looked,
            dora=of(mac("installed")) | looked,
        )
    )
    assert [(each.user_group, *each.address_pools) for each in told] == [
        ("red", "10.1.0.0/24"), ("others", "10.2.0.0/24"), ("red", "10.1.0.0/24"), ("",),
    ]  # fmt: skip
    assert lines(told)[1:] == [
        "User group others, addresses of 10.2.0.0/24: ben.",
        "User group red, addresses of 10.1.0.0/24: anna, chris.",
    ]
    for nothing in ({"skipped": True}, {"configurations": []}, {"configurations": [{"user_groups": []}]}):
        told = standings(run(anna=of(mac("installed"), certificates_grouped=nothing)))
        assert lines(told) == ["1 Mac: 1 current. 0 connected."]
