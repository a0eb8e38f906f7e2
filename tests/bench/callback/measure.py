# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what only ansible-playbook itself knows: how many tasks each host had, how long each task took, its memory."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: measure
type: notification
short_description: Host-tasks, seconds of each task and peak memory of one run
description: For the benchmark of this collection. A skipped task counts, for it is started as any other is.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "measure"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._host_tasks: Counter[str] = Counter()
        self._started: list[tuple[str, float]] = []

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._started.append((task.get_name(), time.monotonic()))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._host_tasks[host.get_name()] += 1

    def v2_playbook_on_stats(self, stats: Any) -> None:
        ends = [moment for _name, moment in self._started[1:]] + [time.monotonic()]
        status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        seen = {
            "host_tasks": self._host_tasks,
            "tasks": [[name, end - began] for (name, began), end in zip(self._started, ends, strict=True)],
            "peak_kib": next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")),
        }
        Path(os.environ["MEASURE_FILE"]).write_text(json.dumps(seen), encoding="utf-8")
