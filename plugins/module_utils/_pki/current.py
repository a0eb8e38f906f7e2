# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a client has now, for a profile or a keychain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .database import Place
from .store import Certificate, Identity, Store, by_client, current_of, reading


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
