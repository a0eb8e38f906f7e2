# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: an action that talks to its Mac, one exec at a time."""

from __future__ import annotations

import secrets
import shlex

from ._action import UserVpnAction
from ._mac import MacError, MacState, read_answer, script


class MacAction(UserVpnAction):
    """Asks the Mac by mac.sh, where the verbs are described."""

    def ask(self, verb: str, *words: str, stdin: bytes = b"") -> MacState:
        """One remote exec. What is secret goes by `stdin`, never by `words`: those show in the Mac's process list."""
        mark = secrets.token_hex(8)
        command = shlex.join(["/bin/sh", "-c", script(), "mac", mark, verb, *words])
        environment = self._compute_environment_string()
        # With nothing to send, ssh would be given a terminal, which merges stderr into stdout: always send something.
        answer = self._low_level_execute_command(f"{environment} {command}".strip(), in_data=stdin or b"\n")
        try:
            return read_answer(answer.get("stdout", ""), mark)
        except MacError:
            problem = str(answer.get("stderr") or "").strip().splitlines()
            if answer.get("rc") and problem:
                raise MacError(f"The Mac refused: {problem[-1]}") from None
            raise
