# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VpnSettings.xml: both generations, every tolerance, every refusal."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._package import vpnsettings
from ansible_collections.vwan.user_vpn.tests.lab.packages import (
    OLDEST_LACKS,
    VNET_SERVER,
    build_package,
    settings_xml,
    zip_like_azure,
)
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import NEW, OLD, read, refusal, sha256s

XML = settings_xml([OLD.der], dns=["10.20.0.4", "10.20.0.5"])


def package(xml: bytes) -> bytes:
    return zip_like_azure({"Generic\\VpnSettings.xml": xml})


def settings(xml: bytes) -> dict[str, Any]:
    return read(package(xml)).settings()


def test_the_shape_of_the_settings() -> None:
    found = settings(XML)
    roots = found.pop("gateway_roots")
    digest = found.pop("digest")
    assert found == {
        "vpn_server": "wan.synthetic0000000000000000.vpn.azure.com",
        "vpn_types": ["IkeV2"],
        "auth": "EAPTLS",
        "routes": ["10.20.0.0/16", "10.21.0.0/24"],
        "client_address_pools": ["172.31.250.0/24"],
        "dns_servers": ["10.20.0.4", "10.20.0.5"],
        "vnet_name": "synthetic-hub",
        "vnet_id": "66666666-7777-4888-8999-aaaaaaaaaaaa",
        "ikev2": True,
        "kind": "wan",
        "unknown_elements": {},
    }
    assert [list(root) for root in roots] == [["subject", "sha1", "sha256", "not_after", "pem"]]
    assert len(digest) == 64
    assert digest == digest.lower()


def test_the_settings_are_plain_data() -> None:
    found = settings(XML)
    assert json.loads(json.dumps(found)) == found


def test_both_generations_say_the_same() -> None:
    first = read(build_package([OLD.der], generation=1))
    second = read(build_package([OLD.der], generation=2))
    assert first.settings() == second.settings()
    assert first.warnings == second.warnings == ()


def test_a_generation_1_package_of_a_virtual_network_gateway() -> None:
    found = read(build_package([OLD.der], generation=1, vpn_server=VNET_SERVER, vpn_type="SSTP,IkeV2")).settings()
    assert found["vpn_types"] == ["SSTP", "IkeV2"]
    assert found["kind"] == "vnet_gateway"
    assert found["ikev2"] is True


def test_both_root_elements_at_once() -> None:
    first, second = settings_xml([OLD.der], generation=1), settings_xml([NEW.der])
    lists = second[second.index(b"  <CaCerts>") : second.index(b"  <Routes>")]
    assert len(sha256s(read(package(first.replace(b"  <Routes>", lists + b"  <Routes>"))))) == 2


# --- tolerated


def test_the_oldest_form_lacks_the_last_elements() -> None:
    found = settings(settings_xml([OLD.der], generation=1, omit=OLDEST_LACKS))
    assert found["client_address_pools"] == []
    assert found["dns_servers"] == []


@pytest.mark.parametrize(
    "name",
    [
        "Routes",
        "VnetName",
        "VnetId",
        "ServerCertsRootCn",
        "ServerCertsIssuerCn",
        "VpnClientAddressPool",
        "AadIssuer",
        "CustomDnsServers",
        "Auth",
        "VpnType",
    ],
)
def test_each_optional_element_may_be_missing_or_empty(name: str) -> None:
    assert settings(settings_xml([OLD.der], omit=[name]))["vpn_server"]
    emptied = XML.replace(f"<{name}>".encode(), f"<{name} /><x>".encode()).replace(f"</{name}>".encode(), b"</x>")
    assert emptied != XML or name == "AadIssuer"
    assert settings(emptied)["vpn_server"]


