# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what has reached the Macs, and so what nobody needs any more.

What a Mac says and what we last did for it belong together; either alone misleads. A Mac is known by its serial number,
so one that gets another inventory name is still the same, and another one under the same name is not. Where it told
none, its inventory name has to do.

One client is one Mac's. Where two Macs use one identity all the same, what either of them was last seen with is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ._base import PkiError
from .database import Place
from .store import Certificate, Delivery, Store, by_client, reading, writing

FORGOTTEN = "forgotten"


def require_store(place: Place) -> None:
    """Raise PkiError where no delivery could be written down."""
    with reading(place) as store:
        _require(store, place)


def note_delivery(place: Place, seen: Delivery, now: datetime, *, certificate_sha256: str = "") -> bool:
    """Write down what a Mac was seen with, unless that is what was written down last. Returns whether it was written.

    `certificate_sha256` is the fingerprint of the client certificate in the profile. The removal of a profile that was
    never delivered is no news.
    """
    with reading(place) as store:
        _require(store, place)
        if _news(store, seen, certificate_sha256) is None:
            return False
    with writing(place, now) as store:
        news = _news(store, seen, certificate_sha256)
        if news:
            store.note_delivery(news)
    return news is not None


def macs_with(place: Place, certificate_sha256: str) -> dict[str, str]:
    """The Macs that have the identity of this certificate's client, their inventory names by serial number."""
    with reading(place) as store:
        certificates, deliveries = store.of_client(store.sha1_of(certificate_sha256))
    return next(iter(serial_numbers(on_macs(deliveries, certificates)).values()), {})


def forget(
    place: Place, now: datetime, *, host: str = "", serial_number: str = "", who: str = "", check: bool = False
) -> list[Delivery]:
    """Let Macs that are no more not count any more; their history stays. Returns what each was last seen with.

    Chosen by their inventory name, their serial number, or both. One that is seen again counts again.
    """
    with reading(place) as store:
        _require(store, place)
        found = _known(store, host, serial_number)
    if found and not check:
        with writing(place, now, who) as store:
            for last in _known(store, host, serial_number):
                store.note_delivery(replace(last, status=FORGOTTEN))
                store.note(FORGOTTEN, f"the Mac {last.host} with the serial number {last.serial_number or 'unknown'}")
    return found


def _require(store: Store, place: Place) -> None:
    if not store.exists:
        raise PkiError(
            f"There is no store at {place}, so no delivery can be written down; make it with root_certificate, or "
            "leave pki out."
        )


def _known(store: Store, host: str, serial_number: str) -> list[Delivery]:
    macs = [mac.last for mac in on_macs(store.deliveries(), [])]
    return [last for last in macs if host in ("", last.host) and serial_number in ("", last.serial_number)]


def _news(store: Store, seen: Delivery, sha256: str) -> Delivery | None:
    seen = replace(seen, certificate_sha1=seen.certificate_sha1 or store.sha1_of(sha256))
    last = store.last_delivery(seen)
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


def on_macs(deliveries: Iterable[Delivery], certificates: Sequence[Certificate]) -> list[OnMac]:
    """One for each Mac and identifier that is not forgotten, the one that was seen last at the end."""
    names = {c.sha1: c.name for c in certificates if c.kind == "client"}
    found: dict[tuple[str, str, str], list[Delivery]] = {}
    for delivery in deliveries:
        serial = delivery.serial_number
        mac = (serial, "" if serial else delivery.host, delivery.identifier)
        history = found.pop(mac, [])
        if delivery.status != FORGOTTEN:
            history.append(delivery)
            found[mac] = history
    return [_on_mac(history, names) for history in found.values()]


def _on_mac(history: Sequence[Delivery], names: Mapping[str, str]) -> OnMac:
    last = history[-1]
    newest_first = history[::-1]
    verified = next((d for d in newest_first if d.status == "installed"), None)
    shown = next((d for d in newest_first if d.profile_uuid == last.shown_uuid), None) if last.shown_uuid else verified
    client = next((names[d.certificate_sha1] for d in newest_first if d.certificate_sha1 in names), "")
    return OnMac(last, verified, shown.certificate_sha1 if shown else "", client)


def macs_by_client(macs: Iterable[OnMac]) -> dict[str, list[OnMac]]:
    """The Macs of each client, the one that was seen last at the end; more than one is one too many."""
    found: dict[str, list[OnMac]] = {}
    for mac in macs:
        if mac.client:
            found.setdefault(mac.client, []).append(mac)
    return found


def serial_numbers(macs: Iterable[OnMac]) -> dict[str, dict[str, str]]:
    """By client, the serial numbers of the Macs that have its identity, or are to have it, and their inventory names.

    A Mac from which the profile was taken has it no more.
    """
    return {
        client: {mac.last.serial_number: mac.last.host for mac in macs if mac.last.serial_number and _has(mac)}
        for client, macs in macs_by_client(macs).items()
    }


def _has(mac: OnMac) -> bool:
    return mac.last.status != "removed"


def replaced(certificates: Iterable[Certificate], macs: Iterable[OnMac], now: datetime) -> list[Certificate]:
    """The superseded certificates that may be revoked: a newer one has been verified on every Mac of the client.

    Before that a Mac still relies on the old one, which stays valid for it. What has ended needs no revoking. One that
    was supplied anew is current though it is old; one that is not valid yet (a clock was wrong) succeeds nothing.
    """
    macs_of = macs_by_client(macs)
    found = []
    for name, history in by_client(certificates).items():
        for number, old in enumerate(history):
            newer = [c.sha1 for c in history[number + 1 :] if c.begun(now)]
            newer += [c.sha1 for c in history[:number] if c.state == "issued"]
            if old.state == "superseded" and old.not_after > now and _left(macs_of.get(name, []), newer):
                found.append(old)
    return found


def _left(macs: Sequence[OnMac], newer: Sequence[str]) -> bool:
    """Whether all Macs have left a certificate for newer ones."""
    left = [mac.verified is not None and mac.holds in newer for mac in macs]
    return any(left) and all(gone or not _has(mac) for gone, mac in zip(left, macs, strict=True))


def relied_on(certificates: Sequence[Certificate], macs: Iterable[OnMac], now: datetime) -> dict[str, list[str]]:
    """Who still needs each root: by the root's SHA-1, the clients whose valid identity hangs on it.

    That is the current one, and an older one as long as nobody has seen its successor on the Mac.
    """
    done = {c.sha1 for c in replaced(certificates, macs, now)}
    needed: dict[str, set[str]] = {}
    for c in certificates:
        valid = c.kind == "client" and c.state in {"issued", "superseded"} and c.not_after > now
        if valid and c.sha1 not in done:
            needed.setdefault(c.root_sha1, set()).add(c.name)
    return {root: sorted(names) for root, names in needed.items()}
