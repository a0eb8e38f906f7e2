# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each action, arguments that its specification takes; what they name need not exist."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

ACTIONS = sorted(path.stem for path in (Path(__file__).parents[2] / "plugins/action").glob("*.py"))
IDENTIFIER = "com.example.user-vpn"
SAS_URL = "https://contoso.blob.core.windows.net/sessions/now.json?sig=x"

COMPLETE: dict[str, dict[str, Any]] = {
    "client_certificates": {"pki": "pki.db", "clients": ["mac-01"]},
    "conclusion": {"macs": [{"host": "mac-01", "status": "current"}]},
    "connection_health_info": {"resource_group": "rg-vpn"},
    "connection_info": {"resource_group": "rg-vpn", "output_blob_sas_url": SAS_URL},
    "connections": {"resource_group": "rg-vpn", "output_blob_sas_url": SAS_URL, "addresses": ["172.31.250.4"]},
    "ledger": {"pki": "pki.db", "state": "checked"},
    "ledger_info": {"pki": "pki.db"},
    "mac_certificate": {"identity": {"pkcs12_path": "mac-01.p12", "password": "a password"}},
    "mac_connection": {"identifier": IDENTIFIER},
    "mac_evidence": {"dest": "evidence.txt"},
    "mac_info": {"identifier": IDENTIFIER},
    "mac_key": {"identifier": IDENTIFIER},
    "mac_profile": {"profile": {"failed": True, "msg": "No certificate."}},
    "mdm_profile": {
        "server": {"type": "jamf", "url": "https://example.invalid", "client_id": "an id", "username": "a name"},
        "profiles": [{"host": "mac-01", "serial_number": "C02XK1ABJG5J"}],
    },
    "mdm_profile_info": {
        "server": {"type": "jamf", "url": "https://example.invalid", "client_id": "an id", "username": "a name"},
        "profiles": [{"host": "mac-01", "serial_number": "C02XK1ABJG5J"}],
        "identifier": IDENTIFIER,
    },
    "mobileconfig": {
        "settings": {"vpn_server": "gateway.example.com"},
        "macs": [{"host": "mac-01", "identity": {"pkcs12_path": "mac-01.p12", "password": "a password"}}],
        "dest": "profiles",
        "identifier": IDENTIFIER,
        "connection_name": "Contoso VPN",
    },
    "profile_package": {"resource_group": "rg-vpn", "virtual_wan": "wan1", "dest": "package.zip"},
    "profile_package_info": {"path": "package.zip"},
    "root_certificate": {"pki": "pki.db", "certificate_source": "root.pem", "key_source": "root.key"},
    "server_configuration": {"resource_group": "rg-vpn", "vpn_server_configuration": "macs"},
    "server_configuration_info": {"resource_group": "rg-vpn"},
}


def specification(action: str) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{action}")
    specification: dict[str, Any] = module.ActionModule.ARGUMENT_SPEC
    return specification
