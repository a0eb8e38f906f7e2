# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured, in which order."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.tests.lab import postgresql

from .control import HERE, OURS, PEER, Controller, Measured
from .lab import CHEAP, REAL, LabProcess

SITE, PEER_PLAY, IDENTITIES, WAITING = "site", "peer", "identities", "waiting"
FLOOR, FIRST, AGAIN, REPORT, RENEW, KEYS = "floor", "first", "again", "report", "renew", "keys"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
WAIT = 60  # seconds for people; in the case `waiting` none of them ever comes
IN_BULK = "Make the identities"  # the task of identities.yml

FLOOR_PLAYBOOK, PEER_PLAYBOOK = str(HERE / "floor.yml"), str(HERE / "peer/site.yml")
PLAYS: dict[str, list[tuple[str, str]]] = {
    SITE: [
        (FLOOR, FLOOR_PLAYBOOK),
        (FIRST, "vwan.user_vpn.site"),
        (AGAIN, "vwan.user_vpn.site"),
        (REPORT, "vwan.user_vpn.report"),
        (RENEW, "vwan.user_vpn.renew"),
    ],
    PEER_PLAY: [(FLOOR, FLOOR_PLAYBOOK), (FIRST, PEER_PLAYBOOK), (AGAIN, PEER_PLAYBOOK)],
    IDENTITIES: [(IDENTITIES, str(HERE / "identities.yml"))],
    WAITING: [(FIRST, "vwan.user_vpn.site")],
}


@dataclass(frozen=True)
class Case:
    """One fleet, and what is done with it. Its name is WHAT:MACS, then what differs from the defaults."""

    what: str
    macs: int
    forks: int = 10
    kind: str = CHEAP
    store: str = SQLITE

    @classmethod
    def named(cls, name: str) -> Case:
        what, _colon, rest = name.partition(":")
        macs, *more = rest.split(":")
        if what not in PLAYS or not macs.isdecimal():
            raise ValueError(f"{name}: a case is one of {', '.join(PLAYS)}, a colon, and how many Macs")
        case = cls(what, int(macs))
        if what == WAITING:  # a Mac that nobody sits at has to be a real one, and to hold a fork if ours lets it
            case = replace(case, forks=5, kind=REAL)
        for word in more:
            if word == REAL:
                case = replace(case, kind=REAL)
            elif word == POSTGRESQL:
                case = replace(case, store=POSTGRESQL)
            elif word[:1] == "f" and word[1:].isdecimal():
                case = replace(case, forks=int(word[1:]))
            else:
                raise ValueError(f"{name}: {word} is none of fNUMBER (forks), {REAL} and {POSTGRESQL}")
        return case

    @property
    def name(self) -> str:
        usual = Case.named(f"{self.what}:{self.macs}")
        words = [f"f{self.forks}" if self.forks != usual.forks else "", self.kind if self.kind != usual.kind else ""]
        words.append(self.store if self.store != usual.store else "")
        return ":".join([self.what, str(self.macs), *filter(None, words)])

    @property
    def repetitions(self) -> int:
        return 1 if self.macs > 100 or self.what == WAITING else 3


@dataclass
class Row:
    """One kind of run in one case, as often as it was repeated."""

    case: Case
    run: str
    runs: list[Measured] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)  # seconds for keys alone; that run is none of Ansible's


NAMES = (
    "site:10 site:10:f50 site:10:real site:50 site:100 site:100:f50 site:100:real site:100:postgresql site:1000 "
    "peer:10 peer:100 identities:100 waiting:50"
)
ALL_NAMES = f"{NAMES} site:1000:f50 peer:1000"  # the last takes most of an hour
QUICK_NAMES = "site:20"


def measure(case: Case, *, quick: bool = False) -> list[Row]:
    """Its rows; none where something is missing, RuntimeError where the Macs did not end as they have to.

    `quick`: the Macs are brought to their end state once, and only the run with nothing to do is repeated.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench.")))
        cluster = None
        if case.store == POSTGRESQL:
            if problem := postgresql.install():
                say(f"{case.name}: left out, {problem}")
                return []
            cluster = stack.enter_context(postgresql.Cluster.started())
        person = "ignores" if case.what == WAITING else "approves"
        lab = stack.enter_context(LabProcess(folder / "lab", case.macs, case.kind, person))
        control = Controller(folder / "control", lab, forks=case.forks, wait=WAIT)
        rows: dict[str, Row] = {}
        for number in range(case.repetitions):
            if not (quick and number):
                pki = cluster.url(f"bench_{number}") if cluster else ""
                control.fresh(pki, cluster.environment if cluster else None)
            control.play(FLOOR_PLAYBOOK)  # opens the connections
            for run, playbook in PLAYS[case.what]:
                if quick and (run in (REPORT, RENEW) or (run == FIRST and number)):
                    continue
                done = control.play(playbook, programs=PEER if playbook == PEER_PLAYBOOK else OURS)
                say(f"{case.name} {run}: {done.wall:.1f} s, CPU {done.cpu:.1f} s, Macs' CPU {done.mac_cpu:.1f} s")
                wanted = 0 if case.what == WAITING else case.macs
                if run in (FIRST, AGAIN) and done.installed != wanted:
                    raise RuntimeError(f"{case.name} {run}: {done.installed} Macs have a profile, not {wanted}")
                rows.setdefault(run, Row(case, run)).runs.append(done)
            if case.what == IDENTITIES:
                rows.setdefault(KEYS, Row(case, KEYS)).keys.append(_keys_alone(case.macs))
        if problems := lab.ask("check"):
            raise RuntimeError(f"{case.name}: " + "\n".join(problems))
        return list(rows.values())


def _keys_alone(number: int) -> float:
    """Seconds in which all cores make so many RSA keys, and nothing else."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(_key, [1024] * cores))  # the workers are there
        began = time.monotonic()
        list(pool.map(_key, [2048] * number))
        return time.monotonic() - began


def _key(bits: int) -> int:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits).key_size


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
