# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the one error of the profile package reader."""

from __future__ import annotations

from .._errors import UserVpnError


class PackageError(UserVpnError):
    """The profile package cannot be read, or no Mac could connect with what it says."""
