# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ledger: the upkeep of a store. Options: plugins/modules/ledger.py."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError, quoted
from ..module_utils._files import read, would_write, write_atomic
from ..module_utils._mobileconfig.manifest import update
from ..module_utils._pki import backup
from ..module_utils._pki.database import Place, place_of
from ..module_utils._pki.deliveries import Addresses, forget, note, shared_identities
from ..module_utils._pki.report import export_text
from ..module_utils._pki.store import Delivery
from ..module_utils._x509.errors import require_cryptography
from ..module_utils._x509.text import utc_moment
from ..plugin_utils._action import UserVpnAction

_SEEN = ("serial_number", "macos_version", "profile_uuid", "shown_uuid", "profile_sha256", "certificate_sha1")
EXPORT_LIMIT = 32 << 20  # to show what it takes the place of


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "pki": {"type": "str", "required": True},
        "state": {
            "type": "str",
            "choices": ["backup", "exported", "checked", "rekeyed", "noted", "forgotten"],
            "required": True,
        },
        "dest": {"type": "path"},
        "passphrase": {"type": "str", "no_log": True},
        "new_passphrase": {"type": "str", "no_log": True},
        "macs": {
            "type": "list",
            "elements": "dict",
            "options": {
                "host": {"type": "str", "required": True},
                "identifier": {"type": "str", "required": True},
                "status": {"type": "str", "required": True},
                **{name: {"type": "str", "default": ""} for name in _SEEN},
                "gateway_roots": {"type": "list", "elements": "str", "default": []},
                "address": {"type": "str", "default": ""},
                "in_store": {"type": "bool", "default": True},
            },
        },
        "since": {"type": "str"},
        "manifest": {"type": "path"},
        "host": {"type": "str"},
        "serial_number": {"type": "str"},
    }
    CONSTRAINTS: ClassVar[dict[str, Any]] = {
        "required_if": [
            ["state", "backup", ["dest"]],
            ["state", "exported", ["dest"]],
            ["state", "rekeyed", ["passphrase", "new_passphrase"]],
            ["state", "noted", ["macs"]],
            ["state", "forgotten", ["host", "serial_number"], True],
        ],
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        require_cryptography()
        place = place_of(arguments["pki"], self.local_path)
        now, who = datetime.now(UTC), self.who
        match arguments["state"]:
            case "backup":
                dest = self.local_path(arguments["dest"])
                return {"changed": backup.back_up(place, dest, check=self.check_mode), "dest": str(dest)}
            case "exported":
                return self._export(place, self.local_path(arguments["dest"]))
            case "checked":
                return self._check(place, arguments["passphrase"])
            case "rekeyed":
                old, new = arguments["passphrase"], arguments["new_passphrase"]
                return {"changed": backup.rekey(place, old, new, now, who=who, check=self.check_mode)}
            case "noted":
                macs = [mac for mac in arguments["macs"] if not self.alone(task_vars) or mac["host"] == self.host]
                return self._note(place, macs, _moment(arguments["since"]), arguments["manifest"])
            case _:
                host, serial = arguments["host"] or "", arguments["serial_number"] or ""
                found = forget(place, now, host=host, serial_number=serial, who=who, check=self.check_mode)
                return {"changed": bool(found), "forgotten": [asdict(delivery) for delivery in found]}

    def _note(
        self, place: Place, macs: list[dict[str, Any]], since: datetime | None, manifest: str | None
    ) -> dict[str, Any]:
        kept = [mac for mac in macs if mac.pop("in_store")]
        addresses = {mac["certificate_sha1"]: address for mac in macs if (address := mac.pop("address"))}
        seen = [Delivery("", **mac | {"gateway_roots": tuple(sorted(mac["gateway_roots"]))}) for mac in kept]
        of_sessions = Addresses(addresses, since) if since else None
        noted, shared = note(place, seen, datetime.now(UTC), addresses=of_sessions, check=self.check_mode)
        if manifest:
            numbers = {mac["host"]: {"serial_number": mac["serial_number"]} for mac in macs if mac["serial_number"]}
            update(self.local_path(manifest), numbers, add=False, check=self.check_mode)
        if shared:
            self.warn(shared_identities(shared))
        return {"changed": False, "noted": sorted({delivery.host for delivery in noted})}

    def _export(self, place: Place, dest: Path) -> dict[str, Any]:
        text = export_text(place, dest.suffix)
        before = _there(dest) if self.diff_mode and dest.is_file() else ""
        if not dest.parent.is_dir():
            raise UserVpnError(f"The folder {dest.parent} does not exist; make it, or give another one.")
        changed = would_write(dest, text) if self.check_mode else write_atomic(dest, text)
        result = {"changed": changed, "dest": str(dest)}
        if self.diff_mode and changed:
            headers = {"before_header": str(dest), "after_header": str(dest)}
            result["diff"] = headers | {"before": before, "after": text.decode()}
        return result

    def _check(self, place: Place, passphrase: str | None) -> dict[str, Any]:
        found = backup.check(place, passphrase)
        if found.problems:
            more = f" (and {len(found.problems) - 3} more)" if len(found.problems) > 3 else ""
            raise UserVpnError(f"{place} is not whole: {' '.join(found.problems[:3])}{more}")
        return {"changed": False, "certificates": found.certificates, "private": found.private}


def _moment(text: str | None) -> datetime | None:
    try:
        return utc_moment(text) if text else None
    except ValueError:
        raise UserVpnError(f"since is {quoted(text or '')}; give a time in UTC as 2026-11-22T21:00:00Z.") from None


def _there(path: Path) -> str:
    """What an export takes the place of, which may be anything."""
    try:
        return read(path, EXPORT_LIMIT).decode("utf-8", "replace")
    except UserVpnError as error:
        return f"{error}\n"
