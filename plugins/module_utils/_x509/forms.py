# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the forms in which certificates come, and what a file is when it holds none.

PEM and DER; base64 of either; PKCS#7 (.p7b, .p7c) in all of these, which AD CS puts between the lines of a
certificate, too; text with a byte order mark or in UTF-16, as PowerShell redirects it; any line ends, or blanks in
their place.
"""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Iterator

from . import bounds
from .der import (
    BIT_STRING,
    EXPLICIT_0,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SIGNED_DATA,
    UTC_TIME,
    Element,
    legible,
)
from .errors import X509Error

_BEGIN, _DASHES = "-----BEGIN ", "-----"
_LOCKED = "ENCRYPTED PRIVATE KEY"
_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS")

# What a PEM block holds, by the end of its label.
_LABELS = {
    "PRIVATE KEY": "a private key",
    "PUBLIC KEY": "a public key",
    "CERTIFICATE REQUEST": "a certificate signing request",
    "X509 CRL": "a revocation list",
    "PKCS12": "a PKCS#12 identity (.pfx, .p12)",
    "PARAMETERS": "parameters of a key",
}
# What a file that is neither PEM nor DER begins with.
_BEGINNINGS = {
    "ssh-": "a public key of ssh",
    "bplist": "a property list",
    "<?xml": "XML",
    "<plist": "a property list",
    "<!doctype": "a web page",
    "<html": "a web page",
    "{": "JSON",
}


def certificates_in(content: bytes, where: str) -> list[bytes]:
    """The certificates in `content`, in DER and in their order; X509Error says what else it is."""
    bounds.check_size(content, bounds.FILE, where)
    found: list[bytes] = []
    for der in _certificates(content, where):
        found.append(der)
        if len(found) > bounds.CERTIFICATES:
            raise X509Error(f"{where} holds more than {bounds.CERTIFICATES} certificates; give those that are meant.")
        if len(der) > bounds.CERTIFICATE:
            raise X509Error(f"{where} holds a certificate of more than {bounds.CERTIFICATE} bytes, which is none.")
    if not found:
        other = _other(content)
        holds = f"{other}, where a certificate belongs" if other else "no certificate that can be read"
        raise X509Error(f"{where} holds {holds}; give it as PEM, DER or PKCS#7.")
    return found


def binary(content: bytes) -> bytes:
    """A file that should be binary, as it is or out of its base64."""
    text = _text(content)
    return content if text is None else _decoded(text) or content


def is_pem(content: bytes) -> bool:
    return _BEGIN in (_text(content) or "")


def pem(content: bytes) -> bytes:
    """PEM text as a library wants it: ASCII, without a byte order mark."""
    return (_text(content) or "").encode("ascii", "replace")


def check_secret(content: bytes, where: str) -> None:
    """X509Error for a file of keys or a PKCS#12, PEM or not, that is too large or would take too long to open."""
    bounds.check_size(content, bounds.SECRET_FILE, where)
    text = _text(content) or ""
    if _BEGIN not in text:
        bounds.check_effort(binary(content), where)
    for label, body in _blocks(text, where):
        der = _decoded(body)
        if der is None and label == _LOCKED:  # a library may read what we do not, headers in front for example
            raise X509Error(f"{where} is damaged: the base64 of a key in it is not valid.")
        bounds.check_effort(der or b"", where)


def _certificates(content: bytes, where: str, *, nested: bool = False) -> Iterator[bytes]:
    text = _text(content)
    if text is None:
        yield from _unwrapped(content)
    elif _BEGIN in text:
        for label, body in _blocks(text, where):
            if label in _CERTIFICATE_LABELS:
                der = _decoded(body)
                if der is None:
                    raise X509Error(f"{where} is damaged: the base64 of a certificate in it is not valid.")
                yield from _unwrapped(der, label)
    elif not nested:
        decoded = _decoded(text)
        if decoded:
            yield from _certificates(decoded, where, nested=True)


