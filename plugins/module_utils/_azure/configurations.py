# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: User VPN configurations (vpnServerConfigurations), as Azure has them.

They are read as raw JSON, so that nothing depends on what the installed SDK knows of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .._errors import UserVpnError, shown
from .._mobileconfig.algorithms import DEFAULT_PAIR, PAIRS
from .._x509.text import bare, utc_text
from . import errors, groups, names
from .client import Azure
from .errors import AzureError
from .roots import Stored, from_azure

Json = dict[str, Any]

# What a Mac and a gateway can agree upon, in Azure's words: "About cryptographic requirements", P2S. macOS knows no
# Diffie-Hellman group 24 (Apple device-management, com.apple.vpn.managed); lifetimes are those of Azure's own default.
LIFETIMES: Json = {"saLifeTimeSeconds": 27000, "saDataSizeKilobytes": 102400000}
GOOD_POLICY: Json = {**LIFETIMES, **PAIRS[DEFAULT_PAIR].azure}
NAMED = 5  # roots in a sentence; Azure takes 20
_UNKNOWN_TO_MACS = {"dhGroup": "DHGroup24", "pfsGroup": "PFS24"}


def read(azure: Azure, resource_group: str, name: str) -> Json:
    """A configuration by its name in the resource group, or by its resource id."""
    if name.startswith("/"):
        _unused, resource_group, name = own_place(azure, name)
    what = f"read the User VPN configuration {name}"
    return _whole(azure.read(what, "vpn_server_configurations.get", resource_group, name), what)


def look(azure: Azure, resource_group: str, name: str) -> Json | None:
    """The same; None when there is none, in a resource group that there is."""
    try:
        return read(azure, resource_group, name)
    except AzureError as error:
        if error.status == 404 and error.code == "ResourceNotFound":
            return None
        raise


def own_place(azure: Azure, resource_id: str) -> names.ResourceName:
    """The parts of a configuration's id; UserVpnError when it lies in a subscription that was not signed in to."""
    where = names.parse(resource_id)
    if where.subscription.lower() != azure.subscription.lower():
        raise UserVpnError(
            f"The User VPN configuration {where.name} lies in another subscription ({where.subscription}); "
            "set subscription_id."
        )
    return where


def find(azure: Azure, resource_group: str, virtual_wan: str = "", name: str = "", gateway: str = "") -> Json:
    """The one configuration that is meant: by its own name or id, of a P2S VPN gateway, or of a Virtual WAN.

    UserVpnError when the gateways of the Virtual WAN use none, or several.
    """
    if gateway:
        return of_gateway(azure, resource_group, gateway)
    if name:
        return read(azure, resource_group, name)
    found = ids_in_use(azure, resource_group, virtual_wan)
    if len(found) == 1:
        return read(azure, resource_group, found[0])
    if not found:
        raise UserVpnError(
            f"No hub of the Virtual WAN {virtual_wan} uses a User VPN configuration yet: create a P2S VPN "
            "gateway with one in a hub, or name the configuration in vpn_server_configuration."
        )
    raise UserVpnError(
        f"The Virtual WAN {virtual_wan} has {len(found)} User VPN configurations in use; name one in "
        f"vpn_server_configuration: {', '.join(names.last(value) for value in found)}."
    )


def of_gateway(azure: Azure, resource_group: str, gateway: str) -> Json:
    """The configuration of a P2S VPN gateway."""
    found = reference(read_gateway(azure, resource_group, gateway), "vpnServerConfiguration")
    if not found:
        raise UserVpnError(f"The P2S VPN gateway {gateway} has no User VPN configuration; give it one in Azure.")
    return read(azure, resource_group, found)


def ids_in_use(azure: Azure, resource_group: str, virtual_wan: str) -> list[str]:
    """The ids of the configurations that the P2S VPN gateways of a Virtual WAN use, by name."""
    what = f"list the User VPN configurations of the Virtual WAN {virtual_wan}"
    answer = azure.run(
        what,
        "vpn_server_configurations_associated_with_virtual_wan.begin_list",
        resource_group,
        virtual_wan,
    )
    ids = answer.get("vpnServerConfigurationResourceIds") if isinstance(answer, dict) else None
    if not isinstance(ids or [], list):
        raise errors.unexpected(what)
    for value in ids or []:
        names.parse(value)
    return sorted({str(value) for value in ids or []}, key=str.lower)


