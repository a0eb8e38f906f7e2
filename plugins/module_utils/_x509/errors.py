# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what goes wrong with certificates and keys."""

from __future__ import annotations

from .._errors import UserVpnError

try:
    from cryptography import __version__ as _VERSION
except ImportError:
    _VERSION = "0"

OLDEST = 43  # the first whose PKCS#12 has the 2048 rounds in its MAC, too


class X509Error(UserVpnError):
    """A certificate or a key that the user can mend."""


def require_cryptography() -> None:
    """X509Error unless the library behind this package is there."""
    if int(_VERSION.split(".")[0]) < OLDEST:
        raise X509Error(
            "The Python package cryptography is missing on the controller, or too old: "
            f"pip install 'cryptography>={OLDEST}'."
        )
