# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The person at the Mac: reads what System Settings shows, and decides.

Approving needs somebody logged in at the screen, and an administrator's password, which this person has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .mac import Mac

POLICIES = ("approves", "ignores", "declines")


def policy(value: str) -> str:
    """Return a known policy, or raise ValueError."""
    if value not in POLICIES:
        raise ValueError(f"a person {', '.join(POLICIES)}; not {value!r}")
    return value


async def decide(mac: Mac) -> None:
    """Look at the pending profile after `approve_after` seconds, and act as the person would then."""
    seen = mac.pending
    if seen is None:
        return
    await asyncio.sleep(mac.approve_after)
    if mac.pending is not seen or mac.console_user != seen.user:
        return
    if mac.person == "approves":
        mac.approve()
    elif mac.person == "declines":
        mac.decline()
