# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real samples, altered: bytes turned, cut, repeated and nested; and, one level up, the parts of a document or a DER
structure taken out, doubled, nested and replaced, so that what comes out is well-formed and still nobody sends it.
"""

from __future__ import annotations

import base64
import copy
import json
import plistlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.tests.lab.packages import zip_like_azure

LARGEST = 2_000_000  # bytes of what comes out

CHARACTERS = "\0\n\t\x0b\x1b\x7f\x85\x9b\u2028\u202e\ufeff\ud800\U0001f600²٣"
NUMBERS = ("9" * 5000, "-1", "1e999", "0x" + "f" * 5000, "NaN", "null", "true")
BRACKETS = (
    "[" * 5000,
    '{"a":' * 5000,
    "[" * 40 + "]" * 40,
    "<a>" * 5000,
    "<array>" * 5000,
    "<dict><key>a</key>" * 5000,
)
TEXTS = (
    "", '""', "[]", "{}", "\r\n", "\x1b[31m", "A" * 70_000, "%s%n", "=HYPERLINK(1)", "../../../etc/passwd", "C:\\",
    "&#0;", "&#x85;", '<!DOCTYPE a [<!ENTITY b "c">]>', "<?xml version='1.0' encoding='utf-7'?>", "<real>nan</real>",
    f"<integer>{'9' * 5000}</integer>", "<date>9999-99-99T99:99:99Z</date>", "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
)  # fmt: skip
TOKENS = tuple(each.encode("utf-8", "surrogatepass") for each in (*CHARACTERS, *NUMBERS, *BRACKETS, *TEXTS))

NASTY: tuple[Any, ...] = (
    None, True, 0, -1, 5, 1 << 63, 1.5, 1e308, "", "\0", "\n", "\x1b[31m", "\x85", "\u2028", "²", "9" * 5000,
    "x" * 70_000, "../../etc/passwd", "\U0001f600", [], {}, [[]], [None], ["x", 1, {}], {"": {}}, {"\n": "\n"},
    {"id": []}, {"value": 1},
)  # fmt: skip

_EDGES = re.compile(rb"(?<=[\n<>{}\[\]\",:=;|\\/ ])|(?=[\n<>{}\[\]\",:=;|\\/ ])")


def edges(sample: bytes) -> list[int]:
    """Where a sample may be cut so that its tokens stay whole."""
    return [0, *(match.start() for match in _EDGES.finditer(sample)), len(sample)]


@st.composite
def bytes_of(draw: st.DrawFn, sample: bytes) -> bytes:
    """A few bytes, or a few tokens, turned, cut, repeated, nested, replaced."""
    content, at_tokens = sample, edges(sample)
    for _time in range(draw(st.integers(1, 3))):
        anywhere = st.integers(0, len(content))
        place = anywhere if content is not sample else anywhere | st.sampled_from(at_tokens)
        start, end = sorted((draw(place), draw(place)))
        how = draw(st.sampled_from(("turn", "cut", "replace", "token", "repeat", "nest", "truncate")))
        if how == "turn" and content:
            at = min(start, len(content) - 1)
            content = content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
        elif how == "cut":
            content = content[:start] + content[end:]
        elif how == "replace":
            content = content[:start] + draw(st.binary(max_size=8)) + content[start + 4 :]
        elif how == "token":
            content = content[:start] + draw(st.sampled_from(TOKENS)) + content[draw(st.sampled_from((start, end))) :]
        elif how == "repeat":
            times = draw(st.sampled_from((2, 3, 50, 3000)))
            content = content[:start] + _repeated(content[start:end], times) + content[end:]
        elif how == "nest":
            times = draw(st.sampled_from((2, 40, 1000)))
            length = min(draw(st.integers(1, 60)), start, len(content) - end)
            opening, closing = content[start - length : start], content[end : end + length]
            content = _repeated(opening, times) + content[start:end] + _repeated(closing, times)
        else:
            content = content[:end]
    return content[:LARGEST]


def _repeated(content: bytes, times: int) -> bytes:
    return content * min(times, LARGEST // (len(content) or 1))


# --- documents ---------------------------------------------------------------------------------------------------
Path = tuple[Any, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


@st.composite
def documents_of(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three of its values taken out, doubled, nested or replaced."""
    whole = [copy.deepcopy(document)]
    for _time in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in places(whole) if path]))
        holder: Any = whole
        for key in path[:-1]:
            holder = holder[key]
        value = holder[path[-1]]
        how = draw(st.sampled_from(("replace", "take", "many", "nest", "move")))
        if how == "take" and len(path) > 1:
            del holder[path[-1]]
        elif how in ("many", "nest"):
            for _level in range(draw(st.sampled_from((1, 30, 200))) if how == "nest" else 0):
                value = {"a": value} if isinstance(value, dict) else [value]
            holder[path[-1]] = value if how == "nest" else [value] * draw(st.sampled_from((2, 100, 2000)))
            break  # it is large enough now
        elif how == "move":
            other = draw(st.sampled_from(list(places(whole[0]))))
            found: Any = whole[0]
            for key in other:
                found = found[key]
            holder[path[-1]] = copy.deepcopy(found)
        else:
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(NASTY)))
    return whole[0]