def test_unknown_elements_are_kept() -> None:
    extra = {"Region": "westeurope", "Empty": "", "ServerSecret": "hunter2", "ApiKey": "hunter2", "Umläut": "ä"}
    xml = settings_xml([OLD.der], extra_elements={k: v for k, v in extra.items() if k.isascii()})
    nested = b"  <Hubs><string>one</string><string>two</string><a><b> three </b></a></Hubs>\r\n</VpnProfile>"
    found = settings(xml.replace(b"</VpnProfile>", nested))
    assert found["unknown_elements"] == {
        "Region": ["westeurope"],
        "Empty": [],
        "ServerSecret": ["(hidden)"],
        "ApiKey": ["(hidden)"],
        "Hubs": ["one", "two", "three"],
    }


ENCODINGS = {
    "lf": XML.replace(b"\r\n", b"\n"),
    "one line": XML.replace(b"\r\n", b""),
    "final newline": XML + b"\r\n\r\n",
    "leading blanks": b"\r\n  " + XML,
    "no declaration": XML.partition(b"\r\n")[2],
    "bom": b"\xef\xbb\xbf" + XML,
    "bom and blanks": b"\xef\xbb\xbf\r\n" + XML,
    "utf-16 with bom": XML.decode().encode("utf-16"),
    "utf-16-le": XML.decode().encode("utf-16-le"),
    "utf-16-be": XML.decode().encode("utf-16-be"),
    "utf-16-be with bom": "\ufeff".encode("utf-16-be") + XML.decode().encode("utf-16-be"),
    # .NET's StringWriter says utf-16 whatever is written in the end
    "says utf-16 but is utf-8": XML.replace(b'"1.0"', b'"1.0" encoding="utf-16"'),
    "says utf-8 but is utf-16": XML.decode().replace('"1.0"', '"1.0" encoding="utf-8"').encode("utf-16"),
    "default namespace": XML.replace(b"<VpnProfile ", b'<VpnProfile xmlns="http://schemas.example/vpn" '),
    "prefix": XML.replace(b"<VpnProfile ", b'<v:VpnProfile xmlns:v="urn:v" ')
    .replace(b"</VpnProfile", b"</v:VpnProfile")
    .replace(b"VpnServer>", b"v:VpnServer>"),
    "blanks": XML.replace(b"<VpnServer>", b"<VpnServer>\r\n   ").replace(b"</VpnServer>", b"\t </VpnServer>"),
    "separators": XML.replace(b"10.20.0.0/16,", b" 10.20.0.0/16;;\n ,").replace(b"10.20.0.4,", b"10.20.0.4 "),
    "comment": XML.replace(b"<VpnServer>wan.", b"<!-- x --><VpnServer>wan<!-- y -->."),
    "cdata": XML.replace(b"synthetic-hub", b"<![CDATA[synthetic-hub]]>"),
    "references": XML.replace(b"synthetic-hub", b"&#115;ynthetic&#x2d;hub"),
    "lists as elements": XML.replace(
        b"10.20.0.0/16,10.21.0.0/24", b"<string>10.20.0.0/16</string><string>10.21.0.0/24</string>"
    ),
    "twice the same": XML.replace(b"  <VnetName>", b"  <VnetName>synthetic-hub</VnetName>\r\n  <VnetName>"),
    "wrapped base64": XML.replace(base64.b64encode(OLD.der), base64.encodebytes(OLD.der).replace(b"\n", b"\r\n      ")),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_same_settings_in_another_dress(name: str) -> None:
    assert ENCODINGS[name] != XML
    assert settings(ENCODINGS[name]) == settings(XML)


def test_names_outside_ascii() -> None:
    xml = settings_xml([OLD.der], vnet_name="Büro-北京 <&>")
    assert settings(xml)["vnet_name"] == "Büro-北京 <&>"  # written as character references
    raw = xml.replace(b"B&#252;ro", "Büro".encode())
    assert settings(raw)["vnet_name"] == "Büro-北京 <&>"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert settings(raw.decode().encode(encoding))["vnet_name"] == "Büro-北京 <&>"


def test_a_deep_element_that_nobody_knows_is_kept() -> None:
    deep = b"<a>" * 10 + b"x" + b"</a>" * 10
    assert settings(XML.replace(b"</VpnProfile>", deep + b"</VpnProfile>"))["unknown_elements"] == {"a": ["x"]}


# --- refused


@pytest.mark.parametrize(
    "more",
    [b"<a>" * 17, b"<a>" * 100_000 + b"</a>" * 100_000, b"<a/>" * 2000, b"".join(b"<a%d/>" % n for n in range(2000))],
)
def test_a_tree_that_is_too_deep_or_too_wide(more: bytes) -> None:
    text = refusal(package(XML.replace(b"</VpnProfile>", more + b"</VpnProfile>")))
    assert "has more elements, or deeper ones, than any of Azure's" in text


def test_more_routes_than_can_be_meant() -> None:
    routes = ",".join(f"10.{number}" for number in range(vpnsettings.ITEMS_LIMIT + 1)).encode()
    text = refusal(package(XML.replace(b"10.20.0.0/16", routes)))
    assert "lists 5002 Routes" in text


@pytest.mark.parametrize("character", ["\x7f", "\x80", "\x85", "\x9b"])
def test_control_characters(character: str) -> None:
    xml = XML.replace(b"synthetic-hub", f"synthetic{character}hub".encode())
    assert "holds control characters" in refusal(package(xml))


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE VpnProfile [<!ENTITY a "'
    + b"x" * 1000
    + b'"><!ENTITY b "'
    + b"&a;" * 1000
    + b'"><!ENTITY c "'
    + b"&b;" * 1000
    + b'">]><VpnProfile><VpnServer>&c;</VpnServer></VpnProfile>'
)


@pytest.mark.parametrize(
    "xml",
    [
        BILLION_LAUGHS,
        XML.replace(b"<VpnProfile ", b"<!DOCTYPE VpnProfile>\r\n<VpnProfile "),
        XML.replace(b"<VpnProfile ", b'<!DOCTYPE VpnProfile SYSTEM "file:///etc/passwd">\r\n<VpnProfile '),
        XML.replace(b"<VpnProfile ", b'<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/passwd">]>\r\n<VpnProfile ').replace(
            b"synthetic-hub", b"&x;"
        ),
        BILLION_LAUGHS.decode().encode("utf-16"),
    ],
)
def test_a_dtd_is_refused_before_anything_is_expanded(xml: bytes) -> None:
    assert "document type declaration" in refusal(package(xml))


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"not XML",
        XML[:-1],
        XML[: len(XML) // 2],
        XML + b"<more/>",
        XML.replace(b"</VnetName>", b"</Other>"),
        XML.replace(b"synthetic-hub", b"a & b"),
        XML.replace(b"synthetic-hub", b"&undefined;"),
        XML.replace(b"synthetic-hub", b"\0"),
        XML.replace(b"<VnetName>", b"<p:VnetName>").replace(b"</VnetName>", b"</p:VnetName>"),
    ],
)
def test_broken_xml(xml: bytes) -> None:
    text = refusal(package(xml))
    assert "Generic/VpnSettings.xml is not well-formed XML (line " in text


@pytest.mark.parametrize("xml", [b"\xff" + XML, b"\xfe\xff\x00", XML.replace(b"synthetic-hub", b"B\xfcro")])
def test_neither_utf_8_nor_utf_16(xml: bytes) -> None:
    assert "neither UTF-8 nor UTF-16" in refusal(package(xml))


@pytest.mark.parametrize("xml", [b"<html/>", b"<AzVpnProfile><VpnProfile/></AzVpnProfile>", b"<vpnprofile/>"])
def test_another_xml_file(xml: bytes) -> None:
    assert "root element is not VpnProfile" in refusal(package(xml))


def test_two_server_names() -> None:
    twice = XML.replace(b"  <VpnServer>", b"  <VpnServer>a.vpn.azure.com</VpnServer>\r\n  <VpnServer>")
    assert "2 different values of VpnServer" in refusal(package(twice))
