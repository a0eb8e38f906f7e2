# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scutil: names, resolvers, network information, and `--nc`, which does not see IKEv2.

Sources: man scutil; configd scutil.tproj/nc.c (texts and exit codes of --nc); that IKEv2 services made by a profile are
not listed: ebowman/vpn-switch (macOS 26.5), jim-lake/VPNStatus, algo 226. `show State:/Users/ConsoleUser` on standard
input: scriptingosx.com.
"""

from __future__ import annotations

from ..calls import Call

USAGE = (
    "usage: scutil\n   or: scutil [--get | --set] pref\n   or: scutil --dns\n   or: scutil --nwi\n   or: scutil --nc\n"
)


async def run(call: Call) -> int:  # noqa: PLR0911 (one return per case)
    args = call.args
    if not args:
        return await _interactive(call)
    if args in (["--get", "ComputerName"], ["--get", "LocalHostName"]):
        call.out(call.mac.name + "\n")
        return 0
    if args == ["--get", "HostName"]:
        call.err("HostName: not set\n")
        return 1
    if args == ["--dns"]:
        call.out(_dns(call))
        return 0
    if args == ["--nwi"]:
        call.out(_nwi(call))
        return 0
    if args[0] == "--nc" and len(args) > 1:
        return _nc(call, args[1:])
    return call.refuse("undocumented or unknown to the lab", USAGE)


async def _interactive(call: Call) -> int:
    for line in (await call.read_all()).decode("utf-8", "surrogateescape").splitlines():
        words = line.split()
        if words == ["show", "State:/Users/ConsoleUser"]:
            call.out(_console_user(call))
        elif words in (["quit"], ["exit"], ["q"]):
            break
        elif words[:1] == ["show"] and len(words) == 2:
            call.out("  No such key\n")
        elif words:
            return call.refuse(
                f"the lab knows no scutil command {words[0]}", f'{words[0]}: unknown, type "help" for command info\n', 0
            )
    return 0


def _console_user(call: Call) -> str:
    name = call.mac.console_user
    if name is None:
        return "<dictionary> {\n  GID : 0\n  Name : loginwindow\n  UID : 0\n}\n"
    user = call.mac.accounts[name]
    return (
        f"<dictionary> {{\n  GID : {user.gid}\n  Name : {name}\n  SessionInfo : <array> {{\n    0 : <dictionary> {{\n"
        f"      kCGSSessionGroupIDKey : {user.gid}\n      kCGSSessionOnConsoleKey : TRUE\n"
        f"      kCGSSessionUserIDKey : {user.uid}\n      kCGSSessionUserNameKey : {name}\n"
        f"      kCGSessionLoginDoneKey : TRUE\n    }}\n  }}\n  UID : {user.uid}\n}}\n"
    )


DNS = """DNS configuration

resolver #1
  nameserver[0] : 192.0.2.1
  if_index : 12 (en0)
  flags    : Request A records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)
"""
TUNNEL_DNS = """
resolver #{number}
{domain}{searched}{servers}  if_index : 21 ({interface})
  flags    : Supplemental, Request A records
  reach    : 0x00000002 (Reachable)
"""
NWI = """Network information

IPv4 network interface information
     en0 : flags      : 0x5 (IPv4,DNS)
           address    : 192.0.2.20
           reach      : 0x00000002 (Reachable)

   REACH : flags 0x00000002 (Reachable)

Network interfaces: {interfaces}
"""


def _dns(call: Call) -> str:
    tunnel = call.mac.tunnel
    if not tunnel or not tunnel.get("dns"):
        return DNS
    servers = "".join(f"  nameserver[{number}] : {server}\n" for number, server in enumerate(tunnel["dns"]))
    searched = "".join(
        f"  search domain[{number}] : {domain}\n" for number, domain in enumerate(tunnel.get("search_domains", []))
    )
    domains = [f"  domain   : {domain}\n" for domain in tunnel.get("match_domains", [])] or [""]
    return DNS + "".join(
        TUNNEL_DNS.format(
            number=number, domain=domain, searched=searched, servers=servers, interface=tunnel["interface"]
        )
        for number, domain in enumerate(domains, 2)
    )


def _nwi(call: Call) -> str:
    tunnel = call.mac.tunnel
    return NWI.format(interfaces=" ".join(["en0", *([tunnel["interface"]] if tunnel else [])]))


def _nc(call: Call, args: list[str]) -> int:
    verb, *rest = args
    if verb == "list" and not rest:
        call.out("Available network connection services in the current set (*=enabled):\n")
        return 0
    if verb in {"status", "show", "statistics", "start", "stop"} and rest:
        call.err("No service\n")
        return 1
    return call.refuse(f"the lab knows no scutil --nc {verb}", "Usage: scutil --nc [command]\n")
