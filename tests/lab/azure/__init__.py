# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Azure: Entra ID, Azure Resource Manager and the blob store, on one loopback port over TLS.

    with AzureLab(folder) as azure:
        azure.add_virtual_wan("wan1")
        azure.add_hub("hub1", "wan1")
        azure.add_server_configuration("config1", roots=[root_pem])
        azure.add_p2s_gateway("gw1", "hub1", "config1", pool="172.31.0.0/24")
        subprocess.run(command, env={**os.environ, **azure.environment()})
        assert azure.writes == []

The real SDK talks to it. It is written from documented and recorded behaviour, named beside each part, and knows
nothing of the collection.
"""

from __future__ import annotations

from .lab import AzureLab, Record

__all__ = ["AzureLab", "Record"]
