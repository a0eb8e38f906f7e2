# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell who is connected, by name. Documented in plugins/modules/connection_info.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, ClassVar

from ..module_utils._azure import health, sessions
from ..module_utils._azure.client import Azure
from ..module_utils._fleet.sessions import NOBODY, Clients
from ..module_utils._text import cleaned
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction
from ..plugin_utils._sessions import SESSION_ARGUMENTS, SESSION_CONSTRAINTS, blob_of, clients_of, gateways_of


class ActionModule(AzureAction):
    """connection_info."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **AZURE_ARGUMENTS,
        **SESSION_ARGUMENTS,
        "user_names": {"type": "list", "elements": "str", "default": []},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        name: rule for name, rule in SESSION_CONSTRAINTS.items() if name != "required_one_of"
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        azure = self.azure(arguments)
        if not (arguments["output_blob_sas_url"] or arguments["storage_account"]):
            return self._without_names(azure, arguments)
        known = clients_of(self, arguments["pki"])
        inventory = set((self._seen.get("groups") or {}).get("all") or ())
        with blob_of(azure, arguments) as blob:
            there = [
                (gateway, session)
                for gateway in gateways_of(azure, arguments)
                for session in sessions.of_gateway(azure, gateway, blob, arguments["user_names"])
            ]
        owner, by_address = known.owners([session for _gateway, session in there], azure.clock.skew or 0)
        found = [
            asdict(session)
            | sessions.place_of(session, gateway)
            | known.told(session.user_name, owner(session), inventory)
            for gateway, session in there
        ]
        result = {"changed": False, "sessions": found, "by_address": by_address, **_counted(found, known, by_address)}
        told: dict[str, Any] = cleaned(result, keep="")
        return told

    def _without_names(self, azure: Azure, arguments: dict[str, Any]) -> dict[str, Any]:
        found = [health.read(azure, gateway) for gateway in gateways_of(azure, arguments)]
        counted = _counted([], NOBODY) | health.totals(found)
        return {"changed": False, "sessions": [], "by_address": False, **counted}


def _counted(found: list[dict[str, Any]], known: Clients, by_address: bool = False) -> dict[str, Any]:
    """What to look at first: names that are connected twice, and those that must not be connected at all."""
    name = "client" if by_address else "user_name"
    times = Counter(session[name] for session in found if session[name])
    return {
        "connections": len(found),
        "addresses": sorted({session["private_address"] for session in found} - {""}),
        "twice": sorted(each for each, number in times.items() if number > 1),
        "revoked": sorted({session[name] for session in found if session["revoked"]}),
        "unknown": sorted({session["user_name"] for session in found if known and not session["client"]}),
    }
