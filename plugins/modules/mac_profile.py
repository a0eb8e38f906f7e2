#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mac_profile action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mac_profile
short_description: Bring a configuration profile onto a Mac, or take it off
version_added: 1.0.0
description:
  - Compares the ProfileUUID of the installed profile with the one that M(vwan.user_vpn.mobileconfig) returned for this
    Mac, and acts only when they differ. What is delivered is what was rendered, a file with that very hash and
    ProfileUUID; another Mac's is refused.
  - Since macOS 11 no command installs a profile. With the delivery V(approve) the file is staged for the person at the
    screen and opened in the settings pane
    of that macOS version; the person approves it there. With V(mdm) nothing is sent, and the Mac is only
    asked whether the MDM has done its work.
  - Nobody is waited for. Whoever wants to know whether the person has approved runs the module again, with
    O(offered_to).
  - The staged file holds a private key. It travels by standard input and lies in a folder that only the person at the
    screen can read. Ten seconds later, the time that the settings pane needs for its copy, a process that the exec
    leaves running on the Mac removes it, also when the connection breaks. If that process was killed, the next task
    that looks at this Mac removes the file.
  - A profile whose private key M(vwan.user_vpn.mac_key) has made is completed on the Mac; the key is removed from the
    disk as soon as the profile is seen installed, or is to be O(state=absent).
  - One remote exec when there is nothing to do, two when there is. The Mac needs no Python.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.mac
attributes:
  check_mode:
    support: full
    details: It predicts that the profile will be offered; whether the person approves it, nobody can predict.
  diff_mode:
    support: full
    details: >-
      It shows the two values of ProfileUUID. What changed inside the profile is shown by
      M(vwan.user_vpn.mobileconfig).
  idempotent:
    support: full
    details: >-
      A Mac whose profile is installed stays unchanged. While nobody approves it, every run offers it again, which
      is a change.
options:
  state:
    description: Whether the profile is to be on the Mac.
    type: str
    choices: [present, absent]
    default: present
  profile:
    description:
      - What M(vwan.user_vpn.mobileconfig) returned for this Mac, the value under its name in
        RV(vwan.user_vpn.mobileconfig#module:macs), as it is.
      - If that says C(failed), so does this module, and the Mac is not contacted.
    type: dict
  src:
    description: >-
      Instead of O(profile), a profile on the controller, signed or not, such as
      M(vwan.user_vpn.mobileconfig) writes it.
    type: path
  identifier:
    description:
      - The identifier of the profile. Needed with O(state=absent), and in check mode as long as O(src) does not exist.
      - With O(profile) or O(src) it must be the one in the profile.
    type: str
  scope:
    description: >-
      Where to look for a profile that is to be removed, or for the one of an O(src) that does not exist yet. Otherwise
      the profile says it.
    type: str
    choices: [System, User]
    default: System
  delivery:
    description:
      - How the profile in O(src) reaches the Mac; for O(profile) the option of M(vwan.user_vpn.mobileconfig) says it.
      - V(approve) offers the profile to the person at the screen.
      - V(mdm) leaves the delivery to an MDM and only verifies.
    type: str
    choices: [approve, mdm]
    default: approve
  offered_to:
    description:
      - RV(offered_to) of an earlier task that offered this profile. Then the Mac is only looked at, and nothing is
        offered again, whoever is at the screen by now.
      - Empty, or left out, the profile is offered.
    type: str
    default: ""
  known:
    description:
      - What M(vwan.user_vpn.mac_key) returned of this Mac a moment ago, whose key is in the profile by now. Then the
        Mac is not asked once more before the profile is offered.
      - What says nothing of a Mac, such as the result of a skipped task, counts as left out.
    type: dict
seealso:
  - module: vwan.user_vpn.mobileconfig
  - module: vwan.user_vpn.mac_info
  - module: vwan.user_vpn.ledger_info
"""

EXAMPLES = r"""
- name: The profile of every Mac
  hosts: user_vpn
  gather_facts: false
  become: true
  vars:
    passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE') }}"
  tasks:
    - name: Read the profile package
      vwan.user_vpn.profile_package_info:
        path: user-vpn-profile.zip
      run_once: true
      register: package

    - name: Render all profiles
      vwan.user_vpn.mobileconfig:
        settings: "{{ package.settings }}"
        pki: ~/user-vpn.db
        passphrase: "{{ passphrase }}"
        macs:
          - host: mac-anna
            identity:
              client: mac-anna
          - host: mac-ben
            identity:
              client: mac-ben
        dest: profiles
        identifier: com.example.user-vpn
        connection_name: Contoso VPN
      run_once: true
      register: rendered

    - name: Offer each Mac its own
      vwan.user_vpn.mac_profile:
        profile: "{{ rendered.macs[inventory_hostname] }}"
      register: offered

    - name: Look once more
      vwan.user_vpn.mac_profile:
        profile: "{{ rendered.macs[inventory_hostname] }}"
        offered_to: "{{ offered.offered_to }}"
      when: offered.status == 'pending_approval'
      register: seen
      until: seen is failed or seen.status == 'installed'
      retries: 10
      delay: 30

- name: A profile from elsewhere
  hosts: user_vpn
  gather_facts: false
  become: true
  tasks:
    - name: Offer it
      vwan.user_vpn.mac_profile:
        src: "profiles/{{ inventory_hostname }}.mobileconfig"

- name: A Mac that leaves the fleet
  hosts: leaving
  gather_facts: false
  become: true
  tasks:
    - name: Take the profile off
      vwan.user_vpn.mac_profile:
        identifier: com.example.user-vpn
        state: absent
"""

RETURN = r"""
status:
  description:
    - V(installed), the Mac shows exactly this profile.
    - V(incomplete), it does, and something that the profile should have brought is not there, see
      RV(missing_certificates) and RV(missing_services). Nothing was done.
    - V(pending_approval), it was offered and waits for the person.
    - V(no_console_user), nobody is at the screen, so it could not be offered.
    - V(mdm_required), the MDM has not delivered it yet.
    - V(key_wanted), its private key is to be made on the Mac, and there is none that fits. Nothing was done.
    - V(removed), it is not on the Mac.
  returned: success
  type: str
  sample: installed
msg:
  description: The same in a sentence that says what to do next.
  returned: always
  type: str
  sample: "'Contoso VPN' is installed, with the client certificate and the gateway root in the keychain."
identifier:
  description: The identifier of the profile.
  returned: success
  type: str
  sample: com.example.user-vpn
profile_uuid:
  description: The ProfileUUID that the Mac should show; empty with O(state=absent), or when it is not rendered yet.
  returned: success
  type: str
  sample: 5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11
offered_to:
  description: Whose approval is waited for; empty unless RV(status) is V(pending_approval).
  returned: success
  type: str
  sample: ""
key_on_disk:
  description: >-
    Whether a private key that M(vwan.user_vpn.mac_key) has made lies on the disk of the Mac, for a profile that is not
    installed yet.
  returned: success
  type: bool
  sample: false
missing_certificates:
  description: >-
    SHA-256 of certificates of a profile that the Mac shows and that are not in the keychain; empty where that cannot be
    read.
  returned: success
  type: list
  elements: str
  sample: []
missing_services:
  description: >-
    VPNs of a profile that the Mac shows and that macOS does not have, by name. Only a Mac with C(vpnutil) tells, so it
    is empty elsewhere.
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
  returned: for a profile by which the Mac gets its certificate itself, when there are any
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
