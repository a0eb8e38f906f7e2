# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: rules of VPN On Demand, from a few wishes.

A Mac takes the first rule whose match keys all fit the network it is on (Apple schema, OnDemandRulesElement), so the
order is: trusted networks, then what connects, then one rule without match keys for the rest. Keys inside one rule
must all match, which is why every kind of trust and every interface has a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ProfileError

Rule = dict[str, Any]

INTERFACES = {"ethernet": "Ethernet", "wifi": "WiFi"}
# An SSID says nothing of a network of another kind.
_ON_WIFI = {"InterfaceTypeMatch": INTERFACES["wifi"]}
OTHERWISE = {"disconnect": "Disconnect", "ignore": "Ignore"}


@dataclass(frozen=True)
class OnDemand:
    """The two keys of the IKEv2 dictionary; no rules means that On Demand is not configured at all."""

    enabled: bool = False
    rules: tuple[Rule, ...] = ()


def build(wish: Mapping[str, Any] | None) -> OnDemand:
    """From the dictionary `on_demand` (its keys are described with the module's option of that name)."""
    given = {key: value for key, value in (wish or {}).items() if value not in (None, [], "")}
    enabled = bool(given.pop("enabled", True))
    otherwise = OTHERWISE[given.pop("otherwise", "disconnect")]
    connect = given.pop("connect", "never")
    own_rules = given.pop("rules", None)
    if own_rules:
        if given or connect != "never":
            raise ProfileError("on_demand.rules stands alone: leave out the other wishes of on_demand, or the rules.")
        return OnDemand(enabled, tuple(own_rules))
    if connect == "never":
        if given:
            raise ProfileError(
                f"on_demand names {', '.join(sorted(given))} but connect is never: set connect to always or domains."
            )
        return OnDemand()
    _check_domains(connect, given)
    return OnDemand(enabled, tuple(_rules(connect, given, otherwise)))


def _check_domains(connect: str, given: Mapping[str, Any]) -> None:
    only = {"domains", "excluded_domains", "required_dns_servers", "required_url_probe"} & set(given)
    if connect == "domains" and "domains" not in given:
        raise ProfileError("on_demand.connect is domains, so on_demand.domains must name at least one.")
    if connect != "domains" and only:
        raise ProfileError(f"on_demand names {', '.join(sorted(only))}, which needs connect: domains.")


def _rules(connect: str, wish: Mapping[str, Any], otherwise: str) -> Iterator[Rule]:
    trust: list[tuple[str, Any, Rule]] = [
        ("SSIDMatch", wish.get("trusted_ssids"), _ON_WIFI),
        ("DNSDomainMatch", wish.get("trusted_domains"), {}),
        ("DNSServerAddressMatch", wish.get("trusted_dns_servers"), {}),
    ]
    for key, values, network in trust:
        if values:
            yield {"Action": "Disconnect", key: list(values)} | network
    action = _connect_rule(connect, wish)
    matches = list(_matches(wish))
    for match in matches:
        yield action | match
    if {} not in matches:
        yield {"Action": otherwise}


def _matches(wish: Mapping[str, Any]) -> Iterator[Rule]:
    """The match keys of each connecting rule; one empty dictionary when any network will do."""
    probe = {"URLStringProbe": wish["url_probe"]} if wish.get("url_probe") else {}
    interfaces = list(wish.get("interfaces") or ())
    ssids = list(wish.get("ssids") or ())
    if not interfaces and not ssids:
        yield probe
    for name in dict.fromkeys(interfaces):
        # An SSID means Wi-Fi; beside it, "wifi" alone would undo the choice of network.
        if not (ssids and name == "wifi"):
            yield {"InterfaceTypeMatch": INTERFACES[name]} | probe
    if ssids:
        yield {"SSIDMatch": ssids} | _ON_WIFI | probe


def _connect_rule(connect: str, wish: Mapping[str, Any]) -> Rule:
    if connect == "always":
        return {"Action": "Connect"}
    wanted: Rule = {"Domains": list(wish["domains"]), "DomainAction": "ConnectIfNeeded"}
    if wish.get("required_dns_servers"):
        wanted["RequiredDNSServers"] = list(wish["required_dns_servers"])
    if wish.get("required_url_probe"):
        wanted["RequiredURLStringProbe"] = wish["required_url_probe"]
    parameters = [wanted]
    if wish.get("excluded_domains"):
        # First match wins, so the exceptions inside a wanted domain come before it.
        parameters.insert(0, {"Domains": list(wish["excluded_domains"]), "DomainAction": "NeverConnect"})
    return {"Action": "EvaluateConnection", "ActionParameters": parameters}
