# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real tunnels for the Macs of `make demo`, where the machine has what they need.

with tunnels("wan.demo.vpn.azure.com", root, policy) as real, Lab(folder, tunnel=real.lab if real else None) as lab:
    ...                                          # join() the gateway to the lab's Azure, see azure.py; run the playbook
    if real:
        problems = real.connect(lab)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.vwan.user_vpn.tests.lab.tunnel import requirements

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab


@dataclass(frozen=True)
class Tunnels:
    lab: TunnelLab
    gateway: Gateway

    def connect(self, lab: Lab) -> list[str]:
        """Says how each Mac fares; whose tunnel is not up, its person connects in System Settings.

        Returns what is wrong, in words.
        """
        print("\nThe gateway and every Mac's client are real (strongSwan). They know no more than what Azure knows and")
        print("what the installed profile says. A ping through each tunnel:\n")
        problems = []
        behind = self.gateway.inside_addresses[0]
        for mac in lab.macs.values():
            assert mac.service
            for name in mac.vpn_services():
                mac.connect(name)
            mac.service.settle()
            tunnel = mac.tunnel
            if tunnel and mac.service.client.ping(behind):
                print(f"  {mac.name:<10} {tunnel['interface']} {tunnel['address']:<16} {behind} answers through it")
            else:
                why = mac.service.client.why_down()
                problems.append(f"{mac.name} is not connected ({why.message if why else 'no answer'})")
        up = self.gateway.swanctl("--list-sas").count("ESTABLISHED")
        print(f"\nThe gateway says (swanctl --list-sas): {up} connections are established.")
        if up != len(lab.macs):
            problems.append(f"the gateway counts {up} connections, not {len(lab.macs)}")
        return problems


@contextlib.contextmanager
def tunnels(server_name: str, root: Identity, policy: dict[str, Any]) -> Iterator[Tunnels | None]:
    """A gateway whose certificate `root` signs; None where the machine cannot have it (`requirements.missing`).

    As root on Debian what is missing is installed first.
    """
    if requirements.install():
        yield None
        return
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Description
    from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab

    with TunnelLab() as lab:
        yield Tunnels(lab, lab.gateway(Description(server_name, root, (), ipsec_policy=policy)))
