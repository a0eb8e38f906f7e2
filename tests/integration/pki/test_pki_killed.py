# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any moment, and many at a time: nothing is lost, nothing is issued twice, the next run converges."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import database
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, Pki, keys, openssl

pytestmark = pytest.mark.usefixtures("quick")

FORK = multiprocessing.get_context("fork")  # the child has the parent's keys and patches


class Countdown:
    """Counts what reaches the database, and kills the process without ado at a given step."""

    def __init__(self, kill_at: int) -> None:
        self.step, self.kill_at = 0, kill_at

    def tick(self) -> None:
        self.step += 1
        if self.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def armed(kill_at: int) -> Countdown:
    """Before and after every statement of this process that writes, its BEGIN and COMMIT among them."""
    count = Countdown(kill_at)

    @contextlib.contextmanager
    def counted(statement: str) -> Iterator[None]:
        writes = not statement.startswith(("SELECT pg_catalog.to_reg", "SELECT relname", "PRAGMA")) and (
            not statement.startswith("SELECT") or "lock" in statement
        )
        if writes:
            count.tick()
        yield
        if writes:
            count.tick()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            with counted(sql):
                return super().execute(sql, *arguments)

    connect = sqlite3.connect

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, factory=Connection, **options)

    sqlite3.connect = watched
    execute, commit = database.PostgresTransaction.execute, database.PostgresTransaction.commit

    def watched_execute(self: Any, statement: str, values: Any = ()) -> Any:
        with counted(statement):
            return execute(self, statement, values)

    def watched_commit(self: Any) -> None:
        with counted("COMMIT"):
            commit(self)

    database.PostgresTransaction.execute = watched_execute  # type: ignore[method-assign]
    database.PostgresTransaction.commit = watched_commit  # type: ignore[method-assign]
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
    """SHA-1 of the identity that the store calls current, which openssl opens."""
    ((sha1,),) = pki.sql("SELECT sha1 FROM certificates WHERE name = ? AND state = 'issued'", name)
    identity = pki.identity(name).identity
    assert identity
    password = f"pass:{identity.password}"
    shown = openssl("pkcs12", "-legacy", "-passin", password, "-nodes", stdin=identity.pkcs12)
    assert "PRIVATE KEY" in shown and pki.pem(sha1).strip() in shown
    return str(sha1)


def all_settled(pki: Pki, names: list[str]) -> None:
    """Each client has one identity, and nobody else has one."""
    current = {valid_identity(pki, name) for name in names}
    assert {c.sha1 for c in pki.certificates() if c.kind == "client" and c.has_key} == current


