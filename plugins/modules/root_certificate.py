#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the root_certificate action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: root_certificate
short_description: Keep the client root certificate, and the store that it is in
version_added: 1.0.0
description:
  - Makes the root certificate that signs the certificates of the VPN clients, and the store for both where there is
    none yet. Azure trusts the clients of this root once its public part, RV(public_cert_data), is in the User VPN
    configuration.
  - The root is RSA with SHA-256, as in Microsoft's article on generating certificates for point-to-site. Its key lies
    in the store, sealed under O(passphrase) as all private keys there, and is as safe as that passphrase is long.
  - A root that is made here bears a mark, the organizational unit V(vwan.user_vpn) with O(identifier), by which a lost
    store is noticed. See O(trusted).
  - Several generations of the root live side by side. To rotate the root, raise O(generation) by one. Let Azure trust
    both, issue the client certificates again, bring them to the Macs, and then retire the older generation with
    O(state=absent).
  - An enterprise root is taken in with O(certificate_source).
  - The store knows every certificate ever issued, and needs a backup, see M(vwan.user_vpn.ledger).
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.pki
attributes:
  check_mode:
    support: full
    details: The fingerprints of a root that is still to be made are empty.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - cryptography >= 43
options:
  common_name:
    description: The name of the root. Not used with O(certificate_source).
    type: str
    default: P2SRootCert
  identifier:
    description:
      - The identifier of the profiles of these Macs, as O(vwan.user_vpn.mobileconfig#module:identifier). It goes into
        the mark of a root that is made, and tells fleets apart that share a User VPN configuration.
    type: str
    default: ""
  passphrase:
    description:
      - Seals every private key in the store. At least 12 characters. All modules that touch a private key need the
        same one; to change it, see M(vwan.user_vpn.ledger).
      - Required when a root with a key is made or taken in. If it is given, it is checked.
    type: str
  key_size:
    description: The size of the RSA key in bits. Not used with O(certificate_source).
    type: int
    choices: [2048, 3072, 4096]
    default: 2048
  valid_days:
    description: For how many days a new root is valid. An existing root stays as it is.
    type: int
    default: 3650
  generation:
    description:
      - The number of the root. With O(state=present), it becomes the current root, the one that signs clients.
      - Raise it by one to make a successor. It cannot be lowered.
    type: int
    default: 1
  certificate_source:
    description:
      - A file on the controller with an existing root certificate. It has to be self-signed. What Azure trusts already,
        see O(trusted), is taken as it is.
      - Its key is given as O(key_source). Without it, the client identities have to be supplied to
        M(vwan.user_vpn.client_certificates) as files.
    type: path
  key_source:
    description:
      - The file with the key that signs clients, PEM or DER. It is the key of the root or, with O(chain_source), of
        the first CA there.
      - It is read when the root is taken in, and not needed afterwards.
    type: path
  key_source_passphrase:
    description: Decrypts O(key_source).
    type: str
  chain_source:
    description: A file with the CAs between the root and the clients, the issuing CA first. The Macs get them, too.
    type: path
  trusted:
    description:
      - The roots that Azure trusts, as RV(vwan.user_vpn.server_configuration_info#module:configurations[].roots) has
        them. Only their C(public_cert_data) matters.
      - If this store is about to make its first root, and Azure trusts one with the same mark that the store does not
        know, the module fails. That store is lost, or it was in a job's container, or O(pki) names another one. Roots
        of others do not matter.
    type: list
    elements: dict
    default: []
  new_root:
    description: A new root is meant, although Azure trusts one of this collection that the store does not know.
    type: bool
    default: false
  clock_skew:
    description:
      - By how many seconds the clock of the controller is ahead of Azure's, as
        RV(vwan.user_vpn.server_configuration_info#module:clock_skew). With more than five minutes, in either direction,
        no root is made.
    type: int
  state:
    description:
      - V(present) keeps the generation.
      - V(absent) retires it. Its key is destroyed, its certificate stays in the store. That fails while a client
        needs it, because a valid certificate comes from it that is the current one, or whose successor has not been
        verified on the Mac, see O(vwan.user_vpn.ledger#module:macs).
    type: str
    choices: [present, absent]
    default: present
  force:
    description: Retire the generation with O(state=absent) even though clients need it.
    type: bool
    default: false
seealso:
  - module: vwan.user_vpn.client_certificates
  - name: Generate and export certificates for point-to-site
    description: The values that Microsoft recommends.
    link: https://learn.microsoft.com/azure/vpn-gateway/vpn-gateway-certificates-point-to-site
"""

EXAMPLES = r"""
# To rotate the root, run this again with `-e generation=2`, and keep that value from then on.
- name: Keep the client root
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Keep the store and its root
      vwan.user_vpn.root_certificate:
        pki: ~/user-vpn.db
        generation: "{{ generation | default(1) }}"
        passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE', default='only for trying it out') }}"
      register: root

    - name: Show what Azure is to trust
      ansible.builtin.debug:
        msg: "{{ root.roots | rejectattr('state', 'equalto', 'retired') | map(attribute='public_cert_data') | list }}"

- name: Retire the first root, once all Macs have certificates of the second
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Destroy its key
      vwan.user_vpn.root_certificate:
        pki: ~/user-vpn.db
        generation: 1
        state: absent
      when: generation | default(1) | int > 1
"""

RETURN = r"""
generation:
  description: The generation that was asked for.
  returned: success, except for a generation that has never been
  type: int
  sample: 1
state:
  description: >-
    Of this generation, V(current), V(previous), V(retired), or V(not_yet_valid) when it was made while the clock was
    wrong; such a root is retired and made anew.
  returned: success, except for a generation that has never been
  type: str
  sample: current
common_name:
  description: The name of the root.
  returned: success, except for a generation that has never been
  type: str
  sample: P2SRootCert
public_cert_data:
  description:
    - The root as Azure wants it, in one line, Base64 of DER.
    - Empty in check mode, when the root is still to be made. So are RV(sha1), RV(sha256) and RV(not_after).
  returned: success, except for a generation that has never been
  type: str
  sample: MIIC5zCCAc+gAwIBAgIQFvz
sha1:
  description: The SHA-1 fingerprint of the root.
  returned: success, except for a generation that has never been
  type: str
  sample: 946B00EBC1FA88F48EEECF000329D37B482B468C
sha256:
  description: The SHA-256 fingerprint of the root.
  returned: success, except for a generation that has never been
  type: str
  sample: CB94AA6760E41ECCEB47BFD6B8181F132AFB3C00968B622302AF4CD045F8D2C7
not_after:
  description: When the root ends, UTC.
  returned: success, except for a generation that has never been
  type: str
  sample: "2036-11-19T12:00:00Z"
roots:
  description: All generations, oldest first, each with the keys above.
  returned: success
  type: list
  elements: dict
  sample:
    - generation: 1
      state: current
      common_name: P2SRootCert
      public_cert_data: MIIC5zCCAc+gAwIBAgIQFvz
      sha1: 946B00EBC1FA88F48EEECF000329D37B482B468C
      sha256: CB94AA6760E41ECCEB47BFD6B8181F132AFB3C00968B622302AF4CD045F8D2C7
      not_after: "2036-11-19T12:00:00Z"
"""
