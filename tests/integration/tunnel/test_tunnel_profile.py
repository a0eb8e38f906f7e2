# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a profile as macOS does. Needs neither root nor strongSwan."""

from __future__ import annotations

import plistlib
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, SERVER, build_profile
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import algorithms, on_demand
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.on_demand import NetworkState
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.profile import ProfileError, identity_of, read_profile


def build(certificates: Certificates, **keys: Any) -> bytes:
    return build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der], **keys)


def test_everything_is_taken_from_the_profile(certificates: Certificates) -> None:
    data = build_profile(
        certificates.client_below_intermediate,
        gateway_roots=[certificates.other_gateway_root.der, certificates.gateway_root.der],
        eap=True,
        DeadPeerDetectionRate="High",
        DisableMOBIKE=1,
    )
    profile = read_profile(data)
    assert (profile.remote_address, profile.remote_identifier, profile.local_identifier) == (SERVER, SERVER, "mac1")
    assert profile.client.der == certificates.client_below_intermediate.der
    assert profile.client.key_der == certificates.client_below_intermediate.key_der
    assert profile.anchors == (certificates.other_gateway_root.der, certificates.gateway_root.der)
    assert profile.intermediates == (certificates.client_intermediate.der,)
    assert (profile.eap, profile.pfs, profile.mobike, profile.dpd_minutes) == (True, True, False, 1)
    assert (profile.tls_minimum, profile.tls_maximum) == ("1.2", "1.2")
    assert profile.ike_proposals == ["aes256-sha256-modp2048"]
    assert profile.child_proposals == ["aes256gcm16-modp2048"]


@pytest.mark.parametrize("pair", PAIRS)
def test_both_sides_of_a_pair_mean_the_same(certificates: Certificates, pair: str) -> None:
    profile = read_profile(build(certificates, pair=PAIRS[pair]))
    assert profile.ike_proposals == [algorithms.azure_ike(PAIRS[pair].policy)]
    assert profile.child_proposals == [algorithms.azure_child(PAIRS[pair].policy)]


def test_what_is_not_said_is_apples_default(certificates: Certificates) -> None:
    profile = read_profile(build(certificates, EnablePFS=None, IKESecurityAssociationParameters={}, eap=False))
    assert profile.ike_proposals == ["aes256-sha256-modp2048"]
    assert profile.child_proposals == ["aes256gcm16"]
    assert (profile.dpd_minutes, profile.mtu, profile.mobike, profile.redirect) == (10, 1280, True, True)
    without = read_profile(build(certificates, ChildSecurityAssociationParameters=None))
    assert without.child_proposals == ["aes256-sha256-modp2048"]  # the IKE set serves


