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
from ansible_collections.vwan.user_vpn.plugins.modules import connection_info, ledger_info

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


def connected(*names: str, **more: Any) -> dict[str, Any]:
    """What connection_info returns when these clients have a session each."""
    documented = yaml.safe_load(connection_info.RETURN)
    (session,) = documented["sessions"]["sample"]
    sessions = [session | {"client": name, "user_name": name, "since": f"2026-11-2{n}T08:15:00Z"} | more
                for n, name in enumerate(names, start=1)]  # fmt: skip
    return {"sessions": sessions, "addresses": [], "twice": [], "revoked": [], "unknown": []}


def test_who_is_connected_as_azure_sees_it() -> None:
    lines = report(told(), "txt", connected("mac-02")).split("\n")
    assert lines[0].split()[-3:] == ["connected", "next", "step"]
    assert " -                 " in lines[1]
    assert " 2026-11-21 08:15  " in lines[2]
    known = json.loads(report(told(), "json", connected("mac-02")))
    session = {"gateway": "gateway-westeurope", "since": "2026-11-21T08:15:00Z", "private_address": "172.31.250.4"}
    assert known["clients"]["mac-02"]["sessions"] == [session | {"user_groups": []}]
    assert known["clients"]["mac-01"]["sessions"] == []
    assert known["connections"] == {"revoked": [], "twice": [], "unknown": [], "said": []}
    (_one, two) = csv.DictReader(io.StringIO(report(told(), "csv", connected("mac-02")), newline=""))
    assert (two["sessions"], two["since"], two["address"], two["gateway"]) == (
        "1", "2026-11-21T08:15:00Z", "172.31.250.4", "gateway-westeurope",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "more", "status", "said"),
    [
        (["mac-02", "mac-02"], {"twice": ["mac-02"]}, "current", "Connected more than once: mac-02."),
        (["mac-02"], {"revoked": ["mac-02"]}, "revoked", "Revoked, and connected all the same: mac-02."),
    ],
)
def test_whose_session_must_not_be_comes_first(names: list[str], more: Any, status: str, said: str) -> None:
    asked = connected("mac-01", *names) | more | {"unknown": ["stranger"]}
    lines = report(told(status=status), "txt", asked).split("\n")
    assert lines[0].startswith(said)
    assert lines[1] == "Connected, and no clients of this store: stranger."
    assert [line.split()[0] for line in lines[3:5]] == ["mac-02", "mac-01"]
    rows = csv.DictReader(io.StringIO(report(told(status=status), "csv", asked), newline=""))
    assert [(row["client"], row["sessions"]) for row in rows] == [("mac-02", str(len(names))), ("mac-01", "1")]
    assert ("2 times" in lines[3]) == (len(names) == 2)


@pytest.mark.parametrize("form", ["txt", "csv", "json"])
def test_no_public_address_is_in_a_report(form: str) -> None:
    assert "203.0.113.7" not in report(told(), form, connected("mac-01", "mac-02", public_address="203.0.113.7"))


def in_mdm(**states: str) -> dict[str, Any]:
    known = {"last_seen": "2026-11-27T08:15:00Z", "error": ""}
    return {"macs": {host.replace("_", "-"): known | {"state": state} for host, state in states.items()}}


def test_how_far_an_mdm_is() -> None:
    asked = in_mdm(mac_01="pending", mac_02="installed", mac_03="installed")
    lines = report(told(), "txt", {}, asked).split("\n")
    assert lines[:2] == ["In the MDM, installed: 2.", "In the MDM, pending: mac-01 (last heard of 2026-11-27 08:15)."]
    known = json.loads(report(told(), "json", {}, asked))
    hosts = {client["host"]: client.get("mdm", {}).get("state") for client in known["clients"].values()}
    assert hosts.get("mac-01", "pending") == "pending"
    silent = {"msg": "Jamf Pro refuses the login.", "failed": False}
    said = "The MDM did not say how far its profiles are: Jamf Pro refuses the login.\n"
    assert report(told(), "txt", {}, silent) == said + report(told(), "txt")
    assert report(told(), "txt", {}, {"skipped": True, "msg": "x"}) == report(told(), "txt")


def test_an_azure_that_does_not_answer_leaves_the_rest() -> None:
    silent = {"failed": False, "msg": "Azure refused\x1b to list."}
    assert report(told(), "txt", silent) == "Azure did not say who is connected: Azure refused? to list.\n" + report(
        told(), "txt"
    )
    assert report(told(), "csv", silent) == report(told(), "csv")
    assert json.loads(report(told(), "json", silent))["clients"] == told()["clients"]
    assert report(told(), "txt", {"skipped": True}) == report(told(), "txt")


@pytest.mark.parametrize("form", ["txt", "csv", "json"])
def test_what_azure_said_is_only_told(form: str) -> None:
    hostile = '=cmd|"/C calc"!A0\n\x1b]0;x\x07\u202e\u2028mac-03,revoked'
    asked = connected("mac-02", gateway=hostile, private_address=hostile) | {"unknown": [hostile]}
    text = report(told(), form, asked)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") == report(told(), form, connected("mac-02") | {"unknown": ["x"]}).count("\n")


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
