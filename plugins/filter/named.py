# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `named`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.naming import named

DOCUMENTATION = r"""
name: named
short_description: The clients and the certificates that somebody named
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - People name a Mac by its client name, by its inventory name, or by the SHA-1 thumbprint of a certificate, as
    Windows, a browser or Azure shows it. This filter tells them apart.
  - What is none of these is taken for the name of a client. M(vwan.user_vpn.client_certificates) knows all of them, and
    fails for others.
positional: hostvars
options:
  _input:
    description: Names and thumbprints, as a list, or as a text with commas between.
    type: raw
    required: true
  hostvars:
    description: The variable C(hostvars). The name of a host stands for its client.
    type: dict
    default: {}
seealso:
  - module: vwan.user_vpn.client_certificates
"""

EXAMPLES = r"""
- name: Say who is meant
  ansible.builtin.debug:
    msg: "{{ asked | vwan.user_vpn.named(hostvars) }}"
  vars:
    asked: mac-042,aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd
"""

RETURN = r"""
_value:
  description: The lists C(clients) and C(thumbprints).
  type: dict
  sample:
    clients: [anna]
    thumbprints: ["aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd"]
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"named": lambda what, hostvars=None: named(what, hostvars or {})}
