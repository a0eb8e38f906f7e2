# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Macs and their Azure, as a process of their own: what they use is not the controller's.

`LabProcess` is the bench's end, the rest runs on the other side. A word a line goes in, a line of JSON comes back.
"""

from __future__ import annotations

import base64
import json
import resource
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab
from ansible_collections.vwan.user_vpn.tests.lab.mac import Exec, Mac

from .cheap import CheapServer

CHEAP, REAL = "cheap", "real"
GROUP, WAN, CONFIGURATION = "rg-vpn", "wan", "macs"


class LabProcess:
    """A running lab with so many Macs of a kind; `person` is what the people at them do."""

    def __init__(self, folder: Path, macs: int, kind: str, person: str = "approves") -> None:
        self._command = [sys.executable, "-m", __name__, str(folder), str(macs), kind, person]

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        self.facts: dict[str, Any] = self.ask("facts")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def ask(self, word: str) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the lab ended at '{word}'; what it said stands above")
        return json.loads(line)


class Fleet:
    """What the bench may ask of a lab."""

    def __init__(self, lab: Lab, azure: AzureLab, macs: int, person: str) -> None:
        self._lab, self._azure = lab, azure
        self._cheap = lab.server if isinstance(lab.server, CheapServer) else None
        self._macs = [lab.add_mac(f"mac-{n:04d}", approve_after=0.1, person=person) for n in range(1, macs + 1)]
        self._inventory = json.loads(lab.inventory().read_text())
        azure.add_virtual_wan(WAN)
        azure.add_hub("hub", WAN)
        self._configuration = azure.add_server_configuration(CONFIGURATION, ipsec_policy=dict(GOOD_POLICY))
        azure.add_p2s_gateway("gateway", "hub", CONFIGURATION)
        self._asked: list[Exec] = []  # of the last Mac, since the first run

    def facts(self) -> dict[str, Any]:
        """What a controller needs."""
        root = base64.b64encode(self._azure.gateway_root.public_bytes(Encoding.DER)).decode()
        return {"inventory": self._inventory, "environment": self._azure.environment(), "gateway_root": root}

    def reset(self) -> None:
        """As before the first run: no profile on any Mac, no root in Azure."""
        for mac in self._macs:
            mac.pending = None
            for profile in list(mac.profiles):
                mac.uninstall(profile)
        if self._cheap:
            self._cheap.installed.clear()
        for name in ("vpnClientRootCertificates", "vpnClientRevokedCertificates"):
            self._configuration.properties[name] = []
        self.forget()
        self._asked.clear()

    def forget(self) -> None:
        """Count from here."""
        self._asked += self._macs[-1].execs
        for mac in self._macs:
            mac.clear_records()
        self._azure.forget_requests()

    def counts(self) -> dict[str, float]:
        """What came since, and where the Macs stand."""
        records = [record for mac in self._macs for record in mac.execs]
        texts = [(record.command.encode(), record.stdin, record.stdout, record.stderr) for record in records]
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return {
            "execs": len(records),
            "bytes": sum(map(len, (text for exec_ in texts for text in exec_))),
            "arm": len(self._azure.arm_requests),
            "installed": sum(map(self._is_installed, self._macs)),
            "cpu": sum(one.ru_utime + one.ru_stime for one in used),
        }

    def check(self) -> list[str]:
        """What is wrong with the Macs: faults of the doubles, answers from memory that a double does not give."""
        found = [f"{mac.name}: {fault}" for mac in self._macs for fault in (*mac.faults, *mac.ingestion_errors)]
        if self._cheap:
            self.forget()
            found += self._cheap.differences(self._macs[-1], self._asked)
        return found

    def _is_installed(self, mac: Mac) -> bool:
        return bool(mac.profiles) or bool(self._cheap and self._cheap.installed.get(mac.name))


def main(folder: Path, macs: int, kind: str, person: str) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a listener and a connection for each Mac
    with AzureLab(folder / "azure") as azure, Lab(folder / "lab") as lab:
        if kind == CHEAP:
            lab.server = CheapServer(lab)
        fleet = Fleet(lab, azure, macs, person)
        for line in sys.stdin:
            print(json.dumps(getattr(fleet, line.strip())()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
