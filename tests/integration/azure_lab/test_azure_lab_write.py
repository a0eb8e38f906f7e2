# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PUT of a User VPN configuration: the documented rules and traps."""

from __future__ import annotations

import base64
import copy
import io
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, certificates, faults

GROUP = "/resourceGroups/rg-vpn/providers/Microsoft.Network"
POLICY = {
    "saLifeTimeSeconds": 27000,
    "saDataSizeKilobytes": 0,
    "ipsecEncryption": "GCMAES256",
    "ipsecIntegrity": "GCMAES256",
    "ikeEncryption": "AES256",
    "ikeIntegrity": "SHA256",
    "dhGroup": "DHGroup14",
    "pfsGroup": "PFS14",
}


def path(azure: AzureLab, name: str = "config1") -> str:
    return f"/subscriptions/{azure.subscription_id}{GROUP}/vpnServerConfigurations/{name}"


def root_item(identity: certificates.Identity, name: str) -> dict[str, str]:
    return {"name": name, "publicCertData": base64.b64encode(identity.der).decode()}


@pytest.fixture
def document(world: SimpleNamespace, raw: Any) -> dict[str, Any]:
    """What a GET shows of config1: the thing to edit and to put back."""
    _status, content, headers = raw("GET", path(world.azure))
    assert headers["ETag"] == content["etag"] == world.used.etag
    return content


def settle(azure: AzureLab, raw: Any, answer: tuple[int, Any, dict[str, str]]) -> dict[str, Any]:
    """Follow Azure-AsyncOperation to its end; return the last status body."""
    url = answer[2]["Azure-AsyncOperation"]
    for _poll in range(10):
        _status, content, _headers = raw("GET", url, version=None)
        if content["status"] != "InProgress":
            return content
    raise AssertionError("the operation never ends")


def test_the_sdk_edits_and_puts_back(
    world: SimpleNamespace, sdk: Any, gateway_roots: list[certificates.Identity]
) -> None:
    """GET, edit, PUT of the whole object with JSON bytes, which every SDK release takes."""
    before = world.used.etag
    document = world.used.document()
    document["properties"]["vpnClientRootCertificates"].append(root_item(gateway_roots[0], "another"))
    body = io.BytesIO(json.dumps(document).encode())
    poller = sdk.vpn_server_configurations.begin_create_or_update("rg-vpn", "config1", body)
    assert [item.name for item in poller.result().vpn_client_root_certificates] == ["root-1", "another"]
    assert world.used.etag != before
    assert world.used.properties["provisioningState"] == "Succeeded"
    assert [record.method for record in world.azure.writes] == ["PUT"]


def test_the_sdk_s_models_create(azure: AzureLab, sdk: Any, client_root: certificates.Identity) -> None:
    models = pytest.importorskip("azure.mgmt.network.models")
    parameters = models.VpnServerConfiguration(
        location="westeurope",
        vpn_protocols=["IkeV2"],
        vpn_client_root_certificates=[
            models.VpnServerConfigVpnClientRootCertificate(**_snake(root_item(client_root, "r")))
        ],
        vpn_client_ipsec_policies=[models.IpsecPolicy(**_snake(POLICY))],
    )
    made = sdk.vpn_server_configurations.begin_create_or_update("rg-vpn", "new", parameters).result()
    assert made.provisioning_state == "Succeeded"
    stored = azure.subscription.get("vpnServerConfigurations", "rg-vpn", "new")
    assert stored is not None
    assert stored.properties["vpnClientIpsecPolicies"] == [POLICY]
    assert stored.properties["vpnAuthenticationTypes"] == ["Certificate"]


def _snake(content: dict[str, Any]) -> dict[str, Any]:
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in content.items()}


