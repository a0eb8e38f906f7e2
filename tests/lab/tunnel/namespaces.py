# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wires of the lab: one network namespace for the gateway, one for each Mac, joined by veth pairs.

Everything a run makes carries the run's name, `uservpn-PID-START-N`: PID and START (clock ticks since boot) of the
process that made it. A name whose process is gone belongs to a run that was killed; the next run removes it.
No interface, address or route is ever made outside the lab's own namespaces.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError

_NETNS = Path("/run/netns")
_NAME = re.compile(r"uservpn-(?P<pid>\d+)-(?P<start>\d+)-\d+")
_count = itertools.count(1)


class Namespace:
    """One network namespace, and the ways to run something in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = _NETNS / name

    def argv(self, *command: str) -> list[str]:
        return ["nsenter", f"--net={self.path}", *command]

    def run(self, *command: str) -> str:
        """The command's output; a failure is an error of the lab."""
        return _run(*self.argv(*command))

    def ping(self, address: str, *, timeout: float = 2) -> bool:
        """Whether one of up to three echo requests is answered within the time (seconds)."""
        deadline = str(max(1, round(timeout)))
        command = self.argv("ping", "-n", "-q", "-c", "1", "-i", "0.2", "-w", deadline, address)
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def ping_for(self, address: str, seconds: float, *, interval: float = 0.1) -> tuple[int, int]:
        """Ping without a pause for some seconds: how many echo requests were sent, how many were answered."""
        command = self.argv("ping", "-n", "-q", "-i", str(interval), "-w", str(round(seconds)), address)
        report = subprocess.run(command, check=False, capture_output=True, text=True).stdout
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", report)
        if not counts:
            raise TunnelLabError(f"ping said nothing that can be read: {report!r}")
        return int(counts[1]), int(counts[2])

    def pids(self) -> list[int]:
        return [int(pid) for pid in _run("ip", "netns", "pids", self.name).split()]


class Network:
    """The namespaces and the private folder of one run. `close()` removes both."""

    def __init__(self) -> None:
        remove_leftovers()
        pid = os.getpid()
        self.name = f"uservpn-{pid}-{_start_of(pid)}-{next(_count)}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))  # mode 0700
        self._namespaces: list[Namespace] = []

    def add(self, label: str) -> Namespace:
        """A new namespace with its loopback up."""
        namespace = Namespace(f"{self.name}-{label}")
        _run("ip", "netns", "add", namespace.name)
        self._namespaces.append(namespace)
        namespace.run("ip", "link", "set", "lo", "up")
        return namespace

    def wire(self, one: Namespace, one_interface: str, other: Namespace, other_interface: str) -> None:
        """Join two namespaces; both ends are made where they belong, so no name ever shows on the host."""
        ends = ["name", one_interface, "netns", one.name, "type", "veth"]
        _run("ip", "link", "add", *ends, "peer", "name", other_interface, "netns", other.name)
        one.run("ip", "link", "set", one_interface, "up")
        other.run("ip", "link", "set", other_interface, "up")

    def remove(self, namespace: Namespace) -> None:
        _remove_namespace(namespace)
        self._namespaces.remove(namespace)

    def close(self) -> None:
        for namespace in list(self._namespaces):
            self.remove(namespace)
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the namespaces, the processes in them, and the folders of runs whose process is gone."""
    for path in _of_dead_runs(_NETNS):
        _remove_namespace(Namespace(path.name))
    for path in _of_dead_runs(Path(tempfile.gettempdir())):
        shutil.rmtree(path, ignore_errors=True)


def _of_dead_runs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("uservpn-*")):
        name = _NAME.match(path.name)
        if name and _start_of(int(name["pid"])) != name["start"]:
            yield path


def _start_of(pid: int) -> str:
    """When a process started (clock ticks since boot), so that a reused PID is not taken for the old process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _remove_namespace(namespace: Namespace) -> None:
    """End what still runs inside (daemons, a ping), then remove the namespace and with it its interfaces."""
    for attempt in range(20):
        with contextlib.suppress(TunnelLabError):
            for pid in namespace.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM if attempt < 10 else signal.SIGKILL)
            if not namespace.pids():
                break
        time.sleep(0.05)
    with contextlib.suppress(TunnelLabError):
        _run("ip", "netns", "delete", namespace.name)


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise TunnelLabError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
