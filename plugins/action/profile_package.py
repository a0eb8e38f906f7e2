# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download the VPN client profile package from Azure. Documented in plugins/modules/profile_package.py."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from ..module_utils._azure import configurations, packages
from ..module_utils._pki.database import place_of
from ..module_utils._pki.packages import last_package, remember_package
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction


class ActionModule(AzureAction):
    """profile_package."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **AZURE_ARGUMENTS,
        "resource_group": {"type": "str", "required": True},
        "virtual_wan": {"type": "str"},
        "vpn_server_configuration": {"type": "str"},
        "p2s_vpn_gateway": {"type": "str"},
        "authentication_method": {
            "type": "str",
            "choices": list(packages.AUTHENTICATION_METHODS),
            "default": "EAPTLS",
        },
        "add_hub_roots": {"type": "bool", "default": False},
        "keep_roots": {"type": "bool", "default": True},
        "planned": {"type": "dict", "default": {}},
        "dest": {"type": "path", "required": True},
        "pki": {"type": "str"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_one_of": [["virtual_wan", "p2s_vpn_gateway"]],
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        source = packages.Source(
            resource_group=arguments["resource_group"],
            virtual_wan=arguments["virtual_wan"] or "",
            configuration=arguments["vpn_server_configuration"] or "",
            gateway=arguments["p2s_vpn_gateway"] or "",
            authentication_method=arguments["authentication_method"],
            add_hub_roots=arguments["add_hub_roots"],
            keep_roots=arguments["keep_roots"],
            planned=arguments["planned"],
        )
        dest = self.local_path(arguments["dest"])
        place = place_of(arguments["pki"], self.local_path) if arguments["pki"] else None
        memory = partial(last_package, place) if place else None
        fulfil = packages.predict if self.check_mode else packages.download
        found = fulfil(self.azure(arguments), source, dest, memory)
        if place and found.changed and found.settings and not self.check_mode:
            remember_package(place, found.name, found.settings, datetime.now(UTC), self.who)
        for warning in found.warnings:
            self.warn(warning)
        result = {
            "changed": found.changed,
            "dest": str(dest),
            "settings": found.settings,
            "vpn_server_configuration_id": str(found.configuration["id"]),
            "ipsec_policies": configurations.items(found.configuration, "vpnClientIpsecPolicies"),
            "enable_internet_security": found.internet,
        }
        if self.diff_mode and found.changed:
            headers = {"before_header": str(dest), "after_header": str(dest)}
            result["diff"] = {**headers, **packages.differences(found)}
        return result
