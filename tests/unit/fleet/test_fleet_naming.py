# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom people mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.filter.named import FilterModule

named = FilterModule().filters()["named"]
WINDOWS = "\u200e" + "ab " * 19 + "ab"
HOSTS = {"laptop-7": "anna", "mac-01": "mac-01"}


@pytest.mark.parametrize(
    ("what", "clients", "thumbprints"),
    [
        ("mac-01", ["mac-01"], []),
        (" mac-01 ,laptop-7,, anna", ["mac-01", "anna"], []),
        (["laptop-7", WINDOWS], ["anna"], [WINDOWS]),
        (f"{WINDOWS},mac-09,{'AB:' * 19}AB", ["mac-09"], [WINDOWS, "AB:" * 19 + "AB"]),
        ("ab" * 19, ["ab" * 19], []),  # a digit is missing: no client has that name, which is then said
        ("", [], []),
        ([], [], []),
        (None, [], []),
        (42, ["42"], []),
        ([{"name": "mac-01"}, None], ["{'name': 'mac-01'}"], []),
    ],
)
def test_told_apart(what: Any, clients: list[str], thumbprints: list[str]) -> None:
    assert named(what, HOSTS) == {"clients": clients, "thumbprints": thumbprints}


def test_without_an_inventory() -> None:
    assert named("laptop-7")["clients"] == ["laptop-7"]


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_whatever_is_written_is_named_or_nothing(what: Any) -> None:
    told = named(what, HOSTS)
    assert set(told) == {"clients", "thumbprints"}
    assert all(isinstance(name, str) and name for names in told.values() for name in names)
