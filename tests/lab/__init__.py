# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: Macs that the real OpenSSH client reaches, without a Mac; and what else the workflow meets.

See docs/fidelity.md for what this proves and what it cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lab import Lab
    from .mac import Mac

__all__ = ["Lab", "Mac"]


def __getattr__(name: str) -> Any:
    """Lab and Mac when they are asked for: the other parts of the lab work without an SSH server."""
    if name == "Lab":
        from .lab import Lab

        return Lab
    if name == "Mac":
        from .mac import Mac

        return Mac
    raise AttributeError(name)
