# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign-ins that fail, in a real play: one sentence each, and past Ansible nobody says anything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils import _errors
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab

COLLECTIONS = Path(_errors.__file__).parents[5]
PLANTED = "pl4nted"
PROXY = f"http://user:{PLANTED}#1@127.0.0.1:9"
SAS = f"https://account.blob.core.windows.net/c/package.zip?sv=2024&sig={PLANTED}"

# Name -> options, environment, what is said.
CASES: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "secret": ({"secret": PLANTED}, {}, "AADSTS7000215"),
    "secret in the environment": ({}, {"AZURE_SECRET": PLANTED}, "AADSTS7000215"),
    "secret that is no text": ({"secret": [PLANTED]}, {}, "secret must be a string: put it in quotes"),
    "secret for the tenant": ({"tenant": f"{PLANTED}~x"}, {}, "tenant must be the directory's id"),
    "proxy": ({}, {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY is no URL of the form http://user:password@host:port"),
    "port": ({}, {"https_proxy": f"http://user:1#{PLANTED}@127.0.0.1:9"}, "https_proxy is no URL of the form"),
    "user": ({}, {"ALL_PROXY": f"http://{PLANTED}#1@127.0.0.1:9"}, "ALL_PROXY is no URL of the form"),
    "cloud": (
        {"cloud_environment": f"https://u:{PLANTED}@localhost"},
        {},
        "cloud_environment must be one of AzureCloud",
    ),
    "authority": (
        {},
        {"AZURE_AUTHORITY_HOST": f"https://{PLANTED}@localhost"},
        "AZURE_AUTHORITY_HOST must be a host name",
    ),
    "nobody there": ({"wait_timeout": 1}, {"AZURE_AUTHORITY_HOST": "https://localhost:9"}, "more than 1 seconds"),
    "no CLI": ({"auth_source": "cli"}, {"PATH": "/nonexistent"}, "Azure CLI not found on path"),
    "no file": ({"secret": None, "x509_certificate_path": SAS}, {}, "A URL is given where a file or folder"),
}


@pytest.mark.usefixtures("macs")
def test_a_failed_sign_in_is_one_sentence(azure: AzureLab, tmp_path: Path) -> None:
    cases = {
        name: {"options": {"resource_group": "rg-vpn"} | options, "environment": environment}
        for name, (options, environment, _said) in CASES.items()
    }
    (tmp_path / "values.json").write_text(json.dumps({"cases": cases}))
    tasks = [
        {
            "name": name,
            "vwan.user_vpn.server_configuration_info": f"{{{{ cases[{name!r}].options }}}}",
            "environment": f"{{{{ cases[{name!r}].environment }}}}",
            "ignore_errors": True,
        }
        for name in CASES
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    log = tmp_path / "ansible.log"
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(tmp_path / "ansible-home"),
        "ANSIBLE_LOG_PATH": str(log),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible-tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_INJECT_FACT_VARS": "False",
    }
    command = [
        sys.executable,
        "-m",
        "ansible",
        "playbook",
        "-vvv",
        "-i",
        "controller,",
        "-e",
        "@values.json",
        "play.yml",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr + log.read_text()
    assert re.search(rf"failed=0 .*ignored={len(CASES)}", done.stdout), output
    for name, (_options, _environment, said) in CASES.items():
        (told,) = re.findall(rf"TASK \[{name}\] .*?\n(.*?)\n(?:TASK|PLAY RECAP)", done.stdout, re.DOTALL)
        assert said in told, name
        assert "Traceback" not in told and "Authentication failed" not in told, name
    assert PLANTED not in output
    assert not [line for line in output.splitlines() if "errantly" in line or "get_token" in line or "urllib3" in line]
