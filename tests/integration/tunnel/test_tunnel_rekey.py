# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels outlive their keys; a wrong EnablePFS shows only when the keys are renewed.

Life times are shortened: on the Mac by a shorter minute, on the gateway by saLifeTimeSeconds.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.rendered import Pki, render
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, Pair, build_profile
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_views import raw_sa, wait_until
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.causes import PLUGIN_DOMAIN
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient


def short_lived(pair: Pair, *, ike: int, child: int) -> Pair:
    """The pair with the Mac's life times in minutes."""
    return replace(pair, ike={**pair.ike, "LifeTimeInMinutes": ike}, child={**pair.child, "LifeTimeInMinutes": child})


@pytest.mark.parametrize("pair", ["modp2048", "ecp384"])
def test_the_mac_renews_both_associations_without_a_lost_ping(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, pair: str
) -> None:
    gateway.change(ipsec_policy=PAIRS[pair].policy)
    profile = short_lived(PAIRS[pair], ike=15, child=10)
    mac.minute = 0.4  # the child SA lives 4 s and is renewed after 3, the IKE SA 6 s and after 5
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der], pair=profile))
    before = mac.connect().interface
    first_ike, first_child = raw_sa(gateway.swanctl("--list-sas", "--raw"))
    mark, mac_mark = gateway.log_size(), mac.log_size()

    sent, answered = mac.ping_for("10.20.0.1", 8)

    log = "\n".join(mac.log_since(mac_mark))
    assert log.count("rekeyed between") >= 1
    assert log.count("outbound CHILD_SA tunnel") >= 2
    ike, child = raw_sa(gateway.swanctl("--list-sas", "--raw"))
    assert ike["initiator-spi"] != first_ike["initiator-spi"]
    assert child["spi-in"] != first_child["spi-in"]
    assert child["dh-group"] == ike["dh-group"]
    assert answered >= sent - 2 > 40
    assert before is not None
    assert mac.interface() == before
    assert gateway.refusal_since(mark) is None
    [client] = gateway.list_clients()
    assert (client.identity, client.virtual_ip) == ("mac1", before.address)


def test_the_gateway_renews_both_associations_without_a_lost_ping(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    gateway.change(ipsec_policy={**PAIRS["modp2048"].policy, "saLifeTimeSeconds": 4}, ike_lifetime_seconds=5)
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der]))
    mac.connect()
    mark = gateway.log_size()
    sent, answered = mac.ping_for("10.20.0.1", 8)
    log = "\n".join(gateway.log_since(mark))
    assert log.count("outbound CHILD_SA certificate-tunnel") >= 2
    assert log.count("rekeyed between") >= 1
    assert answered >= sent - 2 > 40


def test_the_gateways_data_volume_limit_renews_the_child_association(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    gateway.change(ipsec_policy={**PAIRS["modp2048"].policy, "saDataSizeKilobytes": 4})
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der]))
    mac.connect()
    sent, answered = mac.ping_for("10.20.0.1", 6)
    assert "dh-group" in raw_sa(gateway.swanctl("--list-sas", "--raw"))[1]  # only a renewed one has a group
    assert answered >= sent - 2 > 40


@pytest.mark.parametrize("mac_has_pfs", [False, True], ids=["pfs-missing-on-the-mac", "pfs-missing-on-the-gateway"])
def test_wrong_pfs_connects_and_drops_late(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, mac_has_pfs: bool
) -> None:
    pair = short_lived(PAIRS["modp2048"], ike=1440, child=10)
    gateway.change(ipsec_policy={**pair.policy, "pfsGroup": "None" if mac_has_pfs else "PFS14"})
    mac.minute = 0.4  # the child SA lives 4 s and is to be renewed after 3
    roots = [certificates.gateway_root.der]
    mac.install(build_profile(certificates.client, gateway_roots=roots, pair=replace(pair, pfs=int(mac_has_pfs))))
    mark, start = gateway.log_size(), time.monotonic()

    assert mac.connect().connected
    assert mac.ping("10.20.0.1")  # all looks well
    assert mac.why_down() is None
    wait_until(lambda: mac.status() == "Disconnected", 10)

    assert time.monotonic() - start > 2
    assert not mac.ping("10.20.0.1", timeout=1)
    failure, refusal = mac.why_down(), gateway.refusal_since(mark)
    assert failure is not None
    assert (failure.domain, failure.code) == (PLUGIN_DOMAIN, 18)
    assert refusal is not None
    assert refusal.cause == "policy_mismatch"
    assert gateway.list_clients() == []


