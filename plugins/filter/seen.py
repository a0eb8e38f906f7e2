# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `seen`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.conclusion import seen
from ..module_utils._fleet.run import Run

DOCUMENTATION = r"""
name: seen
short_description: What the Macs of this run were seen with
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - What M(vwan.user_vpn.mac_profile) told of each Mac, as O(vwan.user_vpn.ledger#module:macs) takes it. A Mac that
    did not answer is left out.
positional: hosts
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  hosts:
    description: Of which Macs to tell, where it is not those of C(user_vpn_fleet).
    type: list
    elements: str
seealso:
  - module: vwan.user_vpn.ledger
"""

EXAMPLES = r"""
- name: Note what the Macs were seen with
  vwan.user_vpn.ledger:
    pki: ~/user-vpn.db
    macs: "{{ hostvars | vwan.user_vpn.seen }}"
    state: noted
  run_once: true
"""

RETURN = r"""
_value:
  description: A dictionary for each.
  type: list
  elements: dict
  sample:
    - host: mac-042
      identifier: com.example.user-vpn
      serial_number: C02XK1ABJG5J
      macos_version: "15.5"
      status: installed
      profile_uuid: 5B4A2C7E-6B43-5F2B-9D66-5B6C1B0D8A11
      shown_uuid: 5B4A2C7E-6B43-5F2B-9D66-5B6C1B0D8A11
      profile_sha256: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08
      certificate_sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      gateway_roots: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
      address: 172.31.250.4
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"seen": lambda hostvars, hosts=None: seen(Run(hostvars, hosts))}
