# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every supported combination is a real handshake, a rekeying and a ping through the tunnel.

The profile is the collection's: its PKI, its reader of packages, its renderer. Checked by strongSwan's own view on both
ends (`swanctl --list-sas --raw`), not by the lab's reading alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.rendered import Issued, Pki, render
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, SERVER
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_views import raw_sa, wait_until
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.profile import read_profile

# The IKE_SA's transforms as swanctl prints them. The group is also the one of a rekeyed CHILD_SA.
TRANSFORMS = {
    "modp2048": ("AES_CBC", "HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256", "MODP_2048"),
    "ecp384": ("AES_GCM_16", "", "PRF_HMAC_SHA2_384", "ECP_384"),
    "ecp384_cbc": ("AES_CBC", "HMAC_SHA2_384_192", "PRF_HMAC_SHA2_384", "ECP_384"),
    "ecp256": ("AES_GCM_16", "", "PRF_HMAC_SHA2_256", "ECP_256"),
    "by_hand": ("AES_CBC", "HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256", "MODP_2048"),
}


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> dict[bool, Issued]:
    """The same client twice: directly under a root that the collection made, and under somebody's intermediate."""
    own = Pki(tmp_path_factory.mktemp("own"))
    enterprise = Pki(tmp_path_factory.mktemp("enterprise"), authority=certificates.client_intermediate)
    return {False: own.issue("mac1"), True: enterprise.issue("mac1")}


@pytest.mark.parametrize("below_intermediate", [False, True], ids=["client-under-root", "client-under-intermediate"])
@pytest.mark.parametrize("two_roots", [False, True], ids=["one-gateway-root", "two-gateway-roots"])
@pytest.mark.parametrize("authentication", ["certificate", "eap_tls"])
@pytest.mark.parametrize("pair", PAIRS)
def test_connects(
    gateway: Gateway,
    mac: NativeClient,
    certificates: Certificates,
    issued: dict[bool, Issued],
    tmp_path: Path,
    *,
    pair: str,
    authentication: str,
    two_roots: bool,
    below_intermediate: bool,
) -> None:
    client = issued[below_intermediate]
    roots = [certificates.other_gateway_root.der] * two_roots + [certificates.gateway_root.der]
    gateway.change(ipsec_policy=PAIRS[pair].policy, client_roots=(client.root,))
    mac.install(render(client, tmp_path, gateway_roots=roots, algorithms=pair, authentication=authentication))
    assert not mac.ping("10.20.0.1", timeout=1)  # there is no way around the tunnel

    mark = gateway.log_size()
    attempt = mac.connect()

    assert attempt.interface, attempt.failure
    assert mac.ping("10.20.0.1")
    assert mac.ping("10.20.0.4")
    for side in (mac, gateway):
        ike, child = raw_sa(side.swanctl("--list-sas", "--raw"))
        assert (ike["state"], child["state"]) == ("ESTABLISHED", "INSTALLED")
        assert (ike["encr-alg"], ike.get("integ-alg", ""), ike["prf-alg"], ike["dh-group"]) == TRANSFORMS[pair]
        esp = "AES_CBC" if pair == "by_hand" else "AES_GCM_16"
        assert (ike["encr-keysize"], child["encr-alg"], child["encr-keysize"]) == ("256", esp, "256")
        assert "dh-group" not in child  # the first CHILD_SA never has one
    assert ike["remote-id"] == "mac1"
    assert ike["local-id"] == SERVER
    method = "with EAP" if authentication == "eap_tls" else "with RSA signature"
    assert any(f"authentication of 'mac1' {method} successful" in line for line in gateway.log_since(mark))

    mac.swanctl("--rekey", "--child", "tunnel")
    wait_until(lambda: raw_sa(gateway.swanctl("--list-sas", "--raw"))[1]["spi-in"] != child["spi-in"])
    rekeyed = raw_sa(gateway.swanctl("--list-sas", "--raw"))[1]
    assert rekeyed.get("dh-group") == (TRANSFORMS[pair][-1] if PAIRS[pair].pfs else None)
    assert mac.ping("10.20.0.1")

    [connected] = gateway.list_clients()
    assert connected.identity == "mac1"
    assert connected.virtual_ip == attempt.interface.address
    assert connected.certificate_sha1 == client.sha1


@pytest.mark.parametrize("pair", PAIRS)
def test_azures_policy_and_the_name_of_the_pair_say_the_same(
    certificates: Certificates, issued: dict[bool, Issued], tmp_path: Path, pair: str
) -> None:
    roots = [certificates.gateway_root.der]
    named = read_profile(render(issued[False], tmp_path / "a", gateway_roots=roots, algorithms=pair))
    derived = read_profile(
        render(issued[False], tmp_path / "b", gateway_roots=roots, ipsec_policy=[PAIRS[pair].policy])
    )
    assert (named.ike_proposals, named.child_proposals, named.pfs) == (
        derived.ike_proposals,
        derived.child_proposals,
        derived.pfs,
    )
    assert (named.ike, named.child) == (derived.ike, derived.child)
