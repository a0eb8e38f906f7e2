# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: signed profiles, which are CMS SignedData (RFC 5652) in DER around the property list.

Imports no X.509 library, as it is needed where a Mac's task runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .._x509.der import EXPLICIT_0, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, SIGNED_DATA, elements

_DATA = bytes.fromhex("2a864886f70d010701")


@dataclass(frozen=True)
class Signed:
    """What a signed file holds. Nothing here has been verified: it tells who signed what, for a comparison."""

    content: bytes = field(repr=False)
    certificates: frozenset[bytes] = field(repr=False)


def read_signed(data: bytes) -> Signed | None:
    """The content and certificates of a signed file, or None when it is no such file.

    ContentInfo { signedData, [0] SignedData { version, digests, { data, [0] OCTET STRING }, [0] certificates, ... } }
    """
    if data[:1] != bytes([SEQUENCE]):
        return None  # a property list, in nearly every case
    try:
        (info,) = elements(data)
        kind, wrapped = elements(info.content)
        (signed,) = elements(wrapped.content)
        _version, digests, inner, certificates, *_signers = elements(signed.content)
        data_kind, data_wrapped = elements(inner.content)
        (octets,) = elements(data_wrapped.content)
        carried = frozenset(each.encoded for each in elements(certificates.content))
    except ValueError:
        return None
    shape = (info.tag, signed.tag, digests.tag, inner.tag, certificates.tag, octets.tag)
    if shape != (SEQUENCE, SEQUENCE, SET, SEQUENCE, EXPLICIT_0, OCTET_STRING):
        return None
    if (kind.tag, kind.content, data_kind.content) != (OBJECT_IDENTIFIER, SIGNED_DATA, _DATA):
        return None
    return Signed(octets.content, carried)
