# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job slices: eight ansible-playbook processes share one PKI folder. Second tools: sqlite3, openssl, flock."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all
from ansible_collections.vwan.user_vpn.tests.integration.pki.playbooks import Runs, wait_for

SLICES = 8
EACH = 25 if SOAK else 4


def test_slices_issue_each_client_once(tmp_path: Path) -> None:
    """They also race for the folder and its root. Every two slices share a client, which both want."""
    runs = Runs(tmp_path)
    names = [f"mac-{number:03}" for number in range(SLICES * EACH)]
    slices = [names[start : start + EACH] for start in range(0, len(names), EACH)]
    wanted = [[*mine, other[0]] for mine, other in zip(slices, [*slices[1:], slices[0]], strict=True)]
    for run, record in [runs.start(clients=clients) for clients in wanted]:
        runs.finish(run, record)

    known = runs.certificates()
    clients = [certificate for certificate in known if certificate.kind == "client"]
    (root,) = [certificate for certificate in known if certificate.kind == "root"]
    assert Counter(certificate.name for certificate in clients) == Counter(names)
    assert {certificate.state for certificate in known} == {"issued"}
    assert runs.times_issued() == dict.fromkeys(names, 1)
    files = [runs.pki / "clients" / c.name / f"{c.sha1}.pem" for c in clients]
    verify = ["openssl", "verify", "-CAfile", runs.pki / "roots" / root.sha1 / "root.pem", *files]
    verified = subprocess.run(verify, capture_output=True, text=True, check=True)
    assert verified.stdout.count(": OK\n") == len(names)
    assert all(runs.opens(certificate) for certificate in clients)
    assert {path.suffix for path in runs.pki.glob("clients/*/*")} == {".pem", ".p12"}
    assert len(list(runs.pki.glob("clients/*/*"))) == 2 * len(names)
    assert runs.lock_is_free()
    assert [path for path in runs.pki.rglob(".*") if path.name != ".lock"] == []
    assert not (runs.pki / "ledger.sqlite3-journal").exists()

    again = [runs.finish(*runs.start(clients=clients)) for clients in wanted[:2]]
    assert not [entry for results in again for entry in results if entry["result"].get("changed")]


def test_the_lock_of_a_killed_run_blocks_nobody(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.play(clients=["mac-000"])
    held = 0
    while not held:
        run, record = runs.start(clients=[f"mac-{number:03}" for number in range(40)])
        held += wait_for(lambda: not runs.lock_is_free(), run)
        kill_all(run, record)
    started = time.monotonic()
    runs.play(clients=["mac-000", "mac-001"])
    assert time.monotonic() - started < 100, "nobody holds the lock, and yet it was waited for"
    assert runs.lock_is_free()
    assert set(runs.times_issued().values()) == {1}
