# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of a database is a sentence of its own that says what to do, and nothing is half-written. Real ones: a
full file system, a read-only one, killed writers, a server that ends, freezes, or lets nobody in."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import database
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import Place, place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import reading, writing
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import PASSWORD, ROLE, Cluster
from ansible_collections.vwan.user_vpn.tests.unit.store.store_tools import (
    NOW,
    PASSPHRASE,
    alter,
    delivery,
    issuance,
)

RESTORE = "restore"  # the word for damage, which nothing else may be called
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems: run as root")


def said(work: Callable[[], Any]) -> str:
    with pytest.raises(UserVpnError) as caught:
        work()
    text = str(caught.value)
    assert ROLE not in text
    assert PASSWORD not in text
    return text


def read(place: Place) -> int:
    with reading(place) as store:
        return len(store.certificates()) + len(store.deliveries()) + len(store.events())


def write(place: Place, name: str = "mac-09", many: int = 1) -> None:
    with writing(place, NOW) as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance(f"{name}-{number}") for number in range(many)])


@pytest.fixture
def file(tmp_path: Path) -> Place:
    """A store in SQLite with one client."""
    place = place_of(str(tmp_path / "pki.db"))
    write(place)
    return place


@pytest.fixture
def served(cluster: Cluster, schema: str) -> Place:
    """A store in PostgreSQL with one client."""
    place = place_of(cluster.url(schema))
    write(place)
    return place


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    done = subprocess.run(["mount", *options, folder], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine may not mount: {done.stderr.strip()} (in a container: --cap-add SYS_ADMIN)")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


# -- SQLite: no room, no right, no peace


@needs_root
def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=256k", "tmpfs"):
        place = place_of(str(folder / "pki.db"))
        write(place)
        before = read(place)
        text = said(lambda: write(place, "more", 500))
        assert text == (
            f"There is no room left for {place}; nothing of this change was written. Make room, then run again."
        )
        assert read(place) == before
        (folder / "filler").write_bytes(b"x" * (folder / "pki.db").stat().st_size)
        with contextlib.suppress(OSError), (folder / "filler").open("ab") as filler:
            while True:
                filler.write(b"x" * 512)
                filler.flush()
        assert "no room left" in said(lambda: write(place, "one"))  # not even for the journal
        (folder / "filler").unlink()
        write(place, "one")
        assert read(place) == before + 2


def test_a_limit_on_the_size_of_files(file: Place) -> None:
    before = read(file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(str(file)).stat().st_size + 4096, hard))
    try:
        text = said(lambda: write(file, "more", 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "I/O error" in text
    assert "a limit on the size of files" in text
    assert RESTORE not in text
    assert read(file) == before
    write(file, "more", 200)


@needs_root
def test_a_file_system_that_is_mounted_read_only(file: Place) -> None:
    folder = Path(str(file)).parent
    with read_only(folder):
        assert "cannot be written by this account" in said(lambda: write(file))
        assert read(file) == 2
    write(file, "more")


@pytest.mark.parametrize("what", ["folder", "file"])
def test_another_account_may_not_write(file: Place, what: str) -> None:
    folder = Path(str(file)).parent
    for place in (folder, *folder.parents):
        if place != Path("/tmp"):
            with contextlib.suppress(OSError):
                place.chmod(place.stat().st_mode | 0o011)
    if what == "folder":
        folder.chmod(0o555)
        shutil.chown(str(file), 65534) if os.geteuid() == 0 else None
    else:
        Path(str(file)).chmod(0o400)
    try:
        text = as_nobody(lambda: write(file))
        assert "cannot be written by this account" in text
        if what == "folder":
            assert as_nobody(lambda: read(file)) == ""
    finally:
        folder.chmod(0o700)


def as_nobody(work: Callable[[], Any]) -> str:
    """What a process without rights is told; empty when all goes well."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            work()
            sender.send("")
        except UserVpnError as error:
            sender.send(str(error))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    assert receiver.poll()
    return str(receiver.recv())


def _write_until_killed(place: Place, ready: Any) -> None:
    with writing(place, NOW) as store:
        store._sql.execute("PRAGMA cache_size = 2")  # so that pages are on disk before the end
        store.unlock(PASSPHRASE)
        store.issue([issuance(f"lost-{number}") for number in range(300)])
        ready.set()
        signal.pause()


def kill_a_writer(place: Place) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_write_until_killed, args=(place, ready))
    process.start()
    assert ready.wait(60)
    process.kill()
    process.join()
    assert Path(f"{place}-journal").stat().st_size > 512
    with pytest.raises(sqlite3.OperationalError):  # the file itself is not consistent now
        sqlite3.connect(f"file:{place}?mode=ro", uri=True).execute("SELECT 1 FROM certificates")


def test_a_reader_beside_a_killed_writer_is_served(file: Place) -> None:
    kill_a_writer(file)
    assert read(file) == 2
    assert not Path(f"{file}-journal").exists()
    write(file, "more")


@needs_root
def test_a_reader_who_may_not_write_is_served_beside_a_killed_writer(file: Place) -> None:
    kill_a_writer(file)
    folder = Path(str(file)).parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with read_only(folder):
        assert read(file) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    write(file, "more")
    assert read(file) == 4


NO_LOCKS = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
int fcntl64(int descriptor, int command, ...) {
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) { errno = ENOLCK; return -1; }
    return syscall(SYS_fcntl, descriptor, command, argument);
}
int fcntl(int, int, ...) __attribute__((alias("fcntl64")));
"""
TRY = """
import sys
from datetime import UTC, datetime
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import database, store
database.WAIT = 1
place = database.place_of(sys.argv[1])
for opened in (store.reading(place), store.writing(place, datetime.now(UTC))):
    try:
        with opened:
            pass
    except database.PkiError as error:
        print(error)
"""


def test_a_file_system_without_locks(file: Place, tmp_path: Path) -> None:
    """As some NFS and SMB mounts: fcntl fails with ENOLCK, for which SQLite itself says "database is locked"."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to take the locks away with: apt-get install gcc")
    library = tmp_path / "no_locks.so"
    build = [compiler, "-shared", "-fPIC", "-x", "c", "-o", library, "-"]
    subprocess.run(build, input=NO_LOCKS, text=True, check=True)
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(file)], env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert "has no locks (SMB and some NFS mounts)" in line
        assert "use PostgreSQL" in line
    assert len(done.stdout.splitlines()) == 2


# -- SQLite: what is not a store of ours


def test_damage_is_called_damage(file: Place) -> None:
    write(file, "more", 100)
    content = bytearray(Path(str(file)).read_bytes())
    for start in range(4096, len(content), 4096):  # every page but the first
        content[start : start + 64] = b"\xff" * 64
    Path(str(file)).write_bytes(content)
    for work in (lambda: read(file), lambda: write(file)):
        assert re.fullmatch(f"{file} is damaged \\(.*malformed\\); restore it from a backup\\.", said(work))
    assert Path(str(file)).read_bytes() == content


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 100, b"short"])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "inventory.yml"
    path.write_bytes(content)
    for work in (read, write):
        text = said(lambda work=work: work(place_of(str(path))))  # type: ignore[misc]
        assert "is no SQLite database: it is something else, or damaged" in text
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE cookies (name TEXT)",
        "CREATE TABLE facts (name TEXT, value TEXT)",
        "PRAGMA application_id = 252006675",  # a GeoPackage, still empty
        f"PRAGMA application_id = {0x56504E31}; CREATE TABLE facts (name TEXT, value TEXT)",
    ],
)
def test_a_database_of_somebody_else(tmp_path: Path, script: str) -> None:
    path = tmp_path / "cookies.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    before = path.read_bytes()
    for work in (read, write):
        text = said(lambda work=work: work(place_of(str(path))))  # type: ignore[misc]
        assert text == f"{path} holds something else than a store; give a place that is empty, or one of ours."
    assert path.read_bytes() == before


def test_an_empty_file_is_a_store_that_has_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "pki.db"
    path.touch(0o600)
    assert read(place_of(str(path))) == 0
    write(place_of(str(path)))
    assert read(place_of(str(path))) == 2


@pytest.mark.parametrize("where", ["folder", "below a file", "loop"])
def test_a_path_at_which_no_file_can_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    path = {"folder": tmp_path, "below a file": tmp_path / "file" / "pki.db", "loop": tmp_path / "loop"}[where]
    text = said(lambda: write(place_of(str(path))))
    assert str(path.parent if where == "below a file" else path) in text
    assert RESTORE not in text
    if where == "folder":
        assert "cannot be" in said(lambda: read(place_of(str(path))))


# -- either database


def both(place: Place, request: pytest.FixtureRequest) -> Cluster | None:
    return None if isinstance(place, database.SqliteFile) else request.getfixturevalue("cluster")


def test_a_newer_schema(filled: Place, request: pytest.FixtureRequest) -> None:
    alter(filled, "UPDATE facts SET value = '2' WHERE name = 'version'", both(filled, request))
    for work in (lambda: read(filled), lambda: write(filled)):
        assert said(work) == (
            f"The store {filled} has version 2, this release of the collection knows 1; use the release that wrote it "
            "last."
        )


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE refusals",
        "ALTER TABLE certificates RENAME COLUMN serial TO number",
        "DELETE FROM facts WHERE name = 'application'",
        "UPDATE facts SET value = 'one' WHERE name = 'version'",
    ],
)
def test_a_schema_that_somebody_altered(filled: Place, statement: str, request: pytest.FixtureRequest) -> None:
    alter(filled, statement, both(filled, request))

    def look() -> None:
        with reading(filled) as store:
            store.certificates()
            store.refusals()

    assert re.search("something else", said(look))


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE certificates SET not_after = 'tomorrow' WHERE name = 'mac-01'", "certificates"),
        ("UPDATE certificates SET not_after = '2026-11-22' WHERE name = 'mac-01'", "certificates"),
        ("UPDATE certificates SET pem = chain WHERE name = 'mac-01'", "certificate"),
        ("UPDATE certificates SET pem = (SELECT pem FROM certificates WHERE name = 'mac-02') WHERE name = 'mac-01'",
         "certificate"),
        ("INSERT INTO packages VALUES ('wan', 'now', 'digest', 'no JSON')", "packages"),
    ],
)  # fmt: skip
def test_a_row_that_makes_no_sense(filled: Place, statement: str, what: str, request: pytest.FixtureRequest) -> None:
    alter(filled, statement, both(filled, request))

    def look() -> None:
        with reading(filled) as store:
            for certificate in store.certificates():
                store.texts(certificate.sha1)
            store.package("wan")

    assert re.search(f"What the store holds as {what}.* makes no sense; restore it from a backup", said(look))


@pytest.mark.parametrize("value", ["7", "x'00ff'", "CAST(x'ff' AS TEXT)", "NULL"])
def test_columns_of_sqlite_hold_anything(file: Place, value: str) -> None:
    statement = "PRAGMA writable_schema = ON; PRAGMA ignore_check_constraints = ON; "
    with contextlib.suppress(sqlite3.IntegrityError):
        alter(file, f"{statement} UPDATE certificates SET serial = {value}, generation = {value}")
    with contextlib.suppress(UserVpnError):  # a sentence or a value; never a traceback
        read(file)


def test_a_failing_commit_never_looks_like_success(served: Place) -> None:
    with pytest.raises(AssertionError, match="ended with ROLLBACK"), writing(served, NOW) as store:
        store.note_deliveries([delivery("mac-01")])
        with contextlib.suppress(Exception):
            store._sql.execute("SELECT 1 / 0")
    assert read(served) == 2


# -- the URL


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://fleet:s3cret@db/vpn",
        "postgres://fleet:s3cret@db/vpn",
        "postgresql://fleet:@db/vpn",
        "postgresql://fleet:s3/cret@db/vpn",
        "postgresql://fleet:s3#cret@db/vpn",
        "postgresql://db/vpn?password=s3cret",
        "postgresql://db/vpn?sslmode=require&password=s3cret",
        "postgresql://db/vpn?sslpassword=s3cret",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_shown(url: str) -> None:
    text = said(lambda: place_of(url))
    assert "PGPASSFILE" in text
    assert not re.search("s3|cret@|fleet", text)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "pki is empty"),
        ("  ", "pki is empty"),
        ("mysql://db/vpn", "pki begins with mysql://"),
        ("sqlite:///pki.db", "pki begins with sqlite://"),
        ("postgresql://db:s3cret/vpn", "no URL that PostgreSQL understands"),
        ("postgresql://first:5432,second:s3cret/vpn", "no URL that PostgreSQL understands"),
        ("postgresql://fleet:s3?cret@db/vpn", "pki holds a password"),
        ("postgresql://db/vpn?s3cret", "no URL that PostgreSQL understands"),
        ("postgresql://db/vpn?nonsense=s3cret", "no URL that PostgreSQL understands"),
        ("postgresql://db/%zz", "no URL that PostgreSQL understands"),
        ("postgresql://db/vpn?schema=", "schema in the URL"),
        ("postgresql://db/vpn?schema=A", "schema in the URL"),
        ("postgresql://db/vpn?schema=a&schema=b", "schema in the URL"),
        ("postgresql://db/vpn?schema=pg_x", "schema in the URL"),
        ("postgresql://db/vpn?schema=a%22;drop", "schema in the URL"),
        (f"postgresql://db/vpn?schema={'a' * 64}", "schema in the URL"),
    ],
)
def test_a_pki_that_names_no_place(url: str, words: str) -> None:
    text = said(lambda: place_of(url))
    assert words in text
    assert "s3cret" not in text
    assert "cret@" not in text


def test_what_is_shown_of_a_url() -> None:
    url = "postgresql://fleet@db.example.com:5433/vpn?sslmode=verify-full&schema=fleet_a&application_name=me@here"
    place = place_of(url)
    assert str(place) == "postgresql://db.example.com:5433/vpn?schema=fleet_a"
    assert "fleet@" not in repr(place)
    assert isinstance(place, database.PostgresSchema)
    assert place.options["sslmode"] == "verify-full"
    assert str(place_of("postgresql://db/vpn")) == "postgresql://db/vpn?schema=user_vpn"
    assert str(place_of("postgresql:///vpn")) == "postgresql:///vpn?schema=user_vpn"


def test_without_psycopg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    text = said(lambda: place_of("postgresql://db/vpn"))
    assert "the Python package psycopg is missing" in text
    assert f"{sys.executable} -m pip install 'psycopg[binary]'" in text


# -- PostgreSQL: who lets nobody in


def other(place: Place, **changed: str) -> Place:
    assert isinstance(place, database.PostgresSchema)
    return database.PostgresSchema(place.options | changed, place.schema)


def test_no_server(served: Place) -> None:
    text = said(lambda: read(other(served, port="1")))
    assert text.startswith("No PostgreSQL server answers at postgresql://127.0.0.1:1/vpn")
    assert "refused" in text
    assert "No PostgreSQL server answers" in said(lambda: read(other(served, host="no.such.host.invalid")))


def test_a_wrong_password_and_none(served: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    assert "wants a password; give it in PGPASSWORD" in said(lambda: read(served))
    monkeypatch.setenv("PGPASSWORD", "s3cret wrong")
    text = said(lambda: read(served))
    assert "refuses the user or the password" in text
    assert "s3cret" not in text
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert read(served) == 2
    assert "refuses the user or the password" in said(lambda: read(other(served, user="stranger")))


def test_no_such_database_and_one_that_lets_nobody_in(served: Place, cluster: Cluster) -> None:
    assert "has no such database; have it made (CREATE DATABASE)" in said(lambda: read(other(served, dbname="nowhere")))
    cluster.sql("CREATE DATABASE closed ALLOW_CONNECTIONS false", user="postgres")
    try:
        assert "starting or stopping" in said(lambda: read(other(served, dbname="closed")))
    finally:
        cluster.sql("DROP DATABASE closed", user="postgres")


def test_a_server_that_speaks_no_tls(served: Place) -> None:
    text = said(lambda: read(other(served, sslmode="require")))
    assert "cannot be encrypted as sslmode asks" in text
    text = said(lambda: read(other(served, sslmode="verify-full", sslrootcert="/nowhere/ca.pem")))
    assert "sslmode" in text


def test_no_connection_left(served: Place, cluster: Cluster) -> None:
    cluster.sql(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0", user="postgres")
    try:
        assert "has no connection left" in said(lambda: read(served))
    finally:
        cluster.sql(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1", user="postgres")


def test_an_address_that_the_server_bars(served: Place, cluster: Cluster) -> None:
    rules = cluster.data / "pg_hba.conf"
    before = rules.read_text()
    cluster.sql("CREATE ROLE barred LOGIN", user="postgres")
    try:
        rules.write_text(f"host all barred 127.0.0.1/32 reject\n{before}")
        cluster.sql("SELECT pg_reload_conf()", user="postgres")
        assert "pg_hba.conf" in said(lambda: read(other(served, user="barred")))
    finally:
        rules.write_text(before)
        cluster.sql("SELECT pg_reload_conf()", user="postgres")
        cluster.sql("DROP ROLE barred", user="postgres")


# -- PostgreSQL: rights


@pytest.fixture
def plain_role(cluster: Cluster) -> Iterator[str]:
    """A user who owns nothing and may make nothing."""
    cluster.sql(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'", user="postgres")
    yield "plain"
    cluster.sql("DROP OWNED BY plain CASCADE", user="postgres")
    cluster.sql("DROP ROLE plain", user="postgres")


def test_rights(served: Place, cluster: Cluster, plain_role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert isinstance(served, database.PostgresSchema)
    theirs = other(served, user=plain_role)
    for work in (lambda: read(theirs), lambda: write(theirs)):
        assert "It has to own the schema" in said(work)
    new = database.PostgresSchema({**served.options, "user": plain_role}, "prepared")
    assert "CREATE SCHEMA NAME AUTHORIZATION USER" in said(lambda: write(new))
    assert read(new) == 0
    cluster.sql(f"CREATE SCHEMA prepared AUTHORIZATION {plain_role}", user="postgres")
    write(new)
    assert read(new) == 2


def test_a_schema_of_somebody_else(cluster: Cluster, schema: str) -> None:
    cluster.sql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.orders (id int)")
    for work in (read, write):
        text = said(lambda work=work: work(place_of(cluster.url(schema))))  # type: ignore[misc]
        assert "holds something else than a store" in text
    assert cluster.sql(f"SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace") == "1"


def test_a_schema_named_like_a_word_of_sql(cluster: Cluster) -> None:
    place = place_of(cluster.url("select"))
    try:
        write(place)
        assert read(place) == 2
    finally:
        cluster.sql('DROP SCHEMA "select" CASCADE')


def test_a_server_that_is_read_only(served: Place) -> None:
    standby = other(served, options="-c default_transaction_read_only=on")
    assert read(standby) == 2
    text = said(lambda: write(standby))
    assert "is read-only (a standby, or default_transaction_read_only is on)" in text
    assert "target_session_attrs=read-write" in text


# -- PostgreSQL: in the middle


def test_a_server_that_ends_in_the_middle(served: Place, cluster: Cluster) -> None:
    def work() -> None:
        with writing(served, NOW) as store:
            store.unlock(PASSPHRASE)
            store.issue([issuance("lost")])
            cluster.stop("immediate")
            store.note("never", "")

    text = said(work)
    assert "was lost in the middle" in text
    assert "Run again" in text
    assert "No PostgreSQL server answers" in said(lambda: read(served))
    cluster.start()
    assert read(served) == 2
    write(served, "more")


def test_a_server_that_ends_at_the_commit(served: Place, cluster: Cluster) -> None:
    def work() -> None:
        with writing(served, NOW) as store:
            store.note("perhaps", "")
            cluster.stop("immediate")

    assert "which is all of this change or nothing" in said(work)
    cluster.start()
    assert read(served) in (2, 3)


def test_a_connection_that_is_cut(served: Place, cluster: Cluster) -> None:
    def work() -> None:
        with writing(served, NOW) as store:
            store.note("never", "")
            everybody = "pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            cluster.sql(f"SELECT {everybody} AND datname = current_database()", user="postgres")
            store.note("never", "")

    assert "was lost in the middle" in said(work)
    assert read(served) == 2


def test_a_server_that_freezes(served: Place, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SILENCE", 1)

    def work() -> None:
        with reading(served) as store:
            (pid,) = store._sql.execute("SELECT pg_backend_pid()")[0]
            os.kill(pid, signal.SIGSTOP)
            try:
                store.certificates()
            finally:
                os.kill(pid, signal.SIGCONT)

    assert "was lost in the middle" in said(work)
    assert read(served) == 2


def test_a_run_that_froze_in_its_transaction_does_not_hold_the_others(
    served: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        with contextlib.ExitStack() as stack:
            # Only the frozen run has the short limit: on a busy machine the other one would meet it as well.
            with monkeypatch.context() as limits:
                limits.setitem(database.SETTINGS, "idle_in_transaction_session_timeout", "200ms")
                frozen = stack.enter_context(writing(served, NOW))
            frozen.note("never", "")
            write(served, "more")  # waits for the lock until the server takes it away
            frozen.note("never", "")

    assert "was lost in the middle" in said(work)
    assert read(served) == 4


def test_a_statement_that_does_not_end(served: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database.SETTINGS, "statement_timeout", "100ms")

    def work() -> None:
        with reading(served) as store:
            store._sql.execute("SELECT pg_sleep(60)")

    assert "gave up on this change" in said(work)


@needs_root
def test_a_full_disk_of_the_server(served: Place, cluster: Cluster) -> None:
    folder = cluster.folder / "small"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs"):
        shutil.chown(folder, cluster.data.stat().st_uid)
        cluster.sql(f"CREATE TABLESPACE small OWNER {ROLE} LOCATION '{folder}'", user="postgres")
        try:
            small = other(served, options="-c default_tablespace=small")
            assert isinstance(small, database.PostgresSchema)
            small = database.PostgresSchema(small.options, f"{small.schema}_small")
            text = said(lambda: write(small, "more", 2000))
            assert f"There is no room left for {small}; nothing of this change was written" in text
            assert read(small) == 0
        finally:
            cluster.sql("DROP TABLESPACE small", user="postgres")


def test_a_damaged_table(served: Place, cluster: Cluster) -> None:
    schema = str(served).rpartition("=")[2]
    path = cluster.data / cluster.sql(f"SELECT pg_relation_filepath('{schema}.certificates')")
    cluster.stop()
    path.write_bytes(b"\xff" * 8192)
    cluster.start()
    text = said(lambda: read(served))
    assert re.search("is damaged \\(.*invalid page.*\\); restore it from a backup", text)


def test_names_that_hold_anything_come_back_or_are_refused_in_a_sentence(place: Place) -> None:
    for text in ("Zoë's Mac; DROP TABLE x -- %s ?", "\N{GRINNING FACE}", "a\nb", "\0", "\ud800"):
        try:
            with writing(place, NOW) as store:
                store.note_deliveries([delivery(text, macos_version=urllib.parse.quote(text, errors="replace"))])
        except UserVpnError:
            continue
        with reading(place) as store:
            assert store.deliveries()[-1].host == text


def test_the_error_is_of_our_kind() -> None:
    assert issubclass(PkiError, UserVpnError)
