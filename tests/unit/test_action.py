# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all actions do with their options before any of them looks at one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

ACTIONS = sorted(path.stem for path in (Path(__file__).parents[2] / "plugins/action").glob("*.py"))
ENDLESS: tuple[Any, ...] = (
    "9" * 5000, 10**5000, -(10**5000), 10**12, "1e999999999", "-1E999999999", "inf", "nan", float("inf"), float("nan")
)  # fmt: skip


def options(*kinds: str) -> Iterator[tuple[str, str]]:
    for name in ACTIONS:
        module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{name}")
        for option, rules in module.ActionModule.ARGUMENT_SPEC.items():
            if rules["type"] in kinds:
                yield name, option


@pytest.mark.parametrize(("action", "option"), list(options("int")))
def test_a_number_without_end(action: str, option: str) -> None:
    for value in ENDLESS:
        result = run_action(action, {option: value})
        assert result["failed"]
        assert result["msg"] == f"{option} is too large: give a number below 1000000000"


@pytest.mark.parametrize(("action", "option"), list(options("dict", "list", "raw")))
def test_a_value_without_end(action: str, option: str) -> None:
    itself: list[Any] = []
    itself.append({"itself": itself})
    deep: list[Any] = []
    for _level in range(100_000):
        deep = [deep]
    for value in (itself, deep, [10**5000], {"a": [10**5000]}):
        result = run_action(action, {option: value})
        assert result["failed"]
        assert result["msg"].startswith(f"{option} cannot be used, for it holds ")


@pytest.mark.parametrize(("action", "option"), list(options("str")))
def test_a_text_that_is_no_unicode(action: str, option: str) -> None:
    result = run_action(action, {option: "half a pair \ud83d"})
    assert result["failed"]
    assert result["msg"] == f"{option} cannot be used, for it holds half a character (U+D800 to U+DFFF)"


@pytest.mark.parametrize("value", ["x" * 100_000, "\x1b[31m", [1], {}, "", "1.5"])
def test_what_is_no_number(value: Any) -> None:
    result = run_action("mac_profile", {"wait": value})
    assert result["failed"]
    assert result["msg"].isprintable()
    assert len(result["msg"]) <= 2000


def test_a_number_is_a_number_however_it_is_written() -> None:
    for value in (60, "60", " 60 ", 60.0, "6e1"):
        assert "minutes" not in run_action("mac_evidence", {"minutes": value})["msg"]
