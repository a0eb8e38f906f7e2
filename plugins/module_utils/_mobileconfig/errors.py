# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what goes wrong while a profile is made."""

from __future__ import annotations

from .._errors import UserVpnError


class ProfileError(UserVpnError):
    """A profile cannot be made from what was given; the text says what to change."""
