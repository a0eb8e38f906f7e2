#!/usr/bin/python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the ledger action."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
short_description: Export the ledger of a PKI folder, or rebuild it
version_added: 1.0.0
description:
  - The ledger of a PKI folder knows every certificate ever issued, every change of its state, and every delivery.
  - With O(export) it is written to a file that people and other programs can read.
  - With O(rebuild) a ledger that is missing or damaged is made again from the certificate files of the folder. One that
    is whole gets the certificates that it does not know, as after the restore of an old backup.
  - The files do not tell everything. When and why a certificate changed its state is lost. So is what was seen on the
    Macs, until the next run sees it again. What has been revoked is lost too, unless O(revoked) tells. A certificate
    whose PKCS#12 file is gone gets the state C(superseded), since it is nobody's current one, but still valid, and
    perhaps on a Mac that made its own key. So its root counts as needed until it ends, is revoked, or its successor was
    seen.
  - Restoring the PKI folder from its backup is better, where there is one.
author:
  - The vwan.user_vpn contributors (@vwan-user-vpn)
extends_documentation_fragment:
  - vwan.user_vpn.attributes
  - vwan.user_vpn.attributes.controller
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details: Shows the export.
  idempotent:
    support: full
requirements:
  - cryptography >= 42
options:
  path:
    description: The PKI folder on the controller, made by M(vwan.user_vpn.root_certificate).
    type: path
    required: true
  export:
    description:
      - The file to write, readable by its owner alone. It ends with C(.json), for everything, or with C(.csv), for one
        line per certificate.
      - It depends on the ledger alone, so it changes only when the ledger does. No secret is in it.
    type: path
  rebuild:
    description:
      - Make a lost ledger again, and add what is missing in one that is whole. What is left of a damaged one is kept
        beside it, under a name with C(damaged) and the time.
      - The generations of the root are numbered in the order in which the roots begin.
    type: bool
    default: false
  revoked:
    description: The thumbprints that Azure refuses, as M(vwan.user_vpn.server_configuration_info) returns them. Their
      certificates are marked as revoked.
    type: list
    elements: str
    default: []
  pkcs12_password:
    description: Opens the PKCS#12 files. Without it, the next run of M(vwan.user_vpn.client_certificates) cannot know
      that they are as wanted, and issues all of them anew.
    type: str
seealso:
  - module: vwan.user_vpn.ledger_info
  - module: vwan.user_vpn.root_certificate
"""

EXAMPLES = r"""
- name: Keep a list of all certificates that people can read
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Export the ledger
      vwan.user_vpn.ledger:
        path: ~/user-vpn-pki
        export: ~/user-vpn-certificates.csv

- name: Make the ledger again after it was lost, and no backup is at hand
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Rebuild the ledger from the certificate files
      vwan.user_vpn.ledger:
        path: ~/user-vpn-pki
        rebuild: true
        revoked: "{{ refused_by_azure | default([]) }}"
        pkcs12_password: "{{ lookup('ansible.builtin.env', 'USER_VPN_PKCS12_PASSWORD') }}"
"""

RETURN = r"""
dest:
  description: The exported file; empty without O(export).
  returned: success
  type: str
  sample: /home/anna/user-vpn-certificates.csv
lost:
  description: Whether the ledger was missing or damaged, and has been, or will be, made again.
  returned: success
  type: bool
  sample: true
added:
  description: The certificates that the ledger did not know.
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
    sha1:
      description: The thumbprint.
      type: str
      returned: success
    state:
      description: V(issued), V(superseded), V(revoked) or V(retired).
      type: str
      returned: success
  sample:
    - kind: client
      name: mac-01
      sha1: BB70DDA1AF05C6B064BB1FB8530A156D625C9A49
      state: issued
skipped:
  description: Files that could not be taken in, a sentence each.
  returned: success
  type: list
  elements: str
  sample: []
unopened:
  description: Clients whose PKCS#12 file O(pkcs12_password) does not open. They get new identities in the next run.
  returned: success
  type: list
  elements: str
  sample: []
unknown:
  description: Those of O(revoked) whose certificate is not in the folder. Azure has to go on refusing them.
  returned: success
  type: list
  elements: str
  sample: []
"""
