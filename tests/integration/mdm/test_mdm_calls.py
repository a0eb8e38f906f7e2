# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls a shared profile costs at Jamf Pro, as the guide has it; test_mdm_intune.py counts those of Intune."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, Fleet
from ansible_collections.vwan.user_vpn.tests.integration.mdm.test_mdm_suite import (
    all_installed,
    of_jamf,
    shared,
    writes,
)
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.lab.mdm import JamfLab
    from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki


def on_paper(number: int) -> Any:
    """A Mac that takes whatever it is told to install, and shows it in its inventory."""
    mac: Any = SimpleNamespace(name=f"mac-{number}", serial=f"S{number:04d}", hardware_uuid=f"U{number}", keychains={})
    mac.release = SimpleNamespace(version="15.5")
    mac.installed_profiles, mac.push_profile = list, lambda raw: None
    return mac


@of_jamf
@pytest.mark.parametrize("size", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_calls_for_a_shared_profile_grow_with_pages(
    tmp_path: Path, server: JamfLab, lab: Lab, pki: Pki, size: int
) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 1)
    one = shared(fleet.render(), tmp_path)["mac-01"]
    macs = [*fleet.macs, *map(on_paper, range(2, size + 1))]
    for mac in macs[1:]:
        server.enrol(mac)
    profiles = [{"host": mac.name, "serial_number": mac.serial, "profile": one} for mac in macs]
    wish = {"server": server.server, "profiles": profiles}
    hundreds, commands = -(-size // 100), -(-size // 500)

    first = run_action("mdm_profile", wish)
    assert first["changed"] and all_installed(first) and len(first["macs"]) == size
    # The token, and its end; pages of Macs and of commands; the list of profiles. Then it is made and read back, gets
    # its scope and is read back.
    assert len(server.requests) == 2 + hundreds + commands + 1 + 4
    server.requests.clear()
    again = run_action("mdm_profile", wish)
    assert not again["changed"] and all_installed(again) and not writes(server)
    assert len(server.requests) == 2 + hundreds + commands + 2 == (16 if size == 1000 else 6)
    server.requests.clear()
    asked = run_action("mdm_profile_info", {**wish, "identifier": IDENTIFIER, "certificates": True})
    assert {mac["state"] for mac in asked["macs"].values()} == {"installed"}
    # Each Mac is looked for under its own name as well, in the list; and its certificates are in pages of their own.
    assert len(server.requests) == 2 + 2 * hundreds + commands + 2
