# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mac that only answers, with what it is told to say: for what an action decides. Its sh is tested with sh."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import shell
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

IDENTIFIER = "com.example.user-vpn"
SAID: dict[str, Any] = {
    "user": "root",
    "uid": "0",
    "console_user": "anna",
    "macos_version": "15.5",
    "build": "24F74",
    "serial_number": "C02TEST",
}


@dataclass(frozen=True)
class Asked:
    """One exec: its verb, its arguments beside identifier and scope, and what came on stdin."""

    verb: str
    identifier: str
    scope: str
    arguments: dict[str, str]
    stdin: bytes


def installed(uuid: str, *connections: tuple[str, int], scope: str = "_computerlevel") -> str:
    """A line about a profile, as the sh prints it."""
    names = "".join(f"\t{name}\t{on_demand}" for name, on_demand in connections)
    return f"{scope}\t{uuid}\t2026-01-02 03:04:05 +0000\tverified{names}"


def wanted(verb: str) -> set[str]:
    """The arguments that a verb declares: `: "${name?}"` where it may be empty, `: "${name:?}"` where not."""
    lines = [line for line in shell.script(verb).split("\n") if line.startswith(': "${')]
    return set(re.findall(r"\$\{(\w+):?\?\}", "\n".join(lines)))


def parsed(command: str) -> tuple[str, dict[str, str]]:
    """Verb and arguments of an exec."""
    _sh, _c, script, name, *words = shlex.split(command)
    assert name == "mac"
    (verb,) = [verb for verb in shell.VERBS if shell.script(verb) == script]
    given = {key: value for key, _sign, value in (word.partition("=") for word in words)}
    assert given.keys() == wanted(verb), verb
    return verb, given


class AnsweringMac:
    """`after` tells for each verb what changes in what the Mac says once it was asked that."""

    def __init__(self, after: dict[str, dict[str, Any]] | None = None, **said: Any) -> None:
        self.said = SAID | said
        self.after = after or {}
        self.asked: list[Asked] = []
        self.answer: dict[str, Any] = {}

    def __call__(self, command: str, in_data: bytes = b"", **_ignored: Any) -> dict[str, Any]:
        verb, given = parsed(command)
        assert given.pop("length") == str(len(in_data))
        mark, identifier, scope = (given.pop(name) for name in ("mark", "identifier", "scope"))
        self.asked.append(Asked(verb, identifier, scope, given, in_data))
        self.said |= self.after.get(verb, {})
        values = ((key, value if isinstance(value, list) else [value]) for key, value in self.said.items())
        lines = [f"{key}={one}" for key, several in values for one in several]
        return {"rc": 0, "stdout": "\n".join([f"begin {mark}", *lines, f"end {mark}", ""]), "stderr": ""} | self.answer

    @property
    def verbs(self) -> list[str]:
        return [asked.verb for asked in self.asked]

    def run(self, module: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
        self.asked.clear()
        return run_action(module, args, execute=self, **more)
