# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: just enough BER and DER (ITU-T X.690) to walk through what another program wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
EXPLICIT_0 = 0xA0
CONSTRUCTED = 0x20
SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2; RFC 5652
DEEPEST = 32

_END = b"\0\0"


class Element(NamedTuple):
    """One value: its tag, its content, and the whole of it as encoded."""

    tag: int
    content: bytes
    encoded: bytes


def elements(data: bytes) -> list[Element]:
    """The values that follow each other in `data`; ValueError unless it is BER."""
    found = []
    position = 0
    while position < len(data):
        found.append(_element(data, position, DEEPEST))
        position += len(found[-1].encoded)
    return found


def legible(data: bytes) -> Iterator[Element]:
    """The values that follow each other in `data`, as far as they can be read: what comes behind does not matter."""
    position = 0
    while position < len(data):
        try:
            element = _element(data, position, DEEPEST)
        except ValueError:
            return
        yield element
        position += len(element.encoded)


def octets(element: Element, depth: int = DEEPEST) -> bytes:
    """The bytes of an OCTET STRING, also of one that comes in pieces (X.690, 8.7.3.2). ValueError for anything else."""
    if element.tag & ~CONSTRUCTED != OCTET_STRING or not depth:
        raise ValueError("no OCTET STRING")
    if not element.tag & CONSTRUCTED:
        return element.content
    return b"".join(octets(piece, depth - 1) for piece in elements(element.content))


def _element(data: bytes, start: int, depth: int) -> Element:
    length_at = start + 1
    if start < len(data) and data[start] & 0x1F == 0x1F:  # a tag of several bytes
        while length_at < len(data) and data[length_at] & 0x80:
            length_at += 1
        length_at += 1
    if len(data) <= length_at:
        raise ValueError("no BER")
    length, first = data[length_at], length_at + 1
    if length == 0x80:
        return _indefinite(data, start, first, depth)
    if length & 0x80:
        first += length & 0x7F
        length = int.from_bytes(data[length_at + 1 : first], "big")
    if len(data) < first + length:
        raise ValueError("no BER")
    return Element(data[start], data[first : first + length], data[start : first + length])


def _indefinite(data: bytes, start: int, first: int, depth: int) -> Element:
    """A value whose end is marked, and its length not told (X.690, 8.1.3.6): Java and Firefox write these."""
    if not depth or not data[start] & CONSTRUCTED:
        raise ValueError("no BER")
    position = first
    while data[position : position + 2] != _END:
        position += len(_element(data, position, depth - 1).encoded)
    return Element(data[start], data[first:position], data[start : position + 2])
