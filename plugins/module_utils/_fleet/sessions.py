# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whose session it is that Azure calls by the name of a certificate."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._errors import UserVpnError, quoted
from .._x509.text import thumbprint


class Issued(Protocol):
    """What counts of a certificate of the store."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def common_name(self) -> str: ...
    @property
    def sha1(self) -> str: ...
    @property
    def state(self) -> str: ...


@dataclass(frozen=True)
class Clients:
    """The clients of a store by what stands in their certificates; empty where no store is given.

    Names are compared without regard to case, as a directory compares them.
    """

    by_common_name: Mapping[str, str]
    by_thumbprint: Mapping[str, str]
    revoked: frozenset[str]  # clients that have been revoked and not let in again

    @classmethod
    def of(cls, certificates: Iterable[Issued]) -> Clients:
        """`certificates` are in the order in which they were issued."""
        names: dict[str, str] = {}
        thumbprints: dict[str, str] = {}
        states: dict[str, set[str]] = {}
        for each in certificates:
            if each.kind == "client":
                names[_folded(each.common_name or each.name)] = each.name
                thumbprints[each.sha1] = each.name
                states.setdefault(each.name, set()).add(each.state)
        gone = frozenset(name for name, those in states.items() if "revoked" in those and "issued" not in those)
        return cls(names, thumbprints, gone)

    def __bool__(self) -> bool:
        return bool(self.by_common_name)

    def client(self, user_name: str) -> str:
        """The client whose certificate bears this name; empty for none."""
        return self.by_common_name.get(_folded(user_name), "")

    def told(self, user_name: str) -> dict[str, Any]:
        client = self.client(user_name)
        return {"client": client, "revoked": client in self.revoked}


NOBODY = Clients({}, {}, frozenset())


def _folded(name: str) -> str:
    return name.casefold()


class _Session(Protocol):
    @property
    def user_name(self) -> str: ...
    @property
    def connection_id(self) -> str: ...
    @property
    def private_address(self) -> str: ...


def wanted_sessions(
    known: Clients,
    *,
    clients: Sequence[str],
    thumbprints: Sequence[str],
    connection_ids: Sequence[str],
    addresses: Sequence[str],
    revoked: bool = False,
) -> Callable[[_Session], bool]:
    """Whether a session is one of those that are named. UserVpnError when a name is nobody's: a slip must not pass.

    Where no store is given, a client's name is what stands in its certificate.
    """
    if (thumbprints or revoked) and known is NOBODY:
        named = "thumbprints" if thumbprints else "revoked"
        raise UserVpnError(f"{named} needs pki: only the store knows whose certificates they are.")
    names = {_folded(name) for name in clients}
    owners = {_owner(known, each) for each in thumbprints}
    if known is not NOBODY:
        unknown = sorted(set(clients) - set(known.by_common_name.values()))
        if unknown:
            raise UserVpnError(
                f"clients: the store has no client {', '.join(map(quoted, unknown))}, so nothing was disconnected."
            )
        owners |= {*clients, *(known.revoked if revoked else ())}
        names = {common_name for common_name, client in known.by_common_name.items() if client in owners}
    wanted_addresses = {_address(each) for each in addresses}

    def is_meant(session: _Session) -> bool:
        return (
            _folded(session.user_name) in names
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
