# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which clients need a new identity, and why. Reads, and never writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .._errors import UserVpnError
from .._x509 import certificates, csr, keys, pkcs12
from .._x509.certificates import Certificate
from . import passwords, supplied
from ._base import PkiError, file_has, pem_file_has, sha256_hex, utc_text
from .folder import Folder
from .issuing import Issuance, leftovers, settled
from .ledger import Ledger, Row, by_client
from .outcome import Entry, entry_of
from .requests import ClientRequest, refusals
from .roots import MOST_DAYS, current_root, generations

if TYPE_CHECKING:
    from .._x509.keys import Key


@dataclass(frozen=True)
class Settings:
    """What holds for all clients of a call."""

    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    valid_days: int = 365
    renew_before_days: int = 30
    key_size: int = 2048
    renew_batch: int = 0  # at most so many renewals in one call; 0 for any number
    defer: frozenset[str] = frozenset()  # clients whose renewal an earlier call has deferred already
    generation: int | None = None  # of the root that has to sign; None for whichever is the current one

    @property
    def renew_before(self) -> timedelta:
        return timedelta(days=self.renew_before_days)


def check_settings(settings: Settings, requests: Iterable[ClientRequest]) -> None:
    """Raise PkiError for settings that can serve no client."""
    if not 1 <= settings.valid_days <= MOST_DAYS:
        raise PkiError(f"valid_days must lie between 1 and {MOST_DAYS}.")
    if not 0 <= settings.renew_before_days < settings.valid_days:
        raise PkiError("renew_before_days must be at least 0 and less than valid_days, or every run would renew.")
    if settings.renew_batch < 0:
        raise PkiError("renew_batch must be at least 0; 0 renews all that are due at once.")
    if settings.key_size not in keys.KEY_SIZES:
        raise PkiError(f"key_size must be one of {', '.join(map(str, keys.KEY_SIZES))}.")
    if any(request.password is None and request.csr is None for request in requests):
        pkcs12.check_password(settings.password, "pkcs12_password")


@dataclass(frozen=True)
class Authority:
    """The current root, and what hangs on it."""

    row: Row
    certificates: tuple[Certificate, ...]  # the issuing CA first, the root last
    not_after: datetime  # when the first of them ends
    chain_path: str


def current_authority(folder: Folder, ledger: Ledger, rows: Sequence[Row]) -> Authority | None:
    row = current_root(rows)
    if row is None:
        return None
    pem, chain = ledger.texts(row.sha1)
    found = tuple(certificates.read(chain + pem, row.sha1))
    return Authority(row, found, certificates.ends(found), str(row.files(folder).chain) if chain else "")


@dataclass
class Plan:
    """What is to be done. `entries` holds what is known of the result beforehand."""

    authority: Authority | None
    checks: passwords.PasswordChecks
    entries: dict[str, Entry] = field(default_factory=dict)
    before: dict[str, Entry] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    make: list[ClientRequest] = field(default_factory=list)
    adopt: list[Issuance] = field(default_factory=list)
    restore: list[Row] = field(default_factory=list)
    deferred: list[dict[str, str]] = field(default_factory=list)
    unsettled: bool = False
    keys: dict[str, str] = field(default_factory=dict)  # by fingerprint: the client whose key it is or was
    chains: dict[str, str] = field(default_factory=dict)  # by a root's SHA-1: the file with the CAs below it

    @property
    def work(self) -> bool:
        return bool(self.make or self.adopt or self.restore or self.unsettled)


