# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the file of the last rendering, to decide whether it must be written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import _files
from .._documents import read_property_list
from . import payloads
from .signed import read_signed

# A profile has some tens of kilobytes; Intune takes a million bytes at most.
SIZE_LIMIT = 8_000_000


@dataclass(frozen=True)
class Stored:
    """A file as it lies on disk, the property list inside it, and the certificates that a signature brings."""

    raw: bytes = field(repr=False)
    content: bytes = field(repr=False)
    signers: frozenset[bytes]
    mode: int

    @classmethod
    def of(cls, raw: bytes, mode: int = _files.PRIVATE_FILE) -> Stored:
        signed = read_signed(raw)
        content = signed.content if signed else raw
        return cls(raw, content, signed.certificates if signed else frozenset(), mode)

    @cached_property
    def document(self) -> Mapping[str, Any] | None:
        """The property list; None for a file that holds none."""
        try:
            document = read_property_list(self.content)
        except ValueError:
            return None
        return document if isinstance(document, Mapping) else None

    def identity(self, identifier: str) -> Mapping[str, Any] | None:
        """The payload with the identity, if this is an earlier rendering of the profile of that name."""
        document = self.document or {}
        content = document.get("PayloadContent")
        if document.get("PayloadIdentifier") != identifier or not isinstance(content, list):
            return None
        found = (p for p in content if isinstance(p, Mapping) and p.get("PayloadType") == payloads.IDENTITY)
        return next((p for p in found if isinstance(p.get("PayloadContent"), bytes)), None)

    def pkcs12(self, identifier: str) -> bytes | None:
        """The PKCS#12 in it."""
        payload = self.identity(identifier)
        return payload["PayloadContent"] if payload else None


def read(path: Path) -> Stored | None:
    """What lies at `path`, or None when nothing does. A file that is no profile is a Stored without a document."""
    if not path.exists():
        return None
    return Stored.of(_files.read(path, SIZE_LIMIT), path.stat().st_mode & 0o7777)
