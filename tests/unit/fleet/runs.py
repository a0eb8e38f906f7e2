# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles have registered at the end of a run, for tests."""

from __future__ import annotations

from typing import Any

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.run import Run

UP = {"connected": True, "interface": "ipsec0", "address": "172.16.0.5", "others": []}
DOWN = {"connected": False, "interface": "", "address": "", "others": []}
PROFILE = {"uuid": "U", "scope": "System", "connection_names": ["Contoso VPN"], "on_demand": False}


def mac(status: str, **more: Any) -> dict[str, Any]:
    """What mac_profile returns."""
    return {
        "status": status,
        "msg": f"It is {status}.",
        "identifier": "com.example.vpn",
        "profile_uuid": "U",
        "serial_number": "C02A",
        "macos_version": "15.5",
        "privileged": True,
        "profile": PROFILE if status == "installed" else {},
        "tunnel": DOWN,
        "vpnutil": False,
        "identities": [],
    } | more


def run(play: dict[str, Any] | None = None, *, check: bool = False, **told: dict[str, Any]) -> Run:
    """A run over these Macs: what each has registered, and `entry` for what was rendered."""
    macs = {
        host: {
            "host": host,
            "delivery": "approve",
            "client": host,
            "sha256": "F",
            "certificate_sha1": "A",
            "gateway_roots": ["R"],
        }
        | each.pop("entry", {})
        for host, each in told.items()
        if each.get("entry", {}) is not None
    }
    for each in told.values():
        each.pop("entry", None)
    hostvars = {
        host: {"user_vpn_fleet": list(told), "configure_client_rendered": {"macs": macs}} | each
        for host, each in told.items()
    }
    return Run({"other": {}, **hostvars}, play=play, check=check)


def of(result: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"configure_client_result": result} | more
