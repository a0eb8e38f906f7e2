# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Macs' SSH servers: one listening port each, on the loopback address, served by asyncssh on the lab's thread.

What follows sshd: the command goes to the login shell as one word (`$SHELL -c COMMAND`), in a session of its own, and
the environment is made from scratch. The session ends when the command has and nobody holds its output open; what it
left running goes on. A client that goes away leaves the processes alone, too (they notice at their next write). A
terminal is a real pseudo-terminal and hangs up. Source: OpenSSH session.c (do_exec_no_pty: setsid; session_close: only
a terminal is cleaned up) and channels.c. There is no sftp and no scp: modules that need them are not for these Macs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import termios
import time
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from .lab import Lab
    from .mac import Exec, Mac

CHUNK = 65536
KEPT_OUTPUT = 4 * 1024 * 1024


class _Login(asyncssh.SSHServer):
    """Lets one user in, with the lab's key."""

    def __init__(self, server: SshServer, mac: Mac) -> None:
        self._server, self._mac = server, mac
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.setdefault(self._mac.name, set()).add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections[self._mac.name].discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._mac.login_user and key.public_data == self._server.client_public


class SshServer:
    """All listeners of a lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.connections: dict[str, set[Any]] = {}
        self._listeners: dict[str, asyncssh.SSHAcceptor] = {}
        self._kept_ports: dict[str, socket.socket] = {}
        self._host_keys: dict[str, asyncssh.SSHKey] = {}
        key = asyncssh.generate_private_key("ssh-ed25519", comment="lab")
        key.write_private_key(lab.client_key)
        lab.client_key.chmod(0o600)
        self.client_public = key.convert_to_public().public_data

    async def listen(self, mac: Mac) -> None:
        """Start (or start again) to listen for a Mac, and note its host key for the clients."""
        key = self._host_keys.get(mac.name)
        if key is None:
            key = self._host_keys[mac.name] = asyncssh.generate_private_key("ssh-ed25519")
        self._listeners[mac.name] = await asyncssh.create_server(
            lambda: _Login(self, mac),
            "127.0.0.1",
            mac.port,
            server_host_keys=[key],
            process_factory=lambda process: self._run(mac, process),
            encoding=None,
            line_editor=False,
            reuse_address=True,
            # curve25519 costs a tenth of OpenSSH's first choice, and fifty Macs share one processor here.
            kex_algs=["curve25519-sha256"],
            compression_algs=None,
            agent_forwarding=False,
            allow_scp=False,
        )
        if kept := self._kept_ports.pop(mac.name, None):
            kept.close()
        if not mac.port:
            mac.port = self._listeners[mac.name].get_port()
            public = key.export_public_key().decode("ascii").strip()
            with self.lab.known_hosts.open("a", encoding="ascii") as file:
                file.write(f"[127.0.0.1]:{mac.port} {public}\n")

    async def close(self, mac: Mac, *, keep_port: bool = False) -> None:
        """Stop listening, and cut the connections. A kept port is refused to everybody else until `listen`."""
        listener = self._listeners.pop(mac.name, None)
        if listener:
            listener.close()
            await listener.wait_closed()
        if kept := self._kept_ports.pop(mac.name, None):
            kept.close()
        if keep_port:  # bound and not listening
            kept = self._kept_ports[mac.name] = socket.socket()
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            kept.bind(("127.0.0.1", mac.port))
        for connection in list(self.connections.get(mac.name, ())):
            connection.abort()
        for connection in list(self.connections.get(mac.name, ())):
            with contextlib.suppress(Exception):
                await connection.wait_closed()

    async def _run(self, mac: Mac, process: asyncssh.SSHServerProcess[bytes]) -> None:
        if process.subsystem or process.command is None:
            process.stderr.write(b"the lab's Macs run commands only\n")
            process.exit(1)
            return
        terminal = process.get_terminal_type() is not None
        record = mac.begin(process.command, terminal, process.get_extra_info("connection"))
        if mac.login_shell_noise:
            process.stdout.write(b"Welcome to your Mac. begin end key=value rc=0\n")
            process.stderr.write(b"/etc/zshrc:42: no such file\n")
        began = time.monotonic()
        try:
            record.rc = await (self._on_terminal if terminal else self._on_pipes)(mac, process, record)
        except Exception as error:
            mac.faults.append(f"exec {record.number}: {type(error).__name__}: {error}")
            raise
        finally:
            record.seconds = time.monotonic() - began
            mac.end(record)
        with contextlib.suppress(OSError, asyncssh.Error):
            if record.rc < 0:
                process.exit_with_signal(signal.Signals(-record.rc).name.removeprefix("SIG"))
            else:
                process.exit(record.rc)

    async def _on_pipes(self, mac: Mac, process: asyncssh.SSHServerProcess[bytes], record: Exec) -> int:
        pipe = asyncio.subprocess.PIPE
        child = await _shell(mac, record, stdin=pipe, stdout=pipe, stderr=pipe)
        record.pid = child.pid
        assert child.stdin and child.stdout and child.stderr
        feed = asyncio.create_task(_feed(process, child.stdin, record))
        outputs = [
            asyncio.create_task(_pass_on(child.stdout, process.stdout, record, "stdout")),
            asyncio.create_task(_pass_on(child.stderr, process.stderr, record, "stderr")),
        ]
        gone = asyncio.create_task(process.channel.wait_closed())
        everything = asyncio.gather(*outputs)
        await asyncio.wait({gone, everything}, return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            # The client went away: close our ends, so that the next write of the processes fails.
            for task in outputs:
                task.cancel()
            for number in (0, 1, 2):
                pipe_transport = child._transport.get_pipe_transport(number)  # type: ignore[attr-defined]
                if pipe_transport:
                    pipe_transport.close()
        code = await child.wait()
        for task in (feed, gone, *outputs):
            task.cancel()
        await asyncio.gather(feed, gone, everything, *outputs, return_exceptions=True)
        return code

    async def _on_terminal(self, mac: Mac, process: asyncssh.SSHServerProcess[bytes], record: Exec) -> int:
        master, slave = os.openpty()
        try:
            child = await _shell(mac, record, stdin=slave, stdout=slave, stderr=slave, terminal=True)
        finally:
            os.close(slave)
        record.pid = child.pid
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def readable() -> None:
            try:
                data = os.read(master, CHUNK)
            except OSError:  # the last process closed its end
                data = b""
            if not data:
                loop.remove_reader(master)
                ended.set()
                return
            record.stdout = (record.stdout + data)[:KEPT_OUTPUT]
            process.stdout.write(data)

        loop.add_reader(master, readable)
        feed = asyncio.create_task(_type(process, master, record))
        gone = asyncio.create_task(process.channel.wait_closed())
        done = asyncio.create_task(ended.wait())
        await asyncio.wait({gone, done}, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(master)
        for task in (feed, gone, done):
            task.cancel()
        await asyncio.gather(feed, gone, done, return_exceptions=True)
        os.close(master)  # hangs up on whatever is left
        return await child.wait()


async def _shell(
    mac: Mac, record: Exec, *, stdin: Any, stdout: Any, stderr: Any, terminal: bool = False
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        mac.translate(record.command),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=mac.home(mac.accounts[mac.login_user]),
        env=mac.environment(record.number),
        umask=0o022,
        start_new_session=True,
        preexec_fn=_take_terminal if terminal else None,
    )


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _chunks(process: asyncssh.SSHServerProcess[bytes]) -> Any:
    """Yield what the client sends; window changes, breaks and signals are of no interest."""
    while True:
        try:
            data = await process.stdin.read(CHUNK)
        except (
            asyncssh.TerminalSizeChanged,
            asyncssh.BreakReceived,
            asyncssh.SignalReceived,
            asyncssh.SoftEOFReceived,
        ):
            continue
        except (OSError, asyncssh.Error):
            return
        if not data:
            return
        yield data


async def _feed(process: asyncssh.SSHServerProcess[bytes], stdin: asyncio.StreamWriter, record: Exec) -> None:
    async for data in _chunks(process):
        record.stdin_bytes += len(data)
        record.stdin = (record.stdin + data)[:KEPT_OUTPUT]
        with contextlib.suppress(OSError):  # nobody reads any more
            stdin.write(data)
            await stdin.drain()
    with contextlib.suppress(OSError):
        stdin.close()


async def _type(process: asyncssh.SSHServerProcess[bytes], master: int, record: Exec) -> None:
    async for data in _chunks(process):
        record.stdin_bytes += len(data)
        record.stdin = (record.stdin + data)[:KEPT_OUTPUT]
        os.write(master, data)


async def _pass_on(reader: asyncio.StreamReader, writer: Any, record: Exec, name: str) -> None:
    while data := await reader.read(CHUNK):
        setattr(record, name, (getattr(record, name) + data)[:KEPT_OUTPUT])
        with contextlib.suppress(OSError, asyncssh.Error):
            writer.write(data)
            await writer.drain()
