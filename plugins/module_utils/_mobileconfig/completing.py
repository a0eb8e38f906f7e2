# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a profile whose private key is on its Mac.

On the controller the client's certificate stands where the PKCS#12 belongs, so the file holds no secret, and no Mac
would install it as it is. The Mac puts a PKCS#12 and its password in: they are one line each in the property list,
marked by a token. The ProfileUUID does not depend on either.
"""

from __future__ import annotations

import base64
import plistlib
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._x509.der import BIT_STRING, SEQUENCE, elements
from . import payloads


@dataclass(frozen=True)
class Unfinished:
    """What a Mac needs to complete a profile. None of it is secret."""

    name: str  # of the identity: it moves with the certificate
    token: str  # the line that the PKCS#12 takes, in base64, and the string that its password takes
    content: bytes  # the certificate in PEM form, and then the profile


def unfinished(document: Mapping[str, Any]) -> Unfinished | None:
    """A profile that is to be completed, as the Mac takes it, with a token that is in no other profile; None for one
    that is complete."""
    identity = _identity(document) or {}
    certificate = identity.get("PayloadContent")
    if not isinstance(certificate, bytes) or not _is_certificate(certificate):
        return None
    token = "k" + secrets.token_hex(16)[1:]  # never a number, which awk would compare as one
    marked = {**identity, "PayloadContent": base64.b64decode(token), "Password": token}
    content = [marked if payload is identity else payload for payload in document["PayloadContent"]]
    written = plistlib.dumps({**document, "PayloadContent": content}, fmt=plistlib.FMT_XML, sort_keys=True)
    pem = ssl.DER_cert_to_PEM_cert(certificate).encode()
    return Unfinished(str(identity.get("PayloadDisplayName", "")), token, pem + written)


def _is_certificate(data: bytes) -> bool:
    """Certificate { TBSCertificate, AlgorithmIdentifier, BIT STRING } (RFC 5280, 4.1), and no PKCS#12."""
    try:
        (whole,) = elements(data)
        return [each.tag for each in elements(whole.content)] == [SEQUENCE, SEQUENCE, BIT_STRING]
    except ValueError:
        return False


def _identity(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = document.get("PayloadContent")
    found = content if isinstance(content, list) else []
    return next((p for p in found if isinstance(p, Mapping) and p.get("PayloadType") == payloads.IDENTITY), None)
