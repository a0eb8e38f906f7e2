# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPN On Demand as Apple documents it: rules are tried from the first, the first that matches decides.

Source: apple/device-management, com.apple.vpn.managed, OnDemandRules element. `URLStringProbe` and the probes of
`ActionParameters` are answered by the caller, since the lab has no web servers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class NetworkState:
    """What a Mac knows of the network it is in."""

    interface_type: str = "Ethernet"  # Ethernet, WiFi, Cellular
    ssid: str = ""
    dns_servers: tuple[str, ...] = ()
    search_domains: tuple[str, ...] = ()
    probe: Callable[[str], bool] = lambda _url: False


def action(rules: Sequence[Mapping[str, Any]], state: NetworkState) -> str:
    """Connect, Disconnect, EvaluateConnection or Ignore; Ignore when no rule matches."""
    rule = _first(rules, state)
    return str(rule["Action"]) if rule else "Ignore"


def connects_for(rules: Sequence[Mapping[str, Any]], state: NetworkState, host: str) -> bool:
    """Whether traffic to this host starts the tunnel."""
    rule = _first(rules, state)
    if rule is None or rule["Action"] != "EvaluateConnection":
        return rule is not None and rule["Action"] == "Connect"
    for parameters in rule.get("ActionParameters", []):
        if any(_domain_matches(host, domain) for domain in parameters["Domains"]):
            return _needed(parameters, state)
    return False


def _first(rules: Sequence[Mapping[str, Any]], state: NetworkState) -> Mapping[str, Any] | None:
    return next((rule for rule in rules if _matches(rule, state)), None)


def _matches(rule: Mapping[str, Any], state: NetworkState) -> bool:
    """Every condition that the rule names must hold."""
    if "InterfaceTypeMatch" in rule and rule["InterfaceTypeMatch"] != state.interface_type:
        return False
    if "SSIDMatch" in rule and rule["SSIDMatch"] and state.ssid not in rule["SSIDMatch"]:
        return False
    if "DNSDomainMatch" in rule and not _any_domain(rule["DNSDomainMatch"], state.search_domains):
        return False
    if "DNSServerAddressMatch" in rule and not _any_server(rule["DNSServerAddressMatch"], state.dns_servers):
        return False
    return "URLStringProbe" not in rule or state.probe(rule["URLStringProbe"])


def _needed(parameters: Mapping[str, Any], state: NetworkState) -> bool:
    """ConnectIfNeeded: the tunnel is needed when a required DNS server is not there or the required probe fails."""
    if parameters["DomainAction"] != "ConnectIfNeeded":
        return False
    servers, url = parameters.get("RequiredDNSServers"), parameters.get("RequiredURLStringProbe")
    if not servers and not url:
        return True
    return bool(servers and not set(servers) & set(state.dns_servers)) or bool(url and not state.probe(url))


def _any_domain(patterns: Sequence[str], domains: Sequence[str]) -> bool:
    return any(fnmatchcase(domain.lower(), pattern.lower()) for pattern in patterns for domain in domains)


def _any_server(patterns: Sequence[str], servers: Sequence[str]) -> bool:
    """The schema: if any of the network's servers match any entry."""
    return any(fnmatchcase(server, pattern) for pattern in patterns for server in servers)


def _domain_matches(host: str, domain: str) -> bool:
    """`example.com` matches itself and every name below it."""
    plain = domain.lower().removeprefix("*").removeprefix(".")
    return host.lower() == plain or host.lower().endswith(f".{plain}")
