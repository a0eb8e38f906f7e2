# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnel of one Mac, up or down.

At most two execs: one to know, one to act and to wait. With `known` the first is spared.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._connection import (
    AUTO,
    NO_TUNNEL,
    ON_DEMAND,
    SHORTCUT,
    VPNUTIL,
    WAYS,
    Plan,
    Wish,
    our_tunnel,
    plan,
    pools,
    vpn_name,
)
from ..plugin_utils._disconnects import explain, refused
from ..plugin_utils._mac import MacState, facts
from ..plugin_utils._mac_action import MacAction

REFUSALS = {
    "no_console_user": "A Shortcut needs a person's desktop, and nobody is logged in at the screen of this Mac.",
    "no_shortcut": "The person at the screen has no Shortcut '{name}': make one with the action Set VPN.",
    "refused": "vpnutil refused: {message}",
}
ON_DEMAND_RETURNS = " On Demand will connect it again as soon as its rules say so."


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["connected", "disconnected"], "default": "connected"},
        "via": {"type": "str", "choices": list(WAYS), "default": AUTO},
        "identifier": {"type": "str", "required": True},
        "scope": {"type": "str", "choices": ["System", "User"], "default": "System"},
        "connection_name": {"type": "str"},
        "shortcut": {"type": "str"},
        "probe": {"type": "str"},
        "timeout": {"type": "int", "default": 30},
        "address_pools": {"type": "list", "elements": "str"},
        "by_hand": {"type": "bool", "default": False},
        "known": {"type": "dict"},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        identifier, scope = check_identifier(arguments["identifier"]), arguments["scope"]
        names = {option: arguments[option] or "" for option in ("connection_name", "shortcut", "probe")}
        wish = Wish(
            connect=arguments["state"] == "connected", via=arguments["via"], by_hand=arguments["by_hand"], **names
        )
        wanted = pools(arguments["address_pools"] or [])
        known = arguments["known"] or {}
        if "tunnel" not in known:
            known = facts(self.ask("know", identifier, scope, "0"))
        if not known.get("privileged") and scope == "System":
            raise UserVpnError(
                "Only root sees System profiles and the log of this Mac: set become: true (and ansible_become_password "
                "where sudo asks for one)."
            )
        # Without the profile a tunnel is another VPN's.
        counts = bool(known.get("profile")) or wish.by_hand or bool(wanted)
        tunnel, others = our_tunnel(known["tunnel"] if counts else NO_TUNNEL, wanted)
        known = {**known, "tunnel": tunnel}
        if tunnel["connected"] == wish.connect:
            return self._result(wish, known, Plan(), "")
        way = plan(wish, known)
        if not way.how:
            return self._result(wish, known, way, "", problem=way.reason)
        if self.check_mode:
            return self._predict(wish, known, way, arguments["timeout"])
        if arguments["timeout"] > 0:
            self.say(f"waiting up to {arguments['timeout']} s for the tunnel {_through(way)}")
        vpn = vpn_name(wish, known)
        words = (way.how, way.name, str(max(arguments["timeout"], 0)), vpn, " ".join(others), wish.probe)
        state = self.ask("connect" if wish.connect else "disconnect", identifier, scope, *words)
        cause = explain(state.disconnect)
        after = facts(state)
        after["tunnel"], _others = our_tunnel(after["tunnel"], wanted)
        reached = after["tunnel"]["connected"] == wish.connect
        problem = "" if reached else _problem(wish, way, state, cause, arguments["timeout"])
        result = self._result(wish, after, way, cause, problem=problem, acted=reached and way.acts(wish))
        return result | {"refused": not reached and refused(state.disconnect)}

    def _predict(self, wish: Wish, known: dict[str, Any], way: Plan, timeout: int) -> dict[str, Any]:
        word = "connect" if wish.connect else "disconnect"
        msg = f"A real run would {word} {_through(way)}."
        if not way.acts(wish):
            msg = f"A real run would wait up to {timeout} s for On Demand to connect."
        return self._result(wish, known, way, "", acted=way.acts(wish)) | {"msg": msg}

    def _result(
        self, wish: Wish, known: dict[str, Any], way: Plan, cause: str, *, problem: str = "", acted: bool = False
    ) -> dict[str, Any]:
        tunnel = known["tunnel"]
        if tunnel["connected"]:
            msg = f"The tunnel is up: {tunnel['interface']} has {tunnel['address']}."
        else:
            msg = "The tunnel is down."
        if not wish.connect and (known.get("profile") or {}).get("on_demand"):
            msg += ON_DEMAND_RETURNS
        if problem:
            msg = problem
            self.say(problem)
        before, after = ("down", "up") if wish.connect else ("up", "down")
        header = f"tunnel of {self.host}"
        diff = {"before_header": header, "after_header": header, "before": f"{before}\n", "after": f"{after}\n"}
        return {
            "failed": bool(problem),
            "changed": acted,
            "connected": tunnel["connected"],
            "interface": tunnel["interface"],
            "address": tunnel["address"],
            "how": way.how,
            "cause": cause,
            "refused": False,
            "identities": known.get("identities", []),
            "msg": msg,
        } | ({"diff": diff} if self.diff_mode and acted else {})


def _through(way: Plan) -> str:
    ways = {VPNUTIL: f"through vpnutil ('{way.name}')", SHORTCUT: f"through the Shortcut '{way.name}'"}
    return ways.get(way.how, "by On Demand")


def _problem(wish: Wish, way: Plan, state: MacState, cause: str, timeout: int) -> str:
    """One sentence: why the tunnel is not as wished, and what to do."""
    if state.stage in REFUSALS:
        return REFUSALS[state.stage].format(name=way.name, message=state.message)
    if not wish.connect:
        again = ON_DEMAND_RETURNS if state.profile() and facts(state)["profile"]["on_demand"] else ""
        return f"The tunnel is still up {timeout} s after it was stopped {_through(way)}.{again}"
    if cause:
        return f"The tunnel did not come up {_through(way)}: {cause}."
    if way.how == ON_DEMAND and not wish.probe:
        return (
            f"On Demand has not connected within {timeout} s, and the log of this Mac gives no reason: its rules may "
            "not want the tunnel on this network; name an address behind the tunnel in probe to trigger it."
        )
    return (
        f"The tunnel did not come up {_through(way)} within {timeout} s, and the log of this Mac gives no reason: "
        "connect by hand to see what macOS says, or allow a longer timeout."
    )
