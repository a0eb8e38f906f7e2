# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the ledger, rebuilt from the certificate files.

The files tell which certificates there are, whose they are, and which identity each client has now. They do not tell
what has been revoked (Azure's own list does), why and when anything happened, and what was seen on the Macs (the next
run sees it again). So a certificate without its key counts as superseded: nobody's current one, but still valid, and
perhaps on a Mac that made its own key.

A ledger that is whole only gets what it does not know: after an old backup, what has been issued since.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from .._errors import UserVpnError
from .._files import read
from .._x509 import certificates, pkcs12
from .._x509.certificates import Certificate
from .._x509.checks import issued_by
from .._x509.errors import require_cryptography
from .._x509.text import thumbprint
from . import passwords
from ._base import SMALL_FILE, PkiError, sha256_hex
from .ending import ENDS, note
from .folder import Folder
from .issuing import Issuance
from .ledger import REBUILT, Ledger, LostLedgerError, Row, by_client, reading, replacing, writing
from .roots import generations


@dataclass(frozen=True)
class Rebuilt:
    """
    lost      whether the ledger was missing or damaged
    added     what it did not know
    revoked   what it knew, but not as revoked
    skipped   files that were left out, a sentence each
    unopened  clients whose PKCS#12 does not open with the password: they will get new identities
    unknown   revoked thumbprints of which there is no file
    """

    lost: bool = False
    added: list[Row] = field(default_factory=list)
    revoked: list[Row] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.lost or bool(self.added or self.revoked)


def rebuild(
    folder: Folder,
    *,
    now: datetime,
    revoked: Sequence[str] = (),
    password: str | None = None,
    check: bool = False,
) -> Rebuilt:
    """See that the ledger knows every certificate file of the folder. With `check` nothing is written.

    `revoked` are the thumbprints that Azure refuses. `password` opens the PKCS#12 files, which proves them whole.
    """
    require_cryptography()
    thumbprints = frozenset(thumbprint(text, "revoked") for text in revoked)
    if not folder.exists():
        raise PkiError(f"{folder.path} is no PKI folder, so there is nothing to rebuild; give the path of one.")
    known = _known(folder)
    foreseen = _Scan(folder, now, thumbprints, password).of(known or [], b"", lost=known is None).rebuilt
    if check or not foreseen.changed:
        if foreseen.changed:
            folder.require_writable()
        return foreseen
    with folder.writing():
        known = _known(folder)  # another process may have done it while we waited for the lock
        if known is not None:
            with contextlib.suppress(LostLedgerError), writing(folder) as ledger:  # damage may show only now
                found = _Scan(folder, now, thumbprints, password).of(known, ledger.salt(), lost=False)
                _enter(ledger, found, thumbprints, now)
                return found.rebuilt
        with replacing(folder, now) as ledger:
            found = _Scan(folder, now, thumbprints, password).of([], ledger.salt(), lost=True)
            _enter(ledger, found, thumbprints, now)
    return found.rebuilt


def _known(folder: Folder) -> list[Row] | None:
    """What the ledger knows; None when it is lost."""
    try:
        with reading(folder) as ledger:
            ledger.check()
            return ledger.rows()
    except LostLedgerError:
        return None


def _enter(ledger: Ledger, found: _Found, refused: Collection[str], now: datetime) -> None:
    with ledger.transaction():
        for row in found.rebuilt.revoked:
            ledger.set_state(row, "revoked", REBUILT, now)
        for issuance in found.issuances:
            row = issuance.row
            if row.kind == "client" and row.state == "issued":
                for older in ledger.rows_of_client(row.name):
                    if older.state == "issued":
                        ledger.set_state(older, "superseded", REBUILT, now)
            ledger.write_down(row, issuance.pem, issuance.chain, now)
        note(ledger, refused, now)


@dataclass(frozen=True)
class _Found:
    issuances: list[Issuance]
    rebuilt: Rebuilt


