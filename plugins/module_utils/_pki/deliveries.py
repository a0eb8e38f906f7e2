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
from datetime import datetime, timedelta

from ._base import PkiError
from .database import Place
from .store import UNKNOWN_VERSION, Certificate, Delivery, Sighting, Store, by_client, reading, writing

FORGOTTEN = "forgotten"
UNDELIVERED = ("removed", "key_wanted")  # no news of a Mac that never had the profile
AGAIN = timedelta(hours=1)  # an address that stays is written down no more often
NAMED = 3  # of the identities in a sentence


@dataclass(frozen=True)
class Addresses:
    """The addresses that Macs had in the tunnel, by the SHA-1 of the certificate in the profile of each.

    since  a moment before which none of them was asked
    """

    by_certificate: Mapping[str, str]
    since: datetime


def note(
    place: Place,
    seen: Sequence[Delivery],
    now: datetime,
    *,
    addresses: Addresses | None = None,
    check: bool = False,
) -> tuple[list[Delivery], dict[str, dict[str, str]]]:
    """Write down what Macs were seen with, as far as that is not what was written down last, all of it or nothing.

    A certificate that is not in the store is left out. That a profile is not there is no news where it never was.
    Returns what was written, and by client the Macs that share its identity, as `serial_numbers` has them, as far as
    one of them is in it. With `check` nothing is written, for nobody has seen what is foreseen.
    """
    if check or not seen:
        return [], {}
    with reading(place) as store:
        _require(store, place)
        news, sightings = _news(store, seen), _sightings(store, addresses)
    if not news and not sightings:
        return [], {}
    with writing(place, now) as store:
        news = _news(store, seen)
        store.note_deliveries(news)
        store.note_sightings(_sightings(store, addresses))
        macs = on_macs(store.deliveries(), store.certificates())
    hosts = {delivery.host for delivery in news}
    several = {name: shared for name, shared in serial_numbers(macs).items() if len(shared) > 1}
    return news, {name: shared for name, shared in sorted(several.items()) if not hosts.isdisjoint(shared.values())}


def _sightings(store: Store, addresses: Addresses | None) -> list[Sighting]:
    """What is news of the addresses: another one, or the same after a while, for it may be of another session."""
    found = {sha1: address for sha1, address in addresses.by_certificate.items() if address} if addresses else {}
    if not addresses or not found:
        return []
    last = {each.client: each for each in store.sightings()}
    those = (Sighting(each.name, found[each.sha1], addresses.since) for each in store.of(found))
    return [each for each in those if _is_seen_anew(each, last.get(each.client))]


def _is_seen_anew(seen: Sighting, last: Sighting | None) -> bool:
    return last is None or (seen.time > last.time and (seen.address != last.address or seen.time >= last.time + AGAIN))


def shared_identities(shared: Mapping[str, Mapping[str, str]]) -> str:
    """A sentence about the Macs that share an identity, by client."""
    some = list(shared.items())[:NAMED]
    told = [f"{name} on {', '.join(f'{number} ({host})' for number, host in sorted(m.items()))}" for name, m in some]
    more = [f"and {len(shared) - NAMED} more"] if len(shared) > NAMED else []
    return (
        f"Identities that are on several Macs: {'; '.join(told + more)}. None of them is renewed before each Mac has a "
        "client name of its own, or one that is scrapped was forgotten (module ledger)."
    )


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
            known = _known(store, host, serial_number)
            store.note_deliveries(replace(last, status=FORGOTTEN) for last in known)
            for last in known:
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


def _news(store: Store, seen: Sequence[Delivery]) -> list[Delivery]:
    known = store.known(each.certificate_sha1 for each in seen)
    last = {_mac(each): each for each in store.last_deliveries()}
    seen = [each if each.certificate_sha1 in known else replace(each, certificate_sha1="") for each in seen]
    return [each for each in seen if _is_news(each, last.get(_mac(each)))]


def _is_news(seen: Delivery, last: Delivery | None) -> bool:
    if last is None:
        return seen.status not in UNDELIVERED
    return replace(last, time=seen.time) != seen


def _mac(delivery: Delivery) -> tuple[str, str, str]:
    """By what a Mac, and a profile on it, is known."""
    serial = delivery.serial_number
    return delivery.identifier, serial, "" if serial else delivery.host


@dataclass(frozen=True)
class OnMac:
    """What is known of the profile with one identifier on one Mac.

    last      the last delivery
    verified  the last one that the Mac showed as installed
    holds     SHA-1 of the client certificate that the Mac holds, as far as is known: that of the version it shows or,
              when it shows none or nobody knows which, that of the last one that it showed
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
        history = found.pop(_mac(delivery), [])
        if delivery.status != FORGOTTEN:
            history.append(delivery)
            found[_mac(delivery)] = history
    return [_on_mac(history, names) for history in found.values()]


def _on_mac(history: Sequence[Delivery], names: Mapping[str, str]) -> OnMac:
    last = history[-1]
    newest_first = history[::-1]
    verified = next((d for d in newest_first if d.status == "installed"), None)
    tells = last.shown_uuid not in ("", UNKNOWN_VERSION)
    shown = next((d for d in newest_first if d.profile_uuid == last.shown_uuid), None) if tells else verified
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
