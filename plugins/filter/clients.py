# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `clients`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.naming import clients

DOCUMENTATION = r"""
name: clients
short_description: The clients of Macs
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - The client of each host, as O(vwan.user_vpn.client_certificates#module:clients) takes it. Its name is
    C(user_vpn_client_name), or else the inventory name. Its serial number is C(user_vpn_serial_number), if that is set.
  - With C(user_vpn_scep), the certificate comes from elsewhere, so its name is told as it is asked for there, and what
    was found on the Mac in this run.
  - With C(user_vpn_certificate_domain), its common name is its name with an C(@) and that domain.
  - Of each Mac count inventory, facts and extra variables. What a play or a role sets counts for all of its Macs; it
    is known by being another value than inventory and default give for the host O(first).
positional: hostvars, first, settings
extends_documentation_fragment: [vwan.user_vpn.hosts]
options:
  first:
    description: The host that the task runs for, C(inventory_hostname). It goes with O(settings).
    type: str
    default: ""
  settings:
    description: >-
      The settings C(certificate_domain), C(certificate_san_type) and C(scep) of the play. Without them, only what the
      inventory says counts.
    type: dict
    default: {}
seealso:
  - module: vwan.user_vpn.client_certificates
"""

EXAMPLES = r"""
- name: Show the clients of this play
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | vwan.user_vpn.clients(hostvars, inventory_hostname, wishes) }}"
  vars:
    wishes:
      certificate_domain: red.example.com
      certificate_san_type: dns
"""

RETURN = r"""
_value:
  description: A dictionary for each.
  type: list
  elements: dict
  sample:
    - name: mac-042
      common_name: mac-042@red.example.com
      serial_number: C02XK1ABJG5J
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"clients": clients}
