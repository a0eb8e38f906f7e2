# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dscl: a user's record. Source: man dscl: `dscl . -read /Users/NAME KEY`; -list /Users."""

from __future__ import annotations

from ..calls import Call

NO_RECORD = 56


async def run(call: Call) -> int:
    args = [word.lstrip("-") if place == 1 else word for place, word in enumerate(call.args)]
    if args == [".", "list", "/Users"]:
        call.out("".join(f"{name}\n" for name in sorted(call.mac.accounts)))
        return 0
    if len(args) != 4 or args[:2] != [".", "read"] or "/Users/" not in args[2]:
        return call.refuse("dscl . -read /Users/NAME KEY", "usage: dscl [options] [<datasource> [<command>]]\n", 64)
    user = call.mac.accounts.get(args[2].rpartition("/")[2])
    if user is None:
        call.err("<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)\n")
        return NO_RECORD
    facts = {
        "NFSHomeDirectory": str(call.mac.home(user)),
        "UniqueID": str(user.uid),
        "PrimaryGroupID": str(user.gid),
        "UserShell": "/bin/sh",
        "RecordName": user.name,
    }
    if args[3] not in facts:
        call.out(f"No such key: {args[3]}\n")
        return 0
    call.out(f"{args[3]}: {facts[args[3]]}\n")
    return 0
