# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every real failure stands in the Mac's log as macOS words it, and the gateway's log has the cause.

Asked over real ssh: vpnutil starts the service, `log show` tells what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, build_profile
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_views import wait_until
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.on_demand import NetworkState

# What jim-lake/VPNStatus (NE_PRIVATE_VPN.md) and trailofbits/algo#14844 show for these causes, in words.
REFUSED = (
    "Plugin initiated",
    "The operation couldn\u2019t be completed. (IKEv2ProviderDisconnectionErrorDomain error 3.)",
)
NEGOTIATION = ("Negotiation with the server failed", "The VPN protocol negotiation with the VPN server failed.")
CERTIFICATE = ("Server certificate is invalid", "The VPN server certificate is invalid.")
ADDRESS = (
    "Failed to resolve the server address",
    "The VPN server hostname could not be resolved to an IP address.",
)
SILENT = ("Server is not responding", "The VPN server is not responding.")
ENDED = ("Tunnel was terminated by the server", "The VPN session was aborted by the VPN server.")


@pytest.fixture
def macs(tmp_path: Path, lab: TunnelLab, gateway: Gateway) -> Iterator[Lab]:
    with Lab(tmp_path / "lab", tunnel=lab) as macs:
        yield macs


@pytest.fixture
def mac(macs: Lab) -> Mac:
    return macs.add_mac("mac-anna", vpnutil=True)


def start(mac: Mac) -> str:
    """Start the service as an administrator would; the answer of `vpnutil status` when it has settled."""
    command = "sudo -n /opt/homebrew/bin/vpnutil {} Lab"
    assert mac.lab.ssh(mac, command.format("start")).returncode == 0
    assert mac.service
    mac.service.settle()
    return mac.lab.ssh(mac, command.format("status")).stdout.decode().strip()


def log(mac: Mac) -> str:
    command = """sudo -n log show --last 5m --predicate 'subsystem == "com.apple.networkextension"'"""
    return mac.lab.ssh(mac, command).stdout.decode()


def assert_said(mac: Mac, said: tuple[str, str]) -> None:
    text = log(mac)
    assert f"status changed to disconnected, last stop reason {said[0]}\n" in text
    assert f'Last disconnect error for Lab changed from "none" to "{said[1]}"\n' in text
    assert mac.faults == []
    assert mac.refusals == []


@pytest.mark.parametrize("eap", [False, True], ids=["certificate", "eap-tls"])
@pytest.mark.parametrize(
    ("what", "said", "cause"),
    [
        ("mismatched policy", NEGOTIATION, "policy_mismatch"),
        ("unknown root", REFUSED, "unknown_root"),
        ("revoked client", REFUSED, "revoked"),
        ("expired client", REFUSED, "expired"),
        ("wrong LocalIdentifier", REFUSED, "wrong_identity"),
        ("wrong server name", CERTIFICATE, None),
        ("unknown gateway root", CERTIFICATE, None),
        ("no such server", ADDRESS, None),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and " " in value else "",
)
def test_failure(
    gateway: Gateway,
    mac: Mac,
    certificates: Certificates,
    *,
    what: str,
    said: tuple[str, str],
    cause: str | None,
    eap: bool,
) -> None:
    client, roots, keys = certificates.client, [certificates.gateway_root.der], dict[str, Any]()
    if what == "mismatched policy":
        gateway.change(ipsec_policy=PAIRS["ecp384"].policy)
    elif what == "unknown root":
        client = authority.new_client(authority.new_root("P2SRootCert"), "mac1")
    elif what == "revoked client":
        gateway.change(revoked=(client.sha1,), known_clients=(client.der,))
    elif what == "expired client":
        client = authority.new_client(certificates.client_root, "mac1", start=-30, days=29)
    elif what == "wrong LocalIdentifier":
        keys = {"LocalIdentifier": "mac2"}
    elif what == "wrong server name":
        keys = {"RemoteIdentifier": "hub1.lab.vpn.azure.com"}
    elif what == "unknown gateway root":
        roots = [certificates.other_gateway_root.der]
    else:
        keys = {"RemoteAddress": "nowhere.vpn.azure.com"}
    mac.push_profile(build_profile(client, gateway_roots=roots, eap=eap, **keys))
    mark = gateway.log_size()

    assert start(mac) == "Lab Disconnected"

    assert_said(mac, said)
    refusal = gateway.refusal_since(mark)
    assert (refusal.cause if refusal else None) == cause
    assert "ESTABLISHED" not in gateway.swanctl("--list-sas")
    assert mac.tunnel is None


def install(mac: Mac, certificates: Certificates, **profile: Any) -> None:
    mac.push_profile(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der], **profile))


