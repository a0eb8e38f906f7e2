# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic profile packages, byte for byte in the form that Azure's are known to have.

Written from what has been seen in real packages, and on purpose with nothing in common with the reader in
plugins/module_utils/_package, so that the two check each other (not even Python's zipfile serves here, it cannot leave
the Unix mode of a member empty). The form:

* ZIP: backslashes in names, no directory entries, deflate, made by FAT (0) with version 2.0, no flags, no external
  attributes, no comment; first VpnSettings.xml, then the roots, then the rest; all times are that of the generation;
* XML: no encoding named, ASCII, no BOM, CRLF, no newline at the end, two blanks of indent, a blank in `<Empty />`.

Names, ids and certificates are invented. No public sample of a Virtual WAN package exists; that it has list elements,
a `wan.` name and IkeV2 alone is an assumption.
"""

from __future__ import annotations

import base64
import functools
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

WAN_SERVER = "wan.synthetic0000000000000000.vpn.azure.com"
HUB_SERVER = "hub0.synthetic0000000000000000.vpn.azure.com"
VNET_SERVER = "azuregateway-11111111-2222-4333-8444-555555555555-0a1b2c3d4e5f.vpn.azure.com"

ROUTES = ("10.20.0.0/16", "10.21.0.0/24")
GENERATED = datetime(2026, 11, 2, 9, 14, 38)

# Azure's installers, which no Mac needs, are about 200 KB each.
WINDOWS_FILES = {
    "WindowsAmd64\\VpnClientSetupAmd64.exe": b"SYNTHETIC, not a program (amd64)\r\n" * 6000,
    "WindowsX86\\VpnClientSetupX86.exe": b"SYNTHETIC, not a program (x86)\r\n" * 6000,
    "WindowsPowershell\\VpnProfileSetup.ps1": b"# SYNTHETIC, not a script\r\n",
}
OPENVPN_FILES = {
    "OpenVPN\\vpnconfig.ovpn": b"# SYNTHETIC, not a configuration\r\n",
    "AzureVPN\\azurevpnconfig.xml": b"<SYNTHETIC />",
}


@dataclass(frozen=True)
class GatewayRoot:
    """A self-signed root as Microsoft's gateways have one, with its key: it can sign a lab gateway's certificate."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


@functools.cache
def gateway_root(
    common_name: str = "Synthetic Test Root",
    *,
    not_before: datetime = datetime(2020, 1, 1, tzinfo=UTC),
    not_after: datetime = datetime(2040, 1, 1, tzinfo=UTC),
) -> GatewayRoot:
    """The RSA 2048 root with this name and validity; within one process always the same."""
    key = _root_key(common_name)
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Synthetic"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return GatewayRoot(certificate, key)


