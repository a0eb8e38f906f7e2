# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL, while ansible-playbook issues, renews, rotates and revokes: the run is killed, or its server, or the
connection; at any moment, or in the middle of its transaction. One more run converges.

The sample of `make test` is one of each operation; `make soak` does 100. Second tools: psql, openssl.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.current import identity_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all, kill_one
from ansible_collections.vwan.user_vpn.tests.integration.pki.stores import PostgresStore
from ansible_collections.vwan.user_vpn.tests.integration.site import HERE, PASSPHRASE, ROOT
from ansible_collections.vwan.user_vpn.tests.lab import postgresql

ROUNDS = int(os.environ.get("USER_VPN_KILL_ROUNDS", "25" if SOAK else "1"))
OPERATIONS = ("issue", "renew", "rotate", "revoke")
KINDS = ("run", "server", "connection", "process")
SECONDS = 300
LOST = ("was lost in the middle", "is starting or stopping", "No PostgreSQL server answers")


def keeping(again: str = "") -> list[dict[str, Any]]:
    """The tasks for a root, its clients and the revoked ones; `again` is a condition and a mark in their names."""
    clients = {name: f"{{{{ {name} }}}}" for name in ("clients", "generation", "valid_days", "renew_before_days")}
    tasks = {
        "root_certificate": {"passphrase": PASSPHRASE, "generation": "{{ generation }}"},
        "client_certificates": {"passphrase": PASSPHRASE} | clients,
    }
    ended = {"clients": "{{ revoked }}", "state": "revoked", "reason": "the test"}
    found = [
        {"name": f"{name} {again}", f"vwan.user_vpn.{name}": {"pki": "{{ pki }}"} | o} for name, o in tasks.items()
    ]
    found.append({"name": f"revoked {again}", "vwan.user_vpn.client_certificates": {"pki": "{{ pki }}"} | ended})
    found[-1]["when"] = "revoked | length > 0"
    return [{"name": f"Round {again}", "block": found, "when": again}] if again else found


PLAY = {
    "hosts": "localhost",
    "gather_facts": False,
    "vars": {"again": False},
    "tasks": [*keeping(), *keeping("again")],
}


