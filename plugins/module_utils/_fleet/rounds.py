# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: waiting for people, all at once, by looking at their Macs again in rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .naming import first_of
from .run import BY_API_AND_ASKED, Run

FIRST = (2, 5, 10, 20, 30)  # seconds before each of the first rounds
LATER = 30  # and before each that follows ...
MOST = 40  # ... or longer, so that there are no more rounds than this


def next_round(waiting: Sequence[str], approved: int, passed: float, limit: float) -> dict[str, Any]:
    """When to look at the Macs again, and a line for people.

    waiting   the Macs whose person has not approved yet; so many others have `approved`
    passed    seconds since the profiles were offered, of at most `limit`

    Returns `seconds` to wait, 0 when there is nothing to wait for any more, `waiting` and `line`.
    """
    left = limit - passed
    seconds = int(min(_delay(passed, limit), left)) if waiting and left >= 1 else 0
    return {"seconds": seconds, "waiting": list(waiting), "line": _line(waiting, approved)}


def _delay(passed: float, limit: float) -> float:
    begun = 0.0
    for delay in FIRST:
        if passed < begun + delay:
            return delay
        begun += delay
    return max(LATER, math.ceil((limit - begun) / (MOST - len(FIRST))))


def _line(waiting: Sequence[str], approved: int) -> str:
    line = f"{approved} of {approved + len(waiting)} have their profile"
    return f"{line}; waiting for {first_of(waiting)}" if waiting else line


def has_approved(result: Mapping[str, Any]) -> bool:
    """Whether what mac_profile returned says that the person did; a Mac that has gone away meanwhile says nothing."""
    return result.get("status") in ("installed", "incomplete")


def is_waiting(run: Run, host: str) -> bool:
    """Whether a Mac has said that its person is to approve the profile, or the MDM that has it to bring it."""
    status = run.of(host, "configure_client_result").get("status")
    if status == "mdm_required" and run.entry(host).get("delivery") == BY_API_AND_ASKED:
        return not run.in_mdm(host, "configure_client_in_mdm").get("failed")
    return status == "pending_approval"
