# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole profile, read back with plistlib and openssl: what is in it, and which change moves which name."""

from __future__ import annotations

import plistlib
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import names, schema
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.identity import Identity, load
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import NOT_IN_IKEV2, Profile
from ansible_collections.vwan.user_vpn.plugins.modules import mobileconfig
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import DAY, PASSWORD, Pki, pem, root_entry

Render = Callable[..., Profile]
SERVER = "wan.0123456789abcdef.vpn.azure.com"


def parts(profile: Profile) -> dict[str, Any]:
    """The payloads of the file by their type (lists), and the file itself as `top`, as plistlib reads them."""
    document = plistlib.loads(profile.content)
    found: dict[str, Any] = {"top": document}
    for payload in document["PayloadContent"]:
        found.setdefault(payload["PayloadType"].rpartition(".")[2], []).append(payload)
    return found


def ikev2(profile: Profile) -> dict[str, Any]:
    keys: dict[str, Any] = parts(profile)["managed"][0]["IKEv2"]
    return keys


# --- content -----------------------------------------------------------------------------------------------------
def test_nothing_secret_is_in_what_a_profile_shows_of_itself(render: Render) -> None:
    profile = render()
    (identity,) = parts(profile)["pkcs12"]
    assert profile.uuid in repr(profile)
    assert identity["Password"] not in repr(profile) and "PayloadContent" not in repr(profile)


def test_the_file_in_full(render: Render, client: Identity, pki: Pki) -> None:
    profile = render(organization="Example Ltd", description="For tests")
    document = plistlib.loads(profile.content)
    root, identity, vpn = document.pop("PayloadContent")
    fingerprint = client.certificate.sha256
    assert document == {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.uservpn",
        "PayloadUUID": profile.uuid,
        "PayloadDisplayName": "Example VPN",
        "PayloadOrganization": "Example Ltd",
        "PayloadDescription": "For tests",
        "PayloadScope": "System",
        "PayloadRemovalDisallowed": False,
    }
    root_identifier = f"com.example.uservpn.root.{pki.gateway_root.fingerprint(SHA256()).hex().upper()}"
    assert root == {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": root_identifier,
        "PayloadUUID": names.uuid_of(root_identifier),
        "PayloadDisplayName": "Gateway Root G1",
        "PayloadCertificateFileName": "Gateway-Root-G1.cer",
        "PayloadContent": pki.gateway_root.public_bytes(Encoding.DER),
    }
    assert identity == {
        "PayloadType": "com.apple.security.pkcs12",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"com.example.uservpn.identity.{fingerprint}",
        "PayloadUUID": names.uuid_of(f"com.example.uservpn.identity.{fingerprint}"),
        "PayloadDisplayName": f"mac-01 {client.certificate.sha1[:8]}",
        "PayloadCertificateFileName": f"mac-01-{client.certificate.sha1[:8]}.p12",
        "PayloadContent": client.pkcs12,
        "Password": PASSWORD,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }
    assert vpn == {
        "PayloadType": "com.apple.vpn.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.uservpn.vpn",
        "PayloadUUID": names.uuid_of("com.example.uservpn.vpn"),
        "PayloadDisplayName": "Example VPN",
        "UserDefinedName": "Example VPN",
        "VPNType": "IKEv2",
        "IKEv2": {
            "RemoteAddress": SERVER,
            "RemoteIdentifier": SERVER,
            "LocalIdentifier": "mac-01",
            "AuthenticationMethod": "Certificate",
            "PayloadCertificateUUID": identity["PayloadUUID"],
            "ExtendedAuthEnabled": 0,
            "IKESecurityAssociationParameters": {
                "EncryptionAlgorithm": "AES-256",
                "IntegrityAlgorithm": "SHA2-256",
                "DiffieHellmanGroup": 14,
                "LifeTimeInMinutes": 432,
            },
            "ChildSecurityAssociationParameters": {
                "EncryptionAlgorithm": "AES-256-GCM",
                "IntegrityAlgorithm": "SHA2-256",
                "DiffieHellmanGroup": 14,
                "LifeTimeInMinutes": 405,
            },
            "EnablePFS": 1,
            "IncludeAllNetworks": 0,
            "OnDemandEnabled": 0,
            "DeadPeerDetectionRate": "Medium",
        },
    }
    assert profile.warnings == ()


