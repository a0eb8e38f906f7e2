# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the lab's real gateway the P2S VPN gateway of the lab's Azure: it obeys its configuration, Azure counts its
clients."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

from cryptography import x509

from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Client, Resource
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.algorithms import VIRTUAL_WAN_DEFAULT
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway, UserGroup


def join(
    gateway: Gateway,
    resource: Resource,
    configuration: Resource,
    known_clients: Callable[[], Iterable[bytes]] = tuple,
) -> None:
    """From now on a change of the User VPN `configuration` reaches the gateway as soon as Azure has accepted it.

    known_clients: certificates (DER) that may be revoked, besides those the gateway has seen (see revocation.py).
    """

    def obey() -> None:
        properties = configuration.properties
        if properties.get("provisioningState", "Succeeded") != "Succeeded":
            return
        policies = properties.get("vpnClientIpsecPolicies") or [VIRTUAL_WAN_DEFAULT]
        roots = properties.get("vpnClientRootCertificates") or []
        revoked = properties.get("vpnClientRevokedCertificates") or []
        groups = user_groups(resource, configuration)
        gateway.change(
            client_roots=tuple(base64.b64decode(root["publicCertData"]) for root in roots),
            revoked=tuple(entry["thumbprint"] for entry in revoked),
            known_clients=tuple(known_clients()),
            ipsec_policy=policies[0],
            user_groups=groups,
        )

    def count() -> list[Client]:
        names = {
            authority.thumbprint(der): authority.common_name(x509.load_der_x509_certificate(der).subject)
            for der in known_clients()
        }
        return [
            Client(
                client.virtual_ip, f"IKE_{client.unique_id}", client.bytes_in, client.bytes_out,
                user_name=names.get(client.certificate_sha1 or "", client.identity),
                public_address=client.public_ip,
            )
            for client in gateway.list_clients()
        ]  # fmt: skip

    configuration.changed = obey
    resource.count_clients = count
    resource.end_client = lambda connection_id: gateway.end(connection_id.removeprefix("IKE_"))
    obey()


def user_groups(resource: Resource, configuration: Resource) -> tuple[UserGroup, ...]:
    """As the configuration has them, with the pools of the gateway's connection configurations."""
    pools = {
        association["id"].rpartition("/")[2]: connection["properties"]["vpnClientAddressPool"]["addressPrefixes"][0]
        for connection in resource.properties["p2SConnectionConfigurations"]
        for association in connection["properties"].get("configurationPolicyGroupAssociations", ())
    }
    return tuple(
        UserGroup(
            name=group["name"],
            address_pool=pools[group["name"]],
            priority=group["properties"]["priority"],
            domains=tuple(
                member["attributeValue"]
                for member in group["properties"]["policyMembers"]
                if member["attributeType"] == "CertificateGroupId"
            ),
            default=group["properties"]["isDefault"],
        )
        for group in configuration.properties.get("configurationPolicyGroups") or ()
        if group["name"] in pools
    )
