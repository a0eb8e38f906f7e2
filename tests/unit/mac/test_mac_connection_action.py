# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mac_connection asks of a Mac, and what it makes of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.disconnects import IKEV2, PLUGIN
from ansible_collections.vwan.user_vpn.tests.unit.mac.answering import IDENTIFIER, AnsweringMac, installed

ARGS: dict[str, Any] = {"identifier": IDENTIFIER}
DOWN_ARGS: dict[str, Any] = ARGS | {"state": "disconnected"}
PROFILE: dict[str, Any] = {"profile": [installed("5C1D", ("Contoso VPN", 0))], "vpnutil": "1"}
ON_DEMAND: dict[str, Any] = {"profile": [installed("5C1D", ("Contoso VPN", 1))]}
UP: dict[str, Any] = {"tunnel": ["ipsec0\t10.9.8.7"]}


def test_what_is_up_already_costs_one_exec_and_no_change() -> None:
    mac = AnsweringMac(**PROFILE, **UP)
    result = mac.run("mac_connection", ARGS, diff=True)
    assert [(asked.verb, asked.arguments) for asked in mac.asked] == [("know", {"check": "1", "uuid": "", "whole": ""})]
    assert (result["failed"], result["changed"], result["connected"]) == (False, False, True)
    assert (result["interface"], result["address"], result["how"]) == ("ipsec0", "10.9.8.7", "")
    assert result["msg"] == "The tunnel is up: ipsec0 has 10.9.8.7."
    assert "diff" not in result


def test_what_mac_profile_or_mac_key_told_is_known() -> None:
    entry = {"failed": False, "host": "test-host", "path": "x", "identifier": IDENTIFIER, "scope": "System"}
    entry |= {"display_name": "VPN", "delivery": "approve", "profile_uuid": "UUID", "sha256": "ab" * 32}
    entry |= {"certificate_sha1": "", "certificates": [], "gateway_roots": [], "key_on_mac": False}
    for module, args in (("mac_profile", {"profile": entry, "offered_to": "anna"}), ("mac_key", {"state": "absent"})):
        told = AnsweringMac(**PROFILE, **UP).run(module, args if module == "mac_profile" else ARGS | args)
        mac = AnsweringMac()
        assert mac.run("mac_connection", ARGS | {"known": told})["connected"] is True
        assert mac.verbs == []


def test_what_is_known_already_is_not_asked_again() -> None:
    known = AnsweringMac(**PROFILE, **UP).run("mac_info", ARGS)
    mac = AnsweringMac()
    assert mac.run("mac_connection", ARGS | {"known": known})["connected"] is True
    assert mac.asked == []


def test_it_is_started_and_waited_for() -> None:
    mac = AnsweringMac({"connect": UP}, **PROFILE, identity=["AB" * 20])
    said: list[str] = []
    predicted = mac.run("mac_connection", ARGS, check=True, diff=True)
    assert mac.verbs == ["know"]
    assert (predicted["changed"], predicted["connected"], predicted["how"]) == (True, False, "vpnutil")
    assert predicted["msg"] == "A real run would connect through vpnutil ('Contoso VPN')."
    result = mac.run("mac_connection", ARGS | {"probe": "10.0.0.4"}, diff=True, said=said)
    assert mac.verbs == ["know", "connect"]
    # how, name, limit, the VPN whose log counts, tunnels that are not ours, probe
    assert mac.asked[1].arguments == {
        "how": "vpnutil", "name": "Contoso VPN", "limit": "30", "vpn": "Contoso VPN", "others": "", "probe": "10.0.0.4",
    }  # fmt: skip
    assert (mac.asked[1].identifier, mac.asked[1].scope) == (IDENTIFIER, "System")
    assert said == ["[test-host] waiting up to 30 s for the tunnel through vpnutil ('Contoso VPN')"]
    assert (result["changed"], result["connected"], result["refused"], result["cause"]) == (True, True, False, "")
    assert result["identities"] == ["AB" * 20]
    header = {"before_header": "tunnel of test-host", "after_header": "tunnel of test-host"}
    assert result["diff"] == predicted["diff"] == header | {"before": "down\n", "after": "up\n"}


