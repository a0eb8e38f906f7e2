# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: client identities, in bulk: issued, revoked and removed.

    1. look: what does the store know, and what follows from it (plan)?
    2. prepare: make keys and certificates, on all cores. Nobody waits for that, and nothing of it exists yet.
    3. write: look again under the store's lock, and enter what is still wanted, all of it or nothing. What is wanted
       and not prepared, because somebody else has written meanwhile, goes round again.

So no certificate exists that the store does not know, and whoever is killed leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .._errors import UserVpnError
from .._x509 import checks, keys, making, pkcs12
from .._x509.errors import require_cryptography
from .._x509.text import thumbprint, utc_text
from ._base import PkiError
from .database import Place
from .deliveries import OnMac, macs_by_client, on_macs, replaced, serial_numbers
from .identities import Export, Maker, Progress, examined, remove_files
from .plan import Entry, Known, Plan, Settings, check_settings, entry_of, make_plan
from .refusals import REVOKED, SUPERSEDED, check_clock, note_seen, still_revoked, to_refuse
from .requests import ClientRequest, unknown_clients
from .roots import Authority, authority
from .sealing import check_passphrase
from .store import REFUSED, Certificate, Identity, Issuance, Store, by_client, current_of, reading, writing

if TYPE_CHECKING:
    from pathlib import Path

    from .._x509.keys import NewKey

# For each way to end a client: the states of its certificates that are ended.
ENDS = {
    "revoked": {"issued", "superseded", "removed"},
    "removed": {"issued"},
}


