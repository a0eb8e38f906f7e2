# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PKI folder: whose it is, who may read it, what becomes of a broken one."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import Pki

pytestmark = pytest.mark.usefixtures("quick")


def test_everything_is_for_the_owner_alone(rooted: Pki) -> None:
    before = os.umask(0)
    try:
        rooted.issue("mac-01")
    finally:
        os.umask(before)
    modes = {path: mode & 0o777 for path, (mode, _time, _content) in rooted.tree().items()}
    folders = {".", "roots", "clients", "clients/mac-01", *(f"roots/{p.name}" for p in rooted.path.glob("roots/*"))}
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path in folders else 0o600)} == {}
    assert json.loads((rooted.path / "pki.json").read_bytes()) == {"format": 1}


@pytest.mark.parametrize(
    "what", [".", "roots", "roots/*", "roots/*/root.key", "clients/mac-01", "clients/*/*.p12", "ledger.sqlite3"]
)
def test_whatever_others_can_read_is_closed_again(rooted: Pki, what: str) -> None:
    rooted.issue("mac-01")
    (place,) = [rooted.path] if what == "." else rooted.path.glob(what)
    closed = place.stat().st_mode & 0o777
    for mode in (closed | 0o040, closed | 0o002, 0o777):
        place.chmod(mode)
        before = rooted.tree()
        foreseen = rooted.root(check=True)
        assert rooted.tree() == before
        done = rooted.root()
        for result in (foreseen, done):
            assert result.changed
            assert f"access to 1 files or folders with private keys, from {place} on" in result.warnings[0]
        assert place.stat().st_mode & 0o077 == 0
        assert not rooted.root().changed
        place.chmod(closed)


