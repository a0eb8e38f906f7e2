# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `standings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ..module_utils._fleet.conclusion import removals, standings
from ..module_utils._fleet.run import Run

DOCUMENTATION = r"""
name: standings
short_description: Where each Mac of this run stands
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - Concludes from what the roles have registered what came of the run for each Mac, as
    O(vwan.user_vpn.conclusion#module:macs) takes it.
positional: check, removed
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  check:
    description: Whether this was a run in check mode, which has offered nothing to anybody.
    type: bool
    default: false
  removed:
    description: Whether the run was to take the VPN off these Macs, as the role C(revoke) does.
    type: bool
    default: false
seealso:
  - module: vwan.user_vpn.conclusion
"""

EXAMPLES = r"""
- name: Say what came of this run
  vwan.user_vpn.conclusion:
    macs: "{{ hostvars | vwan.user_vpn.standings(ansible_check_mode) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: A dictionary for each.
  type: list
  elements: dict
  sample:
    - host: mac-042
      status: current
      msg: "'Contoso VPN' is installed."
      next_step: ""
      failed: false
      connected: true
      address: 172.16.0.5
      user_group: ""
      address_pools: []
"""


def told(hostvars: Mapping[str, Any], check: bool = False, removed: bool = False) -> list[dict[str, Any]]:
    run = Run(hostvars, check=check)
    return [asdict(standing) for standing in (removals(run) if removed else standings(run))]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"standings": told}
