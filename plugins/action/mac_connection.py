# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnel of one Mac, up or down.

At most two execs: one to know, one to act and to wait. With `known` the first is spared.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._mac import tunnel
from ..module_utils._mac.answer import facts
from ..module_utils._mac.shell import know
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._mac_action import MacAction


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "state": {"type": "str", "choices": ["connected", "disconnected"], "default": "connected"},
        "via": {"type": "str", "choices": list(tunnel.WAYS), "default": tunnel.AUTO},
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
        identifier, scope, timeout = check_identifier(arguments["identifier"]), arguments["scope"], arguments["timeout"]
        wish = tunnel.Wish(
            connect=arguments["state"] == "connected",
            via=arguments["via"],
            connection_name=arguments["connection_name"] or "",
            shortcut=arguments["shortcut"] or "",
            probe=arguments["probe"] or "",
            by_hand=arguments["by_hand"],
        )
        wanted = tunnel.pools(arguments["address_pools"] or [])
        known = tunnel.recalled(arguments["known"] or {}) or facts(self.ask(know(identifier, scope)))
        tunnel.require(known, scope)
        known, others = tunnel.counted(known, wish, wanted)
        if tunnel.is_so(known, wish):
            return tunnel.unchanged(wish, known)
        way = tunnel.plan(wish, known)
        if not way.how:
            result = tunnel.impossible(wish, known, way)
        elif self.check_mode:
            result = tunnel.predicted(wish, known, way, timeout)
        else:
            if timeout > 0:
                self.say(f"waiting up to {timeout} s for the tunnel {tunnel.through(way)}")
            step = tunnel.switch(known, wish, way, identifier=identifier, scope=scope, others=others, timeout=timeout)
            result = tunnel.switched(wish, way, self.ask(step), wanted, timeout)
        if result["changed"]:
            result |= self.diff("tunnel of", *(("down\n", "up\n") if wish.connect else ("up\n", "down\n")))
        return result
