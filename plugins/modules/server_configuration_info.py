#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the server_configuration_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_configuration_info
short_description: Read User VPN configurations of Azure, and judge whether Macs can connect
version_added: 1.0.0
description:
  - Returns User VPN configurations with their tunnel types, authentication types, IPsec policy, certificates, gateways
    and
    hubs.
  - It also says what keeps Macs from connecting (RV(configurations[].problems)) and what may
    (RV(configurations[].advice)), and what to set instead.
  - It never returns a RADIUS secret.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
requirements:
  - cryptography >= 43 on the controller
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
    description: The resource group of what is named in the other options.
    type: str
    required: true
  vpn_server_configuration:
    description:
      - The User VPN configuration, by its name in O(resource_group) or its resource id.
      - With neither this, O(p2s_vpn_gateway) nor O(virtual_wan), all of the resource group are returned.
    type: str
  p2s_vpn_gateway:
    description: >-
      The P2S VPN gateway whose configuration to return. It wins over O(virtual_wan) and O(vpn_server_configuration).
    type: str
  virtual_wan:
    description:
      - The Virtual WAN whose configurations in use to return.
      - It does not matter when O(vpn_server_configuration) is given.
    type: str
  common_names:
    description:
      - Common names of client certificates, as RV(vwan.user_vpn.client_certificates#module:clients).
      - Where a configuration has user groups, RV(configurations[].memberships) tells to which of them Azure will count
        each. A warning names those for whom no group but the default one has a member.
    type: list
    elements: str
    default: []
  may_be_missing:
    description: >-
      Whether RV(configurations) is empty where O(vpn_server_configuration) names one that does not exist. Otherwise
      that is an error.
    type: bool
    default: false
  gateways:
    description: Whether to read the gateways that use each configuration, one more call for each of them.
    type: bool
    default: true
seealso:
  - module: vwan.user_vpn.server_configuration
  - module: vwan.user_vpn.mobileconfig
"""

EXAMPLES = r"""
- name: Look at a User VPN configuration
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Read it
      vwan.user_vpn.server_configuration_info:
        resource_group: rg-vpn
        vpn_server_configuration: macs
      register: azure

    - name: Stop when no Mac could connect
      ansible.builtin.assert:
        that: azure.configurations[0].usable_by_macs
        fail_msg: "{{ azure.configurations[0].problems | join(' ') }}"
"""

RETURN = r"""
configurations:
  description: The User VPN configurations, sorted by name.
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
    tags:
      description: The tags.
      type: dict
      returned: success
    provisioning_state:
      description: Whether Azure has finished the last change, as C(Succeeded), C(Updating) or C(Failed).
      type: str
      returned: success
    vpn_protocols:
      description: The tunnel types, C(IkeV2) and C(OpenVPN). Azure's default, an empty list, is both.
      type: list
      elements: str
      returned: success
    vpn_authentication_types:
      description: The authentication types, C(Certificate), C(Radius) and C(AAD).
      type: list
      elements: str
      returned: success
    ipsec_policies:
      description: The custom IPsec policies in Azure's own words. An empty list means Azure's default.
      type: list
      elements: dict
      returned: success
    ipsec_policy:
      description:
        - The first custom policy that a Mac knows, or else the first. V(null) means Azure's default.
        - It fits the option O(vwan.user_vpn.mobileconfig#module:ipsec_policy).
      type: dict
      returned: success
    roots:
      description: The trusted roots, as M(vwan.user_vpn.server_configuration) returns them.
      type: list
      elements: dict
      returned: success
    revoked:
      description: The refused certificates, as M(vwan.user_vpn.server_configuration) returns them.
      type: list
      elements: dict
      returned: success
    radius_servers:
      description: The addresses of the RADIUS servers.
      type: list
      elements: str
      returned: success
    user_groups:
      description: The user groups, those with the lowest priority number first, as Azure looks at them.
      type: list
      elements: dict
      returned: success
      contains:
        name:
          description: The name.
          type: str
          returned: success
        default:
          description: Whether all belong to it who belong to no other group.
          type: bool
          returned: success
        priority:
          description: Its priority. Of two groups that fit, the one with the lower number counts.
          type: int
          returned: success
        members:
          description: What makes somebody belong to it, any of these.
          type: list
          elements: dict
          returned: success
          contains:
            name:
              description: The name.
              type: str
              returned: success
            type:
              description: >-
                What is compared. C(CertificateGroupId) is the domain in a certificate's common name, user@domain or
                DOMAIN\user. C(AADGroupId) and C(RadiusAzureGroupId) are not for certificates.
              type: str
              returned: success
            value:
              description: What it has to be.
              type: str
              returned: success
    memberships:
      description:
        - To which user group Azure will count each of O(common_names), by common name. Empty without user groups.
      type: dict
      returned: success
      contains:
        user_group:
          description: The name of the group.
          type: str
          returned: success
        default:
          description: Whether no member of any group fits, so that it is the default group.
          type: bool
          returned: success
        certain:
          description: >-
            Whether it is so however Azure compares the domain, as a whole or without what follows its first dot. No
            document settles that.
          type: bool
          returned: success
        address_pools:
          description: The networks of which it gets an address, of all gateways. Empty with O(gateways=false).
          type: list
          elements: str
          returned: success
    gateways:
      description: The P2S VPN gateways that use the configuration. Empty with O(gateways=false).
      type: list
      elements: dict
      returned: success
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
          description: The resource id of the configuration.
          type: str
          returned: success
        client_address_pools:
          description: The networks of which connected clients get their addresses.
          type: list
          elements: str
          returned: success
        connection_configurations:
          description: The same networks, and who gets addresses of them.
          type: list
          elements: dict
          returned: success
          contains:
            name:
              description: The name.
              type: str
              returned: success
            address_pools:
              description: The networks.
              type: list
              elements: str
              returned: success
            user_groups:
              description: The names of the user groups for which they are. Without any, they are for all.
              type: list
              elements: str
              returned: success
        enable_internet_security:
          description:
            - Whether the gateway sends its clients' traffic to the internet through the hub, too (forced tunnelling).
              It is so only if all of its connection configurations say so.
            - V(null) when Azure does not say. It fits the option
              O(vwan.user_vpn.mobileconfig#module:enable_internet_security).
          type: bool
          returned: success
        dns_servers:
          description: The custom DNS servers, in their order.
          type: list
          elements: str
          returned: success
    usable_by_macs:
      description: Whether there is no problem.
      type: bool
      returned: success
    problems:
      description: Why no Mac can connect, and what to do, a sentence each.
      type: list
      elements: str
      returned: success
    advice:
      description: What may keep a Mac from connecting, with the exact IPsec policy to set.
      type: list
      elements: str
      returned: success
  sample:
    - id: /subscriptions/0/resourceGroups/rg-vpn/providers/Microsoft.Network/vpnServerConfigurations/macs
      name: macs
      resource_group: rg-vpn
      location: westeurope
      tags: {}
      provisioning_state: Succeeded
      vpn_protocols: [IkeV2]
      vpn_authentication_types: [Certificate]
      ipsec_policies: []
      ipsec_policy:
      roots: []
      revoked: []
      radius_servers: []
      user_groups: []
      memberships: {}
      gateways: []
      usable_by_macs: true
      problems: []
      advice: []
clock_skew:
  description:
    - By how many seconds the clock of the controller is ahead of Azure's, negative when it is behind. It is taken from
      the C(Date) of Azure's answers, and exact to some seconds.
    - V(null) when no answer had one.
  returned: success
  type: int
  sample: 0
"""
