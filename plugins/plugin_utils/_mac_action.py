# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: an action that talks to its Mac, one exec at a time."""

from __future__ import annotations

import secrets
import shlex
from typing import Any

from ._action import UserVpnAction
from ._mac import MacError, MacState, clean, read_answer, script


class MacAction(UserVpnAction):
    """Asks the Mac by mac.sh, whose verbs stand at its head."""

    def ask(self, verb: str, *words: str, stdin: bytes = b"") -> MacState:
        """One remote exec. What is secret goes by `stdin`, never by `words`: those show in the Mac's process list."""
        mark = secrets.token_hex(8)
        stdin = stdin or b"\n"
        answer = self.execute(script(), "mac", mark, str(len(stdin)), verb, *words, stdin=stdin)
        try:
            state = read_answer(str(answer.get("stdout", "")), mark)
        except MacError:
            problem = str(answer.get("stderr") or "").strip().split("\n")[-1]
            if answer.get("rc") and problem:
                raise MacError(f"The Mac refused: {clean(problem)}") from None
            raise
        if state.stage == "cut_off":
            raise MacError("Only a part of what was sent reached the Mac, which did nothing with it: run again.")
        return state

    def execute(self, text: str, *words: str, stdin: bytes = b"\n") -> dict[str, Any]:
        """One remote exec of a script; `words` are its $0 and its arguments."""
        command = shlex.join(["/bin/sh", "-c", text, *words])
        environment = self._compute_environment_string()
        # With nothing to send, ssh would be given a terminal, which merges stderr into stdout: always send something.
        return dict(self._low_level_execute_command(f"{environment} {command}".strip(), in_data=stdin))

    def warn_leftover(self, state: MacState) -> None:
        """Say what became of a file that an earlier run could not take away."""
        if not state.leftover:
            return
        if self.check_mode:
            fate = "is still there; a real run removes it."
        elif state.stuck:
            fate = f"could not be removed: delete Library/Caches/vwan.user_vpn in the home of {state.leftover}."
        else:
            fate = "was removed."
        self.warn(f"What an interrupted run had staged for {state.leftover} {fate}")
