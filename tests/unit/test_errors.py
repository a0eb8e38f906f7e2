# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others wrote, as it stands in our messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.errors import AzureError
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import LONGEST, UserVpnError, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Müller & Söhne", "Müller & Söhne"),
        ("two\nlines\r\n", "two?lines??"),
        ("\x1b[31mred\x9b0m", "?[31mred?0m"),
        ("\u202egro.elpmaxe\u2028\x85", "?gro.elpmaxe??"),
        ("\ud800", "?"),
        ("x" * 101, "x" * 97 + "..."),
    ],
)
def test_text_of_others(text: str, seen: str) -> None:
    assert shown(text) == seen


@given(st.text(max_size=50), st.integers(1, 200))
def test_any_text_makes_one_printable_line_of_bearable_length(text: str, times: int) -> None:
    for error in (UserVpnError(text * times), AzureError(text * times, "code")):
        assert str(error).isprintable()
        assert len(str(error)) <= LONGEST
