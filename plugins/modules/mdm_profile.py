#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mdm_profile action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mdm_profile
short_description: Bring configuration profiles onto Macs through their MDM, or take them off
version_added: 1.0.0
description:
  - Hands rendered profiles to the API of an MDM, and tells how far each has come. No Mac is contacted. One task with
    C(run_once) serves a whole play.
  - What the MDM holds is read first, and only what differs is written.
  - A profile with a private key reaches its own Mac alone. It is written without a scope, its content is read back,
    then it gets its scope, and that is read back as well. Where a server cannot do that, the profile is refused.
  - What is wrong with one Mac is told in its entry of RV(macs), and the others go on. The task fails when the server
    cannot be used at all.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.mdm
  - vwan.user_vpn.mdm.server
  - vwan.user_vpn.mdm.macs
attributes:
  check_mode:
    support: full
    details: Of a profile that an earlier task would render anew a change is predicted, without asking the MDM. Of
      NanoMDM with neither O(server.record) nor O(server.results), a change is predicted for each Mac.
  diff_mode:
    support: full
    details: Shows which version goes for which, by the UUID of the rendered profile.
  idempotent:
    support: full
    details: An MDM may tell of a Mac that it has a profile, and of another time that it is still under way. That is no
      change.
options:
  state:
    description:
      - V(present) brings the profiles, and replaces older versions of them.
      - V(absent) has the MDM remove the profile O(identifier) from the Macs in O(profiles), and deletes what it holds
        for one Mac when that Mac is rid of it. A later run deletes what could not be deleted yet.
    type: str
    choices: [present, absent]
    default: present
  identifier:
    description: The identifier of the profile that is to be removed. Required with O(state=absent).
    type: str
  wait:
    description: Whether to wait until each Mac has it, or is rid of it, or has refused.
    type: bool
    default: false
  wait_timeout:
    description: For how many seconds to wait at most. A Mac that is switched off answers when it is on again, and the
      next run sees that.
    type: int
    default: 900
notes:
  - In a play with the strategy V(free) or V(host_pinned), which ignores C(run_once), each host cares for its own entry
    alone.
seealso:
  - module: vwan.user_vpn.mobileconfig
  - module: vwan.user_vpn.mac_profile
"""

EXAMPLES = r"""
- name: Profiles for the Macs of a Jamf Pro server
  hosts: user_vpn
  gather_facts: false
  tasks:
    - name: Say which Mac has which profile
      ansible.builtin.set_fact:
        delivered:
          host: "{{ inventory_hostname }}"
          serial_number: "{{ user_vpn_serial_number }}"
          profile: "{{ profiles.macs[inventory_hostname] }}"

    - name: Bring all of them, and wait for the Macs that are on
      vwan.user_vpn.mdm_profile:
        server:
          type: jamf
          url: https://example.jamfcloud.com
          client_id: "{{ jamf_client_id }}"
          client_secret: "{{ jamf_client_secret }}"
        profiles: "{{ ansible_play_batch | map('extract', hostvars, 'delivered') | list }}"
        wait: true
      register: mdm
      run_once: true

- name: Take the profile off a Mac that was stolen
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Remove it
      vwan.user_vpn.mdm_profile:
        state: absent
        server:
          type: jamf
        identifier: com.example.uservpn
        profiles:
          - host: mac-042
            serial_number: C02XK1ABJG5J
      environment:
        JAMF_URL: https://example.jamfcloud.com
        JAMF_CLIENT_ID: "{{ jamf_client_id }}"
        JAMF_CLIENT_SECRET: "{{ jamf_client_secret }}"
"""

RETURN = r"""
alone:
  description: >-
    Whether only the Mac of the host was looked at that the task belongs to, as in a play with the strategy V(free) or
    V(host_pinned).
  returned: always
  type: bool
  sample: false
macs:
  description: For each of O(profiles), by its host, what came of it.
  returned: always
  type: dict
  contains:
    host:
      description: The inventory name of the Mac.
      type: str
      returned: always
      sample: mac-01
    state:
      description:
        - V(queued), when the MDM has it and has told the Mac nothing yet.
        - V(pending), when the Mac was told and has not answered, or has answered that this is no good time.
        - V(installed), when the Mac has said that it has it.
        - V(removed), with O(state=absent), when it has it no more.
        - V(failed), when the Mac or the MDM has refused. V(unknown_device), when the MDM does not know which Mac is
          meant, or does not manage it.
      type: str
      returned: always
      sample: installed
    failed:
      description: Whether something is wrong with this Mac.
      type: bool
      returned: always
      sample: false
    changed:
      description: Whether the MDM was made to do something for it.
      type: bool
      returned: always
      sample: true
    msg:
      description: What is wrong, or what is to be done. Empty when all is well.
      type: str
      returned: always
      sample: ""
    error:
      description: What the Mac has told the MDM, when it has refused; or why the MDM could not tell the Mac to come.
      type: str
      returned: always
      sample: ""
    serial_number:
      description: As it was given.
      type: str
      returned: always
      sample: C02XK1ABJG5J
    device:
      description: The name of the Mac in the MDM.
      type: str
      returned: always
      sample: Anna's MacBook Pro
    last_seen:
      description: When the Mac last spoke to the MDM, as that tells it.
      type: str
      returned: always
      sample: "2026-11-27T08:15:00Z"
    macos_version:
      description: The macOS of the Mac, as the MDM knows it. Empty where that does not tell.
      type: str
      returned: always
      sample: "15.5"
    wanted_version:
      description: The C(PayloadUUID) of the rendered profile. With O(state=absent) it is empty.
      type: str
      returned: always
      sample: 6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11
    shown_version:
      description: That of the profile from which the one was made that is on the Mac, once it has said that it has it.
        Else it is empty.
      type: str
      returned: always
      sample: 6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11
    on_mac:
      description: Whether any version of the profile is on the Mac, as far as the MDM tells.
      type: bool
      returned: always
      sample: true
    previous_version:
      description: That of the profile that the MDM held for it before. Empty when it held none.
      type: str
      returned: always
      sample: ""
  sample:
    mac-01:
      host: mac-01
      state: installed
      failed: false
      changed: true
      msg: ""
      error: ""
      serial_number: C02XK1ABJG5J
      device: Anna's MacBook Pro
      last_seen: "2026-11-27T08:15:00Z"
      macos_version: "15.5"
      wanted_version: 6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11
      shown_version: 6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11
      on_mac: true
      previous_version: ""
"""
