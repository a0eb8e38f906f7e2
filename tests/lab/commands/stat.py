# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""stat, BSD form: -f FORMAT, -L, -n, -q.

Source: man stat (FreeBSD): a format is %[flags][size][.prec][format][sub-field]datum. GNU's -c does not exist.
The owner of /dev/console is the user at the screen, root if there is none.
"""

from __future__ import annotations

import getopt
import re
import stat
from pathlib import Path

from ..calls import Call

USAGE = "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file|handle ...]\n"
DATUM = re.compile(r"%([-+ 0#]*)(\d*)([DOUXS]?)([HML]?)([pulgzmaciNTnt%])")
CONSOLE = "/dev/console"


async def run(call: Call) -> int:
    try:
        options, files = getopt.getopt(call.args, "f:Lnq")
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"stat: illegal option -- {error.opt}\n{USAGE}")
    found = dict(options)
    if "-f" not in found or not files:
        return call.refuse("the lab knows stat -f FORMAT FILE only", USAGE)
    if DATUM.sub("", found["-f"]).count("%"):
        return call.refuse(f"unknown format {found['-f']}", f"stat: {found['-f']}: bad format\n")
    code = 0
    for given in files:
        try:
            call.out(_format(call, found["-f"], given, "-L" in found) + ("" if "-n" in found else "\n"))
        except OSError:
            code = 1
            if "-q" not in found:
                call.err(f"stat: {given}: stat: No such file or directory\n")
    return code


def _format(call: Call, form: str, given: str, follow: bool) -> str:
    if given == CONSOLE:
        owner, mode, size, mtime, inode = call.mac.console_user or "root", 0o20600, 0, 0, 1
    else:
        path = call.path(given)
        if follow:
            path = path.resolve(strict=True)
        owner, (mode, size, mtime, inode) = call.mac.owner(path), _facts(path)
    user = call.mac.accounts[owner]

    def datum(match: re.Match[str]) -> str:
        flags, size_text, kind, part, letter = match.groups()
        permissions = {"L": f"{mode & 0o777:o}", "M": f"{mode >> 9 & 7:o}", "H": f"{mode >> 12:o}", "": f"{mode:o}"}
        values = {
            "u": user.name if kind == "S" else str(user.uid),
            "g": user.group if kind == "S" else str(user.gid),
            "p": stat.filemode(mode) if kind == "S" else permissions[part],
            "z": str(size),
            **dict.fromkeys("mac", str(mtime)),
            "i": str(inode),
            "l": "1",
            "N": given,
            "T": _type(mode) if part == "H" else "",
            "n": "\n",
            "t": "\t",
            "%": "%",
        }
        value = values[letter]
        return value.ljust(int(size_text or 0)) if "-" in flags else value.rjust(int(size_text or 0))

    return DATUM.sub(datum, form)


def _facts(path: Path) -> tuple[int, int, int, int]:
    status = path.lstat()
    return status.st_mode, status.st_size, int(status.st_mtime), status.st_ino


def _type(mode: int) -> str:
    kinds = {stat.S_IFREG: "Regular File", stat.S_IFDIR: "Directory", stat.S_IFLNK: "Symbolic Link"}
    return kinds.get(stat.S_IFMT(mode), "Character Device")
