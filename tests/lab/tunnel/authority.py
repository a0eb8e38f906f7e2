# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the lab: the gateway's own chain, and the client PKIs that tests play with.

Written apart from the collection's own PKI on purpose: a mistake there must not be repeated here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A certificate with its RSA key; for an authority, `parent` is the one above it (None: a root)."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    parent: Identity | None = None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_der(self) -> bytes:
        encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(encoding, form, serialization.NoEncryption())

    @property
    def sha1(self) -> str:
        return thumbprint(self.der)

    @property
    def root(self) -> Identity:
        return self.parent.root if self.parent else self

    @property
    def intermediates(self) -> list[Identity]:
        """The authorities between this one (included, when not a root) and its root."""
        return [self, *self.parent.intermediates] if self.parent else []


def new_root(common_name: str) -> Identity:
    key = _new_key()
    return Identity(_build(common_name, key, _x509_name(common_name), key, _ca_extensions(), days=3650), key)


def new_intermediate(parent: Identity, common_name: str) -> Identity:
    key = _new_key()
    certificate = _build(common_name, key, parent.certificate.subject, parent.key, _ca_extensions(), days=1825)
    return Identity(certificate, key, parent)


def new_server(issuer: Identity, name: str) -> Identity:
    """As Azure's gateways show: DNS SAN and serverAuth (which Apple's EAP policy wants)."""
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return _new_leaf(issuer, name, usage, [name], start=-1, days=90)


def new_client(
    issuer: Identity,
    name: str,
    *,
    sans: list[str | x509.GeneralName] | None = None,
    start: float = -1,
    days: float = 365,
    key: rsa.RSAPrivateKey | None = None,
) -> Identity:
    """A client as Microsoft's recipe makes it: clientAuth, DNS SAN = CN. `start`: days from now; `days`: its life.

    sans: a text is a DNS name.
    key: of an earlier certificate, which this one then renews; default a new one.
    """
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return _new_leaf(issuer, name, usage, [name] if sans is None else sans, start=start, days=days, key=key)


def thumbprint(der: bytes) -> str:
    """SHA-1 of the DER, as Azure names certificates: 40 upper-case hex digits."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def names(der: bytes) -> list[str]:
    """Its alternative names as strongSwan writes identities, each of its kind."""
    try:
        extension = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    found = extension.value
    return [
        *(f"fqdn:{name}" for name in found.get_values_for_type(x509.DNSName)),
        *(f"rfc822:{name}" for name in found.get_values_for_type(x509.RFC822Name)),
        *map(str, found.get_values_for_type(x509.IPAddress)),
    ]


def dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _new_leaf(
    issuer: Identity,
    name: str,
    usage: x509.ExtendedKeyUsage,
    sans: Sequence[str | x509.GeneralName],
    *,
    start: float,
    days: float,
    key: rsa.RSAPrivateKey | None = None,
) -> Identity:
    key = key or _new_key()
    digital_signature = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (digital_signature, True),
        (usage, False),
    ]
    if sans:
        extensions.append(
            (x509.SubjectAlternativeName([x509.DNSName(san) if isinstance(san, str) else san for san in sans]), False)
        )
    certificate = _build(name, key, issuer.certificate.subject, issuer.key, extensions, start=start, days=days)
    return Identity(certificate, key, issuer)


def _ca_extensions() -> list[tuple[x509.ExtensionType, bool]]:
    signing = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return [(x509.BasicConstraints(ca=True, path_length=None), True), (signing, True)]


def _build(
    subject: str,
    key: rsa.RSAPrivateKey,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    start: float = -1,
    days: float,
) -> x509.Certificate:
    begin = dt.datetime.now(dt.UTC) + start * _DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(_x509_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + days * _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _x509_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
