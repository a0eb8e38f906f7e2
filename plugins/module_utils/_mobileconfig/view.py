# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a profile as text for people, one key per line, without a secret."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from .._errors import shown
from .._secrets import names_secret, without_credentials
from .._x509.certificates import from_der
from .payloads import IDENTITY, SCEP
from .stored import Stored

MOST_LINES = 5000
LONGEST_LINE = 4200  # a key, and a text of the longest that a profile of ours may have


def lines(stored: Stored | None) -> list[str]:
    """What a diff shows of a file; nothing at all when there is none."""
    if stored is None:
        return []
    signers = [_data(der) for der in sorted(stored.signers)]
    head = [f"file mode = {stored.mode:04o}", *(f"signature carries {signer}" for signer in signers)]
    if stored.document is None:
        return [*head, "(no configuration profile)"]
    return head + [shown(line, LONGEST_LINE) for line in itertools.islice(_profile(stored.document), MOST_LINES)]


def _profile(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _flat("", {key: value for key, value in document.items() if key != "PayloadContent"})
    content = document.get("PayloadContent")
    payloads = content if isinstance(content, list) else []
    for index, payload in enumerate(payloads):
        if isinstance(payload, Mapping):
            yield from _flat(_label(payload, str(document.get("PayloadIdentifier")), index), payload)


def _label(payload: Mapping[str, Any], profile_identifier: str, index: int) -> str:
    """A short name for a payload; the identity is "identity" whatever its certificate, so a renewal reads as one."""
    identifier = str(payload.get("PayloadIdentifier", ""))
    suffix = identifier.removeprefix(f"{profile_identifier}.")
    if suffix == identifier:
        return f"payload {index}"
    if payload.get("PayloadType") in (IDENTITY, SCEP):
        return suffix.partition(".")[0]
    kind, _unused, fingerprint = suffix.partition(".")
    return f"{kind} {fingerprint[:12]}".strip()


def _flat(where: str, value: Any) -> Iterator[str]:
    if names_secret(where.rpartition(".")[2]):
        return
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _flat(f"{where}.{key}" if where else str(key), value[key])
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _flat(f"{where}[{index}]", item)
    else:
        text = _data(value) if isinstance(value, bytes) else without_credentials(repr(value))
        yield f"{where} = {text}"


def _data(value: bytes) -> str:
    certificate = from_der(value)
    if certificate is not None:
        return f"certificate {certificate.sha256}, {certificate.subject}"
    return f"{len(value)} bytes, SHA-256 {hashlib.sha256(value).hexdigest()[:16]}"
