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
short_description: Where each Mac stands, as a table, as CSV, as JSON, or as a page
version_added: 1.0.0
author: The vwan.user_vpn contributors (@vwan-user-vpn)
description:
  - Renders what M(vwan.user_vpn.ledger_info) has told, for people, for a spreadsheet, for a program, or for a browser.
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
    choices: [txt, csv, json, html]
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
  run:
    description:
      - The content of the C(conclusion.json) that M(vwan.user_vpn.conclusion) has left of the last run. By it the page
        tells how that run ended, who was connected as the Mac sees it, and who is in which user group.
    type: str
    default: ''
  fleet:
    description: What people call the fleet, for the title.
    type: str
    default: ''
  configuration:
    description: The name of the User VPN configuration, for the page.
    type: str
    default: ''
notes:
  - A page tells all that has happened to certificates where O(_input) was told with
    O(vwan.user_vpn.ledger_info#module:history).
  - A page is one file that holds all that it needs. Its Content Security Policy lets a browser load nothing else, and
    run nothing but the page's own script.
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

- name: Write the page
  ansible.builtin.copy:
    content: "{{ ledger | vwan.user_vpn.report('html', fleet='Contoso') }}"
    dest: report.html
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
