# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whose session it is that Azure calls by the name of a certificate, and what that says."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from .._errors import UserVpnError, quoted
from .._x509.text import thumbprint, utc_moment
from .naming import first_of

Result = Mapping[str, Any]

MARGIN = timedelta(minutes=1)  # that the clocks of a gateway and of Azure's answers may differ


class Issued(Protocol):
    """What counts of a certificate of the store."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def common_name(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def sha1(self) -> str: ...
    @property
    def state(self) -> str: ...


class Seen(Protocol):
    """The address in the tunnel that the Mac of a client had last, at that time or after it."""

    @property
    def client(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def time(self) -> datetime: ...


class _Session(Protocol):
    @property
    def user_name(self) -> str: ...
    @property
    def connection_id(self) -> str: ...
    @property
    def private_address(self) -> str: ...
    @property
    def since(self) -> str: ...


Owner = Callable[[_Session], str]


@dataclass(frozen=True)
class Clients:
    """The clients of a store by what stands in their certificates; empty where no store is given.

    Names are compared without regard to case, as a directory compares them, where none has just this spelling.

    revoked    the clients that have been revoked and not let in again
    hosts      by client, the inventory name of the Mac that was last seen with it
    addresses  with which their Macs were last seen
    """

    by_name: Mapping[str, str]
    by_thumbprint: Mapping[str, str]
    revoked: frozenset[str]
    hosts: Mapping[str, str] = field(default_factory=dict)
    addresses: Sequence[Seen] = ()

    @classmethod
    def of(
        cls,
        certificates: Iterable[Issued],
        hosts: Mapping[str, str] = MappingProxyType({}),
        addresses: Sequence[Seen] = (),
    ) -> Clients:
        """`certificates` are in the order in which they were issued.

        Azure is known to use the common name. For IKEv2 nobody has documented it, so whatever else tells a certificate
        will do: the name of the client, which is that of the Mac in its certificate, the subject, the thumbprint. A
        name that several clients have had is that of the one who has it now.
        """
        own = [each for each in certificates if each.kind == "client"]
        states: dict[str, set[str]] = {}
        for each in own:
            states.setdefault(each.name, set()).add(each.state)
        gone = frozenset(name for name, those in states.items() if "revoked" in those and "issued" not in those)
        names: dict[str, str] = {}
        for said in (_thumbprint_of, _subject_of, _name_of, _common_name_of):  # the one that is known counts most
            for current in (False, True):
                names |= {said(each): each.name for each in own if (each.state == "issued") is current}
        names.pop("", None)
        folded = {_folded(name): client for name, client in names.items()}
        return cls(folded | names, {each.sha1: each.name for each in own}, gone, hosts, addresses)

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def client(self, user_name: str) -> str:
        """The client whose certificate bears this name; empty for none."""
        return self.by_name.get(user_name) or self.by_name.get(_folded(user_name), "")

    def owners(self, sessions: Sequence[_Session], skew: float = 0) -> tuple[Owner, bool]:
        """Whose each of all these sessions is, empty for nobody's; and whether that is told by addresses.

        It is by names, unless the store knows none of them. An address in the tunnel is given to another as soon as it
        is free. So it tells whose a session is only where the Mac was seen with it since the session has begun: as long
        as a session lasts nobody else has its address. `skew`: by how many seconds this machine is ahead of Azure.
        """
        if not self or not sessions or any(self.client(session.user_name) for session in sessions):
            return lambda session: self.client(session.user_name), False
        times = Counter(_bare_address(session.private_address) for session in sessions)

        def owner(session: _Session) -> str:
            address, begun = _bare_address(session.private_address), moment_of(session.since)
            if not address or not begun or times[address] > 1:
                return ""
            begun += timedelta(seconds=skew) + MARGIN
            found = {each.client for each in self.addresses if each.address == address and begun <= each.time}
            return found.pop() if len(found) == 1 else ""

        return owner, True

    def told(self, user_name: str, client: str, inventory: Collection[str]) -> dict[str, Any]:
        """The client of a session, whether it is revoked, and its host in the inventory, if it has one."""
        named = client if self else user_name
        host = next((each for each in (self.hosts.get(client, ""), named) if each in inventory), "")
        return {"client": client, "host": host, "revoked": client in self.revoked}

    def is_name(self, user_name: str) -> bool:
        """Whether a name is of one client: in a store, of one that it knows."""
        return bool(self.client(user_name)) if self else True


def called(session: _Session, client: str) -> str:
    """What people call the one whose session it is."""
    found = (client, session.user_name, session.private_address, session.connection_id)
    return next(filter(None, found), "a client without a name")


NOBODY = Clients({}, {}, frozenset())


def _folded(name: str) -> str:
    return name.casefold()


def _common_name_of(certificate: Issued) -> str:
    return certificate.common_name or certificate.name


def _name_of(certificate: Issued) -> str:
    return certificate.name


def _subject_of(certificate: Issued) -> str:
    return certificate.subject


def _thumbprint_of(certificate: Issued) -> str:
    return certificate.sha1


def moment_of(text: str) -> datetime | None:
    """A time as this collection tells it; None for anything else."""
    try:
        return utc_moment(text)
    except ValueError:
        return None


def wanted_sessions(
    known: Clients,
    *,
    clients: Sequence[str],
    thumbprints: Sequence[str],
    connection_ids: Sequence[str],
    addresses: Sequence[str],
    revoked: bool = False,
) -> Callable[[_Session, str], bool]:
    """Whether a session is one of those that are named, by it and its client. UserVpnError when a name is nobody's: a
    slip must not pass.

    Where no store is given, a client's name is what stands in its certificate.
    """
    if (thumbprints or revoked) and known is NOBODY:
        named = "thumbprints" if thumbprints else "revoked"
        raise UserVpnError(f"{named} needs pki: only the store knows whose certificates they are.")
    names = {_folded(name) for name in clients} if known is NOBODY else set()
    owners = {_owner(known, each) for each in thumbprints}
    if known is not NOBODY:
        unknown = sorted(set(clients) - set(known.by_thumbprint.values()))
        if unknown:
            raise UserVpnError(
                f"clients: the store has no client {', '.join(map(quoted, unknown))}, so nothing was disconnected."
            )
        owners |= {*clients, *(known.revoked if revoked else ())}
    wanted_addresses = {_address(each) for each in addresses}

    def is_meant(session: _Session, client: str) -> bool:
        return (
            client in owners
            or _folded(session.user_name) in names
            or session.connection_id in connection_ids
            or _bare_address(session.private_address) in wanted_addresses
        )

    return is_meant


def _owner(known: Clients, text: str) -> str:
    sha1 = thumbprint(text, "thumbprints")
    if sha1 not in known.by_thumbprint:
        raise UserVpnError(f"thumbprints: the store has issued no certificate {sha1}, so nothing was disconnected.")
    return known.by_thumbprint[sha1]


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise UserVpnError(f"addresses: {quoted(text)} is no IP address.") from None


def _bare_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


# -- what people are told of an answer of connection_info


def is_unanswered(told: Result) -> bool:
    """Whether Azure was asked who is connected, and did not say."""
    return bool(told) and "addresses" not in told and not told.get("skipped")


def unanswered(told: Result) -> str:
    return f"Azure did not say who is connected: {told.get('msg') or 'no answer'}"


def out_of_place(told: Result) -> Iterator[str]:
    """What comes first, where Azure has named the sessions: who must not be there, and who is there twice."""
    if revoked := told.get("revoked"):
        yield (
            f"Revoked, and connected all the same: {first_of(revoked)}. Run the playbook revoke once more, which ends "
            "their sessions."
        )
    if twice := told.get("twice"):
        yield (
            f"Connected more than once: {first_of(twice)}. A Mac has one tunnel, so its certificate may be in use in "
            "two places, or Azure still counts a session that is gone."
        )


def by_client(told: Result) -> dict[str, list[Result]]:
    """The sessions of each client of the store, where Azure has named them; the oldest first."""
    found: dict[str, list[Result]] = {}
    for session in sorted(told.get("sessions", ()), key=lambda each: str(each["since"])):
        if session["client"]:
            found.setdefault(session["client"], []).append(session)
    return found
