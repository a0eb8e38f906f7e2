# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PUT of a User VPN configuration may hold, and what a GET shows of it.

Types and names: Azure/azure-rest-api-specs, Microsoft.Network, VpnServerConfiguration; defaults and member order: the
recordings `test_azure_vpn_server_config_*` in Azure/azure-cli-extensions.
"""

from __future__ import annotations

import base64
import binascii
import copy
import datetime
import re
from typing import Any

from cryptography import x509

from . import errors
from .state import Resource

Json = dict[str, Any]

REGIONS = ("westeurope", "northeurope")
_TOP = {"id", "name", "type", "location", "tags", "etag", "properties"}
_READ_ONLY = {"provisioningState", "p2SVpnGateways", "name", "etag"}
_ENUMERATIONS = {
    "vpnProtocols": ("VpnGatewayTunnelingProtocol", {"IkeV2", "OpenVPN"}),
    "vpnAuthenticationTypes": ("VpnAuthenticationType", {"Certificate", "Radius", "AAD"}),
}
_ITEMS: dict[str, tuple[str, set[str]]] = {
    "vpnClientRootCertificates": ("VpnServerConfigVpnClientRootCertificate", {"name", "publicCertData"}),
    "vpnClientRevokedCertificates": ("VpnServerConfigVpnClientRevokedCertificate", {"name", "thumbprint"}),
    "radiusServers": ("RadiusServer", {"radiusServerAddress", "radiusServerScore", "radiusServerSecret"}),
    "radiusServerRootCertificates": ("VpnServerConfigRadiusServerRootCertificate", {"name", "publicCertData"}),
    "radiusClientRootCertificates": ("VpnServerConfigRadiusClientRootCertificate", {"name", "thumbprint"}),
}
_GCM = {"GCMAES128", "GCMAES256"}
_AES = {"DES", "DES3", "AES128", "AES192", "AES256"}
_POLICY: dict[str, set[str] | None] = {
    "saLifeTimeSeconds": None,
    "saDataSizeKilobytes": None,
    "ipsecEncryption": _AES | _GCM | {"None", "GCMAES192"},
    "ipsecIntegrity": _GCM | {"MD5", "SHA1", "SHA256", "GCMAES192"},
    "ikeEncryption": _AES | _GCM,
    "ikeIntegrity": _GCM | {"MD5", "SHA1", "SHA256", "SHA384"},
    "dhGroup": {"None", "DHGroup1", "DHGroup2", "DHGroup14", "DHGroup2048", "ECP256", "ECP384", "DHGroup24"},
    "pfsGroup": {"None", "PFS1", "PFS2", "PFS2048", "ECP256", "ECP384", "PFS24", "PFS14", "PFSMM"},
}
_SCALARS = {"radiusServerAddress": str, "radiusServerSecret": str, "aadAuthenticationParameters": dict}
_OTHER_LISTS = {"configurationPolicyGroups", "vpnClientIpsecPolicies"}
KNOWN = set(_ENUMERATIONS) | set(_ITEMS) | set(_SCALARS) | _OTHER_LISTS | _READ_ONLY


def defaults() -> Json:
    """What the service fills in, in the order in which it answers."""
    return {
        "provisioningState": "Succeeded",
        "vpnProtocols": ["OpenVPN", "IkeV2"],
        "vpnAuthenticationTypes": ["Certificate"],
        "vpnClientRootCertificates": [],
        "vpnClientRevokedCertificates": [],
        "radiusServers": [],
        "radiusServerRootCertificates": [],
        "radiusClientRootCertificates": [],
        "aadAuthenticationParameters": {},
        "configurationPolicyGroups": [],
        "vpnClientIpsecPolicies": [],
    }


def accepted(document: Any, current: Resource | None, resource_id: str) -> tuple[str, Json | None, Json]:
    """Check the body of a PUT; return location, tags and the properties to store.

    The whole object is replaced: what the body leaves out is gone, RADIUS secrets too. Base64 of a PEM file passes
    without a word (Azure/azure-cli issue 29123).
    """
    if not isinstance(document, dict):
        raise errors.invalid_request("InvalidJson", "The request body is not a JSON object.")
    _only(document, _TOP, "VpnServerConfiguration", "")
    location = document.get("location")
    if not isinstance(location, str) or not location:
        raise errors.front_door(400, "LocationRequired", "The location property is required for this definition.")
    if current is None:
        _check_new(resource_id.rpartition("/")[2], location)
    if current is not None and _plain(location) != _plain(current.location):
        text = (
            f"The resource '{current.name}' already exists in location '{current.location}'. A resource with the same "
            f"name cannot be created in location '{location}'. Please select a new resource name."
        )
        raise errors.front_door(409, "InvalidResourceLocation", text)
    tags = document.get("tags")
    _check_tags(tags)
    given = document.get("properties") or {}
    if not isinstance(given, dict):
        raise errors.wrong_value(given, "VpnServerConfigurationProperties", "properties")
    later = set(current.properties) if current is not None else set()
    _only(given, KNOWN | later, "VpnServerConfigurationProperties", "properties")
    _check_values(given)
    _check_certificates(given, resource_id)
    stored = defaults()
    stored |= {name: copy.deepcopy(value) for name, value in given.items() if value is not None}
    for name in _READ_ONLY:
        stored.pop(name, None)
    return location, tags, {"provisioningState": "Updating"} | stored


def shown(resource: Resource, gateways: list[Resource], *, with_secrets: bool = False) -> Json:
    """What a GET shows: no RADIUS secret (wording of the SDK's own documentation since 31.0), gateways by id."""
    document = resource.document()
    properties = document["properties"]
    if not with_secrets:
        properties.pop("radiusServerSecret", None)
        for item in properties.get("radiusServers", []):
            item.pop("radiusServerSecret", None)
    if gateways:
        properties["p2SVpnGateways"] = [{"id": gateway.id} for gateway in gateways]
    return document


def radius_secrets(resource: Resource) -> list[Json]:
    """The body of listRadiusSecrets."""
    found = []
    properties = resource.properties
    if properties.get("radiusServerSecret"):
        found.append(_secret(properties.get("radiusServerAddress"), properties["radiusServerSecret"]))
    for item in properties.get("radiusServers", []):
        if item.get("radiusServerSecret"):
            found.append(_secret(item.get("radiusServerAddress"), item["radiusServerSecret"]))
    return found


def _secret(address: str | None, secret: str) -> Json:
    return {"radiusServerAddress": address, "radiusServerSecret": secret}


def _only(given: Json, known: set[str], kind: str, path: str) -> None:
    for name in given:
        if name not in known:
            raise errors.unknown_member(name, kind, f"{path}.{name}".lstrip("."))


def _check_new(name: str, location: str) -> None:
    """Where it may lie, and how it may be called.

    Sources: Azure/azure-rest-api-specs pull request 8577 (the region); hashicorp/terraform-provider-azurerm issue 21093
    and rh-mobb/documentation pull request 204 (the name).
    """
    if _plain(location) not in REGIONS:
        text = (
            f"The provided location '{location}' is not available for resource type 'Microsoft.Network/"
            f"vpnServerConfigurations'. List of available regions for the resource type is '{','.join(REGIONS)}'."
        )
        raise errors.front_door(400, "LocationNotAvailableForResourceType", text)
    if len(name) > 80 or not re.fullmatch(r"[A-Za-z0-9]([\w.-]*\w)?", name, re.ASCII):
        text = (
            f"Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word "
            "character, and it must end with a word character or with '_'. The name may contain word characters or "
            "'.', '-', '_'."
        )
        raise errors.AzureError(400, "InvalidResourceName", text)


def _check_tags(tags: Any) -> None:
    """Source: "Use tags to organize your Azure resources", limitations. The code for names is a guess."""
    if tags is None:
        return
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise errors.wrong_value(tags, "tags", "tags")
    if reserved := [name for name in tags if re.search(r"[<>%&\\?/]", name)]:
        text = f"The tag names '{','.join(reserved)}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
        raise errors.front_door(400, "InvalidTagNameCharacters", text)
    lower = [name.lower() for name in tags]
    if twice := [name for name in tags if lower.count(name.lower()) > 1]:
        text = f"The tags '{','.join(twice)}' are duplicates: the names of tags compare without case."
        raise errors.front_door(400, "InvalidRequestContent", text)


def _check_values(given: Json) -> None:
    for name, (kind, allowed) in _ENUMERATIONS.items():
        for index, value in enumerate(_list(given, name)):
            if value not in allowed:
                raise errors.wrong_value(value, kind, f"properties.{name}[{index}]")
    for name, (kind, known) in _ITEMS.items():
        for index, item in enumerate(_list(given, name)):
            path = f"properties.{name}[{index}]"
            if not isinstance(item, dict):
                raise errors.wrong_value(item, kind, path)
            _only(item, known, kind, path)
    for name, wanted in _SCALARS.items():
        if given.get(name) is not None and not isinstance(given[name], wanted):
            raise errors.wrong_value(given[name], wanted.__name__, f"properties.{name}")
    _list(given, "configurationPolicyGroups")
    for index, policy in enumerate(_list(given, "vpnClientIpsecPolicies")):
        _check_policy(policy, f"properties.vpnClientIpsecPolicies[{index}]")


def _check_policy(policy: Any, path: str) -> None:
    if not isinstance(policy, dict):
        raise errors.wrong_value(policy, "IpsecPolicy", path)
    _only(policy, set(_POLICY), "IpsecPolicy", path)
    for name, allowed in _POLICY.items():
        if name not in policy:
            raise errors.invalid_request("InvalidJson", f"Required property '{name}' not found in JSON. Path '{path}'.")
        value = policy[name]
        fits = isinstance(value, int) if allowed is None else value in allowed
        if not fits:
            raise errors.wrong_value(value, name, f"{path}.{name}")


def _check_certificates(given: Json, resource_id: str) -> None:
    names: dict[str, set[str]] = {}
    for member in ("vpnClientRootCertificates", "vpnClientRevokedCertificates"):
        for item in _list(given, member):
            name = item.get("name")
            if not isinstance(name, str) or not name:
                raise errors.invalid_request("InvalidJson", f"Required property 'name' not found. Path '{member}'.")
            if name.lower() in names.setdefault(member, set()):
                text = f"Resource {resource_id} has two child resources with the same name ({name})."
                raise errors.invalid_request("DuplicateResourceName", text)
            names[member].add(name.lower())
    for item in _list(given, "vpnClientRootCertificates"):
        certificate = _certificate(item.get("publicCertData"))
        if certificate is _BROKEN_UPLOAD:
            continue
        if not isinstance(certificate, x509.Certificate):
            raise errors.certificate_invalid(resource_id, item["name"])
        if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
            raise errors.certificate_expired(resource_id, item["name"])


_BROKEN_UPLOAD = object()


def _certificate(data: Any) -> x509.Certificate | object | None:
    """The certificate in publicCertData. Line breaks inside the base64 are taken, and given back as they came."""
    if not isinstance(data, str):
        return None
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if decoded.lstrip().startswith(b"-----BEGIN"):
        return _BROKEN_UPLOAD
    try:
        return x509.load_der_x509_certificate(decoded)
    except ValueError:
        return None


def _list(given: Json, name: str) -> list[Any]:
    value = given.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise errors.wrong_value(value, "List", f"properties.{name}")
    return value


def _plain(location: str) -> str:
    """`West Europe` and `westeurope` are one place."""
    return location.replace(" ", "").lower()
