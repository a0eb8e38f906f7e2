# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what others wrote, fit to be shown, and fit for a spreadsheet.

A Mac's serial number, an account's or a certificate's name, what Azure answers: somebody else decides what is in it.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_HARMFUL = ("Cc", "Cf", "Cs", "Zl", "Zp")  # moves the cursor, turns letters round, or is no text at all
_JOINERS = "\u200c\u200d"  # without them Persian and family emoji fall apart
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # also in full width


def cleaned(value: Any, keep: str = "\n\t") -> Any:
    """The value; in its texts, at any depth, a question mark stands for what a terminal would obey or hide.

    Keys stay: they are ours, or names that somebody looks up. `keep` are control characters that may stay.
    """
    if isinstance(value, str):
        return value if value.isprintable() else _clean(value.replace("\r\n", "\n"), keep + _JOINERS)
    if isinstance(value, dict):
        return {key: cleaned(inner, keep) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(inner, keep) for inner in value]
    return value


def _clean(text: str, keep: str) -> str:
    return "".join(
        "?" if unicodedata.category(character) in _HARMFUL and character not in keep else character
        for character in text
    )


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV (RFC 4180, with line feeds), cleaned, and with no cell that a spreadsheet would take for a formula.

    Such a text gets an apostrophe in front, as OWASP's page on CSV injection has it; numbers are left alone.
    """
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(map(_cells, rows))
    return stream.getvalue()


def _cells(row: Sequence[Any]) -> list[Any]:
    return [_defused(cleaned(cell, keep="")) if isinstance(cell, str) else cell for cell in row]


def _defused(text: str) -> str:
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
