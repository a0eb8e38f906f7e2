# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: judgements over a whole play, from what its Macs, the ledger and Azure say.

naming      whom people mean
refusals    why a gateway refused a Mac
report      where each Mac stands
places      where files are kept
variables   what people set, as against what a module calls it

Knows nothing of Ansible.
"""

from __future__ import annotations
