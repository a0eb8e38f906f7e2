# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `beside_inventory`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.places import beside_inventory

DOCUMENTATION = r"""
name: beside_inventory
short_description: A path beside the inventory
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - The path of a file or a folder beside the first inventory of the run. It is beside, and not inside, where the
    inventory is a folder, because Ansible reads everything in there as an inventory.
  - An inventory folder and a file in it mean the same inventory. What lies in one of the two places already is used,
    and what lies in both stops the run.
  - Without an inventory, or with hosts listed on the command line, it is where Ansible was started.
positional: sources
options:
  _input:
    description: The name of the file or folder.
    type: str
    required: true
  sources:
    description: The variable C(ansible_inventory_sources).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Say where the store is by default
  ansible.builtin.debug:
    msg: "{{ 'user_vpn.db' | vwan.user_vpn.beside_inventory(ansible_inventory_sources) }}"
"""

RETURN = r"""
_value:
  description: The path.
  type: str
  sample: /home/anna/fleet/user_vpn.db
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"beside_inventory": lambda name, sources=None: beside_inventory(name, sources or [])}
