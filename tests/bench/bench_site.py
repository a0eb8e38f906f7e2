# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the site playbook costs for each Mac, first and when nothing is to do.

Prints seconds of this machine, and the ratio of both runs to the same number of Macs doing one `raw: true`, which is
the least that any playbook can do.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.integration.site import Site
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root

MACS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, Lab(Path(scratch) / "lab") as lab:
        (Path(scratch) / "site").mkdir()
        site = Site(Path(scratch) / "site", lab, [gateway_root("Bench Root").der])
        for number in range(MACS):
            lab.add_mac(f"mac-{number:03d}", approve_after=0.1)
        least = site.playbook(
            "least.yml",
            [{"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [{"ansible.builtin.raw": "true"}]}],
        )

        def timed(playbook: str) -> float:
            started = time.monotonic()
            run = site.play("--forks", "10", playbook=playbook)
            assert run.returncode == 0, run.output
            return time.monotonic() - started

        timed(least)  # opens the connections
        figures = {
            "raw: true": timed(least),
            "first run": timed("vwan.user_vpn.site"),
            "nothing to do": timed("vwan.user_vpn.site"),
        }
        for name, seconds in figures.items():
            ratio = seconds / figures["raw: true"]
            print(f"{name:14} {seconds:6.2f} s  {1000 * seconds / MACS:5.0f} ms per Mac  {ratio:5.1f} x raw")


if __name__ == "__main__":
    main()
