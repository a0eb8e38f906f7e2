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
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from .._errors import UserVpnError
from .._x509 import checks, keys, making, pkcs12
from .._x509.errors import require_cryptography
from .._x509.text import thumbprint, utc_text
from ._base import PkiError
from .database import Place
from .deliveries import OnMac, macs_by_client, on_macs, serial_numbers
from .identities import Export, Maker, Progress, examined, remove_files
from .plan import Ending, Known, Plan, Settings, check_settings, entry_of, make_plan
from .refusals import REVOKED, SUPERSEDED, check_clock, note_seen
from .requests import ClientRequest, unknown_clients
from .roots import Authority, authority
from .sealing import check_passphrase
from .store import REFUSED, Certificate, Issuance, Store, by_client, current_of, reading, writing

if TYPE_CHECKING:
    from pathlib import Path

    from .._x509.keys import NewKey

# For each way to end a client: the states of its certificates that are ended.
ENDS = {
    "revoked": {"issued", "superseded", "removed"},
    "removed": {"issued"},
}


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
) -> Plan:
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
        plan = call.results(call.plan())
    elif plan.work:
        plan = call.carry_out()
    if means.export:
        call.export(plan, means.export, check=check)
    return call.concluded(plan)


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
        return self.plan()

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

    def plan(self) -> Plan:
        return make_plan(self._known, self._requests, self._settings, self._now, self._failures)

    # -- preparing

    def prepare(self, plan: Plan, *, foresee: bool = False) -> None:
        """Make what the plan wants and there is not yet; with `foresee` only what shows how it would end."""
        current = plan.authority
        if current is None and not foresee:  # in check mode, the task that makes the root has only been predicted
            which = "" if self._settings.generation is None else f" of generation {self._settings.generation}"
            raise PkiError(f"{self._place} has no current root{which}; make one with root_certificate first.")
        lacking = [wanted for name, wanted in plan.issue.items() if not self._is_prepared(name, current)]
        to_make = [wanted for wanted in lacking if not wanted.request.sources]
        if lacking:
            check_passphrase(self._means.passphrase)
        if any(wanted.request.csr is None for wanted in lacking):
            pkcs12.require_old_form()
        issuer = self._issuer(current) if current and to_make else None
        maker = Maker(current, self._settings, self._now, issuer, self._means.new_key)
        refused = {c.sha1 for c in self._known.certificates if c.state == "revoked"} | set(self._settings.refused)
        for wanted in lacking:
            if wanted.request.sources:
                name = wanted.request.name
                try:
                    self._prepared[name], self._doubts[name] = maker.adopt(wanted, refused)
                except UserVpnError as error:
                    self._failures[name] = str(error)
        if not foresee:
            made = maker.make_all(to_make, self._means.progress)
            self._prepared |= {issuance.certificate.name: issuance for issuance in made}

    def _is_prepared(self, name: str, current: Authority | None) -> bool:
        issuance = self._prepared.get(name)
        return bool(current and issuance and issuance.certificate.root_sha1 == current.root.sha1)

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

    def carry_out(self) -> Plan:
        while True:
            with writing(self._place, self._now, self._who) as store:
                self._learn(store)
                plan = self.plan()
                if all(self._is_prepared(name, plan.authority) for name in plan.issue):
                    self._write(store, plan)
                    self._learn(store)
                    return self.results(plan)
            self.prepare(plan)

    def _write(self, store: Store, plan: Plan) -> None:
        for ending in plan.end:
            store.set_state(*ending)
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
        store.issue([*issuances, *plan.enter])

    def results(self, plan: Plan) -> Plan:
        """The plan, with what is known of the certificates that it wants."""
        for name, wanted in plan.issue.items():
            if name in self._prepared:
                entry = entry_of(self._prepared[name].certificate)
                plan.entries[name] = replace(entry, changed=True, reason=wanted.reason)
                plan.warnings.extend(self._doubts.get(name, ()))
        return plan

    def export(self, plan: Plan, export: Export, *, check: bool) -> None:
        """Write the files of the clients that are served, where they are not there."""
        served = [name for name, entry in plan.entries.items() if not entry.failed and (entry.sha1 or entry.changed)]
        current = {c.name: c for c in self._known.certificates if c.kind == "client" and c.state == "issued"}
        enrolled = {request.name for request in self._requests if request.enrolled is not None}
        served = [name for name in served if name not in enrolled]
        with reading(self._place) as store:
            pems = {name: store.texts(current[name].sha1)[0] for name in served if name in current}
            lacking = [name for name, pem in pems.items() if export.lacks(current[name], pem)]
            private = [name for name in lacking if current[name].has_key and not check]
            if private:
                store.unlock(self._means.passphrase)
            identities = {name: store.identity(current[name].sha1) for name in private}
        for name in lacking:
            plan.alter(name, changed=True, reason=plan.entries[name].reason or "exported")
            if not check:
                export.write(name, pems[name], identities.get(name))
        for name in served:
            private_file, public_file = map(str, export.files(name))
            certified = name in current and current[name].origin == "certified"
            plan.alter(name, pkcs12_path="" if certified else private_file, certificate_path=public_file)

    def concluded(self, plan: Plan) -> Plan:
        if plan.note:
            plan.warnings.append(
                f"Azure refuses {len(plan.note)} certificates that this store does not know; their thumbprints are "
                f"noted: {', '.join(sorted(plan.note)[:3])}{', ...' if len(plan.note) > 3 else ''}."
            )
        return plan.conclude(self._known.certificates, self._macs, self._now)


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
) -> Plan:
    """End clients: `revoked` (every certificate of theirs that is still valid), or just `removed` from the store.

    `thumbprints` are SHA-1 of single certificates to end; the others of their clients stay as they are. `why` is for
    the store. `exported` is a folder from which their files go.

    Either way the private key is destroyed here and the store keeps the certificates. A client that was ended before
    is left as it is. One that never was is an error if it is to be revoked, and nobody is: a misspelt name must not
    look like a success. If it is to be removed, that is a warning. With `check` nothing is written.
    """
    ends = _Ends(
        place,
        state,
        frozenset(request.name for request in requests),
        frozenset(thumbprint(text, "thumbprints") for text in thumbprints),
        why or state,
        now,
    )
    with reading(place) as store:
        plan = ends.plan(store)
    if plan.end and not check:
        with writing(place, now, who) as store:
            plan = ends.plan(store)
            for ending in plan.end:
                store.set_state(*ending)
    for name in remove_files(exported, plan.entries, check=check) if exported else ():
        plan.alter(name, changed=True, reason=plan.entries[name].reason or state)
    return plan


