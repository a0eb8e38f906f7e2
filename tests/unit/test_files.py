# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there, also when runs are killed or write at once."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.action import ledger_info
from ansible_collections.vwan.user_vpn.plugins.module_utils import _files
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._files import (
    delete,
    locked,
    make_folder,
    read,
    tighten,
    too_open,
    would_write,
    write_atomic,
)
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def die_while_writing(path: Path) -> None:
    """As SIGKILL does it: the temporary file is whole, and nothing after that happens."""
    _files.os.fsync = lambda _descriptor: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    write_atomic(path, b"a private key")


@pytest.mark.parametrize("content", [b"old", b"new"])
def test_what_a_killed_run_has_left_goes_with_the_next_write(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mac[1].mobileconfig"
    write_atomic(path, b"old")
    killed = multiprocessing.get_context("fork").Process(target=die_while_writing, args=(path,))
    killed.start()
    killed.join(30)
    assert killed.exitcode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    assert path.read_bytes() == b"old"
    assert write_atomic(path, content) is (content == b"new")
    assert names(tmp_path) == [path.name]
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600


def test_deleting_a_file_leaves_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / ".a.x1.tmp").touch()
    (tmp_path / ".b.x1.tmp").touch()
    delete(tmp_path / "a")
    assert names(tmp_path) == [".b.x1.tmp"]


def test_what_another_run_is_writing_stays(tmp_path: Path) -> None:
    writing = tmp_path / ".a.x1.tmp"
    with writing.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert write_atomic(tmp_path / "a", b"1")
        assert names(tmp_path) == [".a.x1.tmp", "a"]
    assert not write_atomic(tmp_path / "a", b"1")
    assert names(tmp_path) == ["a"]


def test_a_file_that_is_swept_before_it_is_locked_is_made_again(tmp_path: Path, monkeypatch: Any) -> None:
    make = tempfile.mkstemp
    made: list[str] = []

    def swept(*args: Any, **options: Any) -> tuple[int, str]:
        descriptor, name = make(*args, **options)
        made.append(name)
        if len(made) == 1:
            Path(name).unlink()
        return descriptor, name

    monkeypatch.setattr(_files.tempfile, "mkstemp", swept)
    assert write_atomic(tmp_path / "a", b"1")
    assert len(made) == 2
    assert (tmp_path / "a").read_bytes() == b"1"


def write_often(path: Path, number: int) -> None:
    for turn in range(40):
        write_atomic(path, b"%d" % ((number + turn) % 7) * 1000)


def test_many_who_write_one_file_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_often, args=(path, number)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert names(tmp_path) == ["a"]
    assert len(path.read_bytes()) == 1000


def test_what_is_no_file_is_never_read(tmp_path: Path) -> None:
    """A pipe waits for ever for somebody to write, a device has no end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(UserVpnError, match="it is no regular file"):
            read(path, 100)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"content")
    assert read(tmp_path / "link", 7) == b"content"
    with pytest.raises(UserVpnError, match="larger than 6 bytes"):
        read(tmp_path / "file", 6)


def test_a_huge_file_is_not_read_to_see_that_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse
    assert would_write(path, b"content")
    assert write_atomic(path, b"content")
    assert path.read_bytes() == b"content"
    assert not would_write(path, b"content")
    assert not write_atomic(path, b"content")


def test_what_a_stranger_puts_beside_a_file_stops_nobody(tmp_path: Path) -> None:
    """In a folder like /tmp: a pipe that would wait for ever, a link to somebody's file."""
    (tmp_path / "precious").write_bytes(b"not ours")
    os.mkfifo(tmp_path / ".a.x1.tmp")
    (tmp_path / ".a.x2.tmp").symlink_to(tmp_path / "precious")
    (tmp_path / "lock").symlink_to(tmp_path / "new")
    assert write_atomic(tmp_path / "a", b"1")
    assert (tmp_path / "precious").read_bytes() == b"not ours"
    with pytest.raises(UserVpnError, match="lock cannot be opened for locking"), locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_no_folder_is_made_that_everybody_may_write(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert make_folder(tmp_path / "a/b/c")
    finally:
        os.umask(before)
    assert not make_folder(tmp_path / "a/b/c")
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c")]
    assert modes == [0o755 & ~umask, 0o755 & ~umask, 0o700]


def test_what_is_too_open_is_closed_from_the_top(tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/key").touch(mode=0o600)
    (folder / "sub/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()
    (tmp_path / "elsewhere").chmod(0o644)
    for path, mode in ((folder, 0o755), (folder / "sub", 0o2770), (folder / "sub/key", 0o640)):
        path.chmod(mode)
    opened = [folder, folder / "sub", folder / "sub/key"]
    assert too_open(folder) == opened
    assert too_open(folder, below=False) == [folder]
    assert too_open(folder / "sub/key") == [folder / "sub/key"]
    assert tighten(folder) == opened
    assert tighten(folder) == too_open(folder) == too_open(tmp_path / "missing") == []
    assert [path.stat().st_mode & 0o7777 for path in opened] == [0o700, 0o2700, 0o600]
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o644


def test_what_the_system_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "pki"))

    monkeypatch.setattr(ledger_info, "tell", refuse)
    result = run_action("ledger_info", {"pki": str(tmp_path / "pki.db")})
    assert result["failed"]
    assert result["msg"] == f"{tmp_path / 'pki'} cannot be used: Permission denied."