def read_all(azure: Azure, resource_group: str) -> list[Json]:
    """Every configuration of a resource group, by name."""
    found = azure.list(
        f"list the User VPN configurations of {resource_group}",
        "vpn_server_configurations.list_by_resource_group",
        resource_group,
    )
    return sorted(found, key=lambda item: str(item.get("name")).lower())


def read_gateway(azure: Azure, resource_group: str, name: str) -> Json:
    what = f"read the P2S VPN gateway {name}"
    return _whole(azure.read(what, "p2_svpn_gateways.get", resource_group, name), what)


def gateways(azure: Azure, resource: Json) -> list[Json]:
    """The P2S VPN gateways that use a configuration, summed up."""
    return [gateway_summary(gateway) for gateway in own_gateways(azure, resource)]


def own_gateways(azure: Azure, resource: Json) -> list[Json]:
    """The P2S VPN gateways that use a configuration."""
    found = (names.parse(gateway_id) for gateway_id in gateway_ids(resource))
    return [read_gateway(azure, where.group, where.name) for where in found]


def _whole(resource: Json, what: str) -> Json:
    """The resource, if it has an id and properties: what is read may be put back, and then half of it would be lost."""
    names.parse(resource.get("id"))
    if not isinstance(resource.get("properties"), dict):
        raise errors.unexpected(what)
    return resource


def properties(resource: Json) -> Json:
    found = resource.get("properties")
    return found if isinstance(found, dict) else {}


def items(resource: Json, name: str) -> list[Any]:
    """A list property; a missing one, and null, are empty."""
    found = properties(resource).get(name)
    return found if isinstance(found, list) else []


def named(value: str, among: list[Any]) -> bool:
    """Whether it is one of these words of Azure's, whose case may vary."""
    return value.lower() in (str(each).lower() for each in among)


def gateway_ids(resource: Json) -> list[str]:
    """The P2S VPN gateways that use the configuration."""
    return sorted(
        str(item["id"]) for item in items(resource, "p2SVpnGateways") if isinstance(item, dict) and item.get("id")
    )


def assess(resource: Json) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Problems (no Mac can connect) and advice (some may not), a sentence each."""
    name = resource.get("name")
    problems = []
    protocols, types = items(resource, "vpnProtocols"), items(resource, "vpnAuthenticationTypes")
    if protocols and not named("IkeV2", protocols):
        problems.append(
            f"The User VPN configuration {name} allows {', '.join(map(str, protocols))} only, but a Mac's own VPN "
            "client speaks IKEv2: add IKEv2 to its tunnel types, then download the package again."
        )
    if types and not named("Certificate", types):
        problems.append(
            f"The User VPN configuration {name} authenticates by {', '.join(map(str, types))} only: add Azure "
            "certificate to its authentication methods, then download the package again."
        )
    advice = _policy_advice(resource)
    if named("Certificate", types) and len(types) > 1 and (not protocols or named("IkeV2", protocols)):
        advice += (
            f"The User VPN configuration {name} authenticates by {', '.join(map(str, types))}, and Azure takes several "
            "types for OpenVPN only: if Macs are refused, let it authenticate by Azure certificate alone, and give the "
            "others a configuration of their own.",
        )
    return tuple(problems), advice


def without_root(resource: Json, now: datetime) -> str:
    """What is wrong with the trusted roots, if no certificate can be accepted; empty otherwise."""
    types = items(resource, "vpnAuthenticationTypes")
    found = [from_azure(item) for item in items(resource, "vpnClientRootCertificates")]
    if (types and not named("Certificate", types)) or any(root.status(now) == "ok" for root in found):
        return ""
    listed = ", ".join(f"{shown(root.name)} is {root.status(now)}" for root in found[:NAMED])
    why = f"no root with which a client could sign in: {listed}" if found else "no root"
    return (
        f"The User VPN configuration {resource.get('name')} trusts {why}. Nobody can connect with a certificate until "
        "it trusts the root of the clients' certificates: add that with server_configuration, or in the portal."
    )


def _policy_advice(resource: Json) -> tuple[str, ...]:
    name, policies = resource.get("name"), items(resource, "vpnClientIpsecPolicies")
    policy = ", ".join(f"{key} {value}" for key, value in GOOD_POLICY.items())
    cure = (
        "set this custom IPsec policy, with server_configuration or in the portal, which serves Macs with a profile: "
        f"{policy}"
    )
    if not policies:
        return (
            f"The User VPN configuration {name} has Azure's default IPsec policy, which is documented with DHGroup24 "
            "and PFS24; no Mac knows that group, and whether gateways accept another is not documented. To be sure, "
            f"{cure}.",
        )
    if any(_mac_knows(policy) for policy in policies):
        return ()
    return (
        f"The IPsec policy of the User VPN configuration {name} asks for DHGroup24 or PFS24, which no Mac knows: "
        f"{cure}.",
    )


def _mac_knows(policy: Any) -> bool:
    return isinstance(policy, dict) and all(policy.get(key) != value for key, value in _UNKNOWN_TO_MACS.items())


def summary(resource: Json, gateways: list[Json], now: datetime) -> Json:
    """What the info module returns of a configuration. RADIUS secrets are left out by naming what goes in."""
    problems, advice = assess(resource)
    rootless = without_root(resource, now)
    problems += (rootless,) if rootless else ()
    policies = items(resource, "vpnClientIpsecPolicies")
    where = names.parse(resource.get("id"))
    return {
        "id": str(resource.get("id")),
        "name": str(resource.get("name") or where.name),
        "resource_group": where.group,
        "location": resource.get("location"),
        "tags": resource.get("tags") or {},
        "provisioning_state": properties(resource).get("provisioningState"),
        "vpn_protocols": items(resource, "vpnProtocols"),
        "vpn_authentication_types": items(resource, "vpnAuthenticationTypes"),
        "ipsec_policies": policies,
        "ipsec_policy": next((policy for policy in policies if _mac_knows(policy)), policies[0] if policies else None),
        "roots": roots(resource, now),
        "revoked": revoked(resource),
        "radius_servers": radius_servers(resource),
        "user_groups": groups.summary(resource),
        "gateways": gateways,
        "usable_by_macs": not problems,
        "problems": list(problems),
        "advice": list(advice),
    }


def roots(resource: Json, now: datetime) -> list[Json]:
    """The trusted roots, in Azure's order. `status` is ok, expired, broken or unreadable."""
    return [root_summary(from_azure(item), now) for item in items(resource, "vpnClientRootCertificates")]


