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

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.naming import clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.places import VARIABLES, beside_inventory

SHOWN = "{{ 'user_vpn.db' | vwan.user_vpn.beside_inventory(ansible_inventory_sources) }}"


NAMES = sorted(VARIABLES)


def a_tree(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("all: {hosts: {a: {ansible_connection: local}}}\n")


@pytest.mark.parametrize("inventory", ["inventory", "inventory/", "inventory/hosts.yml", "hosts.yml", "a,"])
def test_beside_the_inventory_and_never_inside_its_folder(tmp_path: Path, inventory: str) -> None:
    """As ansible itself names its inventories."""
    a_tree(tmp_path, "inventory/hosts.yml", "hosts.yml")
    command = [str(Path(sys.executable).parent / "ansible"), "-i", inventory, "a", "-m", "ansible.builtin.debug"]
    done = subprocess.run(
        [*command, "-a", json.dumps({"msg": SHOWN})], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = "user_vpn.db" if inventory == "a," else str(tmp_path / "user_vpn.db")
    assert f'"msg": "{expected}"' in done.stdout


@pytest.mark.parametrize(
    ("source", "start", "place"),
    [
        # a project, wherever one starts from
        ("fleet/inventory.yml", "fleet", "fleet"),
        ("fleet/inventory.yml", ".", "fleet"),
        ("fleet/inventory.yml", "elsewhere", "fleet"),
        ("fleet/hosts.yml", "fleet", "fleet"),
        ("project/hosts.yml", ".", "project"),
        # an inventory folder, and a file in it
        ("fleet/inventory", "fleet", "fleet"),
        ("fleet/inventory/hosts.yml", "fleet", "fleet"),
        ("fleet/inventory/hosts.yml", "fleet/inventory", "fleet"),
        ("fleet/inventories/lab", "fleet", "fleet/inventories"),
        ("fleet/inventories/lab/hosts.yml", "fleet", "fleet/inventories"),
        ("prod", ".", "."),
        ("prod/hosts.yml", ".", "."),
        # whose folder is one in which Ansible looks for something
        ("roles/inventory", ".", "."),
        ("group_vars/inventory/hosts.yml", ".", "."),
        ("project/filter_plugins/hosts.yml", ".", "project"),
    ],
)
def test_the_place_of_an_inventory(tmp_path: Path, source: str, start: str, place: str) -> None:
    files = ("fleet/inventory.yml", "fleet/hosts.yml", "fleet/inventory/hosts.yml", "fleet/inventories/lab/hosts.yml")
    a_tree(tmp_path, *files, "prod/hosts.yml", "project/hosts.yml", "project/ansible.cfg", "elsewhere/a")
    a_tree(tmp_path, "roles/inventory/hosts", "group_vars/inventory/hosts.yml", "project/filter_plugins/hosts.yml")
    for name in NAMES:
        found = beside_inventory(name, [str(tmp_path / source)], tmp_path / start)
        assert Path(found) == tmp_path / place / name


@pytest.mark.parametrize("sources", [("inventories", "inventories/lab/hosts.yml"), ("inventories/lab", "inventories")])
def test_never_in_another_inventory_of_the_run(tmp_path: Path, sources: tuple[str, ...]) -> None:
    a_tree(tmp_path, "inventories/lab/hosts.yml")
    for each in (sources, sources[::-1]):
        found = beside_inventory("user_vpn.db", [str(tmp_path / source) for source in each], tmp_path)
        assert Path(found).parent == tmp_path


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folder", ["inventory", "prod", "fleet"])
def test_a_folder_and_a_file_in_it_mean_the_same(tmp_path: Path, folder: str, name: str) -> None:
    a_tree(tmp_path, f"{folder}/hosts.yml")
    sources = [[str(tmp_path / folder)], [str(tmp_path / folder / "hosts.yml")]]
    starts = [tmp_path, tmp_path / folder, Path("/")]
    for place in (tmp_path / name, tmp_path / folder / name):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        assert {beside_inventory(name, source, start) for source in sources for start in starts} == {str(place)}
        place.unlink()
    for place in (tmp_path / name, tmp_path / folder / name):
        place.touch()
    for source in sources:
        with pytest.raises(UserVpnError, match=f"are both there, and one of them is meant: .* {VARIABLES[name]}\\.$"):
            beside_inventory(name, source, tmp_path)


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
