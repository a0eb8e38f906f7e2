# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: certificates into the folder, in an order that a killed run cannot spoil.

    1. the ledger notes the certificate as `intended`         killed here: no files; the next run abandons the row
    2. the files appear, each at once, the private one last   killed here: unfinished; abandoned too, files removed
    3. the ledger makes it `issued`, the older one superseded killed before: complete; the next run does step 3
    4. the older one's private key is removed                 killed before: the next run removes it

So no certificate exists that the ledger does not know, and until step 3 the older identity is the current one, whole
and untouched. `settle` is the next run's part; `settled` predicts it for readers, who must not write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from .._files import make_folder, tighten, write_atomic
from ._base import PkiError, file_has, pem_file_has
from .folder import Folder
from .ledger import Ledger, Row


@dataclass(frozen=True)
class Issuance:
    """A certificate to bring into the folder: its row (`intended`), PEM texts, and the encrypted private file."""

    row: Row
    pem: bytes
    private: bytes = field(default=b"", repr=False)
    chain: bytes = b""


def issue(folder: Folder, ledger: Ledger, issuances: Sequence[Issuance], now: datetime) -> None:
    """Bring all of them into the folder. Only under the folder's lock."""
    if not issuances:
        return
    older = {row.sha1: row for i in issuances if i.row.kind == "client" for row in ledger.rows_of_client(i.row.name)}
    with ledger.transaction():
        for issuance in issuances:
            ledger.write_down(issuance.row, issuance.pem, issuance.chain, now)
    for issuance in issuances:
        _write_files(folder, issuance)
    with ledger.transaction():
        for issuance in issuances:
            ledger.issued(issuance.row, now)
    new = {issuance.row.sha1 for issuance in issuances}
    destroy(folder, ledger, [row for row in older.values() if row.private_sha256 and row.sha1 not in new], now)


def _write_files(folder: Folder, issuance: Issuance) -> None:
    files = issuance.row.files(folder)
    for place in reversed([p for p in files.certificate.parents if p.is_relative_to(folder.path)]):
        make_folder(place)
        tighten(place, below=False)
    if issuance.chain and files.chain:
        write_atomic(files.chain, issuance.chain)
    if files.generation:
        write_atomic(files.generation, b"%d\n" % issuance.row.generation)
    write_atomic(files.certificate, issuance.pem)
    if issuance.private:
        write_atomic(files.private, issuance.private)


def destroy(folder: Folder, ledger: Ledger, rows: Sequence[Row], now: datetime) -> None:
    """Remove the private files of certificates that nobody uses from here any more."""
    for row in rows:
        row.files(folder).private.unlink(missing_ok=True)
    if rows:
        with ledger.transaction():
            for row in rows:
                ledger.forget_private(row, now)


# -- after a killed run


@dataclass(frozen=True)
class Leftovers:
    """What a killed run left: certificates to finish, to abandon, and private files to remove."""

    finish: tuple[Row, ...]
    abandon: tuple[Row, ...]
    destroy: tuple[Row, ...]

    def __bool__(self) -> bool:
        return bool(self.finish or self.abandon or self.destroy)


def leftovers(folder: Folder, rows: Iterable[Row]) -> Leftovers:
    """Look, and write nothing."""
    finish: list[Row] = []
    abandon: list[Row] = []
    dead: list[Row] = []
    for row in rows:
        if row.state == "intended":
            (finish if is_complete(folder, row) else abandon).append(row)
        elif row.state != "issued" and row.private_sha256:
            dead.append(row)
    return Leftovers(tuple(finish), tuple(abandon), tuple(dead))


def is_complete(folder: Folder, row: Row) -> bool:
    files = row.files(folder)
    has_private = not row.private_sha256 or file_has(files.private, row.private_sha256)
    return has_private and pem_file_has(files.certificate, row.sha256)


def settled(rows: Sequence[Row], found: Leftovers) -> list[Row]:
    """The rows as they will be once the leftovers are settled."""
    finished = {row.sha1 for row in found.finish}
    renewed = {row.name for row in found.finish if row.kind == "client"}
    abandoned = {row.sha1 for row in found.abandon}
    after = []
    for row in rows:
        if row.sha1 in finished:
            after.append(replace(row, state="issued"))
        elif row.sha1 in abandoned:
            after.append(replace(row, state="abandoned"))
        elif row.kind == "client" and row.state == "issued" and row.name in renewed:
            after.append(replace(row, state="superseded"))
        else:
            after.append(row)
    return after


def settle(folder: Folder, ledger: Ledger, now: datetime) -> tuple[Row, ...]:
    """Bring what a killed run left into order. Only under the folder's lock. Returns the certificates it finished."""
    found = leftovers(folder, ledger.rows())
    if not found:
        return ()
    for row in found.abandon:
        files = row.files(folder)
        for file in (files.private, files.certificate, files.chain, files.generation):
            if file:
                file.unlink(missing_ok=True)
    for place in {row.files(folder).certificate.parent for row in (*found.finish, *found.abandon)}:
        folder.sweep(place)
    with ledger.transaction():
        for row in found.finish:
            ledger.issued(row, now)
        for row in found.abandon:
            ledger.set_state(row, "abandoned", row.reason, now)
            ledger.forget_private(row, now)
    destroy(folder, ledger, leftovers(folder, ledger.rows()).destroy, now)
    return found.finish


def restore_public_files(folder: Folder, ledger: Ledger, row: Row) -> None:
    """Write a certificate (and its chain) that has been lost or damaged again; the ledger has a copy."""
    pem, chain = ledger.texts(row.sha1)
    _write_files(folder, Issuance(row, pem, chain=chain))


def require_private(folder: Folder, row: Row) -> bytes:
    """The encrypted private file of a certificate, if it is the one that was written."""
    file = row.files(folder).private
    if not file_has(file, row.private_sha256):
        raise PkiError(
            f"{file} is missing or damaged; restore it from the backup, or raise generation to make a new root."
        )
    return file.read_bytes()
