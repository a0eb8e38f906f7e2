# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where the store is, and transactions there.

SQLite in one file, or PostgreSQL in one schema. A place gives transactions, and what goes wrong in them is a sentence
that says what to do (see _faults.py):

    with place.reading() as transaction:    a snapshot; None where there is nothing yet
    with place.writing() as transaction:    one writer at a time; all of it or nothing

The writer's lock is the database's own and goes with its client, however that ends: SQLite's, which the kernel holds,
and `pg_advisory_xact_lock`, which lasts as long as its transaction. Every wait has an end.

No SQLAlchemy: some two dozen statements that both databases understand do not pay for a dependency that takes longer to
import (159 ms) than to do the work. SQLite's rollback journal and not its write-ahead log: a reader needs no write
access, and no shared memory, which network file systems and containers lack.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from .._files import PRIVATE_FILE, check_folder_for, make_folder, tighten, too_open
from . import _faults
from ._base import PkiError

if TYPE_CHECKING:
    import psycopg

WAIT = 60  # seconds for another run's transaction, which takes one or two
STATEMENT = 2 * WAIT  # seconds for one statement, its wait for another run among them
SILENCE = 3 * WAIT  # seconds after which a server that says nothing is left

Values = Sequence[Any]
Row = tuple[Any, ...]


class NotOursError(PkiError):
    """There is something at a place, but no store of ours."""

    def __init__(self, place: object) -> None:
        super().__init__(f"{place} holds something else than a store; give a place that is empty, or one of ours.")


