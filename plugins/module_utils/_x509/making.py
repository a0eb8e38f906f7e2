# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: certificates of our own.

The values follow Microsoft's article on generating certificates for point-to-site (RSA, SHA-256, a root that may sign
certificates, a client certificate with the extended key usage clientAuth) and RFC 5280 for the rest.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import certificates
from .certificates import Certificate
from .checks import CLOCK_SKEW
from .errors import require_cryptography
from .kinds import MAIL, address_of, kind_of

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    pass  # said by require_cryptography

if TYPE_CHECKING:
    from .keys import Key, PublicKey


@dataclass(frozen=True)
class Issuer:
    """Who signs clients: the last CA before them, and its key."""

    certificate: Certificate
    key: Key = field(repr=False)


def make_root(key: Key, common_name: str, now: datetime, valid_days: int, organizational_unit: str = "") -> Certificate:
    """A self-signed client root. pathlen 0: it signs clients, and no CA that would sign more (RFC 5280, 4.2.1.9)."""
    require_cryptography()
    name = _name(common_name, organizational_unit)
    public_key = key.public_key()
    return certificates.of(
        _builder(name, name, public_key, now, now + timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )


def make_client(
    issuer: Issuer,
    public_key: PublicKey,
    common_name: str,
    names: Sequence[str],
    *,
    now: datetime,
    not_after: datetime,
) -> Certificate:
    """A client certificate. `names` are its alternative names, each of the kind as which a Mac would send it.

    The Mac sends one of them as its IKE identity. clientAuth is the first and only extended key usage (older Microsoft
    texts demand the first).
    """
    require_cryptography()
    authority = issuer.certificate
    return certificates.of(
        _builder(_name(common_name), authority.parsed.subject, public_key, now, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority(issuer), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, now: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(secrets.randbits(128) or 1)  # no counter: nothing to share, nothing to lose
        .not_valid_before((now - CLOCK_SKEW).replace(microsecond=0))
        .not_valid_after(not_after.replace(microsecond=0))
    )


def _alternative(name: str) -> x509.GeneralName:
    if address := address_of(name):
        return x509.IPAddress(address)
    return x509.RFC822Name(name) if kind_of(name) == MAIL else x509.DNSName(name)


def _name(common_name: str, organizational_unit: str = "") -> x509.Name:
    unit = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, organizational_unit)] if organizational_unit else []
    return x509.Name([*unit, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    """The issuer's own identifier, which an enterprise CA may have computed in its own way."""
    identifier = issuer.certificate.extension(x509.SubjectKeyIdentifier)
    if identifier:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
