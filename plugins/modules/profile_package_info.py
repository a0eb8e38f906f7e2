#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the profile_package_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: profile_package_info
short_description: Read the VPN client profile package of an Azure User VPN
version_added: 1.0.0
description:
  - Reads the profile package (a ZIP file) that Azure generates for the clients of a P2S User VPN, and returns what a
    Mac needs of it.
  - The package may come from the portal, from M(vwan.user_vpn.profile_package) or from anywhere else, zipped or
    already unzipped.
  - Nothing is unpacked. Only C(Generic/VpnSettings.xml) and the gateway roots beside it (C(VpnServerRoot.cer),
    C(.cer_0), C(.cer_1), ...) are read, into memory.
  - A package with which no Mac could connect is an error that says what to set in Azure. That is one without the
    C(Generic) folder or for other tunnel types than IKEv2, one for RADIUS user names and passwords, and one without a
    gateway root.
  - What does not stop a Mac, such as a gateway root that has expired beside another, is a warning.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
requirements:
  - cryptography >= 43 on the controller
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
options:
  path:
    description:
      - The package on the controller, a ZIP file or the folder in which it was unzipped. A relative path starts where
        C(ansible-playbook) was started.
      - The folder may be the package's own, one that holds it, the C(Generic) folder, or one that holds
        C(VpnSettings.xml) and the root. Files whose names contain backslashes, as some tools leave them, are read as
        well.
    type: path
    required: true
seealso:
  - name: Configure P2S User VPN clients - certificate authentication - native VPN client - macOS
    description: The article of Microsoft that shows the package and what of it goes where.
    link: https://learn.microsoft.com/azure/virtual-wan/point-to-site-vpn-client-cert-mac
"""

EXAMPLES = r"""
- name: Show what a profile package says
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Read the package that was downloaded in the portal
      vwan.user_vpn.profile_package_info:
        path: ~/Downloads/vpnclientconfiguration.zip
      register: package

    - name: Show the server name and the gateway roots
      ansible.builtin.debug:
        msg: "{{ package.settings.vpn_server }} {{ package.settings.gateway_roots | map(attribute='subject') }}"
"""

RETURN = r"""
settings:
  description: What the package says. Lists are split, blanks around values are removed, all else is left as it is.
  returned: success
  type: dict
  contains:
    vpn_server:
      description: The name of the gateway, which is both Server Address and Remote ID of a Mac's VPN configuration.
      type: str
      returned: success
    vpn_types:
      description: The tunnel types. Empty when the package does not say.
      type: list
      elements: str
      returned: success
    auth:
      description: The authentication method, C(EAPTLS) for certificates. Empty when the package does not say.
      type: str
      returned: success
    routes:
      description: The networks behind the gateway, for information; a Mac gets them from the gateway itself.
      type: list
      elements: str
      returned: success
    client_address_pools:
      description: The networks of which connected clients get their addresses.
      type: list
      elements: str
      returned: success
    dns_servers:
      description: The custom DNS servers, in their order.
      type: list
      elements: str
      returned: success
    vnet_name:
      description: The name of the network. Empty when the package does not say.
      type: str
      returned: success
    vnet_id:
      description: The id of the network. Empty when the package does not say.
      type: str
      returned: success
    gateway_roots:
      description:
        - The roots of the gateway's own certificate, which a Mac must trust. They are Microsoft's, not the client root
          that one uploads to Azure.
        - Every root found in C(VpnSettings.xml) or as a file, once each, sorted by SHA-256.
      type: list
      elements: dict
      returned: success
      contains:
        subject:
          description: The subject, as RFC 4514 writes it.
          type: str
          returned: success
        sha1:
          description: SHA-1 of the certificate in upper-case hex.
          type: str
          returned: success
        sha256:
          description: SHA-256 of the certificate in upper-case hex.
          type: str
          returned: success
        not_after:
          description: The end of its validity, in UTC.
          type: str
          returned: success
        pem:
          description: The certificate in PEM.
          type: str
          returned: success
    ikev2:
      description:
        - Whether the package names IKEv2 among its tunnel types.
        - It is V(false), with a warning, only when the package names no tunnel type at all.
      type: bool
      returned: success
    kind:
      description:
        - What the server name points to.
        - V(wan) is the global profile of a Virtual WAN, V(hub) that of one hub, V(vnet_gateway) that of a virtual
          network gateway, V(unknown) any other name.
      type: str
      returned: success
    digest:
      description:
        - SHA-256, in lower-case hex, of what matters to a Mac. It is equal for two downloads of the same settings,
          though the ZIP files differ.
        - The order of routes does not matter, that of DNS servers does. What no Mac needs is left out.
      type: str
      returned: success
    unknown_elements:
      description:
        - The texts in each element of C(VpnSettings.xml) that is not known here, by the name of the element.
        - What looks like a secret by its name is hidden.
      type: dict
      returned: success
  sample:
    vpn_server: wan.synthetic0000000000000000.vpn.azure.com
    vpn_types: [IkeV2]
    auth: EAPTLS
    routes: [10.20.0.0/16, 10.21.0.0/24]
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
"""
