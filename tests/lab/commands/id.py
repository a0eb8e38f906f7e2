# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""id: who am I, who is USER.

Source: man id (FreeBSD form): -u -g -G with -n, and a user's name.
"""

from __future__ import annotations

import getopt

from ..calls import Call
from ..mac import User

USAGE = "usage: id [user]\n       id -G [-n] [user]\n       id -g [-nr] [user]\n       id -u [-nr] [user]\n"


async def run(call: Call) -> int:
    try:
        found, operands = getopt.getopt(call.args, "Ggunr")
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"id: illegal option -- {error.opt}\n{USAGE}", 1)
    if len(operands) > 1:
        return call.refuse("one user at most", USAGE)
    user = call.user
    if operands:
        by_number = {str(account.uid): account for account in call.mac.accounts.values()}
        known = call.mac.accounts.get(operands[0]) or by_number.get(operands[0])
        if known is None:
            call.err(f"id: {operands[0]}: no such user\n")
            return 1
        user = known
    options = {name for name, _unused in found}
    text = _answer(user, options)
    if text is None:
        return call.refuse("these options do not go together", USAGE)
    call.out(text + "\n")
    return 0


def _answer(user: User, options: set[str]) -> str | None:
    name = "-n" in options
    kinds = options & {"-u", "-g", "-G"}
    if not options:
        return f"uid={user.uid}({user.name}) gid={user.gid}({user.group}) groups={','.join(_groups(user, 'both'))}"
    if kinds == {"-u"}:
        return user.name if name else str(user.uid)
    if kinds == {"-g"}:
        return user.group if name else str(user.gid)
    if kinds == {"-G"}:
        return " ".join(_groups(user, "name" if name else "number"))
    return None


def _groups(user: User, form: str) -> list[str]:
    groups = [(user.gid, user.group), *([(80, "admin")] if user.admin else [])]
    forms = {"both": "{0}({1})", "name": "{1}", "number": "{0}"}
    return [forms[form].format(*group) for group in groups]
