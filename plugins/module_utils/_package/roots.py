# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the gateway roots of a profile package.

A gateway root signs the certificate with which the VPN gateway shows itself to a Mac. It is Microsoft's; it is not
the client root that one uploads to Azure. The package carries it as base64 of DER in VpnSettings.xml and as a file
VpnServerRoot.cer* in DER; files in PEM are read, too, since people convert them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .errors import PackageError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True


@dataclass(frozen=True)
class GatewayRoot:
    """One root certificate; SHA-1 and SHA-256 of its DER in upper-case hex, as macOS's `security` prints them."""

    subject: str
    common_names: tuple[str, ...]
    sha1: str
    sha256: str
    not_after: datetime
    pem: str


def from_base64(text: str, where: str) -> GatewayRoot:
    """The root in an element of VpnSettings.xml; lines may be wrapped, otherwise the base64 must be strict."""
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PackageError(
            f"The gateway root in {where} is not valid base64; generate and download the package again."
        ) from None
    return from_bytes(content, where)


def from_bytes(content: bytes, where: str) -> GatewayRoot:
    """The one certificate in DER or PEM bytes."""
    if not HAS_CRYPTOGRAPHY:
        raise PackageError(
            "The Python package cryptography is missing on the controller: pip install 'cryptography>=42'."
        )
    try:
        return _describe(_certificate(content))
    except (ValueError, x509.InvalidVersion):
        raise PackageError(
            f"The gateway root in {where} is not one X.509 certificate; generate and download the package again."
        ) from None


def union(roots: Iterable[GatewayRoot]) -> tuple[GatewayRoot, ...]:
    """Each root once, in an order that does not depend on where it was found."""
    return tuple(sorted({root.sha256: root for root in roots}.values(), key=lambda root: root.sha256))


def _certificate(content: bytes) -> x509.Certificate:
    if content.startswith(b"0"):  # the tag of a DER sequence, 0x30
        return x509.load_der_x509_certificate(content)
    (certificate,) = x509.load_pem_x509_certificates(content)
    return certificate


def _describe(certificate: x509.Certificate) -> GatewayRoot:
    der = certificate.public_bytes(Encoding.DER)
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return GatewayRoot(
        subject=certificate.subject.rfc4514_string(),
        common_names=tuple(str(name.value) for name in names),
        sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        sha256=hashlib.sha256(der).hexdigest().upper(),
        not_after=certificate.not_valid_after_utc,
        pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
    )
