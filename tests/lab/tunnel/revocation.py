# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusing a client by the SHA-1 thumbprint of its certificate, as Azure does, with what strongSwan has.

Azure's only means is a list of thumbprints; it has neither the key of the client root nor a CRL. strongSwan has no list
of thumbprints: its hooks (updown, ext-auth) never see the certificate, and an OCSP question names a serial only. What
strongSwan checks during the handshake is a CRL, so the thumbprints are turned into one:

* The certificate behind a thumbprint gives issuer and serial. It must be known to the lab (`known`): the certificates
  the lab's PKI has issued, or those the gateway has seen. A thumbprint of no known certificate is an error, never
  silently without effect.
* The CRL is signed in the issuer's name by a key of the lab: strongSwan accepts a CRL from any trusted certificate with
  the issuer's name, and such a stand-in (same name, same key identifier, own key) is trusted by the lab's gateway only.

So a revoked client fails where it fails at Azure: in the handshake, with AUTHENTICATION_FAILED.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import thumbprint
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError

_YEAR = dt.timedelta(days=365)


class RevocationList:
    """Makes CRLs; keeps one signing key and counts the CRLs, since strongSwan takes the one with the highest number."""

    def __init__(self) -> None:
        self._key: rsa.RSAPrivateKey | None = None
        self._number = 0

    def build(self, revoked: Iterable[str], known: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """For each issuer of a revoked certificate: the stand-in for the issuer and its CRL, both DER."""
        by_thumbprint = {thumbprint(der): der for der in known}
        by_issuer: dict[bytes, list[x509.Certificate]] = defaultdict(list)
        for sha1 in sorted({normal(sha1) for sha1 in revoked}):
            if sha1 not in by_thumbprint:
                raise TunnelLabError(f"the lab's gateway cannot refuse {sha1}: name its certificate as a known client")
            certificate = x509.load_der_x509_certificate(by_thumbprint[sha1])
            by_issuer[certificate.issuer.public_bytes()].append(certificate)
        for certificates in by_issuer.values():
            if len({_key_identifier(certificate) for certificate in certificates}) > 1:
                raise TunnelLabError(
                    "the lab's gateway cannot refuse clients of two roots with one name: strongSwan keeps one CRL"
                )
        return [self._one(certificates) for certificates in by_issuer.values()]

    def _one(self, certificates: list[x509.Certificate]) -> tuple[bytes, bytes]:
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = dt.datetime.now(dt.UTC)
        identifier = _key_identifier(certificates[0])
        stand_in = (
            x509.CertificateBuilder()
            .subject_name(certificates[0].issuer)
            .issuer_name(certificates[0].issuer)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _YEAR)
            .not_valid_after(now + _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier(identifier), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._number += 1
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(certificates[0].issuer)
            .last_update(now - dt.timedelta(minutes=5))
            .next_update(now + _YEAR)
            .add_extension(x509.CRLNumber(self._number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), critical=False)
        )
        for certificate in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - dt.timedelta(minutes=5)).build())
        crl = builder.sign(self._key, hashes.SHA256())
        der = serialization.Encoding.DER
        return stand_in.public_bytes(der), crl.public_bytes(der)


def normal(sha1: str) -> str:
    """A thumbprint as Azure shows it: 40 upper-case hex digits, without blanks and colons."""
    return "".join(sha1.replace(":", "").split()).upper()


def _key_identifier(certificate: x509.Certificate) -> bytes:
    """The issuer's key identifier as the certificate names it (strongSwan looks a CRL up by it)."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        named = None
    return named or certificate.issuer.public_bytes()
