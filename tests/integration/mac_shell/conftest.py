# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the tests of the Mac's shell: one lab for all, and a Mac of its own for each, under each shell that is there.

On a Mac /bin/sh is bash 3.2 in POSIX mode, or dash where somebody has chosen it; here it is whatever the host has, and
bash beside it.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.lab.lab_samples import IDENTIFIER
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import BASH, DASH, Shell
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab") / "lab") as lab:
        yield lab


@pytest.fixture
def new_shell(lab: Lab) -> Iterator[Callable[..., Shell]]:
    """A shell on a new Mac; afterwards the Mac has refused nothing, and the lab has made no mistake."""
    made: list[Mac] = []

    def make(words: tuple[str, ...] = DASH, **options: Any) -> Shell:
        mac = lab.add_mac(f"mac-{next(NUMBERS)}", **{"approve_after": 0.01, "copy_after": 0.01} | options)
        made.append(mac)
        return Shell(lab, mac, words, IDENTIFIER)

    yield make
    for mac in made:
        assert (mac.faults, mac.refusals, mac.python_calls) == ([], [], [])


@pytest.fixture(params=[DASH, BASH], ids=["sh", "bash"])
def words(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The shell, for what shells do differently: signals, traps, pipes, umask."""
    if not Path(request.param[0]).exists():
        pytest.skip(f"this host has no {request.param[0]}; any Linux distribution's package bash brings it")
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture
def shell(new_shell: Callable[..., Shell]) -> Shell:
    return new_shell()


@pytest.fixture
def each(new_shell: Callable[..., Shell], words: tuple[str, ...]) -> Shell:
    """A shell of each kind."""
    return new_shell(words)


@pytest.fixture(autouse=True)
def signals_arrive() -> None:
    """Under nohup signals are ignored, and a shell cannot trap what it inherits as ignored."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