def test_gateway_that_does_not_answer(gateway: Gateway, mac: Mac, certificates: Certificates) -> None:
    install(mac, certificates)
    with gateway.silent():
        assert start(mac) == "Lab Disconnected"
    assert_said(mac, SILENT)


def test_session_that_the_gateway_ends(gateway: Gateway, mac: Mac, certificates: Certificates) -> None:
    install(mac, certificates)
    assert start(mac) == "Lab Connected"
    assert "Last disconnect error" not in log(mac)
    gateway.disconnect("mac1")
    wait_until(lambda: mac.tunnel is None)
    assert_said(mac, ENDED)
    assert log(mac).count("last stop reason") == 1


def test_late_drop_by_a_wrong_pfs(gateway: Gateway, mac: Mac, certificates: Certificates) -> None:
    """What users report as a tunnel that drops after minutes."""
    assert mac.service
    mac.service.client.minute = 0.3
    short = {"LifeTimeInMinutes": 10, **PAIRS["modp2048"].child} | {"LifeTimeInMinutes": 10}
    install(mac, certificates, EnablePFS=0, ChildSecurityAssociationParameters=short)
    assert start(mac) == "Lab Connected"
    wait_until(lambda: mac.tunnel is None, 10)
    assert_said(mac, NEGOTIATION)


def test_on_demand_follows_the_network(gateway: Gateway, mac: Mac, certificates: Certificates) -> None:
    rules = [{"Action": "Disconnect", "SSIDMatch": ["Office"]}, {"Action": "Connect"}]
    service = mac.service
    assert service
    service.network = NetworkState("WiFi", "Office")
    install(mac, certificates, OnDemandEnabled=1, OnDemandRules=rules)
    service.settle()
    assert mac.tunnel is None
    service.network_changed(NetworkState("WiFi", "Home"))
    service.settle()
    assert mac.tunnel
    service.network_changed(NetworkState("WiFi", "Office"))
    service.settle()
    assert mac.tunnel is None
    assert "last stop reason On Demand Disconnect rule matched" in log(mac)
    assert gateway.list_clients() == []


def test_nobody_at_the_screen_watches_the_connection(gateway: Gateway, mac: Mac, certificates: Certificates) -> None:
    """Without a desktop only nesessionmanager's own lines are there."""
    mac.log_out()
    install(mac, certificates, LocalIdentifier="mac2")
    assert start(mac) == "Lab Disconnected"
    assert "last stop reason Plugin initiated" in log(mac)
    assert "Last disconnect error" not in log(mac)


def test_an_identity_that_macos_keeps_stays_in_use(gateway: Gateway, mac: Mac, certificates: Certificates) -> None:
    """Same names and UUIDs, new key material: macOS 26 went on with the first (jim-lake/VPNStatus, test/target_vpn)."""
    install(mac, certificates)
    renewed = authority.new_client(certificates.client_root, "mac1")
    old = build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der])
    new = build_profile(renewed, gateway_roots=[certificates.gateway_root.der])
    mac.push_profile(_with_uuids_of(old, new))
    assert start(mac) == "Lab Connected"
    assert [client.certificate_sha1 for client in gateway.list_clients()] == [certificates.client.sha1]


def _with_uuids_of(old: bytes, new: bytes) -> bytes:
    """The new profile with the names and UUIDs of the old one's payloads."""
    import plistlib

    before, after = plistlib.loads(old), plistlib.loads(new)
    for known, payload in zip(before["PayloadContent"], after["PayloadContent"], strict=True):
        payload |= {key: known[key] for key in ("PayloadUUID", "PayloadIdentifier")}
    after["PayloadContent"][-1]["IKEv2"]["PayloadCertificateUUID"] = before["PayloadContent"][-1]["IKEv2"][
        "PayloadCertificateUUID"
    ]
    return plistlib.dumps(after)
