# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: X.509 certificates as Azure and Apple want them, made and checked.

The values follow Microsoft's article on generating certificates for point-to-site (RSA, SHA-256, a root that may sign
certificates, a client certificate with the extended key usage clientAuth) and RFC 5280 for the rest.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from ._base import PkiError, sha256_hex

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

if TYPE_CHECKING:
    from collections.abc import Callable

    Key = rsa.RSAPrivateKey
    NewKey = Callable[[int], Key]

E = TypeVar("E", bound="x509.ExtensionType")

KEY_SIZES = (2048, 3072, 4096)

# A Mac whose clock runs a little behind would refuse a certificate that starts this very second.
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Issuer:
    """Who signs clients: the last CA before them, and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


def require_cryptography() -> None:
    if not HAS_CRYPTOGRAPHY:
        raise PkiError("The Python package cryptography is missing on the controller: pip install 'cryptography>=42'.")


# -- making


def new_key(size: int) -> rsa.RSAPrivateKey:
    """RSA, because an Azure gateway takes no EC client certificate (azure-docs issue 63678). Frees the GIL."""
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def make_root(key: rsa.RSAPrivateKey, common_name: str, now: datetime, valid_days: int) -> x509.Certificate:
    """A self-signed client root. pathlen 0: it signs clients, and no CA that would sign more (RFC 5280, 4.2.1.9)."""
    name = _name(common_name)
    return (
        _builder(name, name, key.public_key(), now, now + timedelta(days=valid_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def make_client(
    issuer: Issuer, public_key: rsa.RSAPublicKey, names: Sequence[str], now: datetime, not_after: datetime
) -> x509.Certificate:
    """A client certificate. The first of `names` is its common name, all of them are its DNS names.

    The Mac sends the common name as its IKE identity, which must be found among the alternative names. clientAuth is
    the first and only extended key usage (older Microsoft texts demand the first).
    """
    return (
        _builder(_name(names[0]), issuer.certificate.subject, public_key, now, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority(issuer.certificate), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: rsa.RSAPublicKey, now: datetime, not_after: datetime
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


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


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


def _authority(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's own identifier, which an enterprise CA may have computed in its own way."""
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(rsa_key(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


# -- describing


def sha1(certificate: x509.Certificate) -> str:
    """40 upper-case hex digits: the thumbprint by which Azure revokes."""
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def sha256(certificate: x509.Certificate) -> str:
    return sha256_hex(der(certificate))


def serial(certificate: x509.Certificate) -> str:
    """Upper-case hex, whole bytes, as `openssl x509 -serial` prints it."""
    digits = f"{certificate.serial_number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def common_name(certificate: x509.Certificate) -> str:
    """The first common name, or an empty text."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def dns_names(certificate: x509.Certificate) -> list[str]:
    """The DNS alternative names, in their order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name) for name in names.get_values_for_type(x509.DNSName)]


def key_bits(certificate: x509.Certificate) -> int:
    """Of its RSA key."""
    return rsa_key(certificate).key_size


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def public_cert_data(pem_text: bytes) -> str:
    """What Azure stores of a root: base64 of the DER in one line. (Base64 of a PEM file is accepted by the API, and
    then no client can connect: azure-cli issue 29123.)"""
    return base64.b64encode(der(x509.load_pem_x509_certificate(pem_text))).decode()


# -- keys


