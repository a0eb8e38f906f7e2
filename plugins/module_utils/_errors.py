# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the one exception that reaches the module border."""

from __future__ import annotations


class UserVpnError(Exception):
    """Something the user can mend.

    The text is one sentence (or two) that says what is wrong, where, and what to do. It never holds a secret,
    so it may be shown, logged and returned as it is.
    """
