# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: Macs that the real OpenSSH client reaches, without a Mac.

See docs/fidelity.md for what this proves and what it cannot.
"""

from __future__ import annotations

from .lab import Lab
from .mac import Mac

__all__ = ["Lab", "Mac"]
