# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook on one PKI folder: run, killed, and the folder read with sqlite3 and openssl."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all

ROOT = Path(__file__).resolve().parents[3]
PASSPHRASE = "root passphrase of the test, 7Qm"
PASSWORD = "pkcs12-password-of-the-test-9Zk"
SECONDS = 300  # a run that hangs is a failure
DEFAULTS = {"generation": 1, "valid_days": 365, "renew_before_days": 1}


def keeping(again: str = "") -> list[dict[str, Any]]:
    """The tasks for a root, its clients and the revoked ones; `again` is a condition and a mark in their names."""
    secrets = {"passphrase": PASSPHRASE, "path": "{{ pki }}"}
    clients = secrets | {"pkcs12_password": PASSWORD, "clients": "{{ clients }}", "generation": "{{ generation }}"}
    clients |= {"valid_days": "{{ valid_days }}", "renew_before_days": "{{ renew_before_days }}"}
    revoked = {"path": "{{ pki }}", "clients": "{{ revoked }}", "state": "revoked", "reason": "the test"}
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
            {"name": "told", "vwan.user_vpn.ledger_info": {"path": "{{ pki }}"}, "when": ["again"]},
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
    """ansible-playbook processes on one PKI folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"
        self.started = 0
        (folder / "home").mkdir()
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
        }
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(self.folder / "keep.yml")]
        with record.with_suffix(".txt").open("w") as output:  # a pipe would stay open as long as any worker lives
            run = subprocess.Popen(
                [*command, "-e", json.dumps({"pki": str(self.pki)} | variables)],
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

    def certificates(self) -> list[Certificate]:
        """What sqlite3 reads, of a copy: a reader of the folder itself could not roll back what a kill has left."""
        with self._ledger() as connection:
            columns = "sha1, kind, name, state, root_sha1, pem"
            found = connection.execute(f"SELECT {columns} FROM certificates ORDER BY id").fetchall()
        return [Certificate(*values[:-1], pem=values[-1].decode()) for values in found]

    def times_issued(self) -> dict[str, int]:
        """How often each client has been given a certificate."""
        query = "SELECT name, count(*) FROM events JOIN certificates USING (sha1) WHERE what = 'issued' "
        with self._ledger() as connection:
            return dict(connection.execute(query + "AND kind = 'client' GROUP BY name").fetchall())

    @contextlib.contextmanager
    def _ledger(self) -> Iterator[sqlite3.Connection]:
        with tempfile.TemporaryDirectory() as scratch:
            for file in self.pki.glob("ledger.sqlite3*"):
                shutil.copy(file, scratch)
            with contextlib.closing(sqlite3.connect(Path(scratch) / "ledger.sqlite3")) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                yield connection

    def opens(self, certificate: Certificate) -> bool:
        """Whether openssl opens its PKCS#12 file, and finds this very certificate in it."""
        file = self.pki / "clients" / certificate.name / f"{certificate.sha1}.p12"
        if not file.exists():
            return False
        done = subprocess.run(
            ["openssl", "pkcs12", "-legacy", "-in", file, "-passin", "env:SECRET", "-nodes"],
            env={"PATH": "/usr/bin:/bin", "SECRET": PASSWORD},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode == 0 and certificate.pem.strip() in done.stdout and "PRIVATE KEY" in done.stdout

    def lock_is_free(self) -> bool:
        """As util-linux sees it."""
        done = subprocess.run(["flock", "--nonblock", self.pki / ".lock", "true"], check=False)
        return done.returncode == 0


def wait_for(condition: Any, run: subprocess.Popen[str]) -> bool:
    """Until it holds, or the run ends."""
    end = time.monotonic() + SECONDS
    while run.poll() is None and time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False
