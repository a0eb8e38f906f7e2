# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each Mac stands, in three forms."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.filter.report import FilterModule
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.modules import ledger_info

report = FilterModule().filters()["report"]


def told(**more: Any) -> dict[str, Any]:
    """The sample of the documentation, with two clients."""
    documented = yaml.safe_load(ledger_info.RETURN)
    (client,) = documented["clients"]["sample"].values()
    clients = {"mac-02": client | more, "mac-01": client | {"status": "never_delivered", "mac_sha1": "", "seen": ""}}
    return {"clients": clients, "roots": documented["roots"]["sample"]}


def test_a_table_for_people() -> None:
    lines = report(told(), "txt").split("\n")
    assert lines[0].split() == [
        "client",
        "status",
        "days",
        "on",
        "Mac",
        "macOS",
        "profile",
        "roots",
        "seen",
        "next",
        "step",
    ]
    assert lines[1].startswith("mac-01                       never_delivered ")
    assert " - " in lines[1]
    assert lines[2].startswith("mac-02 ")
    assert lines[2].endswith(told()["clients"]["mac-02"]["next_step"])
    assert lines[3].startswith("Run the playbook vwan.user_vpn.renew ")
    assert lines[4].startswith("root P2SRootCert, generation 1 (current), until 20")
    assert lines[-1] == ""


def test_the_same_for_programs() -> None:
    assert json.loads(report(told(), "json")) == told()
    rows = list(csv.DictReader(io.StringIO(report(told(days_left=-3), "csv"), newline="")))
    assert [row["client"] for row in rows] == ["mac-01", "mac-02"]
    assert rows[1]["days_left"] == "-3"
    assert rows[1]["gateway_roots"] == " ".join(told()["clients"]["mac-02"]["gateway_roots"])


@pytest.mark.parametrize("form", ["txt", "csv", "json"])
def test_the_same_content_is_the_same_text(form: str) -> None:
    """In whatever order it was told: a report that has not changed is not written anew."""

    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    assert report(turned(told()), form) == report(told(), form)


@pytest.mark.parametrize("form", ["txt", "csv", "json"])
@pytest.mark.parametrize("key", ["serial_number", "host", "macos_version", "profile_uuid", "seen", "next_step"])
def test_what_a_mac_said_is_only_told(form: str, key: str) -> None:
    plain = report(told(**{key: "x"}), form)
    hostile = report(told(**{key: '=cmd|"/C calc"!A0\n\x1b]0;x\x07\u202e\u2028mac-03,revoked'}), form)
    assert all(line.isprintable() for line in hostile.split("\n"))
    assert hostile.count("\n") == plain.count("\n")
    if form == "csv":
        assert {cell[:1] for row in csv.reader(io.StringIO(hostile, newline="")) for cell in row} & set(
            "=+@\t\r"
        ) == set()


def test_another_form_is_none() -> None:
    with pytest.raises(UserVpnError, match="txt, csv, json, not xlsx"):
        report(told(), "xlsx")
