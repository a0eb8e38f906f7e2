# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `csrs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.fleet import csrs

DOCUMENTATION = r"""
name: csrs
short_description: The requests of the Macs that make their own keys
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - The CSR of each host whose C(user_vpn_mac_key) is V(on_mac), as O(vwan.user_vpn.client_certificates#module:csrs)
    takes it. The role C(configure_client) has registered it as C(configure_client_key); it is empty as long as that
    is not known.
positional: hostvars
extends_documentation_fragment: [vwan.user_vpn.hosts]
seealso:
  - module: vwan.user_vpn.client_certificates
  - module: vwan.user_vpn.mac_key
"""

EXAMPLES = r"""
- name: Say which clients have a key that never leaves their Mac
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts | vwan.user_vpn.csrs(hostvars)).keys() }}"
"""

RETURN = r"""
_value:
  description: The requests, in PEM form, by client.
  type: dict
  sample:
    mac-042: ""
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"csrs": csrs}
