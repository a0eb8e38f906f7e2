# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: PKCS#12 in the form that every macOS opens.

macOS 11 to 14 open only the old encryption (PBE with SHA-1 and 3DES, SHA-1 MAC), and so does, as far as anybody has
seen, the installer of profiles on every later one. It guards the key on its way; the file itself is kept 0600.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from . import certificates
from ._base import PkiError

try:
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
except ImportError:
    pass  # certificates.require_cryptography says so

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

ROUNDS = 2048  # what openssl and every macOS use with this form
CHECK_ROUNDS = 10_000  # of a stronger hash, so that the check beside a .p12 is never the easier thing to attack


class PasswordChecks:
    """Tells whether an identity was encoded with this password, without opening it and without storing the password.

    PBKDF2 with the folder's salt. One computation serves a whole fleet that shares a password.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._known: dict[str, str] = {}

    def of(self, password: str) -> str:
        if password not in self._known:
            digest = hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, CHECK_ROUNDS)
            self._known[password] = digest.hex()
        return self._known[password]


def check_password(password: str | None, option: str = "pkcs12_password") -> str:
    """The password, if macOS takes it: not empty, printable ASCII (anything else fails as "wrong password" there)."""
    if not password:
        raise PkiError(f"The PKCS#12 password is empty, which macOS does not open; set {option}.")
    if not (password.isascii() and password.isprintable()):
        raise PkiError(
            f"The PKCS#12 password has characters outside ASCII, which macOS reads differently; alter {option}."
        )
    return password


def require_legacy_form() -> None:
    """Raise PkiError when the OpenSSL behind cryptography cannot write the old form, before any work is done."""
    try:
        pkcs12.serialize_key_and_certificates(
            b"probe", ec.generate_private_key(ec.SECP256R1()), None, None, _encryption("probe")
        )
    except (UnsupportedAlgorithm, InternalError, ValueError):
        raise PkiError(
            "The OpenSSL of this controller (a FIPS build?) cannot write PKCS#12 with SHA-1 and 3DES, the only form "
            "that every macOS opens; run on a controller with an ordinary OpenSSL."
        ) from None


def encode(certificate: x509.Certificate, key: rsa.RSAPrivateKey, password: str) -> bytes:
    """Key and leaf alone: Apple's payload allows one certificate, CAs travel in payloads of their own.

    The friendly name carries the serial, because macOS has been seen to go on using an older identity of the same name.
    """
    label = f"{certificates.common_name(certificate)} {certificates.serial(certificate)}"
    return pkcs12.serialize_key_and_certificates(label.encode(), key, certificate, None, _encryption(password))


def decode(content: bytes, password: str | None, where: str) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Leaf and key of somebody's PKCS#12, in whatever form it is."""
    try:
        key, leaf, _others = pkcs12.load_key_and_certificates(content, password.encode() if password else None)
    except (ValueError, UnsupportedAlgorithm):
        raise PkiError(f"{where} cannot be opened: source_password is wrong, or it is no PKCS#12 file.") from None
    if key is None or leaf is None:
        raise PkiError(f"{where} does not hold a private key together with its certificate; export both.")
    return leaf, certificates.good_key(key, where)


def _encryption(password: str) -> KeySerializationEncryption:
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303
        .build(password.encode("ascii"))
    )
