# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: trusted roots and revoked thumbprints, as people give them and as Azure keeps them.

Azure keeps a root as `publicCertData`: base64 of the DER bytes, in one line, without BEGIN and END. It also accepts
base64 of a whole PEM file, answers `Succeeded`, and no client can ever connect (Azure/azure-cli issue 29123).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._errors import UserVpnError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

RSA_BITS = 2048
_PEM = b"-----BEGIN"


@dataclass(frozen=True)
class Certificate:
    """One X.509 certificate; SHA-1 and SHA-256 of its DER in upper-case hex."""

    der: bytes
    subject: str
    common_name: str
    sha1: str
    sha256: str
    not_before: datetime
    not_after: datetime

    @property
    def public_cert_data(self) -> str:
        return base64.b64encode(self.der).decode("ascii")

    @property
    def label(self) -> str:
        return f"{self.subject or 'a certificate without a name'} (SHA-1 {self.sha1})"


@dataclass(frozen=True)
class Stored:
    """A root as Azure keeps it. `certificate` is None when the data hold none; `broken` data hold a PEM text."""

    item: dict[str, Any]
    certificate: Certificate | None
    broken: bool

    @property
    def name(self) -> str:
        return str(self.item.get("name") or "")

    def status(self, now: datetime) -> str:
        if self.certificate is None:
            return "unreadable"
        if self.certificate.not_after <= now:
            return "expired"
        return "broken" if self.broken else "ok"


def from_user(content: bytes, where: str) -> Certificate:
    """The certificate in DER, PEM, or base64 of either. `where` names the place in messages."""
    _need_cryptography()
    certificate, _broken = _decode(content)
    if certificate is None:
        raise UserVpnError(
            f"{where} holds no certificate, or more than one: give exactly one, as PEM, DER, or base64 of DER."
        )
    return certificate


def from_azure(item: Any) -> Stored:
    """A member of vpnClientRootCertificates. Nothing in it is an error: it may have been there for years."""
    _need_cryptography()
    item = item if isinstance(item, dict) else {}
    certificate, broken = _decode(str(item.get("publicCertData") or "").encode("utf-8", "replace"))
    return Stored(item, certificate, broken)


def check_root(certificate: Certificate, where: str, now: datetime) -> tuple[str, ...]:
    """Warnings about a root that should be trusted; UserVpnError for one that Azure takes but no client could use."""
    parsed = x509.load_der_x509_certificate(certificate.der)
    try:
        for problem in _problems(parsed, certificate, now):
            raise UserVpnError(f"{where}, {certificate.label}, cannot be a trusted root: {problem}.")
        return tuple(f"{where}, {certificate.label}: {text}." for text in _doubts(parsed))
    except (ValueError, UnsupportedAlgorithm):  # an extension or a key that cannot be read
        raise UserVpnError(
            f"{where}, {certificate.label}, cannot be a trusted root: an extension or its key cannot be read."
        ) from None


def _decode(content: bytes) -> tuple[Certificate | None, bool]:
    """The one certificate in the bytes (or None), and whether they hold a PEM text where base64 of DER belongs."""
    if content[:1] == b"0":  # the tag of a DER sequence, 0x30; no base64 of a certificate starts so
        return _describe(content), False
    if _PEM in content:
        return _from_pem(content), True
    try:
        decoded = base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return None, False
    if _PEM in decoded:
        return _from_pem(decoded), True
    return _describe(decoded), False


def _from_pem(content: bytes) -> Certificate | None:
    try:
        found = x509.load_pem_x509_certificates(content)
    except (ValueError, x509.InvalidVersion):
        return None
    return _describe(found[0].public_bytes(Encoding.DER)) if len(found) == 1 else None


def _describe(der: bytes) -> Certificate | None:
    try:
        parsed = x509.load_der_x509_certificate(der)
        names = parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return Certificate(
            der=der,
            subject=parsed.subject.rfc4514_string(),
            common_name=str(names[0].value) if names else "",
            sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
            sha256=hashlib.sha256(der).hexdigest().upper(),
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
        )
    except (ValueError, x509.InvalidVersion):
        return None


def _problems(parsed: x509.Certificate, certificate: Certificate, now: datetime) -> Iterator[str]:
    """Why no client could connect with a certificate of this root; nothing when nothing is known."""
    if certificate.not_after <= now:
        yield f"it expired on {certificate.not_after.date()}, and an expired root blocks every change in Azure"
    if certificate.not_before > now:
        yield f"it is not valid before {certificate.not_before.date()}"
    if not _is_authority(parsed):
        yield "it is not a CA certificate (its basic constraints do not say CA: true)"
    if not _may_sign(parsed):
        yield "its key usage does not allow signing certificates"
    key = parsed.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
        yield f"its RSA key has {key.key_size} bits; {RSA_BITS} is the least"
    if parsed.issuer == parsed.subject and not _signed_by_itself(parsed):
        yield "its own signature is wrong; the file is damaged"


def _doubts(parsed: x509.Certificate) -> list[str]:
    doubts = []
    if not isinstance(parsed.public_key(), rsa.RSAPublicKey):
        doubts.append("its key is not RSA, and Microsoft documents P2S with RSA certificates only")
    if parsed.issuer != parsed.subject:
        doubts.append("it is an intermediate, not a root; whether Azure trusts its clients is not documented")
    return doubts


def _is_authority(parsed: x509.Certificate) -> bool:
    try:
        return parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _may_sign(parsed: x509.Certificate) -> bool:
    try:
        return parsed.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _signed_by_itself(parsed: x509.Certificate) -> bool:
    try:
        parsed.verify_directly_issued_by(parsed)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _need_cryptography() -> None:
    if not HAS_CRYPTOGRAPHY:
        raise UserVpnError(
            "The Python package cryptography is missing on the controller: pip install 'cryptography>=42'."
        )
