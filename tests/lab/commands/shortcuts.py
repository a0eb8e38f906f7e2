# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shortcuts: list and run a user's shortcuts (macOS 12 and later).

Source: Apple's Shortcuts User Guide ("Run shortcuts from the command line"); that `run` ends with 0 even for a name
that does not exist, and that it needs the user's desktop login: ebowman/vpn-switch.
"""

from __future__ import annotations

from ..calls import Call


async def run(call: Call) -> int:
    here = call.mac.console_user == call.user.name and call.session == call.user.uid
    if call.args == ["list"]:
        call.out("".join(f"{name}\n" for name in call.mac.shortcuts) if here else "")
        return 0
    if len(call.args) == 2 and call.args[0] == "run":
        act = call.mac.shortcuts.get(call.args[1]) if here else None
        if act:
            act(call.mac)
        else:
            call.err("Error: The operation couldn\u2019t be completed. Couldn\u2019t find shortcut\n")
        return 0
    return call.refuse("shortcuts list, shortcuts run NAME", "USAGE: shortcuts <subcommand>\n", 64)