@dataclass
class Fleet:
    """What should be there, by the test's own bookkeeping, and what the store holds."""

    folder: Path
    store: PostgresStore
    random: random.Random
    clients: list[str] = field(default_factory=lambda: ["mac-a", "mac-b"])
    generation: int = 1
    valid_days: int = 100
    number: int = 0
    runs: int = 0
    refused: set[str] = field(default_factory=set)  # what Azure has to refuse

    def change(self, operation: str) -> dict[str, Any]:
        """The next wish: the variables of the run that fulfils it."""
        self.number += 1
        renew_before_days, revoked = 1, list[str]()
        if operation == "issue":
            self.clients = [*self.clients, f"mac-{self.number}-x", f"mac-{self.number}-y"]
        elif operation == "renew":
            self.valid_days += 1  # what there is has at most as many days left as before, and is due
            renew_before_days = self.valid_days - 1
        elif operation == "rotate":
            self.generation += 1
        else:
            revoked, self.clients = self.clients[2:], self.clients[:2]
            query = "SELECT sha1, name FROM certificates WHERE kind = 'client'"
            self.refused |= {sha1 for sha1, name in self.store.rows(query) if name in revoked}
        return {
            "pki": self.store.option,
            "clients": self.clients,
            "generation": self.generation,
            "valid_days": self.valid_days,
            "renew_before_days": renew_before_days,
            "revoked": revoked,
        }

    def start(self, variables: dict[str, Any], *, again: bool = False) -> tuple[subprocess.Popen[str], Path]:
        self.runs += 1
        playbook = self.folder / "keep.yml"
        playbook.write_text(yaml.safe_dump([PLAY], sort_keys=False))
        record = self.folder / f"run-{self.runs}.jsonl"
        record.touch()
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "ANSIBLE_HOME": str(self.folder / ".ansible"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "RECORDER_FILE": str(record),
        } | self.store.environment
        with record.with_suffix(".txt").open("w") as output:
            run = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "ansible-playbook"),
                    str(playbook),
                    "-e",
                    json.dumps(variables | {"again": again}),
                ],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return run, record

    def play(self, variables: dict[str, Any]) -> None:
        """A whole run, the second round of which may change nothing."""
        run, record = self.start(variables, again=True)
        try:
            run.wait(SECONDS)
        finally:
            kill_all(run, record)
        assert run.returncode == 0, record.with_suffix(".txt").read_text()
        results = [json.loads(line) for line in record.read_text().splitlines()]
        assert [e["task"] for e in results if "again" in e["task"]], "there was no second round"
        assert not [e["task"] for e in results if "again" in e["task"] and e["result"].get("changed")]

    # -- killing

    def connected(self) -> list[tuple[str, ...]]:
        """(process, what it waits for) of the connections of runs, as the server sees them."""
        seen = "SELECT pid, coalesce(wait_event_type, '') FROM pg_stat_activity WHERE application_name <> 'blocker' "
        told = self.store.cluster.sql(f"{seen} AND usename = '{postgresql.ROLE}'", user="postgres")
        return [tuple(line.split("|")) for line in told.splitlines()]

    @contextlib.contextmanager
    def writers_wait(self) -> Iterator[None]:
        """Whoever writes certificates stands still in the middle of its transaction."""
        import psycopg

        blocker = psycopg.connect(
            host="127.0.0.1",
            port=self.store.cluster.port,
            user=postgresql.ROLE,
            dbname=postgresql.DATABASE,
            application_name="blocker",
        )
        try:
            blocker.execute(f"LOCK TABLE {self.store.schema}.certificates IN SHARE MODE")
            yield
        finally:
            with contextlib.suppress(psycopg.Error):
                blocker.close()

    def kill(self, kind: str, variables: dict[str, Any], *, middle: bool) -> bool:
        """Start the run, and kill it in the middle of its transaction, or soon after it has come to the server.

        Returns whether the run was still there.
        """
        with self.writers_wait() if middle else contextlib.nullcontext():
            run, record = self.start(variables)
            end = time.monotonic() + SECONDS
            while run.poll() is None and time.monotonic() < end:
                if any(waits == "Lock" or not middle for _pid, waits in self.connected()):
                    break
            if not middle:
                time.sleep(self.random.expovariate(1 / 0.3))
            alive = run.poll() is None
            if kind == "run":
                kill_all(run, record)
            elif kind == "process":
                kill_one(run)
            elif kind == "server":
                self.store.cluster.stop("immediate")
            else:
                for pid, _waits in self.connected():
                    self.store.cluster.sql(f"SELECT pg_terminate_backend({pid})", user="postgres")
        if kind in ("server", "connection"):
            try:
                run.wait(SECONDS)
            finally:
                kill_all(run, record)
            output = record.with_suffix(".txt").read_text()
            self.store.cluster.start()
            assert "Traceback" not in output
            if run.returncode:
                assert any(sentence in " ".join(output.split()) for sentence in LOST), output
            assert run.returncode or not middle, "its transaction was broken off, and it says that all is well"
        return alive

    # -- what must hold

    def current(self) -> dict[str, str]:
        return dict(
            self.store.rows("SELECT name, sha1 FROM certificates WHERE kind = 'client' AND state = 'issued'")  # type: ignore[arg-type]
        )

    def opens(self, name: str, sha1: str) -> bool:
        """Whether openssl opens its PKCS#12, and finds this very certificate in it."""
        current = identity_of(place_of(self.store.option), name, PASSPHRASE)
        if current is None or current.identity is None or current.certificate.sha1 != sha1:
            return False
        done = subprocess.run(
            ["openssl", "pkcs12", "-legacy", "-passin", "env:SECRET", "-nodes"],
            input=current.identity.pkcs12,
            env={"PATH": "/usr/bin:/bin", "SECRET": current.identity.password},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0 and current.pem.strip() in done.stdout and b"PRIVATE KEY" in done.stdout

    def check_nothing_is_lost(self, before: dict[str, str], ending: list[str]) -> None:
        now = self.current()
        for name in set(before) - set(ending):
            assert name in now, f"{name} has no identity any more"
            assert self.opens(name, now[name]), f"the identity of {name} does not open"

    def check_converged(self) -> None:
        now = self.current()
        assert sorted(now) == sorted(self.clients)
        assert all(self.opens(name, sha1) for name, sha1 in now.items())
        issued = (
            "SELECT sha1 FROM certificates WHERE kind = 'root' AND state = 'issued' ORDER BY generation DESC LIMIT 1"
        )
        signed = "SELECT DISTINCT root_sha1 FROM certificates WHERE kind = 'client' AND state = 'issued'"
        assert self.store.rows(signed) == self.store.rows(issued)
        revoked = self.store.rows("SELECT sha1, sealed IS NULL FROM certificates WHERE state = 'revoked'")
        assert dict(revoked) == dict.fromkeys(self.refused, "t")  # type: ignore[arg-type]

    def times_issued(self) -> dict[str, int]:
        query = "SELECT name, count(*) FROM events JOIN certificates USING (sha1) WHERE what = 'issued' "
        return {name: int(n) for name, n in self.store.rows(f"{query} AND kind = 'client' GROUP BY name")}


# Two parts, so that two cores share the soak.
@pytest.mark.parametrize("part", range(2 if SOAK else 1))
def test_killed_over_postgresql(tmp_path: Path, cluster: postgresql.Cluster, schema: str, part: int) -> None:
    fleet = Fleet(tmp_path, PostgresStore(cluster, schema), random.Random(part))
    kinds = itertools.cycle(KINDS[part:] + KINDS[:part])
    fleet.play(fleet.change("issue"))
    killed = kills = 0
    for number in range(ROUNDS):
        for operation in OPERATIONS:
            before, times = fleet.current(), fleet.times_issued()
            variables = fleet.change(operation)
            kind, middle = next(kinds), (number + kills) % 2 == 0
            killed += fleet.kill(kind, variables, middle=middle)
            kills += 1
            if kind != "process":  # whose worker goes on
                fleet.check_nothing_is_lost(before, variables["revoked"])
            fleet.play(variables)
            fleet.check_converged()
            anew = set(fleet.clients) - (set() if operation in {"renew", "rotate"} else set(before))
            wanted = {n: times.get(n, 0) + (n in anew) for n in {*times, *fleet.clients}}
            assert fleet.times_issued() == wanted, f"{operation} issued a client twice, or not at all"
        next(kinds)  # so that each kind meets each operation
    print(f"part {part}: {killed} of {kills} runs were there when they, their server or their connection was killed")
    assert killed, "every run ended before it was killed"
