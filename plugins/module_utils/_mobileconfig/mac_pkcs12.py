# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: PKCS#12 (RFC 7292) in the one form that every Mac reads.

That form is: certificates and key under PBE with SHA-1 and 3DES, the whole under a SHA-1 MAC, all in DER. read() is
at once the check of the form and a reader about ten times as fast as load_pkcs12(), which proves at every call that
the factors of an RSA key are prime. A profile is rendered once per Mac and run, so that proof would be most of it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from .der import Element, elements, encode

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs12
except ImportError:
    pass  # said by require_cryptography()

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_SEQUENCE, _OCTET_STRING, _EXPLICIT_0 = 0x30, 0x04, 0xA0
_DATA = bytes.fromhex("06092a864886f70d010701")
_ENCRYPTED_DATA = bytes.fromhex("06092a864886f70d010706")
_SHROUDED_KEY_BAG = bytes.fromhex("060b2a864886f70d010c0a0102")
_SHA1_AND_3DES = bytes.fromhex("060a2a864886f70d010c0103")
_SHA1 = bytes.fromhex("06052b0e03021a")

# Far above what tools use; a file that asks for more is left to load_pkcs12().
_MOST_ROUNDS = 100_000


def read(data: bytes, password: str) -> tuple[PrivateKeyTypes, list[x509.Certificate]] | None:
    """Key and certificates; None for another form, another password, or anything but one key."""
    try:
        return _read(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _read(data: bytes, password: str) -> tuple[PrivateKeyTypes, list[x509.Certificate]] | None:
    """PFX { version, { data, [0] OCTET STRING { certificates, key } }, MacData { { SHA-1, digest }, salt, rounds } }"""
    (pfx,) = elements(data)
    version, content, mac = elements(pfx.content)
    contents = _octets(content, _DATA)
    digest, salt, rounds = elements(mac.content)
    algorithm, expected = elements(digest.content)
    times = int.from_bytes(rounds.content, "big")
    if elements(algorithm.content)[0].encoded != _SHA1 or times > _MOST_ROUNDS:
        return None
    mac_key = _mac_key(password, salt.content, times)
    if not hmac.compare_digest(hmac.digest(mac_key, contents, "sha1"), expected.content):
        return None
    (wrapped,) = elements(contents)
    key_info, encrypted = _parts(elements(wrapped.content))

    # For load_pkcs12(): the same file with its certificates alone, under a MAC made with the same key.
    inner = encode(_SEQUENCE, b"".join(encrypted))
    new_digest = encode(_SEQUENCE, algorithm.encoded + encode(_OCTET_STRING, hmac.digest(mac_key, inner, "sha1")))
    new_content = encode(_SEQUENCE, _DATA + encode(_EXPLICIT_0, encode(_OCTET_STRING, inner)))
    new_mac = encode(_SEQUENCE, new_digest + salt.encoded + rounds.encoded)
    bundle = pkcs12.load_pkcs12(encode(_SEQUENCE, version.encoded + new_content + new_mac), password.encode())
    if bundle.key is not None:
        return None
    key = load_der_private_key(key_info, password.encode(), unsafe_skip_rsa_key_validation=True)
    return key, [each.certificate for each in bundle.additional_certs]


def _parts(contents: list[Element]) -> tuple[bytes, list[bytes]]:
    """The one EncryptedPrivateKeyInfo and the encrypted certificates; ValueError for any other arrangement."""
    keys: list[bytes] = []
    encrypted: list[bytes] = []
    for content in contents:
        kind = elements(content.content)[0].encoded
        if kind == _ENCRYPTED_DATA:
            # [0] EncryptedData { version, { data, { algorithm, ... }, [0] the certificates } }
            (data,) = elements(elements(content.content)[1].content)
            _check_cipher(elements(elements(data.content)[1].content)[1])
            encrypted.append(content.encoded)
        else:
            (bags,) = elements(_octets(content, _DATA))
            keys.extend(_key_of(bag) for bag in elements(bags.content))
    (key,) = keys
    return key, encrypted


def _key_of(bag: Element) -> bytes:
    """SafeBag { shrouded key, [0] EncryptedPrivateKeyInfo { algorithm, key }, attributes }"""
    kind, value, *_attributes = elements(bag.content)
    if kind.encoded != _SHROUDED_KEY_BAG:
        raise ValueError("no shrouded key")
    (info,) = elements(value.content)
    _check_cipher(elements(info.content)[0])
    return info.encoded


def _check_cipher(algorithm: Element) -> None:
    if elements(algorithm.content)[0].encoded != _SHA1_AND_3DES:
        raise ValueError("another cipher")


def _octets(content: Element, wanted: bytes) -> bytes:
    """ContentInfo { type, [0] OCTET STRING }"""
    kind, explicit = elements(content.content)
    (octets,) = elements(explicit.content)
    if kind.encoded != wanted or octets.tag != _OCTET_STRING:
        raise ValueError("another content")
    return octets.content


def _mac_key(password: str, salt: bytes, rounds: int) -> bytes:
    """RFC 7292, appendix B.2, for the purpose "MAC" (3) and the length of one SHA-1 digest, which needs one block."""

    def filled(text: bytes) -> bytes:
        return (text * 64)[: -(-len(text) // 64) * 64]

    digest = bytes([3]) * 64 + filled(salt) + filled(password.encode("utf-16-be") + b"\0\0")
    for _ in range(rounds):
        digest = hashlib.sha1(digest, usedforsecurity=False).digest()
    return digest