@dataclass(frozen=True)
class _Ends:
    """What is to end: all certificates of `names`, and those of `thumbprints`."""

    place: Place
    state: str
    names: frozenset[str]
    thumbprints: frozenset[str]
    why: str
    now: datetime

    def plan(self, store: Store) -> Plan:
        if not store.exists and self.state == "revoked":
            raise PkiError(f"Nobody was revoked: there is no store at {self.place}; name the one that issued them.")
        certificates = store.certificates()
        macs = on_macs(store.deliveries(), certificates)
        history = by_client(certificates)
        owners = {c.sha1: c.name for c in certificates if c.kind == "client"}
        plan = Plan(warnings=self._check_names(history, owners, macs))
        for name in sorted(self.names | {owners[sha1] for sha1 in self.thumbprints}):
            mine = history.get(name, [])
            ended = [c for c in mine if self._ends(c)]
            last = next((c for c in reversed(mine) if c in ended or c.state == self.state), None)
            plan.before[name] = entry_of(current_of(mine))
            plan.entries[name] = replace(entry_of(last), changed=bool(ended), reason=self.state if ended else "")
            plan.end += [Ending(c, self.state, self.why, self._mark(c)) for c in ended]
        return plan.conclude(certificates, macs, self.now)

    def _ends(self, certificate: Certificate) -> bool:
        """What has expired needs no revoking; but of the current identity the key is to go all the same."""
        named = certificate.name in self.names or certificate.sha1 in self.thumbprints
        lasts = certificate.not_after > self.now or certificate.state == "issued"
        return named and lasts and certificate.state in ENDS[self.state]

    def _mark(self, certificate: Certificate) -> str:
        """As what Azure is to refuse it."""
        if self.state != "revoked":
            return ""
        return SUPERSEDED if certificate.state == "superseded" and certificate.name not in self.names else REVOKED

    def _check_names(
        self, history: Mapping[str, Sequence[Certificate]], owners: Mapping[str, str], macs: Sequence[OnMac]
    ) -> list[str]:
        foreign = sorted(self.thumbprints - set(owners))
        if foreign:
            raise PkiError(
                f"Nobody was revoked: the store {self.place} knows no client certificate {foreign[0]}; check the "
                "thumbprint, or tell Azure alone, with server_configuration."
            )
        seen = macs_by_client(macs)
        misspelt = unknown_clients(
            self.names,
            {name: seen[name][-1].last.host if name in seen else "" for name in history},
            {c.common_name: name for name, certificates in history.items() for c in certificates},
        )
        if misspelt and self.state == "revoked":
            raise PkiError(f"Nobody was revoked: the store {self.place} knows {misspelt}.")
        return [f"The store {self.place} knows {misspelt}: there was nothing to remove."] if misspelt else []
