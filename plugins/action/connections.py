# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End sessions. Documented in plugins/modules/connections.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from ..module_utils._azure import sessions
from ..module_utils._azure.client import Azure
from ..module_utils._fleet.sessions import wanted_sessions
from ..module_utils._text import cleaned
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction
from ..plugin_utils._sessions import SESSION_ARGUMENTS, SESSION_CONSTRAINTS, blob_of, clients_of, gateways_of


class ActionModule(AzureAction):
    """connections."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **AZURE_ARGUMENTS,
        **SESSION_ARGUMENTS,
        "state": {"type": "str", "choices": ["disconnected"], "default": "disconnected"},
        "clients": {"type": "list", "elements": "str"},
        "thumbprints": {"type": "list", "elements": "str"},
        "connection_ids": {"type": "list", "elements": "str"},
        "addresses": {"type": "list", "elements": "str"},
        "cut_wait": {"type": "int", "default": 0},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        **SESSION_CONSTRAINTS,
        "required_one_of": [
            *SESSION_CONSTRAINTS["required_one_of"],
            ["clients", "thumbprints", "connection_ids", "addresses"],
        ],
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        meant = wanted_sessions(
            clients_of(self, arguments["pki"]),
            **{name: arguments[name] or [] for name in ("clients", "thumbprints", "connection_ids", "addresses")},
        )
        azure = self.azure(arguments)
        gateways = gateways_of(azure, arguments)
        with blob_of(azure, arguments) as blob:

            def find(users: Sequence[str] = ()) -> sessions.Found:
                return [
                    (gateway, session)
                    for gateway in gateways
                    for session in sessions.of_gateway(azure, gateway, blob, users)
                ]

            return self._ended(azure, find, [pair for pair in find() if meant(pair[1])], arguments["cut_wait"])

    def _ended(self, azure: Azure, find: Any, there: sessions.Found, limit: int) -> dict[str, Any]:
        ended, back = [session for _gateway, session in there], []
        seconds: int | None = 0
        if there and not self.check_mode:
            done = sessions.cut(azure, find, there, limit)
            back, seconds = done.back, done.seconds
        result: dict[str, Any] = {
            "changed": bool(there),
            "disconnected": [asdict(session) for session in ended],
            "back": sorted({session.user_name for session in back}),
            "seconds": seconds,
        }
        if back:
            result["warnings"] = [
                f"{', '.join(result['back'])} came back: Azure lets in again whoever has a certificate that it does "
                "not refuse, and a gateway takes some minutes to take up a refusal. Revoke the certificate, and give "
                "cut_wait more time."
            ]
        told: dict[str, Any] = cleaned(result, keep="")
        return told
