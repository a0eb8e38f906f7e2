#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mac_certificate action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mac_certificate
short_description: Bring gateway roots and the client identity into a keychain of a Mac, or take them out
version_added: 1.0.0
description:
  - This is the manual step of Microsoft's article, for people who set up the VPN client by hand. An IKEv2 profile
    carries its certificates itself and reaches no others, so who delivers a profile does not need this module.
  - It looks into the keychain first and compares SHA-1 fingerprints, so nothing is tried twice.
  - The programs that make macOS's VPN (C(NEIKEv2Provider), C(nehelper), C(nesessionmanager), C(neagent)) are put on the
    access list of the key. That they then connect without asking is reported by users, not documented by Apple.
  - A renewed identity comes in first. Only when the Mac shows it with its key do older identities of the same subject
    and issuer go, and with O(client) those that the client had before, by their thumbprints. An identity that another
    CA issued to the same name is left alone.
  - The password of the PKCS#12 identity never leaves the controller. The identity is packed anew under a random
    password that is used once. C(security import) takes it in a command that is read from standard input
    (C(security -i)), so no process on the Mac or the controller has it among its arguments. The key cannot be exported
    from the keychain.
  - The packed file lies in a folder that only the owner of the keychain can read, and is removed in the same exec. What
    an interrupted run left there is removed by the next.
  - Roots are not made trusted. macOS lets a person or a profile do that, and nobody over ssh. Up to macOS 14 root
    could loosen the authorization database first, which this module does not do. RV(untrusted_roots) names the
    roots that the Mac does not trust; public roots that Apple ships are trusted anyway.
  - One remote exec when there is nothing to do, two when there is. The Mac needs no Python.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.mac
  - vwan.user_vpn.pki.optional
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: It shows the fingerprints that come and go.
  idempotent:
    support: full
options:
  state:
    description:
      - Whether the certificates are to be in the keychain.
      - With V(absent) exactly the given roots, the given identity and O(fingerprints) go, found by SHA-1.
        CAs that came with the identity stay, for others may need them.
      - A root or identity that an installed profile also brought is the same item in the keychain, and goes with it.
    type: str
    choices: [present, absent]
    default: present
  gateway_roots:
    description: >-
      The roots of the gateway's certificate, as C(settings.gateway_roots) of M(vwan.user_vpn.profile_package_info)
      has them. Only C(pem) is read.
    type: list
    elements: dict
  roots:
    description: Files on the controller with roots, or with the CAs between the client root and the client, as PEM,
      DER, base64 or PKCS#7.
    type: list
    elements: path
  client:
    description:
      - The client whose identity is in the store that O(pki) names, with the CAs between it and its root.
      - The keychain is looked at first. Only an identity that has to be imported is taken out of the store, with
        O(passphrase).
    type: str
  passphrase:
    description: Opens the store, see M(vwan.user_vpn.root_certificate).
    type: str
  identity:
    description: A client identity of your own, instead of O(client).
    type: dict
    suboptions:
      pkcs12_path:
        description: The PKCS#12 file on the controller.
        type: path
        required: true
      password:
        description: Its password.
        type: str
        required: true
  fingerprints:
    description:
      - With O(state=absent), the SHA-1 fingerprints of more certificates that are to go, such as revoked ones.
      - Capitals, blanks, colons, dashes and invisible marks do not matter.
    type: list
    elements: str
  keychain:
    description:
      - V(System) needs C(become). V(login) is the login keychain of whoever is at the screen.
    type: str
    choices: [System, login]
    default: System
  keychain_password:
    description: >-
      The password of the login keychain, which is locked for ssh. It travels by standard input too. Not needed for the
      System keychain.
    type: str
seealso:
  - module: vwan.user_vpn.client_certificates
  - module: vwan.user_vpn.mac_profile
"""

EXAMPLES = r"""
- name: Certificates for Macs whose VPN is set up by hand
  hosts: user_vpn
  gather_facts: false
  become: true
  tasks:
    - name: Read the profile package
      vwan.user_vpn.profile_package_info:
        path: user_vpn/package.zip
      register: package
      run_once: true

    - name: Gateway roots and client identity into the System keychain
      vwan.user_vpn.mac_certificate:
        gateway_roots: "{{ package.settings.gateway_roots }}"
        pki: ~/user-vpn.db
        client: "{{ inventory_hostname }}"
        passphrase: "{{ user_vpn_passphrase }}"
      register: installed

    - name: Say what the person still has to do
      ansible.builtin.debug:
        msg: "{{ installed.msg }}"

- name: A Mac that leaves the fleet
  hosts: leaving
  gather_facts: false
  become: true
  tasks:
    - name: Take a client identity out again
      vwan.user_vpn.mac_certificate:
        fingerprints: [6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112]
        state: absent
"""

RETURN = r"""
status:
  description:
    - V(installed), all of them are in the keychain (or would be, in check mode).
    - V(removed), none of them is.
    - V(no_console_user), nobody is at the screen, so there is no login keychain to write.
  returned: success
  type: str
  sample: installed
msg:
  description: The same in a sentence that says what to do next.
  returned: always
  type: str
  sample: Both the client and the root certificate are installed.
client_sha1:
  description: SHA-1 of the client certificate; empty when none was given, or when it is not issued yet.
  returned: success
  type: str
  sample: 6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112
root_sha1:
  description: SHA-1 of the given roots.
  returned: success
  type: list
  elements: str
  sample: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
added:
  description: SHA-1 of what came, or would come, into the keychain.
  returned: success
  type: list
  elements: str
  sample: [6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112]
removed:
  description: SHA-1 of what left, or would leave, the keychain. After a renewal that is the old identity.
  returned: success
  type: list
  elements: str
  sample: []
untrusted_roots:
  description: SHA-1 of the given roots that this Mac does not trust.
  returned: success
  type: list
  elements: str
  sample: []
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
