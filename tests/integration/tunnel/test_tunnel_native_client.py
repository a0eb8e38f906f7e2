# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Mac's view of its tunnel: status, interface, DNS, routes, On Demand, and how a tunnel ends."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import SERVER, build_profile
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_views import wait_until
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.causes import PLUGIN_DOMAIN
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import Interface, NativeClient
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.on_demand import NetworkState


def install(mac: NativeClient, certificates: Certificates, **profile: Any) -> None:
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der], **profile))


def test_interface_shows_what_the_gateway_gave(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    gateway.change(routes=("10.20.0.0/16", "10.30.0.0/24"), dns_servers=("10.30.0.53",))
    install(mac, certificates, MTU=1300)
    assert mac.status() == "Disconnected"
    assert mac.interface() is None

    attempt = mac.connect()

    assert all(mac.ping(address) for address in gateway.inside_addresses)
    [client] = gateway.list_clients()
    assert attempt.interface == Interface(
        name="ipsec0",
        address=client.virtual_ip,
        mtu=1300,
        dns_servers=("10.30.0.53",),
        search_domains=(),
        match_domains=(),
        routes=("10.20.0.0/16", "10.30.0.0/24"),
        server_address="198.51.100.1",
    )
    assert mac.status() == "Connected"
    assert client.bytes_in > 0
    assert client.public_ip == "192.0.2.1"
    assert mac.connect() == attempt  # once more changes nothing
    assert len(gateway.list_clients()) == 1

    mac.disconnect()
    assert (mac.status(), mac.interface(), mac.why_down()) == ("Disconnected", None, None)
    assert not mac.ping("10.20.0.1", timeout=1)


def test_profiles_dns_goes_before_the_gateways(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    dns = {"DNSProtocol": "Cleartext", "ServerAddresses": ["10.20.0.9"], "SearchDomains": ["corp.example"]}
    install(mac, certificates, dns={**dns, "SupplementalMatchDomains": ["corp.example"]})
    interface = mac.connect().interface
    assert interface is not None
    assert interface.dns_servers == ("10.20.0.9",)
    assert interface.search_domains == interface.match_domains == ("corp.example",)


def test_all_traffic_when_the_gateway_announces_it(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    gateway.change(routes=("0.0.0.0/0",))
    install(mac, certificates)
    interface = mac.connect().interface
    assert interface is not None
    assert interface.routes == ("0.0.0.0/0",)
    assert mac.ping("10.20.0.4")


def test_server_certificate_of_another_name(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    alias = "azuregateway-lab.vpn.azure.com"
    gateway.change(other_names=(alias,))
    install(mac, certificates, RemoteAddress=alias, RemoteIdentifier=alias)
    assert mac.connect().failure is not None
    install(mac, certificates, RemoteAddress=alias, RemoteIdentifier=alias, ServerCertificateCommonName=SERVER)
    assert mac.connect().connected


def test_gateway_without_an_intermediate(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    gateway.change(gateway_issuer=certificates.gateway_root)
    install(mac, certificates)
    assert mac.connect().connected
    assert gateway.root == certificates.gateway_root.der


def test_profile_without_algorithms(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    """macOS then offers its own list, which holds group 14."""
    install(mac, certificates, IKESecurityAssociationParameters=None, ChildSecurityAssociationParameters=None)
    assert mac.connect().connected


def test_the_mac_signs_as_apples_client_does(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    """The classic AUTH method, PKCS#1 v1.5 with SHA-1: without SIGNATURE_HASH_ALGORITHMS there is no other."""
    mark = gateway.log_size()
    install(mac, certificates)
    mac.connect()
    log = "\n".join(gateway.log_since(mark))
    assert "authentication of 'mac1' with RSA signature successful" in log
    assert "HASH_ALG" not in log


def test_disconnected_by_the_gateway(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    install(mac, certificates)
    mac.connect()
    assert gateway.disconnect("nobody") == 0
    assert gateway.disconnect("mac1") == 1
    wait_until(lambda: mac.status() == "Disconnected")
    failure = mac.why_down()
    assert failure is not None
    assert (failure.domain, failure.code) == (PLUGIN_DOMAIN, 21)


def test_dead_gateway_is_noticed_by_dead_peer_detection(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    install(mac, certificates, DeadPeerDetectionRate="High")
    mac.minute = 1  # one minute of High is a second
    mac.connect()
    with gateway.silent():
        wait_until(lambda: mac.status() == "Disconnected", 15)
    failure = mac.why_down()
    assert failure is not None
    assert (failure.domain, failure.code) == (PLUGIN_DOMAIN, 20)


def test_on_demand(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    rules = [{"Action": "Disconnect", "SSIDMatch": ["Office"]}, {"Action": "Connect"}]
    home, office = NetworkState("WiFi", "Home"), NetworkState("WiFi", "Office")
    install(mac, certificates, OnDemandEnabled=0, OnDemandRules=rules)
    assert mac.network_changed(home) is None  # rules are there, and the user has not switched them on

    install(mac, certificates, OnDemandEnabled=1, OnDemandRules=rules)
    assert mac.traffic_to("intranet.corp.example", office) is None
    attempt = mac.network_changed(home)
    assert attempt is not None
    assert attempt.connected
    assert mac.network_changed(office) is None
    assert mac.status() == "Disconnected"


def test_removing_the_profile_ends_the_tunnel(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    install(mac, certificates)
    mac.connect()
    mac.remove()
    assert mac.status() == "Invalid"
    assert mac.interface() is None
    assert gateway.list_clients() == []
    with pytest.raises(TunnelLabError, match="no VPN profile"):
        mac.connect()


def test_several_macs_at_once(lab: TunnelLab, gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority

    second = lab.mac("mac2")
    client = authority.new_client(certificates.client_intermediate, "mac2")
    install(mac, certificates)
    second.install(build_profile(client, gateway_roots=[certificates.gateway_root.der], eap=True))
    try:
        one, other = mac.connect().interface, second.connect().interface
        assert one is not None
        assert other is not None
        assert one.address != other.address
        assert mac.ping("10.20.0.1")
        assert second.ping("10.20.0.1")
        connected = {client.identity: client for client in gateway.list_clients()}
        assert connected["mac1"].certificate_sha1 == certificates.client.sha1
        assert connected["mac2"].certificate_sha1 == client.sha1
        assert (connected["mac1"].virtual_ip, connected["mac2"].virtual_ip) == (one.address, other.address)
    finally:
        lab.remove_mac("mac2")
    assert [client.identity for client in gateway.list_clients()] == ["mac1"]
