# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""base64, Apple's: no line breaks unless asked for.

Source: man base64 (-d or -D decodes, -b COUNT breaks lines, -i FILE, -o FILE); no GNU -w.
"""

from __future__ import annotations

import base64
import getopt

from ..calls import Call

USAGE = "Usage:\tbase64 [-hDd] [-b num] [-i in_file] [-o out_file]\n"
BAD_USAGE = 64


async def run(call: Call) -> int:
    try:
        options, operands = getopt.getopt(call.args, "dDb:i:o:")
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"base64: invalid option -- {error.opt}\n{USAGE}", BAD_USAGE)
    found = dict(options)
    if operands or not found.get("-b", "0").isdigit():
        return call.refuse("no operands", USAGE, BAD_USAGE)
    given = found.get("-i", "-")
    if given != "-" and not call.mac.readable_by(call.path(given), call.user):
        call.err(f"Unable to open '{given}': No such file or directory\n")
        return 1
    data = await call.read_all() if given == "-" else call.path(given).read_bytes()
    if found.keys() & {"-d", "-D"}:
        try:
            answer = base64.b64decode(b"".join(data.split()), validate=True)
        except ValueError:
            call.err("base64: stdin: (null): error decoding base64 input stream\n")
            return 1
    else:
        width = int(found.get("-b", "0")) or max(1, len(data) * 2)
        text = base64.b64encode(data)
        answer = b"".join(text[at : at + width] + b"\n" for at in range(0, len(text), width))
    if found.get("-o", "-") == "-":
        call.out(answer)
    else:
        path = call.path(found["-o"])
        path.write_bytes(answer)
        call.mac.own(path, call.user.name)
    return 0
