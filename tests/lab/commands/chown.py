# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""chown: change owners, root only. Source: man chown: OWNER[:GROUP] or :GROUP, -R, -h, -f, -v."""

from __future__ import annotations

import getopt
from pathlib import Path

from ..calls import Call

USAGE = "usage: chown [-fhnvx] [-R [-H | -L | -P]] owner[:group] file ...\n"


async def run(call: Call) -> int:
    try:
        options, operands = getopt.getopt(call.args, "Rhfv")
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"chown: illegal option -- {error.opt}\n{USAGE}")
    if len(operands) < 2:
        return call.refuse("too few operands", USAGE)
    name = operands[0].partition(":")[0]
    if name and name not in call.mac.accounts:
        call.err(f"chown: {name}: illegal user name\n")
        return 1
    code = 0
    for given in operands[1:]:
        path = call.path(given)
        if not path.exists():
            call.err(f"chown: {given}: No such file or directory\n")
            code = 1
        elif not call.is_root:
            call.err(f"chown: {given}: Operation not permitted\n")
            code = 1
        elif name:
            for each in _all(path) if ("-R", "") in options else [path]:
                call.mac.own(each, name)
    return code


def _all(path: Path) -> list[Path]:
    return [path, *path.rglob("*")]
