# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doubles: one file per command, named after it, with a coroutine `run(call) -> exit code`.

Each is written from what is documented about the command (its docstring names the source), and refuses the rest: it
answers with a usage error and puts the call into `mac.refusals`. None of them knows what the collection sends.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ..calls import Call
    from ..macos import Release

Run = Callable[["Call"], Awaitable[int]]
# Not on every Mac.
NOT_BEFORE = {"shortcuts": (12, 0)}
# Not in PATH, and only on some Macs.
EXTRA = ("vpnutil",)


def names(release: Release) -> list[str]:
    """Names of the doubles that a Mac of this release has."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    found = [stem.replace("_", "-") if stem == "xcode_select" else stem for stem in stems]
    return [name for name in found if name not in EXTRA and NOT_BEFORE.get(name, (0, 0)) <= release.number]


@functools.cache
def find(name: str) -> Run:
    """Return the coroutine of a double."""
    module = importlib.import_module(f".{name.replace('-', '_')}", __package__)
    return cast(Run, module.run)
