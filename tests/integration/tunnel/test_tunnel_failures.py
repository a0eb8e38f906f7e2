# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not connect does not, and both ends say why: the gateway in its log, the Mac in macOS's codes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.algorithms import by_hand
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, build_profile
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_views import wait_until
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import algorithms, authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.causes import IKEV2_DOMAIN, PLUGIN_DOMAIN, Disconnect, Refusal
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

REFUSED = (IKEV2_DOMAIN, 3)
NEGOTIATION_FAILED = (PLUGIN_DOMAIN, 18)
SERVER_CERTIFICATE_INVALID = (PLUGIN_DOMAIN, 28)

both_methods = pytest.mark.parametrize("eap", [False, True], ids=["certificate", "eap-tls"])


def attempt(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, client: Identity | None = None, **profile: Any
) -> tuple[tuple[str, int] | None, str | None]:
    """Try to connect; returns how the Mac codes the failure and what the gateway's cause was."""
    failure, refusal = attempt_in_full(gateway, mac, certificates, client, **profile)
    return (failure.domain, failure.code) if failure else None, refusal.cause if refusal else None


def attempt_in_full(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, client: Identity | None = None, **profile: Any
) -> tuple[Disconnect | None, Refusal | None]:
    mark = gateway.log_size()
    roots = profile.pop("gateway_roots", [certificates.gateway_root.der])
    mac.install(build_profile(client or certificates.client, gateway_roots=roots, **profile))
    result = mac.connect(timeout=8)
    if result.failure:
        assert mac.status() == "Disconnected"
        assert mac.interface() is None
        assert mac.why_down() == result.failure
        assert not mac.ping("10.20.0.1", timeout=1)
        assert gateway.list_clients() == []
        assert "ESTABLISHED" not in gateway.swanctl("--list-sas", "--raw")
    return result.failure, gateway.refusal_since(mark)


