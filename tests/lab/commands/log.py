# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""log show: the unified log, for root. Source: man log (show --last, --start, --end, --predicate, --style).

Of the predicates it knows the comparison of the subsystem alone, which stands in brackets before the message. Dates are
local time, "Y-M-D H:m:s", as the man page has them.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ..calls import Call

HEADER = "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
USAGE = 64
DATE = "%Y-%m-%d %H:%M:%S"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


async def run(call: Call) -> int:
    rest = call.args[1:]
    names = rest[::2]
    known = {"--last", "--predicate", "--style", "--start", "--end"}
    if call.args[:1] != ["show"] or len(rest) % 2 or not set(names) <= known:
        return call.refuse("log show --last T --predicate P --style S", "usage: log show [options]\n", USAGE)
    if not call.is_root:
        call.err("log: Could not open local log store: Operation not permitted\n")
        return 1
    given = dict(zip(names, rest[1::2], strict=True))
    try:
        begin, end = _period(given)
        subsystem = _subsystem(given.get("--predicate", ""))
    except ValueError as error:
        return call.refuse(f"the lab does not know this {error}", f"log: invalid {error}\n", USAGE)
    lines = [line for line in call.mac.log_lines if _wanted(line, begin, end, subsystem)]
    call.out(HEADER + "".join(f"{line}\n" for line in lines))
    return 0


def _period(given: dict[str, str]) -> tuple[datetime, datetime]:
    begin, end = datetime.min, datetime.max
    if "--last" in given:
        amount = re.fullmatch(r"(\d+)([mhd])", given["--last"])
        if not amount or "--start" in given:
            raise ValueError("period")
        begin = datetime.now() - timedelta(**{UNITS[amount[2]]: int(amount[1])})
    if "--start" in given:
        begin = datetime.strptime(given["--start"], DATE)
    if "--end" in given:
        end = datetime.strptime(given["--end"], DATE)
    return begin, end


def _subsystem(predicate: str) -> str:
    found = re.fullmatch(r'subsystem == "([\w.]+)"', predicate)
    if predicate and not found:
        raise ValueError("predicate")
    return found[1] if found else ""


def _wanted(line: str, begin: datetime, end: datetime, subsystem: str) -> bool:
    stamp = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?([+-]\d{4})?", line)
    if stamp:
        when = datetime.strptime(stamp[1], DATE)
        if stamp[2]:
            when = datetime.strptime(stamp[1] + stamp[2], DATE + "%z").astimezone().replace(tzinfo=None)
        if not begin <= when <= end:
            return False
    return not subsystem or f"[{subsystem}:" in line
