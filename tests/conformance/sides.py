# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to a Mac: by ssh, this very machine, or a double of the lab."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac

from .half import HalfError, Script

SECONDS = 1500


class Side(Protocol):
    """One Mac, to which scripts are sent as whoever logs in, or as root."""

    name: str

    def send(self, script: Script, *, root: bool = False) -> bytes:
        """Standard output of the script; HalfError when there is no answer."""

    @property
    def has_root(self) -> bool:
        """Whether scripts may run as root."""


@dataclass
class Real:
    """A real Mac: `words` stand before the command that it runs."""

    name: str
    words: list[str]
    remote: bool
    password: str | None = field(default=None, repr=False)
    has_root: bool = False

    @classmethod
    def reached(cls, destination: str, *, ask: bool) -> Real:
        """The Mac at user@host, or this one. SSH holds the command to use in place of ssh, with options."""
        remote = destination != "localhost"
        ssh = shlex.split(os.environ.get("SSH") or "ssh")
        side = cls(destination, [*ssh, "-T", destination] if remote else [], remote)
        if side._answers("id -u") == "0" or side._answers("sudo -n id -u") == "0":
            side.has_root = True
        elif ask:
            side.password = getpass.getpass(f"Password of sudo on {destination} (none: without root): ") or None
            side.has_root = side.password is not None and side._as_root("id -u\n") == b"0\n"
            if side.password and not side.has_root:
                raise HalfError("sudo does not take this password")
        return side

    def send(self, script: Script, *, root: bool = False) -> bytes:
        if root:
            return self._as_root(script.text, script.words)
        return self._run(["/bin/sh", "-s", *script.words], script.text.encode())

    def _as_root(self, text: str, words: list[str] | None = None) -> bytes:
        command = ["/bin/sh", "-s", *(words or [])]
        if self.password is not None:
            return self._run(["sudo", "-S", "-k", "-p", "", "-H", *command], f"{self.password}\n{text}".encode())
        return self._run(["sudo", "-n", "-H", *command], text.encode())

    def _answers(self, command: str) -> str:
        done = self._started(["/bin/sh", "-c", command], b"")
        if self.remote and done.returncode == 255:
            raise HalfError(f"ssh says: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace").strip()

    def _run(self, command: list[str], sent: bytes) -> bytes:
        done = self._started(command, sent)
        if not done.stdout and done.returncode:
            why = done.stderr.decode(errors="replace").strip().split("\n")[-1]
            raise HalfError(f"no answer ({done.returncode}): {why}")
        return done.stdout

    def _started(self, command: list[str], sent: bytes) -> subprocess.CompletedProcess[bytes]:
        whole = [*self.words, shlex.join(command)] if self.remote else command
        try:
            # A session of its own: no terminal from which something could ask a password.
            return subprocess.run(
                whole, input=sent, capture_output=True, timeout=SECONDS, check=False, start_new_session=not self.remote,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise HalfError(f"no answer within {SECONDS} seconds") from None
        except OSError as error:
            raise HalfError(str(error)) from None


@dataclass
class Double:
    """A Mac of the lab."""

    lab: Lab
    mac: Mac
    has_root: bool = True

    @property
    def name(self) -> str:
        """Its name in the lab."""
        return self.mac.name

    def send(self, script: Script, *, root: bool = False) -> bytes:
        words = ["/bin/sh", "-s", *script.words]
        with self.lab.process(self.mac, words, user="root" if root else self.mac.login_user) as child:
            return child.communicate(script.text.encode(), timeout=SECONDS)[0]


@contextlib.contextmanager
def doubles(folder: Path) -> Iterator[Lab]:
    """A lab for doubles."""
    with Lab(folder) as lab:
        yield lab


def add_double(lab: Lab, release: str, name: str = "lab-mac") -> Double:
    """The double of a Mac with this release, where somebody who approves sits at the screen."""
    return Double(lab, lab.add_mac(name, macos=release, vpnutil=True, approve_after=0.01, copy_after=0.01))


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
