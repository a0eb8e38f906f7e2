# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `enrolments`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.naming import enrolments

DOCUMENTATION = r"""
name: enrolments
short_description: The clients of Macs that have got a certificate by SCEP
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - The client of each host with C(user_vpn_scep) of which a certificate was found in this run, on the Mac itself or in
    the list of its MDM, as O(vwan.user_vpn.client_certificates#module:clients) takes it.
positional: hostvars, first, settings
extends_documentation_fragment: [vwan.user_vpn.hosts]
options:
  first:
    description: The host that the task runs for, C(inventory_hostname). It goes with O(settings).
    type: str
    default: ""
  settings:
    description: The setting C(scep) of the play. Without it, only what the inventory says counts.
    type: dict
    default: {}
seealso:
  - module: vwan.user_vpn.client_certificates
"""

EXAMPLES = r"""
- name: Enter what Macs have got by SCEP
  vwan.user_vpn.client_certificates:
    pki: ~/user-vpn.db
    clients: "{{ ansible_play_hosts_all | vwan.user_vpn.enrolments(hostvars) }}"
    scep_roots: [files/scep-root.pem]
  run_once: true
"""

RETURN = r"""
_value:
  description: A dictionary for each.
  type: list
  elements: dict
  sample:
    - name: mac-042
      serial_number: C02XK1ABJG5J
      subject: /CN=$SERIALNUMBER/O=Example
      enrolled:
        - sha1: ED361458724D06082B2314ACDB82E1F586F085F5
          serial: 40F3D9FB
          common_name: C02XK1ABJG5J
          subject: CN=C02XK1ABJG5J,O=Example
          issuer: ""
          not_before: "2026-11-27T09:14:38Z"
          not_after: "2027-11-27T09:14:38Z"
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"enrolments": enrolments}
