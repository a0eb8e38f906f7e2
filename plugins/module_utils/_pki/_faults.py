# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a database's faults mean, and what to do about each.

A full disk is not damage: only what the database itself calls corrupt is. Sources: sqlite.org/rescode.html, and
appendix A (error codes) of PostgreSQL's documentation. While a connection is being made libpq tells no code, so its
words have to do.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ._base import PkiError

NOTHING = "nothing of this change was written"
FULL = f"There is no room left for {{place}}; {NOTHING}. Make room, then run again."
INPUT_OUTPUT = (
    "{place} cannot be read or written: an I/O error of the disk or of the network file system, a quota, or a limit on "
    f"the size of files; {NOTHING}. Mend that, then run again."
)
READ_ONLY = (
    f"{{place}} cannot be written by this account; {NOTHING}. Make the file and its folder writable (is the file "
    "system mounted read-only?), or run as their owner."
)
BUSY = f"Another run has held {{place}} for more than {{wait}} seconds; {NOTHING}. Let it end, then run again."
NO_LOCKS = (
    f"The file system of {{place}} has no locks (SMB and some NFS mounts), so runs would spoil each other's work; "
    f"{NOTHING}. Put pki on a local disk, or use PostgreSQL."
)
DAMAGED = "{place} is damaged ({said}); restore it from a backup."
NO_DATABASE = "{place} is no SQLite database: it is something else, or damaged. Give another path, or restore a backup."
ALTERED = (
    "{place} is not as this collection makes it ({said}): it belongs to something else, or somebody altered it. Give "
    "another place, or restore a backup."
)
UNREACHABLE = "{place} cannot be opened: {said}. See to the path and its permissions."
OTHER = f"{{place}} cannot be used: {{said}}; {NOTHING}."
NO_TEXT = "a text has characters that are none ({})"

NO_ANSWER = "No PostgreSQL server answers at {place}: {said}. See to the host, the port, the network and the server."
LOST = (
    "The connection to {place} was lost in the middle: the server ended, the network did, or it was silent for too "
    "long. Run again: that finds out what was written, which is all of this change or nothing."
)
STARTING = "The server of {place} is starting or stopping; run again in a minute."
CREDENTIALS = (
    "The server of {place} refuses the user or the password; see to the user in the URL, and to PGPASSWORD or the file "
    "that PGPASSFILE names (~/.pgpass)."
)
UNAUTHENTICATED = (
    "The server of {place} wants a password; give it in PGPASSWORD, or in a file that PGPASSFILE names (~/.pgpass), "
    "where ansible-playbook runs."
)
NOT_ALLOWED = (
    "The server of {place} does not let this user, address or kind of connection in; see to its pg_hba.conf, and to "
    "sslmode in the URL."
)
TLS = (
    "The connection to {place} cannot be encrypted as sslmode asks: {said}. See to sslmode and sslrootcert in the URL."
)
NO_SUCH_DATABASE = "The server of {place} has no such database; have it made (CREATE DATABASE), or correct the URL."
TOO_MANY = "The server of {place} has no connection left; raise its max_connections, or run again later."
NO_RIGHTS = (
    "The user in the URL of {place} may not do this ({said}). It has to own the schema and what is in it: with the "
    "right CREATE on the database it makes the schema itself, else an administrator does: CREATE SCHEMA NAME "
    "AUTHORIZATION USER."
)
SERVER_READ_ONLY = (
    f"{{place}} is read-only (a standby, or default_transaction_read_only is on); {NOTHING}. Give the URL of the "
    "primary server (target_session_attrs=read-write finds it among several hosts)."
)
AGAIN = f"The server of {{place}} gave up on this change ({{said}}); {NOTHING}. Run again."

