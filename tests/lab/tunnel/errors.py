# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of the tunnel lab."""

from __future__ import annotations


class TunnelLabError(RuntimeError):
    """The lab itself (not the tunnel under test) cannot do what it was asked to."""
