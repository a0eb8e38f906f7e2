# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks site, renew and revoke killed at random moments, with Azure and Macs: one more run converges.

`make soak` does 52 of each kind. Second tools: sqlite3 and openssl.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all, kill_one
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.pki.playbooks import wait_for
from ansible_collections.vwan.user_vpn.tests.lab import Mac

SEED = int(os.environ.get("USER_VPN_SEED", "0"))
ROUNDS = int(os.environ.get("USER_VPN_KILL_ROUNDS", "13"))
OPERATIONS = ("issue", "renew", "rotate", "revoke")
# The last one comes with every `issue`, and is revoked again.
MACS = {"mac1": "15.5", "mac2": "14.4", "mac3": "26.1"}
GUEST = "mac3"
# Where Azure does not know yet what the store does.
BETWEEN = {
    "renew": "Revoke these in the store",
    "revoke": "Revoke clients in the store, and destroy their keys",
}


@dataclass
class Fleet:
    """What should be there, by the test's own bookkeeping."""

    site: AzureSite
    random: random.Random
    names: set[str] = field(default_factory=lambda: set(MACS) - {GUEST})
    valid_days: int = 365
    generation: int = 1
    kills: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # that a playbook took when nobody killed it

    def wish(self, operation: str) -> tuple[str, tuple[str, ...]]:
        """The next change: the playbook that brings it about, and its options."""
        playbook, given = "site", dict[str, Any]()
        if operation == "issue":
            given["user_vpn_readmit"] = [GUEST]
            self.names = set(MACS)
        elif operation == "renew":
            playbook = "renew"
            self.valid_days += 1  # what there is has fewer days left than this, and is due; the new ones are not
            given["user_vpn_renew_before_days"] = self.valid_days - 1
        elif operation == "rotate":
            self.generation += 1
        else:
            playbook = "revoke"
            self.names -= {GUEST}
            given |= {"user_vpn_revoke": GUEST, "user_vpn_revoke_reason": "lost"}
        given |= {
            "user_vpn_hosts": "user_vpn" if operation == "revoke" else ",".join(sorted(self.names)),
            "certificates_client_valid_days": self.valid_days,
            "certificates_root_generation": self.generation,
            "user_vpn_revoke_superseded": True,
        }
        return f"vwan.user_vpn.{playbook}", ("-e", json.dumps(given))

    def play(self, playbook: str, options: tuple[str, ...]) -> Any:
        started = time.monotonic()
        run = self.site.play(*options, playbook=playbook)
        assert run.returncode == 0, run.output
        self.seconds.setdefault(playbook, time.monotonic() - started)
        return run

    def kill(self, playbook: str, options: tuple[str, ...], *, whole: bool, after: str = "") -> tuple[bool, str]:
        """Start the run, and kill it at any moment, or once it has done the task `after`.

        `whole` is for all its processes; otherwise its workers go on while the next run starts. Returns whether the run
        was still there, and the task that it had done last.
        """
        self.kills += 1
        record = self.site.folder / f"killed-{self.kills}.jsonl"
        record.touch()
        run: subprocess.Popen[str] = subprocess.Popen(
            self.site.command(*options, playbook=playbook),
            cwd=self.site.folder,
            env=self.site.environment({}, record),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if after:
            wait_for(lambda: f'{after}"' in record.read_text(), run)
        else:
            usual = self.seconds.get(playbook, self.seconds["vwan.user_vpn.site"])
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(usual * self.random.uniform(0.15, 1))
        alive = kill_all(run, record) if whole else kill_one(run)
        lines = record.read_text().splitlines()
        return alive, json.loads(lines[-1])["task"] if lines else "(none)"

    # -- what must hold

    def ledger(self) -> list[tuple[str, str, str]]:
        """(client, SHA-1, state) of every client certificate, as sqlite3 reads them."""
        with contextlib.closing(sqlite3.connect(self.site.pki)) as database:  # it rolls back what a kill has left
            rows = database.execute("SELECT name, sha1, state FROM certificates WHERE kind = 'client' ORDER BY id")
            return rows.fetchall()

    def on_macs(self) -> dict[str, str]:
        """SHA-1 of the certificate on each Mac that the gateway would accept it with, now."""
        found = {name: self.site.identity(name) for name in MACS}
        now = datetime.now(UTC)
        return {name: item.sha1 for name, item in found.items() if item and self.site.accepts(name, now)}

    def in_store(self) -> dict[str, str]:
        """SHA-1 of the current identity of each client, where openssl opens it."""
        return {name: sha1 for name, sha1, state in self.ledger() if state == "issued" and self.opens(name, sha1)}

    def opens(self, name: str, sha1: str) -> bool:
        if sha1 not in self.site.keyed():
            return False
        identity = self.site.sealed_identity(name)
        command = ["openssl", "pkcs12", "-legacy", "-passin", f"pass:{identity.password}", "-nodes"]
        done = subprocess.run(command, input=identity.pkcs12, capture_output=True, check=False)
        return done.returncode == 0 and b"PRIVATE KEY" in done.stdout and b"BEGIN CERTIFICATE" in done.stdout

    def issued(self) -> set[str]:
        """Whatever was ever issued."""
        return {sha1 for _unused, sha1, _state in self.ledger()}

    def check_nothing_is_lost(self, had: set[str]) -> None:
        """At any moment: who could connect still can, and the store knows every certificate that is on a Mac."""
        assert had <= set(self.on_macs())
        assert had <= set(self.in_store())
        assert set(self.on_macs().values()) <= self.issued()

    def check_converged(self) -> None:
        ledger, current = self.ledger(), self.in_store()
        assert set(current) == self.names
        assert self.on_macs() == current, "on the Macs is what the store holds, and the gateway accepts it"
        # All that was ever issued and is not the current one: each successor is on its Mac.
        assert self.site.refused == self.issued() - set(current.values())
        assert {sha1 for _unused, sha1, state in ledger if state == "revoked"} == self.site.refused
        assert self.site.keyed() == set(current.values())
        assert not list(self.site.folder.rglob("*.tmp"))
        for name, mac in self.site.lab.macs.items():
            assert mac.pending is None
            assert (name in self.names) == bool(mac.profiles)
            # The offer has left running what takes its file away some seconds later.
            until(partial(_nothing_staged, mac))


def _nothing_staged(mac: Mac) -> bool:
    return not any(b"PayloadContent" in content for _path, content in mac.files())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, **MACS) as site:
        yield site


