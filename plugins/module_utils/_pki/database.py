# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where the store is, and transactions there.

SQLite in one file, or PostgreSQL in one schema. A place gives transactions, and turns what goes wrong into a sentence:

    with place.reading() as transaction:    a snapshot; None where there is nothing yet
    with place.writing() as transaction:    one writer at a time; all of it or nothing

No SQLAlchemy: some two dozen statements that both databases understand do not pay for a dependency that takes longer to
import (159 ms) than to do the work. What differs stands in the two classes: the words of a schema (`words`), the lock
of a writer, and the faults.

The lock is the database's own and goes with its client, however that ends: SQLite's, held by the kernel, and
`pg_advisory_xact_lock`, which lasts as long as its transaction. Every wait has an end.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from .._files import PRIVATE_FILE, ensure_private_folder
from ._base import PkiError

WAIT = 60  # seconds for another run's transaction, which takes one or two

Values = Sequence[Any]


class Transaction(Protocol):
    """An open transaction. Statements use `?` for values; a schema is made of `words`.

    words       {id}: a numbered primary key. {bytes}: the type of bytes
    has_tables  whether there is anything at all in the file or the schema
    """

    words: ClassVar[Mapping[str, str]]

    @property
    def has_tables(self) -> bool: ...

    def execute(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]: ...

    def execute_many(self, statement: str, rows: Iterable[Values]) -> None: ...

    def only_added(self, table: str) -> list[str]: ...


class Place(Protocol):
    """Where a store is. As text it is what may be shown: never a user, a password or an option of a URL."""

    def reading(self) -> AbstractContextManager[Transaction | None]: ...

    def writing(self) -> AbstractContextManager[Transaction]: ...


class NotOursError(PkiError):
    """There is something at a place, but no store of ours."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"{place} is a database of something else; give a place that is empty, or one of ours.")


# -- SQLite

APPLICATION_ID = 0x5650_4E31  # in the file's header: this file is ours


class SqliteTransaction:
    words: ClassVar[Mapping[str, str]] = {"id": "INTEGER PRIMARY KEY", "bytes": "BLOB"}

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def has_tables(self) -> bool:
        return bool(self.execute("SELECT 1 FROM sqlite_master LIMIT 1"))

    def execute(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def execute_many(self, statement: str, rows: Iterable[Values]) -> None:
        self._connection.executemany(statement, rows)

    def only_added(self, table: str) -> list[str]:
        """Statements after which nobody alters or deletes rows of a table."""
        stop = f"BEGIN SELECT RAISE(ABORT, '{table} are only added'); END"
        return [f"CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} {stop}" for verb in ("UPDATE", "DELETE")]


@contextlib.contextmanager
def empty() -> Iterator[SqliteTransaction]:
    """A database that is nowhere, for a store that has not begun."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield SqliteTransaction(connection)


@dataclass(frozen=True)
class SqliteFile:
    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteTransaction | None]:
        if not self.path.exists():
            yield None
            return
        with contextlib.closing(self._connect("ro")) as connection:
            connection.execute("BEGIN")
            yield SqliteTransaction(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        ensure_private_folder(self.path.parent)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))  # SQLite goes by the umask
        with contextlib.closing(self._connect("rw")) as connection:
            connection.execute("PRAGMA synchronous = EXTRA")  # also the removal of the journal survives a power cut
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                transaction = SqliteTransaction(connection)
                if not transaction.has_tables:
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                yield transaction
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # SQLite itself has rolled back after a full disk
                    connection.execute("ROLLBACK")

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.as_uri()}?mode={mode}", uri=True, timeout=WAIT, isolation_level=None)


def place_of(text: str, local_path: Callable[[str], Path] = Path) -> Place:
    """Where a store is: the path of a file, or a URL that begins with postgresql://. PkiError for anything else."""
    return SqliteFile(local_path(text))
