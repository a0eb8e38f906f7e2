# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ledger: export the ledger of a PKI folder, or rebuild it. Options: plugins/modules/ledger.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._files import read, would_write, write_atomic
from ..module_utils._pki.folder import Folder
from ..module_utils._pki.rebuilding import Rebuilt, rebuild
from ..module_utils._pki.telling import export_text
from ..plugin_utils._action import UserVpnAction

EXPORT_LIMIT = 32 << 20  # to show what it takes the place of


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "path": {"type": "path", "required": True},
        "export": {"type": "path"},
        "rebuild": {"type": "bool", "default": False},
        "revoked": {"type": "list", "elements": "str", "default": []},
        "pkcs12_password": {"type": "str", "no_log": True},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        folder = Folder(self.local_path(arguments["path"]))
        if not (arguments["export"] or arguments["rebuild"]):
            raise UserVpnError("Nothing is asked for: set export to a file, or rebuild to true.")
        rebuilt = Rebuilt()
        if arguments["rebuild"]:
            rebuilt = rebuild(
                folder,
                now=datetime.now(UTC),
                revoked=arguments["revoked"],
                password=arguments["pkcs12_password"],
                check=self.check_mode,
            )
            self._warn(rebuilt)
        written = self._export(folder, arguments["export"], rebuilt) if arguments["export"] else {}
        told = {
            "changed": rebuilt.changed or bool(written.get("changed")),
            "lost": rebuilt.lost,
            "added": [{"kind": r.kind, "name": r.name, "sha1": r.sha1, "state": r.state} for r in rebuilt.added],
            "skipped": rebuilt.skipped,
            "unopened": rebuilt.unopened,
            "unknown": rebuilt.unknown,
            "dest": written.get("dest", ""),
        }
        return told | ({"diff": written["diff"]} if self.diff_mode and written.get("changed") else {})

    def _export(self, folder: Folder, dest: str, rebuilt: Rebuilt) -> dict[str, Any]:
        path = self.local_path(dest)
        if self.check_mode and rebuilt.lost:
            return {"changed": True, "dest": str(path), "diff": {}}
        text = export_text(folder, path.suffix)
        before = _there(path) if self.diff_mode and path.is_file() else ""
        if not path.parent.is_dir():
            raise UserVpnError(f"The folder {path.parent} does not exist; make it, or export to another one.")
        changed = would_write(path, text) if self.check_mode else write_atomic(path, text)
        headers = {"before_header": str(path), "after_header": str(path)}
        return {
            "changed": changed,
            "dest": str(path),
            "diff": headers | {"before": before, "after": text.decode()},
        }

    def _warn(self, rebuilt: Rebuilt) -> None:
        for sentence in rebuilt.skipped:
            self.warn(f"Left out: {sentence}")
        if rebuilt.unopened:
            self.warn(
                f"pkcs12_password does not open the identities of {len(rebuilt.unopened)} clients, so the next run "
                f"issues them anew: {', '.join(rebuilt.unopened[:10])}{', ...' if len(rebuilt.unopened) > 10 else ''}."
            )
        if rebuilt.unknown:
            self.warn(
                f"{len(rebuilt.unknown)} of the revoked thumbprints are of certificates that the folder does not hold; "
                "see that Azure goes on refusing them."
            )


def _there(path: Path) -> str:
    """What an export takes the place of, which may be anything."""
    try:
        return read(path, EXPORT_LIMIT).decode("utf-8", "replace")
    except UserVpnError as error:
        return f"{error}\n"
