# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Azure modules cost at start-up, against the SDK alone: CPU and peak memory, median of several runs.

python tests/bench/bench_azure_import.py [runs]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

BASE = "ansible_collections.vwan.user_vpn.plugins"
LOGIN = "{'tenant': 't.example', 'client_id': 'c', 'secret': 's', 'subscription_id': 'x'}"
CASES = {
    "python": "",
    "cryptography": "from cryptography import x509",
    "our Azure layer, before a call": f"from {BASE}.module_utils._azure import client, trust, packages, health",
    "the SDK alone": "import azure.identity, azure.mgmt.network",
    "the SDK alone, client made": (
        "from azure.identity import ClientSecretCredential as C\n"
        "from azure.mgmt.network import NetworkManagementClient as N\n"
        "N(C('t.example', 'c', 's'), 'x')"
    ),
    "our Azure layer, client made": (
        f"from {BASE}.module_utils._azure import client, trust, packages, health\nclient.connect({LOGIN}, {{}}, print)"
    ),
}
MEASURE = (
    "\nimport json, resource\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
    "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"
)


def measure(program: str) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-c", program + MEASURE], check=True, capture_output=True, text=True)
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    for name, program in CASES.items():
        measure(program)  # byte code, file cache
        results = [measure(program) for _unused in range(runs)]
        seconds, megabytes = (statistics.median(values) for values in zip(*results, strict=True))
        print(f"{name:32} {seconds:6.2f} s CPU {megabytes:6.0f} MiB")


if __name__ == "__main__":
    main()
