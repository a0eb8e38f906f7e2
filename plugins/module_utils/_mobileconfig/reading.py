# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a rendered profile, as far as one must know it to bring it onto a Mac."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import shown
from . import completing, payloads
from .completing import Unfinished
from .errors import ProfileError
from .names import check_identifier
from .stored import Stored

_CERTIFICATES = (payloads.ROOT, payloads.CA, payloads.IDENTITY)
_SHA256 = re.compile(r"[0-9A-F]{64}")
_UUID = re.compile(r"[0-9A-Za-z-]{1,64}")
SCOPES = ("System", "User")


@dataclass(frozen=True)
class ReadProfile:
    """What macOS will show of a profile once it is installed."""

    identifier: str
    uuid: str
    scope: str
    display_name: str
    certificates: frozenset[str]  # SHA-256, upper-case hex, as the keychain prints it
    identity: str = ""  # SHA-256 of the client certificate; empty when the profile brings none of ours
    gateway_roots: tuple[str, ...] = ()  # SHA-1, upper-case hex, sorted
    unfinished: Unfinished | None = None  # where the private key is on the Mac


def read_profile(raw: bytes, where: str) -> ReadProfile:
    """Read a profile, signed or not; ProfileError when it is none."""
    document = Stored.of(raw).document
    if document is None or document.get("PayloadType") != "Configuration":
        raise ProfileError(
            f"{where} is no configuration profile in XML; give a file that the module mobileconfig has written."
        )
    identifier, uuid = document.get("PayloadIdentifier"), document.get("PayloadUUID")
    content, scope = document.get("PayloadContent"), document.get("PayloadScope", "User")
    if not isinstance(identifier, str) or not isinstance(uuid, str) or not isinstance(content, list):
        raise ProfileError(f"{where} lacks PayloadIdentifier, PayloadUUID or PayloadContent; render it again.")
    if scope not in SCOPES or not _UUID.fullmatch(uuid):
        raise ProfileError(f"{where} has a PayloadScope or a PayloadUUID that no Mac would take; render it again.")
    items = [item for item in content if isinstance(item, Mapping)]
    roots = (item.get("PayloadContent") for item in items if item.get("PayloadType") == payloads.ROOT)
    return ReadProfile(
        identifier=check_identifier(identifier),
        uuid=uuid.upper(),
        scope=scope,
        display_name=shown(str(document.get("PayloadDisplayName", identifier))),
        certificates=frozenset(_fingerprints(items, *_CERTIFICATES)),
        identity=next(_fingerprints(items, payloads.IDENTITY), ""),
        gateway_roots=tuple(sorted(hashlib.sha1(der).hexdigest().upper() for der in roots if isinstance(der, bytes))),  # noqa: S324
        unfinished=completing.unfinished(document),
    )


def _fingerprints(items: Iterable[Mapping[str, Any]], *kinds: str) -> Iterator[str]:
    """Our certificate payloads carry their certificate's fingerprint in their names; others are not looked for."""
    for item in items:
        name = str(item.get("PayloadIdentifier")).rpartition(".")[2]
        if item.get("PayloadType") in kinds and _SHA256.fullmatch(name):
            yield name
