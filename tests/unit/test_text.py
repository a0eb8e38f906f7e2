# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others wrote is fit to be shown, wherever it leaves the collection."""

from __future__ import annotations

import csv
import io
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import LONGEST, UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._text import cleaned, csv_text
from ansible_collections.vwan.user_vpn.plugins.plugin_utils._action import UserVpnAction
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

# ECMA-48 (ESC, and CSI in one byte), Unicode's bidirectional controls and marks, its line ends, and no text at all.
HARMFUL = (
    "\x00\x07\x08\r\x0b\x1b\x7f\x85\x9b\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\ud800\U000e0041"
)
EVIL = "C02\x1b[31mX\u202e\x9b1m"
FORMULAS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", '=HYPERLINK("http://x","y")', "\uff1d1"]


@pytest.mark.parametrize("character", HARMFUL)
def test_what_moves_a_cursor_or_turns_letters_is_a_question_mark(character: str) -> None:
    value = {"a": [f"x{character}y", {"b": (f"{character}", 1, None, True)}]}
    assert cleaned(value) == {"a": ["x?y", {"b": ["?", 1, None, True]}]}


@pytest.mark.parametrize(
    "text",
    [
        "Müller & Söhne",
        "日本語",
        "a\u00a0b",
        "\U0001f469\u200d\U0001f4bb",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)
def test_people_may_have_names(text: str) -> None:
    assert cleaned(text) == text


def test_lines_stay_where_there_may_be_some() -> None:
    assert cleaned("a\r\nb\tc\n") == "a\nb\tc\n"
    assert cleaned("a\r\nb\tc\n", keep="") == "a?b?c?"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_sees_no_formula(text: str) -> None:
    (cell, number) = next(csv.reader(io.StringIO(csv_text([[text, -5]]), newline="")))
    assert cell.startswith(("'", "?"))
    assert number == "-5"


@given(st.lists(st.lists(st.text() | st.sampled_from(FORMULAS), min_size=3, max_size=3)))
def test_any_text_is_one_cell_and_no_formula(rows: list[list[str]]) -> None:
    text = csv_text(rows)
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in read] == [3] * len(rows)
    assert text.count("\n") == len(rows)
    assert not [cell for row in read for cell in row if cell.lstrip()[:1] in tuple("=+-@")]


class Hostile(UserVpnAction):
    """What a module may have to pass on."""

    ARGUMENT_SPEC: ClassVar[dict[str, Any]] = {"fail": {"type": "bool", "default": False}}

    def perform(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self.warn(f"warned\nof {EVIL}")
        self.say(f"said\nof {EVIL}")
        if arguments["fail"]:
            raise UserVpnError(f"failed\nof {EVIL}")
        return {"msg": f"done\nwith {EVIL}" + "x" * 9999, "macs": [{"serial_number": EVIL}], "pem": "-----\nAB\n"}


@pytest.mark.parametrize("fail", [False, True])
def test_nothing_leaves_a_module_that_a_terminal_would_obey(monkeypatch: pytest.MonkeyPatch, fail: bool) -> None:
    from ansible_collections.vwan.user_vpn.plugins.action import mac_info

    monkeypatch.setattr(mac_info, "ActionModule", Hostile)
    said: list[str] = []
    result = run_action("mac_info", {"fail": fail}, said=said)
    for line in (result["msg"], *result["warnings"], *said):
        assert line.isprintable()
        assert len(line) <= LONGEST
    assert len(said) == len(result["warnings"]) == 1
    if not fail:
        assert result["macs"][0]["serial_number"].isprintable()
        assert result["pem"] == "-----\nAB\n"
