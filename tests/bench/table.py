# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as text: one table of medians, one of ratios, and the machine."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .cases import AGAIN, FIRST, FLOOR, IDENTITIES, IN_BULK, KEYS, PEER_PLAY, POSTGRESQL, SITE, WAIT, WAITING, Case, Row
from .control import OURS, PEER, ROOT
from .lab import REAL

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of the figures -->"
RUNS = {
    FLOOR: "floor: one `raw: true`",
    FIRST: "`site`, first run",
    AGAIN: "`site`, nothing to do",
    "report": "`report`",
    "renew": "`renew`, nobody due",
}


class Figures:
    """All rows of a run; what was not measured has no figure."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)

    def median(self, case: str, run: str, what: str = "wall") -> float | None:
        """Of one field of the runs (see Measured), or None."""
        for row in self.rows:
            if row.case.name == case and row.run == run:
                return _median(row, what)
        return None

    def ratio(self, one: tuple[str, ...], other: tuple[str, ...]) -> float | None:
        above, below = self.median(*one), self.median(*other)
        return above / below if above is not None and below else None

    def per_mac(self, case: str, run: str, what: str = "wall") -> float | None:
        value = self.median(case, run, what)
        return None if value is None else value / Case.named(case).macs

    def bulk(self, case: str) -> float | None:
        """Seconds in which the identities were made, without the start of Ansible."""
        runs = [one for row in self.rows if row.case.name == case and row.run == IDENTITIES for one in row.runs]
        return statistics.median(dict(one.tasks)[IN_BULK] for one in runs) if runs else None

    def growth_kib(self, fewer: str, more: str) -> float | None:
        """Of the parent's peak memory, for each further Mac."""
        low, high = (self.median(case, AGAIN, "peak_kib") for case in (fewer, more))
        if low is None or high is None:
            return None
        return (high - low) / (Case.named(more).macs - Case.named(fewer).macs)


def markdown(figures: Figures) -> str:
    """The tables, and the machine below them."""
    lines = ["## Ratios", "", *_table(("", "measured"), _ratios(figures)), "", "## Medians", ""]
    head = ["run", "Macs", "forks", "s", "x floor", "CPU s", "x floor", "ms/Mac", "CPU ms/Mac", "tasks/Mac"]
    head += ["execs/Mac", "KiB/Mac", "ARM calls", "lines", "parent MiB"]
    lines += [*_table(head, [_cells(figures, row) for row in figures.rows]), "", *_machine()]
    return "\n".join(lines) + "\n"


def write(figures: Figures) -> None:
    """Put the figures in their place in docs/performance.md."""
    page = PAGE.read_text(encoding="utf-8")
    before, _begin, rest = page.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{markdown(figures)}\n{END}{after}", encoding="utf-8")


def data(figures: Figures) -> list[dict[str, Any]]:
    """All single runs, for other programs."""
    return [dataclasses.asdict(row) | {"name": row.case.name} for row in figures.rows]


def _cells(figures: Figures, row: Row) -> Sequence[str]:
    case = row.case.name
    label = {IDENTITIES: "identities alone, start included", KEYS: "RSA 2048 keys alone, all cores"}.get(row.run, "")
    label = label or RUNS[row.run].replace("`site`", "peer" if row.case.what == PEER_PLAY else "`site`")
    if row.case.what == WAITING:
        label += f", nobody approves in {WAIT} s"
    elif row.case.kind == REAL:
        label += ", doubles"
    if row.case.store == POSTGRESQL:
        label += ", PostgreSQL"
    if row.keys:
        return [label, str(row.case.macs), "", _number(_median(row)), *[""] * 11]
    cells = [label, f"{row.case.macs:,}", str(row.case.forks)]
    for what in ("wall", "cpu"):
        times = None if row.run == FLOOR else figures.ratio((case, row.run, what), (case, FLOOR, what))
        cells += [_number(_median(row, what)), _number(times)]
    cells += [_number(1000 * _median(row, what) / row.case.macs) for what in ("wall", "cpu")]
    cells += [_number(_median(row, what)) for what in ("host_tasks", "execs")]
    cells += [_number(_median(row, "bytes") / 1024), *(_number(_median(row, what)) for what in ("arm", "lines"))]
    return [*cells, _number(_median(row, "peak_kib") / 1024)]