def root_summary(stored: Stored, now: datetime) -> Json:
    known = stored.certificate
    return {
        "name": stored.name,
        "status": stored.status(now),
        "subject": known.subject if known else None,
        "sha1": known.sha1 if known else None,
        "sha256": known.sha256 if known else None,
        "not_after": utc_text(known.not_after) if known else None,
        "public_cert_data": known.public_cert_data if known else None,
    }


def revoked(resource: Json) -> list[Json]:
    found = [item for item in items(resource, "vpnClientRevokedCertificates") if isinstance(item, dict)]
    return [{"name": item.get("name"), "thumbprint": bare(str(item.get("thumbprint") or ""))} for item in found]


def radius_servers(resource: Json) -> list[str]:
    addresses = [item.get("radiusServerAddress") for item in items(resource, "radiusServers") if isinstance(item, dict)]
    return [str(address) for address in [properties(resource).get("radiusServerAddress"), *addresses] if address]


def gateway_summary(gateway: Json) -> Json:
    """A P2S VPN gateway, as far as clients are concerned."""
    where = names.parse(gateway.get("id"))
    connections = groups.pools(gateway)
    return {
        "id": str(gateway.get("id")),
        "name": str(gateway.get("name") or where.name),
        "resource_group": where.group,
        "location": gateway.get("location"),
        "provisioning_state": properties(gateway).get("provisioningState"),
        "hub_id": reference(gateway, "virtualHub"),
        "hub": names.last(reference(gateway, "virtualHub")),
        "vpn_server_configuration_id": reference(gateway, "vpnServerConfiguration"),
        "client_address_pools": [pool for connection in connections for pool in connection["address_pools"]],
        "connection_configurations": connections,
        "enable_internet_security": _internet_security(gateway),
        "dns_servers": items(gateway, "customDnsServers"),
    }


def _internet_security(gateway: Json) -> bool | None:
    """Whether all clients may use the hub's way to the internet; None where Azure does not say."""
    found = [properties(item) for item in items(gateway, "p2SConnectionConfigurations") if isinstance(item, dict)]
    flags = [each.get("enableInternetSecurity") for each in found]
    return all(flags) if flags and None not in flags else None


def reference(resource: Json, name: str) -> str:
    """The id in a property of the form {"id": ...}; an empty string when there is none."""
    found = properties(resource).get(name)
    return str(found.get("id") or "") if isinstance(found, dict) else ""
