# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whether an identity was encoded with a password, without opening it."""

from __future__ import annotations

import hashlib

CHECK_ROUNDS = 10_000  # of a stronger hash, so that the check beside a .p12 is never the easier thing to attack


class PasswordChecks:
    """Tells whether an identity was encoded with this password, without opening it and without storing the password.

    PBKDF2 with the folder's salt. One computation serves a whole fleet that shares a password.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._known: dict[str, str] = {}

    def of(self, password: str) -> str:
        if password not in self._known:
            digest = hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, CHECK_ROUNDS)
            self._known[password] = digest.hex()
        return self._known[password]
