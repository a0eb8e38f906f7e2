#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mac_key action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mac_key
short_description: Have a private key made on the Mac, which never leaves it
version_added: 1.0.0
description:
  - Makes an RSA key on the Mac, with the C(openssl) that every Mac has, and returns a certificate signing request for
    it. M(vwan.user_vpn.client_certificates) signs the request, M(vwan.user_vpn.mobileconfig) renders the profile
    around the certificate, and M(vwan.user_vpn.mac_profile) completes that profile on the Mac. The key never crosses
    the network.
  - The key lies on the disk of the Mac, readable by root alone, until the profile is installed. Then the keychain has
    it, and M(vwan.user_vpn.mac_profile) removes the file. Nothing can read it out of the keychain again, so every
    change of the profile needs a new key and a new certificate.
  - One remote exec when there is nothing to do, two when there is; with O(known) one. The Mac needs no Python.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.mac
attributes:
  check_mode:
    support: full
    details: The request of a key that is still to be made is empty.
  diff_mode:
    support: full
    details: It shows the fingerprint of the public key.
  idempotent:
    support: full
    details: A key on the disk is kept until it has served, and none is made while the Mac has its profile.
options:
  identifier:
    description: The identifier of the profile that the key is for, a reverse DNS name.
    type: str
    required: true
  scope:
    description: Where that profile lives. No other can have a key that is made on the Mac.
    type: str
    choices: [System]
    default: System
  state:
    description: V(absent) removes a key that lies on the disk. What the keychain has goes with the profile.
    type: str
    choices: [present, absent]
    default: present
  profile_uuid:
    description:
      - The C(PayloadUUID) of the profile that the Mac should have, as M(vwan.user_vpn.mobileconfig) returns it for the
        certificate that the client has now. A Mac with this very profile needs no key.
      - Empty when the client has no certificate yet.
    type: str
    default: ""
  key_wanted:
    description: Whether a new certificate is due, as RV(vwan.user_vpn.client_certificates#module:clients) says.
    type: bool
    default: false
  spent_keys:
    description: >-
      Keys that have had a certificate and may have no other, as RV(vwan.user_vpn.client_certificates#module:clients)
      says. If the key on the disk is one of them, a new one takes its place.
    type: list
    elements: str
    default: []
  key_size:
    description: The size of the key in bits. A key on the disk that has another size is made again.
    type: int
    choices: [2048, 3072, 4096]
    default: 2048
  known:
    description:
      - What M(vwan.user_vpn.mac_profile) returned of this Mac a moment ago. If no key lies there, the Mac is not asked
        once more before it makes one.
      - What says nothing of a Mac, such as the result of a skipped task, counts as left out.
    type: dict
seealso:
  - module: vwan.user_vpn.client_certificates
  - module: vwan.user_vpn.mobileconfig
  - module: vwan.user_vpn.mac_profile
"""

EXAMPLES = r"""
- name: The first key and certificate of every Mac
  hosts: user_vpn
  gather_facts: false
  become: true
  vars:
    passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE') }}"
  tasks:
    - name: See which Macs need a key
      vwan.user_vpn.client_certificates:
        pki: ~/user-vpn.db
        clients: "{{ ansible_play_hosts }}"
        csrs: "{{ dict(ansible_play_hosts | product([''])) }}"
      run_once: true
      register: seen

    - name: Make it there
      vwan.user_vpn.mac_key:
        identifier: com.example.user-vpn
        key_wanted: "{{ seen.clients[inventory_hostname].key_wanted }}"
        spent_keys: "{{ seen.clients[inventory_hostname].spent_keys }}"
      register: key

    - name: Sign what the Macs request
      vwan.user_vpn.client_certificates:
        pki: ~/user-vpn.db
        passphrase: "{{ passphrase }}"
        clients: "{{ ansible_play_hosts }}"
        csrs: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, ['key', 'csr']))) }}"
      run_once: true
"""

RETURN = r"""
status:
  description:
    - V(made) is a new key.
    - V(kept) is the key that lay on the disk.
    - V(none) says that there is no key on the disk, and no need for one.
  returned: success
  type: str
  sample: made
csr:
  description: The request of the key on the disk, PEM. It is public. Empty when there is no key.
  returned: success
  type: str
  sample: |
    -----BEGIN CERTIFICATE REQUEST-----
    MIICXjCCAUYCAQAwGTEXMBUGA1UEAwwOdndhbi51c2VyX3ZwbjCCASIwDQYJKoZI
    ...
    -----END CERTIFICATE REQUEST-----
public_key_sha256:
  description: SHA-256 of its public key (SubjectPublicKeyInfo), by which certificates and requests are compared.
  returned: success
  type: str
  sample: B655021921EE84B8AB9B0751B4C1E28AE70949674E2DD08168F9B4DA9B96AC83
key_on_disk:
  description: Whether there is a key on the disk.
  returned: success
  type: bool
  sample: true
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
  sample:
    uuid: 5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11
    scope: System
    install_date: 2026-11-20 09:14:38 +0000
    verification_state: unsigned
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
