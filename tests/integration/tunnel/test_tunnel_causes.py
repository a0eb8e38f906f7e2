# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mac that a real gateway does not let in: the site playbook names the cause, which macOS does not know itself.

What the gateway's own log says is the truth.
"""

from __future__ import annotations

import base64
import plistlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.clients import Means, ensure_clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.plan import Settings
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import ClientRequest
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import RootRequest, ensure_root
from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.site import PASSPHRASE, Run, Site
from ansible_collections.vwan.user_vpn.tests.integration.tunnel import test_tunnel_site
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway

pytest.importorskip(
    "azure.mgmt.network", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
)

macs, site, azure = test_tunnel_site.macs, test_tunnel_site.site, test_tunnel_site.azure  # fixtures

NAME = "mac-anna"


def an_expired_identity(site: Site) -> tuple[bytes, str]:
    """PKCS#12 and password of a certificate of the site's own root that ended a month ago."""
    then = datetime.now(UTC) - timedelta(days=395)
    place = place_of(str(site.pki))
    ensure_root(place, RootRequest(passphrase=PASSPHRASE), now=then)
    ensure_clients(place, [ClientRequest(NAME)], Settings(), Means(passphrase=PASSPHRASE), now=then)
    identity = site.sealed_identity(NAME)
    return identity.pkcs12, identity.password


def altered(raw: bytes, *, identity: tuple[bytes, str] | None = None, **ikev2: str) -> bytes:
    """The profile as somebody else would have made it: another identity, or other keys of the IKEv2 dictionary."""
    content = plistlib.loads(raw)
    payloads = {payload["PayloadType"]: payload for payload in content["PayloadContent"]}
    payloads["com.apple.vpn.managed"]["IKEv2"] |= ikev2
    if identity:  # macOS takes another one only under another UUID
        new = {"PayloadContent": identity[0], "Password": identity[1], "PayloadUUID": str(uuid.uuid4()).upper()}
        payloads["com.apple.security.pkcs12"] |= new
        payloads["com.apple.vpn.managed"]["IKEv2"]["PayloadCertificateUUID"] = new["PayloadUUID"]
    return plistlib.dumps(content)


def stranger() -> str:
    return base64.b64encode(authority.new_root("P2SRootCert").der).decode()  # same name, another key


@pytest.mark.soak
def test_the_playbook_names_the_cause(site: Site, azure: AzureLab, macs: Lab, gateway: Gateway) -> None:
    expired = an_expired_identity(site)
    mac = macs.add_mac(NAME, vpnutil=True)
    site.variables |= {
        "user_vpn_resource_group": "rg-vpn",
        "user_vpn_virtual_wan": "wan1",
        "user_vpn_server_configuration": "macs",
        "user_vpn_connect_timeout": 8,
    }
    first = test_tunnel_site.play(site, azure)
    assert first.of("mac_connection")["connected"], first.output
    assert "The gateway refused" not in first.said
    sha1 = first.rendered(NAME)["certificate_sha1"]
    good, configuration = mac.profiles[0].raw, azure.subscription.get("vpnServerConfigurations", "rg-vpn", "macs")
    assert configuration
    root = first.of("root_certificate")["sha1"]

    def trust() -> None:
        configuration.properties["vpnClientRootCertificates"] = [{"name": "other", "publicCertData": stranger()}]

    def revoke() -> None:
        configuration.properties["vpnClientRevokedCertificates"] = [{"name": "by hand", "thumbprint": sha1}]

    def policy() -> None:
        configuration.properties["vpnClientIpsecPolicies"] = [dict(PAIRS["ecp384"].policy)]

    def profile(**changes: Any) -> Callable[[], None]:
        return lambda: mac.push_profile(altered(good, **changes))

    refused = "The certificate on this Mac is valid, and macs trusts its root and does not refuse it"
    # What the gateway logs; None where it is the Mac that gives up.
    cases: list[tuple[Callable[[], None], str | None, str]] = [
        (trust, "unknown_root", f"{root} is not among the roots of macs"),
        (revoke, "revoked", f"{sha1} is among the revoked certificates of macs"),
        (policy, "policy_mismatch", "the negotiation with the gateway failed"),
        (profile(identity=expired), "expired", "ended at"),
        (profile(LocalIdentifier="somebody-else"), "wrong_identity", f"{refused}: so the profile's LocalIdentifier"),
        (profile(RemoteIdentifier="other.vpn.azure.com"), None, "does not accept the gateway's"),
        (profile(RemoteAddress="nowhere.vpn.azure.com"), None, "name of the server could not be resolved"),
    ]
    if not SOAK:  # the sample of make test: what the ledger tells, and what Azure tells
        cases = [case for case in cases if case[1] in ("revoked", "expired")]
    before = {name: list(value) for name, value in configuration.properties.items() if isinstance(value, list)}
    for spoil, truth, said in cases:
        if test_tunnel_site.settled(mac) != "Connected":
            test_tunnel_site.start(mac)
            assert test_tunnel_site.settled(mac) == "Connected"
        spoil()
        configuration.touch()
        mark = gateway.log_size()
        run = connect_again(site, azure, mac)
        assert said in run.said, run.output
        assert not run.of("mac_connection")["connected"] and gateway.list_clients() == []
        refusal = gateway.refusal_since(mark)
        assert (refusal.cause if refusal else None) == truth
        configuration.properties.update({name: list(value) for name, value in before.items()})
        configuration.touch()
        mac.push_profile(good)
    assert mac.refusals == []

    # and whoever requires the tunnel reads it at the end of the run that fails
    revoke()
    configuration.touch()
    run = connect_again(site, azure, mac, "-e", "user_vpn_require_connected=true", ends_with=2)
    assert "is among the revoked certificates of macs" in run.said


def connect_again(site: Site, azure: AzureLab, mac: Mac, *options: str, ends_with: int = 0) -> Run:
    """The tunnel is taken down by hand; then the step `connect` alone, so that nothing is put right before."""
    if test_tunnel_site.settled(mac) == "Connected":
        test_tunnel_site.say(mac, f"/opt/homebrew/bin/vpnutil stop '{test_tunnel_site.NAME}'")
        assert test_tunnel_site.settled(mac) == "Disconnected"
    run = site.play("--tags", "connect", *options, env=azure.environment())
    assert run.returncode == ends_with, run.output
    return run
