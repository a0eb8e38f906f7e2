# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mac_connection brings up a real tunnel over real ssh, and names the cause when a real gateway refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, build_profile
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab

IDENTIFIER = "example.vpn"  # of build_profile


@pytest.fixture
def macs(tmp_path: Path, lab: TunnelLab, gateway: Gateway) -> Iterator[Lab]:
    with Lab(tmp_path / "lab", tunnel=lab) as macs:
        yield macs


@pytest.fixture
def site(tmp_path: Path, macs: Lab, certificates: Certificates) -> Site:
    (tmp_path / "site").mkdir()
    return Site(tmp_path / "site", macs, [certificates.gateway_root.der])


def connection(site: Site, **arguments: Any) -> Run:
    task = {"vwan.user_vpn.mac_connection": {"identifier": IDENTIFIER, "via": "vpnutil", "timeout": 5, **arguments}}
    play = {"name": "Connect", "hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [task]}
    return site.play(playbook=site.playbook("connection.yml", [play]))


def install(mac: Mac, certificates: Certificates, **keys: Any) -> None:
    roots = keys.pop("gateway_roots", [certificates.gateway_root.der])
    mac.push_profile(build_profile(certificates.client, gateway_roots=roots, **keys))


def test_a_real_tunnel_up_and_down(site: Site, macs: Lab, gateway: Gateway, certificates: Certificates) -> None:
    mac = macs.add_mac("mac-anna", vpnutil=True)
    install(mac, certificates)
    up = connection(site)
    assert up.returncode == 0, up.output
    assert up.count("changed") == {"mac-anna": 1}
    [client] = gateway.list_clients()
    assert up.of("mac_connection")["address"] == client.virtual_ip
    assert connection(site).count("changed") == {"mac-anna": 0}
    down = connection(site, state="disconnected")
    assert down.returncode == 0, down.output
    assert gateway.list_clients() == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("policy", "the negotiation with the gateway failed"),
        ("LocalIdentifier", "the gateway refused the client's authentication"),
        ("revoked", "the gateway refused the client's authentication"),
        ("gateway root", "the Mac does not accept the gateway's certificate"),
        ("server address", "the name of the server could not be resolved"),
    ],
)
def test_the_message_names_the_cause(  # noqa: PLR0917
    site: Site, macs: Lab, gateway: Gateway, certificates: Certificates, what: str, said: str
) -> None:
    mac = macs.add_mac("mac-anna", vpnutil=True)
    keys: dict[str, Any] = {}
    if what == "policy":
        gateway.change(ipsec_policy=PAIRS["ecp384"].policy)
    elif what == "revoked":
        gateway.change(revoked=(certificates.client.sha1,), known_clients=(certificates.client.der,))
    elif what == "gateway root":
        keys = {"gateway_roots": [certificates.other_gateway_root.der]}
    else:
        keys = {"LocalIdentifier": "mac2"} if what == "LocalIdentifier" else {"RemoteAddress": "nowhere.vpn.azure.com"}
    install(mac, certificates, **keys)
    run = connection(site)
    assert said in run.of("mac_connection")["msg"], run.output
    assert gateway.list_clients() == []
    assert mac.refusals == []
