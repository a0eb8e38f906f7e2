# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: how a secret is told from the rest where nobody has marked it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

_NAME = re.compile(r"passw|passphrase|secret|challenge|ppk|token", re.IGNORECASE)
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s\"'<>]*", re.IGNORECASE)


def names_secret(name: str) -> bool:
    """Whether an option, a variable or a key of that name holds a secret: `passphrase`, `SharedSecret`, ..."""
    return bool(_NAME.search(name))


def secrets_in(values: Mapping[str, Any], spec: Mapping[str, Any] = MappingProxyType({})) -> Iterator[str]:
    """The secrets among these values, also those deeper inside.

    What an argument specification calls secret, or calls not so; and where there is none, what the name says.
    """
    for name, value in values.items():
        rules = spec.get(name, {})
        if isinstance(value, str):
            if value and rules.get("no_log", names_secret(str(name))):
                yield value
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping):
                yield from secrets_in(inner, rules.get("options", {}))


def without_credentials(text: str) -> str:
    """The text with its URLs cut down to scheme, host and path: user, password and signature are nobody's business."""
    return _URL.sub(lambda found: _bare(found[0], found[1]), text)


def _bare(url: str, scheme: str) -> str:
    # The last @ ends the password, whatever unescaped signs that has; what looks like a query may be part of it.
    address = url[len(scheme) :].rpartition("@")[2]
    return scheme + re.split(r"[?#]", address)[0]
