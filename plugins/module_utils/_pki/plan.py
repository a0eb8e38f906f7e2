# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: which clients need a new identity, and why.

By what is known alone: nothing is read here, and nothing written. The same knowledge gives the same plan, so it is made
once to know what to prepare, and again when it is carried out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .._x509.text import utc_text
from ._base import PkiError, RevokedError
from .deliveries import OnMac, replaced
from .enrolled import other_client
from .refusals import REVOKED, SUPERSEDED, judge, still_revoked, to_refuse, unseen
from .requests import ClientRequest, unusable
from .roots import MOST_DAYS, Authority
from .store import ENROLLED, Certificate, Event, Issuance, Refusal, by_client, current_of


@dataclass(frozen=True)
class Settings:
    """What holds for all clients of a call. `refused` is what Azure refuses: its name for it, by thumbprint."""

    valid_days: int = 365
    renew_before_days: int = 30
    key_size: int = 2048
    renew_batch: int = 0  # at most so many renewals in one call; 0 for any number
    defer: frozenset[str] = frozenset()  # clients whose renewal an earlier call has deferred already
    generation: int | None = None  # of the root that has to sign; None for whichever is the current one
    refused: Mapping[str, str] = field(default_factory=dict)
    readmit: frozenset[str] = frozenset()  # revoked clients that are to be let in again

    @property
    def renew_before(self) -> timedelta:
        return timedelta(days=self.renew_before_days)


def check_settings(settings: Settings) -> None:
    """Raise PkiError for settings that can serve no client."""
    if not 1 <= settings.valid_days <= MOST_DAYS:
        raise PkiError(f"valid_days must lie between 1 and {MOST_DAYS}.")
    if not 0 <= settings.renew_before_days < settings.valid_days:
        raise PkiError("renew_before_days must be at least 0 and less than valid_days, or every run would renew.")
    if settings.renew_batch < 0:
        raise PkiError("renew_batch must be at least 0; 0 renews all that are due at once.")


