# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the upkeep of a store: a copy for bad days, whether it is whole, a new passphrase.

A backup is of one moment, while others go on. Of SQLite it is a file that is a store itself, of PostgreSQL a script for
psql, made by pg_dump. Private parts are in it as they are in the store: sealed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .._errors import UserVpnError
from .._files import read, would_write, write_atomic
from .._x509 import certificates as x509
from .._x509 import keys
from ._base import PkiError
from .database import Place, PostgresSchema, SqliteFile
from .report import require_store
from .sealing import WrongPassphraseError, check_passphrase
from .store import ENROLLED, Certificate, Store, reading, writing

LARGEST = 1 << 32  # bytes of an earlier backup
DUMP_SECONDS = 600
# pg_dump of late 2025 and later fences its script with a random word (CVE-2025-8714).
FENCE = re.compile(rb"(?m)^\\(un)?restrict .*$")


def back_up(place: Place, dest: Path, *, check: bool = False) -> bool:
    """Write a backup to `dest`, unless that holds just this. Returns whether it was, or would be, written."""
    with reading(place) as store:
        require_store(store, place)
    if isinstance(place, SqliteFile):
        content = place.copy()
        if dest.exists() and dest.samefile(place.path):
            raise PkiError("dest is the store itself; give another file, best on another machine.")
    else:
        content = _dump(place)
        if dest.is_file() and FENCE.sub(b"", read(dest, LARGEST)) == FENCE.sub(b"", content):
            content = read(dest, LARGEST)
    if not dest.parent.is_dir():
        raise PkiError(f"The folder {dest.parent} does not exist; make it, or give another one.")
    return would_write(dest, content) if check else write_atomic(dest, content)


def _dump(place: PostgresSchema) -> bytes:
    program = shutil.which("pg_dump")
    if program is None:
        raise PkiError(
            "The program pg_dump is missing on this controller; install PostgreSQL's client programs of at least the "
            "server's version (postgresql-client)."
        )
    command = [program, f'--schema="{place.schema}"', "--no-owner", "--no-privileges", "--encoding=UTF8"]
    command += ["--no-password", "--lock-wait-timeout=60s", f"--dbname={place.conninfo}"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=DUMP_SECONDS)
    except subprocess.TimeoutExpired:
        raise PkiError(f"pg_dump of {place} did not end within {DUMP_SECONDS} seconds; run again later.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        raise PkiError(f"pg_dump of {place} failed: {said[0].removeprefix('pg_dump: error: ')}")
    return done.stdout


# -- whole


@dataclass(frozen=True)
class Checked:
    """
    certificates  how many there are
    private       how many private parts were opened; None without a passphrase
    problems      what is wrong, a sentence each
    """

    certificates: int
    private: int | None
    problems: tuple[str, ...]


def check(place: Place, passphrase: str | None = None) -> Checked:
    """Look whether all in a store, or in a backup that is one, is what it was. PkiError when it cannot be read."""
    with reading(place) as store:
        require_store(store, place)
        problems = store.damage()
        if passphrase is not None:
            store.unlock(passphrase)
        certificates, opened = store.certificates(), 0
        store.events(), store.deliveries(), store.profiles(), store.packages(), store.refusals(), store.sightings()
        known = {certificate.sha1 for certificate in certificates}
        for certificate in certificates:
            try:
                _check_certificate(store, certificate)
                if passphrase is not None and certificate.has_key:
                    _open(store, certificate)
                    opened += 1
            except UserVpnError as error:
                problems.append(str(error))
            if certificate.origin != ENROLLED and certificate.root_sha1 not in known:
                problems.append(f"The root {certificate.root_sha1} of {certificate.name} is not in the store.")
    return Checked(len(certificates), None if passphrase is None else opened, tuple(problems))


def _check_certificate(store: Store, certificate: Certificate) -> None:
    pem, chain = store.texts(certificate.sha1)
    if not pem:
        return  # all that is known of it came from an MDM
    where = f"the certificate {certificate.sha1} of {certificate.name}"
    found = x509.read_one(pem, where)
    if chain:
        x509.read(chain, f"the chain of {certificate.sha1}")
    told = (found.sha256, found.serial, found.subject, found.not_before, found.not_after)
    entered = (
        certificate.sha256, certificate.serial, certificate.subject, certificate.not_before, certificate.not_after
    )  # fmt: skip
    if told != entered:
        raise PkiError(f"What is entered about {where} is not what it says; restore the store from a backup.")


def _open(store: Store, certificate: Certificate) -> None:
    """A seal that opens holds what was put into it; of a root's key it shows at once that it is the right one."""
    if certificate.kind == "client":
        store.identity(certificate.sha1)
    elif (
        keys.fingerprint(keys.from_der(store.root_key(certificate.sha1)).public_key()) != certificate.public_key_sha256
    ):
        raise PkiError(f"The key of the root {certificate.name} is another one's; restore the store from a backup.")


# -- a new passphrase


def rekey(
    place: Place, passphrase: str, new_passphrase: str, now: datetime, *, who: str = "", check: bool = False
) -> bool:
    """See that `new_passphrase` opens the store from now on. Returns whether that is new."""
    check_passphrase(new_passphrase, "new_passphrase")
    with reading(place) as store:
        require_store(store, place)
        try:
            store.unlock(new_passphrase)
        except WrongPassphraseError:
            store.unlock(passphrase)
        else:
            return False
    if not check:
        with writing(place, now, who) as store:
            store.unlock(passphrase)
            store.rekey(new_passphrase)
    return True
