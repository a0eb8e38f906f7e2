# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgrep -x NAME: processes by exact name. Source: man pgrep: exit 1 if none matches, 2 for a usage error."""

from __future__ import annotations

from ..calls import Call

USAGE = 2


async def run(call: Call) -> int:
    if len(call.args) != 2 or call.args[0] != "-x":
        return call.refuse("the lab knows pgrep -x NAME", "usage: pgrep [-Lfilnoqvx] pattern ...\n", USAGE)
    running = {"launchd": 1, "loginwindow": 160}
    if call.mac.console_user:
        running |= {"Finder": 512, "Dock": 510}
    if call.mac.tunnel:
        running["NEIKEv2Provider"] = 733
    if call.args[1] not in running:
        return 1
    call.out(f"{running[call.args[1]]}\n")
    return 0
