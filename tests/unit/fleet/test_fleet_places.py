# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a fleet's files are, and whom its hosts stand for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.naming import clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.places import beside_inventory

SHOWN = "{{ 'user_vpn.db' | vwan.user_vpn.beside_inventory(ansible_inventory_sources) }}"


@pytest.mark.parametrize("inventory", ["inventory", "inventory/hosts.yml", "hosts.yml", "a,"])
def test_beside_the_inventory_and_never_inside_its_folder(tmp_path: Path, inventory: str) -> None:
    """As ansible itself names its inventories."""
    (tmp_path / "inventory").mkdir()
    for path in (tmp_path / "inventory/hosts.yml", tmp_path / "hosts.yml"):
        path.write_text("all: {hosts: {a: {ansible_connection: local}}}\n")
    command = [str(Path(sys.executable).parent / "ansible"), "-i", inventory, "a", "-m", "ansible.builtin.debug"]
    done = subprocess.run(
        [*command, "-a", json.dumps({"msg": SHOWN})], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    inside = tmp_path / "inventory" if inventory == "inventory/hosts.yml" else tmp_path
    expected = "user_vpn.db" if inventory == "a," else str(inside / "user_vpn.db")
    assert f'"msg": "{expected}"' in done.stdout


@pytest.mark.parametrize("sources", [[], ["/nowhere/at/all"], [""], ["a,b"]])
def test_without_an_inventory_it_is_here(sources: list[str]) -> None:
    assert beside_inventory("user_vpn/report", sources) == "user_vpn/report"


def test_the_client_of_a_host_is_its_own_name_unless_it_has_another() -> None:
    hostvars = {
        "mac-1": {"user_vpn_client_name": "anna", "user_vpn_serial_number": "C02A"},
        "mac-2": {"user_vpn_serial_number": 7},
        "mac-3": {"user_vpn_client_name": "", "user_vpn_serial_number": ""},
        "mac-4": {},
    }
    assert clients(["mac-4", "mac-1", "mac-2", "mac-3"], hostvars) == [
        {"name": "mac-4"},
        {"name": "anna", "serial_number": "C02A"},
        {"name": "mac-2", "serial_number": "7"},
        {"name": "mac-3"},
    ]
