# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openssl version: macOS has LibreSSL. Source: version strings in public logs of the releases."""

from __future__ import annotations

from ..calls import Call


async def run(call: Call) -> int:
    if call.args != ["version"]:
        return call.refuse("the lab knows `openssl version` only", "openssl: the lab's double knows `version` only\n")
    call.out(f"LibreSSL {call.mac.release.libressl}\n")
    return 0
