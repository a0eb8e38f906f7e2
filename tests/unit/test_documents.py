# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON, property lists and values of options: what is read, and what is refused before anybody walks through it."""

from __future__ import annotations

import json
import plistlib
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._documents import (
    DEEPEST,
    MOST_VALUES,
    plain,
    read_json,
    read_property_list,
)

Text = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=8)
Number = st.integers(-(1 << 63), (1 << 64) - 1)
Json = st.recursive(
    st.none() | st.booleans() | Number | st.floats(allow_nan=False, allow_infinity=False) | Text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(Text, inner, max_size=4),
    max_leaves=12,
)
Moments = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
PropertyList = st.recursive(
    st.booleans() | Number | Text | st.binary(max_size=8) | Moments,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(Text, inner, max_size=4),
    max_leaves=12,
)


@given(Json)
def test_whatever_json_holds_is_read_as_it_is(value: Any) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert read_json(text) == value
        assert read_json(text.encode("utf-16")) == value


@given(PropertyList)
def test_whatever_a_property_list_holds_is_read_as_it_is(value: Any) -> None:
    assert read_property_list(plistlib.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        '{"a":' * 100 + "1" + "}" * 100,
        "9" * 5000,
        "9" * 30,
        "1e999",
        "NaN",
        "-Infinity",
        '"\\ud800"',
        '{"\\udfff": 1}',
        "[" + "[]," * MOST_VALUES + "1]",
        b"\xff\xfe[",
        b"\x80",
        "",
        '{"a": 1',
    ],
    ids=lambda text: repr(text[:16]),
)
def test_json_that_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def xml(inner: str) -> bytes:
    return f'<?xml version="1.0"?><plist version="1.0">{inner}</plist>'.encode()


def binary_cycle() -> bytes:
    """<array> that holds itself: one object of one reference, to object 0."""
    return b"bplist00" + b"\xa1\x00" + b"\x08" + bytes(6) + b"\x01\x01" + bytes(7) + b"\x01" + bytes(15) + b"\x0a"


@pytest.mark.parametrize(
    "content",
    [
        xml("<array>" * 100_000 + "</array>" * 100_000),
        xml("<dict><key>a</key>" * 40 + "<true/>" + "</dict>" * 40),
        xml(f"<integer>{'9' * 5000}</integer>"),
        xml(f"<integer>0x{'f' * 5000}</integer>"),
        xml("<real>nan</real>"),
        xml("<real>1e999</real>"),
        xml("<date>0000-00-00T00:00:00Z</date>"),
        xml("<date>x</date>"),
        xml("<string>\x0b</string>"),
        xml("<array>" + "<true/>" * (2 * MOST_VALUES) + "</array>"),
        b'<!DOCTYPE p [<!ENTITY a "b">]><plist><string>&a;</string></plist>',
        plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY),
        binary_cycle(),
        b"",
        b"<plist/>" * 2,
    ],
    ids=lambda content: repr(content[42:72]),
)
def test_a_property_list_that_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_property_list(content)


def test_the_binary_list_holds_itself() -> None:
    found = plistlib.loads(binary_cycle())
    assert found[0] is found


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_json, b"[" + b"[]," * 8_000_000 + b"1]"),
        (read_json, b'{"a":' * 8_000_000),
        (read_property_list, xml("<array>" + "<dict/>" * 4_000_000)),
    ],
    ids=["lists", "dictionaries", "property list"],
)
def test_what_is_refused_takes_no_memory(read: Callable[[bytes], Any], content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too many values"):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_values_of_yaml() -> None:
    good = {"when": date(2026, 11, 22), "moment": datetime(2026, 11, 22, tzinfo=UTC), "bytes": b"x", "list": [None]}
    assert plain(good) is good
    itself: list[Any] = []
    itself.append(itself)
    twice: list[Any] = ["lol"]
    for _level in range(DEEPEST - 2):
        twice = [twice, twice]
    for bad in (itself, {"a": itself}, twice, [10**30], [float("inf")], ["\ud800"], [object()], {b"a": {1, 2}}):
        with pytest.raises(ValueError, match=r"."):
            plain(bad)
