# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the parts of a resource id."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .._errors import UserVpnError
from .errors import AzureError


class ResourceName(NamedTuple):
    """Where a resource lies, as its id says."""

    subscription: str
    group: str
    name: str


def parse(resource_id: Any) -> ResourceName:
    """/subscriptions/S/resourceGroups/G/providers/.../NAME; AzureError when it is anything else.

    Azure writes the fixed words in varying case.
    """
    parts = str(resource_id or "").strip("/").split("/")
    fixed = [part.lower() for part in parts[:5:2]]
    if len(parts) < 8 or fixed != ["subscriptions", "resourcegroups", "providers"]:
        raise AzureError("Azure's answer names a resource by an id of an unknown form; run again.", "BrokenAnswer")
    return ResourceName(parts[1], parts[3], parts[-1])


def check(option: str, value: str, kind: str = "") -> None:
    """UserVpnError unless the value of an option can be a name, or the id of a resource of the `kind` if there is one.

    What Azure allows ("Naming rules and restrictions for Azure resources") is narrower still, but has no `/` either.
    """
    if re.fullmatch(r"[\w.()-]*[\w()-]", value):
        return
    if not value.strip():
        raise UserVpnError(
            f"{option} is empty; give a name, or leave the option out if another one says what is meant."
        )
    if not kind:
        raise UserVpnError(f"{option} must be the name alone, without a path, not {value[:200]!r}.")
    if not re.fullmatch(
        rf"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/{kind}/[^/]+", value, re.IGNORECASE
    ):
        raise UserVpnError(
            f"{option} must be a name, or a resource id (/subscriptions/ID/resourceGroups/GROUP/providers/"
            f"Microsoft.Network/{kind}/NAME), not {value[:200]!r}."
        )


def same(one: Any, other: Any) -> bool:
    """Whether two ids name the same resource: Azure changes their case as it likes."""
    return bool(one) and str(one).strip("/").lower() == str(other).strip("/").lower()


def last(resource_id: Any) -> str:
    """The name at the end of an id; an empty string for no id."""
    return str(resource_id or "").rstrip("/").rpartition("/")[2]
