# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private key that is made on the Mac, stays there, and lies on its disk only until the profile is installed.

At most two execs: one to know, one to act. A Mac that has its profile costs the first alone; what mac_profile has told
before (`known`) spares it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._mac import key
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._mac_action import MacAction


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "identifier": {"type": "str", "required": True},
        "scope": {"type": "str", "choices": ["System"], "default": "System"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "profile_uuid": {"type": "str", "default": ""},
        "key_wanted": {"type": "bool", "default": False},
        "spent_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "key_size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
        "known": {"type": "dict"},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        identifier, bits = check_identifier(arguments["identifier"]), arguments["key_size"]
        state = key.recalled(arguments["known"] or {}) or self.ask(key.look(identifier))
        key.require(state)
        if arguments["state"] == "absent" or key.has_profile(
            state, arguments["profile_uuid"], key_wanted=arguments["key_wanted"]
        ):
            result = key.dropped(state, self.act(key.drop(identifier, state)))
        else:
            step = key.make(identifier, state, bits, arguments["spent_keys"])
            result = key.made(state, step, self.act(step), bits)
        before, after = (f"public key SHA-256: {each}\n" if each else "" for each in key.versions(state, result, bits))
        return result | self.diff("private key on the disk of", before, after)
