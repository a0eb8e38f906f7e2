# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ping -c COUNT [-t SECONDS] HOST: traffic, which is what On Demand waits for.

Source: man ping of macOS (apple-oss-distributions/network_cmds): -c count, -t seconds until it ends whatever came back,
-W milliseconds, -q, -n, -o; exit 0 for at least one answer, 2 for none; IPv4 only, ping6 is another
program. That traffic to a host starts a VPN whose rule says so: apple/device-management, com.apple.vpn.managed,
OnDemandRules.
"""

from __future__ import annotations

import getopt

from ..calls import Call

USAGE = "usage: ping [-AaDdfnoQqRrv] [-c count] [-t timeout] [-W waittime] host\n"
EX_USAGE = 64
NO_ANSWER = 2
EX_NOHOST = 68


async def run(call: Call) -> int:
    try:
        options, operands = getopt.getopt(call.args, "qnoc:t:W:")
    except getopt.GetoptError as error:
        return call.refuse(str(error), USAGE, EX_USAGE)
    given = dict(options)
    numbers = [value for name, value in options if name in {"-c", "-t", "-W"}]
    if len(operands) != 1 or "-c" not in given or not all(number.isdigit() for number in numbers):
        return call.refuse("the lab knows ping -c COUNT HOST; without a count it never ends", USAGE, EX_USAGE)
    host = operands[0]
    if ":" in host:
        call.err(f"ping: cannot resolve {host}: Unknown host\n")
        return EX_NOHOST
    call.mac.traffic(host)
    call.out(f"PING {host} ({host}): 56 data bytes\n")
    answered = int(bool(call.mac.tunnel))
    if answered:
        call.out(f"64 bytes from {host}: icmp_seq=0 ttl=62 time=9.012 ms\n")
    call.out(f"\n--- {host} ping statistics ---\n1 packets transmitted, {answered} packets received\n")
    return 0 if answered else NO_ANSWER
