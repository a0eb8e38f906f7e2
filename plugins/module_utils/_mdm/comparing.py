# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: whether an MDM holds what we wrote.

MDMs rewrite profiles: Jamf Pro gives them names, identifiers and UUIDs of its own, adds keys, and leaves out what is
empty (jamf/terraform-provider-jamfplatform, pull request 154). So what we wrote is looked for in what it holds. A
payload is named by what it is, not by its UUID.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Names, which the server may change, and what they are named by.
_NAMES = {
    "PayloadUUID",
    "PayloadIdentifier",
    "PayloadDisplayName",
    "PayloadDescription",
    "PayloadOrganization",
    "PayloadVersion",
    "PayloadRemovalDisallowed",  # for what is installed by hand (Apple's schema, TopLevel)
}
_REFERENCE = "PayloadCertificateUUID"


def holds(stored: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Whether the profile `stored` is what has become of `written`."""
    ours, theirs = _payloads(written), _payloads(stored)
    if len(ours) != len(theirs) or not _within(_without(written), _without(stored)):
        return False
    pairs: dict[str, str] = {}
    for payload in _referred_first(ours):
        found = next((other for other in theirs if _same(payload, other, pairs)), None)
        if found is None:
            return False
        theirs.remove(found)
        pairs[str(payload.get("PayloadUUID"))] = str(found.get("PayloadUUID"))
    return True


def _same(payload: Mapping[str, Any], other: Mapping[str, Any], pairs: Mapping[str, str]) -> bool:
    return _within(_referring(payload, pairs), {name: other[name] for name in other if name not in _NAMES})


def _payloads(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = document.get("PayloadContent")
    return [each for each in content if isinstance(each, Mapping)] if isinstance(content, list) else []


def _referred_first(found: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in found if not _refers(each))
    yield from (each for each in found if _refers(each))


def _refers(value: Any) -> bool:
    return isinstance(value, Mapping) and (_REFERENCE in value or any(map(_refers, value.values())))


def _without(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in (*_NAMES, "PayloadContent")}


def _referring(value: Any, pairs: Mapping[str, str]) -> Any:
    """The value without its names, with references as the server writes them."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: pairs.get(str(inner), inner) if name == _REFERENCE else _referring(inner, pairs)
        for name, inner in value.items()
        if name not in _NAMES
    }


def _within(written: Any, stored: Any) -> bool:
    """Whether all that was written is there; what is empty may be missing, and a number may stand for a truth value."""
    if isinstance(written, Mapping):
        return (isinstance(stored, Mapping) or not written) and all(
            _within(value, (stored or {}).get(name)) for name, value in written.items()
        )
    if isinstance(written, list):
        if not isinstance(stored, list):
            return not written and stored is None
        return len(written) == len(stored) and all(map(_within, written, stored))
    return bool(written == stored) or (stored is None and written in ("", b""))
