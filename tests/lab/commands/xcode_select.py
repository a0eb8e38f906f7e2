# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xcode-select -p: no developer tools here, and no window for asking.

Source: man xcode-select; ansible/ansible 77850.
"""

from __future__ import annotations

from ..calls import Call

NONE = 2


async def run(call: Call) -> int:
    if call.args not in (["-p"], ["--print-path"]):
        return call.refuse("the lab knows -p", "Usage: xcode-select [options]\n")
    call.err(
        "xcode-select: error: unable to get active developer directory, use `sudo xcode-select --switch "
        "path/to/Xcode.app` to set one (or see `man xcode-select`)\n"
    )
    return NONE
