# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `evidence`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..module_utils._fleet.evidence import evidence

DOCUMENTATION = r"""
name: evidence
short_description: What Azure's sessions say to the open points of this collection, redacted
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - C(docs/fidelity-azure.md) lists what only Azure can settle. This filter tells what the sessions that are on now say
    to it.
  - There is no name, id or address in the text, only their forms.
positional: ledger
options:
  _input:
    description: What M(vwan.user_vpn.connection_info) has just returned.
    type: dict
    required: true
  ledger:
    description: What M(vwan.user_vpn.ledger_info) returned, with its O(vwan.user_vpn.ledger_info#module:history).
    type: dict
    required: true
seealso:
  - module: vwan.user_vpn.connection_info
  - module: vwan.user_vpn.mac_evidence
"""

EXAMPLES = r"""
- name: Write what Azure says
  ansible.builtin.copy:
    content: "{{ connected | vwan.user_vpn.evidence(ledger) }}"
    dest: evidence-azure.txt
    mode: "0600"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: A text, whole lines.
  type: str
"""


def told(connected: Mapping[str, Any], ledger: Mapping[str, Any]) -> str:
    return evidence(connected, ledger, datetime.now(UTC))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"evidence": told}
