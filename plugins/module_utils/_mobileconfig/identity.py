# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the client identity, from a PKCS#12 file to what a profile may carry.

Apple's payload takes one certificate only, with its key (com.apple.security.pkcs12), and every Mac from 11 on reads
the file only if it uses 3DES and a SHA-1 MAC: macOS 11 to 14 know nothing newer (Apple's open-source Security).
Azure wants an RSA key, the purpose clientAuth, and a name that is both the common name and a DNS name (Microsoft,
"Generate and export certificates").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from .certificates import Certificate, describe, iso, require_cryptography
from .errors import ProfileError
from .names import is_host_name

try:
    from cryptography import x509
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:
    pass  # said by require_cryptography()

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

_Extension = TypeVar("_Extension", bound="x509.ExtensionType")

# Of a profile that has its PKCS#12 made on the Mac, as the password is. Not secret, and never used.
PLACEHOLDER = "made on the Mac"

MINIMUM_BITS = 2048
PBKDF_ROUNDS = 2048

# Object identifiers as they stand in the file. Everything else there is encrypted, so a hit is no accident.
_SHA1_MAC = bytes.fromhex("06052b0e03021a")
_PBES2 = bytes.fromhex("06092a864886f70d01050d")


class Opened(NamedTuple):
    """What a PKCS#12 file holds, and whether it may go into a profile as it is."""

    key: PrivateKeyTypes | None
    leaf: x509.Certificate | None
    others: list[x509.Certificate]
    fits_every_mac: bool


@dataclass(frozen=True)
class Identity:
    """One client certificate, checked, and the PKCS#12 that goes into the profile with its password.

    Where the Mac has the key, the certificate itself takes the place of the PKCS#12: see completing.py.
    """

    certificate: Certificate
    serial: int
    not_before: datetime
    names: tuple[str, ...]
    intermediates: tuple[Certificate, ...]
    pkcs12: bytes = field(repr=False)
    password: str = field(repr=False)

    def local_identifier(self, wish: str | None) -> str:
        """The name by which the Mac introduces itself: the common name, or the subject alternative name wished for.

        Macs send it as a plain name, and a responder looks for it among the certificate's alternative names.
        """
        name = wish or self.certificate.common_name
        if name not in self.names:
            known = ", ".join(self.names) or "none"
            raise ProfileError(
                f"The local identifier {name!r} is no subject alternative name of the client certificate "
                f"{self.certificate.subject} (it has: {known}); issue the certificate with its common name as DNS "
                "name, or set local_identifier to one of them."
            )
        if not wish and not is_host_name(name):
            raise ProfileError(
                f"The common name {name!r} of the client certificate may hold letters, digits, dots and dashes only."
            )
        return name


def load(data: bytes, password: str, where: str, previous: bytes | None = None) -> Identity:
    """The identity in a PKCS#12 file; ProfileError names what is wrong with it, and never the password.

    A file that carries CA certificates or newer encryption is packed again in the form every Mac reads. Packing is
    salted, so `previous`, the PKCS#12 of the last rendering, is used again as long as it holds the same certificate.
    """
    require_cryptography()
    if not password or not password.isascii() or not password.isprintable():
        raise ProfileError(
            f"The password of {where} must be plain ASCII and not empty: macOS versions differ on anything else."
        )
    opened = _open(data, password)
    if opened is None:
        raise ProfileError(f"{where} cannot be opened: its password is another one, or it is no PKCS#12 file.")
    leaf, key = opened.leaf, opened.key
    if leaf is None or key is None:
        raise ProfileError(f"{where} must hold one client certificate with its private key.")
    rsa_key = cast("RSAPrivateKey", _rsa(key, where))
    fitting = data if opened.fits_every_mac else _packed(rsa_key, leaf, password, previous)
    return _identity(leaf, opened.others, where, pkcs12=fitting, password=password)


def _identity(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], where: str, *, pkcs12: bytes, password: str
) -> Identity:
    """Checked."""
    try:
        _check_purpose(leaf, chain, where)
        names = _alternative_names(leaf)
        certificate, *others = [describe(each) for each in (leaf, *chain)]
    except ValueError:
        raise ProfileError(f"{where} holds a certificate that cannot be read.") from None
    if certificate.not_after <= datetime.now(UTC):
        raise ProfileError(
            f"The client certificate {certificate.subject} in {where} has expired on {iso(certificate.not_after)}; "
            "issue a new one."
        )
    return Identity(
        certificate=certificate,
        serial=leaf.serial_number,
        not_before=leaf.not_valid_before_utc,
        names=tuple(names),
        # The client root is Azure's business; on the Mac it would only become one more trusted root.
        intermediates=tuple(each for each in others if not each.self_issued),
        pkcs12=pkcs12,
        password=password,
    )


