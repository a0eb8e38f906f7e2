# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package that a generated profile's URL leads to: the bytes of the ZIP, made from the lab's state."""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .state import Profile, Resource

_AUTH = {"EAPTLS": "EAPTLS", "EAPMSCHAPv2": "EAPMSCHAPV2"}  # the file spells the second one in capitals


def build(
    profile: Profile, configuration: Resource, gateways: list[Resource], pools: list[str], authentication_method: str
) -> bytes:
    """Write the ZIP: backslashes in member names, the moment of generation as member time, no directories."""
    dns: list[str] = []
    for gateway in gateways:
        dns += [server for server in gateway.properties.get("customDnsServers", []) if server not in dns]
    protocols = configuration.properties.get("vpnProtocols", [])
    aad = configuration.properties.get("aadAuthenticationParameters") or {}
    rows = [
        ("VpnServer", profile.vpn_server),
        ("VpnType", ",".join(protocols)),
        *_roots(profile),
        ("Routes", ",".join(profile.routes)),
        ("Auth", _AUTH[authentication_method]),
        ("VnetName", profile.vnet_name),
        ("VnetId", profile.vnet_id),
        *_names(profile),
        ("VpnClientAddressPool", ",".join(pools)),
        ("AadIssuer", aad.get("aadIssuer", "")),
        ("AadTenant", aad.get("aadTenant", "")),
        ("AadAudience", aad.get("aadAudience", "")),
        ("CustomDnsServers", ",".join(dns)),
        *profile.extra_elements.items(),
    ]
    members = {"Generic\\VpnSettings.xml": _xml(rows)}
    for index, root in enumerate(profile.roots):
        suffix = ".cer" if profile.generation == 1 and index == 0 else f".cer_{index}"
        members[f"Generic\\VpnServerRoot{suffix}"] = root.public_bytes(Encoding.DER)
    if "OpenVPN" in protocols:
        members["OpenVPN\\vpnconfig.ovpn"] = f"client\r\nremote {profile.vpn_server} 443\r\n".encode()
    return _zip(members)


def _roots(profile: Profile) -> list[tuple[str, str | list[str]]]:
    encoded = [base64.b64encode(root.public_bytes(Encoding.DER)).decode() for root in profile.roots]
    return [("CaCert", encoded[0])] if profile.generation == 1 else [("CaCerts", encoded)]


def _names(profile: Profile) -> list[tuple[str, str | list[str]]]:
    """Both lists hold the roots' own names, as every public sample does."""
    names = [_common_name(root) for root in profile.roots]
    if profile.generation == 1:
        return [("ServerCertRootCn", names[0]), ("ServerCertIssuerCn", names[0])]
    return [("ServerCertsRootCn", names), ("ServerCertsIssuerCn", names)]


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _xml(rows: list[tuple[str, str | list[str]]]) -> bytes:
    lines = [
        '<?xml version="1.0"?>',
        '<VpnProfile xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
    ]
    for name, value in rows:
        if isinstance(value, list):
            lines += [f"  <{name}>", *(f"    <string>{escape(item)}</string>" for item in value), f"  </{name}>"]
        elif value:
            lines.append(f"  <{name}>{escape(value)}</{name}>")
        else:
            lines.append(f"  <{name} />")
    return "\r\n".join([*lines, "</VpnProfile>"]).encode()


def _zip(members: dict[str, bytes]) -> bytes:
    now = datetime.now(UTC)
    moment = (now.year, now.month, now.day, now.hour, now.minute, now.second)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, moment)
            info.create_system = 0
            info.external_attr = 0
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()
