# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""client_certificates: client identities, in bulk. Options: plugins/modules/client_certificates.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._pki.clients import ensure_clients
from ..module_utils._pki.deciding import Settings
from ..module_utils._pki.ending import end_clients
from ..module_utils._pki.folder import Folder
from ..module_utils._pki.outcome import Outcome
from ..module_utils._pki.requests import parse_clients, shown, with_csrs
from ..plugin_utils._action import UserVpnAction


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "path": {"type": "path", "required": True},
        "clients": {"type": "list", "elements": "raw"},
        "thumbprints": {"type": "list", "elements": "str"},
        "reason": {"type": "str"},
        "csrs": {"type": "dict", "default": {}},
        "passphrase": {"type": "str", "no_log": True},
        "pkcs12_password": {"type": "str", "no_log": True},
        "valid_days": {"type": "int", "default": 365},
        "renew_before_days": {"type": "int", "default": 30},
        "key_size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
        "renew_batch": {"type": "int", "default": 0},
        "defer": {"type": "list", "elements": "str", "default": []},
        "generation": {"type": "int"},
        "state": {"type": "str", "choices": ["present", "revoked", "absent"], "default": "present"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_one_of": [["clients", "thumbprints"]],
        "required_if": [["state", "present", ["clients"]], ["state", "absent", ["clients"]]],
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        clients = arguments["clients"] or []
        if arguments["state"] != "revoked" and (arguments["thumbprints"] or arguments["reason"]):
            raise UserVpnError("thumbprints and reason are for state: revoked; leave them out, or set that state.")
        folder = Folder(self.local_path(arguments["path"]).absolute())
        requests = with_csrs(parse_clients(clients, self.local_path), arguments["csrs"])
        now = datetime.now(UTC)
        if arguments["state"] == "present":
            settings = Settings(
                passphrase=arguments["passphrase"],
                password=arguments["pkcs12_password"],
                valid_days=arguments["valid_days"],
                renew_before_days=arguments["renew_before_days"],
                key_size=arguments["key_size"],
                renew_batch=arguments["renew_batch"],
                defer=frozenset(arguments["defer"]),
                generation=arguments["generation"],
            )
            outcome = ensure_clients(
                folder, requests, settings, now=now, check=self.check_mode, progress=self._progress
            )
        else:
            state = {"revoked": "revoked", "absent": "removed"}[arguments["state"]]
            outcome = end_clients(
                folder,
                requests,
                state,
                now=now,
                check=self.check_mode,
                thumbprints=arguments["thumbprints"] or (),
                why=arguments["reason"] or "",
            )
        return self._told(outcome, folder)

    def _told(self, outcome: Outcome, folder: Folder) -> dict[str, Any]:
        for warning in outcome.warnings:
            self.warn(warning)
        for name in outcome.failures:
            self.warn(f"No identity for the client {shown(name)}: {outcome.entries[name].msg}")
        told: dict[str, Any] = {
            "changed": outcome.changed,
            "path": str(folder.path),
            "clients": outcome.as_dicts(),
            "failures": outcome.failures,
            "revoked": outcome.revoked,
            "revocable": outcome.revocable,
            "deferred": outcome.deferred,
        }
        if self.diff_mode:
            before, after = outcome.diff()
            header = str(folder.path)
            told["diff"] = {"before_header": header, "after_header": header, "before": before, "after": after}
        return told

    def _progress(self, done: int, total: int) -> None:
        self.say(f"issued {done} of {total} client certificates")
