# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what all parts of the PKI share."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from .._errors import UserVpnError

SMALL_FILE = 1 << 20  # no key, certificate, chain or PKCS#12 of ours comes near one MiB


class PkiError(UserVpnError):
    """Something about the store, a certificate or a key that the user can mend."""


def utc_text(moment: datetime) -> str:
    """`2026-11-22T21:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_moment(text: str) -> datetime:
    """The inverse of utc_text; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if utc_text(moment) != text:
        raise ValueError(f"no time of ours: {text[:40]!r}")
    return moment


def sha256_hex(content: bytes) -> str:
    """64 upper-case hex digits."""
    return hashlib.sha256(content).hexdigest().upper()


def der_of_pem(content: bytes) -> bytes:
    """Of one PEM certificate, in the form in which we write it; ValueError for anything else."""
    lines = content.split(b"\n")
    if lines[0] != b"-----BEGIN CERTIFICATE-----" or lines[-2:] != [b"-----END CERTIFICATE-----", b""]:
        raise ValueError("no PEM certificate")
    return base64.b64decode(b"".join(lines[1:-2]), validate=True)
