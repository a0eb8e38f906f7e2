# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: signing a profile. What is signed is read by signed.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .._x509 import certificates, keys
from .._x509.certificates import Certificate
from .errors import ProfileError
from .stored import Stored

try:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
except ImportError:
    pass  # said by _x509.errors.require_cryptography


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


def bytes_to_write(content: bytes, signer: Signer | None, stored: Stored | None) -> bytes:
    """The file for this property list: signed if a signer is given, and not signed anew while nothing has changed."""
    if signer is None:
        return content
    if stored is not None and stored.content == content and stored.signers == signer.certificates:
        return stored.raw
    return sign(content, signer)
