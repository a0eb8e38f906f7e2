# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook killed at random moments while it issues, renews, rotates and revokes: one more run converges.

The sample of `make test` is one kill of each; `make soak` does 52 of each. Second tools: sqlite3 and openssl. For
PostgreSQL see test_pki_kill_postgresql.py.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all, kill_one
from ansible_collections.vwan.user_vpn.tests.integration.pki.playbooks import Certificate, Runs, wait_for

ROUNDS = int(os.environ.get("USER_VPN_KILL_ROUNDS", "13" if SOAK else "1"))
OPERATIONS = ("issue", "renew", "rotate", "revoke")


@dataclass
class Fleet:
    """What should be there, by the test's own bookkeeping, and what the store holds."""

    runs: Runs
    random: random.Random
    clients: list[str] = field(default_factory=lambda: ["mac-a", "mac-b"])
    generation: int = 1
    valid_days: int = 100
    number: int = 0
    refused: set[str] = field(default_factory=set)  # thumbprints that Azure has to refuse

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "clients": self.clients,
            "generation": self.generation,
            "valid_days": self.valid_days,
            "renew_before_days": 1,
        } | more

    def change(self, operation: str) -> dict[str, Any]:
        """The next wish: the variables of the run that fulfils it."""
        self.number += 1
        if operation == "issue":
            self.clients = [*self.clients, f"mac-{self.number}-x", f"mac-{self.number}-y"]
        elif operation == "renew":
            self.valid_days += 1  # what there is has at most as many days left as before, and is due
            return self.settings(renew_before_days=self.valid_days - 1)
        elif operation == "rotate":
            self.generation += 1
        else:
            gone, self.clients = self.clients[2:], self.clients[:2]
            self.refused |= {c.sha1 for c in self.runs.certificates() if c.name in gone}
            return self.settings(revoked=gone)
        return self.settings()

    def current(self) -> dict[str, Certificate]:
        known = self.runs.certificates()
        return {c.name: c for c in known if c.kind == "client" and c.state == "issued"}

    def kill(self, variables: dict[str, Any], *, whole: bool) -> tuple[bool, bool]:
        """Start the run and kill it: at any moment, or soon after it has begun to write.

        `whole` is for all its processes, otherwise its worker goes on while the next run starts. Returns whether the
        run was still there, and whether it had begun to write.
        """
        before = self.runs.stamp()
        run, record = self.runs.start(**variables)
        if self.random.random() < 0.8:
            wait_for(lambda: self.runs.stamp() != before, run)
            time.sleep(self.random.expovariate(1 / 0.15))
        else:
            time.sleep(self.random.uniform(0.3, 3.0))
        alive = kill_all(run, record) if whole else kill_one(run)
        return alive, alive and self.runs.stamp() != before

    # -- what must hold

    def check_nothing_is_lost(self, before: dict[str, Certificate], ending: list[str]) -> None:
        """Right after the kill: who had a valid identity has one."""
        now = self.current()
        for name in set(before) - set(ending):
            assert name in now, f"{name} has no identity any more"
            assert self.runs.opens(now[name]), f"the identity of {name} does not open"

    def check_converged(self, results: list[dict[str, Any]]) -> None:
        late = [e["task"] for e in results if "again" in e["task"] and e["result"].get("changed")]
        assert late == [], "the second round of the run that followed changed something"
        now = self.current()
        assert sorted(now) == sorted(self.clients)
        assert all(self.runs.opens(certificate) for certificate in now.values())
        known = self.runs.certificates()
        newest = [c for c in known if c.kind == "root" and c.state == "issued"][-1]
        assert {c.root_sha1 for c in now.values()} == {newest.sha1}
        assert self.runs.keyed() == {certificate.sha1 for certificate in now.values()}
        told = next(e["result"] for e in results if e["task"] == "told")
        assert {entry["sha1"] for entry in told["revoked"]} == self.refused
        assert {entry["sha1"] for entry in told["certificates"]} == {c.sha1 for c in known}


# In parts, so that two cores share the soak.
@pytest.mark.parametrize("runs", ["sqlite"], indirect=True)
@pytest.mark.parametrize("part", range(4 if SOAK else 1))
def test_killed_at_any_moment_of_a_certificates_life(runs: Runs, part: int) -> None:
    fleet = Fleet(runs, random.Random(part))
    fleet.runs.play(**fleet.settings())
    killed = writing = 0
    for _round in range(ROUNDS):
        for operation in OPERATIONS:
            before, times = fleet.current(), fleet.runs.times_issued()
            variables = fleet.change(operation)
            whole = fleet.random.random() < 0.75
            alive, wrote = fleet.kill(variables, whole=whole)
            killed, writing = killed + alive, writing + wrote
            if whole:
                fleet.check_nothing_is_lost(before, variables.get("revoked", []))
            fleet.check_converged(fleet.runs.play(**variables, again=True))
            anew = set(fleet.clients) - (set() if operation in {"renew", "rotate"} else set(before))
            wanted = {n: times.get(n, 0) + (n in anew) for n in {*times, *fleet.clients}}
            assert fleet.runs.times_issued() == wanted, f"{operation} issued a client twice, or not at all"
    print(
        f"part {part}: {killed} of {ROUNDS * len(OPERATIONS)} runs killed, {writing} of them after they began to write"
    )
    assert killed, "every run ended before it was killed"
