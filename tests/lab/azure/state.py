# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's subscription holds: resource groups, virtual WANs, hubs, User VPN configurations, gateways, clients.

Properties are kept in the wire's own names, as the service stores them. Lookups ignore case, as ARM does.
"""

from __future__ import annotations

import copy
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509

if TYPE_CHECKING:
    from .operations import Operation

# Canonical spelling of the resource types that the lab knows, by their lower-case form.
KINDS = {kind.lower(): kind for kind in ("virtualWans", "virtualHubs", "vpnServerConfigurations", "p2sVpnGateways")}


def new_etag() -> str:
    return f'W/"{uuid.uuid4()}"'


@dataclass
class Profile:
    """What only a generated package shows of a gateway, or of a WAN: see VpnSettings.xml."""

    vpn_server: str
    roots: list[x509.Certificate] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    vnet_name: str = ""
    vnet_id: str = ""
    extra_elements: dict[str, str] = field(default_factory=dict)
    generation: int = 2


@dataclass
class Client:
    """One connected VPN client, as the gateway's health counts it."""

    address: str
    connection_id: str
    ingress_bytes: int = 0
    egress_bytes: int = 0
    user_name: str = ""  # of its certificate
    public_address: str = "203.0.113.7:54192"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Resource:
    """One ARM resource. `properties` may be changed by a test at any time; `touch()` then moves the etag."""

    id: str
    kind: str
    name: str
    resource_group: str
    location: str
    properties: dict[str, Any]
    tags: dict[str, str] | None = None
    etag: str = field(default_factory=new_etag)
    profile: Profile | None = None
    clients: list[Client] = field(default_factory=list)
    operation: Operation | None = None
    # What a real gateway of the lab does with its resources (tests/lab/tunnel/azure.py).
    changed: Callable[[], None] | None = None
    count_clients: Callable[[], list[Client]] | None = None
    end_client: Callable[[str], None] | None = None

    def touch(self) -> None:
        """Make a new version, as any change in Azure does (a colleague in the portal, for example)."""
        self.etag = new_etag()
        if self.changed:
            self.changed()

    def document(self) -> dict[str, Any]:
        """The resource as a GET shows it, before anything is hidden. Member order as in recorded answers."""
        shown: dict[str, Any] = {
            "name": self.name,
            "id": self.id,
            "etag": self.etag,
            "type": f"Microsoft.Network/{self.kind}",
            "location": self.location,
        }
        if self.tags is not None:
            shown["tags"] = dict(self.tags)
        shown["properties"] = copy.deepcopy(self.properties)
        return shown


@dataclass
class Group:
    name: str
    location: str


class Subscription:
    """The lab's only subscription."""

    def __init__(self, subscription_id: str) -> None:
        self.id = subscription_id
        self.groups: dict[str, Group] = {}
        self.resources: dict[tuple[str, str, str], Resource] = {}

    def group(self, name: str) -> Group | None:
        return self.groups.get(name.lower())

    def add_group(self, name: str, location: str) -> Group:
        return self.groups.setdefault(name.lower(), Group(name, location))

    def add(self, kind: str, group: str, name: str, location: str, properties: dict[str, Any]) -> Resource:
        resource = Resource(self.id_of(kind, group, name), kind, name, group, location, properties)
        self.resources[(kind.lower(), group.lower(), name.lower())] = resource
        return resource

    def get(self, kind: str, group: str, name: str) -> Resource | None:
        return self.resources.get((kind.lower(), group.lower(), name.lower()))

    def remove(self, resource: Resource) -> None:
        del self.resources[(resource.kind.lower(), resource.resource_group.lower(), resource.name.lower())]

    def of_kind(self, kind: str, group: str | None = None) -> list[Resource]:
        return [
            resource
            for resource in self.resources.values()
            if resource.kind.lower() == kind.lower()
            and (group is None or resource.resource_group.lower() == group.lower())
        ]

    def by_id(self, resource_id: str) -> Resource | None:
        for resource in self.resources.values():
            if resource.id.lower() == resource_id.lower():
                return resource
        return None

    def id_of(self, kind: str, group: str, name: str) -> str:
        return f"/subscriptions/{self.id}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{name}"

    def hubs_of(self, wan: Resource) -> list[Resource]:
        return [hub for hub in self.of_kind("virtualHubs") if _refers(hub, "virtualWan", wan)]

    def gateways_of_wan(self, wan: Resource) -> list[Resource]:
        hubs = self.hubs_of(wan)
        gateways = self.of_kind("p2sVpnGateways")
        return [gateway for gateway in gateways if any(_refers(gateway, "virtualHub", hub) for hub in hubs)]

    def gateways_using(self, configuration: Resource) -> list[Resource]:
        gateways = self.of_kind("p2sVpnGateways")
        return [gateway for gateway in gateways if _refers(gateway, "vpnServerConfiguration", configuration)]

    def configuration_of(self, gateway: Resource) -> Resource | None:
        return self.by_id(gateway.properties.get("vpnServerConfiguration", {}).get("id", ""))


def random_label(length: int) -> str:
    """A DNS label of the kind that Azure makes up for a WAN or hub name."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _unused in range(length))


def _refers(resource: Resource, member: str, target: Resource) -> bool:
    reference = resource.properties.get(member) or {}
    return str(reference.get("id", "")).lower() == target.id.lower()
