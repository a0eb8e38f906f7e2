# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: thumbprints and times as text. Imports no X.509 library, as it is needed where a
Mac's task runs.

Windows shows a thumbprint in lower case with blanks, and copies an invisible U+200E in front of it
(learn.microsoft.com/troubleshoot/windows-server, "certificate thumbprint displayed in MMC certificate snap-in has extra
invisible Unicode character"); openssl and browsers put colons or blanks between pairs, Azure has plain upper case.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from .._errors import UserVpnError, quoted

_INVISIBLE = ("Cf", "Pd", "Zl", "Zp", "Zs")  # marks of direction and byte order, dashes, blanks of every width


def bare(text: str) -> str:
    """A fingerprint, without what may stand between its digits, in upper case: the one form that is compared.

    What is no fingerprint stays unlike every fingerprint. Nothing is an error here: what Azure holds may be anything.
    """
    left = "".join(c for c in text if not (c == ":" or c.isspace() or unicodedata.category(c) in _INVISIBLE))
    return left.upper() if left.isascii() else left


def is_thumbprint(text: str) -> bool:
    """Whether this is a SHA-1 thumbprint, however it is written."""
    return re.fullmatch("[0-9A-F]{40}", bare(text)) is not None


def thumbprint(text: str, where: str) -> str:
    """A SHA-1 thumbprint as 40 upper-case hex digits; UserVpnError for anything else. `where` names the option."""
    if is_thumbprint(text):
        return bare(text)
    told = f"{quoted(text)} in {where}"
    if re.fullmatch("[0-9A-F]{64}", bare(text)):
        raise UserVpnError(
            f"{told} is a SHA-256 fingerprint; Azure names a certificate by its SHA-1 thumbprint, which "
            "has 40 hex digits: give that."
        )
    raise UserVpnError(
        f"{quoted(text)} in {where} is no SHA-1 thumbprint, which has 40 hex digits: give the one of Azure."
    )


def utc_text(moment: datetime) -> str:
    """`2026-11-22T21:00:00Z`: the one form in which this collection tells a time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_moment(text: str) -> datetime:
    """The inverse of utc_text; ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if utc_text(moment) != text:
        raise ValueError(f"no time of ours: {text[:40]!r}")
    return moment
