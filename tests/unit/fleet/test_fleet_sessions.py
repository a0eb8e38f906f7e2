# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose session it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.sessions import NOBODY, Clients, wanted_sessions


@dataclass(frozen=True)
class Issued:
    name: str
    state: str = "issued"
    common_name: str = ""
    kind: str = "client"

    @property
    def sha1(self) -> str:
        return f"{self.name}{self.state}".encode().hex().ljust(40, "0")[:40].upper()


@dataclass(frozen=True)
class Session:
    user_name: str
    connection_id: str = "IKE_1"
    private_address: str = "172.31.250.4"


def meant(known: Clients, *sessions: Session, **named: Any) -> list[str]:
    nobody: dict[str, Any] = {"clients": [], "thumbprints": [], "connection_ids": [], "addresses": []}
    is_meant = wanted_sessions(known, **nobody | named)
    return [session.user_name for session in sessions if is_meant(session)]


def test_a_name_is_of_who_has_it_now() -> None:
    """Another one who had it and was revoked does not take its owner along."""
    both = [Issued("anna", common_name="mac@red.com"), Issued("ben", "revoked", common_name="mac@red.com")]
    for known in (Clients.of(both), Clients.of(reversed(both))):
        assert known.client("mac@red.com") == "anna"
        assert known.revoked == {"ben"}
        assert meant(known, Session("mac@red.com"), revoked=True) == []
        assert meant(known, Session("mac@red.com"), clients=["ben"]) == []


def test_the_spelling_counts_before_the_case() -> None:
    known = Clients.of([Issued("anna"), Issued("ANNA", "revoked")])
    assert (known.client("anna"), known.client("ANNA"), known.client("Anna")) == ("anna", "ANNA", "anna")
    assert meant(known, Session("anna"), Session("ANNA"), Session("Anna"), revoked=True) == ["ANNA"]


def test_the_host_of_the_inventory() -> None:
    known = Clients.of([Issued("anna"), Issued("ben"), Issued("chris")], {"anna": "mac-1", "ben": "mac-gone"})
    inventory = ["mac-1", "ben", "anna", "stranger"]
    hosts = [known.told(name, inventory)["host"] for name in ("anna", "ben", "chris", "stranger")]
    assert hosts == ["mac-1", "ben", "", ""]
    assert NOBODY.told("stranger", inventory)["host"] == "stranger"  # where no store says who is who


@pytest.mark.parametrize(
    ("session", "called"),
    [
        (Session("MAC@red.com"), "anna"),
        (Session("stranger"), "stranger"),
        (Session(""), "172.31.250.4"),
        (Session("", "IKE_1", ""), "IKE_1"),
        (Session("", "", ""), "a client without a name"),
    ],
)
def test_what_people_call_it(session: Session, called: str) -> None:
    assert Clients.of([Issued("anna", common_name="mac@red.com")]).called(session) == called
