# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which user group, and so which addresses, Azure gives each Mac of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._azure.groups import Membership, membership
from .run import Run

NOBODY = Membership("", default=False, certain=True, pools=())


class UserGroups:
    """Those of the configuration that the run has looked at, if it has any."""

    def __init__(self, run: Run) -> None:
        result = run.of_fleet("certificates_grouped")
        found = result.get("configurations") if isinstance(result, Mapping) else None
        self._run = run
        self._configuration: Mapping[str, Any] = next((each for each in found or () if each.get("user_groups")), {})

    def of(self, host: str) -> Membership:
        """By what stands in the certificate that the Mac has, or is to get."""
        name = self._run.common_name(host) if self._configuration else ""
        return membership(name, self._configuration) if name else NOBODY
