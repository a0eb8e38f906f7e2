# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every supported combination is a real handshake, a rekeying and a ping through the tunnel.

Checked by strongSwan's own view on both ends (`swanctl --list-sas --raw`), not by the lab's reading alone.
"""

from __future__ import annotations

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, SERVER, build_profile
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_views import raw_sa, wait_until
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

# The IKE_SA's transforms as swanctl prints them. The group is also the one of a rekeyed CHILD_SA.
TRANSFORMS = {
    "modp2048": ("AES_CBC", "HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256", "MODP_2048"),
    "ecp384": ("AES_GCM_16", "", "PRF_HMAC_SHA2_384", "ECP_384"),
    "ecp384_cbc": ("AES_CBC", "HMAC_SHA2_384_192", "PRF_HMAC_SHA2_384", "ECP_384"),
    "ecp256": ("AES_GCM_16", "", "PRF_HMAC_SHA2_256", "ECP_256"),
}


@pytest.mark.parametrize("below_intermediate", [False, True], ids=["client-under-root", "client-under-intermediate"])
@pytest.mark.parametrize("two_roots", [False, True], ids=["one-gateway-root", "two-gateway-roots"])
@pytest.mark.parametrize("eap", [False, True], ids=["certificate", "eap-tls"])
@pytest.mark.parametrize("pair", PAIRS)
def test_connects(
    gateway: Gateway,
    mac: NativeClient,
    certificates: Certificates,
    *,
    pair: str,
    eap: bool,
    two_roots: bool,
    below_intermediate: bool,
) -> None:
    client = certificates.client_below_intermediate if below_intermediate else certificates.client
    roots = [certificates.other_gateway_root.der] * two_roots + [certificates.gateway_root.der]
    gateway.change(ipsec_policy=PAIRS[pair].policy)
    mac.install(build_profile(client, gateway_roots=roots, pair=PAIRS[pair], eap=eap))
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
        assert (ike["encr-keysize"], child["encr-alg"], child["encr-keysize"]) == ("256", "AES_GCM_16", "256")
        assert "dh-group" not in child  # the first CHILD_SA never has one
    assert ike["remote-id"] == "mac1"
    assert ike["local-id"] == SERVER
    method = "with EAP" if eap else "with RSA signature"
    assert any(f"authentication of 'mac1' {method} successful" in line for line in gateway.log_since(mark))

    mac.swanctl("--rekey", "--child", "tunnel")
    wait_until(lambda: "dh-group" in raw_sa(gateway.swanctl("--list-sas", "--raw"))[1])
    assert raw_sa(gateway.swanctl("--list-sas", "--raw"))[1]["dh-group"] == TRANSFORMS[pair][-1]
    assert mac.ping("10.20.0.1")

    [connected] = gateway.list_clients()
    assert connected.identity == "mac1"
    assert connected.virtual_ip == attempt.interface.address
    assert connected.certificate_sha1 == client.sha1
