# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for people, all at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.rounds import MOST, next_round


def delays(limit: float, each_takes: float = 0.0) -> list[int]:
    """The rounds of people who never approve."""
    found, passed = [], 0.0
    while seconds := next_round(["mac"], 1, passed, limit)["seconds"]:
        found.append(seconds)
        passed += seconds + each_takes
    return found


def test_when_it_is_looked() -> None:
    assert delays(0) == []
    assert delays(1) == [1]
    assert delays(60) == [2, 5, 10, 20, 23]
    assert delays(300)[:8] == [2, 5, 10, 20, 30, 30, 30, 30]
    assert sum(delays(300)) == 300


@given(st.floats(0, 100_000), st.floats(0, 60))
def test_no_more_rounds_than_allowed_and_no_longer(limit: float, each_takes: float) -> None:
    found = delays(limit, each_takes)
    assert len(found) <= MOST
    assert sum(found) <= limit


@pytest.mark.parametrize(
    ("waiting", "approved", "line"),
    [
        (0, 50, "50 of 50 have their profile"),
        (2, 48, "48 of 50 have their profile; waiting for mac-0, mac-1"),
        (9, 0, "0 of 9 have their profile; waiting for mac-0, mac-1, mac-2, mac-3, mac-4 and 4 more"),
    ],
)
def test_what_is_said(waiting: int, approved: int, line: str) -> None:
    hosts = [f"mac-{number}" for number in range(waiting)]
    told = next_round(hosts, approved, 3, 300)
    assert told == {"seconds": 5 if waiting else 0, "waiting": hosts, "line": line}