def test_openssl_opens_what_the_profile_carries(
    render: Render, pki: Pki, openssl: Callable[..., str], tmp_path: Path
) -> None:
    identity = load(
        pki.pkcs12(pki.client(issuer="Client Issuing CA"), cas=[pki.intermediate], legacy=False), PASSWORD, "x.p12"
    )
    payloads = parts(render(identity))
    (tmp_path / "identity.p12").write_bytes(payloads["pkcs12"][0]["PayloadContent"])
    password = payloads["pkcs12"][0]["Password"]
    openssl("pkcs12", "-legacy", "-in", "identity.p12", "-passin", f"pass:{password}", "-nokeys", "-out", "leaf.pem")
    (tmp_path / "ca.pem").write_text(
        openssl("x509", "-inform", "DER", data=payloads["pkcs1"][0]["PayloadContent"]), encoding="ascii"
    )
    (tmp_path / "root.pem").write_bytes(pem(pki.root))
    verdict = openssl("verify", "-purpose", "sslclient", "-CAfile", "root.pem", "-untrusted", "ca.pem", "leaf.pem")
    assert verdict == "leaf.pem: OK\n"
    gateway = openssl("x509", "-inform", "DER", "-noout", "-subject", data=payloads["root"][0]["PayloadContent"])
    assert "Gateway Root G1" in gateway


def test_eap_tls(render: Render) -> None:
    keys = ikev2(render(authentication="eap_tls", server_certificate_common_name="gw.example.com"))
    assert keys["AuthenticationMethod"] == "Certificate"
    assert keys["ExtendedAuthEnabled"] == 1
    assert keys["TLSMinimumVersion"] == "1.2"
    assert keys["ServerCertificateCommonName"] == "gw.example.com"
    assert "CertificateType" not in keys


def test_names_of_the_gateway(render: Render) -> None:
    keys = ikev2(render(server_address="203.0.113.7", server_certificate_issuer_common_name="Gateway Root G1"))
    assert keys["RemoteAddress"] == "203.0.113.7"
    assert keys["RemoteIdentifier"] == SERVER, "an address to connect to does not change who must answer"
    assert keys["ServerCertificateIssuerCommonName"] == "Gateway Root G1"
    assert ikev2(render(remote_identifier="gw.example.com"))["RemoteIdentifier"] == "gw.example.com"


def test_pfs_is_in_step_with_the_policy(render: Render) -> None:
    policy = {
        "ipsecEncryption": "GCMAES128",
        "ipsecIntegrity": "GCMAES128",
        "ikeEncryption": "GCMAES128",
        "ikeIntegrity": "SHA256",
        "dhGroup": "ECP384",
        "pfsGroup": "None",
        "saLifeTimeSeconds": 3600,
    }
    keys = ikev2(render(ipsec_policy=[policy]))
    assert keys["EnablePFS"] == 0
    assert keys["ChildSecurityAssociationParameters"] == {
        "EncryptionAlgorithm": "AES-128-GCM",
        "IntegrityAlgorithm": "SHA2-256",
        "DiffieHellmanGroup": 20,
        "LifeTimeInMinutes": 54,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"IncludeAllNetworks": 0}),
        ({"enforce_routes": True}, {"IncludeAllNetworks": 0, "EnforceRoutes": 1}),
        (
            {"enforce_routes": True, "exclude_local_networks": True},
            {"IncludeAllNetworks": 0, "EnforceRoutes": 1, "ExcludeLocalNetworks": 1},
        ),
        ({"routing": "full"}, {"IncludeAllNetworks": 1, "ExcludeLocalNetworks": 0}),
        ({"routing": "full", "exclude_local_networks": True}, {"IncludeAllNetworks": 1, "ExcludeLocalNetworks": 1}),
    ],
)
def test_routing(render: Render, options: dict[str, Any], expected: dict[str, int]) -> None:
    keys = ikev2(render(**options))
    wanted = ("IncludeAllNetworks", "EnforceRoutes", "ExcludeLocalNetworks")
    assert {key: keys[key] for key in wanted if key in keys} == expected


@pytest.mark.parametrize(
    ("routes", "warns"), [(["10.0.0.0/16"], True), (["0.0.0.0/0"], False), (["0.0.0.0/1", "128.0.0.0/1"], False)]
)
def test_full_routing_wants_a_default_route(
    render: Render, settings: dict[str, Any], routes: list[str], warns: bool
) -> None:
    warnings = render(settings={**settings, "routes": routes}, routing="full").warnings
    assert any("0.0.0.0/0" in warning for warning in warnings) == warns


