# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verb of the Mac's shell on a Mac of the lab, without ssh: what it says, what it leaves, what it started."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import MacState, read_answer
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.mac import Start

MARK = "0123456789abcdef"
PANE = "x-apple.systempreferences:com.apple.Profiles-Settings.extension"
SECONDS = 60
DASH, BASH = ("/bin/sh",), ("/bin/bash", "--posix")
# The arguments of each verb, as they are where a test does not care.
TUNNEL: dict[str, Any] = {"how": "on_demand", "name": "", "limit": 0, "others": "", "probe": ""}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "know": {"check": 0, "uuid": "", "whole": ""},
    "stage": {"uuid": "X", "pane": PANE, "settle": 1, "token": "", "name": ""},
    "remove": {},
    "connect": TUNNEL | {"vpn": ""},
    "disconnect": TUNNEL,
    "look": {"check": 0, "name": ""},
    "change": {"new": "", "going": ""},
    "csr": {},
    "make_key": {"bits": 2048},
    "drop_key": {},
}


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@dataclasses.dataclass
class Answer:
    """What a verb said."""

    code: int
    stdout: str
    stderr: str

    @property
    def state(self) -> MacState:
        return read_answer(self.stdout, MARK)

    def all(self, key: str) -> list[str]:
        return [line.partition("=")[2] for line in self.stdout.split("\n") if line.startswith(f"{key}=")]

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value


class Shell:
    """Runs the verbs on one Mac."""

    def __init__(self, lab: Lab, mac: Mac, words: Sequence[str], identifier: str) -> None:
        self.lab, self.mac, self.words, self.identifier = lab, mac, words, identifier

    def command(self, verb: str, stdin: bytes, scope: str = "System", *, mark: str = MARK, **given: Any) -> list[str]:
        known = ARGUMENTS[verb]
        assert given.keys() <= known.keys(), (verb, given)
        place = {"identifier": self.identifier, "scope": scope}
        _sh, *words = Exec(verb, place | known | given, stdin).command(mark)
        return [*self.words, *words]

    @contextmanager
    def start(
        self,
        verb: str,
        stdin: bytes = b"\n",
        *,
        scope: str = "System",
        user: str = "root",
        umask: int = 0o022,
        length: int | None = None,
        **given: Any,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The verb while it runs; `length` is what it is told of its stdin, if that is not the truth."""
        command = self.command(verb, stdin if length is None else b"x" * length, scope, **given)
        with self.lab.process(self.mac, command, user=user, umask=umask) as child:
            assert child.stdin
            child.stdin.write(stdin)
            child.stdin.flush()
            yield child

    def run(self, verb: str, stdin: bytes = b"\n", *, ends: bool = True, **options: Any) -> Answer:
        """The verb from its start to its end. Without `ends` its stdin stays open all the time."""
        with self.start(verb, stdin, **options) as child:
            if ends:
                out, err = child.communicate(timeout=SECONDS)
            else:
                assert child.stdout and child.stderr
                out, err = child.stdout.read(), child.stderr.read()
                child.wait(SECONDS)
            return Answer(child.returncode, out.decode("utf-8", "surrogateescape"), err.decode())

    # -- what is there -----------------------------------------------------------------------------------------------

    def left(self) -> list[str]:
        """Everything of ours on the disk."""
        folders = [
            folder for folder, _folders, _files in os.walk(self.mac.disk) if "vwan.user_vpn" in Path(folder).name
        ]
        return [path for path, _content in self.mac.files() if "vwan.user_vpn" in path] + folders

    def modes(self, path: str) -> list[tuple[str, int]]:
        """Owner and mode of a file and of the folders above it that are ours."""
        there = self.mac.host_path(path, "/")
        above = [each for each in (there, *there.parents) if each.is_relative_to(self.mac.disk)]
        ours = [each for each in above if "vwan.user_vpn" in str(each.relative_to(self.mac.disk))]
        return [(self.mac.owner(each), stat.S_IMODE(each.stat().st_mode)) for each in ours]

    def starts(self, *words: str) -> list[Start]:
        """The starts of doubles whose first words are these."""
        return [start for start in self.mac.starts if start.argv[: len(words)] == list(words)]

    def home(self, user: str) -> str:
        return str(self.mac.home(self.mac.accounts[user]))
