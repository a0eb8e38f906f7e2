# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the one error of the profile package reader, and how it quotes a package."""

from __future__ import annotations

from .._errors import UserVpnError


class PackageError(UserVpnError):
    """The profile package cannot be read, or no Mac could connect with what it says."""


def shown(text: str) -> str:
    """Text out of a package as it may stand in a message: printable, on one line, and not endless."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if len(printable) <= 100 else f"{printable[:97]}..."
