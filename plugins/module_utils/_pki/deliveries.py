# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what has reached the Macs, and so what nobody needs any more.

What a Mac says and what we last did for it belong together; either alone misleads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ._base import PkiError
from .folder import Folder
from .ledger import REBUILT, Delivery, Ledger, Row, by_client, reading, writing


def require_folder(folder: Folder) -> None:
    """Raise PkiError where nothing could be written down."""
    if not folder.exists():
        raise PkiError(
            f"{folder.path} is no PKI folder, so no delivery can be written down in it; make it with root_certificate, "
            "or leave ledger out."
        )


def note_delivery(folder: Folder, seen: Delivery, now: datetime, *, certificate_sha256: str = "") -> bool:
    """Write down what a Mac was seen with, unless that is what was written down last. Returns whether it was written.

    `certificate_sha256` is the fingerprint of the client certificate in the profile. The removal of a profile that was
    never delivered is no news.
    """
    require_folder(folder)
    with reading(folder) as ledger:
        if _news(ledger, seen, certificate_sha256) is None:
            return False
    with folder.writing(), writing(folder) as ledger:
        news = _news(ledger, seen, certificate_sha256)
        if news is None:
            return False
        with ledger.transaction():
            ledger.note_delivery(news, now)
    return True


def _news(ledger: Ledger, seen: Delivery, sha256: str) -> Delivery | None:
    seen = replace(seen, certificate_sha1=seen.certificate_sha1 or ledger.sha1_of(sha256))
    last = ledger.last_delivery(seen.host, seen.identifier)
    if last is None:
        return None if seen.status == "removed" else seen
    return None if replace(last, time=seen.time) == seen else seen


@dataclass(frozen=True)
class OnMac:
    """What is known of the profile with one identifier on one Mac.

    last      the last delivery
    verified  the last one that the Mac showed as installed
    holds     SHA-1 of the client certificate that the Mac holds, as far as is known: that of the version it shows or,
              when it shows none, that of the last one that it showed
    client    whose certificate the last profile held
    """

    last: Delivery
    verified: Delivery | None
    holds: str
    client: str

    @property
    def bare(self) -> bool:
        """Whether a profile that the Mac once had is gone."""
        return self.verified is not None and not self.last.shown_uuid


def on_macs(deliveries: Iterable[Delivery], rows: Sequence[Row]) -> list[OnMac]:
    """One for each Mac and identifier, the one that was seen last at the end."""
    names = {row.sha1: row.name for row in rows if row.kind == "client"}
    found: dict[tuple[str, str], list[Delivery]] = {}
    for delivery in deliveries:
        place = (delivery.host, delivery.identifier)
        found[place] = [*found.pop(place, []), delivery]
    return [_on_mac(history, names) for history in found.values()]


def _on_mac(history: Sequence[Delivery], names: Mapping[str, str]) -> OnMac:
    last = history[-1]
    newest_first = history[::-1]
    verified = next((d for d in newest_first if d.status == "installed"), None)
    shown = next((d for d in newest_first if d.profile_uuid == last.shown_uuid), None) if last.shown_uuid else verified
    client = next((names[d.certificate_sha1] for d in newest_first if d.certificate_sha1 in names), "")
    return OnMac(last, verified, shown.certificate_sha1 if shown else "", client)


def macs_of_clients(macs: Iterable[OnMac]) -> dict[str, OnMac]:
    """The Mac of each client. A client that moved to another Mac has the one that was seen last."""
    return {mac.client: mac for mac in macs if mac.client}


def replaced(rows: Iterable[Row], macs: Iterable[OnMac], now: datetime) -> list[Row]:
    """The superseded certificates that may be revoked: a newer one has been verified on the client's Mac.

    Before that the Mac still relies on the old one, which stays valid for it. What has ended needs no revoking. One
    that was supplied anew is current though it is old; but what a rebuilt ledger calls superseded may be the newest.
    """
    mac_of = macs_of_clients(macs)
    found = []
    for name, history in by_client(rows).items():
        mac = mac_of.get(name)
        if mac is None or mac.verified is None:
            continue
        place = {row.sha1: number for number, row in enumerate(history)}
        states = {row.sha1: row.state for row in history}
        for row in history:
            newer = place.get(mac.holds, -1) > place[row.sha1]
            newer |= states.get(mac.holds) == "issued" and row.reason != REBUILT
            if row.state == "superseded" and row.not_after > now and newer:
                found.append(row)
    return found


def relied_on(rows: Sequence[Row], macs: Iterable[OnMac], now: datetime) -> dict[str, list[str]]:
    """Who still needs each root: by the root's SHA-1, the clients whose valid identity hangs on it.

    That is the current one, and an older one as long as nobody has seen its successor on the Mac.
    """
    done = {row.sha1 for row in replaced(rows, macs, now)}
    needed: dict[str, set[str]] = {}
    for row in rows:
        valid = row.kind == "client" and row.state in {"issued", "superseded"} and row.not_after > now
        if valid and row.sha1 not in done:
            needed.setdefault(row.root_sha1, set()).add(row.name)
    return {root: sorted(names) for root, names in needed.items()}
