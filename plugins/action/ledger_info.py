# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ledger_info: what the store tells. Options: plugins/modules/ledger_info.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._pki.database import place_of
from ..module_utils._pki.report import tell
from ..module_utils._pki.roots import MOST_DAYS
from ..module_utils._text import cleaned
from ..module_utils._x509.errors import require_cryptography
from ..plugin_utils._action import UserVpnAction


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "pki": {"type": "str", "required": True},
        "clients": {"type": "list", "elements": "str"},
        "renew_before_days": {"type": "int", "default": 30},
        "history": {"type": "bool", "default": False},
        "may_be_missing": {"type": "bool", "default": False},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        require_cryptography()
        if not 0 <= arguments["renew_before_days"] <= MOST_DAYS:
            raise UserVpnError(f"renew_before_days must lie between 0 and {MOST_DAYS}.")
        told = tell(
            place_of(arguments["pki"], self.local_path),
            now=datetime.now(UTC),
            renew_before_days=arguments["renew_before_days"],
            clients=arguments["clients"],
            history=arguments["history"],
            may_be_missing=arguments["may_be_missing"],
        )
        lines: dict[str, Any] = cleaned(told, keep="")  # no text in it has more than one
        return lines
