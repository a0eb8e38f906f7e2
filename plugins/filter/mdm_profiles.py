# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `mdm_profiles`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..module_utils._fleet.run import Run
from ..module_utils._fleet.settings import HostVars

DOCUMENTATION = r"""
name: mdm_profiles
short_description: The Macs that an MDM is asked about, with their profiles
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - An entry for each of these Macs, as O(vwan.user_vpn.mdm_profile#module:profiles) takes it. The serial number is
    C(user_vpn_serial_number), the UDID C(user_vpn_udid), and the profile what the role C(configure_client) has rendered
    in this run.
positional: hostvars
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
seealso:
  - module: vwan.user_vpn.mdm_profile
"""

EXAMPLES = r"""
- name: Hand over what was rendered
  vwan.user_vpn.mdm_profile:
    server:
      type: jamf
    profiles: "{{ hostvars | vwan.user_vpn.macs('mdm') | vwan.user_vpn.mdm_profiles(hostvars) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: A dictionary for each.
  type: list
  elements: dict
  sample:
    - host: mac-042
      serial_number: C02XK1ABJG5J
      udid: ""
      profile:
        path: /srv/vpn/profiles/mac-042.mobileconfig
"""


def told(hosts: Iterable[str], hostvars: HostVars) -> list[dict[str, Any]]:
    run = Run(hostvars, hosts)
    return [
        {
            "host": host,
            **{name: str(hostvars[host].get(f"user_vpn_{name}") or "") for name in ("serial_number", "udid")},
            "profile": dict(run.entry(host)),
        }
        for host in run.hosts
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"mdm_profiles": told}
