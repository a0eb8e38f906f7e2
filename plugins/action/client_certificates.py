# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""client_certificates: client identities, in bulk. Options: plugins/modules/client_certificates.py."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError, quoted
from ..module_utils._files import read
from ..module_utils._mobileconfig.scep import asked
from ..module_utils._pki.clients import Means, end_clients, ensure_clients
from ..module_utils._pki.database import place_of
from ..module_utils._pki.enrolled import authorities_in
from ..module_utils._pki.identities import Export
from ..module_utils._pki.plan import Plan, Settings
from ..module_utils._pki.refusals import parse_refused
from ..module_utils._pki.requests import parse_clients, with_csrs, with_enrolled
from ..module_utils._x509 import bounds
from ..plugin_utils._action import UserVpnAction


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "pki": {"type": "str", "required": True},
        "clients": {"type": "list", "elements": "raw"},
        "thumbprints": {"type": "list", "elements": "str"},
        "reason": {"type": "str"},
        "csrs": {"type": "dict", "default": {}},
        "passphrase": {"type": "str", "no_log": True},
        "valid_days": {"type": "int", "default": 365},
        "renew_before_days": {"type": "int", "default": 30},
        "key_size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
        "renew_batch": {"type": "int", "default": 0},
        "defer": {"type": "list", "elements": "str", "default": []},
        "generation": {"type": "int"},
        "refused": {"type": "list", "elements": "raw", "default": []},
        "readmit": {"type": "list", "elements": "str", "default": []},
        "scep_roots": {"type": "list", "elements": "path", "default": []},
        "clock_skew": {"type": "int"},
        "export_dir": {"type": "path"},
        "export_password": {"type": "str", "no_log": True},
        "state": {"type": "str", "choices": ["present", "revoked", "absent"], "default": "present"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_one_of": [["clients", "thumbprints"]],
        "required_if": [["state", "present", ["clients"]], ["state", "absent", ["clients"]]],
        "required_by": {"export_password": ["export_dir"]},
    }

    FURTHER: ClassVar[dict[str, str]] = dict.fromkeys(
        ("common_name", "pkcs12_source", "certificate_source", "key_source"),
        "an option of one client in the variable certificates_client_names",
    )

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        clients = arguments["clients"] or []
        if arguments["state"] != "revoked" and (arguments["thumbprints"] or arguments["reason"]):
            raise UserVpnError("thumbprints and reason are for state: revoked; leave them out, or set that state.")
        place, now = place_of(arguments["pki"], self.local_path), datetime.now(UTC)
        requests = with_csrs(parse_clients(clients, self.local_path, asked), arguments["csrs"])
        if any(request.enrolled for request in requests):
            roots = [self.local_path(path) for path in arguments["scep_roots"]]
            authorities = authorities_in((read(path, bounds.FILE), str(path)) for path in roots)
            requests = [with_enrolled(request, authorities, now) for request in requests]
        how: dict[str, Any] = {"now": now, "who": self.who, "check": self.check_mode}
        if arguments["state"] == "present":
            outcome = ensure_clients(place, requests, _settings(arguments), self._means(arguments), **how)
        else:
            folder = arguments["export_dir"]
            outcome = end_clients(
                place,
                requests,
                {"revoked": "revoked", "absent": "removed"}[arguments["state"]],
                thumbprints=arguments["thumbprints"] or (),
                why=arguments["reason"] or "",
                exported=self.local_path(folder) if folder else None,
                **how,
            )
        return self._told(outcome, str(place))

    def _means(self, arguments: dict[str, Any]) -> Means:
        folder = arguments["export_dir"]
        return Means(
            passphrase=arguments["passphrase"],
            clock_skew=arguments["clock_skew"],
            export=Export(self.local_path(folder), arguments["export_password"] or "") if folder else None,
            progress=lambda done, total: self.say(f"issued {done} of {total} client certificates"),
        )

    def _told(self, outcome: Plan, place: str) -> dict[str, Any]:
        for warning in outcome.warnings:
            self.warn(warning)
        for name in outcome.failures:
            self.warn(f"No identity for the client {quoted(name)}: {outcome.entries[name].msg}")
        told: dict[str, Any] = {
            "changed": outcome.changed,
            "clients": {name: asdict(entry) for name, entry in outcome.entries.items()},
            "failures": outcome.failures,
            "revoked": outcome.revoked,
            "to_refuse": outcome.to_refuse,
            "revocable": outcome.revocable,
            "deferred": outcome.deferred,
            "unknown": [{"name": name, "thumbprint": sha1} for sha1, name in sorted(outcome.unknown.items())],
        }
        if self.diff_mode:
            before, after = outcome.diff()
            told["diff"] = {"before_header": place, "after_header": place, "before": before, "after": after}
        return told


def _settings(arguments: dict[str, Any]) -> Settings:
    return Settings(
        valid_days=arguments["valid_days"],
        renew_before_days=arguments["renew_before_days"],
        key_size=arguments["key_size"],
        renew_batch=arguments["renew_batch"],
        defer=frozenset(arguments["defer"]),
        generation=arguments["generation"],
        refused=parse_refused(arguments["refused"]),
        readmit=frozenset(arguments["readmit"]),
    )
