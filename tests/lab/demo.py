# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: from the lab's Azure to three Macs of the lab, twice, and what to do next with real ones.

Everything lands in the folder .demo, which is made anew each time.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import Lab
from .azure import AzureLab
from .packages import gateway_root
from .tunnel.authority import Identity
from .tunnel.azure import join
from .tunnel.demo import tunnels

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / ".demo"
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
SERVER = "wan.demo0000000000000000000.vpn.azure.com"
# A second of thought before each person clicks, so that the waiting can be seen.
MACS = {"mac-anna": ("15.5", "anna"), "mac-ben": ("14.4", "ben"), "mac-chris": ("26.1", "chris")}
GROUP_VARIABLES = {
    "user_vpn_connection_name": "Demo VPN",
    "user_vpn_organization": "Demo",
    "user_vpn_identifier": "com.example.demo.user-vpn",
    "user_vpn_resource_group": "rg-vpn",
    "user_vpn_virtual_wan": "demo-wan",
    "user_vpn_server_configuration": "macs",
    "user_vpn_package": str(DEMO / "package.zip"),
    "user_vpn_pki": str(DEMO / "user_vpn.db"),
    "user_vpn_profiles_dir": str(DEMO / "profiles"),
    "user_vpn_report_dir": str(DEMO / "report"),
    "user_vpn_wait": 60,
}
# What "About cryptographic requirements" (P2S) allows and a Mac knows.
IPSEC_POLICY = {
    "saLifeTimeSeconds": 27000,
    "saDataSizeKilobytes": 102400000,
    "ipsecEncryption": "GCMAES256",
    "ipsecIntegrity": "GCMAES256",
    "ikeEncryption": "AES256",
    "ikeIntegrity": "SHA256",
    "dhGroup": "DHGroup14",
    "pfsGroup": "PFS14",
}


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    (DEMO / "inventory/group_vars").mkdir(parents=True)
    (DEMO / "inventory/ansible.cfg").write_text("[defaults]\n")
    (DEMO / "inventory/group_vars/user_vpn.yml").write_text(json.dumps(GROUP_VARIABLES, indent=2) + "\n")
    root = gateway_root("Demo Gateway Root")

    with (
        tunnels(SERVER, Identity(root.certificate, root.key), IPSEC_POLICY) as real,
        AzureLab(DEMO / "azure") as azure,
        Lab(DEMO / "lab", tunnel=real.lab if real else None) as lab,
    ):
        azure.add_virtual_wan("demo-wan", vpn_server=SERVER)
        azure.add_hub("hub-westeurope", "demo-wan")
        configuration = azure.add_server_configuration("macs", ipsec_policy=IPSEC_POLICY)
        gateway = azure.add_p2s_gateway("gateway-westeurope", "hub-westeurope", "macs", roots=[root.certificate])
        if real:
            join(real.gateway, gateway, configuration)
        for name, (macos, person) in MACS.items():
            lab.add_mac(name, macos=macos, console_user=person, users=(person,), approve_after=1.0, vpnutil=bool(real))
        shutil.copy(lab.inventory(), DEMO / "inventory/hosts.yml")
        print(
            "The lab is up on 127.0.0.1: an Azure subscription with a Virtual WAN that trusts no root yet, and three\n"
            "Macs, each behind an ssh server. This is what an admin runs:\n"
        )
        environment = ENVIRONMENT | azure.environment()
        first = play(environment)
        profiles = files()
        writes = len(azure.writes)
        print("\nThe same once more. Nothing may change:\n")
        second = play(environment)
        problems = judge(first, second)
        if files() != profiles:
            problems.append("the profiles differ between the runs")
        if (writes, len(azure.writes)) != (1, 1):
            problems.append(f"Azure was written to {writes} times in the first run, {len(azure.writes)} times in both")
        if real and not problems:
            problems += real.connect(lab)
        execs = {mac.name: len(mac.execs) for mac in lab.macs.values()}

    if problems:
        print(f"\nThe demo failed: {'; '.join(problems)}.")
        return 1
    summary(time.monotonic() - started, execs)
    return 0


def play(environment: dict[str, str]) -> str:
    """Run the playbook as an admin would, showing and keeping what it prints."""
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "-i",
        str(DEMO / "inventory"),
        "vwan.user_vpn.site",
    ]
    print("$ ansible-playbook -i .demo/inventory vwan.user_vpn.site", flush=True)
    printed = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout
        for line in run.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    return "".join(printed)


# No setting of whoever runs this gets in; the secret is what an admin would keep in Ansible Vault.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AZURE_"))} | {
    "ANSIBLE_CONFIG": str(DEMO / "inventory/ansible.cfg"),
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
    "ANSIBLE_HOME": str(DEMO / "ansible"),
    "USER_VPN_PASSPHRASE": secrets.token_urlsafe(24),
}


def judge(first: str, second: str) -> list[str]:
    """What is wrong with the two runs, in words."""
    problems = []
    for name, output in (("first", first), ("second", second)):
        recap = {host: tuple(map(int, counts)) for host, *counts in RECAP.findall(output)}
        if set(recap) != set(MACS) or any(unreachable or failed for _changed, unreachable, failed in recap.values()):
            problems.append(f"the {name} run did not end well on every Mac")
        if f"{len(MACS)} Macs: {len(MACS)} current." not in output:
            problems.append(f"after the {name} run not every Mac has its profile")
        if name == "second" and any(changed for changed, _unreachable, _failed in recap.values()):
            problems.append("the second run changed something")
    return problems


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((DEMO / "profiles").glob("*.mobileconfig"))}


def summary(seconds: float, execs: dict[str, int]) -> None:
    print(f"""
Done in {seconds:.0f} s. The second run changed nothing, in Azure neither, and the profiles are the same byte for byte.
Remote execs for each Mac, both runs together: {", ".join(f"{name} {count}" for name, count in execs.items())}.

  .demo/package.zip                the VPN client profile package, as downloaded
  .demo/profiles/*.mobileconfig    one profile for each Mac; any text editor opens it
  .demo/profiles/manifest.json     the list of them, for people and for an MDM
  .demo/report/conclusion.txt      what came of the run, and beside it the same for programs
  .demo/user_vpn.db                the store: root, client certificates, private keys, and all that was seen
  .demo/inventory                  the inventory this ran with

Next, with real Macs: README.md, "Your own fleet, in five steps". Put your own package and inventory in place of the
demo's, and run the same playbook: ansible-playbook -i inventory.yml vwan.user_vpn.site --check --diff""")


if __name__ == "__main__":
    sys.exit(main())
