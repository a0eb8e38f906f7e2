# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what Azure, its gateways and Macs do not take, of a root, of its chain, of a client.

Refused is only what cannot work. Microsoft's own recipes make a root without basic constraints (PowerShell's
New-SelfSignedCertificate with -KeyUsage CertSign, makecert), which is fine therefore; one that says CA:FALSE is not.
What may work, and is not documented to, is a doubt: a sentence for a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from . import bounds
from .certificates import UNREADABLE, Certificate
from .errors import X509Error
from .keys import LEAST_BITS
from .text import utc_text

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError:
    pass  # said by require_cryptography

if TYPE_CHECKING:
    from .keys import Key

# A Mac whose clock runs a little behind would refuse a certificate that starts this very second.
CLOCK_SKEW = timedelta(hours=1)


def check_root(certificate: Certificate, where: str, now: datetime) -> tuple[str, ...]:
    """X509Error unless Azure may trust this root and clients may hang below it; otherwise the doubts about it.

    Do not ask for a root that Azure trusts already: it is as good as any.
    """
    _refuse(certificate, where, _faults_of_root(certificate, now))
    return tuple(f"{where}, {certificate.label}: {doubt}." for doubt in _doubts_about_root(certificate))


def check_chain(root: Certificate, chain: Sequence[Certificate], now: datetime, trusted: Collection[str] = ()) -> None:
    """X509Error unless `root` is self-signed, and clients may hang below `chain` (the issuing CA first).

    `trusted` are the SHA-1 of the roots that Azure trusts already: these are not judged.
    """
    if root.sha1 not in trusted:
        if not root.self_issued:
            _refuse(root, "", ["it is not self-signed; give the root at the top, and the CAs below it as its chain"])
        _refuse(root, "", _faults_of_root(root, now))
    for child, parent in pairwise((*chain, root)):
        _refuse(child, "", (*_faults_of_ca(child, now), *_other_key(child)))
        if not issued_by(child, parent):
            raise X509Error(
                f"The certificate {child.label} has not been signed by {parent.label}; order the chain from the "
                "issuing CA upwards, without gaps."
            )


def check_client(certificate: Certificate, where: str, now: datetime) -> tuple[str, ...]:
    """X509Error unless a gateway and a Mac may take this certificate for a client; otherwise the doubts about it."""
    _refuse(certificate, where, _faults_of_client(certificate, now))
    return tuple(f"{where}, {certificate.label}: {doubt}." for doubt in _doubts_about_client(certificate, now))


def check_started(certificate: Certificate, where: str, now: datetime) -> None:
    """X509Error for a certificate that is not valid yet."""
    _refuse(certificate, where, _not_yet(certificate, now))


def check_issued(certificate: Certificate, authorities: Sequence[Certificate]) -> None:
    """X509Error unless one of these has issued the certificate."""
    if not any(issued_by(certificate, authority) for authority in authorities):
        raise X509Error(
            f"{certificate.label} has not been issued by the current root or a CA of its chain; supply one that was, "
            "or supply that root, with the issuing CA as its chain."
        )


def check_pair(certificate: Certificate, key: Key, where: str) -> None:
    """X509Error unless the key belongs to the certificate."""
    if key.public_key() != certificate.public_key:
        raise X509Error(f"The key {where} does not belong to the certificate {certificate.label}.")


def is_authority(certificate: Certificate) -> bool:
    """Whether it says that it is a CA."""
    constraints = certificate.extension(x509.BasicConstraints)
    return bool(constraints and constraints.ca)