@dataclass(frozen=True)
class Outcome:
    """Of one call.

    entries    by name, as they are now (or would be, in check mode)
    before     by name, as they were
    revoked    certificates of all clients that Azure has to refuse until they end: also of those that nobody names
    to_refuse  the same, by thumbprint and under the name that they are to have in Azure
    revocable  older ones whose successor has been verified on the Mac: they may be revoked
    deferred   renewals that a later run will do, the most urgent first
    unknown    Azure's names for what it refuses, by thumbprint, of which the store has no certificate
    noted      whether the store has learned of refusals from Azure
    """

    entries: dict[str, Entry]
    before: dict[str, Entry]
    revoked: list[dict[str, str]]
    to_refuse: list[dict[str, str]]
    revocable: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    deferred: list[dict[str, str]] = field(default_factory=list)
    unknown: Mapping[str, str] = field(default_factory=dict)
    noted: bool = False

    @property
    def changed(self) -> bool:
        return self.noted or any(entry.changed for entry in self.entries.values())

    @property
    def failures(self) -> list[str]:
        return sorted(name for name, entry in self.entries.items() if entry.failed)

    def as_dicts(self) -> dict[str, dict[str, Any]]:
        return {name: asdict(entry) | {"spent_keys": list(entry.spent_keys)} for name, entry in self.entries.items()}

    def diff(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after of the clients that have changed. There has never been a secret in an entry."""
        changed = sorted(name for name, entry in self.entries.items() if entry.changed)
        before = {n: {"serial": e.serial, "not_after": e.not_after} for n in changed if (e := self.before[n]).serial}
        after = {
            name: {"serial": entry.serial or "(new)", "not_after": entry.not_after, "reason": entry.reason}
            for name in changed
            for entry in [self.entries[name]]
        }
        return before, after


def told_certificates(certificates: Iterable[Certificate]) -> list[dict[str, str]]:
    """Client certificates as results list them."""
    return [
        {"name": c.name, "sha1": c.sha1, "serial": c.serial, "not_after": utc_text(c.not_after)}
        for c in sorted(certificates, key=lambda c: (c.name, c.sha1))
    ]


# -- present


@dataclass(frozen=True)
class Means:
    """With what identities are made, and where to."""

    passphrase: str | None = field(default=None, repr=False)
    clock_skew: int | None = None  # by how many seconds this controller's clock is ahead of Azure's
    export: Export | None = None
    new_key: NewKey = keys.new_key
    progress: Progress | None = None


def ensure_clients(
    place: Place,
    requests: Sequence[ClientRequest],
    settings: Settings,
    means: Means,
    *,
    now: datetime,
    who: str = "",
    check: bool = False,
) -> Outcome:
    """See that every client has a valid identity of the current root, made with these settings.

    Takes no lock and writes nothing when that is so already, or with `check`. A client that cannot be served fails
    alone, in its entry; PkiError is for what concerns them all, and is raised before anything is written.
    """
    require_cryptography()
    check_settings(settings)
    call = _Call(place, settings, means, now, who)
    call.examine(requests)
    plan = call.look()
    if plan.issue:
        check_clock(means.clock_skew)
        call.prepare(plan, foresee=check)
    if check:
        plan = call.foreseen()
    elif plan.work:
        plan = call.carry_out()
    if means.export:
        call.export(plan, means.export, check=check)
    return call.outcome(plan)


class _Call:
    """One call of ensure_clients."""

    def __init__(self, place: Place, settings: Settings, means: Means, now: datetime, who: str) -> None:
        self._place, self._settings, self._means, self._now, self._who = place, settings, means, now, who
        self._requests: list[ClientRequest] = []
        self._failures: dict[str, str] = {}
        self._prepared: dict[str, Issuance] = {}
        self._doubts: dict[str, tuple[str, ...]] = {}
        self._known = Known([], None)
        self._macs: list[OnMac] = []

    def examine(self, requests: Sequence[ClientRequest]) -> None:
        for request in requests:
            try:
                self._requests.append(examined(request, self._settings.key_size))
            except UserVpnError as error:
                self._requests.append(request)
                self._failures[request.name] = str(error)

    def look(self) -> Plan:
        with reading(self._place) as store:
            self._learn(store)
        return self._plan()

    def _learn(self, store: Store) -> None:
        certificates = store.certificates()
        self._macs = on_macs(store.deliveries(), certificates)
        self._known = Known(
            certificates,
            authority(store, certificates, self._now),
            [event for event in store.events() if event.what in {"revoked", "readmitted", REFUSED}],
            store.refusals(),
            serial_numbers(self._macs),
        )

    def _plan(self) -> Plan:
        return make_plan(self._known, self._requests, self._settings, self._now, self._failures)

    # -- preparing

    def prepare(self, plan: Plan, *, foresee: bool = False) -> None:
        """Make what the plan wants and there is not yet; with `foresee` only what shows how it would end."""
        if plan.authority is None:
            if not foresee:  # in check mode, the task that makes the root has only been predicted
                which = "" if self._settings.generation is None else f" of generation {self._settings.generation}"
                raise PkiError(f"{self._place} has no current root{which}; make one with root_certificate first.")
            if any(not wanted.request.sources for wanted in plan.issue.values()):
                check_passphrase(self._means.passphrase)
            return
        lacking = [wanted for name, wanted in plan.issue.items() if not self._is_prepared(name, plan.authority)]
        to_make = [wanted for wanted in lacking if not wanted.request.sources]
        private = [wanted for wanted in lacking if wanted.request.csr is None]
        if private:
            pkcs12.require_old_form()
            check_passphrase(self._means.passphrase)
        issuer = self._issuer(plan.authority) if to_make else None
        maker = Maker(plan.authority, self._settings, self._now, issuer, self._means.new_key)
        for wanted in lacking:
            if wanted.request.sources:
                name = wanted.request.name
                try:
                    self._prepared[name], self._doubts[name] = maker.adopt(wanted, plan.refused)
                except UserVpnError as error:
                    self._failures[name] = str(error)
        if not foresee:
            made = maker.make_all(to_make, self._means.progress)
            self._prepared |= {issuance.certificate.name: issuance for issuance in made}

    def _is_prepared(self, name: str, current: Authority) -> bool:
        issuance = self._prepared.get(name)
        return issuance is not None and issuance.certificate.root_sha1 == current.root.sha1

    def _issuer(self, current: Authority) -> making.Issuer:
        if self._now >= current.not_after:
            raise PkiError(
                f"The root {current.root.name} (or a CA below it) ended at {utc_text(current.not_after)}; "
                "make its successor by raising generation of root_certificate."
            )
        with reading(self._place) as store:
            store.unlock(self._means.passphrase)
            key = keys.from_der(store.root_key(current.root.sha1))
        checks.check_pair(current.certificates[0], key, "of the root")
        return making.Issuer(current.certificates[0], key)

    # -- writing

    def foreseen(self) -> Plan:
        plan = self._with_results(self._plan())
        marks = {revocation.certificate.sha1: revocation.mark for revocation in plan.revoke}
        after = [
            replace(c, state="revoked", mark=marks[c.sha1]) if c.sha1 in marks else c for c in self._known.certificates
        ]
        self._known = replace(self._known, certificates=after)
        return plan

    def carry_out(self) -> Plan:
        while True:
            with writing(self._place, self._now, self._who) as store:
                self._learn(store)
                plan = self._plan()
                if all(plan.authority and self._is_prepared(name, plan.authority) for name in plan.issue):
                    self._write(store, plan)
                    self._learn(store)
                    return self._with_results(plan)
            self.prepare(plan)

    def _write(self, store: Store, plan: Plan) -> None:
        for revocation in plan.revoke:
            store.set_state(revocation.certificate, "revoked", revocation.reason, revocation.mark)
        store.note_refusals(plan.note)
        note_seen(store, plan.seen)
        for name in plan.readmit:
            store.note("readmitted", "readmit", client=name)
        issuances = [
            replace(issuance, certificate=replace(issuance.certificate, reason=wanted.reason))
            for name, wanted in plan.issue.items()
            for issuance in [self._prepared[name]]
        ]
        if any(issuance.private for issuance in issuances):
            store.unlock(self._means.passphrase)
        store.issue(issuances)

    def _with_results(self, plan: Plan) -> Plan:
        """The plan, with what is known of the certificates that it wanted."""
        for name, wanted in plan.issue.items():
            if name in self._prepared:
                entry = entry_of(self._prepared[name].certificate)
                plan.entries[name] = replace(entry, changed=True, reason=wanted.reason)
                plan.warnings.extend(self._doubts.get(name, ()))
        return plan

    def export(self, plan: Plan, export: Export, *, check: bool) -> None:
        """Write the files of the clients that are served, where they are not there."""
        served = {name for name, entry in plan.entries.items() if not entry.failed and (entry.sha1 or entry.changed)}
        current = [c for c in self._known.certificates if c.kind == "client" and c.state == "issued"]
        with reading(self._place) as store:
            files = {c.name: (c, store.texts(c.sha1)[0]) for c in current if c.name in served}
            lacking = {name: one for name, one in files.items() if export.lacks(*one)}
            identities: dict[str, Identity] = {}
            if not check and any(certificate.has_key for certificate, _pem in lacking.values()):
                store.unlock(self._means.passphrase)
                identities = {name: store.identity(c.sha1) for name, (c, _pem) in lacking.items() if c.has_key}
        for name, (certificate, pem) in lacking.items():
            entry = plan.entries[name]
            plan.entries[name] = replace(entry, changed=True, reason=entry.reason or "exported")
            if not check:
                export.write(certificate.name, pem, identities.get(name))
        for name in served:
            private, public = (str(path) for path in export.files(name))
            elsewhere = files[name][0].origin == "enrolled" if name in files else False
            plan.entries[name] = replace(
                plan.entries[name], pkcs12_path="" if elsewhere else private, certificate_path=public
            )

    # -- telling

    def outcome(self, plan: Plan) -> Outcome:
        if plan.note:
            plan.warnings.append(
                f"Azure refuses {len(plan.note)} certificates that this store does not know; their thumbprints are "
                f"noted: {', '.join(sorted(plan.note)[:3])}{', ...' if len(plan.note) > 3 else ''}."
            )
        certificates = self._known.certificates
        return Outcome(
            plan.entries,
            plan.before,
            told_certificates(still_revoked(certificates, self._now)),
            to_refuse(certificates, self._now),
            told_certificates(c for c in replaced(certificates, self._macs, self._now) if c.name in plan.entries),
            plan.warnings,
            plan.deferred,
            plan.unknown,
            bool(plan.revoke),
        )


# -- revoked, removed


def end_clients(
    place: Place,
    requests: Sequence[ClientRequest],
    state: str,
    *,
    now: datetime,
    who: str = "",
    check: bool = False,
    thumbprints: Iterable[str] = (),
    why: str = "",
    exported: Path | None = None,
) -> Outcome:
    """End clients: `revoked` (every certificate of theirs that is still valid), or just `removed` from the store.

    `thumbprints` are SHA-1 of single certificates to end; the others of their clients stay as they are. `why` is for
    the store. `exported` is a folder from which their files go.

    Either way the private key is destroyed here and the store keeps the certificates. A client that was ended before
    is left as it is. One that never was is an error if it is to be revoked, and nobody is: a misspelt name must not
    look like a success. If it is to be removed, that is a warning. With `check` nothing is written.
    """
    names = frozenset(request.name for request in requests)
    ending = _Ending(place, state, names, frozenset(thumbprint(text, "thumbprints") for text in thumbprints), now)
    with reading(place) as store:
        outcome, ended = ending.foresee(store)
    if ended and not check:
        with writing(place, now, who) as store:
            outcome, ended = ending.foresee(store)
            for certificate in ended:
                store.set_state(certificate, state, why or state, ending.mark(certificate))
    for name in remove_files(exported, outcome.entries, check=check) if exported else ():
        entry = outcome.entries[name]
        outcome.entries[name] = replace(entry, changed=True, reason=entry.reason or state)
    return outcome


@dataclass(frozen=True)
class _Ending:
    """What is to end: all certificates of `names`, and those of `thumbprints`."""

    place: Place
    state: str
    names: frozenset[str]
    thumbprints: frozenset[str]
    now: datetime

    def mark(self, certificate: Certificate) -> str:
        """As what Azure is to refuse it."""
        if self.state != "revoked":
            return ""
        return SUPERSEDED if certificate.state == "superseded" and certificate.name not in self.names else REVOKED

    def foresee(self, store: Store) -> tuple[Outcome, list[Certificate]]:
        """What comes of it, and the certificates that end."""
        if not store.exists and self.state == "revoked":
            raise PkiError(f"Nobody was revoked: there is no store at {self.place}; name the one that issued them.")
        certificates = store.certificates()
        macs = on_macs(store.deliveries(), certificates)
        history = by_client(certificates)
        owners = {c.sha1: c.name for c in certificates if c.kind == "client"}
        warnings = self._check_names(history, owners, macs)
        entries, before = {}, {}
        ended: list[Certificate] = []
        for name in sorted(self.names | {owners[sha1] for sha1 in self.thumbprints}):
            mine = history.get(name, [])
            to_end = self._of(mine)
            before[name] = entry_of(current_of(mine))
            entries[name] = self._entry(mine, to_end)
            ended += to_end
        sha1s = {certificate.sha1 for certificate in ended}
        after = [
            replace(c, state=self.state, mark=self.mark(c), has_key=False) if c.sha1 in sha1s else c
            for c in certificates
        ]
        outcome = Outcome(
            entries,
            before,
            told_certificates(still_revoked(after, self.now)),
            to_refuse(after, self.now),
            told_certificates(c for c in replaced(after, macs, self.now) if c.name in entries),
            warnings,
        )
        return outcome, ended

    def _check_names(
        self, history: Mapping[str, Sequence[Certificate]], owners: Mapping[str, str], macs: Sequence[OnMac]
    ) -> list[str]:
        foreign = sorted(self.thumbprints - set(owners))
        if foreign:
            raise PkiError(
                f"Nobody was revoked: the store {self.place} knows no client certificate {foreign[0]}; check the "
                "thumbprint, or tell Azure alone, with server_configuration_certificates."
            )
        seen = macs_by_client(macs)
        misspelt = unknown_clients(
            self.names, {name: seen[name][-1].last.host if name in seen else "" for name in history}
        )
        if misspelt and self.state == "revoked":
            raise PkiError(f"Nobody was revoked: the store {self.place} knows {misspelt}.")
        return [f"The store {self.place} knows {misspelt}: there was nothing to remove."] if misspelt else []

    def _of(self, history: Sequence[Certificate]) -> list[Certificate]:
        """What has expired needs no revoking; but of the current identity the key is to go all the same."""
        return [
            c
            for c in history
            if (c.name in self.names or c.sha1 in self.thumbprints)
            and c.state in ENDS[self.state]
            and (c.not_after > self.now or c.state == "issued")
        ]

    def _entry(self, history: Sequence[Certificate], to_end: Sequence[Certificate]) -> Entry:
        last = next((c for c in reversed(history) if c in to_end or c.state == self.state), None)
        if last is None:
            return Entry()
        return replace(entry_of(last), changed=bool(to_end), reason=self.state if to_end else "")
