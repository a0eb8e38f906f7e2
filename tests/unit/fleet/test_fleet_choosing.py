# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Macs a play concerns."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.choosing import WAYS, chosen
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.conclusion import standings
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.connections import sentences
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.run import Run
from ansible_collections.vwan.user_vpn.tests.unit.fleet.runs import PROFILE, UP, mac, of, run

UNREACHABLE = {"unreachable": True, "msg": "Task failed: no route"}
FAILED = {"failed": True, "msg": "sudo asked for a password"}


@pytest.mark.parametrize("which", WAYS)
def test_nothing_is_known(which: str) -> None:
    assert chosen(Run({}), which) == []
    assert chosen(Run({"mac": {}}), which) == []


def test_a_way_that_there_is_not() -> None:
    with pytest.raises(UserVpnError, match=r"chosen by fleet, deliver, .*, not by luck"):
        chosen(Run({}), "luck")


def test_who_is_asked() -> None:
    told = run(
        anna={},
        ben={"entry": {"delivery": "mdm"}},
        chris={"entry": {"delivery": "export"}},
        dora={"entry": {"delivery": "export", "failed": True}},  # its own task says why
        eve={"entry": None},
    )
    assert chosen(told, "deliver") == ["anna", "ben", "dora"]
    assert chosen(told, "fleet") == ["anna", "ben", "chris", "dora", "eve"]


def test_who_has_its_certificates_in_a_keychain() -> None:
    told: dict[str, Any] = {"anna": {}, "ben": {"entry": None, "user_vpn_certificates_by": "keychain"}}
    assert chosen(run(**told), "keychain") == ["ben"]
    assert chosen(run({"user_vpn_certificates_by": "keychain"}, anna={}, ben={}), "keychain") == ["anna", "ben"]


def test_who_makes_a_key_and_who_is_waited_for() -> None:
    told = run(
        anna=of(mac("installed")),
        ben=of(mac("key_wanted")),
        chris=of(mac("pending_approval")),
        dora=of(UNREACHABLE),
        eve={},
    )
    assert chosen(told, "make_key") == ["ben"]
    assert chosen(told, "wait") == ["chris"]
    assert chosen(run({"user_vpn_wait": 0}, chris=of(mac("pending_approval"))), "wait") == []
    assert chosen(run(check=True, chris=of(mac("pending_approval"))), "wait") == []


@pytest.mark.parametrize(
    ("result", "settings", "expected"),
    [
        (mac("installed"), {}, False),  # nothing can start it
        (mac("installed", vpnutil=True), {}, True),
        (mac("installed", vpnutil=True, tunnel=UP), {}, False),
        (mac("installed", vpnutil=True, tunnel=UP), {"user_vpn_address_pools": ["10.0.0.0/8"]}, True),  # another VPN's
        (mac("installed", console_user="anna"), {"user_vpn_shortcut": "Connect"}, True),
        (mac("installed"), {"user_vpn_connect_via": "on_demand"}, True),
        (mac("pending_approval", vpnutil=True, profile=PROFILE), {}, False),
        (mac("no_console_user", vpnutil=True), {}, False),
        (UNREACHABLE, {}, False),
        (FAILED, {}, False),
        ({"skipped": True}, {}, True),  # nothing is known, so it is asked
    ],
)
def test_who_is_connected(result: dict[str, Any], settings: dict[str, Any], expected: bool) -> None:
    assert chosen(run(anna=of(result, **settings)), "connect") == (["anna"] if expected else [])


def test_whoever_failed_is_not_connected() -> None:
    """Its answer holds nothing of a tunnel."""
    by_hand = {"entry": None, "user_vpn_certificates_by": "keychain"}
    told = run(anna=by_hand | {"install_certificates_result": FAILED}, ben=of(UNREACHABLE), chris=of(FAILED))
    assert chosen(told, "connect") == []
    for which in WAYS:
        chosen(told, which)
    standings(told)
    assert sentences(told, {}, {}, {}) == []


def test_who_was_never_looked_at_is_connected_if_it_may_be_asked() -> None:
    assert chosen(run(anna={}, ben={"entry": {"delivery": "export"}}, chris={"entry": None}), "connect") == [
        "anna",
        "chris",
    ]


def test_by_hand_a_vpn_needs_a_name() -> None:
    by_hand = {
        "user_vpn_certificates_by": "keychain",
        "install_certificates_result": mac("installed", vpnutil=True, profile={}),
    }
    assert chosen(run(anna={"entry": None} | by_hand), "connect") == []
    assert chosen(run(anna={"entry": None, "user_vpn_connection_name": "Mine"} | by_hand), "connect") == ["anna"]


def test_who_has_failed() -> None:
    told: dict[str, Any] = {"macs": {"anna": {"failed": False}, "ben": {"failed": True}, "chris": {"failed": False}}}
    macs: dict[str, Any] = {host: {"report_conclusion": told} for host in ("anna", "ben", "chris")}
    assert chosen(run(**macs), "fail") == ["ben"]
    assert chosen(run({"user_vpn_max_fail_percentage": 33}, **macs), "fail") == ["anna", "ben", "chris"]
    assert chosen(run({"user_vpn_max_fail_percentage": "34"}, **macs), "fail") == ["ben"]
    assert chosen(run(**macs), "stop") == ["ben", "anna"]  # one stays, or Ansible would end the run for all
    assert chosen(run({"user_vpn_max_fail_percentage": 33}, **macs), "stop") == ["anna", "ben", "chris"]
    told["macs"]["ben"]["failed"] = False
    assert chosen(run(**macs), "stop") == []
    assert chosen(run({"user_vpn_max_fail_percentage": 0}, **macs), "fail") == []


def test_whom_an_mdm_has_not_brought_its_profile() -> None:
    def by_mdm(state: str, **more: Any) -> dict[str, Any]:
        told = {"macs": {"x": {}, "anna": {"state": state, "failed": False} | more}}
        return {"user_vpn_delivery": "mdm", "entry": {"delivery": "mdm_api"}, "configure_client_in_mdm": told}

    strict = {"user_vpn_require_installed": True}
    for told, expected in (
        (by_mdm("installed") | strict, []),
        (by_mdm("pending"), []),
        (by_mdm("pending") | strict, ["anna"]),
        (by_mdm("unknown_device", failed=True), ["anna"]),
        (by_mdm("x") | {"configure_client_in_mdm": {"failed": False, "msg": "no login"}}, ["anna"]),
    ):
        assert chosen(run(anna=dict(told)), "undelivered") == expected
    assert chosen(run(anna=by_mdm("pending")), "mdm") == chosen(run(anna=by_mdm("pending")), "in_mdm") == ["anna"]
    assert chosen(run(anna=by_mdm("pending")), "deliver") == chosen(run(anna=by_mdm("pending")), "connect") == []