def test_it_is_stopped() -> None:
    mac = AnsweringMac({"disconnect": {"tunnel": []}}, **PROFILE, **UP)
    assert mac.run("mac_connection", DOWN_ARGS, check=True)["msg"].startswith("A real run would disconnect through")
    result = mac.run("mac_connection", DOWN_ARGS, diff=True)
    assert mac.verbs == ["know", "disconnect"]
    assert (result["changed"], result["connected"], result["msg"]) == (True, False, "The tunnel is down.")
    assert (result["diff"]["before"], result["diff"]["after"]) == ("up\n", "down\n")
    assert mac.run("mac_connection", DOWN_ARGS)["changed"] is False


def test_what_on_demand_stops_it_starts_again() -> None:
    mac = AnsweringMac({"disconnect": {"tunnel": []}}, **ON_DEMAND, **UP, vpnutil="1")
    result = mac.run("mac_connection", DOWN_ARGS)
    assert result["msg"] == "The tunnel is down. On Demand will connect it again as soon as its rules say so."
    stays = AnsweringMac(**ON_DEMAND, **UP, vpnutil="1").run("mac_connection", DOWN_ARGS)
    assert stays["failed"] and stays["connected"] and not stays["changed"]
    assert stays["msg"].startswith("The tunnel is still up 30 s after it was stopped through vpnutil")
    assert stays["msg"].endswith("as soon as its rules say so.")
    other = AnsweringMac(**PROFILE, **UP).run("mac_connection", DOWN_ARGS)
    assert "On Demand" not in other["msg"]


@pytest.mark.parametrize(
    ("args", "changed", "predicted"),
    [
        ({}, False, "A real run would wait up to 30 s for On Demand to connect."),
        ({"probe": "10.0.0.4"}, True, "A real run would connect by On Demand."),
    ],
)
def test_on_demand_is_a_change_only_when_it_is_triggered(args: dict[str, Any], changed: bool, predicted: str) -> None:
    check = AnsweringMac(**ON_DEMAND).run("mac_connection", ARGS | args, check=True, diff=True)
    result = AnsweringMac({"connect": UP}, **ON_DEMAND).run("mac_connection", ARGS | args, diff=True)
    assert (check["msg"], check["changed"], result["changed"]) == (predicted, changed, changed)
    assert (result["connected"], result["how"]) == (True, "on_demand")
    assert ("diff" in result, "diff" in check) == (changed, changed)


@pytest.mark.parametrize(
    ("args", "mac", "words", "refused"),
    [
        ({"via": "shortcut", "shortcut": "VPN on"}, {"stage": "no_console_user"}, "needs a person's desktop", False),
        ({"via": "shortcut", "shortcut": "VPN on"}, {"stage": "no_shortcut"}, "no Shortcut 'VPN on': make one", False),
        ({}, {"stage": "refused", "message": "Could not find it"}, "vpnutil refused: Could not find it", False),
        (
            {},
            {"disconnect": f"{IKEV2} 3"},
            "did not come up through vpnutil ('Contoso VPN'): the gateway refused",
            True,
        ),
        ({}, {"disconnect": f"{PLUGIN} 23"}, "the authentication failed", True),
        ({}, {"disconnect": f"{PLUGIN} 20"}, f"({PLUGIN} 20)", False),
        ({}, {}, "within 30 s, and the log of this Mac gives no reason: connect by hand", False),
        (
            {},
            {"message": "log: Cannot run while sandboxed"},
            "cannot be read (log: Cannot run while sandboxed): con",
            False,
        ),
        ({}, {"stage": "no_shortcuts", "message": "Error: no helper."}, "cannot be listed: Error: no helper.", False),
        ({"timeout": 5}, {}, "within 5 s", False),
    ],
)
def test_why_it_did_not_come_up(args: dict[str, Any], mac: dict[str, Any], words: str, refused: bool) -> None:
    there = AnsweringMac({"connect": mac}, **PROFILE)
    result = there.run("mac_connection", ARGS | args, diff=True)
    assert (result["failed"], result["changed"], result["connected"]) == (True, False, False)
    assert words in result["msg"] and result["refused"] is refused
    assert "diff" not in result
    assert bool(result["cause"]) == ("disconnect" in mac)


