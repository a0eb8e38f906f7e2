# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller: a folder with inventory, store and profiles, and ansible-playbook with what it used."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .lab import CONFIGURATION, GROUP, WAN, LabProcess

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS, PEER = Path(sys.executable).parent, ROOT / ".venv/peer/bin"
PASSPHRASE = "passphrase of the bench"


@dataclass(frozen=True)
class Measured:
    """One run of ansible-playbook: itself and all that it started and waited for. The Macs are not in it."""

    wall: float  # seconds
    cpu: float  # seconds
    lines: int  # printed
    peak_kib: int  # of the parent
    host_tasks: int  # per Mac; what runs once for all is in nobody's
    execs: float  # per Mac
    bytes: float  # per Mac, both ways, without what ssh adds
    arm: int  # calls of Azure Resource Manager
    installed: int  # Macs with a profile afterwards
    mac_cpu: float  # seconds that the lab took
    tasks: list[tuple[str, float]]  # each task's name and seconds


class Controller:
    """What an admin has, for one lab. `fresh` makes it, and may be called again."""

    def __init__(self, folder: Path, lab: LabProcess, *, forks: int, wait: int = 60) -> None:
        self.folder, self.lab, self.forks, self.wait = folder, lab, forks, wait
        self._macs = list(lab.facts["inventory"]["user_vpn"]["hosts"])
        self._fleets = self._runs = 0
        (folder / "home").mkdir(parents=True)

    def fresh(self, pki: str = "", environment: dict[str, str] | None = None) -> None:
        """Nothing is issued, nothing rendered, nothing installed; `pki` is a store elsewhere."""
        self._fleets += 1
        place = self.folder / f"fleet-{self._fleets}"
        variables = {
            "user_vpn_connection_name": "Bench VPN",
            "user_vpn_organization": "Bench",
            "user_vpn_identifier": "com.example.bench.user-vpn",
            "user_vpn_resource_group": GROUP,
            "user_vpn_virtual_wan": WAN,
            "user_vpn_server_configuration": CONFIGURATION,
            "user_vpn_package": str(place / "package.zip"),
            "user_vpn_pki": pki or str(place / "user_vpn.db"),
            "user_vpn_profiles_dir": str(place / "profiles"),
            "user_vpn_wait": self.wait,
            "peer_server": "wan.bench.vpn.azure.com",
            "peer_gateway_root": self.lab.facts["gateway_root"],
            "peer_folder": str(place / "peer"),
        }
        self._inventory = place / "inventory"
        (self._inventory / "group_vars").mkdir(parents=True)
        (self._inventory / "hosts.yml").write_text(json.dumps(self.lab.facts["inventory"]))
        (self._inventory / "group_vars/user_vpn.yml").write_text(yaml.safe_dump(variables))
        self._environment = self.lab.facts["environment"] | (environment or {})
        self.lab.ask("reset")

    def play(self, playbook: str, *options: str, programs: Path = OURS) -> Measured:
        """Run a playbook, which must end well, with the Ansible of one environment."""
        self._runs += 1
        self.lab.ask("forget")
        output, seen = self.folder / f"run-{self._runs}.txt", self.folder / f"run-{self._runs}.json"
        command = [str(programs / "ansible-playbook"), "-i", str(self._inventory), "-f", str(self.forks), playbook]
        before = self.lab.ask("counts")["cpu"]
        with output.open("wb") as stream:
            began = time.monotonic()
            process = subprocess.Popen(
                [*command, *options], cwd=self.folder, env=self._variables(programs, seen), stdin=subprocess.DEVNULL,
                stdout=stream, stderr=stream,
            )  # fmt: skip
            _pid, status, used = os.wait4(process.pid, 0)  # of all that it waited for, too
            wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{playbook} failed:\n{output.read_text()[-6000:]}")
        counts, inside = self.lab.ask("counts"), json.loads(seen.read_text())
        return Measured(
            wall=wall,
            cpu=used.ru_utime + used.ru_stime,
            lines=len(output.read_bytes().splitlines()),
            peak_kib=inside["peak_kib"],
            host_tasks=statistics.median_low([inside["host_tasks"].get(mac, 0) for mac in self._macs]),
            execs=counts["execs"] / len(self._macs),
            bytes=counts["bytes"] / len(self._macs),
            arm=counts["arm"],
            installed=counts["installed"],
            mac_cpu=counts["cpu"] - before,
            tasks=inside["tasks"],
        )

    def _variables(self, programs: Path, seen: Path) -> dict[str, str]:
        """Nothing of whoever runs the bench gets in."""
        home = self.folder / "home"
        variables: dict[str, Any] = {
            "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "ANSIBLE_HOME": home / ".ansible",
            "ANSIBLE_LOCAL_TEMP": home / "tmp",
            "ANSIBLE_COLLECTIONS_PATH": ROOT / ".venv/collections" if programs == OURS else home / "no collections",
            "ANSIBLE_CALLBACK_PLUGINS": HERE / "callback",
            "ANSIBLE_CALLBACKS_ENABLED": "measure",
            "MEASURE_FILE": seen,
            # Connections are open when a measurement begins, and stay open: a run is measured, not its first hello.
            "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=7200s",
            "USER_VPN_PASSPHRASE": PASSPHRASE,
            **self._environment,
        }
        return {name: str(value) for name, value in variables.items()}
