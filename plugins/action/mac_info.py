# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that later decisions need to know of a Mac, in one exec."""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._mac.answer import facts, whole_identities
from ..module_utils._mac.shell import know
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._mac_action import MacAction


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "identifier": {"type": "str", "required": True},
        "scope": {"type": "str", "choices": ["System", "User"], "default": "System"},
        "whole_identities": {"type": "bool", "default": False},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        identifier = check_identifier(arguments["identifier"])
        state = self.ask(know(identifier, arguments["scope"], whole=arguments["whole_identities"]))
        return facts(state) | whole_identities(state)
