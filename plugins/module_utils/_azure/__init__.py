# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: everything that talks to Azure.

Nothing here knows Ansible, and nothing imports the Azure SDK before a call is made: it costs most of a second.
`client` makes the calls; `packages`, `configurations` and `health` say which; `errors` says what went wrong.
"""
