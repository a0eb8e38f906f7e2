# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the ledger, one SQLite file that knows every certificate ever issued, and every delivery.

Azure refuses a client by the SHA-1 of its certificate and by nothing else (no CRL, no OCSP), so a certificate that
nobody remembers can never be revoked. Hence a certificate is written down here before its files appear.

SQLite runs with the rollback journal: a reader needs no write access and leaves no file behind, which WAL would.
Writers also hold the folder's lock, so they never meet.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from .._files import sync_folder
from ._base import PkiError, der_of_pem, sha256_hex, utc_moment, utc_text
from .folder import Files, Folder

P = ParamSpec("P")
T = TypeVar("T")

VERSION = 2  # 1 had no deliveries
NEWEST = 99  # no release will ever write a higher one

# A certificate's states:
#   intended    written down, its files perhaps not complete; no other process may rely on it
#   issued      the current one: of its client, or of its root generation
#   superseded  a newer one has replaced it; still valid for Azure until it ends or is revoked
#   removed     a client that is no longer managed; still valid for Azure until it ends or is revoked
#   revoked     to be refused
#   retired     a root generation whose key has been destroyed
#   abandoned   a killed run left it unfinished; its files have been removed
STATES = ("intended", "issued", "superseded", "removed", "revoked", "retired", "abandoned")

SCHEMA = f"""
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE certificates (
    id INTEGER PRIMARY KEY,
    sha1 TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('root', 'client')),
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    serial TEXT NOT NULL,
    subject TEXT NOT NULL,
    root_sha1 TEXT NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN {STATES}),
    reason TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('made', 'supplied')),
    options TEXT NOT NULL,
    private_sha256 TEXT NOT NULL,
    password_check TEXT NOT NULL,
    pem BLOB NOT NULL,
    chain BLOB NOT NULL
);
CREATE INDEX certificates_by_name ON certificates (kind, name);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    sha1 TEXT NOT NULL,
    what TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
"""

DELIVERIES = """TABLE deliveries (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    host TEXT NOT NULL,
    identifier TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    macos_version TEXT NOT NULL,
    status TEXT NOT NULL,
    profile_uuid TEXT NOT NULL,
    shown_uuid TEXT NOT NULL,
    certificate_sha1 TEXT NOT NULL,
    gateway_roots TEXT NOT NULL
)"""
DELIVERIES_SCHEMA = f"""
CREATE {DELIVERIES};
CREATE INDEX deliveries_by_host ON deliveries (host, identifier);
CREATE TRIGGER deliveries_stay BEFORE DELETE ON deliveries BEGIN SELECT RAISE(ABORT, 'deliveries are only added'); END;
CREATE TRIGGER deliveries_keep BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'deliveries are only added'); END;
"""


REBUILT = "rebuilt"  # the reason of a certificate of which the files alone told
REFUSED = "refused"  # the event that Azure was seen to refuse a certificate


class LostLedgerError(PkiError):
    """The ledger is missing or damaged. See rebuilding.py."""


REMEDY = "restore it from the backup, or rebuild it from the certificate files with the module ledger (rebuild: true)"


@dataclass(frozen=True, slots=True)
class Row:
    """One certificate in the ledger.

    kind            `root` or `client`
    name            the client's name; a root's common name
    generation      a root's number, from 1; 0 for a client
    root_sha1       the root at the top of its chain; a root names itself
    reason          why it was issued
    origin          `made` here or `supplied` by an enterprise CA
    options         JSON of the options it was made with, to notice that they have changed
    private_sha256  SHA-256 of the file that holds its private key; empty when there is no such file (any more)
    password_check  see passwords.PasswordChecks
    """

    sha1: str
    sha256: str
    kind: str
    name: str
    generation: int
    serial: str
    subject: str
    root_sha1: str
    not_before: datetime
    not_after: datetime
    state: str
    reason: str
    origin: str
    options: str
    private_sha256: str
    password_check: str = ""

    def files(self, folder: Folder) -> Files:
        return folder.root_files(self.sha1) if self.kind == "root" else folder.client_files(self.name, self.sha1)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a certificate: what it has become, and why."""

    time: str
    sha1: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one Mac was seen with, and what it was meant to have.

    time              of the controller's clock; empty until it is written down
    host              the Mac's inventory name
    identifier        of the profile
    status            as mac_profile returns it; `installed` means that the Mac shows `profile_uuid`
    profile_uuid      the version of the profile that the Mac is to have; empty once it is removed
    shown_uuid        the version that the Mac shows; empty when it shows none
    certificate_sha1  the client certificate in `profile_uuid`; empty when this ledger does not know it
    gateway_roots     SHA-1 of the gateway roots in `profile_uuid`, sorted
    """

    time: str
    host: str
    identifier: str
    serial_number: str
    macos_version: str
    status: str
    profile_uuid: str
    shown_uuid: str
    certificate_sha1: str = ""
    gateway_roots: tuple[str, ...] = ()


