# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: identities in PKCS#12, ours in the form that every macOS opens, others' in any form.

Apple's payload takes one certificate only, with its key (com.apple.security.pkcs12). macOS 11 to 14 open only the old
encryption (PBE with SHA-1 and 3DES, SHA-1 MAC: Apple's open-source Security), and so does, as far as anybody has seen,
the installer of profiles on every later one. It guards the key on its way; the file itself is kept 0600.
"""

from __future__ import annotations

import secrets
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import certificates, forms, keys
from .certificates import UNREADABLE, Certificate
from .errors import X509Error, require_cryptography

try:
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
except ImportError:
    pass  # said by require_cryptography

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

    from .keys import Key

ROUNDS = 2048  # what openssl and every macOS use with this form

# Object identifiers as they stand in the file. Everything else there is encrypted, so a hit is no accident.
_SHA1_MAC = bytes.fromhex("06052b0e03021a")
_PBES2 = bytes.fromhex("06092a864886f70d01050d")


@dataclass(frozen=True)
class Opened:
    """A certificate with its key, further certificates, and whether every Mac opens the file as it is."""

    certificate: Certificate
    key: Key = field(repr=False)
    others: tuple[Certificate, ...]
    fits_every_mac: bool


def check_password(password: str | None, option: str) -> str:
    """The password, if macOS takes it: not empty, printable ASCII (anything else fails as "wrong password" there)."""
    if not password:
        raise X509Error(f"The PKCS#12 password is empty, which macOS does not open; set {option}.")
    if not (password.isascii() and password.isprintable()):
        raise X509Error(
            f"The PKCS#12 password has characters outside ASCII, which macOS reads differently; alter {option}."
        )
    return password


def new_password() -> str:
    """A password that nobody needs to know or type."""
    return secrets.token_urlsafe(24)


def require_old_form() -> None:
    """X509Error when the OpenSSL behind the library cannot write the old form, before any work is done."""
    require_cryptography()
    try:
        key = ec.generate_private_key(ec.SECP256R1())
        pkcs12.serialize_key_and_certificates(b"probe", key, None, None, _encryption("probe"))
    except (UnsupportedAlgorithm, InternalError, ValueError):
        raise X509Error(
            "The OpenSSL of this controller (a FIPS build?) cannot write PKCS#12 with SHA-1 and 3DES, the only form "
            "that every macOS opens; run on a controller with an ordinary OpenSSL."
        ) from None


def friendly_name(certificate: Certificate) -> str:
    """It moves with the certificate: macOS has been seen to go on using an older identity of the same name."""
    return f"{certificate.common_name} {certificate.serial}"


def pack(certificate: Certificate, key: Key, password: str) -> bytes:
    """Certificate and key alone, in the form every Mac opens; CAs travel in payloads of their own.

    Salted: packing twice gives different bytes.
    """
    require_cryptography()
    name = friendly_name(certificate).encode()
    try:
        return pkcs12.serialize_key_and_certificates(name, key, certificate.parsed, None, _encryption(password))
    except (UnsupportedAlgorithm, InternalError):
        require_old_form()
        raise


def read(content: bytes, password: str | None, where: str, option: str) -> Opened:
    """Somebody's PKCS#12, in whatever form it is (a PFX of Windows with its chain, one of LibreSSL, in base64).

    X509Error names what is wrong with it: `where` is the file, `option` the option with its password. The key is one
    that Azure and Apple take; the certificate is not judged.
    """
    require_cryptography()
    forms.check_secret(content, where)
    content = forms.binary(content)
    try:
        with warnings.catch_warnings(action="ignore"):  # of BER, which is nothing that the user could mend
            bundle = pkcs12.load_pkcs12(content, password.encode() if password else None)
        leaf = certificates.of(bundle.cert.certificate) if bundle.cert else None
        others = tuple(certificates.of(each.certificate) for each in bundle.additional_certs)
    except UNREADABLE:
        raise X509Error(f"{where} cannot be opened: {option} is wrong, or it is no PKCS#12 file.") from None
    if bundle.key is None or leaf is None:
        raise X509Error(f"{where} does not hold a private key together with its certificate; export both.")
    fits = not others and _SHA1_MAC in content and _PBES2 not in content
    return Opened(leaf, keys.check_key(bundle.key, where), others, fits)


def _encryption(password: str) -> KeySerializationEncryption:
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303
        .build(password.encode("ascii"))
    )
