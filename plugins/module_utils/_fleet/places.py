# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where files are kept that belong to a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def beside_inventory(name: str, sources: Sequence[str]) -> str:
    """A path beside the first of these inventories: not inside, where it is a folder, for all in there is an inventory.

    Where there is none, or hosts are listed on the command line, it is where Ansible was started.
    """
    first = Path(sources[0]) if sources and "," not in sources[0] else None
    return str((first.parent if first and first.exists() else Path()) / name)
