# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the few facts about an X.509 certificate that a profile needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from .errors import ProfileError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True


@dataclass(frozen=True)
class Certificate:
    """What a payload, a message or a diff says about one certificate."""

    der: bytes
    subject: str
    issuer: str
    common_name: str
    not_after: datetime
    self_issued: bool

    @property
    def sha1(self) -> str:
        """Upper case, as Azure and the keychain print it."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def sha256(self) -> str:
        """Lower case, as it stands in payload identifiers."""
        return hashlib.sha256(self.der).hexdigest()


def require_cryptography() -> None:
    if not HAS_CRYPTOGRAPHY:
        raise ProfileError(
            "The Python package cryptography is missing on the controller: pip install 'cryptography>=42'."
        )


def describe(certificate: x509.Certificate) -> Certificate:
    """Raises ValueError for a certificate whose names or dates are malformed."""
    common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        der=certificate.public_bytes(Encoding.DER),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        common_name=str(common_names[0].value) if common_names else "",
        not_after=certificate.not_valid_after_utc,
        self_issued=certificate.subject == certificate.issuer,
    )


def from_der(der: bytes) -> Certificate | None:
    """The certificate in these bytes, or None if they hold something else."""
    require_cryptography()
    try:
        return describe(x509.load_der_x509_certificate(der))
    except (ValueError, x509.InvalidVersion):
        return None


def from_pem(text: str | bytes, where: str) -> list[Certificate]:
    """All certificates of a PEM text, in its order; ProfileError when there is none or one cannot be read."""
    require_cryptography()
    try:
        found = x509.load_pem_x509_certificates(text.encode() if isinstance(text, str) else text)
        return [describe(each) for each in found]
    except (ValueError, x509.InvalidVersion):
        raise ProfileError(f"{where} holds no readable certificate in PEM form.") from None


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
