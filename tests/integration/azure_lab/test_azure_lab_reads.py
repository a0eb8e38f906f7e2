# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the lab's subscription with the SDK, and ARM's answers to requests that do not fit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab

ROOT = "/resourceGroups/rg-vpn/providers/Microsoft.Network"


def base(azure: AzureLab) -> str:
    return f"/subscriptions/{azure.subscription_id}"


def test_list_and_get(world: SimpleNamespace, sdk: Any) -> None:
    configurations = sdk.vpn_server_configurations
    assert [item.name for item in configurations.list_by_resource_group("RG-VPN")] == ["config1", "config2"]
    assert [item.name for item in configurations.list()] == ["config1", "config2"]
    found = configurations.get("rg-vpn", "CONFIG1")
    assert (found.id, found.etag, found.location) == (world.used.id, world.used.etag, "westeurope")
    assert [str(getattr(item, "value", item)) for item in found.vpn_protocols] == ["IkeV2"]
    assert found.vpn_client_root_certificates[0].public_cert_data.startswith("MII")
    assert found.vpn_client_revoked_certificates[0].thumbprint == "A" * 40
    assert [gateway.name for gateway in sdk.p2_svpn_gateways.list()] == ["gw1", "gw2"]
    gateway = sdk.p2_svpn_gateways.get("rg-vpn", "gw1")
    assert gateway.custom_dns_servers == ["10.20.0.4"]
    assert gateway.vpn_server_configuration.id == world.used.id
    pool = gateway.p2_s_connection_configurations[0].vpn_client_address_pool
    assert pool.address_prefixes == ["172.31.1.0/24"]
    assert sdk.virtual_wans.get("rg-vpn", "wan1").provisioning_state == "Succeeded"
    assert [hub.name for hub in sdk.virtual_hubs.list_by_resource_group("rg-vpn")] == ["hub1", "hub2"]
    assert world.azure.writes == []


def test_pages(world: SimpleNamespace, sdk: Any) -> None:
    world.azure.arm.page_size = 1
    names = [item.name for item in sdk.vpn_server_configurations.list_by_resource_group("rg-vpn")]
    assert names == ["config1", "config2"]
    assert len(world.azure.arm_requests) == 2


def test_the_wan_names_the_configurations_in_use(world: SimpleNamespace, sdk: Any) -> None:
    poller = sdk.vpn_server_configurations_associated_with_virtual_wan.begin_list("rg-vpn", "wan1")
    assert poller.result().vpn_server_configuration_resource_ids == [world.used.id]
    assert world.azure.writes == []


def test_health_counts_clients_without_names(world: SimpleNamespace, sdk: Any) -> None:
    gateway = world.gateways[0]
    world.azure.connect_client(gateway, "172.31.1.5", ingress_bytes=10, egress_bytes=20)
    leaving = world.azure.connect_client(gateway, "172.31.1.6", ingress_bytes=1, egress_bytes=2)
    health = sdk.p2_svpn_gateways.begin_get_p2_s_vpn_connection_health("rg-vpn", "gw1").result()
    health = health.vpn_client_connection_health
    assert health.vpn_client_connections_count == 2
    assert health.allocated_ip_addresses == ["172.31.1.5", "172.31.1.6"]
    assert (health.total_ingress_bytes_transferred, health.total_egress_bytes_transferred) == (11, 22)
    models = pytest.importorskip("azure.mgmt.network.models")
    request = models.P2SVpnConnectionRequest(vpn_connection_ids=[leaving.connection_id])
    sdk.p2_svpn_gateways.begin_disconnect_p2_s_vpn_connections("rg-vpn", "gw1", request).result()
    assert [client.address for client in gateway.clients] == ["172.31.1.5"]
    assert [record.method for record in world.azure.writes] == ["POST"]


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        (f"{ROOT}/vpnServerConfigurations/config1", None, (400, "MissingApiVersionParameter")),
        (f"{ROOT}/vpnServerConfigurations/config1", "soon", (400, "InvalidApiVersionParameter")),
        (f"{ROOT}/vpnServerConfigurations/config1", "2018-01-01", (400, "NoRegisteredProviderFound")),
        (f"{ROOT}/vpnServerConfigurations/nobody", "2024-05-01", (404, "ResourceNotFound")),
        (
            "/resourceGroups/rg-x/providers/Microsoft.Network/virtualWans/w",
            "2024-05-01",
            (404, "ResourceGroupNotFound"),
        ),
        (f"{ROOT}/vpnThings", "2024-05-01", (404, "InvalidResourceType")),
        ("/resourceGroups/rg-vpn/providers/Contoso.Things/vpns/a", "2024-05-01", (404, "InvalidResourceNamespace")),
        ("/providers/Microsoft.Network/locations/westeurope/operations/none", "2024-05-01", (404, "OperationNotFound")),
        (f"{ROOT}/virtualWans/wan1/generateVpnProfile", "2024-05-01", (405, "HttpMethodNotSupported")),
        (f"{ROOT}/virtualWans/wan1/unheardOf", "2024-05-01", (501, "LabNotModelled")),
        ("//", "2024-05-01", (404, "InvalidResourceType")),
    ],
)
@pytest.mark.usefixtures("world")
def test_requests_that_do_not_fit(azure: AzureLab, raw: Any, path: str, version: str | None, expected: Any) -> None:
    found, content, _headers = raw("GET", base(azure) + path, version=version)
    assert (found, content["error"]["code"]) == expected


def test_subscriptions(azure: AzureLab, raw: Any) -> None:
    status, content, _headers = raw("GET", base(azure).upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert (status, content["state"]) == (200, "Enabled")
    status, content, _headers = raw("GET", "/subscriptions/00000000-0000-0000-0000-000000000001")
    assert (status, content["error"]["code"]) == (404, "SubscriptionNotFound")
    status, content, _headers = raw("GET", "/subscriptions/mine")
    assert (status, content["error"]["code"]) == (400, "InvalidSubscriptionId")
    status, content, _headers = raw("GET", base(azure) + "/resourcegroups/RG-VPN")
    assert (status, content["name"]) == (200, "rg-vpn")


def test_permissions(world: SimpleNamespace, sdk: Any) -> None:
    """Each call needs its own action; a poll needs one too."""
    core = pytest.importorskip("azure.core.exceptions")
    azure = world.azure
    azure.grant("Microsoft.Network/vpnServerConfigurations/read")
    sdk.vpn_server_configurations.get("rg-vpn", "config1")
    with pytest.raises(core.HttpResponseError, match=r"Microsoft.Network/virtualWans/read") as refused:
        sdk.virtual_wans.get("rg-vpn", "wan1")
    assert (refused.value.status_code, refused.value.error.code) == (403, "AuthorizationFailed")
    health = "Microsoft.Network/p2sVpnGateways/getP2SVpnConnectionHealth/action"
    azure.grant(health)
    with pytest.raises(core.HttpResponseError, match=r"Microsoft.Network/locations/operations/read"):
        sdk.p2_svpn_gateways.begin_get_p2_s_vpn_connection_health("rg-vpn", "gw1").result()
    azure.grant(health, "Microsoft.Network/locations/*/read")
    sdk.p2_svpn_gateways.begin_get_p2_s_vpn_connection_health("rg-vpn", "gw1").result()