def path(certificate: Certificate, others: Sequence[Certificate], where: str) -> list[Certificate]:
    """Those of `others` that lead up from the certificate, the nearest first; X509Error for one that may not sign."""
    found: list[Certificate] = []
    last = certificate
    while issuer := next((each for each in others if each not in (last, *found) and issued_by(last, each)), None):
        _refuse(issuer, where, _faults_of_signing(issuer))
        found.append(issuer)
        last = issuer
    return found


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the names fit and the signature is true. Whether the issuer may sign is another question."""
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except InvalidSignature:
        return False
    except UNREADABLE:
        return False
    return True


def _refuse(certificate: Certificate, where: str, faults: Iterator[str] | Sequence[str]) -> None:
    for fault in faults:
        subject = f"{where}, {certificate.label}," if where else f"The certificate {certificate.label}"
        raise X509Error(f"{subject} cannot be used: {fault}.")


def _faults_of_root(certificate: Certificate, now: datetime) -> Iterator[str]:
    yield from _faults_of_ca(certificate, now)
    yield from _other_key(certificate)
    if certificate.self_issued and not issued_by(certificate, certificate):
        yield "its own signature is wrong; the file is damaged"
    if not certificate.self_issued and not is_authority(certificate):
        yield "it is not self-signed; give the root that signed it"


def _doubts_about_root(certificate: Certificate) -> Iterator[str]:
    if not certificate.self_issued:
        yield "it is an intermediate, not a root; whether Azure trusts its clients is not documented"


def _faults_of_ca(certificate: Certificate, now: datetime) -> Iterator[str]:
    yield from _faults_of_any(certificate, now)
    yield from _not_yet(certificate, now)
    yield from _faults_of_signing(certificate)


def _faults_of_any(certificate: Certificate, now: datetime) -> Iterator[str]:
    if now >= certificate.not_after:
        yield f"it expired on {utc_text(certificate.not_after)}; give one that is valid"
    if certificate.extensions is None:
        yield "an extension in it cannot be read; the file is damaged, or its maker broke the rules of X.509"
    if certificate.public_key is None:
        yield "its key is of a kind that nobody knows"
    elif certificate.key_bits and not LEAST_BITS <= certificate.key_bits <= bounds.KEY_BITS:
        yield f"its RSA key has {certificate.key_bits} bits; it must have {LEAST_BITS} to {bounds.KEY_BITS}"
    if not _signed_well(certificate):
        yield "it is not signed with SHA-256 or better; issue it again"


def _other_key(certificate: Certificate) -> Iterator[str]:
    if not certificate.key_bits:
        yield "its key is not RSA, and Microsoft documents P2S with RSA certificates only"


def _not_yet(certificate: Certificate, now: datetime) -> Iterator[str]:
    if now < certificate.not_before - CLOCK_SKEW:
        yield f"it is not valid before {utc_text(certificate.not_before)}; wait, or check the clock"


def _faults_of_signing(certificate: Certificate) -> Iterator[str]:
    constraints = certificate.extension(x509.BasicConstraints)
    if constraints and not constraints.ca:
        yield "it is not a CA certificate (its basic constraints say CA:FALSE)"
    usage = certificate.extension(x509.KeyUsage)
    if usage and not usage.key_cert_sign:
        yield "its key usage does not allow signing certificates"


def _faults_of_client(certificate: Certificate, now: datetime) -> Iterator[str]:
    yield from _faults_of_any(certificate, now)
    yield from _other_key(certificate)
    if is_authority(certificate):
        yield "it is that of a CA, not of a client; issue one with CA:FALSE"
    usage = certificate.extension(x509.KeyUsage)  # RFC 5280 makes it optional: then nothing is forbidden
    if usage and not usage.digital_signature:
        yield "it has a key usage without digitalSignature, with which a client logs in; issue it again"
    purposes = certificate.extension(x509.ExtendedKeyUsage)
    wanted = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes and wanted.isdisjoint(purposes):
        yield "it has extended key usages, and clientAuth is not among them; issue it again"


def _doubts_about_client(certificate: Certificate, now: datetime) -> Iterator[str]:
    yield from _not_yet(certificate, now)
    purposes = certificate.extension(x509.ExtendedKeyUsage)
    if purposes and list(purposes)[:1] != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        yield "clientAuth is not its first extended key usage, as Microsoft's guide for enterprise CAs asks"
    if not certificate.names:
        yield (
            "it has no alternative name by which a Mac could introduce itself; whether Azure then takes its common "
            "name is not documented"
        )


def _signed_well(certificate: Certificate) -> bool:
    try:
        return isinstance(certificate.parsed.signature_hash_algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512)
    except UNREADABLE:
        return False
