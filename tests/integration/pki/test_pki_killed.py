# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any moment, and many at a time: nothing is lost, nothing is issued twice, the next run converges."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import ledger
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.issuing import leftovers, settle, settled
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.ledger import LostLedgerError, reading, writing
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.rebuilding import rebuild
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, PASSWORD, Pki, keys, openssl

pytestmark = pytest.mark.usefixtures("quick")

FORK = multiprocessing.get_context("fork")  # the child has the parent's keys and patches


class Countdown:
    """Counts what reaches the disk, and kills the process without ado at a given step."""

    def __init__(self, kill_at: int) -> None:
        self.step, self.kill_at = 0, kill_at

    def tick(self) -> None:
        self.step += 1
        if self.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.tick()
            return function(*arguments, **options)

        return wrapped


def armed(kill_at: int) -> Countdown:
    """Before every rename, removal, new folder and SQL statement of this process."""
    count = Countdown(kill_at)
    for name in ("replace", "rename", "unlink", "mkdir", "fchmod"):
        setattr(os, name, count.around(getattr(os, name)))

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if not sql.startswith(("SELECT", "PRAGMA")):
                count.tick()
            return super().execute(sql, *arguments)

    def connect(path: Path, mode: str = "?mode=rw") -> sqlite3.Connection:
        return sqlite3.connect(path.as_uri() + mode, uri=True, timeout=30, isolation_level=None, factory=Connection)

    ledger._connect = connect
    return count


def ended(child: multiprocessing.process.BaseProcess) -> None:
    """Wait for a child, but never for ever: one that hangs is killed, which its exit code then shows."""
    child.join(60)
    if child.is_alive():
        child.kill()
        child.join()


def run_killed(work: Callable[[], Any], kill_at: int) -> int:
    """Run `work` in a child that dies at this step. Returns the number of steps, or 0 if it was killed."""
    reader, writer = os.pipe()

    def body() -> None:
        count = armed(kill_at)
        work()
        os.write(writer, str(count.step).encode())

    child = FORK.Process(target=body, daemon=True)
    child.start()
    os.close(writer)
    ended(child)
    with os.fdopen(reader) as stream:
        steps = int(stream.read() or 0)
    assert child.exitcode == (0 if steps else -signal.SIGKILL)
    return steps


def valid_identity(pki: Pki, name: str) -> str:
    """SHA-1 of the identity that the ledger calls current, which is whole on disk."""
    ((sha1, digest),) = pki.sql(
        "SELECT sha1, private_sha256 FROM certificates WHERE name = ? AND state = 'issued'", name
    )
    file = pki.path / "clients" / name / f"{sha1}.p12"
    assert hashlib.sha256(file.read_bytes()).hexdigest().upper() == digest
    assert file.with_suffix(".pem").read_bytes().endswith(b"-----END CERTIFICATE-----\n")
    return str(sha1)


def nothing_unknown(pki: Pki) -> None:
    """Every certificate and key on disk is in the ledger."""
    files = [p for p in pki.path.glob("clients/*/*") if not p.name.startswith(".")]
    files += list(pki.path.glob("roots/*/root.*"))
    if files:
        known = {sha1 for (sha1,) in pki.sql("SELECT sha1 FROM certificates")}
        assert {p.stem if p.stem != "root" else p.parent.name for p in files} <= known


def all_settled(pki: Pki, names: list[str]) -> None:
    """The folder holds what the ledger says, and no more."""
    assert pki.sql("SELECT * FROM certificates WHERE state = 'intended'") == []
    current = {f"{valid_identity(pki, name)}.p12" for name in names}
    assert {p.name for p in pki.path.glob("clients/*/*.p12")} == current
    assert list(pki.path.rglob("*.tmp")) == []
    ((keyed,),) = pki.sql("SELECT count(*) FROM certificates WHERE kind = 'client' AND private_sha256 != ''")
    assert keyed == len(names)
    assert pki.sql("PRAGMA integrity_check") == [("ok",)]


