# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab fleet with its inventory, and ansible-playbook run against it as a user runs it."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.current import identity_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import Identity
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RECAP = re.compile(r"^(\S+)\s+: (ok=.*)$", re.MULTILINE)
PASSPHRASE = "passphrase of the test, 7Qm"
IDENTIFIER = "com.example.user-vpn"


def nothing_staged(mac: Mac) -> bool:
    """Some seconds after an offer this holds: what the exec left running has taken the file away."""
    return not any("vwan.user_vpn" in path for path, _content in mac.files())


@dataclass
class Run:
    """What one ansible-playbook did."""

    returncode: int
    stdout: str
    stderr: str
    results: list[dict[str, Any]]
    recap: dict[str, dict[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.recap = {
            host: {key: int(value) for key, value in (pair.split("=") for pair in counts.split())}
            for host, counts in RECAP.findall(self.stdout)
        }

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def said(self) -> str:
        """What people read, in one line."""
        return " ".join(self.stdout.split())

    def count(self, name: str) -> dict[str, int]:
        return {host: counts[name] for host, counts in self.recap.items()}

    def changed(self) -> set[tuple[str, str]]:
        """(host, task) of everything that reported a change."""
        return {(entry["host"], entry["task"]) for entry in self.results if entry["result"].get("changed")}

    def of(self, module: str, host: str | None = None) -> dict[str, Any]:
        """The last result of a module, on one host where one is named."""
        found = [e for e in self.results if e["action"].endswith(f".{module}") and host in (None, e["host"])]
        assert found, f"no result of {module} on {host}:\n{self.output}"
        return dict(found[-1]["result"])

    def rendered(self, host: str) -> dict[str, Any]:
        """What came of the profile of one Mac."""
        return dict(self.of("mobileconfig")["macs"][host])

    def rounds(self, host: str) -> int:
        """How often this Mac was looked at again while its person was waited for."""
        name = "See whether the person has approved"
        return len([each for each in self.results if each["host"] == host and each["task"].endswith(name)])

    def tasks(self, host: str) -> list[str]:
        """The tasks that ran for this host, those apart that ran once for all."""
        return [entry["task"] for entry in self.results if entry["host"] == host and entry["outcome"] != "skipped"]


class Site:
    """A folder with an inventory, a profile package and the store of one test."""

    def __init__(self, folder: Path, lab: Lab, roots: list[bytes]) -> None:
        self.folder = folder
        self.lab = lab
        self.roots = roots
        self.pki = folder / "pki.db"
        self.profiles = folder / "profiles"
        self.package = folder / "package.zip"
        self.variables: dict[str, Any] = {
            "user_vpn_package": str(self.package),
            "user_vpn_pki": str(self.pki),
            "user_vpn_profiles_dir": str(self.profiles),
            "user_vpn_connection_name": "Contoso VPN",
            "user_vpn_organization": "Contoso",
            "user_vpn_identifier": IDENTIFIER,
            "user_vpn_wait": 20,
        }
        self.secrets = {"USER_VPN_PASSPHRASE": PASSPHRASE}
        self.host_variables: dict[str, dict[str, Any]] = {}
        self.home = folder / "home"
        self.home.mkdir()
        self.runs = 0
        self.download()

    def download(self, **settings: Any) -> None:
        self.package.write_bytes(build_package(self.roots, **settings))

    def inventory(self) -> Path:
        path = self.folder / "inventory"
        path.mkdir(exist_ok=True)
        (path / "hosts.yml").write_text(self.lab.inventory(become_passwords=True).read_text())
        (path / "group_vars").mkdir(exist_ok=True)
        (path / "group_vars/user_vpn.yml").write_text(yaml.safe_dump(self.variables))
        (path / "host_vars").mkdir(exist_ok=True)
        for host, variables in self.host_variables.items():
            (path / f"host_vars/{host}.yml").write_text(yaml.safe_dump(variables))
        return path

    def environment(self, env: dict[str, str], record: Path) -> dict[str, str]:
        """Nothing of whoever runs the tests gets in."""
        bin_folder = Path(sys.executable).parent
        return {
            "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "local_temp"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_NOCOLOR": "1",
            "RECORDER_FILE": str(record),
            **self.secrets,
            **env,
        }

    def command(self, *options: str, playbook: str = "vwan.user_vpn.site", inventory: Path | None = None) -> list[str]:
        """By default with the whole inventory folder; `inventory` is what is in it, or elsewhere."""
        folder = self.inventory()
        program = str(Path(sys.executable).parent / "ansible-playbook")
        return [program, "-i", str(inventory or folder), playbook, *options]

    def play(
        self,
        *options: str,
        playbook: str = "vwan.user_vpn.site",
        env: dict[str, str] | None = None,
        inventory: Path | None = None,
    ) -> Run:
        self.runs += 1
        record = self.folder / f"run-{self.runs}.jsonl"
        record.touch()
        done = subprocess.run(
            self.command(*options, playbook=playbook, inventory=inventory),
            cwd=self.folder,
            env=self.environment(env or {}, record),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        results = [json.loads(line) for line in record.read_text().splitlines()]
        return Run(done.returncode, done.stdout, done.stderr, results)

    def playbook(self, name: str, content: list[dict[str, Any]]) -> str:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return str(path)

    # -- the store, as sqlite3 reads it

    def sql(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.pki}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def pem(self, sha1: str) -> str:
        """Of any certificate ever issued."""
        ((pem,),) = self.sql("SELECT pem FROM certificates WHERE sha1 = ?", sha1)
        return str(pem.decode())

    def issued(self, name: str) -> str:
        """SHA-1 of the current certificate of a client."""
        ((sha1,),) = self.sql("SELECT sha1 FROM certificates WHERE name = ? AND state = 'issued'", name)
        return str(sha1)

    def keyed(self) -> set[str]:
        """SHA-1 of every client certificate whose private key is in the store."""
        query = "SELECT sha1 FROM certificates WHERE kind = 'client' AND sealed IS NOT NULL"
        return {sha1 for (sha1,) in self.sql(query)}

    def root_file(self) -> Path:
        """The current root as PEM, in a file for openssl."""
        query = "SELECT pem FROM certificates WHERE kind = 'root' AND state = 'issued' ORDER BY generation DESC LIMIT 1"
        path = self.folder / "current-root.pem"
        path.write_bytes(self.sql(query)[0][0])
        return path

    def sealed_identity(self, name: str) -> Identity:
        """The PKCS#12 of a client and its password."""
        current = identity_of(place_of(str(self.pki)), name, PASSPHRASE)
        assert current and current.identity
        return current.identity
