# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fleets cost: one run, one table. docs/performance.md says what is measured, and how.

cases.py      what is measured, and the order of it
control.py    the controller: its folder, and ansible-playbook with what it used
lab.py        the Macs and their Azure, a process of their own
cheap.py      Macs that answer from memory what the lab's real doubles said once
table.py      the figures as text
callback/     counts host-tasks and memory inside ansible-playbook
peer/         the same end state without this collection
"""
