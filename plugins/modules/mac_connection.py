#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mac_connection action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mac_connection
short_description: Connect or disconnect the User VPN of a Mac, and say honestly whether the tunnel is up
version_added: 1.0.0
description:
  - A tunnel counts as up when an C(ipsec) interface of the Mac has an address, one of O(address_pools) if those are
    given. Without them, the profile must be there, or O(by_hand) set.
  - No command of macOS starts an IKEv2 VPN that came with a configuration profile. What can start one is VPN On
    Demand, a Shortcut that the person at the screen made, or the third-party C(vpnutil). Where a Mac has none of
    them, the module fails for that Mac and says so.
  - When the tunnel does not come up, the module reads the reason from the Mac's own log and adds a remedy. Only the
    error code leaves the Mac, not the log.
  - One remote exec to know, one to act and wait; none to know with O(known). The Mac needs no Python.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.mac
attributes:
  check_mode:
    support: full
    details: It predicts that something is started; whether the gateway lets the Mac in, nobody can predict.
  diff_mode:
    support: full
    details: It shows whether the tunnel is up.
  idempotent:
    support: full
    details: A tunnel that is as wished stays untouched. Waiting for On Demand without O(probe) is no change.
options:
  state:
    description: Whether the tunnel is to be up.
    type: str
    choices: [connected, disconnected]
    default: connected
  via:
    description:
      - V(auto) takes C(vpnutil) if the Mac has it, else the Shortcut if O(shortcut) names one, else On Demand if the
        installed profile has it.
      - V(on_demand) waits for On Demand, and triggers it with O(probe). It cannot disconnect.
      - V(vpnutil) uses C(vpnutil) from U(https://github.com/Timac/VPNStatus), in the session of the person at the
        screen, or else as the owner of the program. It is not Apple's and uses private interfaces of macOS.
      - V(shortcut) runs O(shortcut) in the session of the person at the screen; macOS 12 or later.
    type: str
    choices: [auto, on_demand, vpnutil, shortcut]
    default: auto
  identifier:
    description: The identifier of the configuration profile, a reverse DNS name.
    type: str
    required: true
  scope:
    description: >-
      Whether the profile belongs to the computer (V(System)) or to the user at the screen (V(User)).
    type: str
    choices: [System, User]
    default: System
  connection_name:
    description: >-
      The name of the VPN in System Settings, for C(vpnutil). Without it, the name in the installed profile counts.
    type: str
  shortcut:
    description: >-
      The name of a Shortcut whose action I(Set VPN) connects, or disconnects with O(state=disconnected). The person at
      the screen makes it once by hand.
    type: str
  probe:
    description: >-
      An IPv4 address or a host name behind the tunnel. It is pinged while waiting, which makes On Demand connect.
      Whether it answers does not matter.
    type: str
  address_pools:
    description: >-
      The client address pools of the gateways, such as V(172.16.0.0/24), of all hubs that a Mac may reach. Name them
      where Macs have other IKEv2 VPNs of macOS, too. Without them every tunnel of that client counts.
    type: list
    elements: str
  by_hand:
    description: >-
      Whether somebody set the VPN up in System Settings, as with M(vwan.user_vpn.mac_certificate), so that there is no
      profile. On Demand is not known then, and C(vpnutil) needs O(connection_name).
    type: bool
    default: false
  timeout:
    description: How many seconds to wait for the tunnel to come up or go down.
    type: int
    default: 30
  known:
    description: >-
      What an earlier task of the same run returned of this Mac, the result of M(vwan.user_vpn.mac_profile) or
      M(vwan.user_vpn.mac_info). The Mac is then not asked again, and not contacted at all when there is nothing to do
      or nothing that could do it. A dictionary without C(tunnel) counts as nothing known.
    type: dict
seealso:
  - module: vwan.user_vpn.mac_profile
  - module: vwan.user_vpn.connection_health_info
"""

EXAMPLES = r"""
- name: The tunnel of every Mac
  hosts: user_vpn
  gather_facts: false
  become: true
  tasks:
    - name: Connect, by whatever way the Mac has
      vwan.user_vpn.mac_connection:
        identifier: com.example.user-vpn
      register: tunnel

    - name: Say how
      ansible.builtin.debug:
        msg: "{{ tunnel.address }} on {{ tunnel.interface }}, {{ tunnel.how | default('already up', true) }}"

    - name: Trigger On Demand with a server behind the tunnel
      vwan.user_vpn.mac_connection:
        identifier: com.example.user-vpn
        via: on_demand
        probe: 10.20.0.4
        timeout: 60

    - name: Tell this VPN from another company's
      vwan.user_vpn.mac_connection:
        identifier: com.example.user-vpn
        address_pools: [172.16.0.0/24, 172.16.1.0/24]

    - name: Disconnect by a Shortcut
      vwan.user_vpn.mac_connection:
        identifier: com.example.user-vpn
        state: disconnected
        via: shortcut
        shortcut: VPN off
"""

RETURN = r"""
connected:
  description: Whether the tunnel is up, as last seen. In check mode that is before anything is done.
  returned: whenever the Mac was asked
  type: bool
  sample: true
interface:
  description: The interface of the tunnel; empty when it is down.
  returned: whenever the Mac was asked
  type: str
  sample: ipsec0
address:
  description: The address of the Mac in the tunnel; empty when it is down.
  returned: whenever the Mac was asked
  type: str
  sample: 172.31.250.4
how:
  description: >-
    The way that was used, V(vpnutil), V(shortcut) or V(on_demand); empty when nothing had to be done, or nothing could
    be.
  returned: whenever the Mac was asked
  type: str
  sample: vpnutil
cause:
  description: >-
    Why the tunnel did not come up, from the Mac's own log, with the error code and a remedy; empty when it is up or the
    log gives no reason.
  returned: whenever the Mac was asked
  type: str
  sample: >-
    the gateway is not responding (NEVPNConnectionErrorDomainPlugin 20): check that this network lets UDP ports 500 and
    4500 out, and that the gateway is up
refused:
  description: >-
    Whether the gateway refused the authentication of this Mac. macOS does not say then whether the root, a revocation,
    the end of the certificate or the identity is at fault; P(vwan.user_vpn.connections#filter) does, as far as can be
    told.
  returned: whenever the Mac was asked
  type: bool
  sample: false
installed:
  description: Whether the profile is there, or O(by_hand) says that none is needed.
  returned: whenever the Mac was asked
  type: bool
  sample: true
identities:
  description: SHA-1 of every certificate in the keychain of the scope whose private key is there too.
  returned: whenever the Mac was asked
  type: list
  elements: str
  sample: [BB70DDA1AF05C6B064BB1FB8530A156D625C9A49]
msg:
  description: The outcome in one sentence; when the tunnel is not as wished, with what to do.
  returned: always
  type: str
  sample: "The tunnel is up: ipsec0 has 172.31.250.4."
"""
