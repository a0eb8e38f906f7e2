#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mac_evidence action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mac_evidence
short_description: Collect what a real Mac says to the open points of this collection, redacted
version_added: 1.0.0
description:
  - The collection is tested against doubles of Apple's commands. C(docs/fidelity-macos.md) lists what only a real
    Mac can settle. This module runs the commands that settle it, as far as they only read, and writes one text file.
  - Nothing is changed on the Mac. Every command stands in the file, with its exit status.
  - What profiles hold is only counted, on the Mac itself. On the controller, names of people and of the Mac, public
    addresses, URLs, and whatever looks like key material or a password are taken out. Read the file all the same
    before you attach it to a report.
  - It is two remote execs, over two connections; the first leaves a process running for two minutes that does nothing,
    and the second looks whether it has outlived its connection. The Mac needs no Python.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.mac
attributes:
  check_mode:
    support: full
    details: The Mac is read, and no file is written.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Every run writes the file anew.
options:
  dest:
    description: The file on the controller. It is made readable by its owner alone.
    type: path
    required: true
  minutes:
    description: How many minutes of the VPN's log are read, up to a day. At most 400 lines are kept.
    type: int
    default: 60
  hide:
    description: More names to take out, such as that of your company.
    type: list
    elements: str
    default: []
seealso:
  - module: vwan.user_vpn.mac_info
"""

EXAMPLES = r"""
- name: Evidence from one Mac
  hosts: mac-anna.example.com
  gather_facts: false
  become: true
  tasks:
    - name: Collect it
      vwan.user_vpn.mac_evidence:
        dest: evidence.txt
        hide: [Contoso]
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /home/anna/fleet/evidence.txt
msg:
  description: What to do with it.
  returned: always
  type: str
  sample: "/home/anna/fleet/evidence.txt holds what this Mac said: please read it before you attach it to a report."
"""
