# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, as ansible-inventory reads it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.mdm import JamfLab

FILE = """
plugin: vwan.user_vpn.mdm
server:
  type: jamf
  client_secret: "{{ lookup('ansible.builtin.env', 'THE_SECRET') }}"
  client_id: ID
  ca_file: CA
groups:
  user_vpn: "'VPN users' in mdm_groups"
keyed_groups:
  - prefix: macos
    key: mdm_macos.split('.')[0]
compose:
  user_vpn_client_name: mdm_user ~ '-' ~ user_vpn_serial_number
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: cache
"""


def listed(folder: Path, server: JamfLab, **environment: str) -> tuple[dict[str, Any], str]:
    path = folder / "jamf.mdm.yml"
    path.write_text(
        FILE.replace("ID", server.client_id).replace("CA", str(server.ca_file)).replace(": cache", f": {folder}/cache")
    )
    variables = os.environ | {"JAMF_URL": server.url, "THE_SECRET": server.client_secret} | environment
    done = subprocess.run(
        ["ansible-inventory", "-vv", "-i", str(path), "--list"], cwd=folder, env=variables, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(
        done.stdout[done.stdout.index("{\n") :], object_hook=lambda each: each.get("__ansible_unsafe", each)
    )
    return found, done.stdout + done.stderr


def enrol(server: JamfLab, serial_number: str, *groups: str) -> Any:
    mac: Any = SimpleNamespace(
        name=serial_number.lower(), serial=serial_number, hardware_uuid="U", release=SimpleNamespace(version="15.5")
    )
    record = server.enrol(mac, name="{{ lookup('pipe', 'touch oops') }}")
    record.groups += groups
    return record


@pytest.mark.parametrize("server", ["jamf"], indirect=True)
def test_the_fleet_is_what_the_mdm_knows(tmp_path: Path, server: JamfLab) -> None:
    for number in range(120):  # more than a page
        enrol(server, f"C{number:03d}", *(["VPN users"] if number < 3 else []))
    enrol(server, "RETIRED").managed = False
    enrol(server, "TWICE")
    enrol(server, "twice")
    found, said = listed(tmp_path, server)
    assert found["user_vpn"]["hosts"] == ["C000", "C001", "C002"] and len(found["macos_15"]["hosts"]) == 120
    variables = found["_meta"]["hostvars"]["C001"]
    assert variables["user_vpn_client_name"] == "anna-C001" and variables["user_vpn_serial_number"] == "C001"
    assert (
        variables["mdm_groups"] == ["VPN users"] and variables["mdm_macos"] == "15.5" and variables["mdm_udid"] == "U"
    )
    assert "they are left out: TWICE" in " ".join(said.split()) and not (tmp_path / "oops").exists()
    assert not [secret for secret in (server.client_secret, *server.secrets) if secret in said]
    asked = len(server.requests)
    again, _said = listed(tmp_path, server)
    assert again == found and len(server.requests) == asked  # from the cache
    cached = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert server.client_secret not in cached
    # Who leaves the MDM leaves the play.
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    del server.enrolled["2"]
    assert listed(tmp_path, server)[0]["user_vpn"]["hosts"] == ["C000", "C002"]
