# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generating a profile, polling, downloading: the SDK against every documented way of answering."""

from __future__ import annotations

import io
import subprocess
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.azure import certificates, faults


@pytest.fixture
def core() -> Any:
    return pytest.importorskip(
        "azure.core.exceptions", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
    )


def wan_profile(world: SimpleNamespace, sdk: Any, **options: Any) -> Any:
    models = pytest.importorskip("azure.mgmt.network.models")
    parameters = models.VirtualWanVpnProfileParameters(
        vpn_server_configuration_resource_id=world.used.id, authentication_method="EAPTLS"
    )
    call = sdk.begin_generatevirtualwanvpnserverconfigurationvpnprofile
    return call("rg-vpn", "wan1", parameters, **options).result(timeout=20)


def hub_profile(sdk: Any, gateway: str = "gw1") -> Any:
    models = pytest.importorskip("azure.mgmt.network.models")
    parameters = models.P2SVpnProfileParameters(authentication_method="EAPTLS")
    return sdk.p2_svpn_gateways.begin_generate_vpn_profile("rg-vpn", gateway, parameters).result(timeout=20)


def download(raw: Any, url: str) -> zipfile.ZipFile:
    status, body, headers = raw("GET", url, version=None, token=None)
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    return zipfile.ZipFile(io.BytesIO(body))


def settings(archive: zipfile.ZipFile) -> ElementTree.Element:
    return ElementTree.fromstring(archive.read("Generic\\VpnSettings.xml"))


def roots_of(archive: zipfile.ZipFile) -> list[str]:
    return [item.text or "" for item in settings(archive).findall("CaCerts/string")]


