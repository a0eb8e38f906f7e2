# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter why_refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.refusals import likely_cause

DOCUMENTATION = r"""
name: why_refused
short_description: The likely cause, when a gateway refused the authentication of a Mac
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - A gateway does not tell a Mac what it did not like. This filter concludes it from what the controller knows.
  - It looks for a revocation, the end of the certificate, a root that Azure does not trust, and a thumbprint that Azure
    refuses. If there is nothing of that, the identity in the profile remains.
positional: ledger, configurations
options:
  _input:
    description: The RV(vwan.user_vpn.mac_connection#module:identities) of the Mac.
    type: list
    elements: str
    required: true
  ledger:
    description: What M(vwan.user_vpn.ledger_info) returned.
    type: dict
    required: true
  configurations:
    description: >-
      The RV(vwan.user_vpn.server_configuration_info#module:configurations) that the gateway may have. Without them, the
      sentence says what to look for in Azure.
    type: list
    elements: dict
    default: []
seealso:
  - module: vwan.user_vpn.mac_connection
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.debug:
    msg: "{{ connection.identities | vwan.user_vpn.why_refused(ledger, azure.configurations) }}"
  when: connection.refused
"""

RETURN = r"""
_value:
  description: One sentence, with what to do.
  type: str
"""


def why_refused(
    identities: list[str], ledger: dict[str, Any], configurations: list[dict[str, Any]] | None = None
) -> str:
    return likely_cause(identities, ledger, configurations or [])


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"why_refused": why_refused}