def test_on_demand_and_dead_peer_detection(render: Render) -> None:
    keys = ikev2(render(on_demand={"connect": "always", "trusted_ssids": ["Office"]}, dead_peer_detection="high"))
    assert keys["OnDemandEnabled"] == 1
    assert keys["OnDemandRules"] == [
        {"Action": "Disconnect", "InterfaceTypeMatch": "WiFi", "SSIDMatch": ["Office"]},
        {"Action": "Connect"},
    ]
    assert keys["DeadPeerDetectionRate"] == "High"


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (None, None),
        ({}, None),
        ({"servers": [], "match_domains_only": False}, None),
        ({"servers": ["10.0.0.53"]}, {"DNSProtocol": "Cleartext", "ServerAddresses": ["10.0.0.53"]}),
        (
            {"search_domains": ["corp.example.com"], "domain_name": "example.com"},
            {
                "DNSProtocol": "Cleartext",
                "ServerAddresses": ["10.0.0.4"],
                "SearchDomains": ["corp.example.com"],
                "DomainName": "example.com",
            },
        ),
        (
            {"match_domains": ["corp.example.com", ""], "match_domains_only": True},
            {
                "DNSProtocol": "Cleartext",
                "ServerAddresses": ["10.0.0.4"],
                "SupplementalMatchDomains": ["corp.example.com", ""],
                "SupplementalMatchDomainsNoSearch": 1,
            },
        ),
    ],
)
def test_dns(render: Render, settings: dict[str, Any], wish: Any, expected: Any) -> None:
    settings["dns_servers"] = ["10.0.0.4"]
    assert parts(render(dns=wish))["managed"][0].get("DNS") == expected


@pytest.mark.parametrize(
    ("servers", "options", "expected"),
    [
        (["10.0.0.4"], {}, "The package names the DNS servers 10.0.0.4, but a Mac does not ask them"),
        (["10.0.0.4"], {"dns": {"search_domains": ["corp.example"]}}, "set match_domains in dns"),
        ([], {"dns": {"servers": ["10.0.0.5", "10.0.0.6"]}}, "dns names the DNS servers 10.0.0.5, 10.0.0.6, but"),
        (["10.0.0.4"], {"dns": {"match_domains": ["corp.example"]}}, ""),
        (["10.0.0.4"], {"routing": "full"}, ""),
        ([], {}, ""),
        ([], {"dns": {}}, ""),
    ],
)
def test_dns_servers_that_no_mac_would_ask(
    render: Render, settings: dict[str, Any], servers: list[str], options: dict[str, Any], expected: str
) -> None:
    settings |= {"dns_servers": servers} | ({"routes": ["0.0.0.0/0"]} if "routing" in options else {})
    warnings = render(**options).warnings
    assert [expected in text for text in warnings] == [True] if expected else warnings == ()


@pytest.mark.parametrize(
    ("routes", "options", "expected"),
    [
        (["0.0.0.0/0"], {"routing": "split"}, "set routing to full if that is meant"),
        (["128.0.0.0/1", "0.0.0.0/1"], {"routing": "split"}, "the package lists the default route"),
        (["10.0.0.0/8"], {"routing": "split", "enable_internet_security": False}, ""),
        (["10.0.0.0/8"], {"routing": "split", "enable_internet_security": True}, ""),
        (["0.0.0.0/0"], {"routing": "full", "enable_internet_security": False}, "set enableInternetSecurity of its"),
        (["10.0.0.0/8"], {"routing": "full", "enable_internet_security": False}, "set enableInternetSecurity of its"),
        (["10.0.0.0/8"], {"routing": "full"}, "the package lists no default route"),
        (["10.0.0.0/8"], {"routing": "full", "enable_internet_security": True}, ""),
        (["0.0.0.0/0"], {"routing": "full", "enable_internet_security": True}, ""),
        (["0.0.0.0/0"], {"routing": "full"}, ""),
    ],
)
def test_forced_tunnelling_is_meant_on_both_sides(
    render: Render, settings: dict[str, Any], routes: list[str], options: dict[str, Any], expected: str
) -> None:
    settings |= {"routes": routes, "dns_servers": ["10.0.0.4"] if "0.0.0.0/0" in routes else []}
    warnings = render(**options).warnings
    assert [expected in text for text in warnings] == [True] if expected else warnings == ()


def test_dns_without_any_server(render: Render, settings: dict[str, Any]) -> None:
    with pytest.raises(ProfileError, match="dns needs servers"):
        render(settings={**settings, "dns_servers": []}, dns={"search_domains": ["a.example.com"]})


