# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conclusion as a task: said, kept and handed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

MACS = [
    {"host": "mac-anna", "status": "current", "connected": True, "address": "172.16.0.5"},
    {"host": "mac-ben", "status": "unreachable", "msg": "no route\x1b[2J", "next_step": "Run again.", "failed": True},
]
SAID = ["2 Macs: 1 current, 1 unreachable. 1 connected.", "unreachable: mac-ben. Run again.", "Azure sees 1 of 1."]


def conclude(folder: Path | None, said: list[str], **more: Any) -> dict[str, Any]:
    args = {"macs": MACS, "notes": ["Azure sees 1 of 1."]} | ({"dest": str(folder)} if folder else {})
    return run_action("conclusion", args, said=said, task_vars={"inventory_hostname": "mac-anna"}, **more)


def test_it_is_said_kept_and_handed_on(tmp_path: Path) -> None:
    said: list[str] = []
    result = conclude(tmp_path / "a/report", said)
    assert [line.removeprefix("[mac-anna] ") for line in said] == SAID == result["lines"]
    assert result["changed"] is False
    text, document = (tmp_path / "a/report" / f"conclusion.{suffix}" for suffix in ("txt", "json"))
    assert text.read_text().splitlines() == SAID
    kept = json.loads(document.read_text())
    assert kept["hosts"] == {"unreachable": ["mac-ben"]}
    assert kept["counts"]["current"] == 1
    assert kept["macs"]["mac-ben"]["msg"] == "no route?[2J"  # no terminal is to obey it
    assert {path.stat().st_mode & 0o777 for path in (text, document)} == {0o644}
    assert text.parent.stat().st_mode & 0o777 == 0o755
    stats = result["ansible_stats"]
    assert stats["data"] == {"user_vpn": {"counts": kept["counts"], "hosts": kept["hosts"]}}
    assert stats["per_host"] is False


def test_check_mode_keeps_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    conclude(tmp_path / "report", said, check=True)
    assert said[0].endswith("Check mode, nothing was changed. 2 Macs: 1 current, 1 unreachable. 1 connected.")
    assert not (tmp_path / "report").exists()


def test_a_run_about_no_mac_leaves_what_the_last_one_has_kept(tmp_path: Path) -> None:
    conclude(tmp_path, [])
    kept = (tmp_path / "conclusion.json").read_bytes()
    said: list[str] = []
    result = run_action("conclusion", {"macs": [], "dest": str(tmp_path)}, said=said)
    assert not result["failed"] and "0 Macs: none." in said[0]
    assert (tmp_path / "conclusion.json").read_bytes() == kept


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    said: list[str] = []
    result = conclude(tmp_path / "report", said)
    assert result["failed"]
    assert str(tmp_path / "report") in result["msg"]
    assert said  # all the same
