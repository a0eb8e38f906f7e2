# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tunnel lab for all tests: one gateway, one Mac, one set of keys. Each test gets them back as new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, SERVER
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority, requirements
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Description, Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

# Where no tunnel can be made its tests are not collected, and test_tunnel_requirements.py says why: once, not for each.
WHY_NOT = requirements.missing()
NEED_NO_TUNNEL = {"test_tunnel_profile.py", "test_tunnel_requirements.py"}
collect_ignore = (
    [str(path) for path in Path(__file__).parent.glob("test_*.py") if path.name not in NEED_NO_TUNNEL]
    if WHY_NOT
    else []
)


@dataclass(frozen=True)
class Certificates:
    """The certificates of the tests. Making RSA keys takes longer than a handshake, so they are made once."""

    gateway_root: Identity
    other_gateway_root: Identity
    gateway_issuer: Identity
    client_root: Identity
    client_intermediate: Identity
    client: Identity
    client_below_intermediate: Identity


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    gateway_root = authority.new_root("Gateway Root G2")
    client_root = authority.new_root("P2SRootCert")
    client_intermediate = authority.new_intermediate(client_root, "P2S Issuing CA")
    return Certificates(
        gateway_root=gateway_root,
        other_gateway_root=authority.new_root("Gateway Root CA"),
        gateway_issuer=authority.new_intermediate(gateway_root, "Gateway Issuing CA"),
        client_root=client_root,
        client_intermediate=client_intermediate,
        client=authority.new_client(client_root, "mac1"),
        client_below_intermediate=authority.new_client(client_intermediate, "mac1"),
    )


@pytest.fixture(scope="session")
def lab() -> Iterator[TunnelLab]:
    with TunnelLab() as lab:
        yield lab


@pytest.fixture(scope="session")
def description(certificates: Certificates) -> Description:
    return Description(
        server_name=SERVER,
        gateway_issuer=certificates.gateway_issuer,
        client_roots=(certificates.client_root.der,),
        ipsec_policy=PAIRS["modp2048"].policy,
    )


@pytest.fixture(scope="session")
def _running(lab: TunnelLab, description: Description) -> tuple[Gateway, NativeClient]:
    return lab.gateway(description), lab.mac("mac1")


@pytest.fixture
def gateway(_running: tuple[Gateway, NativeClient], description: Description) -> Gateway:
    gateway, _unused = _running
    if gateway.description != description:
        gateway.change(**vars(description))
    return gateway


@pytest.fixture
def mac(_running: tuple[Gateway, NativeClient], gateway: Gateway) -> Iterator[NativeClient]:
    _unused, mac = _running
    mac.minute = 60
    mac.sends_intermediates = True
    yield mac
    mac.remove()
