# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what runs on a Mac, joined from the files in the folder sh."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Arguments: TypeAlias = "dict[str, str | int]"

FOLDER = Path(__file__).parent / "sh"

#: The parts that each verb needs, beside base.sh before and end.sh behind; its own file is the last of them.
VERBS: dict[str, tuple[str, ...]] = {
    "know": ("facts", "staged", "key", "know"),
    "stage": ("facts", "staged", "key", "stage"),
    "remove": ("facts", "key", "remove"),
    "connect": ("facts", "tunnel", "connect"),
    "disconnect": ("facts", "tunnel", "disconnect"),
    "look": ("facts", "staged", "look"),
    "change": ("facts", "staged", "change"),
    "csr": ("facts", "key", "csr"),
    "make_key": ("facts", "key", "make_key"),
    "drop_key": ("facts", "key", "drop_key"),
    "linger": ("linger",),
    "evidence": ("forms", "evidence"),
}


@dataclass(frozen=True)
class Exec:
    """One exec on a Mac: a verb, its arguments (they stand at the head of its file), and what comes on stdin.

    What is secret goes by stdin, never by the arguments: those show in the Mac's process list.
    """

    verb: str
    arguments: Arguments
    stdin: bytes = field(default=b"", repr=False)

    def command(self, mark: str) -> list[str]:
        """The words to run. `mark` is a random word by which the answer is known."""
        given = {"mark": mark, "length": len(self.sent), **self.arguments}
        return ["/bin/sh", "-c", script(self.verb), "mac", *(f"{name}={value}" for name, value in given.items())]

    @property
    def sent(self) -> bytes:
        """Never nothing: Ansible would give ssh a terminal, and that merges stderr into stdout."""
        return self.stdin or b"\n"


def know(identifier: str, scope: str, *, check: bool = True, uuid: str = "", whole: bool = False) -> Exec:
    """The exec that asks for everything. Without `check` it takes away what need not lie on the Mac any more: what an
    earlier run has left, and a private key once the profile `uuid` is installed. With `whole` it asks for the
    certificates of identities as well."""
    given: Arguments = {"identifier": identifier, "scope": scope, "check": int(check), "uuid": uuid}
    return Exec("know", given | {"whole": "1" if whole else ""})


@functools.cache
def script(verb: str) -> str:
    """What a verb runs, without comments (it travels on the command line)."""
    lines = (line for name in ("base", *VERBS[verb], "end") for line in _lines(name))
    return "\n".join(lines) + "\n"


def _lines(name: str) -> list[str]:
    text = (FOLDER / f"{name}.sh").read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


script("know")  # here, in the process from which the task of every Mac is forked
