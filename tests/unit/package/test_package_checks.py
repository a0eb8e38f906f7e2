# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a package useless to a Mac (errors), and what should be known (warnings)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._package import read_package_bytes
from ansible_collections.vwan.user_vpn.tests.lab.packages import (
    HUB_SERVER,
    VNET_SERVER,
    build_package,
    gateway_root,
    settings_xml,
)
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import NEW, NOW, OLD, read, refusal, sha256s, warnings


def package(roots: Sequence[bytes] = (OLD.der,), **options: Any) -> bytes:
    options = {"windows": False, "generic": True} | options
    return build_package(roots, **options)


# --- errors


@pytest.mark.parametrize("types", ["OpenVPN", "SSTP", "SSTP,OpenVPN", "IKEv1", "IkeV2x"])
def test_a_generic_folder_does_not_prove_ikev2(types: str) -> None:
    text = refusal(package(vpn_type=types))
    assert f"for {types.replace(',', ', ')} only, not for IKEv2" in text
    assert "tunnel type of the User VPN configuration must include IKEv2 (IkeV2)" in text
    assert "generate and download the package again" in text


@pytest.mark.parametrize("types", ["IkeV2", "ikev2", "IKEv2,OpenVPN", "SSTP, IkeV2", "OpenVPN;IKEV2"])
def test_ikev2_in_any_spelling(types: str) -> None:
    assert read(package(vpn_type=types)).settings()["ikev2"] is True


@pytest.mark.parametrize("auth", ["EAPMSCHAPV2", "EAPMSCHAPv2", " eapmschapv2 "])
def test_radius_passwords_cannot_work(auth: str) -> None:
    text = refusal(package(auth=auth))
    assert "RADIUS" in text
    assert "certificate authentication" in text
    assert "EAPTLS" in text


def test_passwords_beside_certificates_are_fine() -> None:
    content = package(auth="EAPMSCHAPV2,EAPTLS")
    assert read(content).settings()["auth"] == "EAPMSCHAPV2,EAPTLS"
    assert not list(warnings(content))


@pytest.mark.parametrize("options", [{"omit": ["VpnServer"]}, {"vpn_server": ""}, {"vpn_server": "  "}])
def test_no_server_name(options: dict[str, Any]) -> None:
    assert "names no VpnServer" in refusal(package(**options))


@pytest.mark.parametrize(
    "name",
    [
        "a b.vpn.azure.com",
        "a\nb.vpn.azure.com",
        "https://a.vpn.azure.com",
        "a.vpn.azure.com/x",
        "a.vpn.azure.com:443",
        "-a.vpn.azure.com",
        "a-.vpn.azure.com",
        "a..vpn.azure.com",
        ".vpn.azure.com",
        "a.vpn.azure.com.",
        "localhost",
        "10.0.0.4",
        "a_b.vpn.azure.com",
        "bücher.vpn.azure.com",
        "$(id).vpn.azure.com",
        "a';b.vpn.azure.com",
        "x" * 64 + ".vpn.azure.com",
        "x." * 130 + "com",
        "\u202e.vpn.azure.com",
    ],
)
def test_a_server_name_that_is_no_dns_name(name: str) -> None:
    assert "not a DNS name" in refusal(package(vpn_server=name))


def test_no_root_anywhere() -> None:
    for options in ({"generation": 2}, {"generation": 1}, {"omit": ["CaCerts", "ServerCertsRootCn"]}):
        text = refusal(package([], file_roots=[], **options))
        assert "no gateway root" in text


# --- kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wan.synthetic0000000000000000.vpn.azure.com", "wan"),
        ("WAN.synthetic0000000000000000.vpn.azure.com", "wan"),
        (HUB_SERVER, "hub"),
        ("hub12.x.vpn.azure.com", "hub"),
        (VNET_SERVER, "vnet_gateway"),
        ("azuregateway-11111111-2222-4333-8444-555555555555-0a1b2c3d4e5f.cloudapp.net", "vnet_gateway"),
        ("wander.vpn.azure.com", "unknown"),
        ("x.wan.vpn.azure.com", "unknown"),
        ("github.com", "unknown"),
    ],
)
def test_kind(name: str, kind: str) -> None:
    assert read(package(vpn_server=name)).settings()["kind"] == kind


# --- warnings


def only_warning(content: bytes) -> str:
    (warning,) = warnings(content)
    return warning


def test_a_usual_package_has_none() -> None:
    for generation in (1, 2):
        assert not list(warnings(package(generation=generation)))
    assert not list(warnings(package([OLD.der, NEW.der])))


def test_an_unknown_suffix() -> None:
    content = package(vpn_server="wan.synthetic0000000000000000.vpn.azure.cn")
    assert "wan.synthetic0000000000000000.vpn.azure.cn lies outside vpn.azure.com" in only_warning(content)
    assert read(content).settings()["kind"] == "wan"
    assert "outside" in only_warning(package(vpn_server="evilvpn.azure.com"))


