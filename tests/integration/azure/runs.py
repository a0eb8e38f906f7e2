# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this folder share: tasks that are remembered, and work that is killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

GROUP = "rg-vpn"


@dataclass
class Run:
    """Runs actions as tasks do, and remembers all they said, to be searched for secrets."""

    folder: Path
    results: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __call__(
        self,
        module: str,
        *,
        check: bool = False,
        diff: bool = True,
        task_vars: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        arguments = {"resource_group": GROUP, **arguments}
        with contextlib.chdir(self.folder):  # relative paths are relative to where ansible-playbook runs
            result = run_action(module, arguments, check=check, diff=diff, said=self.said, task_vars=task_vars)
        self.results.append(result)
        return result

    def ok(self, module: str, **arguments: Any) -> dict[str, Any]:
        result = self(module, **arguments)
        assert not result["failed"], result.get("msg")
        return result

    def fails(self, module: str, **arguments: Any) -> str:
        result = self(module, **arguments)
        assert result["failed"], result
        assert result["changed"] is False
        return str(result["msg"])


def killed_at(azure: AzureLab, number: int, work: Callable[[], object]) -> bool:
    """Run `work` in a forked process that dies by SIGKILL when its request `number` arrives. Returns whether it did."""
    seen = 0
    child = 0

    def kill(_request: object) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(child, signal.SIGKILL)

    azure.faults.clear()
    azure.faults.add(lambda _request: True, faults.call(kill), times=10**6)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    azure.faults.clear()
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the work itself has failed"
    return False