def place_of(text: str, local_path: Callable[[str], Path] = Path) -> Place:
    """The place that `pki` names: the path of a file, or a URL that begins with postgresql://."""
    if not text.strip():
        raise PkiError("pki is empty; set it to the path of a file, or to postgresql://USER@HOST/DATABASE.")
    if re.match("postgres(ql)?://", text):
        return _postgres_schema(text)
    if scheme := re.match("[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise PkiError(f"pki begins with {scheme[0]}; set it to the path of a file, or to postgresql://USER@HOST/NAME.")
    return SqliteFile(local_path(text))


# -- SQLite

APPLICATION_ID = 0x5650_4E31  # in the file's header: this file is ours


class SqliteTransaction:
    """An open transaction. Statements have `?` for values.

    words   for statements that make tables: {id}, the type of a numbered primary key, and {bytes}
    """

    words: ClassVar[Mapping[str, str]] = {"id": "INTEGER PRIMARY KEY", "bytes": "BLOB"}

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def execute(self, statement: str, values: Values = ()) -> list[Row]:
        return self.connection.execute(statement, values).fetchall()

    def tables(self) -> set[str]:
        """The names of all that is in the file; none of a store that has not begun."""
        return {str(name) for (name,) in self.execute("SELECT name FROM sqlite_master")}

    def only_added(self, table: str) -> list[str]:
        """The statements after which nobody alters or deletes rows of a table."""
        stop = f"BEGIN SELECT RAISE(ABORT, '{table} are only added'); END"
        return [f"CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} {stop}" for verb in ("UPDATE", "DELETE")]

    def damage(self) -> list[str]:
        """What the database finds wrong when it looks everywhere."""
        found = self.execute("PRAGMA integrity_check(10)") + self.execute("PRAGMA foreign_key_check")
        return [f"SQLite: {row[0]}" for row in found if row != ("ok",)]


@contextlib.contextmanager
def nowhere() -> Iterator[SqliteTransaction]:
    """A database in memory, for a store that has not begun."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield SqliteTransaction(connection)


@dataclass(frozen=True)
class SqliteFile:
    """A place; as text it may be shown."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteTransaction | None]:
        with _faults.of_files(self.path):
            there = self.path.exists()
        if not there:
            yield None
            return
        with _faults.of_sqlite(self.path, WAIT), contextlib.ExitStack() as stack:
            try:
                transaction = stack.enter_context(self._snapshot(self.path))
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                    raise
                # A run was killed in the middle of its transaction. Who may write has rolled that back by now; who may
                # not, does it in a copy.
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                transaction = stack.enter_context(self._snapshot(self._with_journal(folder)))
            yield transaction

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        make_folder(self.path.parent)
        check_folder_for(self.path)
        with _faults.of_files(self.path):
            # SQLite itself would go by the umask; its journal has the mode of the file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
            tighten(self.path, below=False)
        with _faults.of_sqlite(self.path, WAIT), _connection(self.path) as connection:
            connection.execute("PRAGMA synchronous = EXTRA")  # also the removal of the journal survives a power cut
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._check_owner(connection)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                yield SqliteTransaction(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # after a full disk SQLite has rolled back by itself
                    connection.execute("ROLLBACK")

    def copy(self) -> bytes:
        """The content of a file with all that is in this one, of this moment."""
        with self.reading() as transaction:
            return transaction.connection.serialize() if transaction else b""

    @contextlib.contextmanager
    def _snapshot(self, path: Path) -> Iterator[SqliteTransaction]:
        with _connection(path) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            self._check_owner(connection)
            yield SqliteTransaction(connection)

    def _with_journal(self, folder: Path) -> Path:
        """The file and its journal, from a moment in which nobody else rolled it back."""
        journal, copy = Path(f"{self.path}-journal"), folder / "copy"
        with _faults.of_files(self.path):
            before = journal.stat()
            shutil.copyfile(journal, f"{copy}-journal")
            shutil.copyfile(self.path, copy)
            after = journal.stat()
        if (before.st_ino, before.st_mtime_ns, before.st_size) != (after.st_ino, after.st_mtime_ns, after.st_size):
            raise PkiError(f"{self.path} was changed by another run in this moment; run again.")
        return copy

    def _check_owner(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application not in (0, APPLICATION_ID) or (objects and not application):
            raise NotOursError(self)

    def close_to_others(self, *, check: bool) -> bool:
        """Take access to the file away from other accounts. Returns whether any had it; with `check`, that only."""
        return bool((too_open if check else tighten)(self.path, below=False))


@contextlib.contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=WAIT, isolation_level=None)
    with contextlib.closing(connection):
        yield connection


# -- PostgreSQL

SCHEMA_NAME = re.compile("(?!pg_)[a-z_][a-z0-9_]{0,62}")
DEFAULT_SCHEMA = "user_vpn"
URL_TELLS_ALL = (
    "pki holds a password, which would be seen wherever the URL is; leave it out and give it in PGPASSWORD, or in a "
    "file that PGPASSFILE names (~/.pgpass)."
)
# A peer that is gone is noticed within a minute by either side, so that the lock of a lost run does not stay.
CONNECTION = {
    "application_name": "vwan.user_vpn",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": f"{WAIT}000",
}
# Within the transaction only, so that a pooler in between has nothing to remember.
SETTINGS = {
    "lock_timeout": f"{WAIT}s",
    "statement_timeout": f"{STATEMENT}s",
    "idle_in_transaction_session_timeout": f"{STATEMENT}s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class PostgresTransaction:
    """The same as SqliteTransaction, of a server."""

    words: ClassVar[Mapping[str, str]] = {"id": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bytes": "BYTEA"}

    def __init__(self, connection: psycopg.Connection[Row], place: PostgresSchema) -> None:
        self._connection, self._place, self._schema = connection, place, f'"{place.schema}"'

    def execute(self, statement: str, values: Values = ()) -> list[Row]:
        with self._heard():
            cursor = self._connection.execute(statement.replace("?", "%s"), values or None)
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> set[str]:
        found = "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.to_regnamespace(?)"
        return {str(name) for (name,) in self.execute(found, (self._schema,))}

    def only_added(self, table: str) -> list[str]:
        stop = f"BEGIN RAISE EXCEPTION '{table} are only added'; END"
        return [
            f"CREATE FUNCTION {table}_stay() RETURNS trigger LANGUAGE plpgsql AS $${stop}$$",
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_stay()",
        ]

    def damage(self) -> list[str]:
        return []  # pg_amcheck is the tool for that

    def begin(self, mode: str) -> None:
        self.execute(f"BEGIN ISOLATION LEVEL {mode}")
        settings = SETTINGS | {"search_path": self._schema}
        calls = ["pg_catalog.set_config(?, ?, true)"] * len(settings)
        usable = "pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(?)::oid, 'USAGE')"
        values = [text for setting in settings.items() for text in setting]
        *_set, may_use = self.execute(f"SELECT {', '.join([*calls, usable])}", [*values, self._schema])[0]
        if may_use is False:  # a path leaves such a schema out, and what is in it would seem to be missing
            raise PkiError(_faults.NO_RIGHTS.format(place=self._place, said="not even look into the schema"))

    def lock(self) -> None:
        """Wait for other writers of this schema."""
        number = hashlib.sha256(f"vwan.user_vpn {self._schema}".encode()).digest()[:8]
        self.execute("SELECT pg_catalog.pg_advisory_xact_lock(?)", (int.from_bytes(number, signed=True),))
        # Where the server does not wait for the disk by default, it does so for us.
        self.execute(
            "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) "
            "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"
        )

    def make_schema(self) -> None:
        """Unless it is there; that it is ours to make tables in shows when the first is made."""
        if self.execute("SELECT pg_catalog.to_regnamespace(?) IS NULL", (self._schema,))[0][0]:
            self.execute(f"CREATE SCHEMA {self._schema}")

    def commit(self) -> None:
        with self._heard():
            done = self._connection.execute("COMMIT").statusmessage
        if done != "COMMIT":  # the server answers a COMMIT of what has failed with ROLLBACK, which is no error
            raise AssertionError(f"the transaction ended with {done}")

    @contextlib.contextmanager
    def _heard(self) -> Iterator[None]:
        """A server that has frozen keeps its connections; this cuts ours."""
        cut = threading.Timer(SILENCE, _cut, [self._connection.fileno()])
        cut.start()
        try:
            yield
        finally:
            cut.cancel()


def _cut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class PostgresSchema:
    """A place; as text it tells the host, the database and the schema, no more.

    `options` is what libpq is told; a password it finds by itself (PGPASSWORD, PGPASSFILE, PGSERVICE).
    """

    options: dict[str, str] = field(repr=False)
    schema: str

    @property
    def conninfo(self) -> str:
        """What PostgreSQL's programs are told; never a password."""
        return str(_psycopg().conninfo.make_conninfo(**self.options))

    def __str__(self) -> str:
        host, port, database = (self.options.get(name, "") for name in ("host", "port", "dbname"))
        return f"postgresql://{host}{':' if port else ''}{port}/{database}?schema={self.schema}"

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        with self._transaction() as transaction:
            transaction.begin("REPEATABLE READ READ ONLY")
            yield transaction

    @contextlib.contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        with self._transaction() as transaction:
            transaction.begin("READ COMMITTED")
            transaction.lock()
            transaction.make_schema()
            yield transaction
            transaction.commit()

    def close_to_others(self, *, check: bool) -> bool:
        return False  # whom a server lets in is the server's

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[PostgresTransaction]:
        """On a connection of its own; what was not committed when it closes has not happened."""
        psycopg = _psycopg()
        with _faults.of_connecting(self):
            connection = psycopg.connect(autocommit=True, prepare_threshold=None, **connection_options() | self.options)
        with _faults.of_postgres(self, WAIT), contextlib.closing(connection):
            yield PostgresTransaction(connection, self)


def connection_options() -> dict[str, str]:
    """What holds where the URL says nothing else.

    On a Mac, libpq's look for a Kerberos ticket ends a process that was forked, as Ansible's are (psycopg/psycopg#1136,
    PostgreSQL bug 16041): there whoever wants one says so.
    """
    if sys.platform == "darwin" and "PGGSSENCMODE" not in os.environ:
        return CONNECTION | {"gssencmode": "disable"}
    return CONNECTION


def _psycopg() -> Any:
    try:
        import psycopg  # noqa: PLC0415
    except ImportError:
        raise PkiError(
            "pki is a PostgreSQL database, for which the Python package psycopg is missing on this controller; install "
            f"it for the Python of Ansible: {sys.executable} -m pip install 'psycopg[binary]'"
        ) from None
    return psycopg


def _postgres_schema(url: str) -> PostgresSchema:
    address, _mark, query = url.partition("?")
    # Before anything else looks at it: a password with an odd character would end up in the wrong part.
    if ":" in address.partition("://")[2].rpartition("@")[0]:
        raise PkiError(URL_TELLS_ALL)
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    schemas = [urllib.parse.unquote(value) for name, _is, value in pairs if name == "schema"] or [DEFAULT_SCHEMA]
    if len(schemas) > 1 or not SCHEMA_NAME.fullmatch(schemas[0]):
        raise PkiError(
            "schema in the URL of pki must be one name of at most 63 small letters, digits and underscores that begins "
            "neither with a digit nor with pg_."
        )
    psycopg = _psycopg()
    rest = "&".join("".join(pair) for pair in pairs if pair[0] != "schema")
    try:
        options = psycopg.conninfo.conninfo_to_dict(f"{address}?{rest}")
        numeric = all(port.isdecimal() for port in str(options.get("port", "1")).split(","))
    except (psycopg.ProgrammingError, UnicodeError):
        numeric = False
    if not numeric:  # what libpq says about it would quote it
        raise PkiError(
            "pki is no URL that PostgreSQL understands; write postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full "
            "(an @ in a name is %40 there, and so on)."
        )
    if {"password", "sslpassword"} & set(options):
        raise PkiError(URL_TELLS_ALL)
    return PostgresSchema({name: str(value) for name, value in options.items()}, schemas[0])


Transaction: TypeAlias = "SqliteTransaction | PostgresTransaction"
Place: TypeAlias = "SqliteFile | PostgresSchema"
