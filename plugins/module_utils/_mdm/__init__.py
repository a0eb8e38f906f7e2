# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: profiles brought onto Macs through the MDM that these are enrolled in.

    rendered profiles -> delivery.deliver(server, ...) -> for each Mac its state

`interface` says what a server can be asked, one small file for each server speaks its API, and `delivery` decides what
to ask. Nothing here knows Ansible, and `requests` is imported when a server is first called.
"""
