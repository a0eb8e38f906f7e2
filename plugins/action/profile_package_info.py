# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""profile_package_info: read a profile package. Options: plugins/modules/profile_package_info.py."""

from __future__ import annotations

from typing import Any, ClassVar

from ..module_utils._package import read_package
from ..plugin_utils._action import UserVpnAction


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {"path": {"type": "path", "required": True}}

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        path = self.local_path(arguments["path"])
        package = read_package(path)
        for warning in package.warnings:
            self.warn(f"{path}: {warning}")
        return {"settings": package.settings()}
