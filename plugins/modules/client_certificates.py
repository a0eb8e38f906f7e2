#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the client_certificates action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificates
short_description: Keep the certificates of all VPN clients
version_added: 1.0.0
description:
  - Gives every client a certificate and a key, in a PKCS#12 file that every macOS opens. One call serves the whole
    fleet, on all cores of the controller.
  - A client whose identity is valid keeps it, untouched. A new one is made only for a reason, which is returned.
  - The certificate is RSA with SHA-256, has the client's name as its common name and as its first DNS alternative
    name, and the extended key usage clientAuth. It does not outlive the root. It starts one hour in the past, for Macs
    whose clock is behind.
  - The private key lies in the PKCS#12 file and nowhere else.
  - A client that cannot be served, because of its name for example, fails alone. See RV(failures). Only
    O(state=revoked) is all or nothing.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
attributes:
  check_mode:
    support: full
    details: The serial, the fingerprint and the paths of a certificate that is still to be made are empty.
  diff_mode:
    support: full
    details: Shows serial, end and reason of each certificate.
  idempotent:
    support: full
requirements:
  - cryptography >= 42
options:
  path:
    description: The PKI folder on the controller, made by M(vwan.user_vpn.root_certificate).
    type: path
    required: true
  clients:
    description:
      - The clients, one per Mac. Each is a name, or a dictionary with the key C(name).
      - A name has 1 to 64 letters, digits, dots and dashes, and begins and ends with a letter or a digit. No name may
        occur twice, capitals do not count.
      - C(sans) is a list of further DNS alternative names.
      - C(pkcs12_password) takes the place of O(pkcs12_password) for this client.
      - C(pkcs12_source) is a PKCS#12 file with an identity that an enterprise CA has issued, in any form.
        C(source_password) opens it.
      - C(certificate_source) and C(key_source) are such an identity in two files, PEM or DER. C(source_password) opens
        the key, if it is encrypted.
      - A supplied identity is checked, and encoded in the form that every macOS opens. It is taken in again when its
        file has changed. It must have been issued by the current root or a CA of its chain.
      - Required, except with O(thumbprints).
    type: list
    elements: raw
  thumbprints:
    description:
      - With O(state=revoked), the SHA-1 of single certificates to mark as revoked, for example those of RV(revocable).
        The other certificates of their clients stay as they are.
      - Capitals, blanks, colons, dashes and invisible marks do not matter. One of no known client certificate fails.
    type: list
    elements: str
  reason:
    description: With O(state=revoked), why, in words for the ledger.
    type: str
  csrs:
    description:
      - For clients whose private key is made elsewhere, on the Mac by M(vwan.user_vpn.mac_key) for example. Their
        certificate signing requests in PEM form, by the client's name.
      - Of a request only the public key is taken, and only if it proves that its sender has the private key. It must
        be RSA of O(key_size) bits, signed with SHA-256 or better. Names, times and usages are those of every client.
      - An empty request says that there is none yet. Nothing is issued then, and C(key_wanted) says whether a new key
        and its request are needed.
      - A new certificate needs a new key. A request with a key that has had another certificate, of this client or of
        any other, is refused.
      - No PKCS#12 file is written for these clients.
    type: dict
    default: {}
  passphrase:
    description: Decrypts the key of the root. Required only when a certificate is to be issued.
    type: str
  pkcs12_password:
    description:
      - Encrypts the PKCS#12 files. Printable ASCII, at least one character, because macOS does not open others.
      - When it changes, all clients get new certificates, with the reason V(options_changed). The old password, which
        would be needed to keep the keys, is not stored anywhere.
      - Required with O(state=present), except when each client has its own, or is named in O(csrs).
    type: str
  valid_days:
    description: For how many days a new certificate is valid. Existing ones stay as they are.
    type: int
    default: 365
  renew_before_days:
    description:
      - Renew a certificate so many days before it ends. Must be less than O(valid_days).
      - A certificate that ends with its root is not renewed before the root has a successor. Nor is a supplied one,
        for which a warning is shown.
    type: int
    default: 30
  renew_batch:
    description:
      - Renew at most so many certificates in one call, those that end first. The others are named in RV(deferred), and
        keep their identities until a later run; so every run changes something until all are renewed.
      - A client that has no certificate, or none that is valid and opens with the password, is served at once.
      - A client that O(csrs) names without a CSR counts as soon as it wants a new key, and keeps its place until its
        CSR has come. One whose CSR is for a new key is served at once.
      - With V(0) all are renewed at once.
    type: int
    default: 0
  defer:
    description:
      - Names of clients whose renewal waits as well, whatever O(renew_batch) is. What RV(deferred) of the first call of
        a run has named, for a second one in which CSRs have come.
    type: list
    elements: str
    default: []
  key_size:
    description: The size of the RSA keys in bits. When it changes, all clients get new certificates.
    type: int
    choices: [2048, 3072, 4096]
    default: 2048
  generation:
    description:
      - The generation of the root that has to sign. Give the same value to M(vwan.user_vpn.root_certificate).
      - Then check mode, in which the root of that generation may only have been predicted, predicts that it issues all
        certificates. A real run fails when another generation is the current one.
      - Without it, the current generation signs, whichever it is.
    type: int
  state:
    description:
      - V(present) sees that each client has a valid identity. A certificate that is replaced stays valid for the Mac
        that still has it. Once the new one has been verified there, see O(vwan.user_vpn.mac_profile#module:ledger), the
        old one is among RV(revocable).
      - V(revoked) marks all certificates of each client that are still valid as revoked, and destroys its key. Azure
        has to be told, see RV(revoked). A name that is not known fails with the names that come nearest, and then
        nobody is revoked. With O(state=present) the same name gets a new identity later.
      - V(absent) removes the identity of each client from the folder. The ledger keeps its certificates, and they stay
        valid. A name that is not known is a warning.
    type: str
    choices: [present, revoked, absent]
    default: present
seealso:
  - module: vwan.user_vpn.root_certificate
"""

EXAMPLES = r"""
- name: Issue the certificates of all Macs in one call
  hosts: localhost
  gather_facts: false
  vars:
    passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_ROOT_PASSPHRASE', default='only for trying it out') }}"
    pkcs12_password: "{{ lookup('ansible.builtin.env', 'USER_VPN_PKCS12_PASSWORD', default='only for trying it out') }}"
  tasks:
    - name: Keep the PKI folder and its root
      vwan.user_vpn.root_certificate:
        path: ~/user-vpn-pki
        passphrase: "{{ passphrase }}"

    - name: Keep one identity per Mac
      vwan.user_vpn.client_certificates:
        path: ~/user-vpn-pki
        passphrase: "{{ passphrase }}"
        pkcs12_password: "{{ pkcs12_password }}"
        clients:
          - mac-01
          - mac-02.example.com
          - name: mac-03
            sans: [mac-03.example.com]
      register: identities

    - name: Show when the first of them ends
      ansible.builtin.debug:
        msg: "{{ identities.clients.values() | map(attribute='not_after') | min }}"

- name: Revoke a Mac that was stolen, and that no longer is among the clients above
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Note that it is revoked, and destroy its key
      vwan.user_vpn.client_certificates:
        path: ~/user-vpn-pki
        clients: [mac-02.example.com]
        state: revoked
      register: stolen

    - name: Show the thumbprints that Azure has to refuse
      ansible.builtin.debug:
        msg: "{{ stolen.revoked | map(attribute='sha1') | list }}"
"""

RETURN = r"""
clients:
  description: What each client has now, by name.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether this client has changed.
      type: bool
      returned: success
    reason:
      description:
        - Why the client has got, or gets, a new identity. V(missing), V(revoked), V(root_rotated), V(options_changed)
          or V(expiring); empty when it has not. V(new_key) when the key on the Mac is another one.
        - V(revoked) and V(removed) after O(state=revoked) and O(state=absent).
      type: str
      returned: success
    sha1:
      description: The SHA-1 fingerprint of the certificate, by which Azure revokes.
      type: str
      returned: success
    serial:
      description: The serial number of the certificate in hex.
      type: str
      returned: success
    not_after:
      description: When the certificate ends, UTC.
      type: str
      returned: success
    pkcs12_path:
      description: The PKCS#12 file. A renewal makes a new one. Empty when the private key was made elsewhere.
      type: str
      returned: success
    certificate_path:
      description: The certificate as PEM.
      type: str
      returned: success
    root_sha1:
      description: The SHA-1 fingerprint of its root.
      type: str
      returned: success
    chain_path:
      description: The CAs between the root and the client, which the Mac needs too, as PEM. Empty when there are none.
      type: str
      returned: success
    key_wanted:
      description: Whether a new key is needed, of a client that O(csrs) names.
      type: bool
      returned: success
    spent_keys:
      description: >-
        The keys with which a client that O(csrs) names may get no other certificate, as SHA-256 of the public key.
      type: list
      elements: str
      returned: success
    failed:
      description: Whether this client could not be served.
      type: bool
      returned: success
    msg:
      description: Why not, and what to do.
      type: str
      returned: success
  sample:
    mac-01:
      changed: true
      reason: missing
      sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      serial: 08BCA6D1A05886EAAF2738D879B970D3
      not_after: "2027-11-22T12:00:00Z"
      pkcs12_path: /home/anna/user-vpn-pki/clients/mac-01/BB70DDA1AF05C6B064BB1FB8530A156D625C9A49.p12
      certificate_path: /home/anna/user-vpn-pki/clients/mac-01/BB70DDA1AF05C6B064BB1FB8530A156D625C9A49.pem
      root_sha1: 946B00EBC1FA88F48EEECF000329D37B482B468C
      chain_path: ""
      key_wanted: false
      spent_keys: []
      failed: false
      msg: ""
failures:
  description: The names of the clients that could not be served. The task itself does not fail.
  returned: success
  type: list
  elements: str
  sample: []
path:
  description: The PKI folder, for O(vwan.user_vpn.mac_profile#module:ledger).
  returned: success
  type: str
  sample: /home/anna/user-vpn-pki
deferred:
  description: The renewals that O(renew_batch) leaves to later runs, the most urgent first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The client.
      type: str
      returned: success
    reason:
      description: Why it is to be renewed.
      type: str
      returned: success
    not_after:
      description: When its certificate ends, UTC.
      type: str
      returned: success
  sample: []
revocable:
  description: Older certificates of these clients that are still valid, and that nobody needs any more, since a newer
    one has been verified on the Mac. They may be revoked, see O(thumbprints).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The client.
      type: str
      returned: success
    sha1:
      description: The thumbprint.
      type: str
      returned: success
    serial:
      description: The serial number in hex.
      type: str
      returned: success
    not_after:
      description: When the certificate ends, UTC.
      type: str
      returned: success
  sample: []
revoked:
  description: The certificates in the folder that have been revoked and have not ended, also of clients that are not
    named here. Azure has to refuse them by thumbprint.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The client.
      type: str
      returned: success
    sha1:
      description: The thumbprint.
      type: str
      returned: success
    serial:
      description: The serial number in hex.
      type: str
      returned: success
    not_after:
      description: When the certificate ends, UTC.
      type: str
      returned: success
  sample:
    - name: mac-02.example.com
      sha1: 2297E1F3C7FB32AB27A22D5C0F6BD14B5BD71DD9
      serial: 78C1FA1F3D319D9D0D728B8A9DACF425
      not_after: "2027-11-22T12:00:00Z"
"""
