# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: files that are whole or not there, and readable by their owner alone."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ._errors import UserVpnError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def read(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most `limit` bytes; UserVpnError when it cannot be read or is larger.

    A pipe or a device is none: it may have no end, or wait for ever for somebody to write.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UserVpnError(f"{path} cannot be read: it is no regular file.")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                content = stream.read(limit + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > limit:
        raise UserVpnError(f"{path} is larger than {limit} bytes, which no such file should be.")
    return content


def ensure_private_folder(path: Path) -> bool:
    """Make `path` (and its parents) if it is missing, 0700. Returns whether it was made."""
    if path.is_dir():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    except OSError as error:
        raise UserVpnError(f"The folder {path} cannot be made: {error.strerror}.") from None
    return True


def write_atomic(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> bool:
    """Make `path` hold exactly `content` with exactly `mode`. Returns whether anything changed.

    The new file is complete and on disk before it takes the old one's place, so a killed run or a full disk leaves
    the old file or the new one. The temporary file lies in the same folder (a rename must not cross file systems),
    is 0600 from its first moment and starts with a dot. One that a killed run has left goes with the next call: it may
    hold a private key.
    """
    try:
        _sweep(path)
        if _holds(path, content):
            if path.stat().st_mode & 0o7777 == mode:
                return False
            path.chmod(mode)
            return True
        descriptor, temporary = _new_temporary(path)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
                temporary.replace(path)  # while it is open, and so locked
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be written: {error.strerror}.") from None
    return True


def _holds(path: Path, content: bytes) -> bool:
    """Whether this is a file, no link, with exactly this content."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != len(content):
        return False
    return path.read_bytes() == content


def _new_temporary(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, open and locked: whoever holds no lock on its own is dead."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # swept by another run before it was locked


def _sweep(path: Path) -> None:
    """Delete what killed runs have left beside `path`."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError), leftover.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def delete(path: Path) -> None:
    """Delete a file, if it is there, and what killed runs have left of it."""
    try:
        _sweep(path)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be deleted: {error.strerror}.") from None


def sync_folder(path: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def would_write(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> bool:
    """What write_atomic would return, without writing."""
    try:
        return not (_holds(path, content) and path.stat().st_mode & 0o7777 == mode)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be read: {error.strerror}.") from None


@contextlib.contextmanager
def locked(path: Path, seconds: float = 600.0) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, waiting at most `seconds`.

    The kernel drops the lock when its holder ends, however it ends: a killed run blocks nobody.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be opened for locking: {error.strerror}.") from None
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise UserVpnError(
                        f"Another run has held {path} for more than {seconds:.0f} seconds; let it end, then run again."
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
