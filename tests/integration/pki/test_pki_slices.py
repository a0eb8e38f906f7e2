# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job slices: eight ansible-playbook processes share one store. Second tools: sqlite3, psql, openssl."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.pki.playbooks import Runs

SLICES = 8
EACH = 25 if SOAK else 4


def test_slices_issue_each_client_once(runs: Runs, tmp_path: Path) -> None:
    """They also race for the store and its root. Every two slices share a client, which both want."""
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
    files = [tmp_path / f"{certificate.sha1}.pem" for certificate in known]
    for file, certificate in zip(files, known, strict=True):
        file.write_text(certificate.pem)
    verify = ["openssl", "verify", "-CAfile", tmp_path / f"{root.sha1}.pem", *files]
    verified = subprocess.run(verify, capture_output=True, text=True, check=True)
    assert verified.stdout.count(": OK\n") == len(names) + 1
    assert all(runs.opens(certificate) for certificate in clients)
    if not runs.cluster:
        assert not Path(f"{runs.pki}-journal").exists()

    again = [runs.finish(*runs.start(clients=clients)) for clients in wanted[:2]]
    assert not [entry for results in again for entry in results if entry["result"].get("changed")]
