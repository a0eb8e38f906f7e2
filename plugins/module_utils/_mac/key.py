# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a private key that is made on the Mac, stays there, and lies on its disk only until the
profile is installed.

Each function here takes what the Mac said first, and tells what is to be done there, or what has come of it. Only the
public key is looked at, and only as text: whether its request may be certified is seen where that is done.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from .._x509.der import BIT_STRING, INTEGER, SEQUENCE, elements
from .._x509.text import bare
from .answer import SYSTEM, MacError, MacState, facts, require_privilege
from .answer import recalled as recall
from .shell import Arguments, Exec

NONE, KEPT, MADE = "none", "kept", "made"


def look(identifier: str) -> Exec:
    """The first exec."""
    return Exec("csr", _place(identifier))


def recalled(known: Mapping[str, Any]) -> MacState | None:
    """What mac_profile has told of this Mac, if it says that no key lies there: else its request is to be asked for."""
    return recall(known) if known.get("key_on_disk") is False else None


def require(state: MacState) -> None:
    """MacError unless System profiles can be read, whose keys these are."""
    require_privilege(state, SYSTEM, "read System profiles on this Mac")


def public_key(state: MacState, bits: int) -> str:
    """SHA-256 (upper-case hex) of the public key on the Mac's disk; empty when there is no RSA key of so many bits."""
    try:
        _first, *lines, _last = state.csr.strip().split("\n")
        (request,) = elements(base64.b64decode("".join(lines), validate=True))
        info, *_signature = elements(request.content)
        _version, _subject, key, *_more = elements(info.content)
        _algorithm, wrapped = elements(key.content)
        (numbers,) = elements(wrapped.content[1:])  # behind the count of unused bits
        modulus, exponent = elements(numbers.content)
    except ValueError:
        return ""
    shape = (key.tag, wrapped.tag, numbers.tag, modulus.tag, exponent.tag)
    if shape != (SEQUENCE, BIT_STRING, SEQUENCE, INTEGER, INTEGER):
        return ""
    right = int.from_bytes(modulus.content).bit_length() == bits
    return hashlib.sha256(key.encoded).hexdigest().upper() if right else ""


def has_profile(state: MacState, uuid: str, *, key_wanted: bool) -> bool:
    """Whether the keychain has the key already, and the profile that came with it needs no other one."""
    return bool(uuid) and not key_wanted and state.shows(uuid.upper(), SYSTEM)


def drop(identifier: str, state: MacState) -> Exec | None:
    """For a key that is not needed."""
    return Exec("drop_key", _place(identifier)) if state.has_key else None


def make(identifier: str, state: MacState, bits: int, spent: Collection[str]) -> Exec | None:
    """For a key that is needed: None where one lies there that is not spent."""
    there = public_key(state, bits)
    return None if there and there not in map(bare, spent) else Exec("make_key", _place(identifier) | {"bits": bits})


def dropped(before: MacState, after: MacState | None) -> dict[str, Any]:
    """The result. `after` is what the Mac said to `drop`; None where that was not run."""
    if after:
        after.require_no_key()
    return _result(after or before, NONE, changed=before.has_key)


def made(before: MacState, done: Exec | None, after: MacState | None, bits: int) -> dict[str, Any]:
    """The result of `make`, as in `dropped`. In check mode nobody knows the key."""
    old = public_key(before, bits)
    if done is None:
        return _result(before, KEPT, before.csr, old)
    if after is None:
        return _result(before, MADE, "", "(new)", changed=True)
    new = public_key(after, bits)
    if not new or new == old:
        raise MacError(f"The Mac could not make a private key: {after.reason}.")
    return _result(after, MADE, after.csr, new, changed=True)


def _result(state: MacState, status: str, csr: str = "", sha256: str = "", *, changed: bool = False) -> dict[str, Any]:
    return facts(state) | {
        "changed": changed,
        "status": status,
        "csr": csr,
        "public_key_sha256": sha256,
        "key_on_disk": status != NONE,
    }


def versions(before: MacState, result: dict[str, Any], bits: int) -> tuple[str, str]:
    """The public key before and after, for a diff."""
    return public_key(before, bits), str(result["public_key_sha256"])


def _place(identifier: str) -> Arguments:
    return {"identifier": identifier, "scope": SYSTEM}
