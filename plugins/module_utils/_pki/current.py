# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a client has now, for a keychain or a profile, and the profile rendered last."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from .database import Place
from .store import Certificate, Identity, Profile, Store, by_client, current_of, reading, writing


@dataclass(frozen=True)
class Current:
    """A client's certificate, its PEM and that of the CAs above it; its private part, if that was asked for.

    `identity` is None, too, when the key was made on the Mac and has never left it.
    """

    certificate: Certificate
    pem: bytes
    chain: bytes
    identity: Identity | None = field(default=None, repr=False)


def public_of(place: Place, name: str) -> Current | None:
    """Without its private part, for which see identity_of. None when the client has nothing."""
    with reading(place) as store:
        return _current(store, name)


def identity_of(place: Place, name: str, passphrase: str | None) -> Current | None:
    """With its private part, which needs the passphrase. None when the client has nothing."""
    with reading(place) as store:
        current = _current(store, name)
        if current is None or not current.certificate.has_key:
            return current
        store.unlock(passphrase)
        return replace(current, identity=store.identity(current.certificate.sha1))


def _current(store: Store, name: str) -> Current | None:
    certificate = current_of(by_client(store.certificates()).get(name, ()))
    return Current(certificate, *store.texts(certificate.sha1)) if certificate else None


@dataclass(frozen=True)
class Rendered:
    """The profile that was rendered last for one Mac, as the store knows it. Files with it are copies."""

    place: Place
    last: Profile | None

    @classmethod
    def read(cls, place: Place, host: str, identifier: str) -> Rendered:
        with reading(place) as store:
            return cls(place, store.profile(host, identifier))

    def is_last(self, content: bytes, certificate_sha1: str) -> bool:
        """Whether this is the property list that was rendered last, with this certificate in it."""
        last = self.last
        return last is not None and (last.sha256, last.certificate_sha1) == (_digest(content), certificate_sha1)

    def remember(self, profile: Profile, content: bytes, now: datetime, who: str, *, check: bool) -> bool:
        """Note what has been rendered. Returns whether it is another profile than the last one."""
        profile = replace(profile, sha256=_digest(content), time=self.last.time if self.last else "")
        if profile == self.last:
            return False
        if not check:
            with writing(self.place, now, who) as store:
                store.set_profiles([profile])
        return True


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
