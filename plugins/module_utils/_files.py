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
PARENT_FOLDER = 0o755
OTHERS = 0o077  # any access of other accounts


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


def make_folder(path: Path, mode: int = PRIVATE_FOLDER) -> bool:
    """Make `path` if it is missing: 0700, and its parents 0755 at most, whatever the umask. Returns whether it was."""
    if path.is_dir():
        return False
    try:
        for parent in reversed(path.parents):
            if not parent.is_dir():
                parent.mkdir(mode=PARENT_FOLDER, exist_ok=True)
        path.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise UserVpnError(f"The folder {path} cannot be made: {error.strerror}.") from None
    return True


def check_folder_for(path: Path) -> None:
    """UserVpnError for a folder, which is not ours alone, in which every account might replace the file `path`."""
    folder = path.parent
    if folder.is_dir() and folder.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
        raise UserVpnError(
            f"Every account may replace what lies in {folder}, so nothing private is written there: take that away "
            f"with chmod o-w, or name another folder for {path.name}."
        )


def too_open(path: Path, *, below: bool = True) -> list[Path]:
    """What other accounts have access to: of a private file, or of a private folder and what lies `below` it.

    A symbolic link below is left alone, for what it leads to is not ours. Empty when `path` is missing.
    """
    return [place for place, mode in _modes(path, below) if mode & OTHERS]


def tighten(path: Path, *, below: bool = True) -> list[Path]:
    """Take that access away. Returns what was too open. UserVpnError where it stays."""
    found = []
    for place, mode in _modes(path, below):  # from the top, so that nobody else comes in meanwhile
        if mode & OTHERS:
            _close(place, mode)
            found.append(place)
    return found


def _close(path: Path, mode: int) -> None:
    try:
        path.chmod(stat.S_IMODE(mode) & ~OTHERS)
        if not path.stat().st_mode & OTHERS:
            return
        problem = "its file system keeps no modes"
    except FileNotFoundError:
        return
    except OSError as error:
        problem = str(error.strerror)
    raise UserVpnError(
        f"Other accounts have access to {path}, which is private, and that cannot be taken away ({problem}): do that "
        "as its owner, or choose another place."
    )


def _modes(path: Path, below: bool, *, follow: bool = True) -> Iterator[tuple[Path, int]]:
    """Path and mode of `path`, and of all below it, each folder before what is in it."""
    try:
        mode = path.stat(follow_symlinks=follow).st_mode
        if stat.S_ISLNK(mode):
            return
        yield path, mode
        inside = sorted(path.iterdir()) if below and stat.S_ISDIR(mode) else []
    except FileNotFoundError:  # missing, or gone meanwhile
        return
    except OSError as error:
        raise UserVpnError(f"{path} cannot be looked at: {error.strerror}.") from None
    for each in inside:
        yield from _modes(each, below, follow=False)


def name_within(folder: Path, path: Path) -> str:
    """`path` as a name relative to `folder`, symbolic links on the way resolved; ValueError when it lies outside.

    A link in the last place counts as itself: it is replaced or deleted, and never followed.
    """
    try:
        inside = (path.parent.resolve() / path.name).relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # links that lead round, names that no file system takes
        raise ValueError(str(error)) from None
    if path.name in ("", "..") or inside == Path() or "\0" in path.name:
        raise ValueError(f"{path} names no file")
    return str(inside)


def write_atomic(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> bool:
    """Make `path` hold exactly `content` with exactly `mode`. Returns whether anything changed.

    The new file is complete and on disk before it takes the old one's place, so a killed run or a full disk leaves
    the old file or the new one. The temporary file lies in the same folder (a rename must not cross file systems),
    is 0600 from its first moment and starts with a dot. One that a killed run has left goes with the next call: it may
    hold a private key.
    """
    sweep(path.parent, glob.escape(path.name))
    changed = write_one_of_many(path, content, mode)
    if changed:
        sync_folder(path.parent)
    return changed


def write_one_of_many(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> bool:
    """As write_atomic, for whoever writes many files into one folder: `sweep` it first, `sync_folder` it afterwards."""
    try:
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


def sweep(folder: Path, names: str) -> None:
    """Delete what killed runs have left in a folder of files whose names are like `names`."""
    for leftover in folder.glob(f".{names}.*.tmp"):
        with contextlib.suppress(OSError):
            descriptor = os.open(leftover, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()
            finally:
                os.close(descriptor)


def delete(path: Path) -> None:
    """Delete a file, if it is there, and what killed runs have left of it."""
    try:
        sweep(path.parent, glob.escape(path.name))
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be deleted: {error.strerror}.") from None


def sync_folder(path: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UserVpnError(f"{path} cannot be written: {error.strerror}.") from None


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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)
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
