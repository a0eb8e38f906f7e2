# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which way there is to start or stop a Mac's tunnel. Knows nothing of Ansible.

No command of macOS starts an IKEv2 service that came with a profile: `scutil --nc` and `networksetup` do not list it.
What does: VPN On Demand, a Shortcut that a person made, and vpnutil (github.com/Timac/VPNStatus).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..module_utils._errors import UserVpnError

AUTO, ON_DEMAND, VPNUTIL, SHORTCUT = "auto", "on_demand", "vpnutil", "shortcut"
WAYS = (AUTO, ON_DEMAND, VPNUTIL, SHORTCUT)
# The command `shortcuts` came with macOS 12.
SHORTCUTS_SINCE = 12
# P2S address pools are IPv4, and so is the `ping` of macOS.
_PROBE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")

Pool = ipaddress.IPv4Network | ipaddress.IPv6Network
NO_TUNNEL = {"connected": False, "interface": "", "address": ""}


@dataclass(frozen=True)
class Wish:
    """What the user asked for, checked. `by_hand`: somebody set the VPN up in System Settings, without a profile."""

    connect: bool = True
    via: str = AUTO
    connection_name: str = ""
    shortcut: str = ""
    probe: str = ""
    by_hand: bool = False

    def __post_init__(self) -> None:
        for option, value in (("connection_name", self.connection_name), ("shortcut", self.shortcut)):
            if value.startswith("-") or not value.isprintable():
                raise UserVpnError(f"{option} is {value!r}: give a name of printable characters that starts without -.")
        if self.probe and not _PROBE.fullmatch(self.probe):
            raise UserVpnError(f"probe is {self.probe!r}: give a host name or an IPv4 address behind the tunnel.")
        if self.via == SHORTCUT and not self.shortcut:
            raise UserVpnError("via is shortcut: name the Shortcut in the option shortcut.")


@dataclass(frozen=True)
class Plan:
    """The way to go and the name it needs; or else, in one sentence, why there is none."""

    how: str = ""
    name: str = ""
    reason: str = ""

    def acts(self, wish: Wish) -> bool:
        """Whether something on the Mac is started; On Demand is only waited for, unless a probe triggers it."""
        return bool(self.how) and (self.how != ON_DEMAND or bool(wish.probe))


def pools(values: Collection[str]) -> list[Pool]:
    """The address pools of the gateways, as networks."""
    try:
        return [ipaddress.ip_network(value.strip()) for value in values]
    except ValueError as error:
        raise UserVpnError(f"address_pools: {error}; give networks, such as 172.16.0.0/24.") from None


def our_tunnel(tunnel: Mapping[str, Any], wanted: Collection[Pool]) -> tuple[dict[str, Any], list[str]]:
    """The tunnel that counts as ours, and the addresses of those that do not.

    `tunnel` is what `_mac.facts` returns. Without pools every tunnel of the native client counts.
    """
    ours: list[dict[str, str]] = []
    others: list[str] = []
    if tunnel["connected"]:
        for found in (tunnel, *tunnel.get("others", [])):
            address = ipaddress.ip_address(found["address"])
            inside = not wanted or any(address in pool for pool in wanted)
            if inside:
                ours.append({"interface": found["interface"], "address": found["address"]})
            else:
                others.append(found["address"])
    chosen = {"connected": True, **ours[0]} if ours else dict(NO_TUNNEL)
    return chosen, others


def plan(wish: Wish, known: Mapping[str, Any]) -> Plan:
    """The way from what is known of the Mac, a dictionary as `_mac.facts` returns it, whose tunnel is to change."""
    profile = known.get("profile") or {}
    if wish.connect and not profile and not wish.by_hand:
        return Plan(reason="The profile is not installed on this Mac: install it first (role configure_client).")
    names = _names(wish, profile)
    if wish.via == AUTO:
        plans = [_vpnutil(wish, names, known), _shortcut(wish, known), _on_demand(wish, profile)]
        return next((found for found in plans if found.how), Plan(reason=_no_way(wish, names, known)))
    if wish.via == VPNUTIL:
        return _vpnutil(wish, names, known)
    if wish.via == SHORTCUT:
        return _shortcut(wish, known)
    if not wish.connect:
        return Plan(reason="On Demand cannot disconnect: switch it off in System Settings > VPN, or use another via.")
    # Whoever names On Demand knows it is there, even where macOS does not show the content of the profile.
    return Plan(ON_DEMAND)


def vpn_name(wish: Wish, known: Mapping[str, Any]) -> str:
    """The one VPN that is meant, whose lines in the log count; empty when that is not known."""
    names = _names(wish, known.get("profile") or {})
    return names[0] if len(names) == 1 else ""


def _names(wish: Wish, profile: Mapping[str, Any]) -> list[str]:
    return [wish.connection_name] if wish.connection_name else list(profile.get("connection_names") or [])


def _vpnutil(wish: Wish, names: list[str], known: Mapping[str, Any]) -> Plan:
    if not known.get("vpnutil"):
        return Plan(reason="vpnutil is not on this Mac: install it (Homebrew tap timac/vpnstatus), or use another via.")
    if len(names) != 1:
        if wish.by_hand:
            return Plan(reason="Without a profile, macOS names no VPN: name the one to use in connection_name.")
        found = f"{len(names)} VPNs" if names else "no VPN that macOS shows"
        return Plan(reason=f"The profile holds {found}: name the one to use in connection_name.")
    return Plan(VPNUTIL, names[0])


def _shortcut(wish: Wish, known: Mapping[str, Any]) -> Plan:
    if not wish.shortcut:
        return Plan()
    major = str(known.get("macos_version", "")).partition(".")[0]
    if major.isdecimal() and int(major) < SHORTCUTS_SINCE:
        return Plan(reason=f"macOS {known['macos_version']} has no Shortcuts, which came with macOS 12.")
    if not known.get("console_user"):
        return Plan(reason="A Shortcut needs a person's desktop, and nobody is logged in at the screen of this Mac.")
    return Plan(SHORTCUT, wish.shortcut)


def _on_demand(wish: Wish, profile: Mapping[str, Any]) -> Plan:
    return Plan(ON_DEMAND) if wish.connect and profile.get("on_demand") else Plan()


def _no_way(wish: Wish, names: list[str], known: Mapping[str, Any]) -> str:
    what = f"'{names[0]}'" if len(names) == 1 else "the VPN"
    if wish.shortcut and (reason := _shortcut(wish, known).reason):
        return f"{reason} Nothing else on this Mac switches {what} from the command line."
    if known.get("vpnutil"):
        return _vpnutil(wish, names, known).reason
    word = "start" if wish.connect else "stop"
    rules = "give the profile On Demand rules, " if wish.connect else ""
    place = settings_place(known)
    return (
        f"Nothing on this Mac can {word} {what} from the command line: the person does it in {place}; to let "
        f"this run do it, {rules}name a Shortcut with the action Set VPN, or install vpnutil."
    )


def settings_place(known: Mapping[str, Any]) -> str:
    """Where a person connects, in that macOS's own words."""
    major = str(known.get("macos_version", "")).partition(".")[0]
    old = major.isdecimal() and int(major) < 13
    return "System Preferences > Network" if old else "System Settings > VPN"
