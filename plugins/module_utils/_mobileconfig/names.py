# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the names inside a profile, all of them computed, none of them random.

A Mac replaces an installed profile when the top-level PayloadIdentifier is the same, and inside it updates a payload
whose PayloadIdentifier and PayloadUUID are both the same (Apple schema: TopLevel, CommonPayloadKeys). So what must
stay in place keeps its names for life, and what must be exchanged gets new ones.
"""

from __future__ import annotations

import re
import uuid

from .._errors import quoted
from .errors import ProfileError

# The UUIDv5 namespace of this collection. Never change it: every installed VPN would be taken for a new one.
NAMESPACE = uuid.UUID("4dd056ef-1e2b-4b0f-ac44-4e925e2b88b3")

# Apple asks for "a reverse-DNS style identifier" and refuses nothing (TopLevel). Ours is also a file's name on the Mac,
# and a word in the arguments of its commands.
_IDENTIFIER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ -]{0,198}[A-Za-z0-9._-])?")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9.-]+")


def uuid_of(name: str) -> str:
    """The UUID that belongs to this name, in the upper case in which macOS prints UUIDs."""
    return str(uuid.uuid5(NAMESPACE, name)).upper()


def check_identifier(identifier: str) -> str:
    """The identifier itself; ProfileError unless it can be a file's name and a word everywhere."""
    if not _IDENTIFIER.fullmatch(identifier):
        raise ProfileError(
            f"The identifier {quoted(identifier)} cannot be used: it must have 1 to 200 letters, digits, dots, dashes, "
            "underscores and blanks, and begin with a letter or a digit. Best is a reverse-DNS name, as in "
            "com.example.user-vpn; keep it for the life of this VPN."
        )
    return identifier


def is_host_name(text: str) -> bool:
    """Whether the text is a DNS name of letters, digits, dots and dashes, or an IPv4 address."""
    return len(text) <= 253 and ".." not in text and _HOST_NAME.fullmatch(text) is not None


def file_name(text: str, suffix: str) -> str:
    """A name of plain letters, digits, dots and dashes for PayloadCertificateFileName."""
    return (_UNSAFE_IN_FILE_NAME.sub("-", text).strip("-.") or "certificate") + suffix
