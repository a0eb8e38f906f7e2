# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell who is connected. Documented in plugins/modules/connection_health_info.py."""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._azure import health
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction


class ActionModule(AzureAction):
    """connection_health_info."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **AZURE_ARGUMENTS,
        "resource_group": {"type": "str", "required": True},
        "p2s_vpn_gateway": {"type": "str"},
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        azure = self.azure(arguments)
        found = health.gateways(azure, arguments["resource_group"], arguments["p2s_vpn_gateway"] or "")
        gateways = [health.read(azure, gateway) for gateway in found]
        return {"changed": False, "gateways": gateways, **health.totals(gateways)}
