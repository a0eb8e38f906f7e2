# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which MDMs there are.

A type stands here once it has passed the suite of tests/integration/mdm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .fleet import Fleet
from .interface import Server
from .intune import Intune
from .jamf import Jamf
from .nanomdm import NanoMdm

TYPES: dict[str, type[Server]] = {"fleet": Fleet, "intune": Intune, "jamf": Jamf, "nanomdm": NanoMdm}


@contextmanager
def connected(
    given: Mapping[str, Any], environment: Mapping[str, str], say: Callable[[str], None], mask: Callable[[str], None]
) -> Iterator[Server]:
    """The server that the option `server` describes; UserVpnError when something is missing. No call is made yet."""
    server = TYPES[given["type"]].connect(given, environment, say, mask)
    try:
        yield server
    finally:
        server.close()
