# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ps -ww -o args= -p PID: the arguments of one process, which is one of the host's.

Source: man ps of macOS (apple-oss-distributions/adv_cmds): -p selects by process number, -o KEYWORD= prints a keyword
without a header, -ww as wide as it takes; args is an alias of command; what has ended and was not waited for is marked
"<defunct>"; exit 1 when nothing was selected. A line feed in an argument is printed as strvis(3) does, so that each
process has one line.
"""

from __future__ import annotations

from pathlib import Path

from ..calls import Call

USAGE = "usage: ps [-AaCcEefhjlMmrSTvwXx] [-O fmt | -o fmt] [-G gid[,gid...]] [-p pid[,pid...]] [-t tty] [-U user]\n"


async def run(call: Call) -> int:
    if call.args[:4] != ["-ww", "-o", "args=", "-p"] or len(call.args) != 5:
        return call.refuse("the lab knows ps -ww -o args= -p PID only", USAGE)
    number = call.args[4]
    if not number.isdecimal():
        call.err(f"ps: {number}: Invalid process id\n{USAGE}")
        return 1
    if not Path("/proc/self").exists():  # the host is a Mac
        return await call.spawn_on_host(["/bin/ps", *call.args], call.env)
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return 1
    # Without arguments: it has ended, and nobody has waited for it.
    text = b" ".join(words).replace(b"\n", b"\\012") or b"<defunct>"
    call.out(text + b"\n")
    return 0
