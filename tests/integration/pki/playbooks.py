# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook on one store, in either database: run, killed, and read with sqlite3 or psql, and openssl."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.current import identity_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import Cluster

ROOT = Path(__file__).resolve().parents[3]
PASSPHRASE = "passphrase of the test, 7Qm"
SECONDS = 300  # a run that hangs is a failure
DEFAULTS = {"generation": 1, "valid_days": 365, "renew_before_days": 1, "readmit": []}


def keeping(again: str = "") -> list[dict[str, Any]]:
    """The tasks for a root, its clients and the revoked ones; `again` is a condition and a mark in their names."""
    secrets = {"passphrase": PASSPHRASE, "pki": "{{ pki }}"}
    clients = secrets | {"clients": "{{ clients }}", "generation": "{{ generation }}", "readmit": "{{ readmit }}"}
    clients |= {"valid_days": "{{ valid_days }}", "renew_before_days": "{{ renew_before_days }}"}
    revoked = {"pki": "{{ pki }}", "clients": "{{ revoked }}", "state": "revoked", "reason": "the test"}
    when = [again] if again else []
    return [
        {
            "name": f"root {again}",
            "vwan.user_vpn.root_certificate": secrets | {"generation": "{{ generation }}"},
            "when": when,
        },
        {
            "name": f"clients {again}",
            "vwan.user_vpn.client_certificates": clients,
            "when": [*when, "clients | length > 0"],
        },
        {
            "name": f"revoked {again}",
            "vwan.user_vpn.client_certificates": revoked,
            "when": [*when, "revoked | length > 0"],
        },
    ]


PLAYBOOK = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"clients": [], "revoked": [], "again": False} | DEFAULTS,
        "tasks": [
            *keeping(),
            *keeping("again"),
            {"name": "told", "vwan.user_vpn.ledger_info": {"pki": "{{ pki }}"}, "when": ["again"]},
        ],
    }
]  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    sha1: str
    kind: str
    name: str
    state: str
    root_sha1: str
    pem: str


class Runs:
    """ansible-playbook processes on one store."""

    def __init__(self, folder: Path, pki: str, cluster: Cluster | None = None) -> None:
        """`cluster` where `pki` names one of its schemas."""
        self.folder = folder
        self.pki = pki
        self.cluster = cluster
        self.started = 0
        (folder / "home").mkdir(parents=True)
        (folder / "keep.yml").write_text(yaml.safe_dump(PLAYBOOK, sort_keys=False))

    def start(self, **variables: Any) -> tuple[subprocess.Popen[str], Path]:
        """A run, and the file in which its results are recorded."""
        self.started += 1
        record = self.folder / f"run-{self.started}.jsonl"
        record.touch()
        home = self.folder / "home"
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "ANSIBLE_HOME": str(home / ".ansible"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/integration/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "RECORDER_FILE": str(record),
        } | (self.cluster.environment if self.cluster else {})
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(self.folder / "keep.yml")]
        with record.with_suffix(".txt").open("w") as output:  # a pipe would stay open as long as any worker lives
            run = subprocess.Popen(
                [*command, "-e", json.dumps({"pki": self.pki} | variables)],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return run, record

    @staticmethod
    def finish(run: subprocess.Popen[str], record: Path) -> list[dict[str, Any]]:
        try:
            run.wait(SECONDS)
        finally:
            kill_all(run, record)
        assert run.returncode == 0, record.with_suffix(".txt").read_text()
        return [json.loads(line) for line in record.read_text().splitlines()]

    def play(self, **variables: Any) -> list[dict[str, Any]]:
        """The results of a whole run, one per task."""
        return self.finish(*self.start(**variables))

    # -- second tools

    def rows(self, query: str) -> list[list[str]]:
        """What sqlite3 or psql reads. A writer of the file: it rolls back what a kill has left."""
        if self.cluster:
            schema = self.pki.partition("schema=")[2]
            out = self.cluster.run(
                "psql", "-v", "ON_ERROR_STOP=1", "-qtX", "--csv", "-c", f"SET search_path TO {schema}; {query}"
            )
            return list(csv.reader(io.StringIO(out)))
        if not Path(self.pki).exists():
            return []
        with contextlib.closing(sqlite3.connect(self.pki, timeout=60)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchall():
                return []
            return [[str(value) for value in row] for row in connection.execute(query)]

    def certificates(self) -> list[Certificate]:
        pem = "convert_from(pem, 'UTF8')" if self.cluster else "CAST(pem AS TEXT)"
        columns = f"sha1, kind, name, state, root_sha1, {pem}"
        return [Certificate(*row) for row in self.rows(f"SELECT {columns} FROM certificates ORDER BY id")]

    def times_issued(self) -> dict[str, int]:
        """How often each client has been given a certificate."""
        query = "SELECT name, count(*) FROM events JOIN certificates USING (sha1) WHERE what = 'issued' "
        return {name: int(times) for name, times in self.rows(query + "AND kind = 'client' GROUP BY name")}

    def keyed(self) -> set[str]:
        """SHA-1 of the client certificates whose private key is in the store."""
        query = "SELECT sha1 FROM certificates WHERE kind = 'client' AND sealed IS NOT NULL"
        return {sha1 for (sha1,) in self.rows(query)}

    def opens(self, certificate: Certificate) -> bool:
        """Whether openssl opens its PKCS#12, and finds this very certificate in it."""
        current = identity_of(place_of(self.pki), certificate.name, PASSPHRASE)
        if not current or not current.identity:
            return False
        done = subprocess.run(
            ["openssl", "pkcs12", "-legacy", "-passin", "env:SECRET", "-nodes"],
            input=current.identity.pkcs12,
            env={"PATH": "/usr/bin:/bin", "SECRET": current.identity.password},
            capture_output=True,
            check=False,
        )
        return (
            done.returncode == 0 and certificate.pem.strip().encode() in done.stdout and b"PRIVATE KEY" in done.stdout
        )

    def stamp(self) -> list[tuple[str, int]]:
        """Of a file: another one as soon as a run has begun to write."""
        paths = [Path(self.pki + suffix) for suffix in ("", "-journal")]
        return [(path.name, path.stat().st_mtime_ns) for path in paths if path.exists()]


@pytest.fixture(params=["sqlite", "postgresql"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    if request.param == "sqlite":
        return Runs(tmp_path, str(tmp_path / "pki.db"))
    cluster = request.getfixturevalue("cluster")
    cluster.start()
    return Runs(tmp_path, cluster.url(request.getfixturevalue("schema")), cluster)


def wait_for(condition: Any, run: subprocess.Popen[str]) -> bool:
    """Until it holds, or the run ends."""
    end = time.monotonic() + SECONDS
    while run.poll() is None and time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False