def test_a_link_in_the_folder_opens_nothing_elsewhere(rooted: Pki, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (rooted.path / "link").symlink_to(tmp_path / "elsewhere")
    assert not rooted.root().changed
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755


def test_what_cannot_be_closed_is_refused(rooted: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    def foreign(_path: Path, _mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    rooted.path.chmod(0o755)
    for chmod, why in ((foreign, "Operation not permitted"), (lambda _path, _mode: None, "keeps no modes")):
        monkeypatch.setattr(Path, "chmod", chmod)
        with pytest.raises(UserVpnError, match=why) as error:
            rooted.root()
        assert str(error.value).startswith(f"Other accounts have access to {rooted.path}, which is private")


def test_somebody_elses_folder_is_refused_and_left_alone(pki: Pki) -> None:
    pki.path.mkdir()
    (pki.path / "thesis.txt").write_text("mine")
    before = pki.tree()

    def write() -> None:
        with pki.folder.writing():
            pass

    for attempt in (pki.root, lambda: pki.issue("mac-01"), lambda: pki.end("mac-01"), lambda: pki.retire(1), write):
        with pytest.raises(PkiError, match=r"not a PKI folder.*Give an empty or a new folder"):
            attempt()
    assert pki.tree() == before


def test_a_file_in_the_place_of_the_folder_is_refused(pki: Pki) -> None:
    pki.path.write_text("")
    with pytest.raises(PkiError, match="is not a folder"):
        pki.root()


def test_an_empty_folder_is_taken(pki: Pki) -> None:
    pki.path.mkdir(mode=0o755)
    assert pki.root().changed
    assert pki.path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_another_run_makes_at_this_moment_is_no_strangers(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki.path.mkdir()
    look = Path.is_file
    others = [pki.root]

    def is_file(path: Path) -> bool:
        seen = look(path)
        if others:
            others.pop()()
        return seen

    monkeypatch.setattr(Path, "is_file", is_file)
    assert not pki.root().changed
    assert not others
    assert len(list(pki.path.glob("roots/*"))) == 1


def test_a_folder_that_a_killed_run_began_is_taken(pki: Pki) -> None:
    pki.path.mkdir()
    for name in (".lock", ".pki.json.abcd.tmp"):
        (pki.path / name).write_text("")
    assert pki.root().changed
    assert sorted(p.name for p in pki.path.iterdir()) == [".lock", "ledger.sqlite3", "pki.json", "roots"]


@pytest.mark.parametrize(
    ("marker", "words"),
    [('{"format": 2}', "format 2, this release knows format 1"), ("{", "damaged"), ("[]", "damaged")],
)
def test_a_marker_that_is_not_ours(rooted: Pki, marker: str, words: str) -> None:
    (rooted.path / "pki.json").write_text(marker)
    with pytest.raises(PkiError, match=words):
        rooted.root()


def test_a_lost_ledger_is_not_replaced_by_an_empty_one(rooted: Pki) -> None:
    (rooted.path / "ledger.sqlite3").unlink()
    for attempt in (rooted.root, lambda: rooted.issue("mac-01")):
        with pytest.raises(PkiError, match="restore it from the backup"):
            attempt()
    assert not (rooted.path / "ledger.sqlite3").exists()


def test_a_damaged_ledger(rooted: Pki) -> None:
    (rooted.path / "ledger.sqlite3").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(PkiError, match=r"damaged .*restore it from the backup"):
        rooted.root()


def test_a_newer_ledger(rooted: Pki) -> None:
    connection = sqlite3.connect(rooted.path / "ledger.sqlite3")
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(PkiError, match="version 3, this release knows 2"):
        rooted.root()


def test_events_are_only_added(rooted: Pki) -> None:
    connection = sqlite3.connect(rooted.path / "ledger.sqlite3")
    for change in ("DELETE FROM events", "UPDATE events SET what = 'nothing'"):
        with pytest.raises(sqlite3.IntegrityError, match="only added"):
            connection.execute(change)
    connection.close()


def test_a_reader_sees_through_a_transaction_that_was_killed(rooted: Pki) -> None:
    """SQLite's journal is hot then: a reader without write access would only get an error."""
    rooted.issue("mac-01")

    def die_while_writing() -> None:
        connection = sqlite3.connect(rooted.path / "ledger.sqlite3", isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        for number in range(500):
            connection.execute("INSERT INTO events VALUES (NULL, '', ?, 'noise', '')", ("x" * 500 + str(number),))
        os.kill(os.getpid(), signal.SIGKILL)

    child = multiprocessing.get_context("fork").Process(target=die_while_writing)
    child.start()
    child.join()
    assert (rooted.path / "ledger.sqlite3-journal").stat().st_size
    before = rooted.tree()
    assert not rooted.issue("mac-01").changed
    assert rooted.issue("mac-02", check=True).changed
    assert rooted.tree() == before
    assert rooted.issue("mac-02").changed
    assert not (rooted.path / "ledger.sqlite3-journal").exists()
    assert rooted.sql("SELECT count(*) FROM events WHERE what = 'noise'") == [(0,)]
    assert rooted.sql("PRAGMA integrity_check") == [("ok",)]


def as_nobody(work: Any) -> str:
    """What `work` raises in a process without root's powers; root itself can write everywhere."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
            os.write(writer, b"fine")
        except PkiError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return stream.read()


def test_a_read_only_folder_serves_who_needs_nothing_new(rooted: Pki) -> None:
    rooted.issue("mac-01")
    with tempfile.TemporaryDirectory(prefix="pki-") as place:  # pytest's own folders are closed to other accounts
        copy = Pki(Path(place) / "pki")
        shutil.copytree(rooted.path, copy.path)
        for path in (Path(place), copy.path, *copy.path.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            assert as_nobody(lambda: copy.issue("mac-01")) == "fine"
            refused = r"The PKI folder .* cannot be written by this account"
            for attempt in (
                lambda: copy.issue("mac-02"),
                lambda: copy.issue("mac-02", check=True),
                lambda: copy.root(generation=2),
                lambda: copy.root(generation=2, check=True),
                lambda: copy.end("mac-01"),
            ):
                message = as_nobody(attempt)
                assert message.startswith("The PKI folder"), message
                assert "cannot be written by this account" in message, refused
        finally:
            for path in (copy.path, *copy.path.rglob("*")):
                path.chmod(0o700)
