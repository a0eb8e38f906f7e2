# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab`: a lab to try playbooks against, until Ctrl-C. Everything is in the folder .lab, which goes with it."""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import sys
import threading
from pathlib import Path

from .fleet import ROOT, Fleet, fleet

MACS = {
    "mac-anna": {"macos": "15.5", "console_user": "anna", "users": ("anna",), "approve_after": 1.0},
    "mac-ben": {"macos": "14.4", "console_user": "ben", "users": ("ben",), "approve_after": 5.0},
    "mac-chris": {"macos": "26.1", "console_user": "chris", "users": ("chris",), "approve_after": 1.0},
    "mac-dora": {"macos": "12.7", "console_user": "dora", "users": ("dora",), "person": "ignores"},
    "mac-emil": {"macos": "13.6", "console_user": None, "users": ("emil",)},
}


def main() -> int:
    options = argparse.ArgumentParser(prog="make lab", description=__doc__)
    options.add_argument("--folder", type=Path, default=ROOT / ".lab", help="made anew, and removed at the end")
    options.add_argument("--no-tunnels", action="store_true", help="also where the machine can have real ones")
    given = options.parse_args()
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: end.set())
    folder = given.folder.resolve()
    try:
        with fleet(folder, MACS, with_tunnels=not given.no_tunnels) as running:
            print(told(running), flush=True)
            end.wait()
            print("\nThe lab ends.", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def told(running: Fleet) -> str:
    """What there is, and what to run; the environment is in a file, since its secrets belong on no command line."""
    file = running.folder / "environment"
    file.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in running.environment.items()]
    file.write_text("\n".join(lines) + "\n")
    inventory = shlex.quote(str(running.inventory))
    return f"""The lab is up on 127.0.0.1: an Azure subscription with a Virtual WAN that trusts no root yet,
and {len(MACS)} Macs, each behind an ssh server. Three people approve, dora ignores what she sees, and nobody is at
mac-emil.
{"Tunnels are real." if running.tunnels else "Without real tunnels: Macs connect to a double."}

In another terminal:

  . {shlex.quote(str(file))}
  ansible-playbook -i {inventory} vwan.user_vpn.site
  ansible-playbook -i {inventory} {ROOT / "examples/workstations.yml"}
  ansible user_vpn -i {inventory} -b -m vwan.user_vpn.mac_info -a identifier=com.example.demo.user-vpn
  ansible-playbook -i {inventory} vwan.user_vpn.report

or a playbook of yours. Ctrl-C here ends the lab, and all that is in {running.folder} goes with it."""


if __name__ == "__main__":
    sys.exit(main())
