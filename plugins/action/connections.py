# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End sessions. Documented in plugins/modules/connections.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from ..module_utils._azure import sessions
from ..module_utils._fleet.sessions import Owner, called, wanted_sessions
from ..module_utils._text import cleaned
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction
from ..plugin_utils._sessions import SESSION_ARGUMENTS, SESSION_CONSTRAINTS, blob_of, clients_of, gateways_of

BY_ADDRESS = (
    "The store knows none of the names that Azure has for the sessions, so they were matched by the address in the "
    "tunnel, and only where a Mac was seen with it since its session began."
)


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
        "revoked": {"type": "bool"},
        "cut_wait": {"type": "int", "default": 0},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        **SESSION_CONSTRAINTS,
        "required_one_of": [
            *SESSION_CONSTRAINTS["required_one_of"],
            ["clients", "thumbprints", "connection_ids", "addresses", "revoked"],
        ],
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        known = clients_of(self, arguments["pki"])
        is_named = wanted_sessions(
            known,
            revoked=bool(arguments["revoked"]),
            **{name: arguments[name] or [] for name in ("clients", "thumbprints", "connection_ids", "addresses")},
        )
        azure = self.azure(arguments)
        gateways = gateways_of(azure, arguments)
        with blob_of(azure, arguments) as blob:

            def find(users: Sequence[str]) -> sessions.Found:
                return [
                    (gateway, session)
                    for gateway in gateways
                    for session in sessions.of_gateway(azure, gateway, blob, users)
                ]

            there = find(())
            owner, by_address = known.owners([session for _gateway, session in there], azure.clock.skew or 0)
            by_address &= any(arguments[name] for name in ("clients", "thumbprints", "revoked"))

            def is_meant(session: sessions.Session) -> bool:
                return is_named(session, owner(session))

            if self.check_mode:
                cut = sessions.Cut([each for _gateway, each in there if is_meant(each)], [], [], None)
            else:
                cut = sessions.cut(azure, there, is_meant, known.is_name, find=find, limit=arguments["cut_wait"])
        result: dict[str, Any] = cleaned(self._result(cut, owner, by_address=by_address), keep="")
        return result

    def _result(self, cut: sessions.Cut, owner: Owner, *, by_address: bool) -> dict[str, Any]:
        names, back = (sorted({called(each, owner(each)) for each in those}) for those in (cut.ended, cut.back))
        nameless = sorted({called(each, owner(each)) for each in cut.ended if each.user_name not in cut.users})
        if not cut.ended:
            said = "None could be matched, so none was ended." if by_address else "None of them is connected."
        elif self.check_mode:
            said = f"Sessions that would be ended: {', '.join(names)}."
        elif back:
            said = (
                f"The sessions of {', '.join(names)} were ended, and {', '.join(back)} came back: a gateway takes some "
                "minutes until it refuses a certificate that was revoked, and lets everybody else in again."
            )
        elif nameless == names:
            said = f"The sessions of {', '.join(names)} were ended."
        else:
            said = f"The sessions of {', '.join(names)} were ended, and nobody of them was back after {cut.seconds} s."
        if nameless and not self.check_mode:
            said += f" Whether {', '.join(nameless)} came back cannot be told: Azure has no name for them alone."
        if by_address:
            said = f"{BY_ADDRESS} {said}"
        return {
            "changed": bool(cut.ended),
            "disconnected": [asdict(session) for session in cut.ended],
            "back": back,
            "seconds": cut.seconds,
            "said": said,
            "by_address": by_address,
        }
