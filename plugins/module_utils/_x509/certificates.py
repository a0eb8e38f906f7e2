# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what an X.509 certificate is here, and how one is read."""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from .._errors import shown
from . import forms, keys
from .errors import X509Error, require_cryptography
from .kinds import ADDRESS, DNS, MAIL, kind_of

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding

    _OF_THE_LIBRARY: tuple[type[Exception], ...] = (
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )
except ImportError:  # said by require_cryptography
    _OF_THE_LIBRARY = ()

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# What is raised at a certificate that cannot be read, or a part of one; KeyError by older releases (46 still), at a
# name in a type that is no string.
UNREADABLE: tuple[type[Exception], ...] = (ValueError, TypeError, KeyError, *_OF_THE_LIBRARY)

E = TypeVar("E", bound="x509.ExtensionType")

_LONGEST_LABEL = 100


@dataclass(frozen=True)
class Certificate:
    """One certificate. Two are equal when their bytes are.

    `subject` and `issuer` are in RFC 4514's form, `serial` is upper-case hex in whole bytes, as openssl prints it;
    times are UTC. All of that comes from whoever made the certificate: show `label`, not these.
    """

    der: bytes = field(repr=False)
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    common_names: tuple[str, ...] = field(compare=False)
    serial: str = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    parsed: x509.Certificate = field(compare=False, repr=False)

    @property
    def common_name(self) -> str:
        """The first one, or an empty text."""
        return self.common_names[0] if self.common_names else ""

    @property
    def label(self) -> str:
        """For messages: printable, on one line, not endless, whatever somebody put into the name."""
        name = shown(self.subject, _LONGEST_LABEL)
        return f"{name or 'without a name'} (SHA-1 {self.sha1})"

    @cached_property
    def sha1(self) -> str:
        """40 upper-case hex digits: the thumbprint by which Azure refuses, and which macOS's `security` prints."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @cached_property
    def sha256(self) -> str:
        """64 upper-case hex digits."""
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def pem(self) -> str:
        return self.parsed.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def public_cert_data(self) -> str:
        """What Azure stores of a root: base64 of the DER in one line. (Base64 of a PEM file is accepted by the API,
        and then no client can connect: azure-cli issue 29123.)"""
        return base64.b64encode(self.der).decode("ascii")

    @property
    def self_issued(self) -> bool:
        return self.parsed.subject == self.parsed.issuer

    @property
    def organizational_units(self) -> tuple[str, ...]:
        """Those of its subject, in their order."""
        units = self.parsed.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
        return tuple(str(unit.value) for unit in units)

    @cached_property
    def public_key(self) -> CertificatePublicKeyTypes | None:
        """None for a key of a kind that nobody knows, or that is none."""
        try:
            return self.parsed.public_key()
        except UNREADABLE:
            return None

    @property
    def key_bits(self) -> int:
        """Of its RSA key; 0 for any other."""
        return self.public_key.key_size if isinstance(self.public_key, RSAPublicKey) else 0

    @cached_property
    def extensions(self) -> x509.Extensions | None:
        """None when one of them cannot be read."""
        try:
            return self.parsed.extensions
        except UNREADABLE:
            return None

    @property
    def public_key_sha256(self) -> str:
        """As keys.fingerprint tells it; empty for a key of a kind that nobody knows."""
        return keys.fingerprint(self.public_key) if self.public_key else ""

    def extension(self, kind: type[E]) -> E | None:
        """The extension of this kind; None when there is none that can be read."""
        try:
            return self.extensions.get_extension_for_class(kind).value if self.extensions else None
        except x509.ExtensionNotFound:
            return None

    @cached_property
    def alternative_names(self) -> tuple[tuple[str, str], ...]:
        """Its alternative names, and before each of what kind it is: DNS, mail, IP address; none of another kind."""
        names = self.extension(x509.SubjectAlternativeName)
        if not names:
            return ()
        return (
            *((DNS, name) for name in names.get_values_for_type(x509.DNSName)),
            *((MAIL, name) for name in names.get_values_for_type(x509.RFC822Name)),
            *((ADDRESS, str(address)) for address in names.get_values_for_type(x509.IPAddress)),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Those by which a Mac can introduce itself: it sends them as what they are here."""
        return tuple(name for kind, name in self.alternative_names if kind_of(name) == kind)


def of(parsed: x509.Certificate) -> Certificate:
    """What the library has parsed; ValueError when a part of it cannot be read."""
    try:
        names = parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return Certificate(
            der=parsed.public_bytes(Encoding.DER),
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),
            common_names=tuple(str(name.value) for name in names),
            serial=_hex(parsed.serial_number),
            not_before=parsed.not_valid_before_utc,
            not_after=parsed.not_valid_after_utc,
            parsed=parsed,
        )
    except UNREADABLE:
        raise ValueError("a certificate that cannot be read") from None


def from_der(der: bytes) -> Certificate | None:
    """The certificate that is exactly these bytes, or None if they are something else."""
    require_cryptography()
    try:
        # Makecert's serials may be negative, which is nothing that the user of one could mend, or should read.
        with warnings.catch_warnings(action="ignore"):
            return of(x509.load_der_x509_certificate(der))
    except UNREADABLE:
        return None


def read(content: bytes, where: str) -> list[Certificate]:
    """All certificates in a file or an option, in their order, whatever form it has (see forms.py).

    X509Error when there is none, or one cannot be read; `where` names the file or the option in it.
    """
    require_cryptography()
    found = []
    for number, der in enumerate(forms.certificates_in(content, where), start=1):
        certificate = from_der(der)
        if certificate is None:
            raise X509Error(f"Certificate {number} in {where} cannot be read; it is damaged, or no X.509 certificate.")
        found.append(certificate)
    return found


def read_one(content: bytes, where: str) -> Certificate:
    """The one certificate in a file or an option; X509Error as in `read`, and when there are several."""
    found = read(content, where)
    if len(set(found)) > 1:
        raise X509Error(f"{where} holds {len(found)} certificates; give exactly one.")
    return found[0]


def find_one(content: bytes) -> Certificate | None:
    """The one certificate in somebody else's data, in whatever form; None when there is not exactly one."""
    require_cryptography()
    try:
        return read_one(content, "")
    except X509Error:
        return None


def ends(certificates: Sequence[Certificate]) -> datetime:
    """When the first of them ends."""
    return min(each.not_after for each in certificates)


def _hex(number: int) -> str:
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + digits.zfill(len(digits) + len(digits) % 2)
