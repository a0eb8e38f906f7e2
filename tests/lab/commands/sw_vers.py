# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sw_vers: release of macOS.

Source: man sw_vers (-productName, -productVersion, -buildVersion; two dashes from 13 on).
"""

from __future__ import annotations

from ..calls import Call


async def run(call: Call) -> int:
    release = call.mac.release
    facts = {"ProductName": "macOS", "ProductVersion": release.version, "BuildVersion": release.build}
    if not call.args:
        call.out("".join(f"{name}:\t\t{value}\n" for name, value in facts.items()))
        return 0
    options = {f"-{name[0].lower()}{name[1:]}": value for name, value in facts.items()}
    if release.number >= (13, 0):
        options |= {f"-{name}": value for name, value in options.items()}
    if len(call.args) != 1 or call.args[0] not in options:
        return call.refuse(
            "one of -productName, -productVersion, -buildVersion",
            "Usage: sw_vers [-help|-productName|-productVersion|-buildVersion]\n",
        )
    call.out(options[call.args[0]] + "\n")
    return 0
