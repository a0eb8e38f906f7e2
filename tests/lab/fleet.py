# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small fleet with its Azure and its inventory, for `make demo` and `make lab`."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import Lab
from .azure import AzureLab
from .packages import gateway_root
from .tunnel.authority import Identity
from .tunnel.azure import join
from .tunnel.demo import Tunnels, tunnels

ROOT = Path(__file__).resolve().parents[2]
SERVER = "wan.demo0000000000000000000.vpn.azure.com"
# What "About cryptographic requirements" (P2S) allows and a Mac knows.
IPSEC_POLICY = {
    "saLifeTimeSeconds": 27000,
    "saDataSizeKilobytes": 102400000,
    "ipsecEncryption": "GCMAES256",
    "ipsecIntegrity": "GCMAES256",
    "ikeEncryption": "AES256",
    "ikeIntegrity": "SHA256",
    "dhGroup": "DHGroup14",
    "pfsGroup": "PFS14",
}


@dataclass(frozen=True)
class Fleet:
    """`environment` is what a command needs that is to run against it; nothing of the user's own settings is in it."""

    folder: Path
    lab: Lab
    azure: AzureLab
    tunnels: Tunnels | None
    environment: dict[str, str]

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory"


@contextlib.contextmanager
def fleet(folder: Path, macs: Mapping[str, Mapping[str, Any]], *, with_tunnels: bool = True) -> Iterator[Fleet]:
    """In a folder that is made anew. `macs`: by name, the arguments of Lab.add_mac.

    Azure has a Virtual WAN whose User VPN configuration trusts no root yet. Tunnels are real where the machine can
    have them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        sys.exit(f"{folder} is there and cannot be removed, as after a run by root: remove it, and run this again.")
    folder.mkdir(mode=0o700, parents=True)
    root = gateway_root("Demo Gateway Root")
    with contextlib.ExitStack() as stack:
        real = None
        if with_tunnels:
            real = stack.enter_context(tunnels(SERVER, Identity(root.certificate, root.key), IPSEC_POLICY))
        azure = stack.enter_context(AzureLab(folder / "azure"))
        lab = stack.enter_context(Lab(folder / "lab", tunnel=real.lab if real else None))
        azure.add_virtual_wan("demo-wan", vpn_server=SERVER)
        azure.add_hub("hub-westeurope", "demo-wan")
        configuration = azure.add_server_configuration("macs", ipsec_policy=IPSEC_POLICY)
        gateway = azure.add_p2s_gateway("gateway-westeurope", "hub-westeurope", "macs", roots=[root.certificate])
        if real:
            join(real.gateway, gateway, configuration)
        for name, arguments in macs.items():
            lab.add_mac(name, vpnutil=bool(real), **arguments)
        _write_inventory(folder, lab)
        yield Fleet(folder, lab, azure, real, _environment(folder) | azure.environment())


def _write_inventory(folder: Path, lab: Lab) -> None:
    variables = {
        "user_vpn_connection_name": "Demo VPN",
        "user_vpn_organization": "Demo",
        "user_vpn_identifier": "com.example.demo.user-vpn",
        "user_vpn_resource_group": "rg-vpn",
        "user_vpn_virtual_wan": "demo-wan",
        "user_vpn_server_configuration": "macs",
        "user_vpn_package": str(folder / "package.zip"),
        "user_vpn_pki": str(folder / "user_vpn.db"),
        "user_vpn_profiles_dir": str(folder / "profiles"),
        "user_vpn_report_dir": str(folder / "report"),
        "user_vpn_wait": 60,
    }
    (folder / "inventory/group_vars").mkdir(parents=True)
    (folder / "inventory/ansible.cfg").write_text("[defaults]\n")
    (folder / "inventory/group_vars/user_vpn.yml").write_text(json.dumps(variables, indent=2) + "\n")
    shutil.copy(lab.inventory(), folder / "inventory/hosts.yml")


def _environment(folder: Path) -> dict[str, str]:
    """The secret is what an admin would keep in Ansible Vault."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(folder / "inventory/ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "USER_VPN_PASSPHRASE": secrets.token_urlsafe(24),
    }
