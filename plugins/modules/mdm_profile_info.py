#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the mdm_profile_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mdm_profile_info
short_description: Ask an MDM how far a configuration profile has come
version_added: 1.0.0
description:
  - Tells of each Mac how far the profile is that M(vwan.user_vpn.mdm_profile) has handed to its MDM, and when the MDM
    last heard of the Mac. No Mac is contacted, and nothing is changed.
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
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  identifier:
    description: The identifier of the profile, as it was rendered.
    type: str
    required: true
  certificates:
    description:
      - Whether to tell also which certificates are on each Mac together with their keys, as the last inventory of the
        MDM lists them. M(vwan.user_vpn.client_certificates) enters those of the VPN into the store.
      - An MDM that lists none, see the table in its documentation, tells of none.
    type: bool
    default: false
seealso:
  - module: vwan.user_vpn.mdm_profile
"""

EXAMPLES = r"""
- name: See how far they are
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Ask Jamf Pro
      vwan.user_vpn.mdm_profile_info:
        server:
          type: jamf
          url: https://example.jamfcloud.com
        identifier: com.example.uservpn
        profiles:
          - host: mac-042
            serial_number: C02XK1ABJG5J
      environment:
        JAMF_CLIENT_ID: "{{ jamf_client_id }}"
        JAMF_CLIENT_SECRET: "{{ jamf_client_secret }}"
"""

RETURN = r"""
macs:
  description: For each of O(profiles), by its host, a part of what RV(vwan.user_vpn.mdm_profile#module:macs) has. The
    C(state) is V(absent) where the MDM holds no such profile for the Mac. With O(certificates), C(certificates) are
    those on the Mac; what the MDM does not tell of one is empty.
  returned: success
  type: dict
  sample:
    mac-042:
      host: mac-042
      state: pending
      failed: false
      msg: ""
      error: ""
      serial_number: C02XK1ABJG5J
      device: Anna's MacBook Pro
      last_seen: "2026-11-27T08:15:00Z"
      macos_version: "15.5"
      shown_version: ""
      on_mac: false
      certificates:
        - sha1: ED361458724D06082B2314ACDB82E1F586F085F5
          serial: 40F3D9FB
          common_name: C02XK1ABJG5J
          subject: CN=C02XK1ABJG5J,O=Example
          issuer: ""
          not_before: "2026-11-27T09:14:38Z"
          not_after: "2027-11-27T09:14:38Z"
"""
