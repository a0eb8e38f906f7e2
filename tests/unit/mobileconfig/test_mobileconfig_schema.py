# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule that a profile must keep: what breaks it, what keeps it, and that no input upsets the check."""

from __future__ import annotations

import copy
import plistlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import schema
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.schema import validate

ROOT, IDENTITY, VPN = range(3)
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="session")
def good() -> dict[str, Any]:
    """A profile that keeps every rule, and is not made by our own renderer."""

    def common(kind: str, suffix: str) -> dict[str, Any]:
        return {
            "PayloadType": kind,
            "PayloadVersion": 1,
            "PayloadIdentifier": f"com.example.uservpn{suffix}",
            "PayloadUUID": f"00000000-0000-0000-0000-0000000000{len(suffix):02}",
        }

    association = {
        "EncryptionAlgorithm": "AES-256-GCM",
        "IntegrityAlgorithm": "SHA2-256",
        "DiffieHellmanGroup": 20,
        "LifeTimeInMinutes": 60,
    }
    identity = common("com.apple.security.pkcs12", ".id") | {
        "PayloadContent": b"pkcs12",
        "Password": "x",
        "KeyIsExtractable": False,
    }
    ikev2 = {
        "RemoteAddress": "gw.example.com",
        "RemoteIdentifier": "gw.example.com",
        "LocalIdentifier": "mac-01",
        "AuthenticationMethod": "Certificate",
        "PayloadCertificateUUID": identity["PayloadUUID"],
        "ExtendedAuthEnabled": 0,
        "EnablePFS": 1,
        "OnDemandEnabled": 1,
        "OnDemandRules": [
            {"Action": "Disconnect", "SSIDMatch": ["Office"]},
            {
                "Action": "EvaluateConnection",
                "ActionParameters": [
                    {"Domains": ["a"], "DomainAction": "ConnectIfNeeded", "RequiredDNSServers": ["10.0.0.4"]}
                ],
            },
        ],
        "IKESecurityAssociationParameters": dict(association),
        "ChildSecurityAssociationParameters": dict(association),
    }
    return common("Configuration", "") | {
        "PayloadScope": "System",
        "PayloadContent": [
            common("com.apple.security.root", ".root") | {"PayloadContent": b"der"},
            identity,
            common("com.apple.vpn.managed", ".v")
            | {
                "VPNType": "IKEv2",
                "UserDefinedName": "VPN",
                "IKEv2": ikev2,
                "DNS": {"DNSProtocol": "Cleartext", "ServerAddresses": ["10.0.0.4"]},
            },
        ],
    }


def payload(index: int, **values: Any) -> Change:
    return lambda document: document["PayloadContent"][index].update(values)


def top(**values: Any) -> Change:
    return lambda document: document.update(values)


def ikev2(**values: Any) -> Change:
    return lambda document: document["PayloadContent"][VPN]["IKEv2"].update(values)