def encrypt_key(key: rsa.RSAPrivateKey, passphrase: str) -> bytes:
    """PKCS#8 PEM, encrypted with AES-256. PkiError for a passphrase that cannot be used."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(check_passphrase(passphrase)),
    )


def check_passphrase(passphrase: str) -> bytes:
    secret = passphrase.encode()
    if not 0 < len(secret) < 1024:  # OpenSSL's own limit
        raise PkiError("The passphrase of the root key must have 1 to 1023 bytes; set passphrase.")
    return secret


def load_key(
    content: bytes, passphrase: str | None, where: str, option: str, *, ours: bool = False
) -> rsa.RSAPrivateKey:
    """A private RSA key of at least 2048 bits, PEM or DER.

    `where` names the file and `option` the option with its passphrase, both for messages. A key that we wrote (`ours`)
    is not proved to be a good RSA key again, which would take longer than everything else here.
    """
    load = serialization.load_pem_private_key if b"-----BEGIN" in content else serialization.load_der_private_key
    try:
        key = load(content, passphrase.encode() if passphrase else None, unsafe_skip_rsa_key_validation=ours)
    except TypeError:
        raise PkiError(
            f"The key {where} is not encrypted; leave {option} out."
            if passphrase
            else f"The key {where} is encrypted; set {option}."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise PkiError(f"The key {where} cannot be opened: {option} is wrong, or it is no private key.") from None
    return good_key(key, where)


def good_key(key: object, where: str) -> rsa.RSAPrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PkiError(f"The key {where} is not RSA, and an Azure gateway takes RSA client certificates only; use RSA.")
    if key.key_size < KEY_SIZES[0]:
        raise PkiError(f"The key {where} has {key.key_size} bits; Azure and Apple want {KEY_SIZES[0]} or more.")
    return key


def rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise PkiError(f"{describe(certificate)} has no RSA key, which Azure's P2S gateways want; use RSA.")
    return key


# -- checking what others made


def load_certificates(content: bytes, where: str) -> list[x509.Certificate]:
    """All certificates of a PEM file, or the one of a DER file. PkiError when there is none."""
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except (ValueError, x509.InvalidVersion):
        raise PkiError(f"{where} holds no certificate that can be read; give a PEM or DER certificate.") from None


def describe(certificate: x509.Certificate) -> str:
    """For messages: harmless, whatever somebody put into the name."""
    return f"The certificate {re.sub('[^ -~]', '?', certificate.subject.rfc4514_string())[:100]}"


def check_root(root: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> None:
    """Raise PkiError unless Azure would take `root` and clients could hang below `chain` (issuing CA first)."""
    if root.subject != root.issuer:
        raise PkiError(
            f"{describe(root)} is not self-signed; give the root at the top as certificate_source, "
            "and the CAs below it as chain_source."
        )
    links = (*chain, root)
    for child, parent in zip(links, (*links[1:], root), strict=True):
        if not _is_ca(child):
            raise PkiError(f"{describe(child)} is not a CA certificate; give one that may sign certificates.")
        check_strength(child)
        check_time(child, now)
        if not issued_by(child, parent):
            raise PkiError(
                f"{describe(child)} has not been signed by {describe(parent)[4:]}; "
                "order chain_source from the issuing CA upwards, without gaps."
            )


def check_client(certificate: x509.Certificate, name: str, now: datetime) -> None:
    """Raise PkiError unless a gateway and a Mac would take this certificate for the client `name`."""
    check_strength(certificate)
    check_time(certificate, now)
    if common_name(certificate) != name or name not in dns_names(certificate):
        raise PkiError(
            f"{describe(certificate)} does not have {name} as its common name and as a DNS alternative name; "
            "the Mac's IKE identity is checked against both, so issue it again."
        )
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints and constraints.ca:
        raise PkiError(f"{describe(certificate)} is that of a CA, not of a client; issue one with CA:FALSE.")
    key_usage = _extension(certificate, x509.KeyUsage)  # RFC 5280 makes it optional: then nothing is forbidden
    if key_usage and not key_usage.digital_signature:
        raise PkiError(
            f"{describe(certificate)} has a key usage without digitalSignature, with which a client logs in; "
            "issue it again."
        )
    usages = list(_extension(certificate, x509.ExtendedKeyUsage) or [])
    if usages[:1] != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise PkiError(
            f"{describe(certificate)} does not have clientAuth as its first extended key usage; issue it again."
        )


def check_strength(certificate: x509.Certificate) -> None:
    key = rsa_key(certificate)
    if key.key_size < KEY_SIZES[0]:
        raise PkiError(f"{describe(certificate)} has an RSA key of {key.key_size} bits; {KEY_SIZES[0]} are wanted.")
    if not isinstance(certificate.signature_hash_algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise PkiError(f"{describe(certificate)} is not signed with SHA-256 or better; issue it again.")


def check_time(certificate: x509.Certificate, now: datetime) -> None:
    if now >= certificate.not_valid_after_utc:
        raise PkiError(f"{describe(certificate)} ended at {certificate.not_valid_after_utc}; give a valid one.")
    if now < certificate.not_valid_before_utc - CLOCK_SKEW:
        raise PkiError(
            f"{describe(certificate)} starts only at {certificate.not_valid_before_utc}; wait, or check the clock."
        )


def check_key(certificate: x509.Certificate, key: rsa.RSAPrivateKey, where: str) -> None:
    if key.public_key() != certificate.public_key():
        raise PkiError(
            f"The key {where} does not belong to {describe(certificate)[0].lower()}{describe(certificate)[1:]}."
        )


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the names fit and the signature is true."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid  # RFC 5280 makes it optional: then nothing is forbidden


def ends(certificates: Sequence[x509.Certificate]) -> datetime:
    """When the first of them ends."""
    return min(c.not_valid_after_utc for c in certificates).astimezone(UTC)