def test_each_option_that_a_message_names_is_one() -> None:
    options = yaml.safe_load(mobileconfig.DOCUMENTATION)["options"]
    named = {word for reason in NOT_IN_IKEV2.values() for word in re.findall(r"use (\w+)| or (\w+)", reason)}
    assert {name for pair in named for name in pair if name} <= options.keys()
    assert NOT_IN_IKEV2.keys() - {"Password"} <= schema.IKEV2.keys()


@pytest.mark.parametrize("wish", ["1.2", "1.3"])
def test_the_tls_of_eap_tls_may_be_newer(render: Render, wish: str) -> None:
    versions = {"TLSMinimumVersion": wish, "TLSMaximumVersion": "1.3"}
    profile = render(authentication="eap_tls", ikev2=versions)
    assert {name: ikev2(profile)[name] for name in versions} == versions
    assert any("from macOS 27.0 on only" in warning for warning in profile.warnings)
    assert not render(authentication="eap_tls", ikev2=versions, macos="27.1").warnings


def test_proxies(render: Render) -> None:
    pac = {"ProxyAutoConfigEnable": True, "ProxyAutoConfigURLString": "https://pac.example.com/proxy.pac"}
    found = parts(render(proxies=pac))["managed"][0]["Proxies"]
    assert found == pac
    assert found["ProxyAutoConfigEnable"] is not True  # Apple's schema has a number
    assert "Proxies" not in parts(render(proxies={}))["managed"][0]
    with pytest.raises(ProfileError, match="HTTPEnable 1, and only with that"):
        render(proxies={"HTTPProxy": "proxy", "HTTPPort": 3128})
    with pytest.raises(ProfileError, match=r"proxies may not set HTTPProxyPassword \(whoever") as refused:
        render(proxies={"HTTPProxyPassword": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_encrypted_dns(render: Render) -> None:
    wish = {"protocol": "TLS", "server_name": "dns.example.com", "servers": ["10.0.0.53"]}
    expected = {"DNSProtocol": "TLS", "ServerName": "dns.example.com", "ServerAddresses": ["10.0.0.53"]}
    assert parts(render(dns=wish))["managed"][0]["DNS"] == expected
    assert parts(render(dns=wish | {"server_name": None, "protocol": "Cleartext"}))["managed"][0]["DNS"] == {
        "DNSProtocol": "Cleartext", "ServerAddresses": ["10.0.0.53"],
    }  # fmt: skip
    with pytest.raises(ProfileError, match="ServerURL: goes with DNSProtocol HTTPS"):
        render(dns={"protocol": "HTTPS", "servers": ["10.0.0.53"]})


def test_further_keys(render: Render) -> None:
    assert ikev2(render(ikev2={"MTU": 1400, "DisconnectOnIdle": 1}))["MTU"] == 1400
    taken = {
        "RemoteAddress": "use server_address",
        "OnDemandRules": "use on_demand",
        "EnforceRoutes": "use enforce_routes",
        "SharedSecret": "this VPN signs in by certificate",
        "PPK": "a User VPN configuration of Azure has no place for one",
    }
    for key, reason in taken.items():
        with pytest.raises(ProfileError, match=rf"ikev2 may not set {key} \({reason}\)\."):
            render(ikev2={key: "x"})
    with pytest.raises(ProfileError, match="MTU: 1500 is more than 1400"):
        render(ikev2={"MTU": 1500})
    with pytest.raises(ProfileError, match="IncludedRoutes: is no key"):
        render(ikev2={"IncludedRoutes": ["10.0.0.0/8"]})


def test_the_client_chain(render: Render, pki: Pki) -> None:
    chain = (pem(pki.intermediate, pki.gateway_root), pem(pki.intermediate))
    payloads = parts(render(client_chain=chain))
    assert [each["PayloadDisplayName"] for each in payloads["pkcs1"]] == ["Client Issuing CA"]
    assert len(payloads["root"]) == 1
    with pytest.raises(UserVpnError, match="client_chain"):
        render(client_chain=(b"nothing",))


# --- names -------------------------------------------------------------------------------------------------------
def moved(before: Profile, after: Profile) -> set[str]:
    """Which UUIDs differ: top, vpn, identity."""
    uuids = [
        {
            "top": parts(each)["top"]["PayloadUUID"],
            "vpn": parts(each)["managed"][0]["PayloadUUID"],
            "identity": parts(each)["pkcs12"][0]["PayloadUUID"],
        }
        for each in (before, after)
    ]
    return {key for key in uuids[0] if uuids[0][key] != uuids[1][key]}


def test_every_reference_resolves_and_every_name_is_used_once(render: Render, pki: Pki) -> None:
    payloads = parts(render(client_chain=(pem(pki.root, pki.intermediate),)))
    everything = [payloads["top"], *payloads["top"]["PayloadContent"]]
    for key in ("PayloadUUID", "PayloadIdentifier"):
        assert len({each[key] for each in everything}) == len(everything)
    assert payloads["managed"][0]["IKEv2"]["PayloadCertificateUUID"] == payloads["pkcs12"][0]["PayloadUUID"]


def test_the_namespace_never_changes() -> None:
    """A changed UUID here means that every installed VPN would be taken for another one."""
    assert names.uuid_of("com.example.uservpn.vpn") == "13E780E0-A79B-5D02-BC1B-A7A542A60C71"


def test_a_renewed_certificate(render: Render, client: Identity, pki: Pki) -> None:
    renewed = load(pki.pkcs12(pki.client()), PASSWORD, "x.p12")
    before, after = render(client), render(renewed)
    assert moved(before, after) == {"top", "identity"}
    first, second = (parts(each)["pkcs12"][0] for each in (before, after))
    for key in ("PayloadIdentifier", "PayloadDisplayName", "PayloadCertificateFileName"):
        assert first[key] != second[key]


def test_the_same_certificate_packed_with_another_password(render: Render, client: Identity, pki: Pki) -> None:
    leaf = x509.load_der_x509_certificate(client.certificate.der)
    other = load(pki.pkcs12(leaf, password="another one"), "another one", "x.p12")
    assert other.pkcs12 != client.pkcs12
    assert moved(render(client), render(other)) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"routes": ["10.0.0.0/8"]},
        {"dns_servers": ["10.9.9.9"]},
        {"digest": "1", "vnet_name": "other", "unknown_elements": {"New": ["x"]}},
    ],
)
def test_what_only_the_package_knows_moves_nothing(
    render: Render, settings: dict[str, Any], change: dict[str, Any]
) -> None:
    assert render(settings={**settings, **change}).content == render().content


