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
  - Gives every client a certificate and a key. One call serves the whole fleet, on all cores of the controller, and
    enters all that it does into the store at once, or nothing.
  - A client whose identity is valid keeps it, untouched. A new one is made only for a reason, which is returned.
  - The certificate is RSA with SHA-256, has the client's name as its common name and as its first alternative name,
    and the extended key usage clientAuth. It does not outlive the root. It starts one hour in the past, for Macs
    whose clock is behind.
  - The private key lies in the store and nowhere else, as a PKCS#12 identity that every macOS opens, sealed under
    O(passphrase). Its PKCS#12 password is made for this one identity, and nobody ever needs it. For files to be brought
    to a Mac by hand, see O(export_dir).
  - A client that was revoked gets no new identity, unless O(readmit) names it.
  - A certificate that Azure refuses, see O(refused), or that is not valid yet, because it was issued while the clock
    was wrong, is never the current one of its client.
  - One identity serves one Mac. A client whose certificate was seen on two Macs, by their serial numbers, gets no new
    one before one of them is forgotten, see M(vwan.user_vpn.ledger).
  - A client that cannot be served, because of its name for example, fails alone. See RV(failures).
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.pki
attributes:
  check_mode:
    support: full
    details: The serial and the fingerprint of a certificate that is still to be made are empty.
  diff_mode:
    support: full
    details: Shows common name, serial, end and reason of each certificate.
  idempotent:
    support: full
requirements:
  - cryptography >= 43
