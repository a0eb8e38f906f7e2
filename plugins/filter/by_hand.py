# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `by_hand`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._mobileconfig.algorithms import by_hand

DOCUMENTATION = r"""
name: by_hand
short_description: What an IPsec policy means for VPNs that are set up by hand
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - A Mac whose VPN was set up in System Settings proposes AES-256, SHA2-256 and MODP-2048, and for IPsec AES-256 and
    SHA2-256 without PFS, and nothing else. A profile proposes whatever the gateway asks for.
  - With a custom IPsec policy that is another one, nobody can connect who has no profile.
options:
  _input:
    description:
      - An entry of C(vpnClientIpsecPolicies) of the User VPN configuration, or the whole list.
      - An empty list is Azure's default policy; an empty dictionary means that none is known.
    type: raw
    required: true
seealso:
  - module: vwan.user_vpn.profile_package
  - module: vwan.user_vpn.mac_certificate
"""

EXAMPLES = r"""
- name: Say whether people who set up the VPN by hand can connect
  ansible.builtin.debug:
    msg: "{{ package.ipsec_policies | vwan.user_vpn.by_hand }}"
"""

RETURN = r"""
_value:
  description: What stands in the way, a sentence each. Empty where nothing does.
  type: list
  elements: str
  sample:
    - >-
      The gateway's IPsec policy has pfsGroup PFS14, and a Mac whose VPN is set up by hand never does PFS: it connects,
      and loses the tunnel when its keys are first renewed.
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"by_hand": by_hand}