DELIVERY_COLUMNS = tuple(Delivery.__slots__)
COLUMNS = tuple(Row.__slots__)
MOMENTS = ("not_before", "not_after")
EARLIEST = 1950  # the first year in a certificate (RFC 5280, 4.1.2.5); sums of days stay within datetime


def _legible(read: Callable[P, T]) -> Callable[P, T]:
    """What cannot be understood is damaged, though SQLite itself finds nothing wrong, or cannot say it in UTF-8."""

    @functools.wraps(read)
    def reader(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (ValueError, TypeError, AttributeError) as error:
            raise sqlite3.DatabaseError(str(error)) from None

    return reader


class Ledger:
    """An open ledger. Writers use it inside Folder.writing() only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # -- reading

    @_legible
    def rows(self) -> list[Row]:
        """All certificates, in the order in which they were written down."""
        found = self._connection.execute(f"SELECT {', '.join(COLUMNS)} FROM certificates ORDER BY id")  # noqa: S608
        return [_row(values) for values in found]

    @_legible
    def texts(self, sha1: str) -> tuple[bytes, bytes]:
        """A certificate and its chain, both PEM; the chain may be empty."""
        pem, chain, sha256, options = self._connection.execute(
            "SELECT pem, chain, sha256, options FROM certificates WHERE sha1 = ?", (sha1,)
        ).fetchone()
        der, chain_digest = der_of_pem(pem), sha256_hex(chain) if chain else ""
        same = sha256_hex(der) == sha256 and hashlib.sha1(der, usedforsecurity=False).hexdigest().upper() == sha1
        if not same or chain_digest != _options(options).get("chain", ""):
            raise ValueError(f"what it holds of {sha1} is not that certificate")
        return pem, chain

    @_legible
    def salt(self) -> bytes:
        """Random bytes of this folder, the same for its whole life."""
        (value,) = self._connection.execute("SELECT value FROM facts WHERE name = 'salt'").fetchone()
        return bytes.fromhex(value)

    @_legible
    def events(self) -> list[Event]:
        """All events, oldest first."""
        found = self._connection.execute("SELECT time, sha1, what, reason FROM events ORDER BY id")
        return [Event(*_texts(values)) for values in found]

    @_legible
    def sha1_of(self, sha256: str) -> str:
        """Of the certificate with this fingerprint; empty when it is not known."""
        found = self._connection.execute("SELECT sha1 FROM certificates WHERE sha256 = ?", (sha256,)).fetchone()
        return str(found[0]) if found else ""

    def deliveries(self) -> list[Delivery]:
        """All deliveries, oldest first."""
        return self._deliveries("ORDER BY id")

    def last_delivery(self, host: str, identifier: str) -> Delivery | None:
        where = "WHERE host = ? AND identifier = ? ORDER BY id DESC LIMIT 1"
        return next(iter(self._deliveries(where, host, identifier)), None)

    @_legible
    def _deliveries(self, which: str, *values: str) -> list[Delivery]:
        columns = ", ".join(DELIVERY_COLUMNS)
        found = self._connection.execute(f"SELECT {columns} FROM deliveries {which}", values)  # noqa: S608
        return [_delivery(row) for row in found]

    @_legible
    def check(self) -> None:
        """Raise LostLedgerError (through `reading`) when the file is damaged anywhere, which a query may not notice."""
        (verdict,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(str(verdict))
        for read in (self.salt, self.events, self.deliveries):
            read()
        for row in self.rows():
            self.texts(row.sha1)

    # -- writing

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, on disk when the block is left."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def write_down(self, row: Row, pem: bytes, chain: bytes, now: datetime) -> None:
        """Add a certificate, or alter the one that is known by the same SHA-1 (supplied anew, key added)."""
        values = {c: utc_text(getattr(row, c)) if c in MOMENTS else getattr(row, c) for c in COLUMNS}
        values |= {"pem": pem, "chain": chain}
        self._connection.execute(
            f"INSERT INTO certificates ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) "  # noqa: S608
            f"ON CONFLICT (sha1) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in values if c != 'sha1')}",
            tuple(values.values()),
        )
        self.tell(row.sha1, row.state, row.reason, now)

    def set_state(self, row: Row, state: str, reason: str, now: datetime) -> None:
        self._connection.execute("UPDATE certificates SET state = ? WHERE sha1 = ?", (state, row.sha1))
        self.tell(row.sha1, state, reason, now)

    def issued(self, row: Row, now: datetime) -> None:
        """Make an intended certificate the current one; a client's earlier one is superseded."""
        if row.kind == "client":
            for older in self.rows_of_client(row.name):
                if older.state == "issued":
                    self.set_state(older, "superseded", row.reason, now)
        self.set_state(row, "issued", row.reason, now)

    @_legible
    def rows_of_client(self, name: str) -> list[Row]:
        found = self._connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM certificates WHERE kind = 'client' AND name = ? ORDER BY id",  # noqa: S608
            (name,),
        )
        return [_row(values) for values in found]

    def forget_private(self, row: Row, now: datetime) -> None:
        """The file with the private key is gone, because of the state that the certificate is in by now."""
        (state,) = self._connection.execute(
            "UPDATE certificates SET private_sha256 = '' WHERE sha1 = ? RETURNING state", (row.sha1,)
        ).fetchone()
        self.tell(row.sha1, "key_destroyed", state, now)

    def note_delivery(self, delivery: Delivery, now: datetime) -> None:
        values = [getattr(delivery, column) for column in DELIVERY_COLUMNS]
        values[0], values[-1] = utc_text(now), " ".join(delivery.gateway_roots)
        columns, marks = ", ".join(DELIVERY_COLUMNS), ", ".join("?" * len(values))
        self._connection.execute(f"INSERT INTO deliveries ({columns}) VALUES ({marks})", values)  # noqa: S608

    def tell(self, sha1: str, what: str, reason: str, now: datetime) -> None:
        """Add an event."""
        self._connection.execute(
            "INSERT INTO events (time, sha1, what, reason) VALUES (?, ?, ?, ?)", (utc_text(now), sha1, what, reason)
        )