def test_another_gateway_root(render: Render, settings: dict[str, Any], pki: Pki) -> None:
    both = [root_entry(pki.gateway_root), root_entry(pki.second_gateway_root)]
    profile = render(settings={**settings, "gateway_roots": both})
    assert moved(render(), profile) == {"top"}
    turned = render(settings={**settings, "gateway_roots": [*both[::-1], both[0]]})
    assert turned.content == profile.content, "neither order nor repetition matters"


@pytest.mark.parametrize(
    "options",
    [
        {"connection_name": "Other VPN"},
        {"organization": "Other"},
        {"scope": "User"},
        {"removal_disallowed": True},
        {"algorithms": "ecp384"},
        {"authentication": "eap_tls"},
        {"on_demand": {"connect": "always"}},
        {"dns": {"servers": ["10.0.0.4"]}},
        {"routing": "full"},
        {"dead_peer_detection": "low"},
        {"ikev2": {"MTU": 1300}},
    ],
)
def test_every_other_wish_moves_the_profile_alone(render: Render, options: dict[str, Any]) -> None:
    assert moved(render(), render(**options)) == {"top"}


def test_another_identifier_is_another_vpn(render: Render) -> None:
    assert moved(render(), render(identifier="com.example.other")) == {"top", "vpn", "identity"}


