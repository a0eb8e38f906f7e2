# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a User VPN configuration allows, and a new one, so that Macs can connect.

What IKEv2 and the authentication types go with: "Point-to-site VPN concepts for Azure Virtual WAN". Rules for tags:
"Use tags to organize your Azure resources"; for names: "Naming rules and restrictions for Azure resources".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import UserVpnError, shown
from .._mobileconfig.algorithms import DEFAULT_PAIR, azure_policy, same_policy
from . import configurations, names
from .configurations import LIFETIMES, Json, items, named

IKEV2, OPENVPN = "IkeV2", "OpenVPN"
CERTIFICATE, RADIUS, AAD = "Certificate", "Radius", "AAD"
_MOST_TAGS, _LONGEST_TAG, _LONGEST_VALUE = 50, 512, 256
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?")  # of any resource of Microsoft.Network


@dataclass(frozen=True)
class Settings:
    """What a configuration should be, besides its certificates; what is empty stays as it is.

    protocols      its tunnel types, authentication_types, both in Azure's words
    policy         its one custom IPsec policy, in Azure's words, with lifetimes only if they are wished
    location       the region to create it in; for one that exists, the region where it has to be
    tags           to have, besides those that it has unless append_tags is False; None for as it is
    change_in_use  whether to interrupt the clients of gateways that use it
    """

    protocols: tuple[str, ...] = ()
    authentication_types: tuple[str, ...] = ()
    policy: Mapping[str, Any] | None = None
    policy_doubts: tuple[str, ...] = ()
    location: str = ""
    tags: Mapping[str, str] | None = None
    append_tags: bool = True
    change_in_use: bool = field(default=False, compare=False)


AS_IT_IS = Settings()


def wished(options: Mapping[str, Any]) -> Settings:
    """The settings in a module's options, checked before anything is sent. UserVpnError for what cannot be."""
    policy, doubts = azure_policy(options["ipsec_policy"]) if options["ipsec_policy"] not in (None, "") else (None, ())
    wish = Settings(
        protocols=_words("protocols", options["protocols"], (IKEV2, OPENVPN)),
        authentication_types=_words(
            "authentication_types", options["authentication_types"], (CERTIFICATE, RADIUS, AAD)
        ),
        policy=policy,
        policy_doubts=doubts,
        location=_plain(options["location"] or ""),
        tags=_tags(options["tags"]) if options["tags"] is not None else None,
        append_tags=options["append_tags"],
        change_in_use=options["change_in_use"],
    )
    if wish.protocols and IKEV2 not in wish.protocols:
        raise UserVpnError(
            "protocols has no IkeV2, and a Mac's own VPN client speaks nothing else: add IkeV2; for OpenVPN clients "
            "alone take another User VPN configuration."
        )
    if wish.authentication_types and CERTIFICATE not in wish.authentication_types:
        raise UserVpnError(
            "authentication_types has no Certificate, and Macs sign in with certificates here: add Certificate; for "
            "others alone take another User VPN configuration."
        )
    return wish


def blank(subscription: str, resource_group: str, name: str, wish: Settings) -> Json:
    """A configuration that is to be created, without anything in it. UserVpnError unless it can be."""
    if not wish.location:
        raise UserVpnError(
            f"There is no User VPN configuration {name} in the resource group {resource_group}: check the name, or set "
            "location to have it created."
        )
    if not _NAME.fullmatch(name):
        raise UserVpnError(
            f"vpn_server_configuration: {shown(repr(name))} cannot be the name of a new one: Azure takes up to 80 "
            "letters, digits, underscores, periods and hyphens, the first a letter or digit, the last no period or "
            "hyphen."
        )
    place = f"/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.Network"
    return {"id": f"{place}/vpnServerConfigurations/{name}", "name": name, "location": wish.location, "properties": {}}


