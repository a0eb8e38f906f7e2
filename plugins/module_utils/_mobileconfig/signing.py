# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: signed profiles, which are CMS SignedData (RFC 5652) in DER around the property list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .certificates import describe, require_cryptography
from .der import elements
from .errors import ProfileError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7
except ImportError:
    pass  # said by require_cryptography()

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_SEQUENCE, _OCTET_STRING, _EXPLICIT_0, _SET = 0x30, 0x04, 0xA0, 0x31


@dataclass(frozen=True)
class Signer:
    """Who signs: a certificate, its key, and the CA certificates that a Mac needs to trust it."""

    certificate: x509.Certificate
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    warnings: tuple[str, ...]

    @property
    def certificates(self) -> frozenset[bytes]:
        """All that a file signed by this signer carries, in DER."""
        return frozenset(each.public_bytes(Encoding.DER) for each in (self.certificate, *self.chain))


@dataclass(frozen=True)
class Signed:
    """What a signed file holds. Nothing here has been verified: it tells who signed what, for a comparison."""

    content: bytes = field(repr=False)
    certificates: frozenset[bytes] = field(repr=False)


def load_signer(certificate: bytes, key: bytes, passphrase: str | None, chain: bytes = b"") -> Signer:
    """From PEM: one certificate, its RSA or EC key, and the rest of its chain; ProfileError for anything else."""
    require_cryptography()
    try:
        (leaf,) = x509.load_pem_x509_certificates(certificate)
        facts = describe(leaf)
    except (ValueError, x509.InvalidVersion):
        raise ProfileError("sign_with.certificate must hold exactly one certificate in PEM form.") from None
    try:
        further = tuple(x509.load_pem_x509_certificates(chain)) if chain.strip() else ()
    except (ValueError, x509.InvalidVersion):
        raise ProfileError("sign_with.chain must hold certificates in PEM form.") from None
    private = _load_key(key, passphrase)
    if private.public_key() != leaf.public_key():
        raise ProfileError("sign_with.key does not belong to sign_with.certificate.")
    warnings: tuple[str, ...] = ()
    if facts.not_after <= datetime.now(UTC):
        warnings = (f"The signing certificate {facts.subject} has expired; Macs show the profile as unsigned.",)
    return Signer(leaf, private, further, warnings)


def _load_key(key: bytes, passphrase: str | None) -> RSAPrivateKey | EllipticCurvePrivateKey:
    password = passphrase.encode() if passphrase else None
    try:
        # The key is the user's own and is compared with its certificate; proving that its factors are prime at every
        # task would only cost time.
        private = load_pem_private_key(key, password, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise ProfileError("sign_with.key cannot be read: it must be in PEM form, with the passphrase given.") from None
    if not isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ProfileError("sign_with.key must be an RSA or an EC key.")
    return private


def sign(content: bytes, signer: Signer) -> bytes:
    """A signed file. Two calls differ (the signing time is part of it), so sign only what has changed."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(signer.certificate, signer.key, SHA256())
    for certificate in signer.chain:
        builder = builder.add_certificate(certificate)
    # Binary: the bytes of the property list as they are, without the line ends of a mail.
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities])


def read_signed(data: bytes) -> Signed | None:
    """The content and certificates of a signed file, or None when it is no such file.

    ContentInfo { signedData, [0] SignedData { version, digests, { data, [0] OCTET STRING }, [0] certificates, ... } }
    """
    if data[:1] != b"\x30":
        return None  # a property list, in nearly every case
    try:
        (info,) = elements(data)
        kind, wrapped = elements(info.content)
        (signed,) = elements(wrapped.content)
        _version, digests, inner, certificates, *_signers = elements(signed.content)
        data_kind, data_wrapped = elements(inner.content)
        (octets,) = elements(data_wrapped.content)
        carried = frozenset(each.encoded for each in elements(certificates.content))
    except ValueError:
        return None
    shape = (info.tag, signed.tag, digests.tag, inner.tag, certificates.tag, octets.tag)
    if shape != (_SEQUENCE, _SEQUENCE, _SET, _SEQUENCE, _EXPLICIT_0, _OCTET_STRING):
        return None
    if (kind.encoded, data_kind.encoded) != (_SIGNED_DATA, _DATA):
        return None
    return Signed(octets.content, carried)
