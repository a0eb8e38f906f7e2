# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""defaults read DOMAIN [KEY]: the lab's Macs have set nothing. Source: man defaults."""

from __future__ import annotations

import datetime

from ..calls import Call


async def run(call: Call) -> int:
    if call.args[:1] != ["read"] or len(call.args) not in (2, 3):
        return call.refuse("defaults read DOMAIN [KEY]", "Command line interface to a user's defaults.\n", 255)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.000")
    if len(call.args) == 2:
        call.err(f"{stamp} defaults[700:7000] \nDomain {call.args[1]} does not exist\n")
    else:
        call.err(
            f"{stamp} defaults[700:7000] \nThe domain/default pair of ({call.args[1]}, {call.args[2]}) does not exist\n"
        )
    return 1