def test_wire_form_of_a_put(azure: AzureLab, document: dict[str, Any], raw: Any) -> None:
    """As recorded: state Updating, Azure-AsyncOperation alone, and an etag that does not last."""
    status, content, headers = answer = raw("PUT", path(azure), document)
    assert (status, content["properties"]["provisioningState"]) == (200, "Updating")
    assert "Location" not in headers
    assert content["etag"] != document["etag"]
    _status, shown, _headers = raw("GET", path(azure, "CONFIG1"))
    assert shown["properties"]["provisioningState"] == "Updating"
    assert settle(azure, raw, answer) == {"status": "Succeeded"}
    _status, last, _headers = raw("GET", path(azure))
    assert last["properties"]["provisioningState"] == "Succeeded"
    assert last["etag"] not in (content["etag"], document["etag"])
    assert raw("PUT", path(azure, "brand-new"), {"location": "West Europe"})[0] == 201


def test_the_whole_object_is_replaced(world: SimpleNamespace, raw: Any) -> None:
    world.used.tags = {"owner": "me"}
    body = {"location": "westeurope", "properties": {"vpnProtocols": ["IkeV2"]}}
    settle(world.azure, raw, raw("PUT", path(world.azure), body))
    assert world.used.tags is None
    assert world.used.properties["vpnClientRootCertificates"] == []
    assert world.used.properties["vpnClientRevokedCertificates"] == []


def test_properties_of_a_later_version(world: SimpleNamespace, raw: Any) -> None:
    """What the service itself has shown goes back; what it does not know, does not."""
    azure = world.azure
    azure.add_server_configuration("later", futureProperty={"mode": 7})
    _status, content, _headers = raw("GET", path(azure, "later"))
    assert content["properties"]["futureProperty"] == {"mode": 7}
    assert raw("PUT", path(azure, "later"), content)[0] == 200
    content["properties"]["invented"] = True
    status, error, _headers = raw("PUT", path(azure, "later"), content)
    assert (status, error["error"]["code"]) == (400, "InvalidRequestFormat")
    assert "Could not find member 'invented'" in error["error"]["details"][0]["message"]


def test_read_only_members_are_ignored(world: SimpleNamespace, document: dict[str, Any], raw: Any) -> None:
    assert [item["id"] for item in document["properties"]["p2SVpnGateways"]] == [g.id for g in world.gateways]
    document["properties"]["p2SVpnGateways"] = []
    document["properties"]["provisioningState"] = "Failed"
    document["etag"] = 'W/"stale"'
    settle(world.azure, raw, raw("PUT", path(world.azure), document))
    _status, content, _headers = raw("GET", path(world.azure))
    assert len(content["properties"]["p2SVpnGateways"]) == 2
    assert content["properties"]["provisioningState"] == "Succeeded"


def test_base64_of_pem_is_accepted_without_a_word(
    world: SimpleNamespace, document: dict[str, Any], raw: Any, gateway_roots: list[certificates.Identity]
) -> None:
    broken = base64.b64encode(gateway_roots[0].certificate_pem).decode()
    document["properties"]["vpnClientRootCertificates"] = [{"name": "r", "publicCertData": broken}]
    settle(world.azure, raw, raw("PUT", path(world.azure), document))
    assert world.used.properties["vpnClientRootCertificates"][0]["publicCertData"].startswith("LS0tLS1CRUdJTi")


def test_line_breaks_are_kept(world: SimpleNamespace, document: dict[str, Any], raw: Any) -> None:
    item = document["properties"]["vpnClientRootCertificates"][0]
    item["publicCertData"] = "\n".join(item["publicCertData"][i : i + 64] for i in range(0, 2000, 64)).rstrip()
    assert raw("PUT", path(world.azure), document)[0] == 200
    assert "\n" in world.used.properties["vpnClientRootCertificates"][0]["publicCertData"]


def test_an_expired_root_fails_every_put(
    world: SimpleNamespace, document: dict[str, Any], raw: Any, expired_root: certificates.Identity, tmp_path: Path
) -> None:
    pem = certificates.write(tmp_path / "expired.pem", expired_root.certificate_pem)
    checked = subprocess.run(["openssl", "x509", "-in", pem, "-checkend", "0"], capture_output=True, check=False)
    assert checked.returncode == 1  # openssl agrees that it has expired
    before = copy.deepcopy(world.used.properties)
    document["properties"]["vpnClientRootCertificates"].append(root_item(expired_root, "old-root"))
    document["properties"]["vpnClientRevokedCertificates"].append({"name": "x", "thumbprint": "B" * 40})
    status, content, _headers = raw("PUT", path(world.azure), document)
    assert (status, content["error"]["code"]) == (400, "VpnServerConfigurationCertificateExpired")
    assert "certificate old-root is expired. Please remove this certificate" in content["error"]["message"]
    assert world.used.properties == before


