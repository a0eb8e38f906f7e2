#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mac_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mac_info
short_description: Read what matters of a Mac for its User VPN, in one remote exec
version_added: 1.0.0
description:
  - Reads the macOS version, the serial number, who is at the screen, the MDM enrolment, the installed configuration
    profile with the given identifier,
    the certificates and identities in the keychain, and the state of the tunnel.
  - It is one remote exec of POSIX C(sh) and tools that every Mac has. The Mac needs no Python.
  - Without C(become) it reads only what the login user may see; RV(privileged) says so.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.mac
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
options:
  identifier:
    description: The identifier of the configuration profile to look for, a reverse DNS name.
    type: str
    required: true
  scope:
    description: >-
      Whether to look at the profiles and certificates of the computer (V(System)) or of the user at the screen
      (V(User)).
    type: str
    choices: [System, User]
    default: System
  whole_identities:
    description: Whether to return the certificates whose private keys are there as well, and not only their
      fingerprints.
    type: bool
    default: false
seealso:
  - module: vwan.user_vpn.mac_profile
"""

EXAMPLES = r"""
- name: Ask every Mac of the fleet
  hosts: user_vpn
  gather_facts: false
  become: true
  tasks:
    - name: Read the state of the User VPN
      vwan.user_vpn.mac_info:
        identifier: com.example.user-vpn
      register: mac

    - name: Show the version of the installed profile
      ansible.builtin.debug:
        msg: "macOS {{ mac.macos_version }}, profile {{ mac.profile.uuid | default('not installed') }}"
"""

RETURN = r"""
macos_version:
  description: The version of macOS.
  returned: success
  type: str
  sample: "15.5"
build:
  description: The build of macOS.
  returned: success
  type: str
  sample: 24F74
serial_number:
  description: The serial number of the Mac.
  returned: success
  type: str
  sample: C02XK1ABJG5J
console_user:
  description: Who is at the screen; empty when nobody is.
  returned: success
  type: str
  sample: anna
privileged:
  description: Whether the answer was read as root.
  returned: success
  type: bool
  sample: true
enrolment:
  description: How the Mac is enrolled, as C(profiles status -type enrollment) says.
  returned: success
  type: dict
  contains:
    mdm:
      description: Whether an MDM manages the Mac.
      type: bool
      returned: success
    user_approved:
      description: Whether the user approved that enrolment.
      type: bool
      returned: success
    dep:
      description: Whether the Mac was enrolled automatically.
      type: bool
      returned: success
  sample: {mdm: false, user_approved: false, dep: false}
profile:
  description: The installed profile with O(identifier); empty when there is none.
  returned: success
  type: dict
  contains:
    uuid:
      description: ProfileUUID, which tells the version of the profile.
      type: str
      returned: when installed
    scope:
      description: System or User.
      type: str
      returned: when installed
    install_date:
      description: When it was installed, as macOS writes it.
      type: str
      returned: when installed
    verification_state:
      description: Whether macOS could verify the signature of the profile.
      type: str
      returned: when installed
    connection_names:
      description: The names of the VPNs in it, as far as macOS shows its content.
      type: list
      elements: str
      returned: when installed
    on_demand:
      description: Whether one of them has On Demand switched on, as far as macOS shows it.
      type: bool
      returned: when installed
  sample:
    uuid: 5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11
    scope: System
    install_date: 2026-11-20 09:14:38 +0000
    verification_state: unsigned
    connection_names: [Contoso VPN]
    on_demand: false
other_users:
  description: With O(scope=User), and read as root, other accounts of the Mac that have a profile with O(identifier).
  returned: success
  type: list
  elements: str
  sample: []
certificates:
  description: SHA-1 of every certificate in the keychain of the scope.
  returned: success
  type: list
  elements: str
  sample: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
identities:
  description: SHA-1 of every certificate in that keychain whose private key is there too.
  returned: success
  type: list
  elements: str
  sample: [6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112]
identity_certificates:
  description: >-
    The certificates of RV(identities), in PEM form. M(vwan.user_vpn.client_certificates) enters those of the VPN into
    the store.
  returned: when O(whole_identities=true) and there are any
  type: list
  elements: str
  sample:
    - |
      -----BEGIN CERTIFICATE-----
      MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
      -----END CERTIFICATE-----
vpnutil:
  description: Whether the third-party command C(vpnutil) is there.
  returned: success
  type: bool
  sample: false
tunnel:
  description: The first C(ipsec) interface with an address.
  returned: success
  type: dict
  contains:
    connected:
      description: Whether there is one.
      type: bool
      returned: success
    interface:
      description: Its name.
      type: str
      returned: success
    address:
      description: Its address.
      type: str
      returned: success
    others:
      description: Further C(ipsec) interfaces with an address, each with C(interface) and C(address).
      type: list
      elements: dict
      returned: success
  sample: {connected: true, interface: ipsec0, address: 172.31.250.4, others: []}
"""
