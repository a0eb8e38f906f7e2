# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the client identity, from a PKCS#12 file to what a profile may carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .._x509 import certificates, checks, pkcs12
from .._x509.certificates import Certificate
from .._x509.errors import X509Error
from .._x509.kinds import ADDRESS, kind_of, plain, split
from . import payloads
from .errors import ProfileError
from .names import is_host_name

# Of a profile that has its PKCS#12 made on the Mac, as the password is. Not secret, and never used.
PLACEHOLDER = "made on the Mac"


@dataclass(frozen=True)
class Identity:
    """One client certificate, checked, and the PKCS#12 that goes into the profile with its password.

    Where the Mac has the key, the certificate itself takes the place of the PKCS#12: see completing.py. `where` is the
    file or the client that it comes from, as `warnings` name it.
    """

    certificate: Certificate
    intermediates: tuple[Certificate, ...]
    pkcs12: bytes = field(repr=False)
    password: str = field(repr=False)
    warnings: tuple[str, ...] = ()
    where: str = ""

    @property
    def common_name(self) -> str:
        return self.certificate.common_name

    def payload(self, identifier: str) -> payloads.Payload:
        return payloads.client_identity(identifier, self)

    def doubts(self, _local_identifier: str) -> tuple[str, ...]:
        return ()

    def local_identifier(self, wish: str | None) -> str:
        """The name by which the Mac introduces itself: the one wished for; or the common name, or that of the user in
        it; or else the first one that there is.

        A responder looks for it among the certificate's alternative names of its kind. Of a certificate that has none
        (makecert makes such), the common name is the best that is known.
        """
        certificate = self.certificate
        known = certificate.names if certificate.alternative_names else certificate.common_names[:1]
        preferred = [wish] if wish else [certificate.common_name, split(certificate.common_name)[0], *known]
        found = [name for name in map(plain, preferred) if name in known]
        if not found:
            raise ProfileError(self._no_identifier(preferred[0], known))
        usable = [name for name in found if wish or _is_plain(name)]
        if not usable:
            raise ProfileError(
                f"The name {found[0]!r} of the client certificate {certificate.label}, by which the Mac would "
                "introduce itself, may hold letters, digits, dots and dashes, and one @ as in a mail address."
            )
        return usable[0]

    def _no_identifier(self, name: str, known: Sequence[str]) -> str:
        certificate = self.certificate
        others = {plain(other): kind for kind, other in certificate.alternative_names}
        told = (
            f"The local identifier {name!r} is no subject alternative name of the client certificate "
            f"{certificate.label} (it has: {', '.join(known) or 'none that a Mac could send'})"
        )
        if name in others:
            told = (
                f"The client certificate {certificate.label} has {name} as a name of the kind {others[name]}, and a "
                f"Mac sends it as one of the kind {kind_of(name)}, so that no gateway would find it"
            )
        return f"{told}; issue the certificate with it as {kind_of(name)} name, or " + (
            "set local_identifier to one of the others." if known else "with a DNS name of letters and dashes."
        )


def _is_plain(name: str) -> bool:
    """Whether this is the name of a host, of a person as in alice@example.com, as enterprise CAs make them, or an
    address."""
    user, _at, domain = name.rpartition("@")
    return kind_of(name) == ADDRESS or (is_host_name(domain) and (not user or is_host_name(user.replace("_", "-"))))


def load(data: bytes, password: str, where: str, previous: bytes | None = None) -> Identity:
    """The identity in a PKCS#12 file; X509Error or ProfileError names what is wrong, and never the password.

    A file that carries CA certificates or newer encryption is packed again in the form every Mac reads. Packing is
    salted, so `previous`, the PKCS#12 of the last rendering, is used again as long as it holds the same certificate.
    """
    option = f"the password of {where}"
    pkcs12.check_password(password, option)
    opened = pkcs12.read(data, password, where, option)
    warnings = checks.check_client(opened.certificate, where, datetime.now(UTC))
    fitting = data if opened.fits_every_mac else _packed(opened, password, previous)
    intermediates = _intermediates(opened.certificate, opened.others, where)
    return Identity(opened.certificate, intermediates, fitting, password, warnings, where)


def load_certificate(data: bytes, where: str) -> Identity:
    """The identity whose key is on its Mac, of which there is the certificate alone; X509Error as in `load`."""
    certificate = certificates.read_one(data, where)
    warnings = checks.check_client(certificate, where, datetime.now(UTC))
    return Identity(certificate, (), certificate.der, PLACEHOLDER, warnings, where)


def under_password(identity: Identity, password: str) -> tuple[bytes, str]:
    """The same identity in a PKCS#12 under another password, and the name that its key gets on a Mac."""
    opened = pkcs12.read(identity.pkcs12, identity.password, "The identity", "its password")
    return pkcs12.pack(opened.certificate, opened.key, password), pkcs12.friendly_name(opened.certificate)


def _packed(opened: pkcs12.Opened, password: str, previous: bytes | None) -> bytes:
    """Leaf and key alone, in the form every Mac reads, under the same password; `previous` if it is just that."""
    if previous is not None and _is_the_same(previous, opened, password):
        return previous
    return pkcs12.pack(opened.certificate, opened.key, password)


def _is_the_same(previous: bytes, opened: pkcs12.Opened, password: str) -> bool:
    try:
        known = pkcs12.read(previous, password, "The last rendering", "its password")
    except X509Error:
        return False
    return known.fits_every_mac and known.certificate == opened.certificate


def _intermediates(certificate: Certificate, others: Sequence[Certificate], where: str) -> tuple[Certificate, ...]:
    """The CAs between the client and its root; the root is Azure's business, and would only be trusted in vain here."""
    path = checks.path(certificate, others, where)
    if any(not (each in path or each.self_issued or checks.is_authority(each)) for each in others):
        raise ProfileError(f"{where} holds more than one client certificate; export one per file.")
    return tuple(each for each in path if not each.self_issued)
