# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: just enough DER (ITU-T X.690) to walk through a structure that another library wrote."""

from __future__ import annotations

from typing import NamedTuple


class Element(NamedTuple):
    """One value: its tag, its content, and the whole of it as encoded."""

    tag: int
    content: bytes
    encoded: bytes


def elements(data: bytes) -> list[Element]:
    """The values that follow each other in `data`; ValueError unless it is DER with one-byte tags."""
    found = []
    position = 0
    while position < len(data):
        element = _element(data, position)
        found.append(element)
        position += len(element.encoded)
    return found


def _element(data: bytes, start: int) -> Element:
    if len(data) < start + 2 or data[start] & 0x1F == 0x1F:
        raise ValueError("no DER")
    length, first = data[start + 1], start + 2
    if length & 0x80:
        octets = length & 0x7F
        first += octets
        if not 1 <= octets <= 4 or len(data) < first:
            raise ValueError("no DER")
        length = int.from_bytes(data[start + 2 : first], "big")
    if len(data) < first + length:
        raise ValueError("no DER")
    return Element(data[start], data[first : first + length], data[start : first + length])
