# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `connections`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._fleet.connections import sentences
from ..module_utils._fleet.run import Run

DOCUMENTATION = r"""
name: connections
short_description: What there is to say about the connections of this run
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - A gateway does not tell a Mac what it did not like. This filter concludes it from what the controller knows, as a
    revocation, the end of the certificate, a root that Azure does not trust, or a thumbprint that Azure refuses. If
    there is nothing of that, the identity in the profile remains.
  - It says why others are not connected, and what the person at a Mac has to do before a root in its keychain counts.
  - It compares the addresses that the Macs have with those that Azure has given.
positional: ledger, azure, health, hosts
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  ledger:
    description: What M(vwan.user_vpn.ledger_info) returned, where a Mac was refused.
    type: dict
    default: {}
  azure:
    description: What M(vwan.user_vpn.server_configuration_info) returned, where a Mac was refused.
    type: dict
    default: {}
  health:
    description:
      - What M(vwan.user_vpn.connection_info) returned, where Azure was asked.
      - Where it has names, whoever is connected twice, or revoked, comes first.
    type: dict
    default: {}
  hosts:
    description: Of which Macs to tell, where it is not those of C(user_vpn_fleet).
    type: list
    elements: str
seealso:
  - module: vwan.user_vpn.mac_connection
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.debug:
    msg: "{{ hostvars | vwan.user_vpn.connections(ledger, azure, hosts=ansible_play_hosts) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: Sentences.
  type: list
  elements: str
  sample: ["Azure sees 12 of 12 Macs that are connected."]
"""


def told(
    hostvars: Mapping[str, Any],
    ledger: Mapping[str, Any] | None = None,
    azure: Mapping[str, Any] | None = None,
    health: Mapping[str, Any] | None = None,
    hosts: list[str] | None = None,
) -> list[str]:
    return sentences(Run(hostvars, hosts), ledger or {}, azure or {}, health or {})


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"connections": told}