@dataclass(frozen=True)
class Decider:
    """Decides at one moment, with one group of settings."""

    folder: Folder
    settings: Settings
    now: datetime

    def plan(self, ledger: Ledger, requests: Sequence[ClientRequest], finished: Iterable[Row] = ()) -> Plan:
        """`finished` are the rows that this run has completed for a killed one: for the caller they are new."""
        names = {request.name for request in requests}
        rows = ledger.rows()
        # What was left of other clients waits for a run that concerns them, or that writes anyway.
        found = leftovers(self.folder, [row for row in rows if row.kind == "root" or row.name in names])
        rows = settled(rows, found)
        authority = current_authority(self.folder, ledger, rows)
        wanted = self.settings.generation
        if authority and wanted and wanted != authority.row.generation:
            if wanted < authority.row.generation:
                raise PkiError(
                    f"{self.folder.path} is at generation {authority.row.generation} already, not {wanted}; "
                    f"set generation to {authority.row.generation}, or leave it out."
                )
            authority = None  # the one that is wanted does not exist yet: it will issue everything anew
        plan = Plan(authority, passwords.PasswordChecks(ledger.salt()), unsettled=bool(found))
        plan.chains = {
            root.sha1: str(root.files(self.folder).chain)
            for root in generations(rows).values()
            if ledger.texts(root.sha1)[1]
        }
        if any(request.csr for request in requests):
            plan.keys = {key: row.name for row in rows if row.kind == "client" and (key := key_of(row))}
        history = by_client(rows)
        refused = refusals(requests, history)
        new = {row.name: row.reason for row in (*found.finish, *finished) if row.kind == "client"}
        for request in requests:
            name = request.name
            current = current_of(history.get(name, ()))
            plan.before[name] = self._entry(plan, current)
            plan.entries[name] = replace(plan.before[name], changed=name in new, reason=new.get(name, ""))
            try:
                if name in refused:
                    raise PkiError(refused[name])
                self._decide(plan, request, history.get(name, ()))
            except UserVpnError as error:
                plan.entries[name] = replace(plan.before[name], failed=True, msg=str(error))
        self._defer(plan, history)
        return plan

    def _defer(self, plan: Plan, history: Mapping[str, Sequence[Row]]) -> None:
        """Leave all but the most urgent renewals to later runs: each is work for the person at the Mac.

        A client without an identity that works, with the password that is wanted, is never put off. Nor is one whose
        new key has been made: its Mac could not complete the old profile any more.
        """
        batch, named = self.settings.renew_batch, self.settings.defer
        if not (batch or named):
            return
        # By name: the password check of an identity that works, and whether its key was made elsewhere.
        works = {r.name: (plan.checks.of(r.password or ""), False) for r in plan.make if r.csr is None}
        works |= {issuance.row.name: (issuance.row.password_check, False) for issuance in plan.adopt}
        works |= {name: ("", True) for name, entry in plan.entries.items() if entry.key_wanted}
        working = [
            row
            for name, work in works.items()
            if (row := current_of(history.get(name, ())))
            and plan.entries[name].reason != "missing"
            and row.not_after > self.now
            and (row.password_check, bool(key_of(row))) == work
        ]
        working.sort(key=lambda row: (row.not_after, row.name))
        due = [row for row in working if row.name not in named]
        first = due[:batch] if batch else due
        for row in (row for row in working if row not in first):
            entry = plan.entries[row.name]
            plan.deferred.append({"name": row.name, "reason": entry.reason, "not_after": utc_text(row.not_after)})
            spent = tuple(key for key in entry.spent_keys if key != key_of(row))
            plan.entries[row.name] = replace(plan.before[row.name], spent_keys=spent)
            self._restored(plan, row)
        put_off = {client["name"] for client in plan.deferred}
        plan.make = [request for request in plan.make if request.name not in put_off]
        plan.adopt = [issuance for issuance in plan.adopt if issuance.row.name not in put_off]

    def _decide(self, plan: Plan, request: ClientRequest, history: Sequence[Row]) -> None:
        """Enter one client into the plan; PkiError when it cannot be served."""
        name, current = request.name, current_of(history)
        if request.csr is not None:
            self._certify(plan, request, history)
            return
        password = request.password if request.password is not None else self.settings.password
        password = pkcs12.check_password(password, f"pkcs12_password of {name}")
        made_of = self.made_of(request)
        reason = self._reason(plan, request, history, (made_of, plan.checks.of(password)))
        if reason and request.sources:
            self._adopt(plan, replace(request, password=password), history, reason)
        elif reason:
            self._make(plan, replace(request, password=password), reason)
        elif current and self._restored(plan, current):
            pass
        elif current and request.sources and self._ends_soon(current):
            plan.warnings.append(
                f"The supplied certificate of {name} ends at {utc_text(current.not_after)}; supply its successor."
            )

    def _restored(self, plan: Plan, current: Row) -> bool:
        if pem_file_has(current.files(self.folder).certificate, current.sha256):
            return False
        plan.restore.append(current)
        plan.entries[current.name] = replace(plan.entries[current.name], changed=True, reason="missing")
        return True

    def _certify(self, plan: Plan, request: ClientRequest, history: Sequence[Row]) -> None:
        """Enter a client whose key is made elsewhere: a new certificate needs a CSR with a new key."""
        name, current = request.name, current_of(history)
        reason = self._reason(plan, request, history, (self.made_of(request, key_of(current)), ""))
        spent = tuple(key for row in history if (row is not current or reason) and (key := key_of(row)))
        entry = plan.entries[name]
        plan.entries[name] = replace(entry, key_wanted=bool(reason), spent_keys=spent, reason=entry.reason or reason)
        if current and not reason:
            self._restored(plan, current)
        if not request.csr:
            return
        key = keys.fingerprint(csr.public_key(request.csr, name, self.settings.key_size))
        if current and key == key_of(current) and (not reason or name in self.settings.defer):
            return
        if plan.keys.get(key, name) != name:
            raise PkiError(f"The CSR of {name} is for the key of {plan.keys[key]}; make a key for each Mac.")
        if key in spent:
            raise PkiError(f"The CSR of {name} is for a key that had a certificate before; make a new key.")
        self._make(plan, request, reason or "new_key")
        plan.keys[key] = name  # so that no other client of this call comes with it

    def _reason(self, plan: Plan, request: ClientRequest, history: Sequence[Row], wanted: tuple[str, str]) -> str:
        """Why the client needs a new identity; empty when it does not."""
        current, authority = current_of(history), plan.authority
        if current is None:
            ended = [row.state for row in history if row.state in {"revoked", "removed"}]
            return "revoked" if ended[-1:] == ["revoked"] else "missing"
        if request.csr is None and not file_has(current.files(self.folder).private, current.private_sha256):
            return "missing"
        if authority is None or current.root_sha1 != authority.row.sha1:
            return "root_rotated"
        if (current.options, current.password_check) != wanted:
            return "options_changed"
        if self.now >= current.not_after:
            return "expiring"
        # A certificate does not outlive its root: where it lasts as long already, a new one would not last longer.
        renewable = not request.sources and current.not_after < authority.not_after
        return "expiring" if renewable and self._ends_soon(current) else ""

    def _make(self, plan: Plan, request: ClientRequest, reason: str) -> None:
        authority = plan.authority
        if authority and not authority.row.private_sha256:
            raise PkiError(
                f"The PKI folder holds its root without the key, so nothing can be issued for {request.name}; "
                "give this client pkcs12_source, or certificate_source and key_source."
            )
        plan.make.append(request)
        plan.entries[request.name] = Entry(
            changed=True,
            reason=reason,
            not_after=utc_text(self.end_of_new(authority)) if authority else "",
            root_sha1=authority.row.sha1 if authority else "",
            chain_path=authority.chain_path if authority else "",
        )

    def _adopt(self, plan: Plan, request: ClientRequest, history: Sequence[Row], reason: str) -> None:
        if plan.authority is None:  # in check mode: no root to check the certificate against yet
            supplied.load(request, None, self.now)
            self._make(plan, request, reason)
            return
        certificate, key, doubts = supplied.load(request, plan.authority.certificates, self.now)
        plan.warnings += doubts
        if any(row.state == "revoked" and row.sha1 == certificate.sha1 for row in history):
            raise PkiError(f"The supplied certificate of {request.name} has been revoked; supply a new one.")
        pkcs12.require_old_form()
        plan.entries[request.name] = replace(plan.before[request.name], changed=True, reason=reason)
        issuance = self.issuance(plan, request, certificate, key)
        issuance = replace(issuance, row=replace(issuance.row, origin="supplied"))
        plan.adopt.append(issuance)
        plan.entries[request.name] = replace(self._entry(plan, issuance.row), changed=True, reason=reason)

    def issuance(self, plan: Plan, request: ClientRequest, certificate: Certificate, key: Key | None) -> Issuance:
        """A client's certificate and key, encoded and ready for the folder. The request carries its password.

        No key is given, and none is encoded, when it was made elsewhere.
        """
        if plan.authority is None or (key and request.password is None):
            raise AssertionError("an identity is encoded only once its root and its password are known")
        private = pkcs12.pack(certificate, key, request.password) if key and request.password else b""
        elsewhere = "" if key else certificate.public_key_sha256
        row = Row(
            sha1=certificate.sha1,
            sha256=certificate.sha256,
            kind="client",
            name=request.name,
            generation=0,
            serial=certificate.serial,
            subject=certificate.subject,
            root_sha1=plan.authority.row.sha1,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            state="intended",
            reason=plan.entries[request.name].reason,
            origin="made",
            options=self.made_of(request, elsewhere),
            private_sha256=sha256_hex(private) if private else "",
            password_check=plan.checks.of(request.password) if request.password and private else "",
        )
        return Issuance(row, certificate.pem.encode(), private)

    def made_of(self, request: ClientRequest, elsewhere: str = "") -> str:
        """The options that an identity is made of, besides its name, root, time and password.

        `elsewhere` is the fingerprint of a key that was not made here.
        """
        if request.sources:
            return json.dumps({"source": supplied.digest(request)})
        options = {"key_size": self.settings.key_size, "sans": list(request.sans)}
        return json.dumps(options if request.csr is None else options | {"key": elsewhere})

    def end_of_new(self, authority: Authority) -> datetime:
        return min(self.now + timedelta(days=self.settings.valid_days), authority.not_after)

    def _ends_soon(self, row: Row) -> bool:
        return self.now >= row.not_after - self.settings.renew_before

    def _entry(self, plan: Plan, row: Row | None) -> Entry:
        return entry_of(self.folder, row, plan.chains.get(row.root_sha1, "") if row else "")


def current_of(history: Sequence[Row]) -> Row | None:
    """The identity that a client has, of all it ever had."""
    return next((row for row in reversed(history) if row.state == "issued"), None)


def key_of(row: Row | None) -> str:
    """The fingerprint of the key that a certificate was issued for, if the key was made elsewhere; else empty."""
    return str(json.loads(row.options or "{}").get("key", "")) if row else ""
