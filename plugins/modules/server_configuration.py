#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the server_configuration action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_configuration
short_description: Change or create an Azure User VPN configuration, as Macs need it
version_added: 1.0.0
description:
  - Makes a User VPN configuration allow what a Mac's own VPN client speaks, trust the roots that sign client
    certificates, and refuse single client certificates. One that does not exist is created, with O(location).
  - Azure can only replace a configuration as a whole. Whatever is not named in an option goes back as it came, also
    what the installed SDK does not know. RADIUS secrets, which Azure does not show with a configuration, are read
    first, so that they are not lost.
  - There is one write at most, whatever changes, and none when nothing changes.
  - Azure is asked (C(If-Match), or C(If-None-Match) for a new one) to refuse the write when somebody else changed or
    created the configuration after it was read. Then, and after a write that failed or broke off, it is read again and
    the change is decided anew. Whether Azure honours C(If-Match) here is not documented; if it does not, a change that
    somebody else makes between that reading and the write, which follow each other at once, can be lost.
  - Another tunnel type, authentication type or IPsec policy interrupts the clients of all gateways that use the
    configuration. It is refused, and these gateways are named, unless O(change_in_use) is true.
  - What no Mac or no Azure could do with is refused before anything is written. So are roots that Azure would take
    but that no client could use; these are expired roots, certificates that are not those of a CA, keys that are not
    RSA or have less than 2048 bits, and more than 20 roots. Certificates are compared by their fingerprints; the
    names that they have in Azure do not matter.
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
    support: full
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
      - Either this, O(virtual_wan) or O(p2s_vpn_gateway) is required. Only one that is named here can be created.
    type: str
  virtual_wan:
    description:
      - The Virtual WAN whose one User VPN configuration in use is meant. If its gateways use several, that is an error
        which names them.
      - It does not matter when O(vpn_server_configuration) is given.
    type: str
  p2s_vpn_gateway:
    description: >-
      The P2S VPN gateway whose configuration is meant. It wins over O(virtual_wan) and O(vpn_server_configuration).
    type: str
  protocols:
    description:
      - The tunnel types to allow, and no others; C(IkeV2) and C(OpenVPN), in any case and order.
      - C(IkeV2) has to be among them, for it is the only one that a Mac's own client speaks.
      - Without it, or with an empty list, they stay as they are. A new configuration gets C(IkeV2).
    type: list
    elements: str
  authentication_types:
    description:
      - By what clients authenticate, and by nothing else; C(Certificate), C(AAD) (Microsoft Entra ID) and C(Radius), in
        any case and order.
      - C(Certificate) has to be among them. C(AAD) needs C(OpenVPN), and the tenant, audience and issuer that the
        configuration has; C(Radius) needs its RADIUS servers. These stay as they are.
      - Azure takes several of them for OpenVPN only, so give Macs a configuration with C(Certificate) alone.
      - Without it, or with an empty list, they stay as they are. A new configuration gets C(Certificate).
    type: list
    elements: str
  ipsec_policy:
    description:
      - The one custom IPsec policy.
      - A name, as O(vwan.user_vpn.mobileconfig#module:algorithms) takes it, V(modp2048), V(ecp384), V(ecp384_cbc),
        V(ecp256), or V(by_hand), which also serves Macs whose VPN is set up by hand.
      - Or a dictionary in Azure's terms, an entry of C(vpnClientIpsecPolicies), in any case. All of C(ikeEncryption),
        C(ikeIntegrity), C(dhGroup), C(ipsecEncryption), C(ipsecIntegrity) and C(pfsGroup) are required.
        C(saLifeTimeSeconds) and C(saDataSizeKilobytes) stay as they are when they are left out; a first policy gets
        27000 and 102400000.
      - A policy that no Mac can propose, as with DHGroup24, PFS24 or AES192, is refused, with what to set instead.
      - Without it, the policy stays as it is. A new configuration gets V(modp2048), since Azure's default, as it is
        documented, fits no Mac.
    type: raw
  location:
    description:
      - The region in which to create the configuration if it does not exist, as V(westeurope). Without it, a
        configuration that does not exist is an error.
      - For one that exists it must be its region, for Azure moves none.
    type: str
  tags:
    description:
      - Tags to set, strings with strings. Azure ignores the case of their names.
      - Without it, all tags stay as they are.
    type: dict
  append_tags:
    description: Whether tags that are not in O(tags) stay. With V(false) they are removed.
    type: bool
    default: true
  change_in_use:
    description: >-
      Whether O(protocols), O(authentication_types) and O(ipsec_policy) may change a configuration that gateways use,
      which interrupts all of their clients.
    type: bool
    default: false
  roots:
    description:
      - The roots to trust, or no longer to trust.
      - Each has exactly one of O(roots[].path), O(roots[].public_cert_data) and O(roots[].sha1).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name that a newly added root gets in Azure. If another root has it already, a piece of the fingerprint
            is
            added.
          - The default is made of the certificate's common name and its fingerprint.
        type: str
      path:
        description:
          - A file on the controller with one certificate, as PEM, DER, base64 or PKCS#7, also as Windows writes text.
          - Refused is only what no client could use, namely one that has ended, says C(CA:FALSE), has a key usage
            without certificate signing, a key that is not RSA or has less than 2048 bits or a signature with SHA-1,
            or is no root. A root without basic constraints, as Microsoft's guide makes it with PowerShell or
            makecert, is welcome. One that Azure trusts already is not judged.
        type: path
      public_cert_data:
        description:
          - The certificate itself, as one line of base64 of DER (which M(vwan.user_vpn.root_certificate) returns), or
            as PEM or PKCS#7. It is judged as that of O(roots[].path).
          - In check mode it may be empty, as M(vwan.user_vpn.root_certificate) returns it for a root that a real run
            would make.
        type: str
      sha1:
        description: The SHA-1 fingerprint, for a root with O(roots[].state=absent), written in any usual way.
        type: str
      state:
        description: Whether the root is to be trusted.
        type: str
        choices:
          - present
          - absent
        default: present
  revoked:
    description:
      - The client certificates to refuse, or to accept again.
      - Azure knows no revocation list; this is the only way to refuse one client. Revoking an intermediate does not
        revoke
        what it has signed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of a new entry in Azure. If another entry has it already, a piece of the thumbprint is added.
          - The default is the thumbprint.
        type: str
      thumbprint:
        description:
          - The SHA-1 thumbprint of the client certificate, 40 hex digits.
          - Capitals, blanks, colons, dashes and the invisible marks that Windows puts in front do not matter, here and
            in what Azure holds.
        type: str
        required: true
      state:
        description: Whether the certificate is to be refused.
        type: str
        choices:
          - present
          - absent
        default: present
  purge_roots:
    description:
      - Remove all trusted roots that are not in O(roots).
      - It is an error if none would be left, since nobody could connect with a certificate then; not if the
        configuration has other authentication methods only.
    type: bool
    default: false
  purge_revoked:
    description: Accept again all certificates that are not in O(revoked).
    type: bool
    default: false
  remove_expired_roots:
    description:
      - Remove trusted roots that have expired.
      - Azure refuses every change of a configuration that lists one. Without this option, a change is then an error
        that
        names them.
    type: bool
    default: false
  repair_broken_roots:
    description:
      - Correct trusted roots that were uploaded as base64 of a PEM file instead of base64 of DER.
      - Azure takes such a root without a word, and nobody can connect with its certificates. Without this option they
        are
        a warning; one that is also in O(roots) is always corrected.
    type: bool
    default: false
  pki:
    description:
      - The store, as M(vwan.user_vpn.root_certificate) takes it. Which of its client certificates Azure refuses is
        written down in it, once for each.
      - Then M(vwan.user_vpn.ledger_info) knows that nothing is left to be done in Azure for a revoked client.
    type: str
seealso:
  - module: vwan.user_vpn.root_certificate
  - module: vwan.user_vpn.client_certificates
  - name: Generate and export certificates for User VPN connections
    description: The article of Microsoft about the root and what it signs.
    link: https://learn.microsoft.com/azure/virtual-wan/certificates-point-to-site
"""

EXAMPLES = r"""
- name: Let Azure trust our root
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Make the root
      vwan.user_vpn.root_certificate:
        pki: ~/user-vpn.db
        common_name: P2SRootCert
        passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE') }}"
      register: root

    - name: Trust it, and refuse the certificate of a lost Mac
      vwan.user_vpn.server_configuration:
        resource_group: rg-vpn
        vpn_server_configuration: macs
        roots:
          - public_cert_data: "{{ root.public_cert_data }}"
        revoked:
          - name: mac-042.revoked-01234567
            thumbprint: 0123456789ABCDEF0123456789ABCDEF01234567

    - name: Make a configuration for Macs
      vwan.user_vpn.server_configuration:
        resource_group: rg-vpn
        vpn_server_configuration: macs
        location: westeurope
        protocols: [IkeV2]
        authentication_types: [Certificate]
        ipsec_policy: modp2048
        tags:
          owner: networks
        roots:
          - public_cert_data: "{{ root.public_cert_data }}"

    - name: Give the gateways another IPsec policy, tonight
      vwan.user_vpn.server_configuration:
        resource_group: rg-vpn
        vpn_server_configuration: macs
        ipsec_policy:
          ikeEncryption: GCMAES256
          ikeIntegrity: SHA384
          dhGroup: ECP384
          ipsecEncryption: GCMAES256
          ipsecIntegrity: GCMAES256
          pfsGroup: ECP384
        change_in_use: true

    - name: Trust an enterprise root only, and clear away what has expired
      vwan.user_vpn.server_configuration:
        resource_group: rg-vpn
        vpn_server_configuration: macs
        roots:
          - name: enterprise
            path: files/enterprise-root.pem
        purge_roots: true
        remove_expired_roots: true
"""

RETURN = r"""
changes:
  description: What has been done, or in check mode would be done, a sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - trust the root P2SRootCert-9A3B1C22 (CN=P2SRootCert, SHA-1 9A3B1C2200112233445566778899AABBCCDDEEFF)
interrupted:
  description: The P2S VPN gateways, by name, whose clients the change has interrupted, or in check mode would.
  returned: success
  type: list
  elements: str
  sample: []
location:
  description: The region of the configuration.
  returned: success
  type: str
  sample: westeurope
tags:
  description: Its tags after the change; in check mode, as they would be. So it is with all that follows.
  returned: success
  type: dict
  sample:
    owner: networks
vpn_protocols:
  description: The tunnel types that it allows. Azure's default, an empty list, is both.
  returned: success
  type: list
  elements: str
  sample:
    - IkeV2
vpn_authentication_types:
  description: By what clients authenticate.
  returned: success
  type: list
  elements: str
  sample:
    - Certificate
ipsec_policies:
  description: The custom IPsec policies in Azure's own words. An empty list means Azure's default.
  returned: success
  type: list
  elements: dict
  sample:
    - saLifeTimeSeconds: 27000
      saDataSizeKilobytes: 102400000
      ikeEncryption: AES256
      ikeIntegrity: SHA256
      dhGroup: DHGroup14
      ipsecEncryption: GCMAES256
      ipsecIntegrity: GCMAES256
      pfsGroup: PFS14
id:
  description: The resource id of the configuration.
  returned: success
  type: str
  sample: /subscriptions/0/resourceGroups/rg-vpn/providers/Microsoft.Network/vpnServerConfigurations/macs
roots:
  description:
    - The trusted roots after the change, in Azure's order; in check mode, as they would be, without one that is still
      to be made.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name in Azure.
      type: str
      returned: success
    status:
      description:
        - V(ok); V(expired); V(broken), uploaded as base64 of a PEM file; or V(unreadable), not a certificate.
      type: str
      returned: success
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
    public_cert_data:
      description: The certificate, Base64 of DER in one line, however it was uploaded.
      type: str
      returned: success
  sample:
    - name: P2SRootCert-9A3B1C22
      status: ok
      subject: CN=P2SRootCert
      sha1: 9A3B1C2200112233445566778899AABBCCDDEEFF
      sha256: CB3CCBB76031E5E0138F8DD39A23F9DE47FFC35E43C1144CEA27D46A5AB1CB5F
      not_after: "2036-11-20T12:00:00Z"
      public_cert_data: MIIC5zCCAc+gAwIBAgIQFvz
revoked:
  description: The refused certificates after the change; in check mode, as they would be.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name in Azure.
      type: str
      returned: success
    thumbprint:
      description: The SHA-1 thumbprint in upper-case hex.
      type: str
      returned: success
  sample:
    - name: mac-042.revoked-01234567
      thumbprint: 0123456789ABCDEF0123456789ABCDEF01234567
"""
