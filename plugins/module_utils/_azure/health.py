# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: who is connected, as far as Azure tells.

The health of a P2S VPN gateway has a count, bytes, and addresses. It names no user and no certificate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from . import configurations, errors, names
from .client import Azure
from .configurations import Json


def gateways(azure: Azure, resource_group: str, name: str = "") -> list[Json]:
    """One P2S VPN gateway, or all of a resource group by name."""
    if name:
        return [configurations.read_gateway(azure, resource_group, name)]
    found = azure.list(
        f"list the P2S VPN gateways of {resource_group}", "p2_svpn_gateways.list_by_resource_group", resource_group
    )
    return sorted(found, key=lambda item: str(item.get("name")).lower())


def read(azure: Azure, gateway: Json) -> Json:
    """The gateway's summary with its connections now."""
    where = names.parse(gateway.get("id"))
    what = f"count the connections of the P2S VPN gateway {where.name}"
    answer = azure.run(
        what,
        "p2_svpn_gateways.begin_get_p2_s_vpn_connection_health",
        where.group,
        where.name,
    )
    health: Any = (
        configurations.properties(answer).get("vpnClientConnectionHealth") if isinstance(answer, dict) else None
    )
    health = health if isinstance(health, dict) else {}
    addresses = health.get("allocatedIpAddresses")
    return {
        **configurations.gateway_summary(gateway),
        "connections": _count(health, "vpnClientConnectionsCount", what),
        "addresses": sorted(map(str, addresses)) if isinstance(addresses, list) else [],
        "ingress_bytes": _count(health, "totalIngressBytesTransferred", what),
        "egress_bytes": _count(health, "totalEgressBytesTransferred", what),
    }


def totals(gateways: Iterable[Json]) -> Json:
    """What these summaries have together: the number of connections, and the addresses of all clients."""
    found = list(gateways)
    return {
        "connections": sum(gateway["connections"] for gateway in found),
        "addresses": sorted({address for gateway in found for address in gateway["addresses"]}),
    }


def _count(health: Json, name: str, what: str) -> int:
    """A number, also one in quotes; a missing one is 0."""
    value = str(health.get(name) or 0)
    if not re.fullmatch("[0-9]{1,18}", value):
        raise errors.unexpected(what)
    return int(value)
