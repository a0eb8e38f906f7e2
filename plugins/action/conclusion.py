# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""conclusion: what came of a run, said, kept and handed on. Options: plugins/modules/conclusion.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from ..module_utils import _files
from ..module_utils._errors import LONGEST, shown
from ..module_utils._fleet.conclusion import STATUSES, Standing, by_host, data, document, lines
from ..module_utils._text import cleaned
from ..plugin_utils._action import UserVpnAction

PUBLIC_FILE = 0o644


class ActionModule(UserVpnAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "macs": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "host": {"type": "str", "required": True},
                "status": {"type": "str", "choices": list(STATUSES), "required": True},
                "msg": {"type": "str", "default": ""},
                "next_step": {"type": "str", "default": ""},
                "failed": {"type": "bool", "default": False},
                "connected": {"type": "bool", "default": False},
                "address": {"type": "str", "default": ""},
                "user_group": {"type": "str", "default": ""},
                "address_pools": {"type": "list", "elements": "str", "default": []},
            },
        },
        "notes": {"type": "list", "elements": "str", "default": []},
        "dest": {"type": "path"},
    }

    def _with_entries_explained(self, answer: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        return answer  # what other tasks have said

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        told = [Standing(**cleaned(mac, keep="")) for mac in arguments["macs"]]
        said = [shown(line, LONGEST) for line in (*lines(told, check=self.check_mode), *arguments["notes"])]
        for line in said:
            self.say(line)
        found = data(told)
        if arguments["dest"] and told and not self.check_mode:
            folder = self.local_path(arguments["dest"])
            _files.make_folder(folder, _files.PARENT_FOLDER)
            text = "".join(f"{line}\n" for line in said)
            _files.write_atomic(folder / "conclusion.txt", text.encode(), PUBLIC_FILE)
            kept = document(told, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
            _files.write_atomic(folder / "conclusion.json", kept.encode(), PUBLIC_FILE)
        stats = {"data": {"user_vpn": found}, "per_host": False, "aggregate": False}
        return found | {"macs": by_host(told), "lines": said, "ansible_stats": stats}