# Four parts, so that two cores share the soak.
@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_killed_at_any_moment_of_the_years(site: AzureSite, part: int) -> None:
    seed = f"{SEED}/{part}"
    fleet = Fleet(site, random.Random(seed))
    fleet.play(*_first(fleet))
    fleet.check_converged()
    killed = 0
    for number in range(ROUNDS):
        for operation in OPERATIONS:
            before = set(fleet.on_macs())
            wish = fleet.wish(operation)
            after = BETWEEN.get(operation, "") if number == 0 else ""
            whole = bool(after) or fleet.random.random() < 0.75
            alive, task = fleet.kill(*wish, whole=whole, after=after)
            print(f"seed {seed}, round {number}: {operation}, {'killed after' if alive else 'ended'}: {task}, {whole=}")
            killed += alive
            if whole:
                fleet.check_nothing_is_lost(before & fleet.names)
            fleet.play(*wish)
            fleet.check_converged()
    print(f"seed {seed}: {killed} of {fleet.kills} runs killed")
    assert killed, "every run ended before it was killed"
    given = {"user_vpn_hosts": ",".join(sorted(fleet.names)), "certificates_client_valid_days": fleet.valid_days}
    given["certificates_root_generation"] = fleet.generation
    assert site.play("-e", json.dumps(given)).changed() == set()


def _first(fleet: Fleet) -> tuple[str, tuple[str, ...]]:
    playbook, options = fleet.wish("issue")
    fleet.names -= {GUEST}
    given = json.loads(options[1]) | {"user_vpn_hosts": ",".join(sorted(fleet.names))}
    return playbook, ("-e", json.dumps(given))
