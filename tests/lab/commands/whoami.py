# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""whoami: the effective user's name. Source: man whoami."""

from __future__ import annotations

from ..calls import Call


async def run(call: Call) -> int:
    if call.args:
        return call.refuse("no arguments", "usage: whoami\n")
    call.out(call.user.name + "\n")
    return 0
