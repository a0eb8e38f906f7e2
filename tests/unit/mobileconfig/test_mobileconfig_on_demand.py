# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules come out of which wishes, and what a Mac would then do on which network."""

from __future__ import annotations

import itertools
from fnmatch import fnmatchcase
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.on_demand import build


@pytest.mark.parametrize("wish", [None, {}, {"connect": "never"}, {"connect": "never", "domains": [], "enabled": True}])
def test_nothing_wished_for(wish: Any) -> None:
    assert build(wish).rules == ()


def test_always() -> None:
    on_demand = build({"connect": "always"})
    assert on_demand.enabled
    assert on_demand.rules == ({"Action": "Connect"},)


def test_rules_that_the_person_switches_on() -> None:
    on_demand = build({"connect": "always", "enabled": False})
    assert (on_demand.enabled, len(on_demand.rules)) == (False, 1)


def test_trusted_networks_come_first_each_kind_by_itself() -> None:
    wish = {
        "connect": "always",
        "trusted_ssids": ["Office"],
        "trusted_domains": ["office.example.com"],
        "trusted_dns_servers": ["10.1.*"],
    }
    assert build(wish).rules == (
        {"Action": "Disconnect", "InterfaceTypeMatch": "WiFi", "SSIDMatch": ["Office"]},
        {"Action": "Disconnect", "DNSDomainMatch": ["office.example.com"]},
        {"Action": "Disconnect", "DNSServerAddressMatch": ["10.1.*"]},
        {"Action": "Connect"},
    )


def test_by_interface() -> None:
    assert build({"connect": "always", "interfaces": ["wifi", "ethernet", "wifi"], "otherwise": "ignore"}).rules == (
        {"Action": "Connect", "InterfaceTypeMatch": "WiFi"},
        {"Action": "Connect", "InterfaceTypeMatch": "Ethernet"},
        {"Action": "Ignore"},
    )


def test_by_ssid_and_behind_a_captive_portal() -> None:
    probe = "http://captive.apple.com/hotspot-detect.html"
    wish = {"connect": "always", "interfaces": ["ethernet", "wifi"], "ssids": ["Cafe"], "url_probe": probe}
    assert build(wish).rules == (
        {"Action": "Connect", "InterfaceTypeMatch": "Ethernet", "URLStringProbe": probe},
        {"Action": "Connect", "InterfaceTypeMatch": "WiFi", "SSIDMatch": ["Cafe"], "URLStringProbe": probe},
        {"Action": "Disconnect"},
    )


def test_by_domain() -> None:
    wish = {
        "connect": "domains",
        "domains": ["corp.example.com"],
        "excluded_domains": ["www.corp.example.com"],
        "required_dns_servers": ["10.0.0.4"],
        "required_url_probe": "https://probe.corp.example.com/",
    }
    assert build(wish).rules == (
        {
            "Action": "EvaluateConnection",
            "ActionParameters": [
                {"Domains": ["www.corp.example.com"], "DomainAction": "NeverConnect"},
                {
                    "Domains": ["corp.example.com"],
                    "DomainAction": "ConnectIfNeeded",
                    "RequiredDNSServers": ["10.0.0.4"],
                    "RequiredURLStringProbe": "https://probe.corp.example.com/",
                },
            ],
        },
    )


def test_apples_own_rules() -> None:
    rules = [{"Action": "Connect", "SSIDMatch": ["A"]}, {"Action": "Ignore"}]
    assert list(build({"rules": rules, "enabled": False}).rules) == rules


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"trusted_ssids": ["Office"]}, "trusted_ssids"),
        ({"connect": "domains"}, "on_demand.domains"),
        ({"connect": "always", "domains": ["a"]}, "connect: domains"),
        ({"connect": "always", "required_url_probe": "a"}, "connect: domains"),
        ({"connect": "always", "rules": [{"Action": "Connect"}]}, "stands alone"),
        ({"ssids": ["x"], "rules": [{"Action": "Connect"}]}, "stands alone"),
    ],
)
def test_wishes_that_contradict_each_other(wish: Any, named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        build(wish)


def action_on(rules: tuple[dict[str, Any], ...], network: dict[str, str]) -> str:
    """What a Mac does there, by Apple's description: the first rule of which every match key fits."""
    keys = {
        "InterfaceTypeMatch": lambda want: network["interface"] == want,
        "SSIDMatch": lambda want: network["interface"] == "WiFi" and network["ssid"] in want,
        "DNSDomainMatch": lambda want: any(fnmatchcase(network["domain"], each) for each in want),
    }
    for rule in rules:
        if all(keys[key](value) for key, value in rule.items() if key in keys):
            return str(rule["Action"])
    raise AssertionError("no rule is for this network")


NETWORKS = [
    {"interface": interface, "ssid": ssid, "domain": domain}
    for interface, ssid, domain in itertools.product(["WiFi", "Ethernet"], ["Office", "Cafe"], ["office.test", "home"])
]


INTERFACES = [None, ["wifi"], ["ethernet"], ["wifi", "ethernet"]]
TRUSTED: list[dict[str, list[str]]] = [{}, {"trusted_ssids": ["Office"]}, {"trusted_domains": ["office.test"]}]


@pytest.mark.parametrize(("ssids", "trusted"), list(itertools.product([None, ["Cafe"]], TRUSTED)))
def test_what_a_mac_does_on_each_network(ssids: list[str] | None, trusted: dict[str, list[str]]) -> None:
    for network, interfaces in itertools.product(NETWORKS, INTERFACES):
        rules = build({"connect": "always", "interfaces": interfaces, "ssids": ssids, **trusted}).rules
        on_wifi = network["interface"] == "WiFi"
        trusts = (on_wifi and network["ssid"] in trusted.get("trusted_ssids", ())) or (
            network["domain"] in trusted.get("trusted_domains", ())
        )
        if ssids and on_wifi:
            wanted = network["ssid"] in ssids
        elif ssids or interfaces:
            wanted = network["interface"].lower() in (interfaces or [])
        else:
            wanted = True
        expected = "Connect" if wanted and not trusts else "Disconnect"
        assert action_on(rules, network) == expected, (network, interfaces)
