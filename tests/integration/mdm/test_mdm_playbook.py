# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An MDM from a playbook: as its users write it, and what shows of its secrets."""

from __future__ import annotations

import base64
import json
import os
import plistlib
import subprocess
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, Fleet

PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/vwan.user_vpn.mdm:
      server: "{{ server }}"
  tasks:
    - name: Bring them
      vwan.user_vpn.mdm_profile:
        profiles: "{{ profiles }}"
        wait: true
      register: mdm
    - name: Show what came of it
      ansible.builtin.debug:
        var: mdm
    - name: A login that is refused
      vwan.user_vpn.mdm_profile:
        server: "{{ server | combine(WRONG) }}"
        profiles: "{{ profiles }}"
      register: refused
      ignore_errors: true
    - name: Show who says so
      ansible.builtin.debug:
        var: refused
    - name: Take them off
      vwan.user_vpn.mdm_profile:
        state: absent
        identifier: IDENTIFIER
        profiles: "{{ profiles }}"
        wait: true
      environment:
        JAMF_URL: "{{ server.url }}"
"""


def test_nothing_secret_is_shown_or_written(fleet: Fleet, tmp_path: Path) -> None:
    rendered = fleet.render()
    secrets = [fleet.server.client_secret]
    for entry in rendered.values():
        document = plistlib.loads(Path(entry["path"]).read_bytes())
        (pkcs12,) = (each for each in document["PayloadContent"] if "Password" in each)
        secrets += [pkcs12["Password"], base64.b64encode(pkcs12["PayloadContent"]).decode()[100:160]]
    (tmp_path / "play.yml").write_text(
        PLAY.replace("IDENTIFIER", IDENTIFIER).replace("WRONG", str(fleet.server.WRONG_LOGIN))
    )
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"server": fleet.server.server, "profiles": fleet.wishes(rendered)}))
    log = tmp_path / "ansible.log"
    environment = os.environ | {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"}
    command = [
        "ansible-playbook",
        "-vvvv",
        "--diff",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        f"@{variables}",
        "play.yml",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout + done.stderr + log.read_text()
    assert done.returncode == 0, said[-4000:]
    # NanoMDM is first asked when it is given something, and then a change was tried.
    assert (
        fleet.server.NO_LOGIN in said
        and '"state": "installed"' in said
        and ("changed=2" in said or fleet.server.TYPE == "nanomdm")
    )
    assert not fleet.server.profiles and not getattr(fleet.server, "tokens", ())  # where a token can be ended, it was
    secrets += list(fleet.server.secrets)
    assert not [secret for secret in secrets if secret in said]
