# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: a thread that serves any number of Macs, and the folder they live in."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import calls, inventory, macos, ssh_server, tools
from .mac import Mac

if TYPE_CHECKING:
    from .tunnel.lab import TunnelLab

WAIT = 30.0
LOCK = "user-vpn-lab.lock"


class Lab:
    """Macs behind real SSH servers on 127.0.0.1.

    >>> with Lab(folder) as lab:
    ...     mac = lab.add_mac("mac-anna")
    ...     subprocess.run(["ansible", "-i", lab.inventory(), ...])

    `folder` is made if need be; what the lab puts into it is removed when it closes, unless `keep` is True.
    With `tunnel`, a tunnel lab whose gateway runs, each Mac has a real IKEv2 client in a namespace of its own.
    """

    def __init__(self, folder: Path | str, *, keep: bool = False, tunnel: TunnelLab | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.macs: dict[str, Mac] = {}
        self._keep = keep
        self._tunnel = tunnel
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._calls: set[asyncio.Task[Any]] = set()
        self._tools: dict[str, Path] = {}

    # -- life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Lab:
        (self.folder / "macs").mkdir(parents=True)
        # Sockets have a limit of 104 bytes on a Mac (108 on Linux), so they live in a short folder of their own.
        _remove_leftovers()
        self._short = Path(tempfile.mkdtemp(prefix="lab."))
        self._lock = os.open(self._short / ".lock", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self._short / ".lock").rename(self._short / LOCK)  # nobody ever sees it without its lock
        self.control_folder = self._short / "c"
        self.control_folder.mkdir(mode=0o700)
        self.socket_path = str(self._short / "s")
        self.client_key = self.folder / "client_key"
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.touch()
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="lab", daemon=True)
        self._thread.start()
        if not started.wait(WAIT):
            raise RuntimeError("the lab did not start")
        self.server = ssh_server.SshServer(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end_control_masters(self.control_folder)
        self.run(self._stop())
        for mac in self.macs.values():
            if mac.service and self._tunnel:
                mac.service.close()
                self._tunnel.remove_mac(mac.name)
        assert self._loop
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT)
        shutil.rmtree(self._short, ignore_errors=True)
        os.close(self._lock)
        if not self._keep:
            for name in ("macs", "bin"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            for path in (self.client_key, self.known_hosts, self.folder / "inventory.yml"):
                path.unlink(missing_ok=True)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the lab's thread and wait for it."""
        assert self._loop
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT)

    def submit(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start a coroutine on the lab's thread; it is cancelled when the lab closes."""
        assert self._loop

        def start() -> None:
            assert self._loop
            task = self._loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(start)

    # -- Macs -------------------------------------------------------------------------------------------------------

    def add_mac(
        self, name: str, *, macos: str = "15.5", person: str = "approves", serial: str | None = None, **more: Any
    ) -> Mac:
        """Put a Mac into the lab and let it listen.

        macos           a release the table of macos.py knows, or another minor one of the same major release
        console_user    who sits at the screen, or None
        person          approves, ignores or declines a profile that waits; `approve_after` seconds after it arrived
        login_user      the administrator SSH logs in as; `admin_is_root` logs in as root instead
        sudo            nopasswd, password (then `sudo_password`) or refused
        mdm             True: `profiles status` says that it is enrolled
        users           ordinary accounts
        serial          serial number; made from the name if not given
        copy_after      seconds after which the Profiles pane has copied a file that `open` handed it
        vpnutil         True: the third-party command is installed, as Homebrew does it
        login_shell_noise   True: the login shell prints stray lines before every command
        """
        if name in self.macs:
            raise ValueError(f"there is a Mac {name} already")
        number = serial or f"LAB{sum(name.encode()) % 997:03d}{len(self.macs):04d}Q"
        mac = Mac(self, name, macos_version=macos, person_policy=person, serial=number, **more)
        self.tools(mac.release)
        if self._tunnel:
            from .tunnel.service import VpnService

            mac.service = VpnService(mac, self._tunnel.mac(name))
        self.macs[name] = mac
        self.run(self.server.listen(mac))
        return mac

    def inventory(self, *, become_passwords: bool = False) -> Path:
        """Write a YAML inventory of the Macs (group user_vpn) and return its path."""
        return inventory.write(self, become_passwords=become_passwords)

    def ssh_command(self, mac: Mac) -> list[str]:
        """The words that start the real OpenSSH client for a Mac; append the remote command."""
        options = inventory.ssh_options(self)
        return ["ssh", *options, "-i", str(self.client_key), "-p", str(mac.port), f"{mac.login_user}@127.0.0.1"]

    def ssh(self, mac: Mac, command: str, stdin: bytes = b"\n", *options: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command on a Mac with the real OpenSSH client, over a connection of its own."""
        first, *words = self.ssh_command(mac)
        return subprocess.run(
            [first, *options, *words, command], input=stdin, capture_output=True, timeout=60, check=False
        )

    @contextlib.contextmanager
    def process(
        self, mac: Mac, words: Sequence[str], *, user: str = "root", umask: int = 0o022
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command of a Mac's own, without ssh, as a user who is that already; its three streams are pipes.

        Of the words all but the first are translated as a command that comes by ssh is. What still runs at the end of
        the block is killed.
        """
        program, *rest = words
        record = mac.begin(shlex.join(words), False, None)
        account = mac.accounts[user]
        environment = mac.environment(record.number) | {
            "HOME": str(mac.home(account)), "USER": user, "LOGNAME": user, "TMPDIR": f"{mac.temp(account)}/",
            **mac.marks(account, record.number),
        }  # fmt: skip
        pipe = subprocess.PIPE
        command = [program, *map(mac.translate, rest)]
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=mac.home(account), env=environment, umask=umask,
            start_new_session=True,
        ) as child:  # fmt: skip
            record.pid = child.pid
            try:
                yield child
            finally:
                if child.poll() is None:
                    record.signal(signal.SIGKILL)
                mac.end(record, user)

    def tools(self, release: macos.Release) -> Path:
        """The folder that is the PATH of every Mac of this release."""
        if release.version not in self._tools:
            self._tools[release.version] = tools.build(self.folder / "bin" / release.version, release)
        return self._tools[release.version]

    # -- inside -----------------------------------------------------------------------------------------------------

    def _serve(self, started: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            self._calls.add(task)
            try:
                await calls.serve(self, reader, writer)
            finally:
                self._calls.discard(task)

        self._doubles = loop.run_until_complete(asyncio.start_unix_server(answer, self.socket_path))
        loop.call_soon(started.set)
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _stop(self) -> None:
        for mac in self.macs.values():
            await self.server.close(mac)
        for mac in self.macs.values():
            mac.kill_all()
        self._doubles.close()
        waiting = [*self._tasks, *self._calls]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        # Ends of processes that were killed just now.
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if others:
            _unused, late = await asyncio.wait(others, timeout=5)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _end_control_masters(folder: Path) -> None:
    """End the connection masters that Ansible's ControlPersist left behind."""
    for path in folder.glob("*"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            command = ["ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={path}", "lab"]
            subprocess.run(command, capture_output=True, timeout=5, check=False)


def _remove_leftovers() -> None:
    """Remove the sockets of labs that were killed: the kernel has dropped the lock with the process."""
    for lock in Path(tempfile.gettempdir()).glob(f"lab.*/{LOCK}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(lock, os.O_WRONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_control_masters(lock.parent / "c")
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(descriptor)
