# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what all parts of the PKI share."""

from __future__ import annotations

import base64
import hashlib

from .._errors import UserVpnError


class PkiError(UserVpnError):
    """Something about the store, a certificate or a key that the user can mend."""


class RevokedError(PkiError):
    """A client that was revoked, and that nobody has let in again."""


def sha256_hex(content: bytes) -> str:
    """64 upper-case hex digits."""
    return hashlib.sha256(content).hexdigest().upper()


def der_of_pem(content: bytes) -> bytes:
    """Of one PEM certificate, in the form in which we write it; ValueError for anything else."""
    lines = content.split(b"\n")
    if lines[0] != b"-----BEGIN CERTIFICATE-----" or lines[-2:] != [b"-----END CERTIFICATE-----", b""]:
        raise ValueError("no PEM certificate")
    return base64.b64decode(b"".join(lines[1:-2]), validate=True)
