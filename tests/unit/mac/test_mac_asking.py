# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action of a Mac shares, and the two that only ask: mac_info and mac_evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import asked
from ansible_collections.vwan.user_vpn.tests.unit.actions import make_action, run_action
from ansible_collections.vwan.user_vpn.tests.unit.mac.answering import IDENTIFIER, AnsweringMac, installed, parsed

ARGS: dict[str, Any] = {"identifier": IDENTIFIER}


def test_everything_that_a_mac_says() -> None:
    mac = AnsweringMac(
        profile=[installed("5c1d", ("A & B", 0), ("Plain", 1))],
        enrollment=["Enrolled via DEP: Yes", "MDM enrollment: Yes (User Approved)"],
        certificate=["CD" * 20, "AB" * 20],
        identity=["EF" * 20],
        vpnutil="1",
        tunnel=["ipsec0\t10.9.8.7", "ipsec1\t10.9.8.8"],
    )
    result = mac.run("mac_info", ARGS | {"scope": "User"}, check=True)
    assert [(asked.verb, asked.identifier, asked.scope, asked.arguments) for asked in mac.asked] == [
        ("know", IDENTIFIER, "User", {"check": "1", "uuid": "", "whole": ""})
    ]
    assert result == {
        "failed": False,
        "changed": False,
        "macos_version": "15.5",
        "build": "24F74",
        "serial_number": "C02TEST",
        "console_user": "anna",
        "privileged": True,
        "enrolment": {"mdm": True, "user_approved": True, "dep": True},
        "profile": {
            "uuid": "5C1D",
            "scope": "System",
            "install_date": "2026-01-02 03:04:05 +0000",
            "verification_state": "verified",
            "connection_names": ["A & B", "Plain"],
            "on_demand": True,
        },
        "other_users": [],
        "certificates": ["AB" * 20, "CD" * 20],
        "identities": ["EF" * 20],
        "vpnutil": True,
        "tunnel": {
            "connected": True,
            "interface": "ipsec0",
            "address": "10.9.8.7",
            "others": [{"interface": "ipsec1", "address": "10.9.8.8"}],
        },
    }


def test_a_bare_mac() -> None:
    result = AnsweringMac(uid="501", enrollment=["Enrolled via DEP: No", "MDM enrollment: No"]).run("mac_info", ARGS)
    assert (result["privileged"], result["profile"], result["vpnutil"]) == (False, {}, False)
    assert result["enrolment"] == {"mdm": False, "user_approved": False, "dep": False}
    assert result["tunnel"] == {"connected": False, "interface": "", "address": "", "others": []}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"rc": 1, "stdout": "", "stderr": "Warning\nsudo: a password is required\n"}, "The Mac refused: sudo: a pass"),
        ({"rc": 1, "stdout": "", "stderr": ""}, "is not complete"),
        ({"rc": 0, "stdout": "", "stderr": "Warning"}, "is not complete"),
        ({"rc": 0, "stdout": None, "stderr": None}, "is not complete"),
    ],
)
def test_why_a_mac_did_not_answer(answer: dict[str, Any], words: str) -> None:
    mac = AnsweringMac()
    mac.answer = answer
    result = mac.run("mac_info", ARGS)
    assert result["failed"] and words in result["msg"]


def test_what_reached_the_mac_in_part_only() -> None:
    result = AnsweringMac(stage="cut_off").run("mac_info", ARGS)
    assert result["failed"] and "Only a part of what was sent reached the Mac" in result["msg"]


def test_the_environment_of_the_task_goes_before_the_command() -> None:
    commands: list[str] = []

    def execute(command: str, **_given: Any) -> dict[str, Any]:
        commands.append(command)
        return {"rc": 0, "stdout": "", "stderr": ""}

    action = make_action("mac_info", ARGS, execute=execute)
    action._connection._shell.env_prefix.return_value = "LANG=C"
    action.run(None, {})
    assert commands[0].startswith("LANG=C /bin/sh -c ")
    run_action("mac_info", ARGS, execute=execute)
    assert commands[1].startswith("/bin/sh -c ")


class Evidence:
    left = "4711"

    def __call__(self, command: str, in_data: bytes = b"", **_ignored: Any) -> dict[str, Any]:
        verb, given = parsed(command)
        assert in_data == (asked() if verb == "evidence" else b"\n")
        mark = given["mark"]
        if verb == "linger":
            self.first = given
            return {"rc": 0, "stdout": f"begin {mark}\nleft={self.left}\nend {mark}\n", "stderr": ""}
        assert verb == "evidence"
        self.given = given
        said = "| of anna at vpn.example.com, mac-7, Contoso"
        return {"rc": 0, "stdout": f"begin {mark}\n? Tunnel\n{said}\nend {mark}\n", "stderr": ""}


def test_evidence_is_written_without_names_and_privately(tmp_path: Path) -> None:
    mac, dest = Evidence(), tmp_path / "new/evidence.txt"
    args = {"dest": str(dest), "hide": ["Contoso"]}
    known = {"ansible_host": "vpn.example.com", "ansible_user": "anna", "inventory_hostname": "mac-7"}
    predicted = run_action("mac_evidence", args, check=True, execute=mac, task_vars=known)
    assert (predicted["changed"], predicted["msg"]) == (True, f"A real run would write what this Mac says to {dest}.")
    assert not dest.parent.exists()
    result = run_action("mac_evidence", args | {"minutes": 1440}, execute=mac, task_vars=known)
    assert mac.given["minutes"] == "1440"
    assert (mac.given["left"], mac.given["run"]) == ("4711", mac.first["mark"]) != ("4711", mac.given["mark"])
    assert (result["changed"], result["dest"]) == (True, str(dest))
    assert "please read it before you attach it" in result["msg"]
    assert (dest.stat().st_mode & 0o777, dest.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    text = dest.read_text()
    assert "? Tunnel\n| of <name> at <name>, <name>, <name>\n" in text
    for name in ("anna", "vpn.example.com", "mac-7", "Contoso"):
        assert name not in text


def test_the_connection_ends_between_the_two_looks(tmp_path: Path) -> None:
    happened: list[str] = []

    def execute(command: str, **given: Any) -> dict[str, Any]:
        happened.append(parsed(command)[0])
        return Evidence()(command, **given) if len(happened) == 1 else mac(command, **given)

    mac = Evidence()
    action = make_action("mac_evidence", {"dest": str(tmp_path / "evidence.txt")}, execute=execute)
    action._connection.reset.side_effect = lambda: happened.append("reset")
    action.run(None, {})
    assert happened == ["linger", "reset", "evidence"]


@pytest.mark.parametrize("left", ["", "x", "1; rm -rf /", "9" * 10])
def test_what_is_no_process_is_not_looked_for(left: str, tmp_path: Path) -> None:
    mac = Evidence()
    mac.left = left
    result = run_action("mac_evidence", {"dest": str(tmp_path / "evidence.txt")}, execute=mac)
    assert result["failed"] and "does not say what it has left running" in result["msg"]


@pytest.mark.parametrize("minutes", [0, -1, 1441])
def test_the_log_is_read_for_a_day_at_most(minutes: int, tmp_path: Path) -> None:
    args = {"dest": str(tmp_path / "evidence.txt"), "minutes": minutes}
    result = run_action("mac_evidence", args)
    assert result["failed"] and "between 1 and 1440" in result["msg"]
