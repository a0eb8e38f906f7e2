# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo: run a command as somebody else.

Source: man sudo; apple-oss-distributions/sudo files/sudoers (no requiretty, no secure_path, env_keep with HOME and the
variables below); messages from sudo's source. Real privilege does not exist in the lab: the effective user is noted in
the environment, and the doubles act on it. No password is remembered (each exec is a session of its own).
"""

from __future__ import annotations

from ..calls import Call
from ..mac import User

USAGE = (
    "usage: sudo -h | -K | -k | -V\nusage: sudo [-ABbEHkNnPS] [-p prompt] [-u user] [VAR=value] [command [arg ...]]\n"
)
FLAGS = "HSnkE"
VALUES = "pu"
LONG = {"--set-home": "H", "--stdin": "S", "--non-interactive": "n", "--reset-timestamp": "k", "--preserve-env": "E"}
# Apple's sudoers keeps these.
KEPT = (
    "BLOCKSIZE", "COLORFGBG", "COLORTERM", "__CF_USER_TEXT_ENCODING", "CHARSET", "LANG", "LANGUAGE", "LC_ALL",
    "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "LINES", "COLUMNS", "LSCOLORS",
    "SSH_AUTH_SOCK", "TZ", "DISPLAY", "XAUTHORIZATION", "XAUTHORITY", "EDITOR", "VISUAL",
    "HOME", "MAIL", "PATH", "TERM",
)  # fmt: skip
TRIES = 3


async def run(call: Call) -> int:
    try:
        options, variables, command = _parse(call.args)
    except ValueError as error:
        return call.refuse(str(error), f"sudo: {error}\n{USAGE}")
    if not command:
        # `sudo -k` alone only forgets a remembered password.
        return 0 if set(options) == {"k"} else call.refuse("no command", USAGE)
    target = call.mac.accounts.get(options.get("u", "root"))
    if target is None:
        call.err(f"sudo: unknown user {options['u']}\nsudo: error initializing audit plugin sudoers_audit\n")
        return 1
    if not await _allowed(call, options):
        return 1
    environment = _environment(call, options, target) | variables
    call.mac.acting[target.name] += 1
    try:
        code = await call.spawn(command, environment)
        call.mac.attribute_files(target.name)
    finally:
        call.mac.acting[target.name] -= 1
    if code is None:
        call.err(f"sudo: {command[0]}: command not found\n")
        return 1
    return code


def _parse(args: list[str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Split into options, variables and command, as sudo does: options end at the first word that is none."""
    options: dict[str, str] = {}
    rest = list(args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            if word not in LONG:
                raise ValueError(f"unrecognized option `{word}'")
            options[LONG[word]] = ""
            continue
        for position, letter in enumerate(word[1:], 2):
            if letter in FLAGS:
                options[letter] = ""
            elif letter in VALUES:
                if not word[position:] and not rest:
                    raise ValueError(f"option requires an argument -- {letter}")
                options[letter] = word[position:] or rest.pop(0)
                break
            else:
                raise ValueError(f"illegal option -- {letter}")
    variables: dict[str, str] = {}
    while rest and "=" in rest[0].partition("/")[0]:
        name, _unused, value = rest.pop(0).partition("=")
        variables[name] = value
    return options, variables, rest


async def _allowed(call: Call, options: dict[str, str]) -> bool:  # noqa: PLR0911 (one return per case)
    user, policy = call.user, call.mac.sudo
    if user.uid == 0 or (user.admin and policy == "nopasswd"):
        return True
    if "n" in options:
        call.err("sudo: a password is required\n")
        return False
    if "S" not in options:
        call.err(
            "sudo: a terminal is required to read the password; either use the -S option to read from standard input "
            "or configure an askpass helper\nsudo: a password is required\n"
        )
        return False
    for attempt in range(1, TRIES + 1):
        line = await call.read_line(options.get("p") or "Password:")
        if not line:
            call.err("\nsudo: no password was provided\nsudo: a password is required\n")
            return False
        if line.rstrip(b"\n").decode("utf-8", "surrogateescape") == user.password:
            break
        call.err("\nSorry, try again.\n" if attempt < TRIES else f"\nsudo: {TRIES} incorrect password attempts\n")
    else:
        return False
    if not user.admin or policy == "refused":
        call.err(f"{user.name} is not in the sudoers file.  This incident will be reported.\n")
        return False
    return True


def _environment(call: Call, options: dict[str, str], target: User) -> dict[str, str]:
    inside = {name: value for name, value in call.env.items() if name.startswith("LAB_") or name == "POSIXLY_CORRECT"}
    kept = dict(call.env) if "E" in options else {name: call.env[name] for name in KEPT if name in call.env}
    environment = kept | inside | call.mac.marks(target, call.env["LAB_EXEC"], call.env.get("LAB_SESSION", ""))
    environment |= {
        "USER": target.name,
        "LOGNAME": target.name,
        "SHELL": "/bin/sh",
        "SUDO_USER": call.user.name,
        "SUDO_UID": str(call.user.uid),
        "SUDO_GID": str(call.user.gid),
    }
    if "H" in options or "HOME" not in environment:
        environment["HOME"] = str(call.mac.home(target))
    return environment
