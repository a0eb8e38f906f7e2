# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keychains: certificates with or without their private keys, and which of them are trusted.

Sources: man security; apple-oss-distributions/Security (SecPolicy.c for the policies, TrustSettings.cpp for trust).
Certificates are parsed with asn1crypto and signatures checked with cryptography: nothing here is shared with the
collection's own code.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable

from asn1crypto import pem
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature

SYSTEM = "System.keychain"
LOGIN = "login.keychain-db"

#: What a profile's identity may be used by without a question (see docs/fidelity-macos.md, "no key prompt").
VPN_PROVIDERS = ("configd", "nehelper", "NEIKEv2Provider")


@dataclasses.dataclass
class Item:
    """One certificate in one keychain, with its key if the keychain holds it."""

    der: bytes
    key: bytes | None = None
    # Programs that may use the key without asking; '*' is every program (security import -A).
    access: tuple[str, ...] = ()
    extractable: bool = True
    # (scope user or None, profile identifier, payload identifier, payload UUID) for what a profile brought.
    origin: tuple[str | None, str, str, str] | None = None

    @property
    def certificate(self) -> asn1.Certificate:
        """The parsed certificate."""
        return asn1.Certificate.load(self.der)

    @property
    def sha1(self) -> str:
        """Upper-case hex."""
        return hashlib.sha1(self.der).hexdigest().upper()

    @property
    def sha256(self) -> str:
        """Upper-case hex."""
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def common_name(self) -> str:
        """Common name of the subject, else the readable subject, as Keychain Access labels it."""
        native = self.certificate.subject.native
        name = native.get("common_name", "")
        return str((name[-1] if isinstance(name, list) else name) or self.certificate.subject.human_friendly)

    @property
    def emails(self) -> list[str]:
        """E-mail addresses of the certificate."""
        extension = self.certificate.subject_alt_name_value
        return [name.native for name in extension or [] if name.name == "rfc822_name"]

    @property
    def pem(self) -> str:
        """The certificate in PEM form."""
        return str(pem.armor("CERTIFICATE", self.der), "ascii")

    def public(self) -> dict[str, object]:
        """What a test wants to know."""
        return {
            "sha1": self.sha1,
            "sha256": self.sha256,
            "common_name": self.common_name,
            "has_key": self.key is not None,
            "access": self.access,
        }


def verdict(item: Item, others: Iterable[Item], trusted: set[str], policy: str) -> str | None:
    """Return None for a valid certificate, else the CSSM error name that `security` prints behind it.

    `trusted` holds SHA-256 of trusted certificates. The policies differ as SecPolicy.c says: IPsec checks the chain
    only (no extended key usage), EAP and TLS want their usage.
    """
    certificate = x509.load_der_x509_certificate(item.der)
    now = datetime.datetime.now(datetime.UTC)
    if now > certificate.not_valid_after_utc:
        return "CSSMERR_TP_CERT_EXPIRED"
    if now < certificate.not_valid_before_utc:
        return "CSSMERR_TP_CERT_NOT_VALID_YET"
    pool = {other.sha256: other for other in others}
    seen: set[str] = set()
    current = item
    while current.sha256 not in trusted:
        seen.add(current.sha256)
        issuer = next((other for other in pool.values() if other.sha256 not in seen and _issued(other, current)), None)
        if issuer is None:
            return "CSSMERR_TP_NOT_TRUSTED"
        current = issuer
    wanted = {"ssl-server": "1.3.6.1.5.5.7.3.1", "ssl-client": "1.3.6.1.5.5.7.3.2", "eap": "1.3.6.1.5.5.7.3.1"}.get(
        policy
    )
    return None if wanted is None or _has_usage(certificate, wanted) else "CSSMERR_TP_INVALID_EXTENDED_KEY_USAGE"


def _issued(issuer: Item, subject: Item) -> bool:
    if issuer.certificate.subject.dump() != subject.certificate.issuer.dump():
        return False
    try:
        x509.load_der_x509_certificate(subject.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _has_usage(certificate: x509.Certificate, oid: str) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return any(usage.dotted_string == oid for usage in usages)


def certificates(data: bytes) -> list[bytes]:
    """Return the DER of the certificates in a PEM or DER file; ValueError if there is none."""
    if pem.detect(data):
        found = [der for kind, _unused, der in pem.unarmor(data, multiple=True) if kind.endswith("CERTIFICATE")]
    else:
        found = [data]
    for der in found:
        asn1.Certificate.load(der, strict=True).subject.native  # noqa: B018  (parsing is the check)
    if not found:
        raise ValueError("no certificate")
    return found
