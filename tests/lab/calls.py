# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's side of a double: takes the call over a socket, lets the command's code answer, keeps the records."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import commands

if TYPE_CHECKING:
    from .lab import Lab
    from .mac import Exec, Mac, User


class Gone(Exception):
    """The double was killed, or its connection was cut."""


class Call:
    """One start of one double: who started it, with which arguments, and what it may do."""

    def __init__(  # noqa: PLR0917
        self,
        lab: Lab,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cwd: str,
        argv: list[str],
        env: dict[str, str],
    ) -> None:
        self.lab, self.cwd, self.argv, self.env = lab, cwd, argv, env
        self.mac: Mac = lab.macs[env["LAB_MAC"]]
        self._reader, self._writer = reader, writer

    @property
    def name(self) -> str:
        """The double's name."""
        return self.argv[0]

    @property
    def args(self) -> list[str]:
        """The arguments after the name."""
        return self.argv[1:]

    @property
    def user(self) -> User:
        """The effective user."""
        return self.mac.accounts[self.env["LAB_USER"]]

    @property
    def is_root(self) -> bool:
        """True for uid 0."""
        return self.user.uid == 0

    @property
    def session(self) -> int | None:
        """The uid of the desktop session entered with `launchctl asuser`, if any."""
        value = self.env.get("LAB_SESSION", "")
        return int(value) if value else None

    @property
    def execution(self) -> Exec | None:
        """The exec this call belongs to."""
        return self.mac.exec_by_number(int(self.env.get("LAB_EXEC", "0")))

    def path(self, given: str) -> Path:
        """Where a path of the Mac lies on the host."""
        return self.mac.host_path(given, self.cwd)

    def out(self, text: str | bytes) -> None:
        """Write to standard output."""
        self._send(b"O", text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))

    def err(self, text: str) -> None:
        """Write to standard error."""
        self._send(b"E", text.encode("utf-8", "surrogateescape"))

    def refuse(self, reason: str, text: str = "", code: int = 1, *, to_stdout: bool = False) -> int:
        """Answer undocumented usage as the tool does, and put it on record."""
        self.mac.refused(list(self.argv), reason)
        if text:
            (self.out if to_stdout else self.err)(text if text.endswith("\n") else text + "\n")
        return code

    async def read_line(self, prompt: str = "") -> bytes:
        """Return one line of standard input with its line feed; b'' at the end. A prompt asks for a secret."""
        self._send(b"L", prompt.encode("utf-8", "surrogateescape"))
        return (await receive(self._reader))[1]

    async def read_all(self) -> bytes:
        """Return standard input to its end."""
        self._send(b"A", b"")
        return (await receive(self._reader))[1]

    async def spawn(self, argv: Sequence[str], env: Mapping[str, str]) -> int | None:
        """Let the double start a process and wait for it; None means there is no such command."""
        program = self._find(argv[0], env)
        return None if program is None else await self._start(program, argv, env)

    async def spawn_on_host(self, argv: Sequence[str], env: Mapping[str, str]) -> int:
        """Let the double start a program of the host, which no Mac sees, and wait for it."""
        return await self._start(argv[0], argv, env)

    async def _start(self, program: str, argv: Sequence[str], env: Mapping[str, str]) -> int:
        variables = [f"{name}={value}" for name, value in env.items()]
        fields = [program, str(len(argv)), *argv, *variables]
        self._send(b"S", "\0".join(fields).encode("utf-8", "surrogateescape"))
        await self._writer.drain()
        return int((await receive(self._reader))[1])

    def _find(self, command: str, env: Mapping[str, str]) -> str | None:
        command = self.mac.translate(command)
        if "/" in command:
            path = self.path(command)
            return str(path) if path.is_file() else None
        return shutil.which(command, path=env.get("PATH", ""))

    def _send(self, kind: bytes, content: bytes) -> None:
        self._writer.write(kind + len(content).to_bytes(4, "big") + content)


async def receive(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Receive one frame; see double.py."""
    try:
        head = await reader.readexactly(5)
        return head[:1], await reader.readexactly(int.from_bytes(head[1:], "big"))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Gone from error


async def serve(lab: Lab, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one double from its start to its end."""
    try:
        call = await _accept(lab, reader, writer)
        code = await _answer(call)
        call._send(b"X", str(code & 0xFF).encode())
        await writer.drain()
    except (Gone, ConnectionError):
        pass  # killed, or cut off: nobody is left to answer
    finally:
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()


async def _accept(lab: Lab, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
    _unused, content = await receive(reader)
    cwd, _pid, count, *rest = content.decode("utf-8", "surrogateescape").split("\0")
    argv, variables = rest[: int(count)], rest[int(count) :]
    env = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    return Call(lab, reader, writer, cwd, argv, env)


async def _answer(call: Call) -> int:
    call.mac.started(call)
    if failure := call.mac.failure(call.name):
        code, out, err = failure
        call.out(out)
        call.err(err)
        return code
    try:
        return await commands.find(call.name)(call)
    except (Gone, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001
        # A fault of the lab itself must be seen, not taken for the tool's behaviour.
        call.mac.faults.append(f"{call.argv}: {type(error).__name__}: {error}")
        call.err(f"lab: the double of {call.name} failed: {type(error).__name__}: {error}\n")
        return 125