def for_new(wish: Settings) -> Settings:
    """The wish for a configuration that is to be created: what it leaves open is as Macs need it."""
    policy = wish.policy or azure_policy(DEFAULT_PAIR)[0]
    return replace(
        wish,
        protocols=wish.protocols or (IKEV2,),
        authentication_types=wish.authentication_types or (CERTIFICATE,),
        policy=policy,
    )


def plan(planned: Json, wish: Settings, doubts: list[str]) -> tuple[list[str], list[str]]:
    """Change `planned` as wished. Returns each change in words: those that interrupt clients, and the others.

    UserVpnError where Azure, or a Mac, could not do with the result.
    """
    _check_location(planned, wish)
    found = planned["properties"]
    interrupting: list[str] = []
    for option, member, wanted in (
        ("tunnel types", "vpnProtocols", wish.protocols),
        ("authentication types", "vpnAuthenticationTypes", wish.authentication_types),
    ):
        there = items(planned, member)
        if wanted and not _same_words(there or _meant_by_none(member, planned), wanted):
            kept = [each for each in there if any(named(word, [each]) for word in wanted)]
            found[member] = [*kept, *(word for word in wanted if not named(word, kept))]
            before = f", from {', '.join(map(str, there))}" if there else ""
            interrupting.append(f"set the {option} to {', '.join(map(str, found[member]))}{before}")
    if wish.policy and not _has_policy(planned, wish.policy):
        policies = items(planned, "vpnClientIpsecPolicies")
        before = _policy_words(policies)
        found["vpnClientIpsecPolicies"] = [_merged(policies, wish.policy)]
        interrupting.append(f"set the IPsec policy to {_policy_words(found['vpnClientIpsecPolicies'])}, from {before}")
        doubts += wish.policy_doubts
    if interrupting:
        _refuse_impossible(planned)
    return interrupting, _plan_tags(planned, wish)


def describe(resource: Json) -> list[str]:
    """A line each, for a diff; none for a configuration that there is not."""
    if not resource.get("id"):
        return []
    lines = [
        f"location: {resource.get('location')}",
        f"tunnel types: {', '.join(map(str, items(resource, 'vpnProtocols'))) or 'all'}",
        f"authentication types: {', '.join(map(str, items(resource, 'vpnAuthenticationTypes'))) or 'not set'}",
    ]
    policies, tags = items(resource, "vpnClientIpsecPolicies"), resource.get("tags")
    words = [f"IPsec policy: {word}" for policy in policies or [{}] for word in _policy_words([policy]).split(", ")]
    told = sorted(tags.items()) if isinstance(tags, dict) else []
    return [*lines, *words, *(f"tag {name}: {value}" for name, value in told)]


def gateway_names(resource: Json) -> list[str]:
    """The P2S VPN gateways that use it."""
    return [names.parse(gateway).name for gateway in configurations.gateway_ids(resource)]