def test_signed_profile(certificates: Certificates, tmp_path: Path) -> None:
    signer, key = tmp_path / "signer.pem", tmp_path / "key.pem"
    signer.write_bytes(certificates.client.certificate.public_bytes(Encoding.PEM))
    key.write_bytes(certificates.client.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sign = ["openssl", "smime", "-sign", "-nodetach", "-binary", "-outform", "der"]
    plain = build(certificates)
    files = ["-signer", str(signer), "-inkey", str(key)]
    signed = subprocess.run([*sign, *files], input=plain, check=True, capture_output=True).stdout
    one, other = read_profile(signed), read_profile(plain)
    assert one.client.der == other.client.der
    assert replace(one, client=other.client) == other


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"PayloadCertificateUUID": "6A0A4D7C-0000-5000-8000-000000000000"}, "does not resolve"),
        ({"PayloadCertificateUUID": None}, "does not resolve"),
        ({"password": "another"}, "does not open"),
        ({"AuthenticationMethod": "SharedSecret"}, "AuthenticationMethod Certificate"),
        ({"LocalIdentifier": None}, "LocalIdentifier"),
        ({"RemoteAddress": ""}, "RemoteAddress"),
        ({"IKESecurityAssociationParameters": {"DiffieHellmanGroup": 24}}, "24, which macOS 26 does not know"),
        ({"IKESecurityAssociationParameters": {"EncryptionAlgorithm": "3DES"}}, "'3DES', which macOS 26"),
        ({"ChildSecurityAssociationParameters": {"LifeTimeInMinutes": 9}}, "LifeTimeInMinutes"),
        ({"TLSMinimumVersion": "1.3"}, "TLSMinimumVersion"),
    ],
)
def test_refused_profiles(certificates: Certificates, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        read_profile(build(certificates, **keys))


@pytest.mark.parametrize("data", [b"", b"<plist/>", b"\x30\x03\x02\x01\x01", plistlib.dumps({}), plistlib.dumps([])])
def test_no_profile_at_all(data: bytes) -> None:
    with pytest.raises(ProfileError):
        read_profile(data)


def test_identities_on_the_wire() -> None:
    assert identity_of("mac1") == "fqdn:mac1"
    assert identity_of("CN=mac1, O=Example") == "fqdn:CN=mac1, O=Example"
    assert identity_of("user@example.com") == "rfc822:user@example.com"
    assert identity_of("192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("policy", "ike", "child"),
    [
        ({}, "aes256-sha256-modp2048s256", "aes256gcm16-modp2048s256"),
        ({"dhGroup": "ECP256", "pfsGroup": "PFSMM"}, "aes256-sha256-ecp256", "aes256gcm16-ecp256"),
        ({"ikeEncryption": "GCMAES128", "pfsGroup": "None"}, "aes128gcm16-prfsha256-modp2048s256", "aes256gcm16"),
        (
            {"ipsecEncryption": "AES128", "ipsecIntegrity": "SHA256", "pfsGroup": "PFS2048"},
            "aes256-sha256-modp2048s256",
            "aes128-sha256-modp2048",
        ),
    ],
)
def test_azure_policies(policy: dict[str, Any], ike: str, child: str) -> None:
    merged = {**algorithms.VIRTUAL_WAN_DEFAULT, **policy}
    assert (algorithms.azure_ike(merged), algorithms.azure_child(merged)) == (ike, child)


@pytest.mark.parametrize("policy", [{"ikeEncryption": "DES3"}, {"ipsecIntegrity": "SHA256"}, {"pfsGroup": "ECP512"}])
def test_policies_that_are_none(policy: dict[str, Any]) -> None:
    merged = {**algorithms.VIRTUAL_WAN_DEFAULT, **policy}
    with pytest.raises(TunnelLabError):
        algorithms.azure_ike(merged), algorithms.azure_child(merged)


EVALUATE = {
    "Action": "EvaluateConnection",
    "ActionParameters": [
        {"Domains": ["public.corp.example"], "DomainAction": "NeverConnect"},
        {"Domains": ["corp.example"], "DomainAction": "ConnectIfNeeded", "RequiredDNSServers": ["10.20.0.4"]},
    ],
}


@pytest.mark.parametrize(
    ("rules", "state", "expected"),
    [
        ([], NetworkState(), "Ignore"),
        ([{"Action": "Connect"}], NetworkState(), "Connect"),
        ([{"Action": "Connect", "InterfaceTypeMatch": "WiFi"}], NetworkState(), "Ignore"),
        ([{"Action": "Disconnect", "SSIDMatch": []}, {"Action": "Connect"}], NetworkState("WiFi", "any"), "Disconnect"),
        (
            [{"Action": "Ignore", "DNSDomainMatch": ["*.example"]}],
            NetworkState(search_domains=("a.EXAMPLE",)),
            "Ignore",
        ),
        (
            [{"Action": "Connect", "DNSServerAddressMatch": ["17.*"]}],
            NetworkState(dns_servers=("10.1.1.1", "17.1.1.1")),
            "Connect",
        ),
        ([{"Action": "Connect", "DNSServerAddressMatch": ["17.*"]}], NetworkState(dns_servers=("10.1.1.1",)), "Ignore"),
        ([{"Action": "Connect", "URLStringProbe": "http://x"}], NetworkState(), "Ignore"),
        ([{"Action": "Connect", "URLStringProbe": "http://x"}], NetworkState(probe=lambda _url: True), "Connect"),
        ([EVALUATE], NetworkState(), "EvaluateConnection"),
    ],
)
def test_on_demand_action(rules: list[dict[str, Any]], state: NetworkState, expected: str) -> None:
    assert on_demand.action(rules, state) == expected


@pytest.mark.parametrize(
    ("host", "servers", "expected"),
    [
        ("wiki.corp.example", (), True),
        ("wiki.corp.example", ("10.20.0.4",), False),
        ("public.corp.example", (), False),
        ("notcorp.example", (), False),
    ],
)
def test_on_demand_for_domains(host: str, servers: tuple[str, ...], expected: bool) -> None:
    assert on_demand.connects_for([EVALUATE], NetworkState(dns_servers=servers), host) is expected
