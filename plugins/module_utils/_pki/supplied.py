# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: client identities that an enterprise CA has issued.

They are checked as strictly as our own would be, and encoded again: whatever form the source has, the Mac gets the
one that it opens. The source is remembered by its digest, so an unchanged one is not even opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from .._files import read
from . import certificates, pkcs12
from ._base import SMALL_FILE, PkiError, sha256_hex
from .requests import ClientRequest

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa


def digest(request: ClientRequest) -> str:
    """Of the source files; PkiError when one cannot be read."""
    return sha256_hex(b"".join(bytes.fromhex(sha256_hex(read(path, SMALL_FILE))) for path in request.sources))


def load(
    request: ClientRequest, authorities: Sequence[x509.Certificate] | None, now: datetime
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """The identity of `request`, checked; `authorities` are the root and the CAs below it, None if not known yet.

    PkiError when a gateway or a Mac would not take it.
    """
    certificate, key = _open(request)
    where = str(request.key_source or request.pkcs12_source)
    certificates.check_key(certificate, key, where)
    certificates.check_client(certificate, request.name, now)
    if authorities is not None and not any(certificates.issued_by(certificate, ca) for ca in authorities):
        raise PkiError(
            f"{certificates.describe(certificate)} has not been issued by the current root or a CA of its "
            "chain; supply one that was, or give root_certificate that root, with the issuing CA as chain_source."
        )
    return certificate, key


def _open(request: ClientRequest) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    if request.pkcs12_source:
        where = str(request.pkcs12_source)
        return pkcs12.decode(read(request.pkcs12_source, SMALL_FILE), request.source_password, where)
    if not (request.certificate_source and request.key_source):
        raise PkiError(f"The client {request.name} has no complete source.")
    where = str(request.certificate_source)
    found = certificates.load_certificates(read(request.certificate_source, SMALL_FILE), where)
    where = str(request.key_source)
    key = certificates.load_key(read(request.key_source, SMALL_FILE), request.source_password, where, "source_password")
    return found[0], key
