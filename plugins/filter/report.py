# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter `report`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils._fleet.report import report

DOCUMENTATION = r"""
name: report
short_description: Where each Mac stands, as a table, as CSV, or as JSON
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - Renders what M(vwan.user_vpn.ledger_info) has told, for people, for a spreadsheet, or for a program.
  - Macs decide what some of the texts are. Whatever moves a terminal's cursor or turns letters round is a question mark
    in all forms, and a text that a spreadsheet would take for a formula has an apostrophe in front in CSV.
positional: form, connected, mdm
options:
  _input:
    description: What M(vwan.user_vpn.ledger_info) returned.
    type: dict
    required: true
  form:
    description: Which form.
    type: str
    choices: [txt, csv, json]
    required: true
  connected:
    description:
      - What M(vwan.user_vpn.connection_info) returned, where Azure was asked for names. Then it is told of each client
        whether it is connected, and whoever is connected twice, or was revoked, comes first.
      - Public addresses are left out.
    type: dict
    default: {}
  mdm:
    description: What M(vwan.user_vpn.mdm_profile_info) returned, where an MDM was asked.
    type: dict
    default: {}
seealso:
  - module: vwan.user_vpn.ledger_info
  - module: vwan.user_vpn.connection_info
  - module: vwan.user_vpn.mdm_profile_info
"""

EXAMPLES = r"""
- name: Write a table
  ansible.builtin.copy:
    content: "{{ ledger | vwan.user_vpn.report('csv') }}"
    dest: report.csv
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The report, whole lines.
  type: str
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"report": report}
