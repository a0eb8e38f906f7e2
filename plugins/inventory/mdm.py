# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Macs that an MDM knows, as an inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mdm
short_description: The Macs that an MDM knows
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - Makes a host of each Mac that the MDM manages. A Mac that leaves the MDM leaves the inventory.
  - The file has a name that ends in C(mdm.yml) or C(mdm.yaml).
  - Each host has C(user_vpn_serial_number), by which M(vwan.user_vpn.mdm_profile) finds it, and as C(mdm_id),
    C(mdm_name), C(mdm_udid), C(mdm_macos), C(mdm_last_seen), C(mdm_user) and C(mdm_groups) what else the MDM tells.
extends_documentation_fragment:
  - vwan.user_vpn.mdm.server
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [vwan.user_vpn.mdm]
  hostname:
    description:
      - What a host is called. V(serial_number) never changes.
      - V(name) is what people call their Mac. One whose name another one has as well is called by its serial number.
    type: str
    choices: [serial_number, name]
    default: serial_number
  unmanaged:
    description: Whether Macs that the MDM does not manage any more are hosts as well. No profile reaches them.
    type: bool
    default: false
requirements:
  - requests, which the Azure SDK brings
notes:
  - Two Macs with one serial number are left out, with a warning.
seealso:
  - module: vwan.user_vpn.mdm_profile
"""

EXAMPLES = r"""
# jamf.mdm.yml, with JAMF_URL, JAMF_CLIENT_ID and JAMF_CLIENT_SECRET in the environment
plugin: vwan.user_vpn.mdm
server:
  type: jamf
# All Macs that a smart group has are those of the playbooks.
groups:
  user_vpn: "'VPN users' in mdm_groups"
keyed_groups:
  - prefix: macos
    key: mdm_macos.split('.')[0]
compose:
  user_vpn_client_name: mdm_user ~ '-' ~ user_vpn_serial_number
cache: true
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils._errors import UserVpnError
from ..module_utils._fleet.inventory import hosts_of
from ..module_utils._mdm.interface import Device
from ..plugin_utils._mdm_action import MDM_ARGUMENTS, server_of


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    NAME = "vwan.user_vpn.mdm"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("mdm.yml", "mdm.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        known = self._cached(path, cache)
        named, warnings = hosts_of(known, self.get_option("hostname"), unmanaged=self.get_option("unmanaged"))
        for warning in warnings:
            self.display.warning(warning)
        strict = self.get_option("strict")
        for host, variables in named.items():
            self.inventory.add_host(host)
            for name, value in variables.items():
                self.inventory.set_variable(host, name, value)
            self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)

    def _cached(self, path: str, cache: bool) -> list[Device]:
        key, wanted = self.get_cache_key(path), self.get_option("cache")
        if wanted and cache and key in self._cache:
            return [
                Device(**{**each, "profiles": frozenset(), "groups": tuple(each["groups"])})
                for each in self._cache[key]
            ]
        found = self._asked()
        if wanted:
            self._cache[key] = [{**asdict(device), "profiles": [], "groups": list(device.groups)} for device in found]
        return found

    def _asked(self) -> list[Device]:
        try:
            with server_of(self._server(), self._local_path, self.display.vv, lambda _secret: None) as server:
                return server.all_devices()
        except UserVpnError as error:
            raise AnsibleParserError(str(error)) from None

    def _server(self) -> Mapping[str, Any]:
        """The option `server`, with what is templated in it, as a task takes it."""
        given = {
            name: self.templar.template(value) if isinstance(value, str) else value
            for name, value in (self.get_option("server") or {}).items()
        }
        checked = ArgumentSpecValidator(MDM_ARGUMENTS).validate({"server": given})
        if checked.error_messages:
            raise UserVpnError("; ".join(checked.error_messages))
        server: Mapping[str, Any] = checked.validated_parameters["server"]
        return server

    def _local_path(self, value: str) -> Path:
        return Path(os.path.expandvars(value)).expanduser().absolute()
