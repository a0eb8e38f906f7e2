# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netstat -rn: the routing table.

Sources: man netstat (-r, -n, -f inet|inet6); how a network is shortened: network_cmds, netstat.tproj/route.c.
"""

from __future__ import annotations

import getopt
import ipaddress

from ..calls import Call


async def run(call: Call) -> int:
    try:
        options, operands = getopt.getopt(call.args, "rnf:")
    except getopt.GetoptError as error:
        return call.refuse(str(error), "usage: netstat [-r] [-n] [-f address_family]\n")
    found = dict(options)
    if operands or not {"-r", "-n"} <= found.keys() or found.get("-f", "inet") not in {"inet", "inet6"}:
        return call.refuse("the lab knows netstat -rn [-f inet]", "usage: netstat [-r] [-n] [-f address_family]\n")
    lines = ["Routing tables", "", "Internet:", f"{'Destination':<19}{'Gateway':<19}{'Flags':<16}Netif Expire"]
    rows = [
        ("default", "192.0.2.1", "UGScg", "en0"),
        ("127", "127.0.0.1", "UCS", "lo0"),
        ("192.0.2", "link#12", "UCS", "en0"),
    ]
    tunnel = call.mac.tunnel
    if tunnel:
        rows += [
            (_destination(route), tunnel["interface"], "USc", tunnel["interface"]) for route in tunnel.get("routes", [])
        ]
        rows.append((tunnel["address"], tunnel["address"], "UH", tunnel["interface"]))
    lines += [
        f"{destination:<19}{gateway:<19}{flags:<16}{interface:>5}" for destination, gateway, flags, interface in rows
    ]
    call.out("\n".join(lines) + "\n" if found.get("-f") != "inet6" else "Routing tables\n")
    return 0


def _destination(route: str) -> str:
    """A network as netstat prints it: no zeros at the end, no mask that its class would have had anyway."""
    try:
        network = ipaddress.IPv4Network(route)
    except ValueError:
        return route
    if network.prefixlen == 0:
        return "default"
    octets = str(network.network_address).split(".")
    while octets[-1] == "0" and len(octets) > 1:
        octets.pop()
    first = int(octets[0])
    usual = 8 if first < 128 else 16 if first < 192 else 24
    return ".".join(octets) + ("" if network.prefixlen == usual else f"/{network.prefixlen}")