def test_global_and_hub_packages(world: SimpleNamespace, sdk: Any, raw: Any, tmp_path: Path) -> None:
    """The global package names the root of one hub only; each hub's own package has its own."""
    wan = download(raw, wan_profile(world, sdk).profile_url)
    hubs = [download(raw, hub_profile(sdk, name).profile_url) for name in ("gw1", "gw2")]
    assert settings(wan).findtext("VpnServer") == world.wan.profile.vpn_server
    assert settings(wan).findtext("Routes") == "10.21.0.0/16,10.22.0.0/16"
    assert settings(wan).findtext("VpnType") == "IkeV2"
    assert roots_of(wan) == roots_of(hubs[0]) != roots_of(hubs[1])
    assert settings(hubs[1]).findtext("VpnServer") == world.gateways[1].profile.vpn_server
    assert settings(hubs[1]).findtext("VpnClientAddressPool") == "172.31.2.0/24"
    der = tmp_path / "root.der"
    der.write_bytes(wan.read("Generic\\VpnServerRoot.cer_0"))
    command = ["openssl", "x509", "-inform", "DER", "-in", der, "-noout", "-subject"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Gateway Root 1" in shown
    assert world.azure.writes == []
    assert world.azure.leaks == []


def test_two_downloads_of_one_state(world: SimpleNamespace, sdk: Any, raw: Any) -> None:
    urls = [wan_profile(world, sdk).profile_url for _time in range(2)]
    assert urls[0] != urls[1]
    first, second = (download(raw, url) for url in urls)
    assert first.infolist()[0].date_time != second.infolist()[0].date_time
    assert {n: first.read(n) for n in first.namelist()} == {n: second.read(n) for n in second.namelist()}


@pytest.mark.parametrize("headers", ["both", "location", "direct"])
def test_ways_of_answering(world: SimpleNamespace, sdk: Any, headers: str) -> None:
    world.azure.faults.add("generate", faults.operation(headers=headers, polls=2))
    assert wan_profile(world, sdk).profile_url.startswith("https://127.0.0.1:")


def test_status_url_alone_leaves_the_result_in_its_body(world: SimpleNamespace, sdk: Any, raw: Any) -> None:
    """With Azure-AsyncOperation alone the SDK finds no URL; the status body has it in properties.output."""
    world.azure.faults.add("generate", faults.operation(headers="async"))
    result = wan_profile(world, sdk)
    assert getattr(result, "profile_url", None) is None
    polled = [record for record in world.azure.requests if "/operations/" in record.path]
    _status, content, _headers = raw("GET", f"{polled[-1].path}?{polled[-1].query}", version=None)
    assert content["properties"]["output"]["profileUrl"].startswith("https://127.0.0.1:")


def test_wire_form(world: SimpleNamespace, raw: Any) -> None:
    """202 with the four bytes `null`, both headers; `null` again while it runs; CRLF in what comes last."""
    azure = world.azure
    azure.plan.retry_after = 7
    path = f"{world.gateways[0].id}/generatevpnprofile"
    status, content, headers = raw("POST", path, {})
    assert (status, content, headers["Content-Length"], headers["Retry-After"]) == (202, None, "4", "7")
    assert "/operations/" in headers["Azure-AsyncOperation"]
    status, content, polled = raw("GET", headers["Location"], version=None)
    assert (status, content, polled["Retry-After"]) == (202, None, "7")
    status, content, _headers = raw("GET", headers["Location"], version=None)
    assert (status, list(content)) == (200, ["profileUrl"])
    query = content["profileUrl"].partition("?")[2]
    assert [part.partition("=")[0] for part in query.split("&")] == [
        "sv",
        "sr",
        "sig",
        "st",
        "se",
        "sp",
        "fileExtension",
    ]
    assert content["profileUrl"] in azure.secrets


def test_retry_after_is_obeyed(world: SimpleNamespace, sdk: Any) -> None:
    world.azure.faults.add("generate", faults.slow(polls=1, retry_after=1))
    begin = time.monotonic()  # the first poll follows at once, the second after Retry-After
    wan_profile(world, sdk)
    assert 0.9 < time.monotonic() - begin < 3


@pytest.mark.parametrize(
    ("fault", "code"), [(faults.failed("GatewayBusy", "Later."), "GatewayBusy"), (faults.cancelled(), "Canceled")]
)
def test_failed_and_cancelled(world: SimpleNamespace, sdk: Any, core: Any, fault: faults.Fault, code: str) -> None:
    """The news comes with HTTP status 200."""
    world.azure.faults.add("generate", fault)
    with pytest.raises(core.HttpResponseError) as failed:
        wan_profile(world, sdk)
    assert failed.value.error.code == code
    assert failed.value.status_code == 200


def test_a_failed_operation_with_location_alone(world: SimpleNamespace, raw: Any) -> None:
    world.azure.faults.add("generate", faults.operation(headers="location", polls=0, outcome="Failed"))
    _status, _content, headers = raw("POST", f"{world.gateways[0].id}/generatevpnprofile", {})
    status, content, _headers = raw("GET", headers["Location"], version=None)
    assert (status, content["error"]["code"]) == (400, "InternalServerError")


def test_expired_and_wrong_urls(world: SimpleNamespace, sdk: Any, raw: Any) -> None:
    world.azure.faults.add("generate", faults.expired_sas())
    status, body, headers = raw("GET", wan_profile(world, sdk).profile_url, version=None, token=None)
    assert (status, headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert body.startswith(b"\xef\xbb\xbf<?xml")
    assert b"Signature not valid in the specified time frame" in body
    assert ElementTree.fromstring(body).findtext("Code") == "AuthenticationFailed"
    url = wan_profile(world, sdk).profile_url
    assert raw("GET", url.replace("sig=", "sig=x"), version=None, token=None)[0] == 403
    assert raw("GET", url.partition("?")[0], version=None, token=None)[0] == 404
    status, _body, headers = raw("GET", url.replace("/vpnclient", "/another"), version=None, token=None)
    assert (status, headers["x-ms-error-code"]) == (404, "BlobNotFound")
    assert raw("GET", url, version=None)[0] == 403
    assert len(world.azure.leaks) == 1


def test_a_configuration_that_cannot_be_packed(world: SimpleNamespace, raw: Any) -> None:
    path = f"{world.wan.id}/generateVpnProfile"
    for body, code in (
        ({}, "InvalidResourceReference"),
        ({"vpnServerConfigurationResourceId": world.wan.id}, "InvalidResourceReference"),
        ({"vpnServerConfigurationResourceId": world.unused.id}, "VpnServerConfigurationNotAssociatedWithVirtualWan"),
        (
            {"vpnServerConfigurationResourceId": world.used.id, "authenticationMethod": "Certificate"},
            "InvalidRequestFormat",
        ),
        ({"vpnServerConfigurationResourceId": world.used.id, "method": "EAPTLS"}, "InvalidRequestFormat"),
    ):
        status, content, _headers = raw("POST", path, body)
        assert (status, content["error"]["code"]) == (400, code)
    world.gateways[0].properties["p2SConnectionConfigurations"] = []
    status, content, _headers = raw("POST", f"{world.gateways[0].id}/generateVpnProfile", {})
    assert (status, content["error"]["code"]) == (400, "VpnClientAddressPoolNotSpecified")


def test_without_ikev2_there_is_no_generic_folder(world: SimpleNamespace, sdk: Any, raw: Any) -> None:
    world.used.properties["vpnProtocols"] = ["OpenVPN"]
    names = download(raw, wan_profile(world, sdk).profile_url).namelist()
    assert not [name for name in names if name.startswith("Generic")]
    assert "OpenVPN\\vpnconfig.ovpn" in names


def test_generation_1_and_a_second_root(
    world: SimpleNamespace, sdk: Any, raw: Any, gateway_roots: list[certificates.Identity]
) -> None:
    profile = world.gateways[0].profile
    profile.roots = [root.certificate for root in gateway_roots]
    assert len(roots_of(download(raw, hub_profile(sdk).profile_url))) == 2
    profile.generation = 1
    assert settings(download(raw, hub_profile(sdk).profile_url)).findtext("CaCert", "").startswith("MI")
