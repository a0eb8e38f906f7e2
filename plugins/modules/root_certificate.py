#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the root_certificate action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: root_certificate
short_description: Keep a PKI folder and its client root certificate
version_added: 1.0.0
description:
  - Makes a PKI folder on the controller, and in it the root certificate that signs the certificates of the VPN
    clients. Azure trusts the clients of this root once its public part, RV(public_cert_data), is in the User VPN
    configuration.
  - The root is RSA with SHA-256, as in Microsoft's article on generating certificates for point-to-site. Its key lies
    in the folder, encrypted with O(passphrase), and is as safe as that passphrase is long.
  - Several generations of the root live side by side. To rotate the root, raise O(generation) by one. Let Azure trust
    both, issue the client certificates again, bring them to the Macs, and then retire the older generation with
    O(state=absent).
  - An enterprise root is taken in with O(certificate_source).
  - The folder also holds the ledger, which knows every certificate ever issued, and needs a backup. The file system of
    the folder needs locks that work (local, or NFSv4).
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
attributes:
  check_mode:
    support: full
    details: The fingerprints of a root that is still to be made are empty.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - cryptography >= 42
options:
  path:
    description:
      - The PKI folder on the controller. It is made when it is missing, for its owner alone.
      - A folder that holds other files is refused.
    type: path
    required: true
  common_name:
    description: The name of the root. Not used with O(certificate_source).
    type: str
    default: P2SRootCert
  passphrase:
    description:
      - Encrypts the key of the root. It is checked in every run.
      - Required with O(state=present), except for a O(certificate_source) without O(key_source).
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
      - A file on the controller with an existing root certificate, PEM or DER. It has to be self-signed.
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
    description: A PEM file with the CAs between the root and the clients, the issuing CA first. The Macs need them
      too, see RV(chain_path).
    type: path
  state:
    description:
      - V(present) keeps the generation.
      - V(absent) retires it. Its key is destroyed, its certificate stays in the ledger. That fails while a client
        needs it, because a valid certificate comes from it that is the current one, or whose successor has not been
        verified on the Mac, see O(vwan.user_vpn.mac_profile#module:ledger).
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
    - name: Keep the PKI folder and its root
      vwan.user_vpn.root_certificate:
        path: ~/user-vpn-pki
        generation: "{{ generation | default(1) }}"
        passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_ROOT_PASSPHRASE', default='only for trying it out') }}"
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
        path: ~/user-vpn-pki
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
  description: Of this generation, V(current), V(previous) or V(retired).
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
    - Empty in check mode, when the root is still to be made. So are RV(sha1), RV(sha256), RV(not_after) and
      RV(certificate_path).
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
certificate_path:
  description: The PEM file of the root.
  returned: success, except for a generation that has never been
  type: str
  sample: /home/anna/user-vpn-pki/roots/946B00EBC1FA88F48EEECF000329D37B482B468C/root.pem
chain_path:
  description: The PEM file of the CAs between the root and the clients, the issuing CA first. Empty when there are
    none.
  returned: success, except for a generation that has never been
  type: str
  sample: ""
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
      certificate_path: /home/anna/user-vpn-pki/roots/946B00EBC1FA88F48EEECF000329D37B482B468C/root.pem
      chain_path: ""
"""
