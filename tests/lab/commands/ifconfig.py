# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig: interfaces and their addresses, to read only.

Source: man ifconfig (-a, -l, -u, -d, INTERFACE). A profile's IKEv2 tunnel is an interface ipsecN (public reports);
another program's tunnel, utun0, is there all the time, so that nobody takes the first tunnel for his own.
"""

from __future__ import annotations

from ..calls import Call


async def run(call: Call) -> int:
    blocks = _blocks(call)
    if call.args in ([], ["-a"]):
        call.out("".join(blocks.values()))
        return 0
    if call.args == ["-l"]:
        call.out(" ".join(blocks) + "\n")
        return 0
    if len(call.args) != 1 or call.args[0].startswith("-"):
        return call.refuse("the lab knows ifconfig [-a | -l | INTERFACE]", "usage: ifconfig interface\n")
    if call.args[0] not in blocks:
        call.err(f"ifconfig: interface {call.args[0]} does not exist\n")
        return 1
    call.out(blocks[call.args[0]])
    return 0


def _blocks(call: Call) -> dict[str, str]:
    blocks = {
        "lo0": "lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384\n"
        "\toptions=1203<RXCSUM,TXCSUM,TXSTATUS,SW_TIMESTAMP>\n"
        "\tinet 127.0.0.1 netmask 0xff000000\n\tinet6 ::1 prefixlen 128 \n\tnd6 options=201<PERFORMNUD,DAD>\n",
        "en0": "en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n"
        "\toptions=6460<TSO4,TSO6,CHANNEL_IO,PARTIAL_CSUM,ZEROINVERT_CSUM>\n\tether 02:00:5e:10:00:20 \n"
        "\tinet 192.0.2.20 netmask 0xffffff00 broadcast 192.0.2.255\n\tnd6 options=201<PERFORMNUD,DAD>\n"
        "\tmedia: autoselect\n\tstatus: active\n",
        "utun0": "utun0: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380\n"
        "\tinet6 fe80::1:2:3%utun0 prefixlen 64 scopeid 0xe \n\tnd6 options=201<PERFORMNUD,DAD>\n",
    }
    for tunnel in filter(None, (call.mac.foreign_tunnel, call.mac.tunnel)):
        name, address = tunnel["interface"], tunnel["address"]
        blocks[name] = (
            f"{name}: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu {tunnel.get('mtu', 1280)}\n"
            f"\tinet {address} --> {address} netmask 0xffffffff \n"
        )
    return blocks
