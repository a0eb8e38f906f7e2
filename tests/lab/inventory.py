# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory through which Ansible reaches the lab's Macs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lab import Lab
    from .mac import Mac


def ssh_options(lab: Lab) -> list[str]:
    """Options of the OpenSSH client that keep it away from its user's own files, and check host keys strictly."""
    return [
        "-F", "none",
        "-o", f'UserKnownHostsFile="{lab.known_hosts}"',
        "-o", "GlobalKnownHostsFile=none",
        "-o", "StrictHostKeyChecking=yes",
        "-o", "IdentitiesOnly=yes",
        "-o", "IdentityAgent=none",
        # Newer clients warn of key exchanges that are not post-quantum; older ones do not know the word.
        "-o", "IgnoreUnknown=WarnWeakCrypto",
        "-o", "WarnWeakCrypto=no",
    ]  # fmt: skip


def write(lab: Lab, *, become_passwords: bool) -> Path:
    """Write the inventory, in YAML's JSON subset, and return its path."""
    hosts = {mac.name: _host(lab, mac, become_passwords) for mac in lab.macs.values()}
    inventory = {"user_vpn": {"hosts": hosts}}
    path = lab.folder / "inventory.yml"
    path.write_text(json.dumps(inventory, indent=2) + "\n")
    return path


def _host(lab: Lab, mac: Mac, become_passwords: bool) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "ansible_host": "127.0.0.1",
        "ansible_port": mac.port,
        "ansible_user": mac.login_user,
        "ansible_ssh_private_key_file": str(lab.client_key),
        "ansible_ssh_common_args": shlex.join(ssh_options(lab)),
        "ansible_control_path_dir": str(lab.control_folder),
    }
    if become_passwords and mac.login_user != "root":
        variables["ansible_become_password"] = mac.sudo_password
    return variables