def without(*path: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


def association(name: str, **values: Any) -> Change:
    return lambda document: document["PayloadContent"][VPN]["IKEv2"][f"{name}SecurityAssociationParameters"].update(
        values
    )


def problems(good: dict[str, Any], change: Change, macos: str | None = None) -> list[schema.Problem]:
    document = copy.deepcopy(good)
    change(document)
    return validate(document, macos)


def test_the_good_one(good: dict[str, Any]) -> None:
    assert validate(good) == []
    assert validate(plistlib.loads(plistlib.dumps(good)), "26.1") == []
    assert validate(good, "11") == []


def dns(protocol: str, **values: Any) -> dict[str, Any]:
    return {"DNSProtocol": protocol, "ServerAddresses": ["10.0.0.4"]} | values


V = ("PayloadContent", VPN)
RULE = {"Action": "Connect"}
PARAMETER = {"Domains": ["a"], "DomainAction": "NeverConnect"}


@pytest.mark.parametrize(
    ("change", "where", "text"),
    [
        # types, presence, values, ranges
        (without("PayloadUUID"), "PayloadUUID", "is required"),
        (top(PayloadVersion=True), "PayloadVersion", "whole number"),
        (top(PayloadVersion=1.0), "PayloadVersion", "whole number"),
        (top(PayloadVersion=2), "PayloadVersion", "not one of"),
        (top(PayloadType="Profile"), "PayloadType", "not one of"),
        (top(PayloadScope="Everybody"), "PayloadScope", "not one of"),
        (top(PayloadRemovalDisallowed=1), "PayloadRemovalDisallowed", "true or false"),
        (top(PayloadContent={}), "PayloadContent", "an array"),
        (top(PayloadContent=["x"]), "PayloadContent[0]", "a dictionary"),
        (top(Surprise=1), "Surprise", "no key"),
        (top(PayloadDisplayName="\x00"), "PayloadDisplayName", "a control character"),
        (top(TargetDeviceType=7), "TargetDeviceType", "more than 6"),
        (top(RemovalDate="tomorrow"), "RemovalDate", "a date"),
        (payload(ROOT, PayloadContent="der"), "PayloadContent[0].PayloadContent", "data"),
        (payload(ROOT, Password="x"), "PayloadContent[0].Password", "no key"),
        (payload(ROOT, PayloadType="com.apple.dock"), "PayloadContent[0].PayloadType", "no payload"),
        (payload(ROOT, PayloadType=[1]), "PayloadContent[0].PayloadType", "a value of type list is no payload"),
        (without("PayloadContent", IDENTITY, "Password"), "PayloadContent[1].Password", "is required"),
        (payload(IDENTITY, Password=""), "PayloadContent[1].Password", "plain ASCII"),
        (payload(IDENTITY, Password="\u00fc"), "PayloadContent[1].Password", "plain ASCII"),
        (payload(VPN, VPNType="AlwaysOn"), "PayloadContent[2].VPNType", "not one of"),
        (payload(VPN, VPNSubType="x"), "PayloadContent[2].VPNSubType", "not one of"),
        (without(*V, "UserDefinedName"), "PayloadContent[2].UserDefinedName", "is required"),
        (without(*V, "IKEv2"), "PayloadContent[2].IKEv2", "is required"),
        (without(*V, "IKEv2", "LocalIdentifier"), "IKEv2.LocalIdentifier", "is required"),
        (ikev2(DeadPeerDetectionRate=10), "IKEv2.DeadPeerDetectionRate", "a string"),
        (ikev2(DeadPeerDetectionRate="Often"), "IKEv2.DeadPeerDetectionRate", "not one of"),
        (ikev2(EnablePFS=True), "IKEv2.EnablePFS", "whole number"),
        (ikev2(EnablePFS=2), "IKEv2.EnablePFS", "not one of"),
        (ikev2(MTU=1279), "IKEv2.MTU", "less than 1280"),
        (ikev2(MTU=True), "IKEv2.MTU", "whole number"),
        (ikev2(NATKeepAliveInterval=19), "IKEv2.NATKeepAliveInterval", "less than 20"),
        (ikev2(OnDemandUserOverrideDisabled=1), "IKEv2.OnDemandUserOverrideDisabled", "no key"),
        (ikev2(EnableFallback=1), "IKEv2.EnableFallback", "no key"),
        (ikev2(IncludedRoutes=["10.0.0.0/8"]), "IKEv2.IncludedRoutes", "no key"),
        (association("IKE", EncryptionAlgorithm="AES-192"), "IKESecurity", "not one of"),
        (association("Child", IntegrityAlgorithm="MD5"), "ChildSecurity", "not one of"),
        (association("IKE", DiffieHellmanGroup=24), "IKESecurity", "24 is not one of"),
        (association("IKE", DiffieHellmanGroup="14"), "IKESecurity", "whole number"),
        (association("IKE", LifeTimeInMinutes=9), "IKESecurity", "less than 10"),
        (association("IKE", LifeTimeInMinutes=1441), "IKESecurity", "more than 1440"),
        (association("IKE", PostQuantumKeyExchangeMethods=[36] * 8), "PostQuantum", "more than 7"),
        (association("IKE", PostQuantumKeyExchangeMethods=[1]), "PostQuantum", "not one of"),
        # what macOS 26 has dropped
        (association("IKE", EncryptionAlgorithm="3DES"), "IKESecurity", "gone in macOS 26"),
        (association("IKE", IntegrityAlgorithm="SHA1-96"), "IKESecurity", "gone in macOS 26"),
        (association("Child", DiffieHellmanGroup=2), "ChildSecurity", "gone in macOS 26"),
        # names
        (payload(ROOT, PayloadIdentifier="com.example.uservpn"), "PayloadIdentifier", "used 2 times"),
        (payload(ROOT, PayloadUUID="00000000-0000-0000-0000-000000000003"), "PayloadUUID", "used 2 times"),
        # authentication
        (ikev2(AuthenticationMethod="None"), "AuthenticationMethod", "must be Certificate"),
        (ikev2(PayloadCertificateUUID="x"), "PayloadCertificateUUID", "identity payload of this profile"),
        (without(*V, "IKEv2", "PayloadCertificateUUID"), "PayloadCertificateUUID", "identity payload"),
        (
            ikev2(PayloadCertificateUUID="00000000-0000-0000-0000-000000000005"),
            "PayloadCertificateUUID",
            "identity payload",
        ),
        (ikev2(CertificateType="RSA"), "CertificateType", "ServerCertificateIssuerCommonName"),
        (ikev2(SharedSecret="s"), "SharedSecret", "no place"),
        (ikev2(AuthName="n", AuthPassword="p"), "AuthPassword", "no place"),
        (ikev2(TLSMinimumVersion="1.2"), "TLSMinimumVersion", "EAP-TLS"),
        (ikev2(ExtendedAuthEnabled=1), "TLSMinimumVersion", "1.2 or 1.3 with EAP-TLS"),
        (ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.0"), "TLSMinimumVersion", "1.2 or 1.3 with EAP-TLS"),
        (ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.3"), "TLSMaximumVersion", "is 1.2 and less"),
        (
            ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.2", TLSMaximumVersion="1.4"),
            "TLSMaximumVersion",
            "not one of",
        ),
        # On Demand
        (without(*V, "IKEv2", "OnDemandRules"), "OnDemandEnabled", "without OnDemandRules"),
        (without(*V, "IKEv2", "OnDemandEnabled"), "OnDemandRules", "need OnDemandEnabled"),
        (ikev2(OnDemandRules=[]), "OnDemandRules", "no match keys"),
        (ikev2(OnDemandRules=[RULE | {"SSIDMatch": ["a"]}]), "OnDemandRules", "no match keys"),
        (ikev2(OnDemandRules=[{"Action": "Allow"}]), "OnDemandRules[0].Action", "not one of"),
        (ikev2(OnDemandRules=[{"Action": "EvaluateConnection"}]), "OnDemandRules[0]", "ActionParameters"),
        (ikev2(OnDemandRules=[RULE | {"ActionParameters": []}]), "OnDemandRules[0]", "ActionParameters"),
        (
            ikev2(OnDemandRules=[{"Action": "EvaluateConnection", "ActionParameters": [{"Domains": ["a"]}]}]),
            "ActionParameters[0].DomainAction",
            "is required",
        ),
        (
            ikev2(
                OnDemandRules=[
                    {
                        "Action": "EvaluateConnection",
                        "ActionParameters": [PARAMETER | {"RequiredURLStringProbe": "http://a"}],
                    }
                ]
            ),
            "OnDemandRules[0]",
            "ConnectIfNeeded",
        ),
        # the rest
        (without(*V, "IKEv2", "ChildSecurityAssociationParameters", "DiffieHellmanGroup"), "EnablePFS", "needs"),
        (
            lambda document: (
                association("IKE", EncryptionAlgorithm="AES-256")(document),
                ikev2(EnforceStrictAlgorithmSelection=1)(document),
            ),
            "EnforceStrictAlgorithmSelection",
            "as strong as",
        ),
        (ikev2(PPK=b"x"), "PPK", "come together"),
        (payload(VPN, DNS={"SearchDomains": ["a"]}), "DNS.ServerAddresses", "is required"),
        (payload(VPN, DNS={"ServerAddresses": ["a"]}), "DNS.DNSProtocol", "is required"),
        (payload(VPN, DNS=dns("QUIC")), "DNS.DNSProtocol", "not one of"),
        (payload(VPN, DNS=dns("HTTPS")), "DNS.ServerURL", "goes with DNSProtocol HTTPS"),
        (payload(VPN, DNS=dns("HTTPS", ServerURL="http://a")), "DNS.ServerURL", "https://"),
        (payload(VPN, DNS=dns("TLS")), "DNS.ServerName", "goes with DNSProtocol TLS"),
        (payload(VPN, DNS=dns("TLS", ServerName="a", ServerURL="https://a")), "DNS.ServerURL", "only with that"),
        (payload(VPN, DNS=dns("Cleartext", ServerName="a")), "DNS.ServerName", "only with that"),
        (payload(VPN, Proxies={"HTTPPort": 1}), "Proxies.HTTPProxy", "come together"),
        (payload(VPN, Proxies={"HTTPSEnable": 1, "HTTPSProxy": "a"}), "Proxies.HTTPSProxy", "HTTPSPort come together"),
        (payload(VPN, Proxies={"HTTPProxy": "a", "HTTPPort": 1}), "Proxies.HTTPProxy", "HTTPEnable 1"),
        (payload(VPN, Proxies={"HTTPEnable": 0, "HTTPProxy": "a", "HTTPPort": 1}), "HTTPProxy", "HTTPEnable 1"),
        (payload(VPN, Proxies={"ProxyAutoConfigEnable": 1}), "ProxyAutoConfigURLString", "ProxyAutoConfigEnable 1"),
        (payload(VPN, Proxies={"HTTPPort": 65536}), "Proxies.HTTPPort", "more than 65535"),
        (payload(VPN, Proxies={"HTTPEnable": True}), "Proxies.HTTPEnable", "whole number"),
        (payload(VPN, Proxies={"FTPProxy": "a"}), "Proxies.FTPProxy", "no key"),
    ],
)
def test_errors(good: dict[str, Any], change: Change, where: str, text: str) -> None:
    found = [each for each in problems(good, change) if each.level == "error"]
    assert [each for each in found if where in each.where and text in each.text], found


@pytest.mark.parametrize(
    ("change", "macos", "where"),
    [
        (without("PayloadScope"), None, "PayloadScope"),
        (without("PayloadContent", IDENTITY, "KeyIsExtractable"), None, "KeyIsExtractable"),
        (ikev2(OnDemandRules=[RULE, RULE]), None, "OnDemandRules[0]"),
        (ikev2(ExcludeLocalNetworks=1), None, "ExcludeLocalNetworks"),
        (ikev2(IncludeAllNetworks=1, EnforceRoutes=1), None, "EnforceRoutes"),
        (without(*V, "IKEv2", "IKESecurityAssociationParameters"), None, "IKEv2"),
        (ikev2(EnforceStrictAlgorithmSelection=1), "15.4", "EnforceStrictAlgorithmSelection"),
        (ikev2(ExcludeDeviceCommunication=0), "14.3.1", "ExcludeDeviceCommunication"),
        (association("IKE", PostQuantumKeyExchangeMethods=[36]), "15.6", "PostQuantumKeyExchangeMethods"),
        (association("IKE", EncryptionAlgorithm="3DES"), "15.6", "EncryptionAlgorithm"),
        (ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.2", TLSMaximumVersion="1.3"), None, "TLSMaximumVersion"),
        (ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.2", TLSMaximumVersion="1.3"), "26.9", "TLSMaximumVersion"),
        (
            ikev2(OnDemandRules=[RULE | {"SSIDMatch": ["a"], "InterfaceTypeMatch": "Ethernet"}, RULE]),
            None,
            "OnDemandRules[0]",
        ),
    ],
)
def test_warnings(good: dict[str, Any], change: Change, macos: str | None, where: str) -> None:
    found = problems(good, change, macos)
    assert [each.level for each in found] == ["warning"]
    assert where in found[0].where


@pytest.mark.parametrize(
    ("change", "macos"),
    [
        (ikev2(EnforceStrictAlgorithmSelection=1), "15.5"),
        (association("IKE", PostQuantumKeyExchangeMethods=[36, 37]), "26"),
        (ikev2(OnDemandEnabled=0), None),
        (ikev2(EnablePFS=1, MTU=1400, IncludeAllNetworks=1, ExcludeLocalNetworks=1), None),
        (ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.2", TLSMaximumVersion="1.2"), None),
        (ikev2(CertificateType="RSA", ServerCertificateIssuerCommonName="Root"), None),
        (ikev2(ExtendedAuthEnabled=1, TLSMinimumVersion="1.2", TLSMaximumVersion="1.3"), "27.0"),
        (payload(VPN, DNS=dns("HTTPS", ServerURL="https://a/{?dns}")), None),
        (payload(VPN, DNS=dns("TLS", ServerName="a")), None),
        (payload(VPN, Proxies={"ProxyAutoConfigEnable": 1, "ProxyAutoConfigURLString": "http://a"}), None),
        (payload(VPN, Proxies={"HTTPSEnable": 1, "HTTPSProxy": "a", "HTTPSPort": 3128, "HTTPEnable": 0}), None),
    ],
)
def test_what_is_fine(good: dict[str, Any], change: Change, macos: str | None) -> None:
    assert problems(good, change, macos) == []


@pytest.mark.parametrize("macos", ["10.15.7", "0", "26.", "26.1 beta", "-1", "\u0662\u0666", "1" * 50, "a.b"])
def test_versions_that_are_none(good: dict[str, Any], macos: str) -> None:
    with pytest.raises(ProfileError, match=r"macos|macOS"):
        validate(good, macos)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(["Certificate", "EvaluateConnection", "com.apple.vpn.managed", "com.apple.security.pkcs12"])
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*schema.TOP, *schema.VPN, *schema.IKEV2, "Action", "?"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(document=anything)
@settings(max_examples=60, deadline=None)
def test_nothing_upsets_the_check(document: Any) -> None:
    assert all(each.level in ("error", "warning") for each in validate(document))


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in paths(each, (*path, key)))]


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_passes_can_be_written(good: dict[str, Any], data: st.DataObject) -> None:
    """One value anywhere in a good profile is exchanged for anything: it is refused, or plistlib can write it."""
    document = copy.deepcopy(good)
    path = data.draw(st.sampled_from(paths(good)[1:]))
    target = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = data.draw(anything)
    if not any(each.level == "error" for each in validate(document)):
        assert plistlib.loads(plistlib.dumps(document)) is not None