@functools.cache
def _root_key(common_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def settings_xml(
    roots: Sequence[bytes] = (),
    *,
    vpn_server: str = WAN_SERVER,
    generation: int = 2,
    vpn_type: str = "IkeV2",
    auth: str = "EAPTLS",
    routes: Sequence[str] = ROUTES,
    dns: Sequence[str] = (),
    pool: Sequence[str] = ("172.31.250.0/24",),
    vnet_name: str = "synthetic-hub",
    vnet_id: str = "66666666-7777-4888-8999-aaaaaaaaaaaa",
    extra_elements: Mapping[str, str] | None = None,
    omit: Collection[str] = (),
) -> bytes:
    """VpnSettings.xml with these DER roots. `omit` leaves elements out, as the oldest packages do (OLDEST_LACKS)."""
    encoded = [base64.b64encode(root).decode("ascii") for root in roots]
    names = [_common_name(root) for root in roots]
    if generation == 1:
        elements: list[tuple[str, str | list[str]]] = [
            ("CaCert", "".join(encoded[:1])),
            ("ServerCertRootCn", "".join(names[:1])),
            ("ServerCertIssuerCn", "".join(names[:1])),
        ]
    else:
        elements = [("CaCerts", encoded), ("ServerCertsRootCn", names), ("ServerCertsIssuerCn", names)]
    ca_certs, root_cn, issuer_cn = elements
    lines = [
        '<?xml version="1.0"?>',
        '<VpnProfile xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
    ]
    for name, value in (
        ("VpnServer", vpn_server),
        ("VpnType", vpn_type),
        ca_certs,
        ("Routes", ",".join(routes)),
        ("Auth", auth),
        ("VnetName", vnet_name),
        ("VnetId", vnet_id),
        root_cn,
        issuer_cn,
        ("VpnClientAddressPool", ",".join(pool)),
        ("AadIssuer", ""),
        ("AadTenant", ""),
        ("AadAudience", ""),
        ("CustomDnsServers", ",".join(dns)),
        *(extra_elements or {}).items(),
    ):
        if name not in omit:
            lines += _element(name, value)
    lines.append("</VpnProfile>")
    return "\r\n".join(lines).encode("ascii", "xmlcharrefreplace")


OLDEST_LACKS = ("VpnClientAddressPool", "AadIssuer", "AadTenant", "AadAudience", "CustomDnsServers")


def build_package(
    roots: Sequence[bytes],
    *,
    vpn_server: str = WAN_SERVER,
    generation: int = 2,
    vpn_type: str = "IkeV2",
    auth: str = "EAPTLS",
    routes: Sequence[str] = ROUTES,
    dns: Sequence[str] = (),
    pool: Sequence[str] = ("172.31.250.0/24",),
    extra_elements: Mapping[str, str] | None = None,
    omit: Collection[str] = (),
    cer_suffix: str | None = None,
    file_roots: Sequence[bytes] | None = None,
    xml: bytes | None = None,
    generic: bool | None = None,
    windows: bool = True,
    extra: Mapping[str, bytes] | None = None,
    when: datetime = GENERATED,
) -> bytes:
    """A package that trusts these DER roots.

    * `generation` 1 has scalar elements (one root) and `.cer`, 2 has lists and `.cer_0`, `.cer_1`, ...; `cer_suffix`
      sets what follows `.cer`, with `{}` for the number of the root;
    * `file_roots` are the contents of the root files when they are to differ from the roots in the XML;
    * `xml` replaces the whole VpnSettings.xml;
    * `generic` says whether there is a Generic folder; by default there is one when `vpn_type` has IkeV2;
    * `windows` leaves out the Windows files, which are most of the bytes; `extra` adds members.
    """
    if xml is None:
        xml = settings_xml(
            roots,
            vpn_server=vpn_server,
            generation=generation,
            vpn_type=vpn_type,
            auth=auth,
            routes=routes,
            dns=dns,
            pool=pool,
            extra_elements=extra_elements,
            omit=omit,
        )
    suffix = cer_suffix if cer_suffix is not None else ("" if generation == 1 else "_{}")
    types = vpn_type.lower().split(",")
    members: dict[str, bytes] = {}
    if generic if generic is not None else "ikev2" in types:
        members["Generic\\VpnSettings.xml"] = xml
        for number, root in enumerate(roots if file_roots is None else file_roots):
            members["Generic\\VpnServerRoot.cer" + suffix.format(number)] = root
    if "openvpn" in types:
        members |= OPENVPN_FILES
    if windows:
        members |= WINDOWS_FILES
    return zip_like_azure(members | dict(extra or {}), when)


def zip_like_azure(members: Mapping[str, bytes], when: datetime = GENERATED) -> bytes:
    """A ZIP of these members, in this order, with the header values of Azure's (PKWARE's APPNOTE.TXT, 4.3)."""
    time = when.hour << 11 | when.minute << 5 | when.second // 2
    date = (when.year - 1980) << 9 | when.month << 5 | when.day
    body, directory = b"", b""
    for name, content in members.items():
        encoded = name.encode("ascii")
        packed = _deflate(content)
        common = struct.pack(
            "<HHHHHIIIHH", 20, 0, 8, time, date, zlib.crc32(content), len(packed), len(content), len(encoded), 0
        )
        directory += struct.pack("<IBB", 0x02014B50, 20, 0) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + encoded
        body += struct.pack("<I", 0x04034B50) + common + encoded + packed
    count = len(members)
    return body + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(body), 0)


def _deflate(content: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(content) + deflate.flush()


def _element(name: str, value: str | list[str]) -> list[str]:
    if isinstance(value, list):
        return [f"  <{name}>", *(f"    <string>{escape(item)}</string>" for item in value), f"  </{name}>"]
    return [f"  <{name}>{escape(value)}</{name}>" if value else f"  <{name} />"]


def _common_name(der: bytes) -> str:
    subject = x509.load_der_x509_certificate(der).subject
    return str(subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