def test_radius_secrets(world: SimpleNamespace, raw: Any) -> None:
    """Never in a GET; given by listRadiusSecrets; lost when a PUT leaves them out."""
    azure = world.azure
    servers = [{"radiusServerAddress": "10.0.0.9", "radiusServerScore": 10, "radiusServerSecret": "hush-hush-9"}]
    configuration = azure.add_server_configuration(
        "radius", auth=("Certificate", "Radius"), radiusServers=servers, radiusServerSecret="hush-hush-1"
    )
    assert {"hush-hush-9", "hush-hush-1"} <= azure.secrets
    _status, content, _headers = raw("GET", path(azure, "radius"))
    assert "hush" not in json.dumps(content)
    status, _content, _headers = raw("POST", path(azure, "radius") + "/listRadiusSecrets", version="2024-05-01")
    assert status == 404
    _status, listed, _headers = raw("POST", path(azure, "radius") + "/listRadiusSecrets", version="2025-05-01")
    assert [item["radiusServerSecret"] for item in listed["value"]] == ["hush-hush-1", "hush-hush-9"]
    assert azure.writes == []
    settle(azure, raw, raw("PUT", path(azure, "radius"), content))
    assert "hush" not in json.dumps(configuration.properties)


def test_etags(world: SimpleNamespace, document: dict[str, Any], raw: Any) -> None:
    azure = world.azure
    world.used.touch()
    status, content, _headers = raw("PUT", path(azure), document, headers={"If-Match": document["etag"]})
    assert (status, content["error"]["code"]) == (412, "PreconditionFailed")
    assert raw("PUT", path(azure), document, headers={"If-None-Match": "*"})[0] == 412
    assert raw("PUT", path(azure, "none"), document, headers={"If-Match": "*"})[0] == 412
    assert raw("PUT", path(azure), document, headers={"If-Match": world.used.etag})[0] == 200


def test_one_operation_at_a_time(world: SimpleNamespace, document: dict[str, Any], raw: Any) -> None:
    azure = world.azure
    azure.faults.add("put", faults.slow(polls=3))
    first = raw("PUT", path(azure), document)
    status, content, _headers = raw("PUT", path(azure), document)
    assert (status, content["error"]["code"]) == (409, "AnotherOperationInProgress")
    settle(azure, raw, first)
    assert raw("PUT", path(azure), document)[0] == 200


def test_an_operation_ends_without_its_client(world: SimpleNamespace, document: dict[str, Any], raw: Any) -> None:
    raw("PUT", path(world.azure), document)
    states = [raw("GET", path(world.azure))[1]["properties"]["provisioningState"] for _look in range(3)]
    assert states == ["Updating", "Succeeded", "Succeeded"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"vpnProtocols": ["IKEv2"]}, "InvalidJson"),
        ({"vpnProtocols": "IkeV2"}, "InvalidJson"),
        ({"vpnAuthenticationTypes": ["Password"]}, "InvalidJson"),
        ({"vpnClientRootCertificates": [{"name": "r", "properties": {"publicCertData": "MII"}}]}, "InvalidJson"),
        ({"vpnClientRootCertificates": ["MII"]}, "InvalidJson"),
        ({"vpnClientRootCertificates": [{"publicCertData": "MII"}]}, "InvalidJson"),
        ({"vpnClientRevokedCertificates": [{"name": "a"}, {"name": "A"}]}, "DuplicateResourceName"),
        ({"vpnClientIpsecPolicies": [{**POLICY, "dhGroup": "DHGroup20"}]}, "InvalidJson"),
        ({"vpnClientIpsecPolicies": [{"dhGroup": "DHGroup14"}]}, "InvalidJson"),
        ({"radiusServerAddress": 7}, "InvalidJson"),
        ({"aadAuthenticationParameters": []}, "InvalidJson"),
    ],
)
def test_bodies_that_do_not_fit(
    world: SimpleNamespace, document: dict[str, Any], raw: Any, change: dict[str, Any], code: str
) -> None:
    before = copy.deepcopy(world.used.properties)
    document["properties"] |= change
    status, content, _headers = raw("PUT", path(world.azure), document)
    assert (status, content["error"]["code"]) == (400, "InvalidRequestFormat")
    assert content["error"]["details"][0]["code"] == code
    assert world.used.properties == before