@dataclass
class _Scan:
    """One look at the files of the folder."""

    folder: Folder
    now: datetime
    revoked: frozenset[str]
    password: str | None
    skipped: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)

    def of(self, known: Sequence[Row], salt: bytes, *, lost: bool) -> _Found:
        checks = passwords.PasswordChecks(salt)
        roots = self._roots(known)
        signers = [(root.row, ca) for root in roots for ca in certificates.read(root.pem + root.chain, "")]
        clients = [issuance for place in _folders(self.folder.path / "clients")
                   for issuance in self._client(place, known, signers, checks)]  # fmt: skip
        alive = {i.row.root_sha1 for i in clients if i.row.not_after > self.now}
        there = {row.sha1 for row in known}
        numbered = self._numbered([root for root in roots if root.row.sha1 not in there], known, alive)
        new = [*numbered, *clients]
        unknown = sorted(self.revoked - there - {issuance.row.sha1 for issuance in new})
        added = [issuance.row for issuance in new]
        late = [r for r in known if r.kind == "client" and r.sha1 in self.revoked and r.state in ENDS["revoked"]]
        return _Found(new, Rebuilt(lost, added, late, self.skipped, sorted(self.unopened), unknown))

    # -- roots

    def _roots(self, known: Sequence[Row]) -> list[Issuance]:
        """All of them, known or not: they tell whose certificate is whose."""
        rows = {row.sha1: row for row in generations(known).values()}
        found = []
        for place in _folders(self.folder.path / "roots"):
            with self._skipping():
                files = self.folder.root_files(place.name)
                root = self._certificate(files.certificate, place.name)
                chain = read(files.chain, SMALL_FILE) if files.chain and files.chain.exists() else b""
                cas = certificates.read(chain, str(files.chain)) if chain else []
                row = rows.get(place.name) or self._root_row(root, cas)
                found.append(Issuance(row, root.pem.encode(), chain=b"".join(ca.pem.encode() for ca in cas)))
        return found

    def _root_row(self, root: Certificate, chain: Sequence[Certificate]) -> Row:
        key = self.folder.root_files(root.sha1).private
        private = sha256_hex(read(key, SMALL_FILE)) if key.exists() else ""
        text = b"".join(ca.pem.encode() for ca in chain)
        # A root that is not ours for certain counts as made here, which certificate_source still recognises.
        made = private and not chain and root.subject == f"CN={root.common_name}"
        size = root.key_bits
        options = {"key_size": size} if made else {"chain": sha256_hex(text) if text else ""}
        return _row(
            root, "root", root.common_name, root.sha1,
            origin="made" if made else "supplied", options=json.dumps(options), private_sha256=private,
        )  # fmt: skip

    def _numbered(self, roots: Sequence[Issuance], known: Sequence[Row], alive: set[str]) -> list[Issuance]:
        """By the numbers that their folders tell; where one tells none, in the order in which they begin.

        All but the last without a key are retired, unless a client needs them.
        """
        ordered = sorted(roots, key=lambda issuance: (issuance.row.not_before, issuance.row.sha1))
        taken = dict.fromkeys(generations(known), "")
        for issuance in ordered:
            if number := self._told_number(issuance.row):
                taken.setdefault(number, issuance.row.sha1)
        free = (number for number in itertools.count(max(generations(known), default=0) + 1) if number not in taken)
        number_of = {sha1: number for number, sha1 in taken.items()}
        numbers = {i.row.sha1: number_of.get(i.row.sha1) or next(free) for i in ordered}
        last = max(numbers.values(), default=0)
        numbered = []
        for issuance in sorted(ordered, key=lambda issuance: numbers[issuance.row.sha1]):
            row = replace(issuance.row, generation=numbers[issuance.row.sha1])
            kept = row.private_sha256 or row.sha1 in alive or row.generation == last
            numbered.append(replace(issuance, row=replace(row, state="issued" if kept else "retired")))
        return numbered

    def _told_number(self, root: Row) -> int:
        """What the folder of a root tells; 0 when it tells nothing."""
        file = root.files(self.folder).generation
        content = file.read_bytes() if file and file.is_file() else b""
        return int(content) if re.fullmatch(b"[1-9][0-9]{0,8}\n", content) else 0

    # -- clients

    def _client(
        self,
        place: Path,
        known: Sequence[Row],
        signers: Sequence[tuple[Row, Certificate]],
        checks: passwords.PasswordChecks,
    ) -> list[Issuance]:
        """The certificates of one client that the ledger does not know, oldest first."""
        history = by_client(known).get(place.name, [])
        there = {row.sha1 for row in known}
        found: list[Issuance] = []
        for file in sorted(place.glob("*.pem")):
            if file.stem not in there and not file.name.startswith("."):
                with self._skipping():
                    certificate = self._certificate(file, file.stem)
                    row = self._client_row(certificate, place.name, signers, checks)
                    found.append(Issuance(row, certificate.pem.encode()))
        found.sort(key=lambda issuance: (issuance.row.not_before, issuance.row.sha1))
        identities = [i.row for i in found if i.row.private_sha256]
        known_current = [row for row in history if row.state == "issued"]
        newest = max([*known_current, *identities], key=lambda row: row.not_before, default=None)
        return [replace(i, row=replace(i.row, state=self._state(i.row, newest))) for i in found]

    def _state(self, row: Row, newest: Row | None) -> str:
        """`newest` is the youngest certificate that has its key here."""
        if row.sha1 in self.revoked:
            return "revoked"
        return "issued" if row is newest else "superseded"

    def _client_row(
        self,
        certificate: Certificate,
        name: str,
        signers: Sequence[tuple[Row, Certificate]],
        checks: passwords.PasswordChecks,
    ) -> Row:
        if certificate.common_name != name:
            raise PkiError(f"The certificate {certificate.label} lies in the folder of {name}; move it away.")
        root = next((root for root, ca in signers if issued_by(certificate, ca)), None)
        if root is None:
            raise PkiError(f"The certificate {certificate.label} of {name} comes from no root of this folder.")
        private, password_check = self._identity(name, certificate, checks)
        made = {"key_size": certificate.key_bits, "sans": list(certificate.dns_names[1:])}
        return _row(
            certificate, "client", name, root.sha1,
            origin="made" if root.private_sha256 else "supplied", options=json.dumps(made),
            private_sha256=private, password_check=password_check,
        )  # fmt: skip

    def _identity(self, name: str, certificate: Certificate, checks: passwords.PasswordChecks) -> tuple[str, str]:
        """SHA-256 of the PKCS#12 file and its password check; both empty when there is no such file."""
        file = self.folder.client_files(name, certificate.sha1).private
        if not file.exists():
            return "", ""
        content = read(file, SMALL_FILE)
        try:
            leaf = pkcs12.read(content, self.password or "", str(file), "pkcs12_password").certificate
        except UserVpnError:
            self.unopened.append(name)
            return sha256_hex(content), ""
        if leaf != certificate:
            raise PkiError(f"{file} holds another certificate than {file.stem}.pem; move it away.")
        return sha256_hex(content), checks.of(self.password or "")

    # -- both

    @staticmethod
    def _certificate(file: Path, sha1: str) -> Certificate:
        found = certificates.read(read(file, SMALL_FILE), str(file))
        if len(found) != 1 or found[0].sha1 != sha1:
            raise PkiError(f"{file} is not the certificate that its name says.")
        return found[0]

    @contextlib.contextmanager
    def _skipping(self) -> Iterator[None]:
        """A file that is of no use is told, and left out."""
        try:
            yield
        except UserVpnError as error:
            self.skipped.append(str(error))


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*") if path.is_dir()) if place.is_dir() else []


def _row(certificate: Certificate, kind: str, name: str, root_sha1: str, **more: str) -> Row:
    """Without generation and state, which depend on the others."""
    return Row(
        sha1=certificate.sha1,
        sha256=certificate.sha256,
        kind=kind,
        name=name,
        generation=0,
        serial=certificate.serial,
        subject=certificate.subject,
        root_sha1=root_sha1,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        state="issued",
        reason=REBUILT,
        **more,
    )
