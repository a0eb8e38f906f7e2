# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: how large a file may be, and how long it may take to open.

A key or a PKCS#12 tells how often a password is to be hashed before it opens. What the file demands is looked up
before it is done: 50 million rounds hold a run for a minute, and scrypt takes as much memory as the file asks for.
Real files are far below: 2,048 rounds with openssl, LibreSSL and Macs, 2,000 to 10,000 with Windows and Java, 600,000
where the newest advice for passwords is followed (OWASP).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from .der import (
    CONSTRUCTED,
    DEEPEST,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    Element,
    legible,
    octets,
)
from .errors import X509Error

FILE = 1 << 20  # bytes; no key, certificate, chain or PKCS#12 comes near
CERTIFICATE = 1 << 16  # bytes of one
CERTIFICATES = 100  # in one file
SECRET_FILE = 1 << 17  # bytes of a key or a PKCS#12; one with a key of 8,192 bits and ten certificates has 30,000
KEY_BITS = 8192
ROUNDS = 4_000_000  # in all of a file: some four seconds
SCRYPT_BLOCKS = 1 << 19  # of 128 bytes: 64 MiB

_LONGEST_DERIVED_KEY = 64  # bytes

# As they stand in a file: the beginning of object identifiers, or whole ones.
_PKCS12_PBE = bytes.fromhex("2a864886f70d010c01")  # 1.2.840.113549.1.12.1.*; RFC 7292, appendix C
_PKCS5 = bytes.fromhex("2a864886f70d0105")  # 1.2.840.113549.1.5.*; RFC 8018: PBES1, and PBKDF2 as 12
_SCRYPT = bytes.fromhex("2b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11; RFC 7914


def check_size(content: bytes, limit: int, where: str) -> None:
    """X509Error when this is larger than `limit` bytes."""
    if len(content) > limit:
        raise X509Error(f"{where} is larger than {limit} bytes, which no such file should be.")


def check_effort(content: bytes, where: str) -> None:
    """X509Error when opening this key or PKCS#12 (BER or DER) would take too long, or too much memory.

    What is hidden within an encrypted part cannot be seen; no program is known to put an encrypted key there.
    """
    try:
        total = sum(_efforts(content, 0)) + _mac_rounds(content)
    except RecursionError:
        raise X509Error(f"{where} is nested too deeply to be a key or an identity.") from None
    if total > ROUNDS:
        raise X509Error(
            f"{where} wants its password hashed {total:,} times or as much work, which would hold the run for long; "
            f"export it again with at most {ROUNDS:,} rounds."
        )


def _efforts(content: bytes, depth: int) -> Iterator[int]:
    """What each password-based algorithm in these values demands, in rounds."""
    if depth > DEEPEST:
        raise RecursionError
    before: Element | None = None
    for element in legible(content):
        if before and before.tag == OBJECT_IDENTIFIER and element.tag == SEQUENCE:
            yield _effort(before.content, element.content)
        if element.tag & ~CONSTRUCTED == OCTET_STRING:  # it may hold a structure in its turn
            with suppress(ValueError):
                yield from _efforts(octets(element), depth + 1)
        elif element.tag & CONSTRUCTED:
            yield from _efforts(element.content, depth + 1)
        before = element


def _effort(algorithm: bytes, parameters: bytes) -> int:
    numbers = _numbers(parameters)
    if algorithm.startswith((_PKCS12_PBE, _PKCS5)) and numbers:
        return numbers[0] if max(numbers[1:], default=0) <= _LONGEST_DERIVED_KEY else ROUNDS + 1
    if algorithm == _SCRYPT and len(numbers) >= 3:
        cost, block, parallel = numbers[:3]
        return cost * block * parallel if cost * block <= SCRYPT_BLOCKS else ROUNDS + cost * block
    return 0


def _mac_rounds(content: bytes) -> int:
    """Of a PKCS#12, PFX ::= SEQUENCE { version, authSafe, MacData { DigestInfo, salt, iterations DEFAULT 1 } }."""
    for whole in islice(legible(content), 1):
        for mac in islice(legible(whole.content), 2, 3):
            return sum(_numbers(mac.content))
    return 0


def _numbers(content: bytes) -> list[int]:
    """The INTEGERs among these values, none below zero."""
    found = (each.content for each in legible(content) if each.tag == INTEGER)
    return [max(0, int.from_bytes(digits, "big", signed=True)) for digits in found]
