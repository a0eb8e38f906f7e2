# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pool a certificate gets its address of, and by which names a gateway finds it."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import build_profile
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway, UserGroup
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

ADDRESS = "192.0.2.77"
GROUPS = (
    UserGroup("others", "10.3.0.0/24", priority=9, default=True),
    UserGroup("second", "10.2.0.0/24", priority=2, domains=("red.com", "red")),
    UserGroup("first", "10.1.0.0/24", priority=1, domains=("red.com",)),
)


@pytest.mark.parametrize(
    ("common_name", "whole_domain", "pool"),
    [
        ("mac1@red.com", True, "10.1.0.0/24"),
        ("mac1@red.com", False, "10.2.0.0/24"),
        ("RED\\mac1", True, "10.2.0.0/24"),
        ("mac1@green.com", True, "10.3.0.0/24"),
        ("mac1", True, "10.3.0.0/24"),
    ],
)
def test_the_pool_is_that_of_the_common_names_domain(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, *, common_name: str, whole_domain: bool, pool: str
) -> None:
    client = authority.new_client(certificates.client_root, common_name, sans=["mac1"], key=certificates.client.key)
    gateway.change(user_groups=GROUPS, whole_domain=whole_domain, known_clients=(client.der,))
    mac.install(build_profile(client, gateway_roots=[certificates.gateway_root.der], LocalIdentifier="mac1"))
    attempt = mac.connect()
    assert attempt.interface, attempt.failure
    assert ipaddress.ip_address(attempt.interface.address) in ipaddress.ip_network(pool)


def test_an_address_is_found_among_addresses_only(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    """A DNS name of the same letters is none: the Mac sends an address as one."""
    for name, connects in (
        (x509.IPAddress(ipaddress.ip_address(ADDRESS)), True),
        (x509.DNSName(ADDRESS), False),
        (x509.RFC822Name("mac1@red.com"), False),
    ):
        client = authority.new_client(certificates.client_root, ADDRESS, sans=[name], key=certificates.client.key)
        mac.install(build_profile(client, gateway_roots=[certificates.gateway_root.der], LocalIdentifier=ADDRESS))
        assert mac.connect().connected is connects
        mac.disconnect()
    assert gateway.list_clients() == []
