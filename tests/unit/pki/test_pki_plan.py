# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of a fleet, by planning alone: nobody is locked out who should not be, and nobody let in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.deliveries import on_macs, replaced, serial_numbers
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.plan import (
    Known,
    Plan,
    Settings,
    end_of_new,
    make_plan,
    options_of,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.refusals import to_refuse
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import ClientRequest
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import Authority, current_root
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import (
    Certificate,
    Delivery,
    Event,
    Refusal,
    by_client,
    current_of,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.text import utc_text

BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLIENTS = ("anna", "ben")
MACS = {"mac-1": "anna", "mac-2": "ben", "mac-3": "ben"}  # two Macs under one name


@dataclass
class Book:
    """What a store holds, and what store.py does with it."""

    certificates: list[Certificate] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def set_state(self, certificate: Certificate, state: str, now: datetime, mark: str = "") -> None:
        where = [c.sha1 for c in self.certificates].index(certificate.sha1)
        self.certificates[where] = replace(certificate, state=state, mark=mark, has_key=False)
        self.note(state, now, sha1=certificate.sha1, client=certificate.name)

    def note(self, what: str, now: datetime, *, sha1: str = "", client: str = "") -> None:
        self.events.append(Event(utc_text(now), sha1, client, what, "", ""))

    def add(self, certificate: Certificate, now: datetime) -> None:
        for older in self.certificates:
            if (older.kind, older.name, older.state) == ("client", certificate.name, "issued"):
                self.set_state(older, "superseded", now)
        self.certificates.append(certificate)
        self.note("issued", now, sha1=certificate.sha1, client=certificate.name)

    def known(self, now: datetime) -> Known:
        root = current_root(self.certificates, now)
        authority = Authority(root, (), root.not_after) if root else None
        macs = on_macs(self.deliveries, self.certificates)
        return Known(self.certificates, authority, self.events, self.refusals, serial_numbers(macs))


class Fleet(RuleBasedStateMachine):
    """The truth, a store that knows a part of it, and a controller whose clock may be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.backups: list[Book] = []
        self.azure: dict[str, str] = {}
        self.holds: dict[str, Certificate] = {}  # what each Mac has
        self.revoked: set[str] = set()  # whom somebody has revoked, and nobody let in again
        self.told: set[str] = set()  # those of them whom Azure's list names as such
        self.time = BEGIN
        self.skew = timedelta(0)
        self.number = 0

    @property
    def now(self) -> datetime:
        """As the controller has it."""
        return self.time + self.skew

    def certificate(self, kind: str, name: str, root: str, end: datetime, **more: object) -> Certificate:
        self.number += 1
        sha1 = f"{self.number:08X}{'0' * 32}"
        values: dict[str, object] = {
            "sha1": sha1, "sha256": sha1, "kind": kind, "name": name, "generation": 0, "serial": sha1,
            "subject": f"CN={name}", "common_name": name, "root_sha1": root or sha1,
            "not_before": self.now - timedelta(hours=1), "not_after": end, "state": "issued", "reason": "",
            "origin": "made", "options": "", "public_key_sha256": sha1, "has_key": True,
        }  # fmt: skip
        return Certificate(**values | more)  # type: ignore[arg-type]

    def accepts(self, certificate: Certificate, azure: Mapping[str, str]) -> bool:
        valid = certificate.not_before <= self.time < certificate.not_after
        return valid and certificate.sha1 not in azure

    # -- what happens

    @initialize()
    def begin(self) -> None:
        self.rotate()

    @rule(days=st.sampled_from([1, 40, 200, 400]))
    def time_passes(self, days: int) -> None:
        self.time += timedelta(days=days)

    @rule(days=st.sampled_from([-400, -2, 0, 0, 0, 2, 400]))
    def the_clock_is_set(self, days: int) -> None:
        self.skew = timedelta(days=days)

    @rule()
    def rotate(self) -> None:
        roots = [c for c in self.book.certificates if c.kind == "root"]
        root = self.certificate("root", "root", "", self.now + timedelta(days=3650), generation=len(roots) + 1)
        self.book.add(root, self.now)

    @rule(
        names=st.sets(st.sampled_from(CLIENTS), min_size=1),
        readmit=st.sets(st.sampled_from(CLIENTS)),
        asked=st.booleans(),
        batch=st.integers(0, 1),
        size=st.sampled_from([2048, 2048, 3072]),
    )
    def site(self, names: set[str], readmit: set[str], asked: bool, batch: int, size: int) -> None:
        """A run issues what the plan says; a second one has nothing to do."""
        wanted = Settings(
            key_size=size,
            renew_batch=batch,
            readmit=frozenset(readmit),
            refused=dict(self.azure) if asked else {},
        )
        requests = [ClientRequest(name) for name in sorted(names)]
        plan = make_plan(self.book.known(self.now), requests, wanted, self.now)
        if plan.authority is None:
            return
        assert plan == make_plan(self.book.known(self.now), requests, wanted, self.now)
        self.check(plan, names, readmit, wanted)
        self.carry_out(plan, wanted)
        self.revoked -= set(plan.readmit)
        self.told -= set(plan.readmit)
        if not batch:
            again = make_plan(self.book.known(self.now), requests, replace(wanted, readmit=frozenset()), self.now)
            assert (again.issue, again.end, again.note) == ({}, [], {})
            assert again.deferred == []

    def check(self, plan: Plan, names: set[str], readmit: set[str], wanted: Settings) -> None:
        history = by_client(self.book.certificates)
        deferred = {client["name"] for client in plan.deferred}
        for name in names:
            entry, current = plan.entries[name], current_of(history.get(name, ()))
            if not (entry.failed or entry.changed) and name not in deferred:
                assert current
                assert current.begun(self.now)
                assert self.now < current.not_after
                assert current.sha1 not in wanted.refused
                assert plan.authority and current.root_sha1 == plan.authority.root.sha1
            if name in deferred:
                assert current and current.begun(self.now) and current.sha1 not in wanted.refused
            if entry.changed and wanted.refused:
                assert name not in self.told - readmit, "somebody who was revoked is let in"
        assert set(plan.issue) <= names

    def carry_out(self, plan: Plan, wanted: Settings) -> None:
        for revocation in plan.end:
            self.book.set_state(revocation.certificate, "revoked", self.now, revocation.mark)
        self.book.refusals += [Refusal(sha1, name, utc_text(self.now)) for sha1, name in plan.note.items()]
        for name in plan.readmit:
            self.book.note("readmitted", self.now, client=name)
        assert plan.authority
        for name, one in plan.issue.items():
            end = end_of_new(wanted, plan.authority, self.now)
            options = options_of(one.request, wanted)
            new = self.certificate("client", name, plan.authority.root.sha1, end, options=options)
            self.book.add(new, self.now)

    @rule(host=st.sampled_from(sorted(MACS)))
    def delivered(self, host: str) -> None:
        """A Mac takes what its client has, and is seen with it."""
        current = current_of(by_client(self.book.certificates).get(MACS[host], ()))
        if current:
            self.holds[host] = current
            self.seen(host, current)

    @rule(host=st.sampled_from(sorted(MACS)))
    def seen_again(self, host: str) -> None:
        if host in self.holds:
            self.seen(host, self.holds[host])

    def seen(self, host: str, held: Certificate) -> None:
        known = {c.sha1 for c in self.book.certificates}
        sha1 = held.sha1 if held.sha1 in known else ""
        self.book.deliveries.append(
            Delivery(utc_text(self.now), host, "vpn", f"C02{host}", "15.5", "installed", held.sha1, held.sha1, "", sha1)
        )

    @rule(name=st.sampled_from(CLIENTS))
    def stolen(self, name: str) -> None:
        """Revoked, and Azure is told at once."""
        mine = [c for c in self.book.certificates if c.name == name and c.state in ("issued", "superseded", "removed")]
        for certificate in mine:
            self.book.set_state(certificate, "revoked", self.now, "revoked")
        self.publish()
        if mine:
            self.revoked.add(name)
        if any(self.azure.get(c.sha1, "").startswith(f"{name}.revoked") for c in mine):
            self.told.add(name)

    @rule()
    def retire_superseded(self) -> None:
        """What a newer one has replaced on its Mac is refused, and nobody loses what the Mac really has."""
        before = {host: held for host, held in self.holds.items() if self.accepts(held, self.azure)}
        macs = on_macs(self.book.deliveries, self.book.certificates)
        for certificate in replaced(self.book.certificates, macs, self.now):
            self.book.set_state(certificate, "revoked", self.now, "superseded")
        self.publish()
        for host, held in before.items():
            assert self.accepts(held, self.azure) or MACS[host] in self.revoked, f"{host} lost {held.sha1}"

    def publish(self) -> None:
        """What is there already keeps its name."""
        entries = to_refuse(self.book.certificates, self.time)
        self.azure = {entry["thumbprint"]: entry["name"] for entry in entries} | self.azure

    @rule(host=st.sampled_from(sorted(MACS)))
    def refused_by_hand(self, host: str) -> None:
        if host in self.holds:
            self.azure.setdefault(self.holds[host].sha1, "by hand")

    @rule()
    def backup(self) -> None:
        self.backups.append(copy.deepcopy(self.book))

    @rule(which=st.integers(0, 3))
    def restore(self, which: int) -> None:
        if which < len(self.backups):
            self.book = copy.deepcopy(self.backups[which])

    @invariant()
    def one_current_certificate(self) -> None:
        for history in by_client(self.book.certificates).values():
            assert [c.state for c in history].count("issued") <= 1


Fleet.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestFleet = Fleet.TestCase


def test_a_generation_that_is_past_is_an_error() -> None:
    fleet = Fleet()
    fleet.begin()
    fleet.rotate()
    try:
        make_plan(fleet.book.known(BEGIN), [], Settings(generation=1), BEGIN)
    except PkiError as error:
        assert "generation 2 already, not 1" in str(error)