@pytest.mark.parametrize("options", [{"omit": ["VpnType"]}, {"vpn_type": ""}])
def test_no_tunnel_type(options: dict[str, Any]) -> None:
    assert "names no VpnType" in only_warning(package(**options))
    assert read(package(**options)).settings()["ikev2"] is False


def test_another_authentication() -> None:
    assert "Auth in Generic/VpnSettings.xml is AAD, not EAPTLS" in only_warning(package(auth="AAD"))
    assert "Auth in Generic/VpnSettings.xml is missing" in only_warning(package(omit=["Auth"]))
    assert not list(warnings(package(auth="EapTls")))


def test_too_many_routes() -> None:
    routes = [f"10.{number // 256}.{number % 256}.0/24" for number in range(256)]
    assert not list(warnings(package(routes=routes[:255])))
    assert "256 routes" in only_warning(package(routes=routes))


@pytest.mark.parametrize(
    ("options", "element"),
    [
        ({"routes": ["10.0.0.0/16", "everything"]}, "Routes"),
        ({"routes": ["10.0.0.1/16", "everything"]}, "Routes"),
        ({"pool": ["172.31.250.0/33"]}, "VpnClientAddressPool"),
        ({"dns": ["dns.example.com"]}, "CustomDnsServers"),
        ({"dns": ["10.0.0.0/8"]}, "CustomDnsServers"),
    ],
)
def test_what_is_no_address(options: dict[str, Any], element: str) -> None:
    assert only_warning(package(**options)).startswith(f"{element} in Generic/VpnSettings.xml holds ")


def test_ipv6_is_an_address() -> None:
    assert not list(warnings(package(routes=["fd00::/8"], pool=["fd00:1::/64"], dns=["fd00::53"])))


def test_roots_that_differ_between_xml_and_files() -> None:
    both = package([OLD.der], file_roots=[OLD.der, NEW.der])
    warning = only_warning(both)
    assert warning.startswith("The gateway root 'CN=Synthetic Test Root New,O=Synthetic,C=US' (SHA-1 ")
    assert "is a file of the package but not in" in warning
    assert len(sha256s(read(both))) == 2
    both = package([OLD.der, NEW.der], file_roots=[OLD.der])
    assert "is in Generic/VpnSettings.xml but not a file of the package" in only_warning(both)
    assert len(sha256s(read(both))) == 2
    assert len(list(warnings(package([OLD.der], file_roots=[NEW.der])))) == 2


def test_one_source_of_roots_is_enough() -> None:
    assert not list(warnings(package([OLD.der], file_roots=[])))
    assert not list(warnings(package([], file_roots=[OLD.der])))


def test_a_root_name_that_no_root_has() -> None:
    xml = package([OLD.der], file_roots=[])
    assert not list(warnings(xml))
    renamed = settings_xml([OLD.der, NEW.der]).replace(b"<string>Synthetic Test Root New", b"<string>Third Root")
    assert "names a gateway root 'Third Root'" in only_warning(package([OLD.der, NEW.der], xml=renamed))


def test_the_end_of_a_root() -> None:
    ends = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
    content = package([gateway_root("Synthetic Test Root Ending", not_after=ends).der])
    for now, said in (
        (ends - timedelta(days=31), None),
        (ends - timedelta(days=30), "expires on 2027-01-31"),
        (ends - timedelta(seconds=1), "expires on 2027-01-31"),
        (ends, "expired on 2027-01-31"),
        (ends + timedelta(days=400), "expired on 2027-01-31"),
    ):
        found = read_package_bytes(content, now=now)
        assert [said in warning for warning in found.warnings] == [True] if said else found.warnings == ()
        assert found.settings()["gateway_roots"][0]["not_after"] == "2027-01-31T12:00:00Z"


def test_the_clock_is_the_default_for_now() -> None:
    expired = gateway_root("Synthetic Test Root Expired", not_after=datetime(2021, 1, 1, tzinfo=UTC))
    (warning,) = read_package_bytes(package([expired.der])).warnings
    assert "expired on 2021-01-01" in warning
    assert datetime(2021, 1, 1, tzinfo=UTC) < NOW


def test_warnings_come_in_the_same_order_every_time() -> None:
    content = package([OLD.der], file_roots=[NEW.der], omit=["VpnType", "Auth"], vpn_server="a.example.com")
    swapped = package([OLD.der], file_roots=[NEW.der, NEW.der], omit=["Auth", "VpnType"], vpn_server="a.example.com")
    assert list(warnings(content)) == list(warnings(swapped))
    assert len(list(warnings(content))) == 5