def json_of(sample: bytes) -> st.SearchStrategy[bytes]:
    altered = documents_of(json.loads(sample)).map(lambda document: json.dumps(document).encode()[:LARGEST])
    return bytes_of(sample) | altered


def plist_of(sample: bytes) -> st.SearchStrategy[bytes]:
    return bytes_of(sample) | documents_of(plistlib.loads(sample)).map(_plist)


def _plist(document: Any) -> bytes:
    for form in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        try:
            return plistlib.dumps(document, fmt=form, skipkeys=True)[:LARGEST]
        except (TypeError, ValueError, OverflowError, RecursionError):
            continue
    return b""


# --- DER ---------------------------------------------------------------------------------------------------------
Node = list[Any]  # tag, and bytes or a list of nodes


def der_tree(data: bytes, depth: int = 0) -> list[Node] | None:
    """The values in these bytes; None unless they are DER with tags of one byte. Octet strings are looked into."""
    nodes, position = [], 0
    while position < len(data):
        if position + 2 > len(data) or data[position] & 0x1F == 0x1F or data[position + 1] == 0x80 or depth > 40:
            return None
        tag, length, first = data[position], data[position + 1], position + 2
        if length & 0x80:
            first += length & 0x7F
            length = int.from_bytes(data[position + 2 : first], "big")
        if first + length > len(data):
            return None
        content = data[first : first + length]
        inner = der_tree(content, depth + 1) if tag & 0x20 or (tag == 0x04 and content[:1] == b"\x30") else None
        nodes.append([tag, content if inner is None else inner])
        position = first + length
    return nodes


def der(nodes: list[Node]) -> bytes:
    out = bytearray()
    for tag, content in nodes:
        inner = der(content) if isinstance(content, list) else content
        size = len(inner)
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        out += bytes([tag]) + (bytes([size]) if size < 0x80 else bytes([0x80 | len(octets)]) + octets) + inner
    return bytes(out)


def _all_nodes(nodes: list[Node]) -> Iterator[tuple[list[Node], int]]:
    for index, (_tag, content) in enumerate(nodes):
        yield nodes, index
        if isinstance(content, list):
            yield from _all_nodes(content)


INTEGERS = (b"", b"\0", b"\xff", b"\x02\xfa\xf0\x80", b"\x7f" + b"\xff" * 7, b"\x01" * 3000)


@st.composite
def der_of(draw: st.DrawFn, sample: bytes) -> bytes:
    """The DER structure with one to three of its values altered, and all lengths around them right."""
    tree = der_tree(sample)
    assert tree is not None, "a sample must be DER"
    for _time in range(draw(st.integers(1, 3))):
        found = list(_all_nodes(tree))
        if not found:
            break
        nodes, index = draw(st.sampled_from(found))
        tag, content = nodes[index]
        how = draw(st.sampled_from(("take", "double", "many", "tag", "content", "nest", "move")))
        if how == "take":
            del nodes[index]
        elif how == "double":
            nodes.insert(index, copy.deepcopy(nodes[index]))
        elif how == "many":
            times = draw(st.sampled_from((20, 500)))
            nodes[index : index + 1] = [nodes[index]] * min(times, LARGEST // (len(der([nodes[index]])) or 1))
        elif how == "tag":
            nodes[index][0] = draw(st.sampled_from((0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x30, 0x31, 0xA0)))
        elif how == "content":
            choice = st.sampled_from(INTEGERS) if tag == 0x02 else st.sampled_from(TOKENS) | st.binary(max_size=20)
            nodes[index][1] = draw(choice)
        elif how == "nest":
            for _level in range(draw(st.sampled_from((1, 40, 500)))):
                nodes[index] = [0x30, [nodes[index]]]
        else:
            others, other = draw(st.sampled_from(found))
            nodes[index] = copy.deepcopy(others[other]) if other < len(others) else [tag, content]
        if how in ("many", "nest"):
            break  # it is large enough now
    return der(tree)[:LARGEST]


def pem_of(sample: bytes) -> st.SearchStrategy[bytes]:
    """Of the first block of a PEM text: its DER altered, the rest as it is; or the text itself altered."""
    head, body, tail = cast("re.Match[bytes]", re.search(rb"(?s)(.*?-----\n)(.*?)(-----END.*)", sample)).groups()
    altered = der_of(base64.b64decode(body)).map(lambda inner: head + base64.encodebytes(inner) + tail)
    return bytes_of(sample) | altered


def binary_der_of(sample: bytes) -> st.SearchStrategy[bytes]:
    return bytes_of(sample) | der_of(sample)


# --- ZIP ---------------------------------------------------------------------------------------------------------
def zip_of(members: Mapping[str, bytes], kinds: Mapping[str, Callable[[bytes], Any]]) -> st.SearchStrategy[bytes]:
    """The package altered as it is, and packed anew with one of its members altered."""
    one = st.one_of(
        [
            kinds.get(name, bytes_of)(content).map(lambda new, name=name: {name: new})
            for name, content in members.items()
        ]
    )
    return bytes_of(zip_like_azure(members)) | one.map(lambda altered: zip_like_azure({**members, **altered}))
