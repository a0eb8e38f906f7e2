# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: an action that talks to its Mac, one exec at a time."""

from __future__ import annotations

import secrets
import shlex
from importlib import import_module
from typing import Any

from ..module_utils._errors import shown
from ..module_utils._mac.answer import MacError, MacState, read_answer
from ..module_utils._mac.shell import Exec
from ._action import UserVpnAction


class MacAction(UserVpnAction):
    """Asks the Mac by the sh of module_utils/_mac."""

    def ask(self, what: Exec) -> MacState:
        """One remote exec, and what the Mac says to it."""
        mark = secrets.token_hex(8)
        answer = self.execute(what, mark)
        try:
            state = read_answer(str(answer.get("stdout", "")), mark)
        except MacError:
            problem = str(answer.get("stderr") or "").strip().rpartition("\n")[2]
            if answer.get("rc") and problem:
                raise MacError(f"The Mac refused: {shown(problem, 300)}") from None
            raise
        if state.stage == "cut_off":
            raise MacError("Only a part of what was sent reached the Mac, which did nothing with it: run again.")
        return state

    def act(self, what: Exec | None) -> MacState | None:
        """As `ask`, where there is something to do and this is no check mode."""
        return None if what is None or self.check_mode else self.ask(what)

    def execute(self, what: Exec, mark: str) -> dict[str, Any]:
        """One remote exec, and all that comes back."""
        command = f"{self._compute_environment_string()} {shlex.join(what.command(mark))}".strip()
        return dict(self._low_level_execute_command(command, in_data=what.sent))

    def warn_leftover(self, state: MacState) -> None:
        """Say what became of a file that an earlier run could not take away."""
        if not state.leftover:
            return
        if self.check_mode:
            fate = "is still there; a real run removes it."
        elif state.stuck:
            reason = state.stuck_by or "no reason was given"
            folder = f"Library/Caches/vwan.user_vpn in the home of {state.leftover}"
            fate = f"could not be removed ({reason}): delete {folder}."
        else:
            fate = "was removed."
        self.warn(f"What an interrupted run had staged for {state.leftover} {fate}")

    def diff(self, what: str, before: str, after: str) -> dict[str, Any]:
        """Both texts under a header that ends with this Mac; nothing if nobody asked, or they are equal."""
        if not self.diff_mode or before == after:
            return {}
        header = f"{what} {self.host}"
        return {"diff": {"before_header": header, "after_header": header, "before": before, "after": after}}


def later(name: str) -> Any:
    """A module of module_utils, when it is wanted: what most Macs need nothing of is not loaded for each of them."""
    return import_module(f"..module_utils.{name}", __package__)
