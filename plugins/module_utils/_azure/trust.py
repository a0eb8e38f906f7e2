# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: change which roots a User VPN configuration trusts, and which certificates it refuses.

Azure has no call for that: the whole configuration is read, edited and put back. So everything else in it goes back
as it came, known or not; secrets that Azure does not show are fetched first; and the etag asks Azure to refuse the PUT
when somebody else was faster. Should Azure not honour it, every PUT follows at once upon reading: it is never sent
again as it is.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .._errors import UserVpnError
from .._x509 import checks
from .._x509.certificates import Certificate
from .._x509.text import bare
from . import configurations
from .client import Azure
from .configurations import Json
from .errors import ADVICE, AzureError
from .operations import seconds_until_next
from .roots import Stored, from_azure

ROOTS_LIMIT = 20  # "Point-to-site VPN - Azure certificate authentication FAQ"
_READ_ONLY = ("name", "type", "etag")
_READ_ONLY_PROPERTIES = ("provisioningState", "p2SVpnGateways", "etag")
_UNCLEAR_WRITES = 5  # in a row, before we give up
_SECRETS_API = "2024-10-01"  # the first API version with listRadiusSecrets


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


@dataclass(frozen=True)
class Plan:
    """What a wish means for a configuration as it is: the object to put, and each change in words."""

    resource: Json
    changes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    before: Json
    after: Json
    changes: tuple[str, ...]
    warnings: tuple[str, ...]


def ensure(azure: Azure, resource_group: str, name: str, wish: Wish, *, check: bool = False) -> Result:
    """Make the configuration fulfil the wish, with one accepted PUT at most, or none with `check`.

    After a PUT that Azure refused for now, or whose end is unclear, the configuration is read and the plan made anew.
    `name` is a name in the resource group, or a resource id.
    """
    if name.startswith("/"):
        _unused, resource_group, name = configurations.own_place(azure, name)
    patience = azure.wait.anew(f"let the User VPN configuration {name} be changed")
    first: Plan | None = None
    before: Json = {}
    secrets: list[Any] | None = None
    written, unclear = False, 0
    while True:
        current = configurations.read(azure, resource_group, name)
        plan = make_plan(current, wish, datetime.now(UTC))
        if first is None:
            first, before = plan, current
        if check or not plan.changes:
            return Result(before, plan.resource, first.changes, plan.warnings)
        if written:  # should Azure not honour the etag, two writers notice at least
            raise AzureError(
                f"The User VPN configuration {name} was changed, but somebody undid it at the same time; run again.",
                "Overwritten",
            )
        if _is_updating(current):
            patience.pause(seconds_until_next(None))
            continue
        if secrets is None and _lacks_secrets(current):
            secrets = _radius_secrets(azure, current)
            continue  # and read again: between reading and writing there should be nothing
        try:
            azure.run(
                f"change the User VPN configuration {name}",
                "vpn_server_configurations.begin_create_or_update",
                resource_group,
                name,
                body=_body(plan.resource, secrets or []),
                etag=current.get("etag"),
                once=True,
            )
        except AzureError as error:
            unclear = unclear + 1 if error.unclear else 0
            if not _may_pass(error) or unclear >= _UNCLEAR_WRITES:
                raise
            patience.pause(seconds_until_next(error.retry_after), error.code)
        else:
            written = True


def make_plan(resource: Json, wish: Wish, now: datetime) -> Plan:
    """What to change. UserVpnError when the result would be useless, or Azure would refuse it."""
    changes: list[str] = []
    doubts: list[str] = []
    roots = _plan_roots(resource, wish, now, changes, doubts)
    revoked = _plan_revoked(resource, wish, changes)
    if not changes:
        return Plan(resource, (), (*doubts, *_warnings(resource, roots, now)))
    _refuse_useless(resource, roots, len(wish.unmade), now)
    planned = copy.deepcopy(resource)
    planned.setdefault("properties", {})
    planned["properties"]["vpnClientRootCertificates"] = [root.item for root in roots]
    planned["properties"]["vpnClientRevokedCertificates"] = revoked
    rootless = "" if wish.unmade else configurations.without_root(planned, now)
    doubts += [rootless] if rootless else []
    return Plan(planned, tuple(changes), (*doubts, *_warnings(planned, roots, now)))


