# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one Mac says to the points that no test can settle, redacted, in one file. It changes nothing there.

Two execs: the first leaves a process running for two minutes, and the second, over another connection, looks for it.
"""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

from ..module_utils._errors import UserVpnError
from ..module_utils._files import make_folder, write_atomic
from ..module_utils._mac.evidence import LINGER_SECONDS, left, report
from ..module_utils._mac.forms import asked
from ..module_utils._mac.shell import Exec
from ..plugin_utils._mac_action import MacAction


class ActionModule(MacAction):
    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {
        "dest": {"type": "path", "required": True},
        "minutes": {"type": "int", "default": 60},
        "hide": {"type": "list", "elements": "str", "default": []},
    }

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= arguments["minutes"] <= 1440:
            raise UserVpnError("minutes must be between 1 and 1440: so much of the log is read.")
        first, mark = secrets.token_hex(8), secrets.token_hex(8)
        answer = self.execute(Exec("linger", {"seconds": LINGER_SECONDS}), first)
        left_running = left(str(answer.get("stdout", "")), first)
        self._connection.reset()
        given = {"minutes": arguments["minutes"], "left": left_running, "run": first}
        answer = self.execute(Exec("evidence", given, asked()), mark)
        names = [self.host, str(task_vars.get("ansible_host", "")), str(task_vars.get("ansible_user", ""))]
        text = report(str(answer.get("stdout", "")), mark, [*names, *arguments["hide"]])
        dest = self.local_path(arguments["dest"])
        if not self.check_mode:
            make_folder(dest.parent)
            write_atomic(dest, text.encode())
        msg = f"{dest} holds what this Mac said: please read it before you attach it to a report."
        if self.check_mode:
            msg = f"A real run would write what this Mac says to {dest}."
        return {"changed": True, "dest": str(dest), "msg": msg}
