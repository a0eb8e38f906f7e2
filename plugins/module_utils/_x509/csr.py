# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: certificate signing requests (PKCS#10, RFC 2986) of keys that are made elsewhere.

Only the public key is taken from one, and only if its owner has proved to have the private key. Names, times and
usages are ours to decide: whatever else a request asks for is not even looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .certificates import UNREADABLE
from .errors import X509Error, require_cryptography

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    pass  # said by require_cryptography

if TYPE_CHECKING:
    from .keys import PublicKey

LONGEST = 16_384  # characters; with a key of 4096 bits it has about 1,700
SMALLEST_EXPONENT = 65537  # NIST SP 800-56B, 6.2; it is what openssl makes


def public_key(text: str, whose: str, key_size: int) -> PublicKey:
    """The public key of a CSR in PEM form; X509Error when it may not be certified. `whose` is for messages."""
    require_cryptography()
    where = f"The CSR of {whose}"
    try:
        if len(text) > LONGEST or text.count("-----BEGIN") != 1:
            raise ValueError
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
        proved, digest = request.is_signature_valid, request.signature_hash_algorithm
    except UnsupportedAlgorithm:
        raise X509Error(
            f"{where} uses an algorithm that is not known; make an RSA key, and sign with SHA-256."
        ) from None
    except UNREADABLE:
        raise X509Error(f"{where} cannot be read; give one PKCS#10 request in PEM form.") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise X509Error(f"{where} is for a key that is not RSA, and an Azure gateway takes RSA only; make an RSA key.")
    if key.key_size != key_size:
        raise X509Error(f"{where} is for a key of {key.key_size} bits, but key_size is {key_size}; make a new key.")
    if key.public_numbers().e < SMALLEST_EXPONENT:
        raise X509Error(f"{where} is for a key with a small public exponent; make a key with the exponent 65537.")
    if not isinstance(digest, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise X509Error(f"{where} is not signed with SHA-256 or better; make it again.")
    if not proved:
        raise X509Error(f"{where} does not prove that its sender has the private key; make it again with that key.")
    return key
