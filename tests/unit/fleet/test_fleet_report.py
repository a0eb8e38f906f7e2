# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each Mac stands, in four forms."""

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
    history = ("certificates", "events", "deliveries", "roots", "gateway_roots", "time")
    return {"clients": clients} | {key: documented[key]["sample"] for key in history}


def table(text: str) -> list[str]:
    """The lines of the table in a text, its head first."""
    return text.split("\n\n")[1].split("\n")


def test_a_table_for_people() -> None:
    text = report(told(), "txt", fleet="Contoso")
    lines = text.split("\n")
    assert lines[:3] == ["User VPN of Contoso, 2026-11-22", "2 clients: 1 behind, 1 never delivered.", ""]
    head, first, second = table(text)
    assert head.split() == ["client", "status", "days", "on", "Mac", "macOS", "profile", "roots", "seen", "detail"]
    assert first.startswith("mac-01  never delivered   364       -  15.5 ")
    assert second.startswith("mac-02  behind            364      27  15.5 ")
    assert second.endswith(told()["clients"]["mac-02"]["detail"])
    step = told()["clients"]["mac-02"]["next_step"]
    assert lines[7:9] == [f"behind, 1: mac-02. {step}", f"never delivered, 1: mac-01. {step}"]
    assert lines[9].startswith("Run the playbook vwan.user_vpn.renew ")
    assert lines[10].startswith("root P2SRootCert, generation 1 (current), until 20")
    assert lines[-1] == ""


def test_a_table_is_as_wide_as_what_is_in_it() -> None:
    some = told()
    some["clients"] = {"m" * 40: some["clients"]["mac-01"], "mac-02": some["clients"]["mac-02"]}
    head, *rows = table(report(some, "txt"))
    assert {row.index("15.5") for row in rows} == {head.index("macOS")}
    assert report(some | {"clients": {}}, "txt").startswith("User VPN, 2026-11-22\n0 clients: none.\n")


def test_who_needs_the_same_is_one_line() -> None:
    some = told()
    client = some["clients"]["mac-02"]
    some["clients"] = {f"mac-{n:02}": client | {"status": "expired", "next_step": "Renew it."} for n in range(8)}
    assert "\nexpired, 8: mac-00, mac-01, mac-02, mac-03, mac-04 and 3 more. Renew it.\n" in report(some, "txt")


def test_the_same_for_programs() -> None:
    told_ones = {key: told()[key] for key in ("clients", "roots")}
    assert json.loads(report(told(), "json")) == told_ones | {"date": "2026-11-22"}
    rows = list(csv.DictReader(io.StringIO(report(told(days_left=-3), "csv"), newline="")))
    assert [row["client"] for row in rows] == ["mac-01", "mac-02"]
    assert rows[1]["days_left"] == "-3"
    assert rows[1]["gateway_roots"] == " ".join(told()["clients"]["mac-02"]["gateway_roots"])


def test_where_there_is_nothing_a_spreadsheet_has_no_nought() -> None:
    nothing = {"mac_sha1": "", "mac_not_after": "", "mac_days_left": 0, "generation": 0}
    (_one, row) = csv.DictReader(io.StringIO(report(told(**nothing, days_left=0), "csv"), newline=""))
    assert (row["mac_days_left"], row["generation"], row["days_left"]) == ("", "", "0")


@pytest.mark.parametrize("status", ["revoked", "removed"])
def test_who_is_not_served_any_more_has_no_days_left(status: str) -> None:
    (_one, row) = csv.DictReader(io.StringIO(report(told(status=status), "csv"), newline=""))
    assert (row["days_left"], row["mac_days_left"]) == ("", "27")
    _head, _one, line = table(report(told(status=status), "txt"))
    assert line.split()[:4] == ["mac-02", status, "-", "27"]


def connected(*names: str, **more: Any) -> dict[str, Any]:
    """What connection_info returns when these clients have a session each."""
    documented = yaml.safe_load(connection_info.RETURN)
    (session,) = documented["sessions"]["sample"]
    sessions = [session | {"client": name, "user_name": name, "since": f"2026-11-2{n}T08:15:00Z"} | more
                for n, name in enumerate(names, start=1)]  # fmt: skip
    return {"sessions": sessions, "addresses": [], "twice": [], "revoked": [], "unknown": []}