def test_the_same_bytes_in_another_process(render: Render, tmp_path: Path, pki: Pki) -> None:
    """Hash seeds and dictionary order must not show."""
    (tmp_path / "a.p12").write_bytes(render().document["PayloadContent"][1]["PayloadContent"])
    (tmp_path / "root.pem").write_bytes(pem(pki.gateway_root))
    program = f"""
import sys
from pathlib import Path
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.identity import load
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Draft, Request
here = Path({str(tmp_path)!r})
settings = {{"gateway_roots": [{{"pem": (here / "root.pem").read_text()}}], "vpn_server": {SERVER!r}}}
request = Request(connection_name="Example VPN", identifier="com.example.uservpn", settings=settings)
client = load((here / "a.p12").read_bytes(), {PASSWORD!r}, "a.p12")
sys.stdout.buffer.write(Draft(request).profile(client).content)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == render().content


def test_no_uuid_depends_on_the_password(render: Render, client: Identity) -> None:
    assert render(replace(client, password="guess")).uuid == render(client).uuid
    assert render(replace(client, pkcs12=b"other bytes")).uuid == render(client).uuid


# --- what is wrong, and what is odd ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"identifier": ""}, "reverse-DNS"),
        ({"identifier": "com.example/user"}, "reverse-DNS"),
        ({"identifier": "..example"}, "reverse-DNS"),
        ({"identifier": "com.example\n.x"}, "reverse-DNS"),
        ({"connection_name": ""}, "connection_name"),
        ({"connection_name": "bell\x07"}, "^connection_name holds a control character"),
        ({"connection_name": "two\nlines"}, "^connection_name holds a control character"),
        ({"display_name": "a\ttab"}, "^display_name holds a control character"),
        ({"display_name": "a\x85 line"}, "^display_name holds a control character"),
        ({"organization": "red \x9b31m"}, "^organization holds a control character"),
        ({"organization": "half a pair \ud800"}, "^organization holds a control character"),
        ({"organization": "x" * 4001}, "^organization is longer than 4000 characters"),
        ({"description": "an escape \x1b"}, "^description holds a control character"),
        ({"on_demand": {"connect": "always", "ssids": ["two\u2028lines"]}}, r"SSIDMatch\[0\]: holds a control"),
        (
            {"dns": {"servers": ["10.0.0.4"], "match_domains": ["a\nb"]}},
            r"SupplementalMatchDomains\[0\]: holds a control character",
        ),
        ({"ikev2": {"Surprise\n": 1}}, r"Surprise\?: is no key"),
        ({"server_address": "https://gw.example.com/"}, "server_address"),
        ({"local_identifier": "mac-02"}, "local identifier"),
        ({"scope": "Everybody"}, "PayloadScope"),
        ({"on_demand": {"rules": [{"Action": "Connect", "SSIDMatch": ["A"]}]}}, "no match keys"),
        ({"on_demand": {"rules": [{"Action": "Allow"}]}}, "Action"),
        ({"macos": "10.15"}, "too old"),
        ({"macos": "Tahoe"}, "must be a version"),
        ({"ikev2": {"DisconnectOnIdleTimer": None}}, "DisconnectOnIdleTimer"),
        ({"ikev2": {"MTU": 10**30}}, "MTU"),
    ],
)
def test_wishes_that_cannot_be_met(render: Render, options: dict[str, Any], named: str) -> None:
    with pytest.raises(UserVpnError, match=named):
        render(**options)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ikev2": False}, "offers no IKEv2"),
        ({"vpn_server": ""}, "settings.vpn_server"),
        ({"vpn_server": None}, "settings.vpn_server"),
        ({"gateway_roots": []}, "no gateway root"),
        ({"gateway_roots": [{"pem": "x"}]}, "gateway root"),
        ({"gateway_roots": ["x"]}, "gateway root"),
        ({"gateway_roots": [{"pem": None}]}, "gateway root"),
        ({"gateway_roots": 5}, "settings.gateway_roots must be a list"),
        ({"dns_servers": "10.0.0.4"}, "settings.dns_servers must be a list"),
        ({"routes": {"a": 1}}, "settings.routes must be a list"),
    ],
)
def test_settings_that_make_no_profile(
    render: Render, settings: dict[str, Any], change: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserVpnError, match=named):
        render(settings={**settings, **change})


def test_an_expired_gateway_root_is_said_and_stays(render: Render, settings: dict[str, Any], pki: Pki) -> None:
    expired = pki.ca("Old Gateway Root", not_after=-timedelta(seconds=5))
    roots = [root_entry(pki.gateway_root), root_entry(expired)]
    profile = render(settings={**settings, "gateway_roots": roots})
    assert len(parts(profile)["root"]) == 2
    assert [warning for warning in profile.warnings if "Old Gateway Root has expired" in warning]


def test_a_client_certificate_of_tomorrow_is_said(render: Render, pki: Pki) -> None:
    later = load(pki.pkcs12(pki.client(start=DAY)), PASSWORD, "x.p12")
    assert "not valid before" in render(later).warnings[0]


def test_keys_that_this_macos_does_not_read_yet(render: Render) -> None:
    options = {"ikev2": {"ExcludeAPNs": 0}}
    assert render(**options).warnings == ()
    assert render(**options, macos="13.3").warnings == ()
    assert "macOS 13.3 and later only" in render(**options, macos="13.2.1").warnings[0]
