#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the ledger action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
short_description: Back up, export, check and rekey the store, and note or forget what Macs were seen with
version_added: 1.0.0
description:
  - The store knows every certificate ever issued, holds their sealed private keys, and what each Mac was seen with. It
    is all that must not be lost. This module looks after it.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
  - vwan.user_vpn.pki
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details: Shows an export.
  idempotent:
    support: full
requirements:
  - cryptography >= 43
  - The program C(pg_dump), of at least the server's version, for the backup of a store in PostgreSQL.
options:
  state:
    description:
      - V(backup) writes all of the store to O(dest), as it is at one moment, while others go on. Of SQLite it is a file
        that is a store itself. Of PostgreSQL it is a script for C(psql), made by C(pg_dump). Private keys are in it as
        they are in the store, sealed with the passphrase.
      - V(exported) writes what people and other programs can read to O(dest), without any secret.
      - V(checked) fails when anything in the store, or in a backup of SQLite that O(pki) names, is not what it was.
      - V(rekeyed) seals with O(new_passphrase) from now on. Backups that were made before go on with the old one.
      - V(noted) writes down what O(macs) were seen with, all of it at once, as far as it is news. By it the store knows
        which certificates and gateway roots are still needed, and may be revoked or renewed. This counts as no change,
        and check mode writes nothing down, for then nobody has seen anything new.
      - V(forgotten) lets Macs that are no more not count any more. What they were last seen with is not needed any
        more, and another Mac may have their client. Their history stays, and a Mac that is seen again counts again.
    type: str
    choices: [backup, exported, checked, rekeyed, noted, forgotten]
    required: true
  dest:
    description:
      - The file to write, readable by its owner alone. It is not written while it holds the same.
      - With O(state=exported) it ends with C(.json), for everything, or with C(.csv), for one line per certificate.
    type: path
  passphrase:
    description:
      - The passphrase of the store. Required with O(state=rekeyed).
      - With O(state=checked), each private key is opened too.
    type: str
  new_passphrase:
    description: With O(state=rekeyed), the passphrase from now on, of at least twelve characters.
    type: str
  macs:
    description:
      - With O(state=noted), what each Mac was seen with, from the results of M(vwan.user_vpn.mac_profile) and
        M(vwan.user_vpn.mobileconfig).
      - In a play with the strategy V(free) or V(host_pinned), which ignores C(run_once), each host writes down its own
        entry alone.
    type: list
    elements: dict
    suboptions:
      host:
        description: The inventory name of the Mac.
        type: str
        required: true
      identifier:
        description: The identifier of the profile.
        type: str
        required: true
      status:
        description: As RV(vwan.user_vpn.mac_profile#module:status).
        type: str
        required: true
      serial_number:
        description: What the Mac says its serial number is. By it a Mac is known, whatever its inventory name.
        type: str
        default: ''
      macos_version:
        description: The version of its macOS.
        type: str
        default: ''
      profile_uuid:
        description: The version of the profile that the Mac is to have. Empty once it is removed.
        type: str
        default: ''
      shown_uuid:
        description: The version that the Mac shows. Empty when it shows none, V(unknown) where its MDM knows no more
          than that there is one.
        type: str
        default: ''
      profile_sha256:
        description: The SHA-256 of the file with O(macs[].profile_uuid).
        type: str
        default: ''
      certificate_sha1:
        description: The SHA-1 of the client certificate in it. One that the store does not know is left out.
        type: str
        default: ''
      gateway_roots:
        description: The SHA-1 of the gateway roots in it.
        type: list
        elements: str
        default: []
      address:
        description: The address that the Mac had in the tunnel. Empty when it had none. See O(since).
        type: str
        default: ''
      in_store:
        description: Whether the store writes it down. An identity that is not from the store concerns O(manifest)
          alone.
        type: bool
        default: true
  since:
    description:
      - With O(state=noted), a time before which none of the Macs was asked, in UTC as V(2026-11-22T21:00:00Z). Without
        it no address is written down.
      - Of each client the last address and this time are kept. So M(vwan.user_vpn.connections) can tell whose session
        it is that began earlier and still has this address, where Azure calls sessions by names that are of no client.
    type: str
  manifest:
    description: With O(state=noted), a C(manifest.json) of M(vwan.user_vpn.mobileconfig). The entries of O(macs) in it
      get the serial numbers that the Macs have told, in one write.
    type: path
  host:
    description: With O(state=forgotten), the inventory name of the Macs. Give this, O(serial_number), or both.
    type: str
  serial_number:
    description: With O(state=forgotten), the serial number of the Mac.
    type: str
seealso:
  - module: vwan.user_vpn.ledger_info
  - module: vwan.user_vpn.root_certificate
"""

EXAMPLES = r"""
- name: Look after the store
  hosts: localhost
  gather_facts: false
  vars:
    store: ~/user-vpn.db
  tasks:
    - name: Back it up
      vwan.user_vpn.ledger:
        pki: "{{ store }}"
        state: backup
        dest: ~/user-vpn-backup.db

    - name: See that the backup is whole, and that the passphrase opens what is in it
      vwan.user_vpn.ledger:
        pki: ~/user-vpn-backup.db
        state: checked
        passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE') }}"

    - name: Keep a list of all certificates that people can read
      vwan.user_vpn.ledger:
        pki: "{{ store }}"
        state: exported
        dest: ~/user-vpn-certificates.csv

- name: Change the passphrase
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Seal with the new one from now on
      vwan.user_vpn.ledger:
        pki: ~/user-vpn.db
        state: rekeyed
        passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE') }}"
        new_passphrase: "{{ lookup('ansible.builtin.env', 'USER_VPN_NEW_PASSPHRASE') }}"

- name: Bring profiles onto Macs and write down what came of it
  hosts: user_vpn
  gather_facts: false
  tasks:
    - name: Offer the profile
      vwan.user_vpn.mac_profile:
        src: "profiles/{{ inventory_hostname }}.mobileconfig"
      register: result

    - name: Write down what the Mac was seen with
      vwan.user_vpn.ledger:
        pki: ~/user-vpn.db
        state: noted
        macs:
          - host: "{{ inventory_hostname }}"
            identifier: "{{ result.identifier }}"
            status: "{{ result.status }}"
            serial_number: "{{ result.serial_number }}"
            macos_version: "{{ result.macos_version }}"
            profile_uuid: "{{ result.profile_uuid }}"
            shown_uuid: "{{ result.profile.uuid | default('') }}"
        manifest: profiles/manifest.json

- name: Let a Mac go that was scrapped
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Forget what it was seen with
      vwan.user_vpn.ledger:
        pki: ~/user-vpn.db
        state: forgotten
        serial_number: C02XK1ABJG5J
"""

RETURN = r"""
dest:
  description: The file with the backup or the export.
  returned: with O(state=backup) and O(state=exported)
  type: str
  sample: /home/anna/user-vpn-backup.db
certificates:
  description: How many certificates the store holds; all are what they were.
  returned: with O(state=checked)
  type: int
  sample: 43
private:
  description: How many private keys were opened; none without O(passphrase).
  returned: with O(state=checked)
  type: int
  sample: 42
noted:
  description: The hosts about which there was news. None in check mode.
  returned: with O(state=noted)
  type: list
  elements: str
  sample: [mac-01, mac-02]
forgotten:
  description: What the Macs that do not count any more were last seen with, as
    RV(vwan.user_vpn.ledger_info#module:deliveries).
  returned: with O(state=forgotten)
  type: list
  elements: dict
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
"""
