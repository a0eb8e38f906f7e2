# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: RSA keys. An Azure gateway is known to take RSA client certificates only (azure-docs
issue 63678), so there are no others here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from . import bounds, forms
from .errors import X509Error, require_cryptography

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_der_private_key,
        load_pem_private_key,
    )
except ImportError:
    pass  # said by require_cryptography

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    Key: TypeAlias = rsa.RSAPrivateKey
    PublicKey: TypeAlias = rsa.RSAPublicKey
    NewKey: TypeAlias = Callable[[int], rsa.RSAPrivateKey]

KEY_SIZES = (2048, 3072, 4096)
LEAST_BITS = KEY_SIZES[0]
LONGEST_PASSPHRASE = 1023  # bytes; OpenSSL's own limit


def new_key(size: int) -> Key:
    """A new key of `size` bits. Frees the GIL while it looks for one."""
    require_cryptography()
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def check_passphrase(passphrase: str, option: str = "passphrase") -> bytes:
    """The passphrase as bytes; X509Error for one that no library takes."""
    secret = passphrase.encode()
    if not 0 < len(secret) <= LONGEST_PASSPHRASE:
        raise X509Error(f"The passphrase of the root key must have 1 to {LONGEST_PASSPHRASE} bytes; set {option}.")
    return secret


def encrypt_key(key: Key, passphrase: str) -> bytes:
    """PKCS#8 PEM, encrypted with AES-256."""
    encryption = BestAvailableEncryption(check_passphrase(passphrase))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def to_der(key: Key) -> bytes:
    """PKCS#8 DER in clear, for whoever seals it."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(der: bytes) -> Key:
    """The inverse of `to_der`, of a key that is known to be good: to prove its primes takes longer than all else."""
    key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("no RSA key")
    return key


def load_key(content: bytes, passphrase: str | None, where: str, option: str, *, ours: bool = False) -> Key:
    """A private RSA key, PEM or DER; X509Error for one that is not good.

    `where` names the file and `option` the option with its passphrase, both for messages. A key that we wrote (`ours`)
    is not proved to be a good RSA key again.
    """
    key = open_key(content, passphrase, where, option)
    return check_key(key, where) if ours else prove_key(check_key(key, where), where)


def open_key(content: bytes, passphrase: str | None, where: str, option: str) -> object:
    """A private key of any kind, PEM or DER, opened and not judged."""
    require_cryptography()
    forms.check_secret(content, where)
    secret = passphrase.encode() if passphrase else None
    try:
        if forms.is_pem(content):
            return load_pem_private_key(forms.pem(content), secret, unsafe_skip_rsa_key_validation=True)
        return load_der_private_key(forms.binary(content), secret, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise X509Error(
            f"The key {where} is not encrypted; leave {option} out."
            if passphrase
            else f"The key {where} is encrypted; set {option}."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise X509Error(f"The key {where} cannot be opened: {option} is wrong, or it is no private key.") from None


def check_key(key: object, where: str) -> Key:
    """The key, if it is one that Azure and Apple take; `where` names it."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise X509Error(
            f"The key {where} is not RSA, and an Azure gateway takes RSA client certificates only; use RSA."
        )
    if not LEAST_BITS <= key.key_size <= bounds.KEY_BITS:
        raise X509Error(f"The key {where} has {key.key_size} bits; it must have {LEAST_BITS} to {bounds.KEY_BITS}.")
    return key


def prove_key(key: Key, where: str) -> Key:
    """The key, if its numbers really are those of an RSA key."""
    try:
        load_der_private_key(to_der(key), None)
    except ValueError:
        raise X509Error(f"The key {where} is damaged: its numbers do not make an RSA key.") from None
    return key


def fingerprint(key: PublicKeyTypes) -> str:
    """SHA-256 of a public key (SubjectPublicKeyInfo in DER), 64 upper-case hex digits."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest().upper()
