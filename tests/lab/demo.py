# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: from the lab's Azure to three Macs of the lab, twice, and what to do next with real ones.

Everything lands in the folder .demo, which is made anew each time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from .fleet import ROOT, Fleet, fleet
from .tunnel import requirements

DEMO = ROOT / ".demo"
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
# A second of thought before each person clicks, so that the waiting can be seen.
MACS = {
    name: {"macos": macos, "console_user": person, "users": (person,), "approve_after": 1.0}
    for name, macos, person in (
        ("mac-anna", "15.5", "anna"),
        ("mac-ben", "14.4", "ben"),
        ("mac-chris", "26.1", "chris"),
    )
}


def main() -> int:
    started = time.monotonic()
    with fleet(DEMO, MACS) as running:
        print(
            "The lab is up on 127.0.0.1: an Azure subscription with a Virtual WAN that trusts no root yet, and three\n"
            "Macs, each behind an ssh server. This is what an admin runs:\n"
        )
        first = play(running, "site")
        profiles = files()
        writes = len(running.azure.writes)
        print("\nThe same once more. Nothing may change:\n")
        second = play(running, "site")
        problems = judge(first, second)
        if files() != profiles:
            problems.append("the profiles differ between the runs")
        if (writes, len(running.azure.writes)) != (1, 1):
            both = len(running.azure.writes)
            problems.append(f"Azure was written to {writes} times in the first run, {both} times in both")
        if running.tunnels and not problems:
            problems += running.tunnels.connect(running.lab)
        execs = {mac.name: len(mac.execs) for mac in running.lab.macs.values()}
        print("\nWhere each Mac stands, at any time, without asking any of them:\n")
        if not recap(play(running, "report")):
            problems.append("there is no report")
        missing = "" if running.tunnels else requirements.missing()

    if problems:
        print(f"\nThe demo failed: {'; '.join(problems)}.")
        return 1
    print(conclusion(time.monotonic() - started, execs, missing))
    return 0


def play(running: Fleet, name: str) -> str:
    """Run a playbook as an admin would, showing and keeping what it prints."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(running.inventory)]
    print(f"$ ansible-playbook -i .demo/inventory vwan.user_vpn.{name}", flush=True)
    # No setting of whoever runs this gets in.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AZURE_"))}
    printed = []
    with subprocess.Popen(
        [*command, f"vwan.user_vpn.{name}"],
        cwd=ROOT,
        env=own | running.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout
        for line in run.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    return "".join(printed)


def recap(output: str) -> dict[str, tuple[int, ...]]:
    """Of each Mac, how often something changed, was unreachable, and failed."""
    return {host: tuple(map(int, counts)) for host, *counts in RECAP.findall(output)}


def judge(first: str, second: str) -> list[str]:
    """What is wrong with the two runs, in words."""
    problems = []
    for name, output in (("first", first), ("second", second)):
        counts = recap(output)
        if set(counts) != set(MACS) or any(unreachable or failed for _changed, unreachable, failed in counts.values()):
            problems.append(f"the {name} run did not end well on every Mac")
        if f"{len(MACS)} Macs: {len(MACS)} current." not in output:
            problems.append(f"after the {name} run not every Mac has its profile")
        if name == "second" and any(changed for changed, _unreachable, _failed in counts.values()):
            problems.append("the second run changed something")
    return problems


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((DEMO / "profiles").glob("*.mobileconfig"))}


def conclusion(seconds: float, execs: dict[str, int], missing: str) -> str:
    """`missing`: why there were no real tunnels, empty where there were."""
    if missing:
        tunnel = f"""Not shown: tunnels. Where the machine can have real ones (strongSwan as the gateway and as the
client of the Macs, which root gets on Debian and its relatives), the demo pings through each. Why not here:
{missing}."""
    else:
        tunnel = "Shown, too: a real tunnel of each Mac, configured from nothing but its installed profile."
    each = ", ".join(f"{name} {count}" for name, count in execs.items())
    return f"""
Done in {seconds:.0f} s. Shown: Azure trusts a root that was made here; each Mac has a certificate of its own and its
profile, which its person approved, and which was verified there. The second run changed nothing, in Azure neither,
and the profiles are the same byte for byte. Remote execs for each Mac, both runs together: {each}.

{tunnel}

  .demo/package.zip                the VPN client profile package, as downloaded
  .demo/profiles/*.mobileconfig    one profile for each Mac; any text editor opens it
  .demo/profiles/manifest.json     the list of them, for people and for an MDM
  .demo/report/conclusion.txt      what came of the last run, and beside it the same for programs
  .demo/user_vpn.db                the store: root, client certificates, private keys, and all that was seen
  .demo/inventory                  the inventory this ran with

Next, with real Macs: docs/fleet.md, "Your fleet". What you change is the inventory: copy
examples/inventory.yml, put in your Macs, the name of the VPN, an identifier of yours, and the names of your resource
group, virtual WAN and User VPN configuration. The playbook stays the same:

  ansible-playbook -i inventory.yml vwan.user_vpn.site --check --diff --ask-become-pass

To try more without real Macs: make lab

The page of this fleet, for a browser: .demo/report/report.html"""


if __name__ == "__main__":
    sys.exit(main())