@pytest.mark.parametrize("data", ["not base64!", "AAAA", None, 5])
def test_certificates_that_are_none(world: SimpleNamespace, document: dict[str, Any], raw: Any, data: Any) -> None:
    document["properties"]["vpnClientRootCertificates"] = [{"name": "r", "publicCertData": data}]
    status, content, _headers = raw("PUT", path(world.azure), document)
    assert (status, content["error"]["code"]) == (400, "VpnServerConfigurationCertificateInvalid")


def test_bodies_that_are_none(world: SimpleNamespace, document: dict[str, Any], raw: Any) -> None:
    azure = world.azure
    assert raw("PUT", path(azure), b'{"location":')[1]["error"]["code"] == "InvalidRequestContent"
    assert raw("PUT", path(azure), b"")[1]["error"]["code"] == "InvalidRequestContent"
    assert raw("PUT", path(azure), [])[1]["error"]["code"] == "InvalidRequestFormat"
    assert raw("PUT", path(azure), {"properties": {}})[1]["error"]["code"] == "LocationRequired"
    assert raw("PUT", path(azure), {"location": "mars"})[1]["error"]["code"] == "InvalidResourceLocation"
    status, content, _headers = raw("PUT", path(azure), document, headers={"Content-Type": "text/plain"})
    assert (status, content["error"]["code"]) == (415, "UnsupportedMediaType")
    assert raw("PUT", path(azure).replace("vpnServerConfigurations", "virtualWans"), document)[0] == 501


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("new", {"location": "mars"}, "LocationNotAvailableForResourceType"),
        ("new", {"location": "West Europe"}, ""),
        ("x" * 80, {"location": "westeurope"}, ""),
        ("x" * 81, {"location": "westeurope"}, "InvalidResourceName"),
        ("new-", {"location": "westeurope"}, "InvalidResourceName"),
        ("new", {"location": "westeurope", "tags": {"a/b": "c"}}, "InvalidTagNameCharacters"),
        ("new", {"location": "westeurope", "tags": {"a": "1", "A": "2"}}, "InvalidRequestContent"),
        ("new", {"location": "westeurope", "tags": {"a": 1}}, "InvalidRequestFormat"),
    ],
)
def test_what_a_new_one_may_be(azure: AzureLab, raw: Any, name: str, body: dict[str, Any], code: str) -> None:
    azure.add_resource_group("rg-vpn")
    status, content, _headers = raw("PUT", path(azure, name), body)
    assert (status, content.get("error", {}).get("code", "")) == (400 if code else 201, code)
    assert bool(azure.subscription.of_kind("vpnServerConfigurations")) is not bool(code)


def test_patch_changes_tags_only(world: SimpleNamespace, raw: Any) -> None:
    status, content, _headers = raw("PATCH", path(world.azure), {"tags": {"a": "b"}})
    assert (status, content["tags"]) == (200, {"a": "b"})
    assert raw("PATCH", path(world.azure), {"properties": {}})[0] == 400


def test_delete(world: SimpleNamespace, raw: Any) -> None:
    assert raw("DELETE", path(world.azure, "config2"))[0] == 202
    assert raw("DELETE", path(world.azure, "config2"))[0] == 204
    assert raw("GET", path(world.azure, "config2"))[0] == 404