def describe(resource: Json, now: datetime, unmade: Iterable[str] = ()) -> str:
    """The certificates of a configuration, a line each, for a diff."""
    lines = [
        f"trusted root {root['name']}: {root['subject']}, SHA-1 {root['sha1']}, until {root['not_after']}, "
        f"{root['status']}"
        for root in configurations.roots(resource, now)
    ]
    lines += [f"trusted root{f' {name}' if name else ''}: to be made" for name in unmade]
    lines += [f"revoked {item['name']}: {item['thumbprint']}" for item in configurations.revoked(resource)]
    return "".join(f"{line}\n" for line in lines)


def _plan_roots(resource: Json, wish: Wish, now: datetime, changes: list[str], doubts: list[str]) -> list[Stored]:
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


def _plan_revoked(resource: Json, wish: Wish, changes: list[str]) -> list[Json]:
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


def _refuse_useless(resource: Json, roots: list[Stored], unmade: int, now: datetime) -> None:
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


def _warnings(resource: Json, roots: Iterable[Stored], now: datetime) -> Iterable[str]:
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


def _may_pass(error: AzureError) -> bool:
    """Whether another try may succeed. All codes with which Azure refuses a write beside another are not documented."""
    return error.busy or error.unclear or (error.status == 409 and error.code not in ADVICE)


def _is_updating(resource: Json) -> bool:
    return str(configurations.properties(resource).get("provisioningState")).lower() == "updating"


def _body(resource: Json, secrets: list[Any]) -> Json:
    """The object for the PUT: as it came, without what only Azure may say, with what Azure does not say."""
    body = {name: value for name, value in copy.deepcopy(resource).items() if name not in _READ_ONLY}
    for name in _READ_ONLY_PROPERTIES:
        body["properties"].pop(name, None)
    by_address = {
        str(item.get("radiusServerAddress")): item.get("radiusServerSecret")
        for item in secrets
        if isinstance(item, dict)
    }
    for server in _servers_without_secret(body):
        secret = by_address.get(str(server["radiusServerAddress"]))
        if not secret:
            raise UserVpnError(
                f"Azure does not tell the RADIUS secret of {server['radiusServerAddress']}, so changing the User VPN "
                "configuration would lose it: set the secret anew in the portal, or change the certificates there."
            )
        server["radiusServerSecret"] = secret
    return body


def _servers_without_secret(resource: Json) -> list[Json]:
    """The places of a RADIUS server whose secret is not there: the old single one, and the list."""
    places = [configurations.properties(resource), *configurations.items(resource, "radiusServers")]
    return [
        place
        for place in places
        if isinstance(place, dict) and place.get("radiusServerAddress") and not place.get("radiusServerSecret")
    ]


def _lacks_secrets(resource: Json) -> bool:
    return bool(_servers_without_secret(resource))


def _radius_secrets(azure: Azure, resource: Json) -> list[Any]:
    what = f"read the RADIUS secrets of the User VPN configuration {resource.get('name')}, so that they are not lost"
    try:
        answer = azure.post(what, f"{resource.get('id')}/listRadiusSecrets", _SECRETS_API)
    except AzureError as error:
        if error.status not in (400, 404, 405):
            raise
        # The configuration was read a moment ago: it is the operation, or its API version, that is not there.
        raise AzureError(
            f"Azure has no operation here to {what} ({error.code}), so its certificates are not changed: change them "
            "in the portal.",
            error.code,
            error.status,
        ) from None
    found = answer.get("value")
    return found if isinstance(found, list) else []
