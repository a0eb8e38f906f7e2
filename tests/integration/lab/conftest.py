# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's shared fixture: one lab for all tests of a module, a Mac of its own for each."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac, commands
from ansible_collections.vwan.user_vpn.tests.lab.calls import Call

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running lab."""
    if shutil.which("ssh") is None:
        pytest.skip("the OpenSSH client `ssh` is missing (apt-get install openssh-client)")
    with Lab(tmp_path_factory.mktemp("lab") / "lab") as lab:
        yield lab


@pytest.fixture
def new_mac(lab: Lab) -> Iterator[Callable[..., Mac]]:
    """Makes Macs, and looks afterwards that the lab itself made no mistake."""
    made: list[Mac] = []

    def make(**options: Any) -> Mac:
        mac = lab.add_mac(f"mac-{next(NUMBERS)}", **options)
        made.append(mac)
        return mac

    yield make
    assert [mac.faults for mac in made if mac.faults] == []


@pytest.fixture
def ssh(lab: Lab) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs a command over a connection that stays open, which is much quicker."""
    shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=30", "-o", f"ControlPath={lab.control_folder}/%C"]

    def run(mac: Mac, command: str, stdin: bytes = b"\n") -> subprocess.CompletedProcess[bytes]:
        return lab.ssh(mac, command, stdin, *shared)

    return run


@dataclasses.dataclass
class Answer:
    """What a double said."""

    code: int
    out: str
    err: str


class Direct(Call):
    """A call of a double without ssh and without a process, for tests of what it says."""

    def __init__(self, mac: Mac, argv: Sequence[str], user: str, session: int | None, stdin: bytes) -> None:
        env = mac.environment(0) | {"LAB_USER": user, "LAB_SESSION": str(session or ""), "LAB_EXEC": "0"}
        super().__init__(mac.lab, None, None, str(mac.disk), list(argv), env)  # type: ignore[arg-type]
        self.sent: dict[bytes, bytearray] = {b"O": bytearray(), b"E": bytearray()}
        self.stdin = stdin

    def _send(self, kind: bytes, content: bytes) -> None:
        self.sent[kind] += content

    async def read_line(self, prompt: str = "") -> bytes:
        line, feed, self.stdin = self.stdin.partition(b"\n")
        return line + feed

    async def read_all(self) -> bytes:
        content, self.stdin = self.stdin, b""
        return content

    async def spawn(self, argv: Sequence[str], env: Mapping[str, str]) -> int | None:
        raise AssertionError("no processes here")


@pytest.fixture
def say(lab: Lab) -> Callable[..., Answer]:
    """Calls a double directly: say(mac, "security", "find-identity", user="root")."""

    def call(mac: Mac, *argv: str, user: str = "root", session: int | None = None, stdin: bytes = b"") -> Answer:
        direct = Direct(mac, argv, user, session, stdin)
        code = asyncio.run(commands.find(argv[0])(direct))
        return Answer(code, *(direct.sent[kind].decode("utf-8", "surrogateescape") for kind in (b"O", b"E")))

    return call
