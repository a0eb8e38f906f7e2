# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `profiles`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.profiles import profiles

DOCUMENTATION = r"""
name: profiles
short_description: What the profile of each Mac is to be
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - One entry for each Mac, as O(vwan.user_vpn.mobileconfig#module:macs) takes it, with what differs from O(settings).
  - Of each Mac count inventory, facts and extra variables. What a play or a role sets counts for all of its Macs; it
    is known by being another value than inventory and default give for the host O(first).
  - A Mac whose C(user_vpn_certificates_by) is V(keychain) has no profile, and no entry.
positional: hostvars, first, settings, issued
extends_documentation_fragment: [vwan.user_vpn.hosts]
options:
  first:
    description: The host that the task runs for, C(inventory_hostname).
    type: str
    required: true
  settings:
    description: The settings of the play, by their names without C(user_vpn_).
    type: dict
    required: true
  issued:
    description: What M(vwan.user_vpn.client_certificates) returned.
    type: dict
    default: {}
seealso:
  - module: vwan.user_vpn.mobileconfig
"""

EXAMPLES = r"""
# The role configure_client hands over all that mobileconfig can do for a single Mac.
- name: Show which Macs get a profile of their own kind
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | vwan.user_vpn.profiles(hostvars, inventory_hostname, wishes, issued) }}"
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
      identity:
        client: mac-042
        sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      key_wanted: false
      delivery: approve
      routing: full
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"profiles": profiles}
