# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL for a run of ansible-playbook.

Its workers lead sessions of their own: neither the signal nor the end of ansible-playbook reaches them, and they go on
to the end of their task. So there are two kinds of kill: that of one process, and that of all, as a power cut does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

SECONDS = 60


def processes_of(record: Path) -> list[int]:
    """All processes, however deep, of the run that records its results in this file."""
    mark = f"RECORDER_FILE={record}\0".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (place / "environ").read_bytes() + b"\0":
                found.append(int(place.name))
    return found


def kill_one(run: subprocess.Popen[str]) -> bool:
    """ansible-playbook alone. Returns whether it was still running."""
    alive = run.poll() is None
    run.kill()
    run.wait()
    return alive


def kill_all(run: subprocess.Popen[str], record: Path) -> bool:
    """ansible-playbook and all that it has started; none is left afterwards. Returns whether it was still running."""
    alive = run.poll() is None
    end = time.monotonic() + SECONDS
    while left := processes_of(record):
        assert time.monotonic() < end, f"{left} survive SIGKILL"
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    run.wait()
    return alive
