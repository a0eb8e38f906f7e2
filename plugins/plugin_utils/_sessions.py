# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what the actions share that name the sessions of gateways."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from ..module_utils._azure import configurations, health
from ..module_utils._azure.blob import Blob
from ..module_utils._azure.client import Azure
from ..module_utils._azure.configurations import Json
from ..module_utils._errors import UserVpnError
from ..module_utils._fleet.sessions import NOBODY, Clients
from ..module_utils._pki.database import place_of
from ..module_utils._pki.deliveries import on_macs
from ..module_utils._pki.store import reading
from ._action import UserVpnAction

# The options of the doc fragment `sessions`: of which gateways, and where Azure writes them.
SESSION_ARGUMENTS: dict[str, Any] = {
    "resource_group": {"type": "str", "required": True},
    "virtual_wan": {"type": "str"},
    "vpn_server_configuration": {"type": "str"},
    "p2s_vpn_gateway": {"type": "str"},
    "output_blob_sas_url": {"type": "str", "no_log": True},
    "storage_account": {"type": "str"},
    "container": {"type": "str"},
    "pki": {"type": "str"},
}
SESSION_CONSTRAINTS: dict[str, Any] = {
    "mutually_exclusive": [["output_blob_sas_url", "storage_account"]],
    "required_together": [["storage_account", "container"]],
    "required_one_of": [["output_blob_sas_url", "storage_account"]],
}


def gateways_of(azure: Azure, arguments: Mapping[str, Any]) -> list[Json]:
    """The gateways that are asked: one, those of one User VPN configuration, or all of the resource group."""
    group, wan, name, gateway = (
        arguments[each] or ""
        for each in ("resource_group", "virtual_wan", "vpn_server_configuration", "p2s_vpn_gateway")
    )
    if gateway or not (wan or name):
        return health.gateways(azure, group, gateway)
    return configurations.own_gateways(azure, configurations.find(azure, group, wan, name))


def blob_of(azure: Azure, arguments: Mapping[str, Any]) -> AbstractContextManager[Blob]:
    return azure.blob(
        arguments["output_blob_sas_url"] or "", arguments["storage_account"] or "", arguments["container"] or ""
    )


def clients_of(action: UserVpnAction, pki: str | None) -> Clients:
    """The clients of the store that is named; nobody where none is."""
    if not pki:
        return NOBODY
    with reading(place_of(pki, action.local_path)) as store:
        if not store.exists:
            raise UserVpnError(f"pki: there is no store in {pki} yet, which could tell whose sessions these are.")
        certificates = store.certificates()
        macs, addresses = on_macs(store.last_deliveries(), certificates), store.sightings()
    return Clients.of(certificates, {mac.client: mac.last.host for mac in macs if mac.client}, addresses)
