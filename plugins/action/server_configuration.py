# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change or create a User VPN configuration. Documented in plugins/modules/server_configuration.py."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import starmap
from typing import Any, ClassVar

from ..module_utils import _files
from ..module_utils._azure import changes, configurations, settings, trust
from ..module_utils._azure.client import Azure
from ..module_utils._errors import UserVpnError
from ..module_utils._pki.database import place_of
from ..module_utils._pki.refusals import note_refused
from ..module_utils._x509 import certificates
from ..module_utils._x509.text import thumbprint
from ..plugin_utils._azure_action import AZURE_ARGUMENTS, AzureAction

_FILE_LIMIT = 1024 * 1024
_STATES = ("present", "absent")


class ActionModule(AzureAction):
    """server_configuration."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        **AZURE_ARGUMENTS,
        "resource_group": {"type": "str", "required": True},
        "vpn_server_configuration": {"type": "str"},
        "virtual_wan": {"type": "str"},
        "p2s_vpn_gateway": {"type": "str"},
        "protocols": {"type": "list", "elements": "str"},
        "authentication_types": {"type": "list", "elements": "str"},
        "ipsec_policy": {"type": "raw"},
        "location": {"type": "str"},
        "tags": {"type": "dict"},
        "append_tags": {"type": "bool", "default": True},
        "change_in_use": {"type": "bool", "default": False},
        "roots": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str"},
                "path": {"type": "path"},
                "public_cert_data": {"type": "str"},
                "sha1": {"type": "str"},
                "state": {"type": "str", "choices": list(_STATES), "default": "present"},
            },
            "mutually_exclusive": [["path", "public_cert_data", "sha1"]],
            "required_one_of": [["path", "public_cert_data", "sha1"]],
        },
        "revoked": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str"},
                "thumbprint": {"type": "str", "required": True},
                "state": {"type": "str", "choices": list(_STATES), "default": "present"},
            },
        },
        "purge_roots": {"type": "bool", "default": False},
        "purge_revoked": {"type": "bool", "default": False},
        "remove_expired_roots": {"type": "bool", "default": False},
        "repair_broken_roots": {"type": "bool", "default": False},
        "pki": {"type": "str"},
    }

    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_one_of": [["vpn_server_configuration", "virtual_wan", "p2s_vpn_gateway"]],
    }

    def ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        wanted = settings.wished(arguments)
        # In check mode root_certificate says nothing of a root that a real run would make first.
        unmade = [
            root
            for root in arguments["roots"]
            if self.check_mode and root.get("public_cert_data") == "" and root["state"] == "present"
        ]
        wish = trust.Wish(
            roots=tuple(
                self._root(number, entry)
                for number, entry in enumerate(arguments["roots"], start=1)
                if entry not in unmade
            ),
            unmade=tuple(root.get("name") or "" for root in unmade),
            revoked=tuple(starmap(self._revoked, enumerate(arguments["revoked"], start=1))),
            purge_roots=arguments["purge_roots"],
            purge_revoked=arguments["purge_revoked"],
            remove_expired=arguments["remove_expired_roots"],
            repair_broken=arguments["repair_broken_roots"],
        )
        azure = self.azure(arguments)
        name = self._name(azure, arguments)
        done = changes.ensure(azure, arguments["resource_group"], name, wish, wanted, check=self.check_mode)
        for warning in done.warnings:
            self.warn(warning)
        now = datetime.now(UTC)
        revoked = configurations.revoked(done.after)
        if arguments["pki"] and not self.check_mode:
            self._note(arguments["pki"], revoked, now)
        result = {
            "changed": bool(done.changes),
            "changes": list(done.changes),
            "interrupted": list(done.interrupted),
            "id": str(done.after.get("id")),
            "location": done.after.get("location"),
            "tags": done.after.get("tags") or {},
            "vpn_protocols": configurations.items(done.after, "vpnProtocols"),
            "vpn_authentication_types": configurations.items(done.after, "vpnAuthenticationTypes"),
            "ipsec_policies": configurations.items(done.after, "vpnClientIpsecPolicies"),
            "roots": configurations.roots(done.after, now),
            "revoked": revoked,
        }
        if self.diff_mode and done.changes:
            result["diff"] = {
                "before": changes.describe(done.before, now),
                "after": changes.describe(done.after, now, wish.unmade),
                "before_header": result["id"],
                "after_header": result["id"],
            }
        return result

    def _note(self, pki: str, revoked: list[dict[str, Any]], now: datetime) -> None:
        """Azure refuses them by now; that it cannot be written down undoes nothing."""
        try:
            note_refused(place_of(pki, self.local_path), {entry["thumbprint"] for entry in revoked}, now, self.who)
        except UserVpnError as error:
            self.warn(f"Azure refuses what it should, but that cannot be noted in the store: {error}")

    @staticmethod
    def _name(azure: Azure, arguments: dict[str, Any]) -> str:
        """The name of the configuration, or the id of the one that the Virtual WAN or the gateway uses."""
        name: str | None = arguments["vpn_server_configuration"]
        if name:
            return name
        wan, gateway = arguments["virtual_wan"] or "", arguments["p2s_vpn_gateway"] or ""
        return str(configurations.find(azure, arguments["resource_group"], wan, gateway=gateway)["id"])

    def _root(self, number: int, entry: dict[str, Any]) -> trust.RootWish:
        where = f"roots[{number}]"
        present = entry["state"] == "present"
        if not any(entry.get(option) for option in ("path", "public_cert_data", "sha1")):
            raise UserVpnError(f"{where} is empty: give path or public_cert_data, or sha1 with state: absent.")
        name = entry.get("name") or ""
        if entry.get("sha1"):
            if present:
                raise UserVpnError(
                    f"{where}: sha1 can only name a root with state: absent; give path or public_cert_data."
                )
            return trust.RootWish(thumbprint(entry["sha1"], f"{where}.sha1"), present=False)
        if entry.get("path"):
            path = self.local_path(entry["path"])
            where, content = str(path), _files.read(path, _FILE_LIMIT)
        else:
            content = entry["public_cert_data"].encode("utf-8", "replace")
        certificate = certificates.read_one(content, where)
        return trust.RootWish(certificate.sha1, certificate, name, present, where)

    @staticmethod
    def _revoked(number: int, entry: dict[str, Any]) -> trust.RevokedWish:
        sha1 = thumbprint(entry["thumbprint"], f"revoked[{number}].thumbprint")
        return trust.RevokedWish(sha1, entry.get("name") or "", entry["state"] == "present")
