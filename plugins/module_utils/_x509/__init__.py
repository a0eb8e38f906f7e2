# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: everything about X.509 stands here, once. Knows nothing of Ansible.

text            thumbprints and times as text; needs no library
certificates    what a certificate is, and reading it from whatever form it comes in
forms           those forms: PEM, DER, base64, PKCS#7, text as Windows writes it; and what a file is instead
checks          what Azure, its gateways and Macs do not take: of a root, of its chain, of a client
making          a client root, a client certificate
keys            RSA keys: made, encrypted, opened
csr             requests for keys that are made elsewhere
pkcs12          an identity in the form that every Mac opens; identities of others
bounds          how large a file may be, and how long it may take to open
der             just enough DER to look into a file before a library does
errors          the one error, and the one sentence for a missing library
"""
