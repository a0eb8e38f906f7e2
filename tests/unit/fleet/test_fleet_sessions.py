# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose session it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.sessions import (
    NOBODY,
    Clients,
    called,
    wanted_sessions,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Issued:
    name: str
    state: str = "issued"
    common_name: str = ""
    kind: str = "client"

    @property
    def subject(self) -> str:
        return f"O=Contoso,CN={self.common_name or self.name}"

    @property
    def sha1(self) -> str:
        return f"{self.name}{self.state}".encode().hex().ljust(40, "0")[:40].upper()


@dataclass(frozen=True)
class Session:
    user_name: str
    connection_id: str = "IKE_1"
    private_address: str = "172.31.250.4"
    since: str = "2026-11-22T12:00:00Z"


@dataclass(frozen=True)
class Seen:
    client: str
    minutes: float = 5  # after noon
    address: str = "172.31.250.4"

    @property
    def time(self) -> datetime:
        return NOON + timedelta(minutes=self.minutes)


def meant(known: Clients, *sessions: Session, **named: Any) -> list[str]:
    nobody: dict[str, Any] = {"clients": [], "thumbprints": [], "connection_ids": [], "addresses": []}
    is_meant = wanted_sessions(known, **nobody | named)
    return [session.user_name for session in sessions if is_meant(session, known.client(session.user_name))]


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
    hosts = [known.told(name, known.client(name), inventory)["host"] for name in ("anna", "ben", "chris", "stranger")]
    assert hosts == ["mac-1", "ben", "", ""]
    assert NOBODY.told("stranger", "", inventory)["host"] == "stranger"  # where no store says who is who


@pytest.mark.parametrize(
    ("session", "client", "name"),
    [
        (Session("MAC@red.com"), "anna", "anna"),
        (Session("stranger"), "", "stranger"),
        (Session(""), "", "172.31.250.4"),
        (Session("", "IKE_1", ""), "", "IKE_1"),
        (Session("", "", ""), "", "a client without a name"),
    ],
)
def test_what_people_call_it(session: Session, client: str, name: str) -> None:
    assert called(session, client) == name


def test_whatever_tells_a_certificate_is_a_name() -> None:
    anna = Issued("anna", common_name="anna@red.com")
    known = Clients.of([anna, Issued("ben", common_name="ben@red.com"), Issued("chris", common_name="anna")])
    names = ["anna@red.com", "ANNA@RED.COM", anna.sha1, anna.sha1.lower(), "O=Contoso,CN=anna@red.com", "ben"]
    assert [known.client(name) for name in names] == ["anna"] * 5 + ["ben"]
    assert known.client("anna") == "chris"  # a common name counts before the name of a client
    assert known.client("") == ""


@pytest.mark.parametrize(
    ("session", "seen", "owner"),
    [
        (Session("?"), [Seen("anna")], "anna"),
        (Session("?"), [Seen("anna", 1)], "anna"),
        (Session("?"), [Seen("anna", 0.9)], ""),  # within what clocks may differ
        (Session("?"), [Seen("anna", -60)], ""),  # before the session began: the address was somebody else's since
        (Session("?"), [Seen("anna", address="172.31.250.5")], ""),
        (Session("?"), [Seen("anna"), Seen("ben")], ""),  # only one can have had it
        (Session("?"), [Seen("anna"), Seen("ben", -60)], "anna"),
        (Session("?"), [], ""),
        (Session("?", since=""), [Seen("anna")], ""),
        (Session("?", since="yesterday"), [Seen("anna")], ""),
        (Session("?", private_address=""), [Seen("anna", address="")], ""),
    ],
)
def test_an_address_tells_whose_it_is_while_the_session_lasts(session: Session, seen: list[Seen], owner: str) -> None:
    known = Clients.of([Issued("anna"), Issued("ben")], {}, seen)
    whose, by_address = known.owners([session])
    assert (whose(session), by_address) == (owner, True)


def test_an_address_tells_nobody_where_it_is_not_alone_or_names_are_known() -> None:
    known = Clients.of([Issued("anna"), Issued("ben")], {}, [Seen("anna")])
    twice = [Session("?"), Session("?", "IKE_2")]  # gateways whose pools overlap
    whose, by_address = known.owners(twice)
    assert ([whose(each) for each in twice], by_address) == (["", ""], True)
    named = [Session("?"), Session("ben", "IKE_2", "172.31.250.9")]
    whose, by_address = known.owners(named)
    assert ([whose(each) for each in named], by_address) == (["", "ben"], False)
    assert NOBODY.owners(twice)[1] is False
    assert known.owners([])[1] is False


def test_clocks_that_differ_are_set_right() -> None:
    """This machine is ten minutes ahead of Azure: what it saw at 12:05 was at 11:55 there, before the session."""
    known = Clients.of([Issued("anna")], {}, [Seen("anna")])
    session = Session("?")
    assert known.owners([session], skew=600)[0](session) == ""
    assert known.owners([session], skew=-600)[0](session) == "anna"
