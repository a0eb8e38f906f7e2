# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what clients have now, for a keychain or profiles, and the profiles rendered last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from .database import Place
from .store import Certificate, Identity, Profile, Store, reading, writing


@dataclass(frozen=True)
class Current:
    """A client's certificate, its PEM and that of the CAs above it; its private part, if that was asked for.

    `identity` is None, too, when the key was made on the Mac and has never left it. `former` are the SHA-1 of the
    certificates that the client had before; known of a single client only.
    """

    certificate: Certificate
    pem: bytes
    chain: bytes
    identity: Identity | None = field(default=None, repr=False)
    former: frozenset[str] = frozenset()


def public_of(place: Place, name: str) -> Current | None:
    """Without its private part, for which see identity_of. None when the client has nothing."""
    with reading(place) as store:
        current = _currents(store, [name]).get(name)
        if current is None:
            return None
        former = frozenset(c.sha1 for c in store.history(name)) - {current.certificate.sha1}
        return replace(current, former=former)


def identity_of(place: Place, name: str, passphrase: str | None) -> Current | None:
    """With its private part, which needs the passphrase. None when the client has nothing."""
    with reading(place) as store:
        current = _currents(store, [name]).get(name)
        if current is None or not current.certificate.has_key:
            return current
        store.unlock(passphrase)
        return replace(current, identity=store.identity(current.certificate.sha1))


def _currents(store: Store, names: Collection[str]) -> dict[str, Current]:
    certificates = store.current(names)
    texts = store.texts_of(each.sha1 for each in certificates)
    return {each.name: Current(each, *texts[each.sha1]) for each in certificates}


@dataclass(frozen=True)
class Known:
    """What a store knew at one moment about clients, and about the profiles rendered last. Files with them are copies.

    currents  what each client has, by its name, without private parts
    last      the profile rendered last, by host and identifier
    """

    place: Place
    exists: bool
    currents: Mapping[str, Current]
    last: Mapping[tuple[str, str], Profile]

    @classmethod
    def read(cls, place: Place, clients: Collection[str], hosts: Collection[str]) -> Known:
        with reading(place) as store:
            last = {(each.host, each.identifier): each for each in store.profiles_of(hosts)}
            return cls(place, store.exists, _currents(store, clients), last)

    def identities(self, certificates: Collection[str], passphrase: str | None) -> dict[str, Identity]:
        """Private parts by the certificate's SHA-1; without those whose client has got another one meanwhile."""
        with reading(self.place) as store:
            store.unlock(passphrase)
            return store.identities(certificates)

    def is_news(self, profile: Profile) -> bool:
        """Whether it is another profile than the one rendered last."""
        last = self.last.get((profile.host, profile.identifier))
        return last is None or replace(profile, time=last.time) != last

    def remember(self, profiles: Iterable[Profile], now: datetime, who: str) -> None:
        """Note what has been rendered, as far as it is news."""
        if news := [profile for profile in profiles if self.is_news(profile)]:
            with writing(self.place, now, who) as store:
                store.set_profiles(news)
