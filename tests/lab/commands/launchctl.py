# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""launchctl asuser UID COMMAND: run a command in a user's desktop session.

Source: man launchctl: "asuser" needs root and keeps uid 0; what somebody without root gets ("Could not switch to audit
session") is reported by many projects that use it. `managername` and `manageruid` print where one is.
"""

from __future__ import annotations

from ..calls import Call

USAGE = "Usage: launchctl asuser <UID> <command> [argument [...]]\n"
NO_SUCH = 64


async def run(call: Call) -> int:  # noqa: PLR0911 (one return per case)
    if not call.args:
        return call.refuse("no subcommand", USAGE, NO_SUCH)
    verb, *rest = call.args
    if verb == "managername" and not rest:
        call.out("Aqua\n" if call.session else "Background\n")
        return 0
    if verb == "manageruid" and not rest:
        call.out(f"{call.session or 0}\n")
        return 0
    if verb != "asuser":
        return call.refuse(f"the lab knows no launchctl {verb}", f"Unrecognized subcommand: {verb}\n", NO_SUCH)
    if len(rest) < 2 or not rest[0].isdigit():
        return call.refuse("asuser UID COMMAND", USAGE, NO_SUCH)
    uid = int(rest[0])
    if not call.is_root or uid not in {user.uid for user in call.mac.accounts.values()}:
        call.err("Could not switch to audit session 0x187a3: 1: Operation not permitted\n")
        return 1
    code = await call.spawn(rest[1:], call.env | {"LAB_SESSION": str(uid)})
    if code is None:
        call.err(f"launchctl: {rest[1]}: No such file or directory\n")
        return 127
    return code