def steps_of(pki: Pki, work: Callable[[], Any], number: int, reset: Callable[[], Any]) -> Iterator[int]:
    """At most about `number` of the steps of `work`, the first and the last among them, each from the same state."""
    steps = run_killed(work, 0)
    for step in sorted({1, steps, *range(1, steps + 1, max(1, steps // number))}):
        reset()
        yield step


@pytest.fixture
def frozen(request: pytest.FixtureRequest, pki: Pki) -> Callable[[], Callable[[], None]]:
    """Called, it keeps the state of the store; what it returns brings the store back there."""
    if not pki.option.startswith("postgresql"):

        def freeze() -> Callable[[], None]:
            path = database.SqliteFile(pki.place.path).path  # type: ignore[attr-defined]
            content = path.read_bytes() if path.exists() else None

            def thaw() -> None:
                path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                if content is not None:
                    path.write_bytes(content)
                    path.chmod(0o600)

            return thaw

        return freeze
    cluster, schema = request.getfixturevalue("cluster"), request.getfixturevalue("schema")

    def freeze() -> Callable[[], None]:
        there = cluster.sql(f"SELECT to_regnamespace('{schema}') IS NOT NULL") == "t"
        dump = cluster.run("pg_dump", "-n", schema) if there else ""

        def thaw() -> None:
            cluster.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            if dump:
                script = cluster.folder / f"{schema}.sql"
                script.write_text(dump)
                cluster.run("psql", "-v", "ON_ERROR_STOP=1", "-qX", "-f", str(script))

        return thaw

    return freeze


def test_killed_while_everything_is_made(pki: Pki, frozen: Any) -> None:
    keys()

    def work() -> None:
        pki.root()
        pki.issue("mac-01", "mac-02")

    for step in steps_of(pki, work, 8, frozen()):
        assert run_killed(work, step) == 0
        foreseen = pki.root(check=True).changed, pki.issue("mac-01", "mac-02", check=True)
        assert pki.root().changed == foreseen[0]
        done = pki.issue("mac-01", "mac-02")
        predicted = {name: (e.changed, e.reason) for name, e in foreseen[1].entries.items()}
        assert {name: (e.changed, e.reason) for name, e in done.entries.items()} == predicted, step
        all_settled(pki, ["mac-01", "mac-02"])
        assert not pki.root().changed
        assert not pki.issue("mac-01", "mac-02").changed


def test_killed_while_renewing(rooted: Pki, frozen: Any) -> None:
    rooted.issue("mac-01", "mac-02", renew_before_days=0)
    rooted.now += 2 * DAY
    old = {name: valid_identity(rooted, name) for name in ("mac-01", "mac-02")}

    def renew(**how: Any) -> Any:
        return rooted.issue("mac-01", "mac-02", renew_before_days=364, **how)

    for step in steps_of(rooted, renew, 8, frozen()):
        assert run_killed(renew, step) == 0
        now = [valid_identity(rooted, name) for name in old]  # the old one or the new one, but a whole one
        assert now == list(old.values()) or not set(now) & set(old.values()), "all or nothing"
        foreseen = renew(check=True)
        done = renew()
        assert {n: e.changed for n, e in done.entries.items()} == {n: e.changed for n, e in foreseen.entries.items()}
        all_settled(rooted, ["mac-01", "mac-02"])
        assert all(entry.sha1 != old[name] for name, entry in done.entries.items())
        ((issued,),) = rooted.sql("SELECT count(*) FROM events WHERE what = 'issued'")
        assert issued == 5, "each client was issued twice, and never thrice"
        assert not renew().changed


def test_killed_while_revoking_and_retiring(rooted: Pki, frozen: Any) -> None:
    rooted.issue("mac-01")

    def work() -> None:
        rooted.end("mac-01")
        rooted.retire(1)

    for step in steps_of(rooted, work, 6, frozen()):
        assert run_killed(work, step) == 0
        work()
        rooted.root(generation=2)
        rooted.issue("mac-02")
        all_settled(rooted, ["mac-02"])
        query = "SELECT state, sealed IS NULL FROM certificates WHERE generation < 2 AND name != 'mac-02' ORDER BY id"
        assert [(state, bool(gone)) for state, gone in rooted.sql(query)] == [("retired", True), ("revoked", True)]


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
    rooted.issue(*names)
    all_settled(rooted, names)


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


def test_parallel_runs_make_one_store_and_one_root(pki: Pki) -> None:
    keys()
    together(*[pki.root] * 4)
    assert pki.sql("SELECT count(*) FROM certificates") == [(1,)]


def test_parallel_runs_issue_each_client_once(rooted: Pki) -> None:
    names = [f"mac-{number}" for number in range(6)]
    together(
        lambda: rooted.issue(*names),
        lambda: rooted.issue(*reversed(names)),
        lambda: rooted.issue(*names[:3]),
        lambda: [rooted.issue(*names, check=True) for _unused in range(5)],
    )
    query = "SELECT name, count(*) FROM certificates WHERE kind = 'client' GROUP BY name ORDER BY name"
    assert rooted.sql(query) == [(name, 1) for name in names]
    all_settled(rooted, names)
    before = rooted.content()
    together(*[lambda: rooted.issue(*names)] * 3)
    assert rooted.content() == before