def every(steps: int, number: int) -> Iterator[int]:
    """At most about `number` of the steps, the first and the last among them."""
    yield from sorted({1, steps, *range(1, steps + 1, max(1, steps // number))})


def test_killed_while_everything_is_made(place: Path) -> None:
    keys()

    def work(pki: Pki) -> None:
        pki.root()
        pki.issue("mac-01", "mac-02")

    steps = run_killed(lambda: work(Pki(place / "whole")), 0)
    assert steps > 30
    for step in every(steps, 11):
        pki = Pki(place / f"killed-{step}")
        assert run_killed(lambda pki=pki: work(pki), step) == 0
        nothing_unknown(pki)
        foreseen = pki.root(check=True).changed, pki.issue("mac-01", "mac-02", check=True)
        nothing_unknown(pki)
        made = pki.root().changed
        done = pki.issue("mac-01", "mac-02")
        if made == foreseen[0]:
            outcome = {name: (e.changed, e.reason) for name, e in done.entries.items()}
            assert outcome == {name: (e.changed, e.reason) for name, e in foreseen[1].entries.items()}, step
        all_settled(pki, ["mac-01", "mac-02"])
        assert not pki.root().changed
        assert not pki.issue("mac-01", "mac-02").changed


def test_killed_while_renewing(rooted: Pki, place: Path) -> None:
    rooted.issue("mac-01", "mac-02", renew_before_days=0)
    rooted.now += 2 * DAY

    def renew(pki: Pki, **how: Any) -> Any:
        return pki.issue("mac-01", "mac-02", renew_before_days=364, **how)

    whole = rooted.copy(place / "whole")
    steps = run_killed(lambda: renew(whole), 0)
    for step in every(steps, 9):
        pki = rooted.copy(place / f"killed-{step}")
        old = {name: valid_identity(pki, name) for name in ("mac-01", "mac-02")}
        assert run_killed(lambda pki=pki: renew(pki), step) == 0
        nothing_unknown(pki)
        for name in old:
            valid_identity(pki, name)  # the old one or the new one, but a whole one
        foreseen = renew(pki, check=True)
        with reading(pki.folder) as known:
            predicted = settled(known.rows(), leftovers(pki.folder, known.rows()))
        with pki.folder.writing(), writing(pki.folder) as known:
            pending = settle(pki.folder, known, pki.now)
            assert {r.sha1: r.state for r in known.rows()} == {r.sha1: r.state for r in predicted}
        if pending:
            foreseen = renew(pki, check=True)  # what was finished just now is not news any more
        done = renew(pki)
        assert {n: e.changed for n, e in done.entries.items()} == {n: e.changed for n, e in foreseen.entries.items()}
        all_settled(pki, ["mac-01", "mac-02"])
        assert all(entry.sha1 != old[name] for name, entry in done.entries.items())
        ((issued,),) = pki.sql("SELECT count(*) FROM events WHERE what = 'issued'")
        assert issued == 5, "each client was issued twice, and never thrice"
        assert not renew(pki).changed


def test_killed_while_revoking_and_retiring(rooted: Pki, place: Path) -> None:
    rooted.issue("mac-01")

    def work(pki: Pki) -> None:
        pki.end("mac-01")
        pki.retire(1)

    whole = rooted.copy(place / "whole")
    steps = run_killed(lambda: work(whole), 0)
    for step in every(steps, 7):
        pki = rooted.copy(place / f"killed-{step}")
        assert run_killed(lambda pki=pki: work(pki), step) == 0
        work(pki)
        pki.end("mac-01", state="removed")
        pki.root(generation=2)
        pki.issue("mac-02")
        assert list(pki.path.glob("clients/mac-01/*.p12")) == []
        assert len(list(pki.path.glob("roots/*/root.key"))) == 1
        assert pki.sql("SELECT state FROM certificates WHERE generation < 2 ORDER BY id") == [
            ("retired",),
            ("revoked",),
            ("issued",),
        ]


def test_killed_while_rebuilding_the_ledger(rooted: Pki, place: Path) -> None:
    """It is lost until it is whole; what was there before is never taken for it."""
    rooted.issue("mac-01", "mac-02")
    (rooted.path / "ledger.sqlite3").write_bytes(b"not a database, but long enough to look like one" * 100)
    (rooted.path / "ledger.sqlite3-journal").write_bytes(b"of the ledger that was lost")

    def work(pki: Pki) -> bool:
        return rebuild(pki.folder, now=pki.now, password=PASSWORD).changed

    whole_pki = rooted.copy(place / "whole")
    steps = run_killed(lambda: work(whole_pki), 0)
    assert steps > 8
    for step in every(steps, 8):
        pki = rooted.copy(place / f"killed-{step}")
        assert run_killed(lambda pki=pki: work(pki), step) == 0
        whole = False
        with contextlib.suppress(LostLedgerError):
            whole = not pki.issue("mac-01", "mac-02").changed
            assert whole, "a ledger that is there knows all that the files know"
        assert work(pki) != whole
        all_settled(pki, ["mac-01", "mac-02"])
        assert not pki.issue("mac-01", "mac-02").changed
        assert len(list(pki.path.glob("ledger.sqlite3.damaged-*"))) == 1


def test_killed_by_the_clock(rooted: Pki) -> None:
    """Not at a step of our choosing, but whenever: with threads at work."""
    names = [f"mac-{number:02}" for number in range(8)]
    for milliseconds in (5, 40):
        child = FORK.Process(target=lambda: rooted.issue(*names), daemon=True)
        child.start()
        child.join(milliseconds / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        nothing_unknown(rooted)
    done = rooted.issue(*names)
    all_settled(rooted, names)
    for entry in done.entries.values():
        openssl("pkcs12", "-legacy", "-in", entry.pkcs12_path, "-passin", f"pass:{PASSWORD}", "-noout")


# -- many at a time


def together(*works: Callable[[], Any]) -> None:
    barrier = FORK.Barrier(len(works))

    def body(work: Callable[[], Any]) -> None:
        barrier.wait(30)
        work()

    children = [FORK.Process(target=body, args=(work,), daemon=True) for work in works]
    for child in children:
        child.start()
    for child in children:
        ended(child)
    assert [child.exitcode for child in children] == [0] * len(works)


def test_parallel_runs_make_one_folder_and_one_root(pki: Pki) -> None:
    keys()
    together(*[pki.root] * 4)
    assert pki.sql("SELECT count(*) FROM certificates") == [(1,)]
    assert len(list(pki.path.glob("roots/*"))) == 1


def test_parallel_runs_issue_each_client_once(rooted: Pki) -> None:
    names = [f"mac-{number}" for number in range(6)]
    together(
        lambda: rooted.issue(*names),
        lambda: rooted.issue(*reversed(names)),
        lambda: rooted.issue(*names[:3]),
        lambda: [rooted.issue(*names, check=True) for _unused in range(5)],
    )
    assert rooted.sql("SELECT name, count(*) FROM certificates WHERE kind = 'client' GROUP BY name") == [
        (name, 1) for name in names
    ]
    all_settled(rooted, names)
    before = rooted.tree()
    together(*[lambda: rooted.issue(*names)] * 3)
    assert rooted.tree() == before
