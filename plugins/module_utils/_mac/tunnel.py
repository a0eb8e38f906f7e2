# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a Mac's tunnel, up or down, and which way there is to start or stop it.

No command of macOS starts an IKEv2 service that came with a profile: `scutil --nc` and `networksetup` do not list it.
What does: VPN On Demand, a Shortcut that a person made, and vpnutil (github.com/Timac/VPNStatus).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .._errors import UserVpnError
from .answer import NOT_TOLD, SYSTEM, MacState, facts
from .disconnects import explain, refused
from .releases import Release, release
from .shell import Arguments, Exec

AUTO, ON_DEMAND, VPNUTIL, SHORTCUT = "auto", "on_demand", "vpnutil", "shortcut"
WAYS = (AUTO, ON_DEMAND, VPNUTIL, SHORTCUT)
# P2S address pools are IPv4, and so is the `ping` of macOS.
_PROBE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")

Pool: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
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

    `tunnel` is what `facts` returns. Without pools every tunnel of the native client counts.
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
    """The way from what is known of the Mac, a dictionary as `facts` returns it, whose tunnel is to change."""
    profile = known.get("profile") or {}
    if wish.connect and not profile and not wish.by_hand:
        others = known.get("other_users") or []
        seated = known.get("console_user") or "anybody at the screen"
        where = f"for {seated}, only for {' and '.join(others)}" if others else "on this Mac"
        return Plan(reason=f"The profile is not installed {where}: install it first, with mac_profile.")
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
    if not _release(known).shortcuts:
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
    place = _release(known).vpn_place
    return (
        f"Nothing on this Mac can {word} {what} from the command line: the person does it in {place}; to let "
        f"this run do it, {rules}name a Shortcut with the action Set VPN, or install vpnutil."
    )


def _release(known: Mapping[str, Any]) -> Release:
    return release(str(known.get("macos_version", "")))


# -- what a module asks and returns ----------------------------------------------------------------------------------


