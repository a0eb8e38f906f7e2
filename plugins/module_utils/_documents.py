# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what others wrote in JSON, XML and property lists, bounded before it is walked through.

Three bytes of either become an object of seventy, a few hundred brackets exceed Python's recursion, a number may have
more digits than Python prints, and a value from YAML may hold itself. What passes here does none of that.
"""

from __future__ import annotations

import json
import math
import plistlib
import re
from datetime import date
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.parsers.expat import ExpatError

# The deepest that is known is a rule of On Demand in a profile, some ten levels.
DEEPEST = 32
# A manifest of 30,000 Macs has as many.
MOST_VALUES = 300_000

_SPACE = re.compile(r"[ \t\n\r]*+")
_SURROGATES = re.compile("[\ud800-\udfff]")

# plistlib says InvalidFileException for a wrong head and whatever its parser trips over for a wrong body.
_NO_PROPERTY_LIST = (
    plistlib.InvalidFileException,
    ExpatError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def read_json(content: str | bytes) -> Any:
    """The value in a JSON text; ValueError when it is none, or not plain."""
    if most_values(content) > MOST_VALUES:
        raise ValueError("too many values")
    try:
        return plain(json.loads(content, parse_constant=_refuse))
    except RecursionError:
        raise ValueError("values nested too deeply") from None


def read_json_values(content: str) -> list[Any]:
    """The values of a JSON text that may hold several, one after another; ValueError when one is none, or not plain."""
    if most_values(content) > MOST_VALUES:
        raise ValueError("too many values")
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found, place = [], 0
    try:
        while space := _SPACE.match(content, place):
            if space.end() == len(content):
                break
            value, place = decoder.raw_decode(content, space.end())
            found.append(plain(value))
    except RecursionError:
        raise ValueError("values nested too deeply") from None
    return found


def most_values(content: str | bytes) -> int:
    """How many values a JSON text can hold at most."""
    if isinstance(content, str):
        return content.count(",") + content.count("[") + content.count("{") + 1
    return content.count(b",") + content.count(b"[") + content.count(b"{") + 1


def read_property_list(content: bytes) -> Any:
    """The value in a property list in XML; ValueError when it is none, or not plain.

    A binary one is refused: no profile is known to be, and it may hold itself.
    """
    if content.count(b"<") > 2 * MOST_VALUES:
        raise ValueError("too many values")
    try:
        return plain(plistlib.loads(content, fmt=plistlib.FMT_XML))
    except _NO_PROPERTY_LIST as error:
        raise ValueError(f"no property list: {error}") from None


def read_xml(text: str, most_elements: int, deepest: int) -> Element:
    """The root element, without namespaces and attributes; ValueError, which says what the text has or is.

    A document type declaration is refused before anything in it is looked at: it could hide entities.
    """
    builder = TreeBuilder()
    # A str: what an XML declaration says of bytes is ignored.
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    opened = closed = 0

    def start(name: str, _attributes: object) -> None:
        nonlocal opened
        opened += 1
        if opened > most_elements or opened - closed > deepest:
            raise ValueError("has more elements, or deeper ones, than any")
        builder.start(_local(name), {})

    def end(name: str) -> None:
        nonlocal closed
        closed += 1
        builder.end(_local(name))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except ExpatError as error:
        raise ValueError(f"is not well-formed XML (line {error.lineno}: {expat.ErrorString(error.code)})") from None
    return builder.close()


def _refuse_doctype(*_arguments: object) -> NoReturn:
    raise ValueError("has a document type declaration")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def plain(value: Any) -> Any:
    """The value itself; ValueError unless it is finite, not too deep, and made of what JSON and property lists have."""
    level = [value]
    for _depth in range(DEEPEST):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner += each
                inner += each.values()
            elif isinstance(each, list):
                inner += each
            elif flaw := _flaw(each):
                raise ValueError(flaw)
            if len(inner) > 2 * MOST_VALUES:
                raise ValueError("too many values")
        if not inner:
            return value
        level = inner
    raise ValueError("values nested too deeply")


def _flaw(value: Any) -> str:
    """What is wrong with a single value; empty when nothing is."""
    if isinstance(value, str):
        return "" if value.isascii() or not _SURROGATES.search(value) else "half a character (U+D800 to U+DFFF)"
    if isinstance(value, int):
        # As in a property list. A thumbprint or a password that has nothing but digits is a number for YAML.
        return "" if -(1 << 63) <= value < 1 << 64 else "a number of more than 64 bits: put it in quotes if it is text"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "a number that is none"
    return "" if value is None or isinstance(value, bytes | date) else "a value of an unknown kind"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
