# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the one exception that reaches the module border, and how it quotes what others wrote."""

from __future__ import annotations

LONGEST = 2000  # characters of a message: a sentence or two, with the paths and names in it


class UserVpnError(Exception):
    """Something the user can mend.

    The text is one sentence (or two) that says what is wrong, where, and what to do. It never holds a secret,
    so it may be shown, logged and returned as it is: whatever a file, Azure or a Mac has put into it, it is one
    printable line of bearable length.
    """

    def __init__(self, text: str) -> None:
        super().__init__(shown(text, LONGEST))


def shown(text: str, limit: int = 100) -> str:
    """Text of others as it may stand in a message: printable, on one line, and not endless."""
    text = shortened(text, limit)
    return "".join(character if character.isprintable() else "?" for character in text)


def quoted(text: str) -> str:
    """The same in quotes; what a terminal would not print is escaped."""
    return repr(shortened(text, 100))


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
