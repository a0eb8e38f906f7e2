#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the connection_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connection_info
short_description: Tell who is connected to P2S VPN gateways, by the names of their certificates
version_added: 1.0.0
description:
  - Has Azure write the sessions of one P2S VPN gateway, or of all in a resource group, into a blob, and reads them.
  - Without O(storage_account) and O(output_blob_sas_url) Azure has nowhere to write names. Then it tells how many are
    connected and with which addresses, and RV(sessions) is empty. M(vwan.user_vpn.connection_health_info) tells that by
    gateway.
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
    details: The blob is written in check mode, too; without it there is nothing to read.
  diff_mode:
    support: N/A
    details: It changes nothing of the gateways.
  idempotent:
    support: full
options:
  user_names:
    description: Ask for the sessions of these names alone. Without it, for all.
    type: list
    elements: str
    default: []
seealso:
  - module: vwan.user_vpn.connection_health_info
  - module: vwan.user_vpn.connections
"""

EXAMPLES = r"""
- name: See who is connected
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Ask all gateways
      vwan.user_vpn.connection_info:
        resource_group: rg-vpn
        storage_account: contosovpn
        container: sessions
        pki: user_vpn.db
      register: connected

    - name: Name whoever must not be there
      ansible.builtin.debug:
        msg: "revoked and connected: {{ connected.revoked | join(', ') }}"
"""

RETURN = r"""
connections:
  description: The number of sessions.
  returned: success
  type: int
  sample: 1
addresses:
  description: The addresses of all connected clients in the tunnel, sorted.
  returned: success
  type: list
  elements: str
  sample: [172.31.250.4]
twice:
  description: The names that have several sessions, sorted. One person's Mac has one.
  returned: success
  type: list
  elements: str
  sample: []
revoked:
  description: The names of clients that the store calls revoked and that are connected all the same, sorted.
  returned: success
  type: list
  elements: str
  sample: []
unknown:
  description: The names that are of no client of the store, sorted. Empty without O(pki).
  returned: success
  type: list
  elements: str
  sample: []
by_address:
  description:
    - Whether the clients are told by their addresses in the tunnel, since no session bears a name that the store knows.
    - That counts where a Mac was seen with the address since the session has begun. All other sessions are nobody's.
  returned: success
  type: bool
  sample: false
sessions:
  description: The sessions, by gateway and name.
  returned: success
  type: list
  elements: dict
  contains:
    gateway:
      description: The name of the gateway.
      type: str
      returned: success
    connection_id:
      description: By which Azure calls the session.
      type: str
      returned: success
    user_name:
      description: The name in the certificate.
      type: str
      returned: success
    client:
      description: The client of the store with a certificate of this name. Empty when there is none.
      type: str
      returned: success
    host:
      description:
        - The host of the inventory that this is, the one that was last seen with the profile of this client or else the
          one of its name. Empty when there is none.
      type: str
      returned: success
    revoked:
      description: Whether the store calls this client revoked.
      type: bool
      returned: success
    since:
      description: When the session began, in UTC.
      type: str
      returned: success
    seconds:
      description: For how many seconds it has lasted, by Azure's count.
      type: int
      returned: success
    public_address:
      description: The address that the client comes from.
      type: str
      returned: success
    private_address:
      description: The address that the client has in the tunnel.
      type: str
      returned: success
    ingress_bytes:
      description: The bytes received.
      type: int
      returned: success
    egress_bytes:
      description: The bytes sent.
      type: int
      returned: success
    connection_configuration:
      description: The connection configuration of the gateway that the session belongs to.
      type: str
      returned: success
    address_pools:
      description: The networks of that connection configuration.
      type: list
      elements: str
      returned: success
    user_groups:
      description: The user groups of that connection configuration, sorted.
      type: list
      elements: str
      returned: success
  sample:
    - gateway: gateway-westeurope
      connection_id: IKE_5c1b3e0f-0000-4000-8000-000000000001
      user_name: mac-042
      client: mac-042
      host: mac-042
      revoked: false
      since: "2026-11-22T08:15:00Z"
      seconds: 3600
      public_address: 203.0.113.7
      private_address: 172.31.250.4
      ingress_bytes: 8000
      egress_bytes: 9000
      connection_configuration: P2SConnectionConfigDefault
      address_pools: [172.31.250.0/24]
      user_groups: []
"""