@pytest.mark.parametrize("pair", ["modp2048", "ecp384"])
@pytest.mark.parametrize("pfs", ["PFS14", "PFSMM", "None", "ECP384"])
def test_the_profile_made_from_the_gateways_policy_survives(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, tmp_path: Path, *, pair: str, pfs: str
) -> None:
    """What users are told to do against late drops: the collection's profile says what the policy says."""
    policy = {**PAIRS[pair].policy, "pfsGroup": pfs}
    client = Pki(tmp_path).issue("mac1")
    gateway.change(ipsec_policy=policy, client_roots=(client.root,))
    roots = [certificates.gateway_root.der]
    mac.install(render(client, tmp_path, gateway_roots=roots, ipsec_policy=[policy]))
    assert mac.connect().connected
    first = raw_sa(gateway.swanctl("--list-sas", "--raw"))[1]
    for association in ("--child", "--ike"):
        mac.swanctl("--rekey", association, {"--child": "tunnel", "--ike": "native"}[association])
    wait_until(lambda: raw_sa(gateway.swanctl("--list-sas", "--raw"))[1].get("spi-in") not in {None, first["spi-in"]})
    assert mac.ping("10.20.0.1")
    group = raw_sa(gateway.swanctl("--list-sas", "--raw"))[1].get("dh-group")
    main = {"modp2048": "MODP_2048", "ecp384": "ECP_384"}[pair]
    assert group == {"PFS14": "MODP_2048", "PFSMM": main, "None": None, "ECP384": "ECP_384"}[pfs]


def test_a_profile_without_pfs_is_warned_of_before_it_drops(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, tmp_path: Path
) -> None:
    association = {"encryption": "AES-256", "integrity": "SHA2-256", "dh_group": 14}
    child = {**association, "encryption": "AES-256-GCM", "lifetime_minutes": 10}
    warnings: list[str] = []
    client = Pki(tmp_path).issue("mac1")
    gateway.change(client_roots=(client.root,))
    without = {"ike": association, "child": child, "pfs": False}
    roots = [certificates.gateway_root.der]
    mac.install(render(client, tmp_path, gateway_roots=roots, warnings=warnings, algorithms=without))
    assert len(warnings) == 1
    assert "loses the tunnel minutes later" in warnings[0]
    mac.minute = 0.3
    assert mac.connect().connected
    wait_until(lambda: mac.status() == "Disconnected", 10)


def test_renewed_certificate_is_used_by_the_next_connect(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    """The old identity carries the live tunnel, the new one the next; then the old one can be revoked."""
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority

    roots = [certificates.gateway_root.der]
    mac.install(build_profile(certificates.client, gateway_roots=roots))
    mac.connect()
    renewed = authority.new_client(certificates.client_root, "mac1")
    mac.install(build_profile(renewed, gateway_roots=roots))
    assert [client.certificate_sha1 for client in gateway.list_clients()] == [certificates.client.sha1]
    assert mac.ping("10.20.0.1")

    mac.disconnect()
    mac.connect()
    assert [client.certificate_sha1 for client in gateway.list_clients()] == [renewed.sha1]

    gateway.change(revoked=(certificates.client.sha1,))
    mac.disconnect()
    assert mac.connect().connected
    assert raw_sa(gateway.swanctl("--list-sas", "--raw"))[0]["remote-id"] == "mac1"