def _words(option: str, given: Iterable[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The words as Azure spells them, each once."""
    spelling = {word.lower(): word for word in known}
    for word in given or ():
        if word.lower() not in spelling:
            raise UserVpnError(f"{option} takes {', '.join(known)}, not {shown(repr(word))}.")
    return tuple(dict.fromkeys(spelling[word.lower()] for word in given or ()))


def _tags(given: Mapping[Any, Any]) -> dict[str, str]:
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise UserVpnError(f"tags must be strings with strings; put {shown(repr(name))} and its value in quotes.")
        if not name.strip() or len(name) > _LONGEST_TAG or re.search(r"[<>%&\\?/]", name):
            raise UserVpnError(
                f"tags: {shown(repr(name))} cannot be a name in Azure: it takes up to {_LONGEST_TAG} characters, "
                r"without < > % & \ ? /."
            )
        if len(value) > _LONGEST_VALUE:
            raise UserVpnError(f"tags: the value of {shown(name)} is longer than Azure's {_LONGEST_VALUE} characters.")
    twice = [name for name in given if [other.lower() for other in given].count(name.lower()) > 1]
    if twice:
        raise UserVpnError(f"tags: {', '.join(map(shown, twice))} are one name in Azure, which ignores case; keep one.")
    return dict(given)


def _check_location(planned: Json, wish: Settings) -> None:
    there = _plain(planned.get("location") or "")
    if wish.location and there and wish.location != there:
        raise UserVpnError(
            f"location is {wish.location}, but the User VPN configuration {planned.get('name')} lies in {there}, and "
            "Azure moves none: set location to that, or leave it out; or name another configuration."
        )


def _plain(location: Any) -> str:
    """`West Europe` and `westeurope` are one place."""
    return "".join(str(location).split()).lower()


def _meant_by_none(member: str, planned: Json) -> list[str]:
    """What Azure takes an empty list of protocols for; nothing of one that is still to be created."""
    return [IKEV2, OPENVPN] if member == "vpnProtocols" and planned.get("etag") else []


def _same_words(found: Iterable[Any], wanted: Iterable[str]) -> bool:
    return {str(word).lower() for word in found} == {word.lower() for word in wanted}


def _has_policy(planned: Json, policy: Mapping[str, Any]) -> bool:
    found = items(planned, "vpnClientIpsecPolicies")
    return len(found) == 1 and same_policy(policy, found[0])


def _merged(found: list[Any], policy: Mapping[str, Any]) -> Json:
    """The policy, with what is not wished of it as it was: lifetimes, and what we do not know."""
    others = [each for each in found if isinstance(each, dict)]
    like = next((each for each in others if same_policy(policy, each)), others[0] if others else {})
    return {**LIFETIMES, **like, **policy}


def _policy_words(policies: list[Any]) -> str:
    told = [
        ", ".join(f"{name} {value}" for name, value in each.items()) if isinstance(each, dict) else str(each)
        for each in policies
    ]
    return "; ".join(told) or "Azure's default"


def _refuse_impossible(planned: Json) -> None:
    """UserVpnError for authentication types that could not work with the rest."""
    name, found = planned.get("name"), configurations.properties(planned)
    protocols, types = items(planned, "vpnProtocols"), items(planned, "vpnAuthenticationTypes")
    tenant = found.get("aadAuthenticationParameters")
    if named(AAD, types) and protocols and not named(OPENVPN, protocols):
        raise UserVpnError(
            f"The User VPN configuration {name} would authenticate by AAD without OpenVPN, and Azure takes Microsoft "
            "Entra ID for OpenVPN only: add OpenVPN to protocols, or set authentication_types without AAD."
        )
    if named(AAD, types) and not (isinstance(tenant, dict) and tenant.get("aadTenant")):
        raise UserVpnError(
            f"The User VPN configuration {name} would authenticate by AAD without a tenant, an audience and an issuer; "
            "set these in the portal, or leave AAD out of authentication_types."
        )
    if named(RADIUS, types) and not configurations.radius_servers(planned):
        raise UserVpnError(
            f"The User VPN configuration {name} would authenticate by Radius without a RADIUS server; set one in the "
            "portal, or leave Radius out of authentication_types."
        )


def _plan_tags(planned: Json, wish: Settings) -> list[str]:
    if wish.tags is None:
        return []
    there = planned.get("tags")
    there = there if isinstance(there, dict) else {}
    spelling = {str(name).lower(): name for name in there}
    wanted = {spelling.get(name.lower(), name): value for name, value in wish.tags.items()}
    result = {**there, **wanted} if wish.append_tags else wanted
    changes = [f"set the tag {name} to {value}" for name, value in wanted.items() if there.get(name) != value]
    changes += [f"remove the tag {name}" for name in there if name not in result]
    if len(result) > _MOST_TAGS:
        raise UserVpnError(
            f"The User VPN configuration {planned.get('name')} would have {len(result)} tags; Azure takes {_MOST_TAGS}."
        )
    if changes:
        planned["tags"] = result
    return changes
