#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the profile_package action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: profile_package
short_description: Download the VPN client profile package of an Azure User VPN
version_added: 1.0.0
description:
  - Lets Azure generate the profile package for the clients of a P2S User VPN, downloads it at once, checks that a Mac
    could connect with it, and keeps it as a file on the controller.
  - The package is that of a Virtual WAN (the global profile, with which a client reaches any hub) or that of one hub.
  - Every download is another file, even of the same settings. So the old file is replaced only when the new one says
    something else, and never by something that is not a package.
  - A User VPN configuration without IKEv2 or without Azure certificate authentication is an error, before Azure is
    asked
    for a package. An IPsec policy that no Mac knows is a warning.
  - The link from which the package comes opens it to anyone for an hour. It is used once and never shown.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
requirements:
  - cryptography >= 43 on the controller
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.azure
  - vwan.user_vpn.pki.optional
attributes:
  check_mode:
    support: partial
    details: >-
      Check mode does not let Azure generate a package, so it cannot tell whether an existing file would be replaced; it
      then says RV(ignore:changed=false) with a warning and returns the existing file's settings. That the Virtual WAN,
      the gateway and the configuration exist and suit Macs is checked.
  diff_mode:
    support: full
    details: It shows the settings, with a line for each gateway root. The package itself holds no client's secret.
  idempotent:
    support: full
options:
  resource_group:
    description: The resource group of the Virtual WAN or of the P2S VPN gateway.
    type: str
    required: true
  virtual_wan:
    description:
      - The Virtual WAN whose global package to download.
      - Either this or O(p2s_vpn_gateway) is required.
    type: str
  vpn_server_configuration:
    description:
      - The User VPN configuration that the global package is for, by its name in O(resource_group) or its resource id.
      - Without it, the one that the gateways of O(virtual_wan) use is taken. If they use several, that is an error
        which
        names them.
    type: str
  p2s_vpn_gateway:
    description: >-
      The P2S VPN gateway whose own package, that of its hub alone, to download. It wins over O(virtual_wan) and
      O(vpn_server_configuration).
    type: str
  authentication_method:
    description:
      - How clients authenticate. Certificates, as on a Mac, are V(EAPTLS).
    type: str
    choices:
      - EAPTLS
      - EAPMSCHAPv2
    default: EAPTLS
  add_hub_roots:
    description:
      - Add to a global package the gateway roots in the packages of all hubs that use the configuration.
      - A global package may name the root of one hub only, while a Mac has to trust whichever hub answers. This asks
        Azure
        for one more package per hub, and adds each missing root to the file as C(Generic/VpnServerRoot.cer_hub1) and
          so on.
    type: bool
    default: false
  keep_roots:
    description:
      - When Azure's package no longer names a gateway root that the last package had, keep it until it expires. The
        last one is that of the store that O(pki) names or, without it, the file at O(dest).
      - While Microsoft moves gateways to another root, a package may name the new one alone, although some gateway
        still shows a certificate of the old one. With V(false) the roots are those that Azure names now.
      - The kept ones are in the file as C(Generic/VpnServerRoot.cer_kept1) and so on. Roots of a package for another
        server name are never kept.
    type: bool
    default: true
  planned:
    description:
      - What M(vwan.user_vpn.server_configuration) has returned before in the same play. In check mode the configuration
        counts as that says that it will be; otherwise it is not looked at.
    type: dict
    default: {}
  dest:
    description:
      - The file on the controller, a ZIP file. It is written with mode 0600; a missing folder is made with 0700.
      - A relative path starts where C(ansible-playbook) was started.
      - With O(pki) it is a copy. Whether anything has changed is told by the store, which knows what the last package
        has brought, though this controller may not have that file.
    type: path
    required: true
seealso:
  - module: vwan.user_vpn.profile_package_info
  - module: vwan.user_vpn.server_configuration_info
  - name: Download a global profile or hub-based profiles
    description: The article of Microsoft about the two kinds of packages.
    link: https://learn.microsoft.com/azure/virtual-wan/global-hub-profile
"""

EXAMPLES = r"""
- name: Get the profile package
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Download the global package of a Virtual WAN
      vwan.user_vpn.profile_package:
        resource_group: rg-vpn
        virtual_wan: wan1
        vpn_server_configuration: macs
        add_hub_roots: true
        dest: files/vpnclientconfiguration.zip
      register: package

    - name: Show the server name
      ansible.builtin.debug:
        var: package.settings.vpn_server

    - name: Download the package of one hub with a managed identity
      vwan.user_vpn.profile_package:
        subscription_id: 00000000-0000-0000-0000-000000000000
        auth_source: msi
        resource_group: rg-vpn
        p2s_vpn_gateway: gateway-westeurope
        dest: files/westeurope.zip
"""

RETURN = r"""
dest:
  description: The file.
  returned: success
  type: str
  sample: /home/me/vpn/files/vpnclientconfiguration.zip
settings:
  description:
    - What the package says, as M(vwan.user_vpn.profile_package_info) returns it.
    - In check mode, what the existing file says; V(null) when there is none.
  returned: success
  type: dict
  sample:
    vpn_server: wan.synthetic0000000000000000.vpn.azure.com
    vpn_types: [IkeV2]
    auth: EAPTLS
    routes: [10.20.0.0/16]
    client_address_pools: [172.31.250.0/24]
    dns_servers: [10.20.0.4]
    vnet_name: synthetic-hub
    vnet_id: 66666666-7777-4888-8999-aaaaaaaaaaaa
    gateway_roots:
      - subject: CN=DigiCert Global Root G2,OU=www.digicert.com,O=DigiCert Inc,C=US
        sha1: DF3C24F9BFD666761B268073FE06D1CC8D4F82A4
        sha256: CB3CCBB76031E5E0138F8DD39A23F9DE47FFC35E43C1144CEA27D46A5AB1CB5F
        not_after: "2038-01-15T12:00:00Z"
        pem: |
          -----BEGIN CERTIFICATE-----
          ...
          -----END CERTIFICATE-----
    ikev2: true
    kind: wan
    digest: 11c9756646320c46f086adb6d07b5e2f8ae60d1e5a286c173c919bae05127a8c
    unknown_elements: {}
vpn_server_configuration_id:
  description: The User VPN configuration that the package is for.
  returned: success
  type: str
  sample: /subscriptions/0/resourceGroups/rg-vpn/providers/Microsoft.Network/vpnServerConfigurations/macs
ipsec_policies:
  description:
    - The custom IPsec policies of that configuration in Azure's own words; an empty list means Azure's default.
    - They fit the option O(vwan.user_vpn.mobileconfig#module:ipsec_policy).
  returned: success
  type: list
  elements: dict
  sample:
    - saLifeTimeSeconds: 27000
      saDataSizeKilobytes: 102400000
      ipsecEncryption: GCMAES256
      ipsecIntegrity: GCMAES256
      ikeEncryption: AES256
      ikeIntegrity: SHA256
      dhGroup: DHGroup14
      pfsGroup: PFS14
enable_internet_security:
  description:
    - Whether the gateways that the package leads to send their clients' traffic to the internet through the hub (forced
      tunnelling). One that does not makes it V(false).
    - V(null) when Azure does not say, or when the identity may not read the gateways.
    - It fits the option O(vwan.user_vpn.mobileconfig#module:enable_internet_security).
  returned: success
  type: bool
  sample: false
"""