def _unwrapped(der: bytes, label: str = "") -> Iterator[bytes]:
    """The certificates of a PKCS#7, or the one certificate that these bytes may be."""
    first = next(legible(der), None)
    if first is None or first.tag != SEQUENCE:
        return
    inner = list(legible(first.content))
    if inner and inner[0].tag == OBJECT_IDENTIFIER:
        yield from _signed(inner)
    elif _kind(inner) == "a certificate":
        yield first.encoded if label.startswith("TRUSTED") else der  # openssl appends what it is trusted for


def _signed(info: list[Element]) -> Iterator[bytes]:
    """Of ContentInfo { signedData, [0] SignedData { version, digests, content, [0] certificates, ... } }."""
    if info[0].content != SIGNED_DATA or len(info) < 2:
        return
    for signed in legible(info[1].content):
        for part in legible(signed.content):
            if part.tag == EXPLICIT_0:
                yield from (each.encoded for each in legible(part.content) if each.tag == SEQUENCE)


def _blocks(text: str, where: str) -> Iterator[tuple[str, str]]:
    """The blocks of a PEM text: label and body."""
    position = text.find(_BEGIN)
    while position >= 0:
        label_end = text.find(_DASHES, position + len(_BEGIN))
        label = text[position + len(_BEGIN) : label_end]
        end = text.find(f"-----END {label}-----", label_end)
        if label_end < 0 or end < 0 or len(label) > 64:
            raise X509Error(f"{where} is damaged: a block in it has a beginning and no end.")
        yield label, text[label_end + len(_DASHES) : end]
        position = text.find(_BEGIN, end)


def _text(content: bytes) -> str | None:
    """The content as text, or None if it is binary."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    if content[1:2] == b"\0" and content[:1].isascii():
        return content.decode("utf-16-le", "replace")
    if content[:1] == b"\0" and content[1:2] != b"\0":
        return content.decode("utf-16-be", "replace")
    if b"\0" in content[:64] or content[:1] == b"0":  # the tag of a DER sequence, 0x30; no base64 of one begins so
        return None
    return content.decode("utf-8", "replace")


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _other(content: bytes) -> str:
    """What this is, since it is no certificate; empty when that is not known."""
    if not content.strip():
        return "nothing"
    text = _text(content)
    if text is not None and _BEGIN in text:
        label = text[text.find(_BEGIN) + len(_BEGIN) :][:64].split(_DASHES)[0]
        return next((what for end, what in _LABELS.items() if label.endswith(end)), "")
    if text is not None:
        start = text.lstrip()[:16].lower()
        known = next((what for beginning, what in _BEGINNINGS.items() if start.startswith(beginning)), "")
        if known:
            return known
    first = next(legible(binary(content)), None)
    return _kind(list(legible(first.content))) if first else ""


def _kind(parts: list[Element]) -> str:
    """What a DER sequence is, by what it begins with; empty when that is not known."""
    tags, first = [part.tag for part in parts[:3]], parts[0].content if parts else b""
    signed = [part.tag for part in legible(first)][:4] if tags[:1] == [SEQUENCE] else []
    shapes = {
        "a certificate": signed[:1] == [EXPLICIT_0] or signed == [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE],
        _LABELS["CERTIFICATE REQUEST"]: signed == [INTEGER, SEQUENCE, SEQUENCE, EXPLICIT_0],
        _LABELS["X509 CRL"]: UTC_TIME in signed or GENERALIZED_TIME in signed,
        _LABELS["PUBLIC KEY"]: tags == [SEQUENCE, BIT_STRING],
        _LABELS["PKCS12"]: tags[:2] == [INTEGER, SEQUENCE] and first == b"\3",
        _LABELS["PRIVATE KEY"]: tags[:2] in ([INTEGER, SEQUENCE], [SEQUENCE, OCTET_STRING]) or tags == [INTEGER] * 3,
    }
    return next((what for what, fits in shapes.items() if fits), "")
