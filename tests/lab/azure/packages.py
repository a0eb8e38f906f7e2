# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package that a generated profile's URL leads to, made from the lab's state."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from ..packages import build_package, settings_xml
from .state import Profile, Resource

_AUTH = {"EAPTLS": "EAPTLS", "EAPMSCHAPv2": "EAPMSCHAPV2"}  # the file spells the second one in capitals


def build(
    profile: Profile,
    configuration: Resource,
    gateways: list[Resource],
    *,
    pools: list[str],
    authentication_method: str,
    when: datetime,
) -> bytes:
    """The ZIP, dated `when`. Two builds of one state differ in their times only, as Azure's do."""
    dns: list[str] = []
    for gateway in gateways:
        dns += [server for server in gateway.properties.get("customDnsServers", []) if server not in dns]
    roots = [root.public_bytes(Encoding.DER) for root in profile.roots]
    protocols = ",".join(configuration.properties.get("vpnProtocols", []))
    xml = settings_xml(
        roots,
        vpn_server=profile.vpn_server,
        generation=profile.generation,
        vpn_type=protocols,
        auth=_AUTH[authentication_method],
        routes=profile.routes,
        dns=dns,
        pool=pools,
        vnet_name=profile.vnet_name,
        vnet_id=profile.vnet_id,
        extra_elements=profile.extra_elements,
    )
    return build_package(roots, vpn_type=protocols, generation=profile.generation, xml=xml, when=when)
