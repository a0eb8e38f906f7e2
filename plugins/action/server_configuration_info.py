# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell about User VPN configurations. Documented in plugins/modules/server_configuration_info.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils._azure import configurations, groups
from ..module_utils._azure.client import Azure
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction


class ActionModule(AzureAction):
    """server_configuration_info."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **AZURE_ARGUMENTS,
        "resource_group": {"type": "str", "required": True},
        "virtual_wan": {"type": "str"},
        "vpn_server_configuration": {"type": "str"},
        "p2s_vpn_gateway": {"type": "str"},
        "gateways": {"type": "bool", "default": True},
        "common_names": {"type": "list", "elements": "str", "default": []},
        "may_be_missing": {"type": "bool", "default": False},
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        azure = self.azure(arguments)
        now = datetime.now(UTC)
        found = []
        for resource in self._find(azure, arguments):
            gateways = configurations.gateways(azure, resource) if arguments["gateways"] else []
            told = configurations.summary(resource, gateways, now)
            belonging = groups.memberships(arguments["common_names"], told)
            for doubt in groups.doubts(belonging, told):
                self.warn(doubt)
            found.append(told | {"memberships": {name: each.told() for name, each in belonging.items()}})
        return {"changed": False, "configurations": found, "clock_skew": azure.clock.skew}

    @staticmethod
    def _find(azure: Azure, arguments: dict[str, Any]) -> list[configurations.Json]:
        group, wan = arguments["resource_group"], arguments["virtual_wan"]
        if arguments["vpn_server_configuration"]:
            look = configurations.look if arguments["may_be_missing"] else configurations.read
            found = look(azure, group, arguments["vpn_server_configuration"])
            return [found] if found else []
        if arguments["p2s_vpn_gateway"]:
            return [configurations.of_gateway(azure, group, arguments["p2s_vpn_gateway"])]
        if wan:
            return [configurations.read(azure, group, found) for found in configurations.ids_in_use(azure, group, wan)]
        return configurations.read_all(azure, group)
