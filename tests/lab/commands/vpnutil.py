# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vpnutil: start and stop services of the VPN preferences. Not Apple's; only on Macs that have it.

Source: Timac/VPNStatus vpnutil/main.m: a usage error ends with 1, everything else with 0; `list` prints JSON over
several lines, without a key for no VPN at all, and then says so by NSLog on standard error; `status` prints one line;
it acts only from Disconnected and Connected; "Could not find" goes to standard error.
"""

from __future__ import annotations

import json

from ..calls import Call


async def run(call: Call) -> int:
    mac, args = call.mac, call.args
    if args == ["list"]:
        found = [{"name": name, "status": mac.vpn_status(name)} for name in mac.vpn_services()]
        if not found:
            call.err("2026-11-20 09:14:38.000 vpnutil[512:4711] Could not find any VPN\n")
        call.out(json.dumps({"VPNs": found} if found else {}, indent=2, separators=(",", " : ")) + "\n")
        return 0
    if len(args) != 2 or args[0] not in {"start", "stop", "status"}:
        return call.refuse("start, stop, status NAME, or list", "Usage: vpnutil [start|stop|status|list] [VPN name]\n")
    verb, name = args
    if name not in mac.vpn_services():
        call.err(f"Could not find {name}\n")
    elif verb == "status":
        call.out(f"{name} {mac.vpn_status(name)}\n")
    elif verb == "start":
        mac.connect(name)
    else:
        mac.disconnect(name)
    return 0
