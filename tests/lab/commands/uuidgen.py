# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uuidgen: a random UUID in upper case. Source: man uuidgen (macOS has no options but -hdr)."""

from __future__ import annotations

import uuid

from ..calls import Call


async def run(call: Call) -> int:
    if call.args:
        return call.refuse("no arguments", "usage: uuidgen [-hdr]\n")
    call.out(str(uuid.uuid4()).upper() + "\n")
    return 0