def test_on_demand_that_did_not_come_up_wants_a_probe() -> None:
    mac = AnsweringMac(**ON_DEMAND)
    assert "name an address behind the tunnel in probe" in mac.run("mac_connection", ARGS)["msg"]
    assert "connect by hand to see" in mac.run("mac_connection", ARGS | {"probe": "10.0.0.4"})["msg"]
    mac.after["connect"] = {"disconnect": f"{PLUGIN} 20"}
    assert f"by On Demand: the gateway is not responding ({PLUGIN} 20)" in mac.run("mac_connection", ARGS)["msg"]


def test_what_came_up_in_the_end_was_not_refused() -> None:
    mac = AnsweringMac({"connect": UP | {"disconnect": f"{IKEV2} 3"}}, **PROFILE)
    result = mac.run("mac_connection", ARGS)
    assert (result["failed"], result["connected"], result["refused"]) == (False, True, False)


def test_no_way_to_connect_fails_without_a_second_exec() -> None:
    mac = AnsweringMac(profile=[installed("5C1D", ("Contoso VPN", 0))])
    result = mac.run("mac_connection", ARGS)
    assert (result["failed"], result["changed"], result["how"], mac.verbs) == (True, False, "", ["know"])
    assert "Nothing on this Mac can start 'Contoso VPN'" in result["msg"]


@pytest.mark.parametrize(("timeout", "limit"), [(0, "0"), (-3, "0"), (1, "1")])
def test_whoever_does_not_wait_is_not_told_to(timeout: int, limit: str) -> None:
    mac = AnsweringMac({"connect": UP}, **PROFILE)
    said: list[str] = []
    mac.run("mac_connection", ARGS | {"timeout": timeout}, said=said)
    assert mac.asked[1].arguments["limit"] == limit
    assert bool(said) == (timeout > 0)


@pytest.mark.parametrize(("scope", "failed"), [("System", True), ("User", False)])
def test_who_may_ask(scope: str, failed: bool) -> None:
    profile = installed("5C1D", ("Contoso VPN", 0), scope="anna")
    mac = AnsweringMac({"connect": UP}, user="anna", uid="501", profile=[profile], vpnutil="1")
    result = mac.run("mac_connection", ARGS | {"scope": scope})
    assert result["failed"] is failed
    if failed:
        assert "Only root sees System profiles and the log of this Mac: set become: true" in result["msg"]
    assert {asked.scope for asked in mac.asked} == {scope}


def test_another_vpns_tunnel_is_not_ours() -> None:
    pools = {"address_pools": ["172.16.0.0/24"]}
    mac = AnsweringMac({"connect": {"tunnel": ["ipsec0\t10.9.8.7", "ipsec1\t172.16.0.5"]}}, **PROFILE, **UP)
    result = mac.run("mac_connection", ARGS | pools)
    assert mac.asked[1].arguments["others"] == "10.9.8.7"  # what does not count there
    assert (result["changed"], result["interface"], result["address"]) == (True, "ipsec1", "172.16.0.5")
    stopped = AnsweringMac(**PROFILE, **UP).run("mac_connection", DOWN_ARGS | pools)
    assert (stopped["failed"], stopped["changed"], stopped["connected"]) == (False, False, False)


def test_without_the_profile_a_tunnel_is_somebody_elses() -> None:
    result = AnsweringMac(**UP).run("mac_connection", ARGS)
    assert result["failed"] and "The profile is not installed on this Mac" in result["msg"]
    assert result["connected"] is False
    for given in ({"by_hand": True}, {"address_pools": ["10.9.8.0/24"]}):
        assert AnsweringMac(**UP).run("mac_connection", ARGS | given)["connected"] is True


def test_several_vpns_are_told_apart_by_name() -> None:
    two = {"profile": [installed("5C1D", ("A", 0), ("B", 1))], "vpnutil": "1"}
    mac = AnsweringMac({"connect": UP}, **two)
    assert mac.run("mac_connection", ARGS | {"via": "on_demand"})["changed"] is False
    asked = mac.asked[1].arguments
    assert (asked["how"], asked["name"], asked["vpn"], asked["probe"]) == ("on_demand", "", "", "")
    mac = AnsweringMac({"connect": UP}, **two)
    mac.run("mac_connection", ARGS | {"connection_name": "B"})
    asked = mac.asked[1].arguments
    assert (asked["how"], asked["name"], asked["vpn"], asked["probe"]) == ("vpnutil", "B", "B", "")