@dataclass(frozen=True)
class Known:
    """What the store knows at one moment.

    authority       who signs; None without a current root
    events          the revocations, the readmissions and what Azure was seen to refuse, oldest first
    refusals        thumbprints that Azure refuses, and no certificate here has
    serial_numbers  by client: the Macs seen with one of its certificates, their inventory names by serial number
    """

    certificates: Sequence[Certificate]
    authority: Authority | None
    events: Sequence[Event] = ()
    refusals: Sequence[Refusal] = ()
    serial_numbers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One client, in the shape that client_certificates returns. What is not known (yet) is empty."""

    changed: bool = False
    reason: str = ""
    common_name: str = ""
    sha1: str = ""
    serial: str = ""
    not_after: str = ""
    root_sha1: str = ""
    pkcs12_path: str = ""
    certificate_path: str = ""
    key_wanted: bool = False
    spent_keys: tuple[str, ...] = ()
    failed: bool = False
    msg: str = ""


def entry_of(certificate: Certificate | None) -> Entry:
    """The identity that a client has; an empty entry when it has none."""
    if certificate is None:
        return Entry()
    return Entry(
        common_name=certificate.common_name,
        sha1=certificate.sha1,
        serial=certificate.serial,
        not_after=utc_text(certificate.not_after),
        root_sha1=certificate.root_sha1,
    )


@dataclass(frozen=True)
class Wanted:
    """A certificate that is to be issued."""

    request: ClientRequest
    reason: str


class Ending(NamedTuple):
    """A certificate that ends: its state from now on, why, and as what Azure is to refuse it."""

    certificate: Certificate
    state: str
    reason: str
    mark: str = ""


@dataclass
class Plan:
    """What is to be done, and then what came of it.

    entries    by name, as they are to be; what is not known yet is empty
    before     by name, as they were
    issue      what is wanted, by name
    enter      what was found on Macs, and is new
    readmit    revoked clients that are let in again
    unknown    Azure's names for what it refuses, by thumbprint, of which the store has no certificate
    note       those of them that are not noted yet
    seen       revoked certificates that Azure was not yet seen to refuse
    deferred   renewals that a later run will do, the most urgent first
    revoked    certificates of all clients that Azure has to refuse until they end: also of those that nobody names
    to_refuse  the same, by thumbprint and under the name that they are to have in Azure
    revocable  older ones whose successor has been verified on the Mac: they may be revoked
    """

    authority: Authority | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    before: dict[str, Entry] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    issue: dict[str, Wanted] = field(default_factory=dict)
    enter: list[Issuance] = field(default_factory=list)
    end: list[Ending] = field(default_factory=list)
    readmit: list[str] = field(default_factory=list)
    unknown: Mapping[str, str] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    deferred: list[dict[str, str]] = field(default_factory=list)
    revoked: list[dict[str, str]] = field(default_factory=list)
    to_refuse: list[dict[str, str]] = field(default_factory=list)
    revocable: list[dict[str, str]] = field(default_factory=list)

    @property
    def work(self) -> bool:
        return bool(self.issue or self.enter or self.end or self.readmit or self.note or self.seen)

    @property
    def changed(self) -> bool:
        return bool(self.end or self.enter) or any(entry.changed for entry in self.entries.values())

    @property
    def failures(self) -> list[str]:
        return sorted(name for name, entry in self.entries.items() if entry.failed)

    def alter(self, name: str, **values: Any) -> None:
        self.entries[name] = replace(self.entries[name], **values)

    def fail(self, name: str, error: PkiError) -> None:
        reason = "revoked" if isinstance(error, RevokedError) else self.before[name].reason
        self.entries[name] = replace(self.before[name], failed=True, msg=str(error), reason=reason)
        self.issue.pop(name, None)

    def conclude(self, certificates: Iterable[Certificate], macs: Iterable[OnMac], now: datetime) -> Plan:
        """Tell what follows, once these certificates have ended."""
        ended = {ending.certificate.sha1: ending for ending in self.end}
        entered = {issuance.certificate.sha1: issuance.certificate for issuance in self.enter}
        after = [
            replace(c, state=ended[c.sha1].state, mark=ended[c.sha1].mark) if c.sha1 in ended else c
            for c in ({c.sha1: c for c in certificates} | entered).values()
        ]
        self.revoked, self.to_refuse = told_certificates(still_revoked(after, now)), to_refuse(after, now)
        self.revocable = told_certificates(c for c in replaced(after, macs, now) if c.name in self.entries)
        return self

    def diff(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after of the clients that have changed. There has never been a secret in an entry."""
        changed = {name: entry for name, entry in sorted(self.entries.items()) if entry.changed}
        told = ("common_name", "serial", "not_after")
        before = {n: {name: getattr(e, name) for name in told} for n in changed if (e := self.before[n]).serial}
        after = {
            n: {name: getattr(e, name) for name in told} | {"serial": e.serial or "(new)", "reason": e.reason}
            for n, e in changed.items()
        }
        return before, after


def told_certificates(certificates: Iterable[Certificate]) -> list[dict[str, str]]:
    """Client certificates as results list them."""
    return [
        {"name": c.name, "sha1": c.sha1, "serial": c.serial, "not_after": utc_text(c.not_after)}
        for c in sorted(certificates, key=lambda c: (c.name, c.sha1))
    ]


def make_plan(
    known: Known,
    requests: Sequence[ClientRequest],
    settings: Settings,
    now: datetime,
    failures: Mapping[str, str] | None = None,
) -> Plan:
    """`failures` are clients that cannot be served for a reason that was found elsewhere, and that reason.

    A client that cannot be served fails alone, in its entry. PkiError is for what concerns all of them.
    """
    planner = _Planner(known, settings, now)
    planner.plan_all(requests, unusable(requests, planner.history) | dict(failures or {}))
    return planner.plan


