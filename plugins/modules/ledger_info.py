#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the ledger_info action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Tell what the store knows
version_added: 1.0.0
description:
  - Tells where each client stands, and what to do next; which certificates Azure has to refuse; which old ones may be
    revoked, since a newer one has been verified on the Mac; and who still needs each root.
  - What is on the Macs is known from O(vwan.user_vpn.ledger#module:macs), as it was seen last. No Mac is asked.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.pki
attributes:
  check_mode:
    support: full
    details: It only reads, and needs no passphrase.
  diff_mode:
    support: none
    details: It changes nothing.
  idempotent:
    support: full
requirements:
  - cryptography >= 43
options:
  clients:
    description:
      - Tell of these clients only, by their names, or by the common name or the SHA-1 thumbprint of a certificate that
        one of them has or had. By default of all that the store knows.
    type: list
    elements: str
  renew_before_days:
    description: From so many days before its end, a certificate counts as expiring.
    type: int
    default: 30
  history:
    description: Return RV(events), and in RV(deliveries) all of them instead of the last of each Mac.
    type: bool
    default: false
  may_be_missing:
    description: Whether a store that does not exist is told of as an empty one. Otherwise that is an error.
    type: bool
    default: false
seealso:
  - module: vwan.user_vpn.ledger
  - module: vwan.user_vpn.client_certificates
  - module: vwan.user_vpn.mac_profile
"""

EXAMPLES = r"""
- name: Say what is to be done
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Read the store
      vwan.user_vpn.ledger_info:
        pki: ~/user-vpn.db
      register: ledger

    - name: Show the next step of each client
      ansible.builtin.debug:
        msg: "{{ item.key }} is {{ item.value.status }}. {{ item.value.next_step }}"
      loop: "{{ ledger.clients | dict2items }}"
      loop_control:
        label: "{{ item.key }}"

    - name: Show the older roots that nobody needs any more
      ansible.builtin.debug:
        msg: "{{ old | rejectattr('needed_by') | map(attribute='sha1') | list }}"
      vars:
        old: "{{ ledger.roots | selectattr('state', 'equalto', 'previous') }}"
"""

RETURN = r"""
time:
  description: When this was told, by the clock of the controller, UTC.
  returned: success
  type: str
  sample: "2026-11-22T12:00:00Z"
clients:
  description: Where each client stands, by name.
  returned: success
  type: dict
  contains:
    status:
      description:
        - V(current), V(expiring), V(expired), V(not_yet_valid), V(old_root), V(behind), V(never_delivered),
          V(removed_from_mac), V(two_macs), V(revoked) or V(removed).
        - V(behind) means that the Mac was last seen without the profile that it is to have, V(two_macs) that Macs with
          different serial numbers were seen with this one identity.
      type: str
      returned: success
    next_step:
      description: What to do next, in a sentence that is the same for all that need the same; empty when there is
        nothing to do.
      type: str
      returned: success
    detail:
      description: What else there is to know about that, in a sentence; empty when there is nothing.
      type: str
      returned: success
    common_name:
      description: The common name in its current certificate, or in its last one.
      type: str
      returned: success
    sha1:
      description: The thumbprint of its current certificate, or of its last one.
      type: str
      returned: success
    serial:
      description: The serial number of that certificate in hex.
      type: str
      returned: success
    state:
      description: The state of that certificate in the store.
      type: str
      returned: success
    origin:
      description: Where that certificate comes from, as RV(certificates[].origin) has it.
      type: str
      returned: success
    not_after:
      description: When that certificate ends, UTC.
      type: str
      returned: success
    days_left:
      description: The whole days until then; negative once it has ended.
      type: int
      returned: success
    generation:
      description: The generation of its root.
      type: int
      returned: success
    host:
      description: The inventory name of the Mac that was seen last with a profile of this client; empty when none was.
      type: str
      returned: success
    serial_number:
      description: The serial number of that Mac.
      type: str
      returned: success
    serial_numbers:
      description: The serial numbers of all Macs that have its identity; more than one is one too many.
      type: list
      elements: str
      returned: success
    macos_version:
      description: Its version of macOS.
      type: str
      returned: success
    identifier:
      description: The identifier of the profile.
      type: str
      returned: success
    delivery:
      description: What M(vwan.user_vpn.mac_profile) said last, its RV(vwan.user_vpn.mac_profile#module:status).
      type: str
      returned: success
    seen:
      description: When it said so for the first time, UTC.
      type: str
      returned: success
    verified:
      description: When the Mac first showed the profile that it showed last as installed, UTC; empty when it never did.
      type: str
      returned: success
    profile_uuid:
      description: The ProfileUUID that the Mac showed last.
      type: str
      returned: success
    gateway_roots:
      description: SHA-1 of the gateway roots in the profile that was verified last.
      type: list
      elements: str
      returned: success
    mac_sha1:
      description: The thumbprint of the certificate that the Mac holds, as far as is known.
      type: str
      returned: success
    mac_not_after:
      description: When that one ends, UTC.
      type: str
      returned: success
    mac_days_left:
      description: The whole days until then; V(0) when it is not known.
      type: int
      returned: success
  sample:
    mac-01:
      status: behind
      next_step: Have the waiting profile approved on the Mac, and look at it again.
      detail: Until 2026-12-20T12:00:00Z it connects with the certificate that is on it.
      common_name: mac-042
      sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      serial: 08BCA6D1A05886EAAF2738D879B970D3
      state: issued
      origin: made
      not_after: "2027-11-22T12:00:00Z"
      days_left: 364
      generation: 1
      host: mac-01
      serial_number: C02XK1ABJG5J
      serial_numbers: [C02XK1ABJG5J]
      macos_version: "15.5"
      identifier: com.example.user-vpn
      delivery: pending_approval
      seen: "2026-11-22T12:00:00Z"
      verified: "2025-12-20T13:00:00Z"
      profile_uuid: 5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11
      gateway_roots: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
      mac_sha1: 2297E1F3C7FB32AB27A22D5C0F6BD14B5BD71DD9
      mac_not_after: "2026-12-20T12:00:00Z"
      mac_days_left: 27
roots:
  description: All generations of the root, oldest first, as RV(vwan.user_vpn.root_certificate#module:roots), each with
    C(needed_by), the names of the clients that still need it. A client needs the root of its valid certificate and,
    until a newer one has been verified on its Mac, that of the one before.
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
      needed_by: [mac-01]
gateway_roots:
  description: The gateway roots that Macs are to trust, as the profile packages have brought them that were downloaded
    with this store.
  returned: success
  type: list
  elements: dict
  contains:
    subject:
      description: The subject.
      type: str
      returned: success
    sha1:
      description: The thumbprint.
      type: str
      returned: success
    sha256:
      description: The SHA-256 fingerprint.
      type: str
      returned: success
    not_after:
      description: When it ends, UTC.
      type: str
      returned: success
  sample:
    - subject: CN=DigiCert Global Root G2,OU=www.digicert.com,O=DigiCert Inc,C=US
      sha1: DF3C24F9BFD666761B268073FE06D1CC8D4F82A4
      sha256: CB3CCBB76031E5E0138F8DD39A23F9DE47FFC35E43C1144CEA27D46A5AB1CB5F
      not_after: "2038-01-15T12:00:00Z"
revoked:
  description: The certificates that have been revoked and have not ended. Azure has to refuse them by thumbprint.
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
    - name: mac-02
      sha1: 2297E1F3C7FB32AB27A22D5C0F6BD14B5BD71DD9
      serial: 78C1FA1F3D319D9D0D728B8A9DACF425
      not_after: "2027-11-22T12:00:00Z"
to_refuse:
  description: The same, as M(vwan.user_vpn.server_configuration) takes what Azure is to refuse. The name
    tells why, and of which client it is.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the entry in Azure.
      type: str
      returned: success
    thumbprint:
      description: The thumbprint.
      type: str
      returned: success
  sample:
    - name: mac-02.revoked-2297E1F3
      thumbprint: 2297E1F3C7FB32AB27A22D5C0F6BD14B5BD71DD9
refusals:
  description: What Azure was seen to refuse, and this store has no certificate of. It is kept, so that it is not
    forgotten.
  returned: success
  type: list
  elements: dict
  contains:
    thumbprint:
      description: The thumbprint.
      type: str
      returned: success
    name:
      description: The name of the entry in Azure.
      type: str
      returned: success
    first_seen:
      description: Since when it is known here, UTC.
      type: str
      returned: success
  sample: []
revocable:
  description: Older certificates that are still valid, and that nobody needs any more, since a newer one has been
    verified on the Mac. They may be revoked, see O(vwan.user_vpn.client_certificates#module:thumbprints).
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
certificates:
  description: Every certificate ever issued.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(root) or V(client).
      type: str
      returned: success
    name:
      description: The client, or the common name of the root.
      type: str
      returned: success
    common_name:
      description: The common name in the certificate.
      type: str
      returned: success
    generation:
      description: Of a root; V(0) for a client.
      type: int
      returned: success
    state:
      description: V(issued), V(superseded), V(removed), V(revoked) or V(retired).
      type: str
      returned: success
    since:
      description: Since when it is in that state, UTC.
      type: str
      returned: success
    why:
      description: Why it is in that state.
      type: str
      returned: success
    who:
      description: Who brought it into that state, an account, or a user of AWX.
      type: str
      returned: success
    reason:
      description: Why it was issued.
      type: str
      returned: success
    origin:
      description: V(made) here, V(supplied), V(certified) here for a key that its Mac has made, or V(enrolled), what
        its Mac got from another CA by SCEP. Of one that an MDM has listed, no C(sha256) and no root is known.
      type: str
      returned: success
    sha1:
      description: The thumbprint.
      type: str
      returned: success
    sha256:
      description: The SHA-256 fingerprint.
      type: str
      returned: success
    serial:
      description: The serial number in hex.
      type: str
      returned: success
    subject:
      description: The subject.
      type: str
      returned: success
    root_sha1:
      description: The thumbprint of its root.
      type: str
      returned: success
    not_before:
      description: When it begins, UTC.
      type: str
      returned: success
    not_after:
      description: When it ends, UTC.
      type: str
      returned: success
    days_left:
      description: The whole days until then.
      type: int
      returned: success
  sample:
    - kind: client
      name: mac-01
      generation: 0
      state: issued
      since: "2026-11-22T12:00:00Z"
      why: expiring
      who: anna
      reason: expiring
      origin: made
      sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      sha256: 3F2A7C0D9E8B1A6540C3D2E1F09182736455A6B7C8D9E0F1A2B3C4D5E6F70819
      serial: 08BCA6D1A05886EAAF2738D879B970D3
      subject: CN=mac-01
      root_sha1: 946B00EBC1FA88F48EEECF000329D37B482B468C
      not_before: "2026-11-22T11:00:00Z"
      not_after: "2027-11-22T12:00:00Z"
      days_left: 364
deliveries:
  description: What each Mac was seen with last; with O(history), all that it was ever seen with, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: When this was seen first, UTC.
      type: str
      returned: success
    host:
      description: The inventory name of the Mac.
      type: str
      returned: success
    identifier:
      description: The identifier of the profile.
      type: str
      returned: success
    serial_number:
      description: The serial number of the Mac.
      type: str
      returned: success
    macos_version:
      description: Its version of macOS.
      type: str
      returned: success
    status:
      description: What M(vwan.user_vpn.mac_profile) said, or V(forgotten).
      type: str
      returned: success
    profile_uuid:
      description: The ProfileUUID that the Mac is to show.
      type: str
      returned: success
    shown_uuid:
      description: The ProfileUUID that it showed; V(unknown) where its MDM knew no more than that there is one.
      type: str
      returned: success
    profile_sha256:
      description: The SHA-256 of that profile; empty when it is not known.
      type: str
      returned: success
    certificate_sha1:
      description: The client certificate in the profile that it is to have.
      type: str
      returned: success
    gateway_roots:
      description: SHA-1 of the gateway roots in that profile.
      type: list
      elements: str
      returned: success
  sample:
    - time: "2026-11-22T12:00:00Z"
      host: mac-01
      identifier: com.example.user-vpn
      serial_number: C02XK1ABJG5J
      macos_version: "15.5"
      status: installed
      profile_uuid: 5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11
      shown_uuid: 5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11
      profile_sha256: ""
      certificate_sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      gateway_roots: [DF3C24F9BFD666761B268073FE06D1CC8D4F82A4]
events:
  description: Everything that has happened to certificates and clients, oldest first; empty without O(history).
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: When, UTC.
      type: str
      returned: success
    sha1:
      description: To which certificate; empty when to none.
      type: str
      returned: success
    client:
      description: To which client; empty when to none.
      type: str
      returned: success
    what:
      description: The state that the certificate came into, or V(refused), when Azure was seen to refuse it,
        V(readmitted), V(forgotten) or V(rekeyed).
      type: str
      returned: success
    reason:
      description: Why.
      type: str
      returned: success
    who:
      description: Who did it.
      type: str
      returned: success
  sample:
    - time: "2026-11-22T12:00:00Z"
      sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      client: mac-01
      what: issued
      reason: expiring
      who: anna
"""