def _row(values: tuple[Any, ...]) -> Row:
    named = dict(zip(COLUMNS, values, strict=True))
    _texts([value for column, value in named.items() if column != "generation"])
    _options(named["options"])
    row = Row(**named | {column: utc_moment(named[column]) for column in MOMENTS})
    whole = (
        isinstance(row.generation, int)
        and row.kind in ("root", "client")
        and row.state in STATES
        and re.fullmatch("[0-9A-F]{40}", row.sha1)  # this and a client's name become paths
        and (row.kind == "root" or not {"/", "\0"} & set(row.name))
        and min(row.not_before, row.not_after).year >= EARLIEST
    )
    if not whole:
        raise ValueError("a row is not as it was written")
    return row


def _texts(values: Sequence[Any]) -> Sequence[str]:
    """The same values; SQLite itself does not care what a column holds."""
    if not all(isinstance(value, str) for value in values):
        raise TypeError("a value is no text")
    return values


def _options(text: str) -> dict[str, Any]:
    options = json.loads(text or "{}")
    if not isinstance(options, dict):
        raise TypeError("a row has no options")
    return options


def _delivery(values: tuple[Any, ...]) -> Delivery:
    named: dict[str, Any] = dict(zip(DELIVERY_COLUMNS, _texts(values), strict=True))
    return Delivery(**named | {"gateway_roots": tuple(named["gateway_roots"].split())})


@contextlib.contextmanager
def reading(folder: Folder) -> Iterator[Ledger]:
    """The ledger as it is, without a lock and without a write. A folder without a ledger reads as an empty one."""
    with _clear_errors(folder), contextlib.ExitStack() as stack:
        yield Ledger(stack.enter_context(contextlib.closing(_open_to_read(folder, stack))))