def _median(row: Row, what: str = "wall") -> float:
    return statistics.median(row.keys or [float(getattr(one, what)) for one in row.runs])


def _ratios(figures: Figures) -> Iterable[Sequence[str]]:
    """What is to be reached, in the words of whoever asks how far it is."""

    entries: list[tuple[str, float | None, str]] = []

    def times(label: str, one: tuple[str, ...], other: tuple[str, ...]) -> None:
        entries.append((label, figures.ratio(one, other), " x"))

    for row in figures.rows:
        if row.run in (FIRST, AGAIN) and row.case == Case(SITE, row.case.macs):
            case, label = row.case.name, f"{RUNS[row.run]}, {row.case.macs:,} Macs, against the floor"
            times(f"{label}, time", (case, row.run), (case, FLOOR))
            times(f"{label}, CPU", (case, row.run, "cpu"), (case, FLOOR, "cpu"))
    for macs in (10, 100, 1000):
        for run, label in ((FIRST, "first run"), (AGAIN, "second run")):
            times(f"peer's {label} against ours, {macs:,} Macs, time", (f"peer:{macs}", run), (f"site:{macs}", run))
    per_mac = [figures.per_mac(case, AGAIN) for case in ("site:1000", "site:100")]
    if per_mac[0] and per_mac[1]:
        entries.append(("a Mac at 1,000 against a Mac at 100, nothing to do", per_mac[0] / per_mac[1], " x"))
    for fewer, more in ((10, 100), (100, 1000)):
        label = f"parent's memory for each further Mac, {fewer} to {more}"
        entries.append((label, figures.growth_kib(f"site:{fewer}", f"site:{more}"), " KiB"))
    for name in sorted({row.case.name for row in figures.rows if row.case.what == IDENTITIES}):
        bulk, keys = figures.bulk(name), figures.median(name, KEYS)
        if bulk and keys:
            entries.append((f"{name[11:]} identities against all cores making their RSA keys only", bulk / keys, " x"))
    label = "PostgreSQL against SQLite, 100 Macs, nothing to do, time"
    times(label, ("site:100:postgresql", AGAIN), ("site:100", AGAIN))
    entries.append(("lines printed, 50 Macs, nothing to do", figures.median("site:50", AGAIN, "lines"), ""))
    label = f"50 Macs, nobody approves, user_vpn_wait {WAIT}, forks 5"
    entries.append((label, figures.median("waiting:50", FIRST), " s"))
    return [(label, f"{_number(value)}{unit}") for label, value, unit in entries if value is not None]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def _machine() -> list[str]:
    """Of the machine what says how fast it is, and what ran on it; not whose it is."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    gib = int(memory[1]) / 1024 / 1024 if memory else 0
    core = _said(str(OURS / "ansible-playbook"), "--version", pattern=r"core ([\w.]+)")
    crypto = _said(str(PEER / "ansible-galaxy"), "collection", "list", "community.crypto", pattern=r"crypto +([\d.]+)")
    ssh, ssl = _said("ssh", "-V", pattern=r"OpenSSH_([\w.]+)"), _said("openssl", "version", pattern=r"OpenSSL ([\w.]+)")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return [
        f"Measured {datetime.now(UTC):%B %Y} on {len(os.sched_getaffinity(0))} cores of {cpu[1] if cpu else 'a CPU'}, "
        f"{gib:.0f} GiB, {system}, Linux {platform.release().split('-')[0]}; Python {platform.python_version()}, "
        f"ansible-core {core}, OpenSSH {ssh}, OpenSSL {ssl}; the peer: community.crypto {crypto}, the same "
        "ansible-core."
    ]


def _said(*command: str, pattern: str) -> str:
    """What a program says of its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "(none)"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "(unknown)"