def test_who_is_connected_as_azure_sees_it() -> None:
    head, first, second = table(report(told(), "txt", connected("mac-02")))
    assert head.split()[-2:] == ["connected", "detail"]
    assert first[head.index("connected") :].startswith("- ")
    assert second[head.index("connected") :].startswith("2026-11-21 08:15  ")
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
    text = report(told(status=status), "txt", asked)
    lines = text.split("\n")
    assert lines[2].startswith(said)
    assert lines[3] == "Connected, and no clients of this store: stranger."
    rows_of_text = table(text)[1:]
    assert [line.split()[0] for line in rows_of_text] == ["mac-02", "mac-01"]
    rows = csv.DictReader(io.StringIO(report(told(status=status), "csv", asked), newline=""))
    assert [(row["client"], row["sessions"]) for row in rows] == [("mac-02", str(len(names))), ("mac-01", "1")]
    assert ("2 times" in rows_of_text[0]) == (len(names) == 2)


@pytest.mark.parametrize("form", ["txt", "csv", "json", "html"])
def test_no_public_address_is_in_a_report(form: str) -> None:
    assert "203.0.113.7" not in report(told(), form, connected("mac-01", "mac-02", public_address="203.0.113.7"))


def in_mdm(**states: str) -> dict[str, Any]:
    known = {"last_seen": "2026-11-27T08:15:00Z", "error": ""}
    return {"macs": {host.replace("_", "-"): known | {"state": state} for host, state in states.items()}}


def test_how_far_an_mdm_is() -> None:
    asked = in_mdm(mac_01="pending", mac_02="installed", mac_03="installed")
    lines = report(told(), "txt", {}, asked).split("\n")
    assert lines[2:4] == ["In the MDM, installed: 2.", "In the MDM, pending: mac-01 (last heard of 2026-11-27 08:15)."]
    known = json.loads(report(told(), "json", {}, asked))
    hosts = {client["host"]: client.get("mdm", {}).get("state") for client in known["clients"].values()}
    assert hosts.get("mac-01", "pending") == "pending"
    silent = {"msg": "Jamf Pro refuses the login.", "failed": False}
    said = "The MDM did not say how far its profiles are: Jamf Pro refuses the login.\n"
    assert said in report(told(), "txt", {}, silent)
    assert report(told(), "txt", {}, silent).replace(said, "") == report(told(), "txt")
    assert report(told(), "txt", {}, {"skipped": True, "msg": "x"}) == report(told(), "txt")


def test_an_azure_that_does_not_answer_leaves_the_rest() -> None:
    silent = {"failed": False, "msg": "Azure refused\x1b to list."}
    said = "Azure did not say who is connected: Azure refused? to list.\n"
    assert report(told(), "txt", silent).replace(said, "") == report(told(), "txt")
    assert said in report(told(), "txt", silent)
    assert said.strip() in report(told(), "html", silent)
    assert report(told(), "csv", silent) == report(told(), "csv")
    assert json.loads(report(told(), "json", silent))["clients"] == told()["clients"]
    assert report(told(), "txt", {"skipped": True}) == report(told(), "txt")


@pytest.mark.parametrize("form", ["txt", "csv", "json", "html"])
def test_what_azure_said_is_only_told(form: str) -> None:
    hostile = '=cmd|"/C calc"!A0\n\x1b]0;x\x07\u202e\u2028mac-03,revoked'
    asked = connected("mac-02", gateway=hostile, private_address=hostile) | {"unknown": [hostile]}
    text = report(told(), form, asked)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") == report(told(), form, connected("mac-02") | {"unknown": ["x"]}).count("\n")


@pytest.mark.parametrize("form", ["txt", "csv", "json", "html"])
def test_the_same_content_is_the_same_text(form: str) -> None:
    """In whatever order it was told: a report that has not changed is not written anew."""

    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    assert report(turned(told()), form) == report(told(), form)


@pytest.mark.parametrize("form", ["txt", "csv", "json", "html"])
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
    with pytest.raises(UserVpnError, match="txt, csv, json, html, not xlsx"):
        report(told(), "xlsx")
