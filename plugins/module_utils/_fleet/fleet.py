# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the Macs of a play as one fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from .._errors import UserVpnError, shown
from .settings import HostVars, check, client_of, own, per_mac, require_identifier

#: What is done once for the play has one value of each of these ...
FLEET_WIDE = (
    "user_vpn_pki",
    "user_vpn_package",
    "user_vpn_profiles_dir",
    "user_vpn_report_dir",
    "user_vpn_resource_group",
    "user_vpn_virtual_wan",
    "user_vpn_server_configuration",
    "user_vpn_p2s_vpn_gateway",
    "user_vpn_root_common_name",
    "user_vpn_root_generation",
    "user_vpn_new_root",
    "user_vpn_readmit",
    "user_vpn_client_key_size",
    "user_vpn_renew_before_days",
    "user_vpn_renew_batch",
    "user_vpn_revoke_superseded",
    "user_vpn_publish_root",
    "user_vpn_remove_expired_roots",
    "user_vpn_repair_broken_roots",
    "user_vpn_withdraw_old_roots",
    "user_vpn_withdraw_force",
    "user_vpn_add_hub_roots",
    "user_vpn_keep_gateway_roots",
    "user_vpn_configuration_append_tags",
    "user_vpn_configuration_authentication_types",
    "user_vpn_configuration_ipsec_policy",
    "user_vpn_configuration_location",
    "user_vpn_configuration_protocols",
    "user_vpn_configuration_tags",
    "user_vpn_change_configuration",
    "user_vpn_scep_root",
    "user_vpn_storage_account",
    "user_vpn_storage_container",
)
#: ... and of these, which hold secrets.
SECRET = ("user_vpn_passphrase", "user_vpn_azure", "user_vpn_mdm", "user_vpn_output_blob_sas_url")

#: What is used at the end of a run, by some Macs in another way than by others: it is looked at before.
OF_A_MAC = ("require_installed", "require_connected")


def fleet(hosts: Iterable[str], hostvars: HostVars, seen: Mapping[str, Any] = MappingProxyType({})) -> list[str]:
    """The hosts themselves; UserVpnError where they differ in what can only be done once for all of them.

    seen  settings as a task has found them; UserVpnError where one cannot be used
    """
    found = list(hosts)
    for name, value in seen.items():
        check(name, value)
    if "identifier" in seen and found:
        for settings in per_mac(found, hostvars, found[0], {"identifier": seen["identifier"]}).values():
            require_identifier(settings["identifier"])
    told = {host: hostvars[host] for host in found}
    for name in OF_A_MAC:
        for host in found:
            check(name, own(told[host], name))
    for name in (*FLEET_WIDE, *SECRET):
        values = {host: told[host].get(name) for host in found}
        first = next(iter(values.items()), ("", None))
        if first[1] is not None:
            check(name.removeprefix("user_vpn_"), first[1])
        other = next(((host, value) for host, value in values.items() if value != first[1]), None)
        if other:
            raise UserVpnError(
                f"{name} is {_differing(name, first, other)}, and it is needed once for the play: run the playbook for "
                "each group by itself, with -e user_vpn_hosts=GROUP."
            )
    return found


def _differing(name: str, *values: tuple[str, Any]) -> str:
    hosts = [host for host, _value in values]
    if name in SECRET:
        return f"not the same for {' and '.join(hosts)}"
    return " and ".join(f"{shown(repr(value))} for {host}" for host, value in values)


def csrs(hosts: Iterable[str], hostvars: HostVars) -> dict[str, str]:
    """By client, the request of each Mac that makes its own key; empty as long as there is none."""
    found = {}
    for host in hosts:
        told = hostvars[host]
        if told.get("user_vpn_mac_key") == "on_mac":
            found[client_of(host, told)] = str((told.get("configure_client_key") or {}).get("csr") or "")
    return found