def under_password(identity: Identity, password: str) -> tuple[bytes, str]:
    """The same identity in a PKCS#12 under another password, and the name that its key gets on a Mac."""
    opened = _open(identity.pkcs12, identity.password)
    if opened is None or opened.leaf is None or not isinstance(opened.key, RSAPrivateKey):
        raise ValueError("an Identity holds a PKCS#12 that its password opens")
    return _packed(opened.key, opened.leaf, password, None), _friendly_name(opened.leaf)


def load_certificate(data: bytes, where: str) -> Identity:
    """The identity whose key is on its Mac, of which there is the certificate alone; ProfileError as in `load`."""
    require_cryptography()
    try:
        leaf = x509.load_pem_x509_certificate(data)
    except (ValueError, x509.InvalidVersion):
        raise ProfileError(f"{where} holds no readable certificate in PEM form.") from None
    _rsa(leaf.public_key(), where)
    return _identity(leaf, (), where, pkcs12=leaf.public_bytes(Encoding.DER), password=PLACEHOLDER)


def _open(data: bytes, password: str) -> Opened | None:
    """None for a wrong password and for what is no PKCS#12 file."""
    try:
        bundle = pkcs12.load_pkcs12(data, password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    others = [each.certificate for each in bundle.additional_certs]
    fits_every_mac = not others and _SHA1_MAC in data and _PBES2 not in data
    return Opened(bundle.key, bundle.cert.certificate if bundle.cert else None, others, fits_every_mac)


def _rsa(key: PrivateKeyTypes | PublicKeyTypes, where: str) -> RSAPrivateKey | RSAPublicKey:
    """The key, if it is an RSA key of decent size."""
    if not isinstance(key, RSAPrivateKey | RSAPublicKey):
        raise ProfileError(
            f"{where} holds a key that is not RSA; Azure's point-to-site gateways are only known to take RSA keys."
        )
    if key.key_size < MINIMUM_BITS:
        raise ProfileError(f"{where} holds an RSA key of {key.key_size} bits; it must have {MINIMUM_BITS} or more.")
    return key


def _check_purpose(leaf: x509.Certificate, others: Sequence[x509.Certificate], where: str) -> None:
    """Client authentication, by the one end-entity certificate in the file, which may sign."""
    extensions = leaf.extensions
    if _is_ca(leaf):
        raise ProfileError(f"{where} holds the key of a CA; a Mac needs the key of a client certificate.")
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise ProfileError(f"The client certificate in {where} lacks the extended key usage clientAuth.")
    usage = _extension(extensions, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise ProfileError(f"The client certificate in {where} lacks the key usage digitalSignature.")
    if not all(_is_ca(each) for each in others):
        raise ProfileError(f"{where} holds more than one client certificate; export one per file.")


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate.extensions, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _alternative_names(leaf: x509.Certificate) -> Sequence[str]:
    """The subject alternative names of the kinds that a Mac can introduce itself by."""
    names = _extension(leaf.extensions, x509.SubjectAlternativeName)
    if names is None:
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *names.get_values_for_type(x509.RFC822Name),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]


def _packed(key: RSAPrivateKey, leaf: x509.Certificate, password: str, previous: bytes | None) -> bytes:
    """Leaf and key alone, in the form every Mac reads, under the same password; `previous` if it is just that."""
    known = _open(previous, password) if previous is not None else None
    if previous is not None and known is not None and known.fits_every_mac and known.leaf == leaf:
        return previous
    name = _friendly_name(leaf)
    try:
        encryption = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(PBKDF_ROUNDS)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(SHA1())  # noqa: S303
            .build(password.encode())
        )
        return pkcs12.serialize_key_and_certificates(name.encode(), key, leaf, None, encryption)
    except (UnsupportedAlgorithm, InternalError):
        raise ProfileError(
            "The cryptography package of the controller cannot write PKCS#12 with 3DES, which is what every Mac reads; "
            "a controller in FIPS mode cannot do this."
        ) from None


def _friendly_name(leaf: x509.Certificate) -> str:
    """It moves with the certificate: a Mac has kept an old identity under an unchanged name."""
    return f"{describe(leaf).common_name} {leaf.serial_number:x}"