options:
  clients:
    description:
      - The clients, one per Mac. Each is a name, or a dictionary with the key C(name).
      - A name has 1 to 64 letters, digits, dots and dashes, and begins and ends with a letter or a digit. No name may
        occur twice, capitals do not count.
      - C(common_name) is the common name of the certificate, where that is not to be the client's name. Azure's user
        groups go by the domain in it, C(user@domain) or C(DOMAIN\\user). When it changes, the client gets a new
        certificate.
      - The first alternative name, by which the Mac introduces itself, stays the client's name, of the kind IP where
        that is an address, or else DNS. With C(san_type=email), it is the common name, C(user@domain), of the kind
        e-mail.
      - C(sans) is a list of further alternative names, DNS names or IP addresses.
      - C(serial_number) is that of the Mac, if it is known. Then a second Mac is noticed before it was seen.
      - C(pkcs12_source) is a PKCS#12 file with an identity that an enterprise CA has issued, in any form.
        C(source_password) opens it.
      - C(certificate_source) and C(key_source) are such an identity in two files, PEM or DER. C(source_password) opens
        the key, if it is encrypted.
      - A supplied identity is checked, and encoded in the form that every macOS opens. It is taken in again when its
        file has changed. It must have been issued by the current root or a CA of its chain, and have the client's name
        as its common name, or C(common_name) where that is another one, whatever its form.
      - C(enrolled) says that the Mac gets its certificate from another CA by itself, by SCEP. It is a list of what was
        found on it, whole as RV(vwan.user_vpn.mac_info#module:identity_certificates) and
        RV(vwan.user_vpn.mac_profile#module:identity_certificates), or as
        RV(vwan.user_vpn.mdm_profile_info#module:macs) has it in C(certificates); empty where nothing is known.
        C(subject) is the name that the Mac asks for, as
        O(vwan.user_vpn.mobileconfig#module:macs[].identity.scep.subject). A variable for the serial number stands for
        C(serial_number).
      - Such a client gets nothing from here. What was found and is that of its VPN enters the store, the newest one as
        the current certificate, so that it can be revoked by the client's name. What was found whole has to come from
        O(scep_roots) and to have the common name. Of a line that tells the issuer, these two are compared by their
        names. Of one that does not, the whole name must be C(subject), and nothing else of the Mac may have it.
      - Required, except with O(thumbprints).
    type: list
    elements: raw
  thumbprints:
    description:
      - With O(state=revoked), the SHA-1 of single certificates to mark as revoked, for example those of RV(revocable).
        The other certificates of their clients stay as they are.
    type: list
    elements: str
  reason:
    description: With O(state=revoked), why, in words for the store.
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
    type: dict
    default: {}
  passphrase:
    description:
      - Opens the key of the root, and seals new private keys. Required only when a certificate is to be issued, or an
        identity to be exported.
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
      - A client that has no certificate, or none that works, is served at once.
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
  refused:
    description:
      - What Azure refuses, as RV(vwan.user_vpn.server_configuration_info#module:configurations[].revoked) has it. Each
        is a SHA-1 thumbprint, or a dictionary with C(thumbprint) and C(name).
      - If Azure refuses the current certificate of a client as a superseded one, by its name there, see
        RV(to_refuse), the store is older than Azure's list, and the client gets a new certificate. Refused under any
        other name, it counts as revoked, and the client fails.
      - What Azure refuses and the store does not know is noted, see RV(unknown). If its name says that the client was
        revoked with it, that client fails, too.
    type: list
    elements: raw
    default: []
  readmit:
    description: Names of clients that were revoked and get a new identity all the same. What was revoked stays refused.
    type: list
    elements: str
    default: []
  scep_roots:
    description: Files with the certificates of the root behind the SCEP server, and of the CAs below it, by which
      C(enrolled) of O(clients) is judged.
    type: list
    elements: path
    default: []
  clock_skew:
    description:
      - By how many seconds the clock of the controller is ahead of Azure's, as
        RV(vwan.user_vpn.server_configuration_info#module:clock_skew). With more than five minutes, in either direction,
        nothing is issued.
    type: int
  export_dir:
    description:
      - A folder on the controller for those who follow Microsoft's article by hand. Of each client it gets C(NAME.cer),
        the certificate as PEM, and C(NAME.p12), the identity under O(export_password), both for their owner alone.
      - Files that are those of the current certificate, and open with this password, are left as they are.
      - With another O(state), the files of the clients are deleted from it.
    type: path
  export_password:
    description: Encrypts the exported identities. Printable ASCII, because macOS opens no other. Required with
      O(export_dir) and O(state=present).
    type: str
  state:
    description:
      - V(present) sees that each client has a valid identity. A certificate that is replaced stays valid for the Mac
        that still has it. Once the new one has been verified there, see O(vwan.user_vpn.ledger#module:macs), the old
        one is among RV(revocable).
      - V(revoked) marks all certificates of each client that are still valid as revoked, and destroys its key. Azure
        has to be told, see RV(to_refuse). A client that is not known is an error, and nobody is revoked then. With
        O(state=present) the same name fails from then on, see O(readmit).
      - V(absent) removes the identity of each client from the store. The store keeps its certificates, and they stay
        valid.
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
    passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE', default='only for trying it out') }}"
  tasks:
    - name: Keep the store and its root
      vwan.user_vpn.root_certificate:
        pki: ~/user-vpn.db
        passphrase: "{{ passphrase }}"

    - name: Keep one identity per Mac
      vwan.user_vpn.client_certificates:
        pki: ~/user-vpn.db
        passphrase: "{{ passphrase }}"
        clients:
          - mac-01
          - mac-02.example.com
          - name: mac-03
            common_name: mac-03@example.com # for the user group with the member example.com
      register: identities

    - name: Show when the first of them ends
      ansible.builtin.debug:
        msg: "{{ identities.clients.values() | map(attribute='not_after') | min }}"

- name: Learn what a Mac has got by SCEP
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Ask Jamf Pro
      vwan.user_vpn.mdm_profile_info:
        server:
          type: jamf
          url: https://example.jamfcloud.com
        identifier: com.example.uservpn
        certificates: true
        profiles:
          - host: mac-04
            serial_number: C02XK1ABJG5J
      environment:
        JAMF_CLIENT_ID: "{{ jamf_client_id }}"
        JAMF_CLIENT_SECRET: "{{ jamf_client_secret }}"
      register: mdm

    - name: Enter it, so that it can be revoked by name
      vwan.user_vpn.client_certificates:
        pki: ~/user-vpn.db
        clients:
          - name: mac-04
            serial_number: C02XK1ABJG5J
            subject: /CN=$SERIALNUMBER/O=Example
            enrolled: "{{ mdm.macs['mac-04'].certificates }}"

- name: Revoke a Mac that was stolen, and that no longer is among the clients above
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Note that it is revoked, and destroy its key
      vwan.user_vpn.client_certificates:
        pki: ~/user-vpn.db
        clients: [mac-02.example.com]
        state: revoked
      register: stolen

    - name: Show what Azure has to refuse, and under which names
      ansible.builtin.debug:
        msg: "{{ stolen.to_refuse }}"
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
        - Why the client has got, or gets, a new identity. V(missing), V(readmitted), V(refused_by_azure),
          V(not_yet_valid), V(root_rotated), V(options_changed) or V(expiring); empty when it has not. V(new_key) when
          the key on the Mac is another one. V(enrolled) when its Mac has got one elsewhere.
        - V(exported) when only its files in O(export_dir) were written.
        - V(revoked) and V(removed) after O(state=revoked) and O(state=absent). V(revoked), too, of a client that
          gets none because it was revoked.
      type: str
      returned: success
    common_name:
      description: The common name in its certificate, by which Azure counts it to a user group.
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
    root_sha1:
      description: The SHA-1 fingerprint of its root; empty where only an MDM has listed the certificate.
      type: str
      returned: success
    pkcs12_path:
      description: The file with its identity in O(export_dir). Empty without it, and when the key was made elsewhere.
      type: str
      returned: success
    certificate_path:
      description: The file with its certificate in O(export_dir). Empty without it.
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
      common_name: mac-01
      sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      serial: 08BCA6D1A05886EAAF2738D879B970D3
      not_after: "2027-11-22T12:00:00Z"
      root_sha1: 946B00EBC1FA88F48EEECF000329D37B482B468C
      pkcs12_path: ""
      certificate_path: ""
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
  description: The certificates in the store that have been revoked and have not ended, also of clients that are not
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
to_refuse:
  description:
    - The same, fit for O(vwan.user_vpn.server_configuration#module:revoked). The names tell a later run
      what an entry is for, even if the store was lost by then.
    - V(NAME.superseded-XXXXXXXX) is of a certificate whose successor was verified on the Mac,
      V(NAME.revoked-XXXXXXXX) of one that was revoked with its client.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name in Azure.
      type: str
      returned: success
    thumbprint:
      description: The thumbprint.
      type: str
      returned: success
  sample:
    - name: mac-02.example.com.revoked-2297E1F3
      thumbprint: 2297E1F3C7FB32AB27A22D5C0F6BD14B5BD71DD9
unknown:
  description: What O(refused) has and the store does not know.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name in Azure.
      type: str
      returned: success
    thumbprint:
      description: The thumbprint.
      type: str
      returned: success
  sample: []
"""