# SQLite's result codes, the system's error numbers, and PostgreSQL's codes or how they begin: the longest one counts.
CODES = {
    FULL: "SQLITE_FULL ENOSPC EDQUOT 53100",
    INPUT_OUTPUT: "SQLITE_IOERR SQLITE_NOLFS EIO EFBIG 58030",
    READ_ONLY: "SQLITE_READONLY SQLITE_PERM EROFS EACCES EPERM",
    BUSY: "SQLITE_BUSY SQLITE_LOCKED 55P03",
    NO_LOCKS: "SQLITE_PROTOCOL SQLITE_IOERR_LOCK SQLITE_IOERR_RDLOCK SQLITE_IOERR_CHECKRESERVEDLOCK ENOLCK",
    DAMAGED: "SQLITE_CORRUPT 58 XX001 XX002",
    NO_DATABASE: "SQLITE_NOTADB",
    ALTERED: "SQLITE_ERROR SQLITE_SCHEMA SQLITE_CONSTRAINT 42 23 3F",  # a table or a column is gone
    LOST: "25P03 57P 08",
    TOO_MANY: "53300",
    NO_RIGHTS: "42501",
    SERVER_READ_ONLY: "25006",
    AGAIN: "53200 57014 40",
}
BY_CODE = {code: sentence for sentence, codes in CODES.items() for code in codes.split()}
SQLITE = {getattr(sqlite3, code): sentence for code, sentence in BY_CODE.items() if code.startswith("SQLITE")}
SYSTEM = {getattr(errno, code): sentence for code, sentence in BY_CODE.items() if code.startswith("E")}
CONNECTING = (  # the server speaks its own language; what is in none of these is shown as it is
    (r"no password supplied", UNAUTHENTICATED),
    (r"password authentication failed|authentication failed|role .* does not exist|not permitted to log in",
     CREDENTIALS),
    (r"pg_hba\.conf", NOT_ALLOWED),
    (r"database .* does not exist", NO_SUCH_DATABASE),
    (r"starting up|shutting down|recovery mode|not (yet|currently) accepting connections", STARTING),
    (r"too many clients|too many connections|remaining connection slots", TOO_MANY),
    (r"session is read-only|server is in hot standby|is not in hot standby", SERVER_READ_ONLY),
    (r"SSL|certificate", TLS),
)  # fmt: skip


@contextlib.contextmanager
def of_files(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        sentence = SYSTEM.get(error.errno or 0, UNREACHABLE)
        raise PkiError(sentence.format(place=error.filename or path, said=error.strerror)) from None


@contextlib.contextmanager
def of_sqlite(path: Path, wait: int) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise PkiError(_sqlite(error, path).format(place=path, wait=wait, said=_said(error))) from None
    except UnicodeEncodeError as error:
        raise PkiError(OTHER.format(place=path, said=NO_TEXT.format(error.reason))) from None


def _sqlite(error: sqlite3.Error, path: Path) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own: a text that is no UTF-8, a closed connection
        return ALTERED
    if code & 0xFF == sqlite3.SQLITE_BUSY and not _has_locks(path):
        return NO_LOCKS
    if code & 0xFF == sqlite3.SQLITE_CANTOPEN:
        # Also what SQLite says when it may not make its journal beside the file.
        writable = path.exists() and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
        return UNREACHABLE if writable or not path.exists() else READ_ONLY
    return SQLITE.get(code) or SQLITE.get(code & 0xFF, OTHER)


def _has_locks(path: Path) -> bool:
    """SQLite says "busy" where a file system has no locks at all. Asked once no connection is open any more."""
    try:
        with path.open("rb") as stream:
            fcntl.lockf(stream, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 1 << 40)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def of_connecting(place: object) -> Iterator[None]:
    import psycopg  # noqa: PLC0415

    try:
        yield
    except psycopg.Error as error:
        text = str(error)
        sentence = next((sentence for pattern, sentence in CONNECTING if re.search(pattern, text)), NO_ANSWER)
        raise PkiError(sentence.format(place=place, said=_said(error))) from None


@contextlib.contextmanager
def of_postgres(place: object, wait: int) -> Iterator[None]:
    import psycopg  # noqa: PLC0415

    try:
        yield
    except psycopg.Error as error:
        code = error.sqlstate or ("08" if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else "")
        sentence = next((BY_CODE[part] for part in (code, code[:3], code[:2]) if part in BY_CODE), OTHER)
        raise PkiError(sentence.format(place=place, wait=wait, said=_said(error))) from None
    except UnicodeEncodeError as error:
        raise PkiError(OTHER.format(place=place, said=NO_TEXT.format(error.reason))) from None


def _said(error: Exception) -> str:
    """What a database said, without the names that libpq puts in front of it."""
    lines = [line for line in str(error).splitlines() if line.strip()] or ["no reason was given"]
    line = next((line for line in reversed(lines) if re.search("failed: |FATAL: ", line)), lines[0])
    return re.sub("^.*(failed|FATAL): +", "", line)[:120].strip(" .")
