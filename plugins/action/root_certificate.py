# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""root_certificate: a store and its client root. Options: plugins/modules/root_certificate.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils._pki.database import place_of
from ..module_utils._pki.roots import RootRequest, RootResult, Source, ensure_root, retire_root
from ..plugin_utils._action import UserVpnAction

TOLD_IN_DIFF = ("generation", "state", "common_name", "sha1", "not_after")


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "pki": {"type": "str", "required": True},
        "common_name": {"type": "str", "default": "P2SRootCert"},
        "identifier": {"type": "str", "default": ""},
        "passphrase": {"type": "str", "no_log": True},
        "key_size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
        "valid_days": {"type": "int", "default": 3650},
        "generation": {"type": "int", "default": 1},
        "certificate_source": {"type": "path"},
        "key_source": {"type": "path"},
        "key_source_passphrase": {"type": "str", "no_log": True},
        "chain_source": {"type": "path"},
        "trusted": {"type": "list", "elements": "dict", "default": []},
        "clock_skew": {"type": "int"},
        "new_root": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_by": {
            "key_source": ["certificate_source"],
            "key_source_passphrase": ["key_source"],
            "chain_source": ["certificate_source"],
        }
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        place = place_of(arguments["pki"], self.local_path)
        how: dict[str, Any] = {"now": datetime.now(UTC), "who": self.who, "check": self.check_mode}
        closed = place.close_to_others(check=self.check_mode)
        if closed:
            done = "a real run takes that away" if self.check_mode else "that was taken away"
            self.warn(f"Other accounts had access to {place}, where private keys lie; {done}.")
        if arguments["state"] == "absent":
            result = retire_root(place, arguments["generation"], force=arguments["force"], **how)
        else:
            result = ensure_root(place, self._request(arguments), **how)
        for warning in result.warnings:
            self.warn(warning)
        told = self._told(result, str(place))
        return told | {"changed": told["changed"] or closed}

    def _request(self, arguments: dict[str, Any]) -> RootRequest:
        passed_on = (
            "common_name", "identifier", "passphrase", "key_size", "valid_days", "generation", "trusted", "clock_skew",
            "new_root",
        )  # fmt: skip
        wanted = {name: arguments[name] for name in passed_on}
        return RootRequest(**wanted, source=self._source(arguments))

    def _source(self, arguments: dict[str, Any]) -> Source | None:
        if not arguments["certificate_source"]:
            return None
        return Source(
            certificate=self.local_path(arguments["certificate_source"]),
            key=self.local_path(arguments["key_source"]) if arguments["key_source"] else None,
            key_passphrase=arguments["key_source_passphrase"],
            chain=self.local_path(arguments["chain_source"]) if arguments["chain_source"] else None,
        )

    def _told(self, result: RootResult, place: str) -> dict[str, Any]:
        told: dict[str, Any] = {"changed": result.changed, "roots": result.roots} | result.current
        if self.diff_mode:
            told["diff"] = {
                "before_header": place,
                "after_header": place,
                "before": {key: result.before[key] for key in TOLD_IN_DIFF if result.before},
                "after": {key: result.current[key] for key in TOLD_IN_DIFF if result.current},
            }
        return told
