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
from .._x509 import certificates, checks, keys, pkcs12
from .._x509.certificates import Certificate
from ._base import SMALL_FILE, PkiError, sha256_hex
from .requests import ClientRequest

if TYPE_CHECKING:
    from .._x509.keys import Key


def digest(request: ClientRequest) -> str:
    """Of the source files; PkiError when one cannot be read."""
    return sha256_hex(b"".join(bytes.fromhex(sha256_hex(read(path, SMALL_FILE))) for path in request.sources))


def load(
    request: ClientRequest, authorities: Sequence[Certificate] | None, now: datetime
) -> tuple[Certificate, Key, tuple[str, ...]]:
    """The identity of `request`, checked, and the doubts about it.

    `authorities` are the root and the CAs below it, None if not known yet.

    PkiError when a gateway or a Mac would not take it.
    """
    certificate, key = _open(request)
    where = str(request.key_source or request.pkcs12_source)
    checks.check_pair(certificate, key, where)
    doubts = checks.check_client(certificate, where, now)
    checks.check_started(certificate, where, now)
    if certificate.common_name != request.name:
        raise PkiError(
            f"The certificate {certificate.label} does not have {request.name} as its common name; supply that of this "
            "client."
        )
    if authorities is not None:
        checks.check_issued(certificate, authorities)
    return certificate, key, doubts


def _open(request: ClientRequest) -> tuple[Certificate, Key]:
    if request.pkcs12_source:
        content, where = read(request.pkcs12_source, SMALL_FILE), str(request.pkcs12_source)
        opened = pkcs12.read(content, request.source_password, where, "source_password")
        return opened.certificate, opened.key
    if not (request.certificate_source and request.key_source):
        raise PkiError(f"The client {request.name} has no complete source.")
    where = str(request.certificate_source)
    found = certificates.read(read(request.certificate_source, SMALL_FILE), where)
    where = str(request.key_source)
    key = keys.load_key(read(request.key_source, SMALL_FILE), request.source_password, where, "source_password")
    return found[0], key
