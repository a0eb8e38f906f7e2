#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the connection_health_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connection_health_info
short_description: Tell how many clients are connected to P2S VPN gateways, and with which addresses
version_added: 1.0.0
description:
  - Asks Azure for the health of one P2S VPN gateway, or of all in a resource group.
  - Azure counts connections and lists the addresses that clients have got. It names neither users nor certificates
    here,
    so a client is recognized by the address that the Mac itself reports.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.azure
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
options:
  resource_group:
    description: The resource group of the gateways.
    type: str
    required: true
  p2s_vpn_gateway:
    description:
      - The gateway.
      - Without it, all gateways of the resource group are asked.
    type: str
seealso:
  - module: vwan.user_vpn.mac_info
"""

EXAMPLES = r"""
- name: See who is connected
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Ask all gateways
      vwan.user_vpn.connection_health_info:
        resource_group: rg-vpn
      register: health

    - name: Show the count and the addresses
      ansible.builtin.debug:
        msg: "{{ health.connections }} connected: {{ health.addresses | join(', ') }}"
"""

RETURN = r"""
connections:
  description: The number of connections to all these gateways.
  returned: success
  type: int
  sample: 2
addresses:
  description: The addresses of all connected clients, sorted.
  returned: success
  type: list
  elements: str
  sample: [172.31.250.4, 172.31.250.5]
gateways:
  description: The gateways, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The resource id.
      type: str
      returned: success
    name:
      description: The name.
      type: str
      returned: success
    resource_group:
      description: The resource group.
      type: str
      returned: success
    location:
      description: The region.
      type: str
      returned: success
    provisioning_state:
      description: Whether Azure has finished the last change.
      type: str
      returned: success
    hub:
      description: The name of the hub.
      type: str
      returned: success
    hub_id:
      description: The resource id of the hub.
      type: str
      returned: success
    vpn_server_configuration_id:
      description: The resource id of the User VPN configuration.
      type: str
      returned: success
    client_address_pools:
      description: The networks of which clients get their addresses.
      type: list
      elements: str
      returned: success
    enable_internet_security:
      description: >-
        Whether the gateway sends its clients' traffic to the internet through the hub. V(null) when Azure does not say.
      type: bool
      returned: success
    dns_servers:
      description: The custom DNS servers, in their order.
      type: list
      elements: str
      returned: success
    connections:
      description: The number of connections.
      type: int
      returned: success
    addresses:
      description: The addresses of connected clients, sorted.
      type: list
      elements: str
      returned: success
    ingress_bytes:
      description: The bytes received.
      type: int
      returned: success
    egress_bytes:
      description: The bytes sent.
      type: int
      returned: success
  sample:
    - id: /subscriptions/0/resourceGroups/rg-vpn/providers/Microsoft.Network/p2sVpnGateways/gateway-westeurope
      name: gateway-westeurope
      resource_group: rg-vpn
      location: westeurope
      provisioning_state: Succeeded
      hub: hub-westeurope
      hub_id: /subscriptions/0/resourceGroups/rg-vpn/providers/Microsoft.Network/virtualHubs/hub-westeurope
      vpn_server_configuration_id:
        /subscriptions/0/resourceGroups/rg-vpn/providers/Microsoft.Network/vpnServerConfigurations/m
      client_address_pools: [172.31.250.0/24]
      enable_internet_security: false
      dns_servers: []
      connections: 2
      addresses: [172.31.250.4, 172.31.250.5]
      ingress_bytes: 8000
      egress_bytes: 9000
"""