@both_methods
def test_mismatched_ike_policy(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    answer = attempt(gateway, mac, certificates, eap=eap, pair=PAIRS["ecp384"])
    assert answer == (NEGOTIATION_FAILED, "policy_mismatch")


@both_methods
def test_mismatched_child_policy(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    child = {**PAIRS["modp2048"].child, "EncryptionAlgorithm": "AES-128-GCM"}
    answer = attempt(gateway, mac, certificates, eap=eap, ChildSecurityAssociationParameters=child)
    assert answer == (NEGOTIATION_FAILED, "policy_mismatch")


@pytest.mark.parametrize("name", PAIRS)
def test_a_mac_set_up_by_hand(gateway: Gateway, mac: NativeClient, certificates: Certificates, name: str) -> None:
    """It proposes one set, whatever the gateway asks for; what the collection says of a policy is what happens."""
    gateway.change(ipsec_policy=PAIRS[name].policy)
    answer = attempt(gateway, mac, certificates, pair=PAIRS["by_hand"])
    said = by_hand([PAIRS[name].policy])
    assert answer == ((NEGOTIATION_FAILED, "policy_mismatch") if said else (None, None))
    assert bool(said) == (name != "by_hand")
    assert not said or "Nobody whose VPN is set up by hand can connect" in said[0]


def test_a_mac_set_up_by_hand_where_the_gateway_wants_pfs(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    """It connects, for the first keys need no exchange of their own; the next ones do."""
    policy = {**PAIRS["by_hand"].policy, "pfsGroup": "PFS14"}
    gateway.change(ipsec_policy=policy)
    assert attempt(gateway, mac, certificates, pair=PAIRS["by_hand"]) == (None, None)
    mark = gateway.log_size()
    mac.swanctl("--rekey", "--child", "tunnel")
    wait_until(lambda: "NO_PROP" in "\n".join(gateway.log_since(mark)))
    assert "loses the tunnel when its keys are first renewed" in by_hand(policy)[0]


@pytest.mark.parametrize("pair", [*PAIRS, None])
def test_the_default_policy_of_virtual_wan_matches_no_mac(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, pair: str | None
) -> None:
    gateway.change(ipsec_policy=algorithms.VIRTUAL_WAN_DEFAULT)  # group 24, which no macOS knows
    keys: dict[str, Any] = {"pair": PAIRS[pair]} if pair else {}
    keys |= {} if pair else {"IKESecurityAssociationParameters": None, "ChildSecurityAssociationParameters": None}
    assert attempt(gateway, mac, certificates, **keys) == (NEGOTIATION_FAILED, "policy_mismatch")


@both_methods
def test_unknown_client_root(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    stranger = authority.new_client(authority.new_root("P2SRootCert"), "mac1")  # same name, another key
    assert attempt(gateway, mac, certificates, stranger, eap=eap) == (REFUSED, "unknown_root")


@both_methods
def test_certificate_of_the_gateways_own_authority_is_no_client(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool
) -> None:
    client = authority.new_client(certificates.gateway_issuer, "mac1")
    assert attempt(gateway, mac, certificates, client, eap=eap) == (REFUSED, "unknown_root")


@both_methods
def test_intermediate_that_the_mac_does_not_send(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool
) -> None:
    mac.sends_intermediates = False
    answer = attempt(gateway, mac, certificates, certificates.client_below_intermediate, eap=eap)
    assert answer == (REFUSED, "unknown_root")


@both_methods
def test_expired_client(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    expired = authority.new_client(certificates.client_root, "mac1", start=-30, days=29)
    assert attempt(gateway, mac, certificates, expired, eap=eap) == (REFUSED, "expired")


@both_methods
@pytest.mark.parametrize("below_intermediate", [False, True])
def test_revoked_client(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool, below_intermediate: bool
) -> None:
    client = certificates.client_below_intermediate if below_intermediate else certificates.client
    thumbprint = ":".join(client.sha1[n : n + 2] for n in range(0, 40, 2)).lower()
    gateway.change(revoked=(thumbprint,), known_clients=(client.der,))
    assert attempt(gateway, mac, certificates, client, eap=eap) == (REFUSED, "revoked")

    renewed = authority.new_client(client.parent or client, "mac1")  # same name, another certificate
    assert attempt(gateway, mac, certificates, renewed, eap=eap) == (None, None)
    mac.disconnect()

    gateway.change(revoked=())
    assert attempt(gateway, mac, certificates, client, eap=eap) == (None, None)


def test_revoked_clients_of_two_roots_with_one_name(gateway: Gateway, certificates: Certificates) -> None:
    """As after a rotation of the client root: strongSwan would refuse those of one of them only, without a word."""
    root = authority.new_root(authority.common_name(certificates.client_root.certificate.subject))
    clients = (certificates.client, authority.new_client(root, "mac1"))
    with pytest.raises(TunnelLabError, match="two roots with one name"):
        gateway.change(
            client_roots=(certificates.client_root.der, root.der),
            revoked=tuple(client.sha1 for client in clients),
            known_clients=tuple(client.der for client in clients),
        )


def test_revocation_of_a_client_that_was_seen_needs_no_other_knowledge(
    gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    client = authority.new_client(certificates.client_root, "mac1")
    assert attempt(gateway, mac, certificates, client) == (None, None)
    gateway.change(revoked=(client.sha1,))
    assert mac.ping("10.20.0.1")  # a live tunnel is not cut by a revocation
    mac.disconnect()
    assert attempt(gateway, mac, certificates, client) == (REFUSED, "revoked")


def test_revocation_of_an_unknown_certificate_is_an_error_of_the_lab(gateway: Gateway) -> None:
    with pytest.raises(TunnelLabError, match="cannot refuse"):
        gateway.change(revoked=("0" * 40,))


@both_methods
def test_wrong_local_identifier(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    assert attempt(gateway, mac, certificates, eap=eap, LocalIdentifier="mac2") == (REFUSED, "wrong_identity")


@both_methods
def test_client_without_san(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    client = authority.new_client(certificates.client_root, "mac1", sans=[])
    assert attempt(gateway, mac, certificates, client, eap=eap) == (REFUSED, "wrong_identity")


@both_methods
def test_an_earlier_certificate_of_the_same_key_does_not_help(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool
) -> None:
    assert attempt(gateway, mac, certificates, eap=eap) == (None, None)
    mac.disconnect()
    worse = authority.new_client(certificates.client_root, "mac1", sans=[], key=certificates.client.key)
    assert attempt(gateway, mac, certificates, worse, eap=eap) == (REFUSED, "wrong_identity")


@both_methods
def test_wrong_server_name(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    answer = attempt(gateway, mac, certificates, eap=eap, RemoteIdentifier="hub1.lab.vpn.azure.com")
    assert answer == (SERVER_CERTIFICATE_INVALID, None)


@both_methods
def test_unknown_gateway_root(gateway: Gateway, mac: NativeClient, certificates: Certificates, eap: bool) -> None:
    roots = [certificates.other_gateway_root.der]
    assert attempt(gateway, mac, certificates, eap=eap, gateway_roots=roots) == (SERVER_CERTIFICATE_INVALID, None)


def test_server_name_that_does_not_resolve(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    answer = attempt(gateway, mac, certificates, RemoteAddress="nowhere.vpn.azure.com")
    assert answer == ((PLUGIN_DOMAIN, 17), None)


def test_server_that_does_not_answer(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der]))
    with gateway.silent():
        result = mac.connect(timeout=2)
    assert result.failure is not None
    assert (result.failure.domain, result.failure.code) == (PLUGIN_DOMAIN, 20)


def test_method_that_the_gateway_does_not_take(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    gateway.change(methods=("eap_tls",))
    assert attempt(gateway, mac, certificates)[0] == REFUSED
    assert attempt(gateway, mac, certificates, eap=True) == (None, None)


def test_failures_say_so_in_words(gateway: Gateway, mac: NativeClient, certificates: Certificates) -> None:
    failure, refusal = attempt_in_full(gateway, mac, certificates, LocalIdentifier="mac2")
    assert failure == Disconnect(
        IKEV2_DOMAIN, 3, "authentication failed, says the server", "received AUTHENTICATION_FAILED notify error"
    )
    assert refusal == Refusal("wrong_identity", "no trusted RSA public key found for 'mac2'")