class _Planner:
    def __init__(self, known: Known, settings: Settings, now: datetime) -> None:
        self._known, self._settings, self._now = known, settings, now
        self.history = by_client(known.certificates)
        self._retired = {c.sha1 for c in known.certificates if c.kind == "root" and c.state == "retired"}
        self._owners = {c.sha1: c.name for c in known.certificates if c.kind == "client"}
        self._keys = {c.public_key_sha256: c.name for c in known.certificates if c.kind == "client"}
        # Of events, the last one counts, and which of two came later: two may bear the same time.
        self._revoked = {e.sha1: (number, e) for number, e in enumerate(known.events) if e.what == "revoked"}
        self._readmitted = {e.client: (number, e) for number, e in enumerate(known.events) if e.what == "readmitted"}
        readmitted = {client: event.time for client, (_number, event) in self._readmitted.items()}
        self._verdict = judge(settings.refused, known.certificates, known.refusals, readmitted)
        self.plan = Plan(self._authority(), unknown=self._verdict.unknown)

    def plan_all(self, requests: Sequence[ClientRequest], hopeless: Mapping[str, str]) -> None:
        plan, known = self.plan, self._known
        noted = {refusal.thumbprint for refusal in known.refusals}
        plan.note = {sha1: name for sha1, name in plan.unknown.items() if sha1 not in noted}
        plan.seen = unseen(known.certificates, known.events, self._settings.refused)
        self._take_over_refusals({request.name for request in requests})
        for request in requests:
            name = request.name
            plan.before[name] = plan.entries[name] = entry_of(current_of(self.history.get(name, ())))
            try:
                if name in hopeless:
                    raise PkiError(hopeless[name])
                self._decide(request)
            except PkiError as error:
                plan.fail(name, error)
        self._defer()

    def _authority(self) -> Authority | None:
        """The current root, if it is the one that has to sign."""
        authority, wanted = self._known.authority, self._settings.generation
        if authority is None or wanted is None or wanted == authority.root.generation:
            return authority
        if wanted < authority.root.generation:
            raise PkiError(
                f"The store is at generation {authority.root.generation} already, not {wanted}; "
                f"set generation to {authority.root.generation}, or leave it out."
            )
        return None  # the one that is wanted does not exist yet: it will issue everything anew

    def _take_over_refusals(self, asked: set[str]) -> None:
        """What Azure refuses is revoked here, too. The current certificate of a client waits until it is asked for."""
        for certificate in self._known.certificates:
            entry, mark = self._verdict.revoked.get(certificate.sha1, ("", ""))
            if mark and (certificate.state != "issued" or certificate.name in asked):
                self.plan.end.append(Ending(certificate, "revoked", _refused_as(entry), mark))

    # -- one client

    def _decide(self, request: ClientRequest) -> None:
        """Enter one client into the plan; PkiError when it cannot be served."""
        name, warnings = request.name, self.plan.warnings
        history = self.history.get(name, ())
        current = current_of(history)
        revoked = self._why_revoked(name, history)
        if request.enrolled is not None:
            self._enter(request, current, revoked)
            return
        if revoked and name not in self._settings.readmit:
            raise RevokedError(f"{revoked} It gets no new identity, unless readmit names {name}.")
        made_of = (request.origin, options_of(request, self._settings))
        reason = "readmitted" if revoked else self._reason(request, current, made_of)
        two_macs = self._two_macs(request)
        if two_macs and reason:
            raise PkiError(two_macs)
        warnings += [two_macs] if two_macs else []
        if request.csr is not None and not self._certifiable(request, history, reason):
            return
        reason = reason or ("new_key" if request.csr else "")
        if reason:
            self._issue(request, reason)
            self.plan.readmit += [name] if revoked else []
            self._give_up_refused(current, reason)
            if reason == "options_changed" and any((c.origin, c.options) == made_of for c in history):
                warnings.append(
                    f"{name} is issued anew with options that it had before ({', '.join(options_in(made_of[1]))}). If "
                    "two inventories ask for it with different ones, they take turns for ever: give it the same ones."
                )
        elif current and request.sources and self._ends_soon(current):
            warnings.append(
                f"The supplied certificate of {name} ends at {utc_text(current.not_after)}; supply its successor."
            )

    def _enter(self, request: ClientRequest, current: Certificate | None, revoked: str) -> None:
        """Enter what was found on a Mac that gets its certificate from another CA; nothing is issued here.

        The newest one is the Mac's, whatever it had before. Who was revoked may get one there all the same, and it is
        to be refused as those before.
        """
        name, there = request.name, request.enrolled or ()
        for each in there:
            if self._owners.get(each.sha1, name) != name:
                raise other_client(name, each, self._owners[each.sha1])
        fresh = [each for each in there if each.sha1 not in self._owners]
        self._owners |= {each.sha1: name for each in fresh}
        if revoked and name not in self._settings.readmit:
            why = "found on the Mac of a client that was revoked"
            self.plan.enter += [each.issuance(name, "revoked", why, REVOKED) for each in fresh]
            raise RevokedError(f"{revoked} It gets no profile, unless readmit names {name}.")
        if two_macs := self._two_macs(request):
            self.plan.warnings.append(two_macs)
        self._give_up_refused(current, "")
        if revoked:
            self.plan.readmit.append(name)
            self.plan.alter(name, changed=True, reason="readmitted")
        if not fresh:
            return
        *_older, newest = fresh
        is_newer = current is None or current.origin != ENROLLED or newest.not_before > current.not_before
        for each in fresh:
            state = "issued" if is_newer and each is newest else "superseded"
            self.plan.enter.append(each.issuance(name, state, ENROLLED))
        told = entry_of(self.plan.enter[-1].certificate if is_newer else current)
        self.plan.entries[name] = replace(told, changed=True, reason="readmitted" if revoked else ENROLLED)

    def _why_revoked(self, name: str, history: Sequence[Certificate]) -> str:
        """How a client was revoked, with date and reason; empty when it was not, or was let in again since."""
        readmitted, _event = self._readmitted.get(name, (-1, None))
        for certificate in reversed(history):
            entry, mark = self._verdict.revoked.get(certificate.sha1, ("", ""))
            if mark == REVOKED:
                return f"{name} counts as revoked since {utc_text(self._now)}: {_refused_as(entry)}."
            revoked, event = self._revoked.get(certificate.sha1, (-1, None))
            if event and revoked > readmitted and (certificate.state, certificate.mark) == ("revoked", REVOKED):
                why = "" if event.reason == "revoked" else f": {event.reason}"
                return f"{name} was revoked at {event.time}{why}."
        if entry := self._verdict.entry_against(name):
            return f"{name} counts as revoked: {_refused_as(entry)}, of which this store knows nothing."
        return ""

    def _reason(self, request: ClientRequest, current: Certificate | None, made_of: tuple[str, str]) -> str:
        """Why the client needs a new identity; empty when it does not."""
        if current is None:
            return "missing"
        authority = self.plan.authority
        # None outlives its root, and a supplied one has its own end: a new one might last no longer.
        renewable = authority and current.not_after < authority.not_after and not request.sources
        reasons = {
            "refused_by_azure": current.sha1 in self._verdict.superseded,
            "not_yet_valid": not current.begun(self._now),
            "root_rotated": authority is None or current.root_sha1 != authority.root.sha1,
            "options_changed": (current.origin, current.options) != made_of,
            "expiring": self._now >= current.not_after or (renewable and self._ends_soon(current)),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    def _two_macs(self, request: ClientRequest) -> str:
        """What is wrong with a client that is, or is about to be, on several Macs; empty when it is on one."""
        name = request.name
        macs = dict(self._known.serial_numbers.get(name, {}))
        if request.serial_number and request.serial_number not in macs:
            macs[request.serial_number] = ""
        if len(macs) < 2:
            return ""
        told = [
            f"{number} ({f'seen as {host}' if host else 'named in clients'})" for number, host in sorted(macs.items())
        ]
        return (
            f"{len(macs)} Macs have the identity of {name}: {', '.join(told)}. One identity serves one Mac: give each "
            "Mac a client name of its own, or drop one that is scrapped, with the state forgotten of the module ledger."
        )

    def _certifiable(self, request: ClientRequest, history: Sequence[Certificate], reason: str) -> bool:
        """Whether a key that was made elsewhere gets a certificate now; PkiError when it may not have one.

        A new certificate needs a CSR with a new key. Without one, it is said whether one is wanted.
        """
        name, current = request.name, current_of(history)
        spent = [c for c in history if c.origin == "certified" and (c is not current or reason)]
        keys = tuple(dict.fromkeys(c.public_key_sha256 for c in spent))
        self.plan.alter(name, key_wanted=bool(reason), spent_keys=keys, reason=reason)
        if not request.csr:
            return False
        if current and request.key == current.public_key_sha256 and (not reason or name in self._settings.defer):
            return False
        if self._keys.get(request.key, name) != name:
            raise PkiError(f"The CSR of {name} is for the key of {self._keys[request.key]}; make a key for each Mac.")
        if request.key in keys:
            raise PkiError(f"The CSR of {name} is for a key that had a certificate before; make a new key.")
        self._keys[request.key] = name  # so that no other client of this call comes with it
        return True

    def _issue(self, request: ClientRequest, reason: str) -> None:
        authority = self.plan.authority
        if authority and not authority.root.has_key and not request.sources:
            raise PkiError(
                f"The store holds its root without the key, so nothing can be issued for {request.name}; "
                "give this client pkcs12_source, or certificate_source and key_source."
            )
        self.plan.issue[request.name] = Wanted(request, reason)
        self.plan.entries[request.name] = Entry(
            changed=True,
            reason=reason,
            common_name=request.subject,
            not_after=utc_text(end_of_new(self._settings, authority, self._now)) if authority else "",
            root_sha1=authority.root.sha1 if authority else "",
        )

    def _give_up_refused(self, current: Certificate | None, reason: str) -> None:
        if current is None or current.sha1 not in self._verdict.superseded:
            return
        entry = _refused_as(self._verdict.superseded[current.sha1])
        self.plan.end.append(Ending(current, "revoked", entry, SUPERSEDED))
        if reason == "refused_by_azure":
            self.plan.warnings.append(
                f"{entry}, which for this store is the current certificate of {current.name}: the store is older than "
                f"Azure's list, as after the restore of a backup. {current.name} gets a new one."
            )

    # -- all of them

    def _defer(self) -> None:
        """Leave all but the most urgent renewals to later runs: each is work for the person at the Mac."""
        plan, batch, named = self.plan, self._settings.renew_batch, self._settings.defer
        if not (batch or named):
            return
        working = [current for name in plan.entries if (current := self._working(name))]
        working.sort(key=lambda certificate: (certificate.not_after, certificate.name))
        due = [certificate for certificate in working if certificate.name not in named]
        first = due[:batch] if batch else due
        for current in (certificate for certificate in working if certificate not in first):
            name = current.name
            entry = plan.entries[name]
            plan.deferred.append({"name": name, "reason": entry.reason, "not_after": utc_text(current.not_after)})
            spent = tuple(key for key in entry.spent_keys if key != current.public_key_sha256)
            plan.entries[name] = replace(plan.before[name], spent_keys=spent)
            plan.issue.pop(name, None)

    def _working(self, name: str) -> Certificate | None:
        """What a client that is due can go on with; None for one that is never put off.

        That is who has no identity that works, and whose new key has been made: it has taken the place of the old one,
        so its Mac could not complete the old profile any more.
        """
        entry, wanted = self.plan.entries[name], self.plan.issue.get(name)
        current = current_of(self.history.get(name, ()))
        if current is None or not (entry.key_wanted or wanted) or (wanted and wanted.request.csr):
            return None
        if current.origin == ENROLLED:
            return None  # no profile that is made now can hold it
        useless = entry.reason in ("refused_by_azure", "not_yet_valid", "readmitted")
        elsewhere = bool(entry.key_wanted) == (current.origin == "certified")
        valid = current.not_after > self._now and current.root_sha1 not in self._retired
        return current if elsewhere and valid and not useless else None

    def _ends_soon(self, certificate: Certificate) -> bool:
        return self._now >= certificate.not_after - self._settings.renew_before


def options_of(request: ClientRequest, settings: Settings) -> str:
    """The options that an identity is made of, besides its root and its time, as JSON."""
    if request.sources:
        return json.dumps({"source": request.digest})
    names = {"common_name": request.subject, "names": list(request.names)}
    return json.dumps({"key_size": settings.key_size, **names})


def options_in(options: str) -> list[str]:
    """The same, for people."""
    told = {name: ", ".join(value) if isinstance(value, list) else value for name, value in json.loads(options).items()}
    return [f"{name} {value}" for name, value in told.items()]


def end_of_new(settings: Settings, authority: Authority, now: datetime) -> datetime:
    """When a certificate that is issued now ends."""
    return min(now + timedelta(days=settings.valid_days), authority.not_after)


def _refused_as(entry: str) -> str:
    return f"Azure refuses {entry!r}" if entry else "Azure refuses its certificate"
