#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the connections action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connections
short_description: End sessions of P2S VPN gateways
version_added: 1.0.0
description:
  - Ends the sessions of these clients, certificates, addresses or connection ids that are there, and no other.
  - One of O(output_blob_sas_url) and O(storage_account) is required.
  - A session does not end by itself when its certificate is revoked; it ends when the client next has to authenticate.
    So revoke first, with M(vwan.user_vpn.server_configuration), and then end the session. Whose
    certificate Azure does not refuse comes back at once.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.azure
  - vwan.user_vpn.sessions
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
    details: Whoever is not connected is not disconnected. Who has come back meanwhile is ended again.
options:
  state:
    description: What the sessions are to be.
    type: str
    choices: [disconnected]
    default: disconnected
  clients:
    description:
      - The names of clients in the store O(pki). Without a store, the names in their certificates.
      - At least one of this, O(thumbprints), O(connection_ids), O(addresses) and O(revoked) is required.
    type: list
    elements: str
  thumbprints:
    description:
      - SHA-1 thumbprints of certificates that the store O(pki) has issued. Azure does not say with which certificate of
        a client a session was opened, so all sessions of these clients end.
    type: list
    elements: str
  connection_ids:
    description: What M(vwan.user_vpn.connection_info) returns as RV(vwan.user_vpn.connection_info#module:sessions).
    type: list
    elements: str
  addresses:
    description: Addresses in the tunnel.
    type: list
    elements: str
  revoked:
    description: Everybody whom the store O(pki) calls revoked, and who was not let in again.
    type: bool
  cut_wait:
    description:
      - For how many seconds to look again, and to end the sessions with which the same names come back, until they
        stay away, which two looks in a row have to show. A gateway takes some minutes to take up that a certificate is
        refused.
      - With V(0) it is looked once, to say who has come back.
    type: int
    default: 0
seealso:
  - module: vwan.user_vpn.connection_info
  - module: vwan.user_vpn.server_configuration
"""

EXAMPLES = r"""
- name: End the session of a Mac that was stolen
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Cut it off, and see that it stays away
      vwan.user_vpn.connections:
        state: disconnected
        resource_group: rg-vpn
        storage_account: contosovpn
        container: sessions
        pki: user_vpn.db
        clients: [mac-042]
        cut_wait: 600
"""

RETURN = r"""
disconnected:
  description: The sessions that were ended, or would be in check mode. As C(sessions) of the info module.
  returned: success
  type: list
  elements: dict
  sample:
    - gateway: gateway-westeurope
      connection_id: IKE_5c1b3e0f-0000-4000-8000-000000000001
      user_name: mac-042
      since: "2026-11-22T08:15:00Z"
      seconds: 3600
      public_address: 203.0.113.7
      private_address: 172.31.250.4
      ingress_bytes: 8000
      egress_bytes: 9000
      connection_configuration: P2SConnectionConfigDefault
said:
  description: What came of it, in a sentence.
  returned: success
  type: str
  sample: The sessions of mac-042 were ended, and nobody of them was back after 95 s.
back:
  description: The clients that were connected again when it was last looked, sorted.
  returned: success
  type: list
  elements: str
  sample: []
by_address:
  description:
    - Whether clients were told by their addresses in the tunnel, since no session bears a name that the store O(pki)
      knows. That counts where a Mac was seen with the address since the session has begun, as the role
      C(configure_client) writes it down. What cannot be matched is not ended.
  returned: success
  type: bool
  sample: false
seconds:
  description: After how many seconds nobody of them was connected any more; null when somebody still was, and in check
    mode.
  returned: success
  type: int
  sample: 95
"""
