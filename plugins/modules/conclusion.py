#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the conclusion action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conclusion
short_description: Say what came of a run over a fleet of Macs
version_added: 1.0.0
description:
  - Says at the end of a run how many Macs have what they should have, and names all others, by what is to be done next.
  - The same is kept in files, and handed on as a statistic of the run, as M(ansible.builtin.set_stats) does it. It is
    called C(user_vpn) there; AWX and AAP show it among the artifacts of a job.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
attributes:
  check_mode:
    support: full
    details: Writes no file.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: What it writes tells of a run, and never counts as a change.
options:
  macs:
    description: Where each Mac stands, as P(vwan.user_vpn.standings#filter) tells it.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The inventory name of the Mac.
        type: str
        required: true
      status:
        description: Where it stands.
        type: str
        choices: [current, removed, waiting for approval, nobody at the screen, unreachable, behind, exported,
        revoked, failed]
        required: true
      msg:
        description: What it said.
        type: str
        default: ""
      next_step:
        description: What to do next. Without it, the sentence in O(macs[].msg) is shown.
        type: str
        default: ""
      failed:
        description: Whether the run counts it as failed.
        type: bool
        default: false
      connected:
        description: Whether its tunnel is up.
        type: bool
        default: false
      address:
        description: The address that it has in the tunnel.
        type: str
        default: ""
      user_group:
        description: The user group to which Azure counts it, where there are any.
        type: str
        default: ""
      address_pools:
        description: The networks of which that group has its addresses.
        type: list
        elements: str
        default: []
  notes:
    description: Further lines, of what concerns no single Mac.
    type: list
    elements: str
    default: []
  dest:
    description: >-
      A folder on the controller, for C(conclusion.txt) and C(conclusion.json). They hold no secret; the latter tells
      when it was written, too. Without it, no file is written, nor by a run that was about no Mac.
    type: path
seealso:
  - plugin: vwan.user_vpn.standings
    plugin_type: filter
"""

EXAMPLES = r"""
# The playbooks end so.
- name: Say what came of a run
  hosts: user_vpn
  gather_facts: false
  tasks:
    - name: Conclude
      vwan.user_vpn.conclusion:
        macs: "{{ hostvars | vwan.user_vpn.standings(ansible_check_mode) }}"
        dest: user_vpn/report
      run_once: true
"""

RETURN = r"""
counts:
  description: How many Macs have which status.
  returned: success
  type: dict
  sample: {current: 48, waiting for approval: 1, unreachable: 1}
hosts:
  description: The names of the Macs with each status that some have, but for those that are current.
  returned: success
  type: dict
  sample:
    waiting for approval: [mac-042]
    unreachable: [mac-043]
macs:
  description: What was given, by host.
  returned: success
  type: dict
  sample:
    mac-042:
      status: waiting for approval
      msg: "'Contoso VPN' waits for anna to approve it in System Settings > Device Management; run again afterwards."
      next_step: Each person approves the profile in System Settings > General > Device Management; then run again.
      failed: false
      connected: false
      address: ""
      user_group: ""
      address_pools: []
lines:
  description: What was said.
  returned: success
  type: list
  elements: str
  sample:
    - "50 Macs: 48 current, 1 waiting for approval, 1 unreachable. 40 connected."
    - >-
      waiting for approval: mac-042. Each person approves the profile in System Settings > General > Device Management;
      then run again.
    - "unreachable: mac-043. Run again when they are reachable."
"""
