# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which roots a User VPN configuration trusts, and which certificates it refuses.

Certificates are compared by their fingerprints: the names that they have in Azure are anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._errors import UserVpnError
from .._x509 import checks
from .._x509.certificates import Certificate
from .._x509.text import bare
from . import configurations
from .configurations import Json
from .roots import Stored, from_azure

ROOTS_LIMIT = 20  # "Point-to-site VPN - Azure certificate authentication FAQ"


@dataclass(frozen=True)
class RootWish:
    """A root that should be trusted (with its certificate), or not be (`present` False); `where` is for messages."""

    sha1: str
    certificate: Certificate | None = None
    name: str = ""
    present: bool = True
    where: str = "roots"


@dataclass(frozen=True)
class RevokedWish:
    """A thumbprint that should be refused, or no longer be."""

    thumbprint: str
    name: str = ""
    present: bool = True


@dataclass(frozen=True)
class Wish:
    """All that is asked of a configuration. `unmade` are the names of roots that check mode cannot know yet."""

    roots: tuple[RootWish, ...] = ()
    unmade: tuple[str, ...] = ()
    revoked: tuple[RevokedWish, ...] = ()
    purge_roots: bool = False
    purge_revoked: bool = False
    remove_expired: bool = False
    repair_broken: bool = False

    def __post_init__(self) -> None:
        for what, option, wanted in (
            ("root", "roots", {(root.sha1, root.present) for root in self.roots}),
            ("thumbprint", "revoked", {(entry.thumbprint, entry.present) for entry in self.revoked}),
        ):
            for sha1, present in wanted:
                if present and (sha1, False) in wanted:
                    raise UserVpnError(
                        f"The {what} {sha1} is both present and absent in {option}; keep one of the two."
                    )


def plan_roots(resource: Json, wish: Wish, now: datetime, changes: list[str], doubts: list[str]) -> list[Stored]:
    """The roots as they will be. One that is to come is judged; one that Azure trusts already is not."""
    wanted = {root.sha1: root for root in wish.roots}
    kept: list[Stored] = []
    for item in configurations.items(resource, "vpnClientRootCertificates"):
        stored = from_azure(item)
        wished = wanted.get(stored.certificate.sha1) if stored.certificate else None
        if (wished and not wished.present) or (wish.purge_roots and not wished):
            changes.append(f"remove the trusted root {_label(stored)}")
        elif wish.remove_expired and stored.status(now) == "expired":
            changes.append(f"remove the expired root {_label(stored)}")
        elif stored.broken and stored.certificate and (wished or wish.repair_broken):
            changes.append(f"repair the trusted root {_label(stored)}, which was uploaded as base64 of a PEM file")
            kept.append(from_azure({**stored.item, "publicCertData": stored.certificate.public_cert_data}))
        else:
            kept.append(stored)
    there = {root.certificate.sha1 for root in kept if root.certificate}
    for root in wanted.values():
        if root.present and root.certificate and root.sha1 not in there:
            doubts += checks.check_root(root.certificate, root.where, now)
            name = _free_name(root.name or _plain_name(root.certificate), root.sha1, (old.name for old in kept))
            kept.append(from_azure({"name": name, "publicCertData": root.certificate.public_cert_data}))
            changes.append(f"trust the root {_label(kept[-1])}")
    changes += [f"trust the root {name or 'that this run would make'}" for name in wish.unmade]
    return kept


def plan_revoked(resource: Json, wish: Wish, changes: list[str]) -> list[Json]:
    wanted = {entry.thumbprint: entry for entry in wish.revoked}
    kept: list[Json] = []
    for item in configurations.items(resource, "vpnClientRevokedCertificates"):
        thumbprint = _refused(item)
        wished = wanted.get(thumbprint)
        if (wished and not wished.present) or (wish.purge_revoked and not wished):
            changes.append(f"accept the certificate {thumbprint} again")
        else:
            kept.append(item)
    there = {_refused(item) for item in kept}
    for entry in wanted.values():
        if entry.present and entry.thumbprint not in there:
            taken = (str(item.get("name")) for item in kept if isinstance(item, dict))
            name = _free_name(entry.name or entry.thumbprint, entry.thumbprint, taken)
            kept.append({"name": name, "thumbprint": entry.thumbprint})
            changes.append(f"refuse the certificate {name} ({entry.thumbprint})")
    return kept


def _refused(item: Any) -> str:
    """The thumbprint of a member of vpnClientRevokedCertificates, in the form that is compared."""
    return bare(str(item.get("thumbprint") or "")) if isinstance(item, dict) else ""


def refuse_useless(resource: Json, roots: list[Stored], unmade: int, now: datetime) -> None:
    name = resource.get("name")
    count = len(roots) + unmade
    if count > ROOTS_LIMIT:
        raise UserVpnError(
            f"The User VPN configuration {name} would trust {count} roots; Azure takes {ROOTS_LIMIT}. Remove those "
            "that no client needs (state: absent, or purge_roots)."
        )
    expired = [root for root in roots if root.status(now) == "expired"]
    if expired:
        raise UserVpnError(
            f"The User VPN configuration {name} trusts expired roots: {', '.join(map(_label, expired))}. Azure refuses "
            "every change while one is listed: set remove_expired_roots to remove them with this change."
        )
    had_roots = bool(configurations.items(resource, "vpnClientRootCertificates"))
    types = configurations.items(resource, "vpnAuthenticationTypes")
    if had_roots and not roots and not unmade and (not types or "Certificate" in types):
        raise UserVpnError(
            f"The User VPN configuration {name} would trust no root any more, so nobody could connect with a "
            "certificate; give the root that should stay in roots."
        )


def warnings(resource: Json, roots: Iterable[Stored], now: datetime) -> Iterable[str]:
    name = resource.get("name")
    yield from configurations.assess(resource)[0]
    for root in roots:
        status = root.status(now)
        if status == "expired":
            yield (
                f"The User VPN configuration {name} trusts the expired root {_label(root)}, so Azure will refuse the "
                "next change; remove_expired_roots removes it."
            )
        elif status == "broken":
            yield (
                f"The trusted root {_label(root)} of the User VPN configuration {name} was uploaded as base64 of a PEM "
                "file, so nobody can connect with its certificates; repair_broken_roots repairs it."
            )
        elif status == "unreadable":
            yield f"The trusted root {root.name} of the User VPN configuration {name} holds no certificate; replace it."


def _label(root: Stored) -> str:
    return f"{root.name} ({root.certificate.subject}, SHA-1 {root.certificate.sha1})" if root.certificate else root.name


def _plain_name(certificate: Certificate) -> str:
    """A name that tells people which root it is, and generations of it apart."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", certificate.common_name).strip("-._")[:60] or "root"
    return f"{text}-{certificate.sha1[:8]}"


def _free_name(name: str, fingerprint: str, taken: Iterable[str]) -> str:
    """The name, or the name with a piece of the fingerprint when another entry has it already: names are keys."""
    return f"{name}-{fingerprint[:8]}" if name.lower() in {other.lower() for other in taken} else name