def recalled(known: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a module has told before of this Mac; None when that says nothing of a tunnel. UserVpnError for anything
    that no module returns."""
    if "tunnel" not in known:
        return None
    try:
        tunnel, profile = known["tunnel"], known.get("profile") or {}
        if tunnel["connected"]:
            for found in (tunnel, *tunnel.get("others", [])):
                ipaddress.ip_address(str(found["address"]))
                str(found["interface"])
        if not all(isinstance(name, str) for name in profile.get("connection_names") or []):
            raise TypeError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserVpnError(NOT_TOLD) from None
    return dict(known)


def require(known: Mapping[str, Any], scope: str) -> None:
    """UserVpnError unless what is known was seen by somebody who could see it."""
    if not known.get("privileged") and scope == SYSTEM:
        raise UserVpnError(
            "Only root sees System profiles and the log of this Mac: set become: true (and ansible_become_password "
            "where sudo asks for one)."
        )


def counted(known: Mapping[str, Any], wish: Wish, wanted: Collection[Pool]) -> tuple[dict[str, Any], list[str]]:
    """What is known with the tunnel that counts as ours, and the addresses of those that do not.

    Without the profile a tunnel is another VPN's.
    """
    counts = bool(known.get("profile")) or wish.by_hand or bool(wanted)
    tunnel, others = our_tunnel(known["tunnel"] if counts else NO_TUNNEL, wanted)
    return {**known, "tunnel": tunnel}, others


def is_so(known: Mapping[str, Any], wish: Wish) -> bool:
    """Whether the tunnel is as it was asked for; `known` as `counted` returns it."""
    return bool(known["tunnel"]["connected"]) == wish.connect


def switch(
    known: Mapping[str, Any],
    wish: Wish,
    way: Plan,
    *,
    identifier: str,
    scope: str,
    others: Collection[str],
    timeout: int,
) -> Exec:
    """The exec that switches the tunnel, and waits for at most `timeout` seconds."""
    arguments: Arguments = {
        "identifier": identifier,
        "scope": scope,
        "how": way.how,
        "name": way.name,
        "limit": max(timeout, 0),
        "others": " ".join(others),
        "probe": wish.probe,
    }
    return (
        Exec("connect", arguments | {"vpn": vpn_name(wish, known)}) if wish.connect else Exec("disconnect", arguments)
    )


def unchanged(wish: Wish, known: Mapping[str, Any]) -> dict[str, Any]:
    """The result where it is so already."""
    return _result(wish, known, Plan())


def impossible(wish: Wish, known: Mapping[str, Any], way: Plan) -> dict[str, Any]:
    """The result where there is no way."""
    return _result(wish, known, way, problem=way.reason)


def predicted(wish: Wish, known: Mapping[str, Any], way: Plan, timeout: int) -> dict[str, Any]:
    """The result of check mode."""
    word = "connect" if wish.connect else "disconnect"
    msg = f"A real run would {word} {through(way)}."
    if not way.acts(wish):
        msg = f"A real run would wait up to {timeout} s for On Demand to connect."
    return _result(wish, known, way, changed=way.acts(wish)) | {"msg": msg}


def switched(wish: Wish, way: Plan, state: MacState, wanted: Collection[Pool], timeout: int) -> dict[str, Any]:
    """The result of `switch`; `state` is what the Mac said to it."""
    cause = explain(state.disconnect)
    known = facts(state)
    known["tunnel"], _others = our_tunnel(known["tunnel"], wanted)
    if is_so(known, wish):
        return _result(wish, known, way, cause=cause, changed=way.acts(wish))
    problem = _problem(wish, way, state, cause, timeout)
    return _result(wish, known, way, cause=cause, problem=problem) | {"refused": refused(state.disconnect)}


def through(way: Plan) -> str:
    """The way, in words."""
    ways = {VPNUTIL: f"through vpnutil ('{way.name}')", SHORTCUT: f"through the Shortcut '{way.name}'"}
    return ways.get(way.how, "by On Demand")


def _result(
    wish: Wish, known: Mapping[str, Any], way: Plan, *, cause: str = "", problem: str = "", changed: bool = False
) -> dict[str, Any]:
    tunnel = known["tunnel"]
    msg = f"The tunnel is up: {tunnel['interface']} has {tunnel['address']}."
    if not tunnel["connected"]:
        msg = "The tunnel is down."
    if not wish.connect and (known.get("profile") or {}).get("on_demand"):
        msg += _RETURNS
    return {
        "failed": bool(problem),
        "changed": changed,
        "connected": tunnel["connected"],
        "interface": tunnel["interface"],
        "address": tunnel["address"],
        "how": way.how,
        "cause": cause,
        "refused": False,
        "installed": bool(known.get("profile")) or wish.by_hand,
        "identities": known.get("identities", []),
        "msg": problem or msg,
    }


_RETURNS = " On Demand will connect it again as soon as its rules say so."
_STAGES = {
    "no_console_user": "A Shortcut needs a person's desktop, and nobody is logged in at the screen of this Mac.",
    "no_shortcut": "The person at the screen has no Shortcut '{name}': make one with the action Set VPN.",
    "no_shortcuts": "The Shortcuts of the person at the screen cannot be listed: {message}",
    "refused": "vpnutil refused: {message}",
}


def _problem(wish: Wish, way: Plan, state: MacState, cause: str, timeout: int) -> str:
    """One sentence: why the tunnel is not as wished, and what to do."""
    if state.stage in _STAGES:
        return _STAGES[state.stage].format(name=way.name, message=state.message)
    if not wish.connect:
        again = _RETURNS if facts(state)["profile"].get("on_demand") else ""
        return f"The tunnel is still up {timeout} s after it was stopped {through(way)}.{again}"
    if cause:
        return f"The tunnel did not come up {through(way)}: {cause}."
    log = "the log of this Mac gives no reason"
    if state.message:
        log = f"the log of this Mac cannot be read ({state.message.rstrip('.')})"
    if way.how == ON_DEMAND and not wish.probe:
        return (
            f"On Demand has not connected within {timeout} s, and {log}: its rules may "
            "not want the tunnel on this network; name an address behind the tunnel in probe to trigger it."
        )
    return (
        f"The tunnel did not come up {through(way)} within {timeout} s, and {log}: "
        "connect by hand to see what macOS says, or allow a longer timeout."
    )