@contextlib.contextmanager
def writing(folder: Folder) -> Iterator[Ledger]:
    """The ledger for changes; only inside Folder.writing(). Makes it when the folder is new."""
    with _clear_errors(folder):
        _refuse_a_lost_ledger(folder)
        os.close(os.open(folder.ledger, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite itself would go by the umask
        with contextlib.closing(_connect(folder.ledger)) as connection:
            connection.execute("PRAGMA synchronous = EXTRA")  # also the removal of the journal survives a power cut
            version = _version(connection)
            if not version:
                _refuse_a_lost_ledger(folder, there=False)
                _create(connection)
            elif version < VERSION:
                connection.executescript(_whole(DELIVERIES_SCHEMA))
            yield Ledger(connection)


@contextlib.contextmanager
def replacing(folder: Folder, now: datetime) -> Iterator[Ledger]:
    """A new ledger in the place of a lost one, once the block has filled it; only inside Folder.writing().

    What is left of the old one is kept beside it, with the time in its name.
    """
    new = folder.path / f".{folder.ledger.name}.new.tmp"
    journal = Path(f"{folder.ledger}-journal")
    with _clear_errors(folder):
        for leftover in (new, Path(f"{new}-journal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(new, os.O_RDWR | os.O_CREAT, 0o600))
        with contextlib.closing(_connect(new)) as connection:
            connection.execute("PRAGMA synchronous = EXTRA")
            _create(connection)
            yield Ledger(connection)
        for old in (journal, folder.ledger):  # the journal first: SQLite would roll it back into the new ledger
            if old.exists():
                old.rename(f"{old}.damaged-{now:%Y%m%dT%H%M%SZ}")
        new.replace(folder.ledger)
        sync_folder(folder.path)


def _open_to_read(folder: Folder, stack: contextlib.ExitStack) -> sqlite3.Connection:
    _refuse_a_lost_ledger(folder)
    if not folder.ledger.is_file():
        return _empty()
    connection = _connect(folder.ledger, "?mode=ro")
    try:
        if _readable(connection):
            return connection
        _refuse_a_lost_ledger(folder, there=False)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        # A run was killed in the middle of a transaction. Whoever writes next rolls it back; a reader must not write,
        # so it does that in a copy.
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / folder.ledger.name
        for suffix in ("", "-journal"):
            shutil.copyfile(f"{folder.ledger}{suffix}", f"{copy}{suffix}")
        connection = _connect(copy)
        if _readable(connection):
            return connection
    connection.close()
    return _empty()


def _refuse_a_lost_ledger(folder: Folder, *, there: bool | None = None) -> None:
    """A new ledger beside old certificates would forget what can still be revoked.

    `there` tells whether anything is in it, where that is known; else its size does.
    """
    if there is None:
        there = folder.ledger.is_file() and folder.ledger.stat().st_size > 0
    if not there and any(any((folder.path / kind).glob("*")) for kind in ("roots", "clients")):
        raise LostLedgerError(f"{folder.ledger} is missing or empty, but certificates have been issued; {REMEDY}.")


def _connect(path: Path, mode: str = "?mode=rw") -> sqlite3.Connection:
    return sqlite3.connect(path.as_uri() + mode, uri=True, timeout=30, isolation_level=None)


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _create(connection)
    return connection


@_legible
def _version(connection: sqlite3.Connection) -> int:
    """0 for a file that a killed run left before its first transaction. PkiError when a newer release wrote it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= NEWEST:
        raise sqlite3.DatabaseError(f"its version would be {version}")
    if version > VERSION:
        raise PkiError(
            f"The ledger has version {version}, this release knows {VERSION}; use the release that wrote it last."
        )
    return int(version)


def _readable(connection: sqlite3.Connection) -> bool:
    """Whether there is a schema; an older one is read as if it were this release's."""
    version = _version(connection)
    if version == 1:
        connection.execute(f"CREATE TEMP {DELIVERIES}")
    return bool(version)


def _create(connection: sqlite3.Connection) -> None:
    salt = f"INSERT INTO facts VALUES ('salt', '{secrets.token_hex(16)}');"  # noqa: S608
    connection.executescript(_whole(f"{SCHEMA}{DELIVERIES_SCHEMA}{salt}"))


def _whole(statements: str) -> str:
    """In one transaction: a killed run leaves all of it or nothing."""
    return f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {VERSION}; COMMIT;"


@contextlib.contextmanager
def _clear_errors(folder: Folder) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        said = "".join(c if c.isprintable() else " " for c in str(error).partition("\n")[0][:100])
        # SQLITE_ERROR: a table or a column is gone; without a code: a text is no UTF-8.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
            raise PkiError(f"The ledger {folder.ledger} cannot be used: {said}.") from None
        raise LostLedgerError(f"The ledger {folder.ledger} is damaged ({said}); {REMEDY}.") from None
    except OSError as error:
        raise PkiError(f"{error.filename or folder.ledger} cannot be used: {error.strerror}.") from None


def by_client(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each client, oldest first."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind == "client":
            by_name.setdefault(row.name, []).append(row)
    return by_name
