# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask an MDM how far a profile has come. Documented in plugins/modules/mdm_profile_info.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..module_utils._mdm import delivery
from ..module_utils._mdm.delivery import Means
from ..module_utils._mobileconfig.names import check_identifier
from ..plugin_utils._action import UserVpnAction
from ..plugin_utils._mdm_action import FURTHER, MAC_ARGUMENTS, MDM_ARGUMENTS, server_of, wish_of


class ActionModule(UserVpnAction):
    """mdm_profile_info."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **MDM_ARGUMENTS,
        **MAC_ARGUMENTS,
        "identifier": {"type": "str", "required": True},
        "certificates": {"type": "bool", "default": False},
    }
    HOSTS = "profiles"
    FURTHER: ClassVar[Mapping[str, str]] = FURTHER

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        identifier = check_identifier(arguments["identifier"])
        wishes = [wish_of(mac) for mac in arguments["profiles"]]
        with (
            self.task_environment(),
            server_of(arguments["server"], self.local_path, self.say, self.mask) as server,
        ):
            means = Means(say=self.say, warn=self.warn)
            entries = delivery.look(server, identifier, wishes, means, certificates=arguments["certificates"])
        shown: tuple[str, ...] = (
            "host",
            "state",
            "failed",
            "msg",
            "error",
            "serial_number",
            "device",
            "last_seen",
            "macos_version",
            "shown_version",
            "on_mac",
        )
        shown += ("certificates",) if arguments["certificates"] else ()
        return {"macs": {entry.host: {name: entry.told()[name] for name in shown} for entry in entries}}
