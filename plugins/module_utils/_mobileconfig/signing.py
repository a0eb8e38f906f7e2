# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: signed profiles, which are CMS SignedData (RFC 5652) in DER around the property list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .._x509 import certificates, keys
from .._x509.certificates import Certificate
from .._x509.der import EXPLICIT_0, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, elements
from .._x509.forms import SIGNED_DATA
from .errors import ProfileError

try:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
except ImportError:
    pass  # said by _x509.errors.require_cryptography

_DATA = bytes.fromhex("2a864886f70d010701")


@dataclass(frozen=True)
class Signer:
    """Who signs: a certificate, its key, and the CA certificates that a Mac needs to trust it."""

    certificate: Certificate
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    chain: tuple[Certificate, ...]
    warnings: tuple[str, ...]

    @property
    def certificates(self) -> frozenset[bytes]:
        """All that a file signed by this signer carries, in DER."""
        return frozenset(each.der for each in (self.certificate, *self.chain))


@dataclass(frozen=True)
class Signed:
    """What a signed file holds. Nothing here has been verified: it tells who signed what, for a comparison."""

    content: bytes = field(repr=False)
    certificates: frozenset[bytes] = field(repr=False)


def load_signer(certificate: bytes, key: bytes, passphrase: str | None, chain: bytes = b"") -> Signer:
    """One certificate, its RSA or EC key, and the rest of its chain; X509Error or ProfileError for anything else."""
    leaf = certificates.read_one(certificate, "sign_with.certificate")
    further = tuple(certificates.read(chain, "sign_with.chain")) if chain.strip() else ()
    # The key is the user's own and is compared with its certificate; proving that its factors are prime at every task
    # would only cost time.
    private = keys.open_key(key, passphrase, "sign_with.key", "sign_with.passphrase")
    if not isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ProfileError("sign_with.key must be an RSA or an EC key.")
    if private.public_key() != leaf.public_key:
        raise ProfileError("sign_with.key does not belong to sign_with.certificate.")
    warnings: tuple[str, ...] = ()
    if leaf.not_after <= datetime.now(UTC):
        warnings = (f"The signing certificate {leaf.label} has expired; Macs show the profile as unsigned.",)
    return Signer(leaf, private, further, warnings)


def sign(content: bytes, signer: Signer) -> bytes:
    """A signed file. Two calls differ (the signing time is part of it), so sign only what has changed."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    builder = builder.add_signer(signer.certificate.parsed, signer.key, SHA256())
    for certificate in signer.chain:
        builder = builder.add_certificate(certificate.parsed)
    # Binary: the bytes of the property list as they are, without the line ends of a mail.
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities])


def read_signed(data: bytes) -> Signed | None:
    """The content and certificates of a signed file, or None when it is no such file.

    ContentInfo { signedData, [0] SignedData { version, digests, { data, [0] OCTET STRING }, [0] certificates, ... } }
    """
    if data[:1] != bytes([SEQUENCE]):
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
    if shape != (SEQUENCE, SEQUENCE, SET, SEQUENCE, EXPLICIT_0, OCTET_STRING):
        return None
    if (kind.tag, kind.content, data_kind.content) != (OBJECT_IDENTIFIER, SIGNED_DATA, _DATA):
        return None
    return Signed(octets.content, carried)
