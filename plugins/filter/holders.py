# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `holders`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.naming import holders

DOCUMENTATION = r"""
name: holders
short_description: The Macs that hold what was revoked
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - The hosts of the revoked clients, by the inventory and by what the store saw last. A client that has another
    certificate left is not among them.
positional: hostvars, ledger, revoked
options:
  _input:
    description: What P(vwan.user_vpn.named#filter) returned.
    type: dict
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  ledger:
    description: What M(vwan.user_vpn.ledger_info) returned after the revocation.
    type: dict
    required: true
  revoked:
    description: What M(vwan.user_vpn.client_certificates) returned to the revocation.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Name the Macs that have to lose it
  ansible.builtin.set_fact:
    revoke_macs: "{{ revoke_named | vwan.user_vpn.holders(hostvars, revoke_ledger, revoke_done) }}"
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
        return {"holders": holders}
