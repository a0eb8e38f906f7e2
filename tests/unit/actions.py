# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one of our actions in a test, as a task would, without a play."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from ansible.parsing.dataloader import DataLoader

# What stands in for ActionBase._low_level_execute_command: same arguments, same dictionary back.
Execute = Callable[..., dict[str, Any]]


def run_action(
    module_name: str,
    args: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = False,
    task_vars: Mapping[str, Any] | None = None,
    basedir: Path | str = ".",
    execute: Execute | None = None,
    said: list[str] | None = None,
    strategy: str = "linear",
) -> dict[str, Any]:
    """The result of the task `vwan.user_vpn.<module_name>` with these arguments.

    Warnings come back as the list `warnings` of the result, which is where a registered result has them (and, as
    there, only when there are any). The task's host is `test-host` unless `task_vars` says otherwise, `basedir` is the
    playbook's folder, `said` collects the lines shown while the task runs. `execute` answers what the action runs on
    the host; without it an action that tries to is a failure.
    """
    action = make_action(module_name, args, check=check, diff=diff, basedir=basedir, execute=execute, strategy=strategy)
    result: dict[str, Any] = action.run(None, {"inventory_hostname": "test-host"} | dict(task_vars or {}))
    warnings = [str(call.args[0]) for call in action._display.warning.call_args_list]
    if said is not None:
        said.extend(str(call.args[0]) for call in action._display.display.call_args_list)
    return result | {"warnings": warnings} if warnings else result


def make_action(
    module_name: str,
    args: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = False,
    basedir: Path | str = ".",
    execute: Execute | None = None,
    strategy: str = "linear",
) -> Any:
    """The ActionModule itself, for a test that wants to look inside; its display is a MagicMock."""
    module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{module_name}")

    loader = DataLoader()
    loader.set_basedir(str(basedir))

    task = MagicMock(name="task")
    task.action = f"vwan.user_vpn.{module_name}"
    task.args = dict(args)
    task.check_mode = check
    task.diff = diff
    task.async_val = 0
    task.run_once = False
    task.get_play.return_value.strategy = strategy
    task.environment = []

    connection = MagicMock(name="connection")
    connection._shell.tmpdir = None
    connection._shell.env_prefix.return_value = ""

    play_context = MagicMock(name="play_context")
    play_context.remote_addr = "test-host"

    action = module.ActionModule(task, connection, play_context, loader, MagicMock(name="templar"), None)
    action._display = MagicMock(name="display")
    action._low_level_execute_command = execute or _refuse
    action._fault = _raise  # a test wants to see the error itself
    return action


def _refuse(*_args: Any, **_kwargs: Any) -> dict[str, Any]:
    raise AssertionError("this action ran something on the host, and the test gave no `execute` to answer it")


def _raise(error: Exception) -> str:
    raise error
