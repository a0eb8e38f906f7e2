# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `due`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.naming import due

DOCUMENTATION = r"""
name: due
short_description: The Macs that need something
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - The hosts whose identity ends soon, the most urgent first, and then those that have not got the profile that waits
    for them.
positional: hostvars, ledger, batch
extends_documentation_fragment: [vwan.user_vpn.hosts]
options:
  ledger:
    description: What M(vwan.user_vpn.ledger_info) returned.
    type: dict
    required: true
  batch:
    description: >-
      At most so many whose identity ends soon; V(0) for any number. Who waits for a profile is always among them.
    type: int
    default: 0
seealso:
  - module: vwan.user_vpn.ledger_info
"""

EXAMPLES = r"""
- name: Read the store
  vwan.user_vpn.ledger_info:
    pki: ~/user-vpn.db
  register: ledger
  run_once: true

- name: Say who is due
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | vwan.user_vpn.due(hostvars, ledger) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: Names of hosts.
  type: list
  elements: str
  sample: [mac-042]
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"due": lambda hosts, hostvars, ledger, batch=0: due(hosts, hostvars, ledger, int(batch))}
