# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what each MDM can do says what its client says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.interface import Capabilities
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.servers import TYPES

GUIDE = (Path(__file__).parents[3] / "docs/mdm.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def test_the_guide_says_what_each_server_can_do() -> None:
    head = [field.name.replace("_", " ").replace("per mac", "per-Mac") for field in dataclasses.fields(Capabilities)]
    assert f"| server | {' | '.join(head)} |" in GUIDE
    for server in TYPES.values():
        can = ("yes" if able else "no" for able in dataclasses.astuple(server.CAPABILITIES))
        assert f"| {server.NAME} | {' | '.join(can)} |" in GUIDE


def test_the_guide_names_the_privileges_that_the_lab_grants() -> None:
    from ansible_collections.vwan.user_vpn.tests.lab.mdm.jamf import PRIVILEGES

    (block,) = (each for each in BLOCKS if "Create macOS" in each)
    assert set(block.splitlines()) == PRIVILEGES


def test_the_guide_names_the_permissions_that_the_lab_grants() -> None:
    from ansible_collections.vwan.user_vpn.tests.lab.azure.graph import DEFAULT_ROLES

    (block,) = (each for each in BLOCKS if "DeviceManagementConfiguration" in each)
    assert block.splitlines() == list(DEFAULT_ROLES)


def test_the_guide_names_the_calls_that_the_lab_serves() -> None:
    from ansible_collections.vwan.user_vpn.tests.lab.mdm.fleet import API, ROUTES

    (block,) = (each for each in BLOCKS if f"GET {API}" in each)
    assert set(block.splitlines()) == {f"{method} {API}{path}" for method, path in ROUTES}
