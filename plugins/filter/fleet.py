# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `fleet`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.utils.display import Display

from ..module_utils._fleet.fleet import fleet
from ..module_utils._fleet.variables import unknown

DOCUMENTATION = r"""
name: fleet
short_description: The Macs of a play, if they can be served together
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - Some settings are used once for a play, such as the store, the package and the User VPN configuration. This filter
    fails where the inventory gives two Macs different ones.
  - It warns of variables whose names begin with C(user_vpn_) and that nothing reads.
positional: hostvars, settings
extends_documentation_fragment: [vwan.user_vpn.hosts]
options:
  settings:
    description: >-
      Settings of the play that are needed at its end, by their names without C(user_vpn_), so that what is wrong with
      them is said now, such as C(wait).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Stop where the Macs of this play do not belong together
  ansible.builtin.set_fact:
    user_vpn_fleet: "{{ ansible_play_hosts_all | vwan.user_vpn.fleet(hostvars) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The names of the hosts.
  type: list
  elements: str
  sample: [mac-042, mac-043]
"""


def together(hosts: list[str], hostvars: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> list[str]:
    told = {host: hostvars[host] for host in hosts}  # once, for Ansible puts them together anew each time
    for sentence in unknown({name for variables in told.values() for name in variables}):
        Display().warning(sentence)
    return fleet(hosts, told, settings or {})


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fleet": together}
