# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Azure says to the open points, without a name in it."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.evidence import evidence, form

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)
GUID = "5c1b3e0f-0000-4000-8000-000000000001"
SESSION = {
    "connection_id": f"IKE_{GUID}", "user_name": "mac-01", "client": "mac-01", "revoked": False,
    "since": "2026-11-22T12:00:00Z", "seconds": 3600, "private_address": "172.31.250.4",
    "public_address": "203.0.113.7", "address_pools": ["172.31.250.0/24"],
}  # fmt: skip
LEDGER = {
    "certificates": [
        {"kind": "root", "name": "Contoso", "common_name": "Contoso", "subject": "CN=Contoso", "sha1": "CC" * 20},
        {"kind": "client", "name": "mac-01", "common_name": "mac-01@red.com", "subject": "CN=1", "sha1": "AB" * 20},
    ],
    "events": [{"what": "refused", "client": "", "sha1": "AB" * 20, "time": "2026-11-22T11:20:00Z"}],
}


def lines(*sessions: dict[str, Any]) -> dict[str, list[str]]:
    """What is said to each point, by its first words."""
    told = evidence({"sessions": [SESSION | each for each in sessions], "addresses": []}, LEDGER, NOW)
    blocks = told.partition("report.\n")[2].partition("Not collected")[0].strip().split("\n\n")
    return {block.partition("\n")[0][2:16]: [line[2:] for line in block.split("\n")[1:]] for block in blocks}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"IKE_{GUID}", "IKE_<GUID>"),
        (f"OVPN_{GUID.upper()}", "OVPN_<GUID>"),
        ("ikev2-anna-17", "ikev2-aaaa-00"),
        ("Anna@Contoso.com", "Aaaa@Aaaaaaa.aaa"),
        ("CONTOSO\\anna\n\x1b", "AAAAAAA\\aaaa??"),
        ("\u00c4nne", "Aaaa"),
        ("x" * 500, "a" * 100 + "..."),
        ("", ""),
    ],
)
def test_the_form_of_a_text(text: str, shown: str) -> None:
    assert form(text) == shown


@given(st.text(string.ascii_letters + string.digits + "._-@", min_size=8, max_size=40).filter(str.isprintable))
@settings(max_examples=100, deadline=None)
def test_no_name_is_in_a_form(name: str) -> None:
    shown = form(f"_{name}")
    assert not [word for word in name.split("-") if len(word) > 3 and set(word) - set("aA0._@") and word in shown]


def test_each_point_is_answered() -> None:
    said = lines({}, {"user_name": "MAC-01@red.com"}, {"user_name": "Anna Secret"}, {"user_name": ""})
    assert said["the id of a co"] == ["4 x IKE_<GUID>"]
    assert said["the name of a "] == [
        "1 x name of the client", "1 x common name", "1 x in no certificate, of the form Aaaa Aaaaaa",
        "1 x in no certificate, of the form (empty)",
    ]  # fmt: skip
    assert said["whether times "] == ["4 x less than 60"]
    assert said["whether an add"] == ["4 x yes"]
    assert said["sessions of th"] == ["nothing"]


def test_what_is_not_as_assumed() -> None:
    other_zone = {"since": "2026-11-22T13:00:00Z", "seconds": 3600, "private_address": "10.0.0.1", "revoked": True}
    said = lines(other_zone, {"since": "noon", "private_address": "x", "revoked": True, "client": "mac-02"})
    assert said["whether times "] == ["1 x -1.0 hours", "1 x no time, of the form aaaa"]
    assert said["whether an add"] == ["1 x no", "1 x no address"]
    assert said["sessions of th"] == ["1 x 100 minutes after", "1 x not known"]


def test_nothing_that_names_anybody() -> None:
    text = evidence({"sessions": [SESSION], "addresses": []}, LEDGER, NOW)
    assert not [word for word in ("mac-01", "red.com", GUID, "203.0.113.7", "172.31", "Contoso") if word in text]


def test_nobody_is_connected_or_azure_does_not_answer() -> None:
    assert set(map(tuple, lines().values())) == {("nothing",)}
    assert "Azure did not say who is connected: it is forbidden" in evidence({"msg": "it is forbidden"}, {}, NOW)


def test_many_forms_are_some() -> None:
    said = lines(*({"connection_id": "x" * number} for number in range(1, 60)))
    assert (len(said["the id of a co"]), said["the id of a co"][-1]) == (21, "and 39 more")
