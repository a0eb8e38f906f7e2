# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: change a User VPN configuration, or create one.

Azure has no call for a part of it: the whole configuration is read, edited and put back. So everything else in it goes
back as it came, known or not; secrets that Azure does not show are fetched first; and the etag asks Azure to refuse the
PUT when somebody else was faster. Should Azure not honour it, every PUT follows at once upon reading: it is never sent
again as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from .._errors import UserVpnError
from . import configurations, trust
from .client import Azure
from .configurations import Json
from .errors import ADVICE, AzureError
from .operations import seconds_until_next
from .settings import AS_IT_IS, Settings, blank, for_new, gateway_names
from .settings import describe as describe_settings
from .settings import plan as plan_settings

_READ_ONLY = ("name", "type", "etag")
_READ_ONLY_PROPERTIES = ("provisioningState", "p2SVpnGateways", "etag")
_UNCLEAR_WRITES = 5  # in a row, before we give up
_SECRETS_API = "2024-10-01"  # the first API version with listRadiusSecrets


@dataclass(frozen=True)
class Plan:
    """What a wish means for a configuration as it is: the object to put, and each change in words.

    `doubts` are about the changes, `warnings` about how things are then; `interrupted` are gateways, by name.
    """

    resource: Json
    changes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    interrupted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """`before` is empty for a configuration that was created."""

    before: Json
    after: Json
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    interrupted: tuple[str, ...]


def ensure(
    azure: Azure,
    resource_group: str,
    name: str,
    wish: trust.Wish,
    settings: Settings = AS_IT_IS,
    *,
    check: bool = False,
) -> Result:
    """Make the configuration fulfil the wish, with one accepted PUT at most, or none with `check`.

    After a PUT that Azure refused for now, or whose end is unclear, the configuration is read and the plan made anew.
    `name` is a name in the resource group, or a resource id. One that does not exist is created, if the settings have a
    location.
    """
    if name.startswith("/"):
        _unused, resource_group, name = configurations.own_place(azure, name)
    patience = azure.wait.anew(f"let the User VPN configuration {name} be changed")
    first: Plan | None = None
    before: Json = {}
    secrets: list[Any] | None = None
    written, unclear = False, 0
    while True:
        current = configurations.look(azure, resource_group, name)
        now = datetime.now(UTC)
        if current is None:
            plan = plan_new(blank(azure.subscription, resource_group, name, settings), wish, now, settings)
        else:
            plan = make_plan(current, wish, now, settings)
        if first is None:
            first, before = plan, current or {}
        if check or not plan.changes:
            warnings = tuple(dict.fromkeys((*first.doubts, *plan.warnings)))
            return Result(before, plan.resource, first.changes, warnings, first.interrupted)
        if written:  # should Azure not honour the etag, two writers notice at least
            raise AzureError(
                f"The User VPN configuration {name} was changed, but somebody undid it at the same time; run again.",
                "Overwritten",
            )
        if current and _state(current) in ("updating", "deleting"):
            patience.pause(seconds_until_next(None))
            continue
        if current and secrets is None and _lacks_secrets(current):
            secrets = _radius_secrets(azure, current)
            continue  # and read again: between reading and writing there should be nothing
        try:
            azure.run(
                f"{'change' if current else 'create'} the User VPN configuration {name}",
                "vpn_server_configurations.begin_create_or_update",
                resource_group,
                name,
                body=_body(plan.resource, secrets or []),
                headers=_condition(current),
                once=True,
            )
        except AzureError as error:
            unclear = unclear + 1 if error.unclear else 0
            if not _may_pass(error) or unclear >= _UNCLEAR_WRITES:
                raise
            patience.pause(seconds_until_next(error.retry_after), error.code)
        else:
            written = True


