# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mac that has nothing but the rendered profile: it enrols at a real SCEP server, and the certificate so made brings
the tunnel up. What is learnt of it then has the gateway refuse it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.rendered import Issued, render, task
from ansible_collections.vwan.user_vpn.tests.lab import scep
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

pytestmark = pytest.mark.skipif(bool(scep.missing()), reason=scep.missing())

CHALLENGE = "a challenge of some length"
SERIAL = "C02XK1ABJG5J"
SUBJECT = "/CN=$SERIALNUMBER/O=Example"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[scep.ScepServer]:
    with scep.scep_server(tmp_path, CHALLENGE) as server:
        yield server


def shared_profile(server: scep.ScepServer, certificates: Certificates, folder: Path) -> bytes:
    """As Jamf Pro hands it over: what the renderer has made for the whole fleet, with the serial number filled in."""
    wish = {"url": server.url, "subject": SUBJECT, "challenge": CHALLENGE, "ca_fingerprint": server.sha1}
    fleet = Issued("mac1", b"", b"", {"identity": {"scep": wish}})
    raw = render(fleet, folder, gateway_roots=[certificates.gateway_root.der], delivery="mdm")
    assert b"$SERIALNUMBER" in raw and b"PRIVATE KEY" not in raw
    return raw.replace(b"$SERIALNUMBER", SERIAL.encode())


def test_what_a_real_scep_server_gives_brings_the_tunnel_up(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, server: scep.ScepServer, tmp_path: Path
) -> None:
    root = ssl.PEM_cert_to_DER_cert(server.root.read_text())
    enrolled: list[Path] = []

    def enrol(content: Mapping[str, Any]) -> Identity:
        found = server.enrol(content, {}, tmp_path / "mac")
        assert found, "the SCEP server has refused"
        enrolled.append(found)
        key = load_pem_private_key((found.parent / "key.pem").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return Identity(x509.load_pem_x509_certificate(found.read_bytes()), key)

    gateway.change(client_roots=(root,))
    profile = mac.install(shared_profile(server, certificates, tmp_path / "profiles"), enrol)
    assert profile.local_identifier == SERIAL
    attempt = mac.connect()
    assert attempt.connected, attempt.failure
    assert all(mac.ping(address) for address in gateway.inside_addresses)
    (client,) = gateway.list_clients()
    assert (client.identity, client.certificate_sha1) == (SERIAL, profile.client.sha1)
    mac.disconnect()

    # A gateway that does not trust the root of the SCEP server lets nobody in.
    gateway.change(client_roots=(certificates.client_root.der,))
    assert not mac.connect().connected
    gateway.change(client_roots=(root,))
    assert mac.connect().connected
    mac.disconnect()

    # What was found on the Mac is entered, revoked by the name of its client, and refused by what is told to Azure.
    pki = str(tmp_path / "pki.db")
    found = {"name": "mac1", "serial_number": SERIAL, "subject": SUBJECT, "enrolled": [enrolled[0].read_text()]}
    entered = task("client_certificates", pki=pki, clients=[found], scep_roots=[str(server.root)])
    assert entered["clients"]["mac1"]["sha1"] == profile.client.sha1
    revoked = task("client_certificates", pki=pki, clients=["mac1"], state="revoked")
    refused = tuple(each["thumbprint"] for each in revoked["to_refuse"])
    assert refused == (profile.client.sha1,)
    gateway.change(revoked=refused, known_clients=(profile.client.der,))
    assert not mac.connect().connected
