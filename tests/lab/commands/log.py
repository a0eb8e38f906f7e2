# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""log show: the unified log, for root. Source: man log (show --last, --predicate, --style)."""

from __future__ import annotations

from ..calls import Call

HEADER = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
USAGE = 64


async def run(call: Call) -> int:
    rest = call.args[1:]
    names = rest[::2]
    known = {"--last", "--predicate", "--style", "--start", "--end"}
    if call.args[:1] != ["show"] or len(rest) % 2 or not set(names) <= known:
        return call.refuse("log show --last T --predicate P --style S", "usage: log show [options]\n", USAGE)
    if not call.is_root:
        call.err("log: Could not open local log store: Operation not permitted\n")
        return 1
    call.out(HEADER + "".join(f"{line}\n" for line in call.mac.log_lines))
    return 0