def make_plan(resource: Json, wish: trust.Wish, now: datetime, settings: Settings = AS_IT_IS) -> Plan:
    """What to change. UserVpnError when the result would be useless, or Azure or a Mac could not do with it.

    So it is, too, when it would interrupt somebody's clients, and that is not what is wanted.
    """
    plan, interrupting = _plan(resource, wish, now, settings)
    used_by = gateway_names(resource) if interrupting else []
    if not used_by:
        return plan
    clients = f"all clients of the P2S VPN {'gateway' if len(used_by) == 1 else 'gateways'} {', '.join(used_by)}"
    what = f"{' and '.join(interrupting)} in the User VPN configuration {resource.get('name')}"
    if not settings.change_in_use:
        raise UserVpnError(f"To {what} interrupts {clients}, so nothing is changed: set change_in_use when it may be.")
    doubt = f"This interrupts {clients}: {what}."
    return replace(plan, doubts=(doubt, *plan.doubts), interrupted=tuple(used_by))


def plan_new(resource: Json, wish: trust.Wish, now: datetime, settings: Settings) -> Plan:
    """The same for a configuration that is to be created, which nobody uses."""
    plan, _interrupting = _plan(resource, wish, now, for_new(settings))
    name = resource["name"]
    idle = f"No P2S VPN gateway uses the new User VPN configuration {name} yet: give it to one in the portal."
    create = f"create the User VPN configuration {name} in {resource['location']}"
    return replace(plan, changes=(create, *plan.changes), doubts=(*plan.doubts, idle))


def _plan(resource: Json, wish: trust.Wish, now: datetime, settings: Settings) -> tuple[Plan, list[str]]:
    """The plan, and those of its changes that interrupt the clients of whoever uses the configuration."""
    changes: list[str] = []
    doubts: list[str] = []
    planned = copy.deepcopy(resource)
    planned.setdefault("properties", {})
    interrupting, others = plan_settings(planned, settings, doubts)
    roots = trust.plan_roots(resource, wish, now, changes, doubts)
    revoked = trust.plan_revoked(resource, wish, changes)
    changes = [*interrupting, *others, *changes]
    if not changes and _state(resource) == "failed" and (wish, settings) != (trust.Wish(), AS_IT_IS):
        # "Troubleshoot Azure Microsoft.Network failed provisioning state": another PUT brings it back
        changes = ["write it again, because Azure's last change of it failed"]
    if not changes:
        return Plan(resource, (), tuple(doubts), tuple(trust.warnings(resource, roots, now))), []
    trust.refuse_useless(planned, roots, len(wish.unmade), now)
    planned["properties"]["vpnClientRootCertificates"] = [root.item for root in roots]
    planned["properties"]["vpnClientRevokedCertificates"] = revoked
    rootless = "" if wish.unmade else configurations.without_root(planned, now)
    doubts += [rootless] if rootless else []
    return Plan(planned, tuple(changes), tuple(doubts), tuple(trust.warnings(planned, roots, now))), interrupting


def describe(resource: Json, now: datetime, unmade: Iterable[str] = ()) -> str:
    """What a configuration allows, and its certificates, a line each, for a diff."""
    lines = describe_settings(resource)
    lines += [
        f"trusted root {root['name']}: {root['subject']}, SHA-1 {root['sha1']}, until {root['not_after']}, "
        f"{root['status']}"
        for root in configurations.roots(resource, now)
    ]
    lines += [f"trusted root{f' {name}' if name else ''}: to be made" for name in unmade]
    lines += [f"revoked {item['name']}: {item['thumbprint']}" for item in configurations.revoked(resource)]
    return "".join(f"{line}\n" for line in lines)


def _condition(current: Json | None) -> dict[str, str]:
    """What has to be true for the PUT: nobody else has changed it, or created it, since it was read."""
    if current is None:
        return {"If-None-Match": "*"}
    return {"If-Match": str(current["etag"])} if current.get("etag") else {}


def _may_pass(error: AzureError) -> bool:
    """Whether another try may succeed. All codes with which Azure refuses a write beside another are not documented."""
    return error.busy or error.unclear or (error.status == 409 and error.code not in ADVICE)


def _state(resource: Json) -> str:
    return str(configurations.properties(resource).get("provisioningState")).lower()


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
