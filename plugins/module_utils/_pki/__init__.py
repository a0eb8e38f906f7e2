# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the PKI folder, its roots, its client identities and its ledger.

    folder        where what lies; whose folder it is
    ledger        every certificate ever issued, why, and every delivery (SQLite)
    certificates  X.509: making and checking
    csr           requests to certify a key that is made elsewhere
    pkcs12        the one PKCS#12 form that every macOS opens
    issuing       certificates into the folder, in an order that a killed run cannot spoil
    roots         the generations of the client root
    requests      what is asked for each client; the rules for names
    supplied      identities that somebody else's CA issued
    deciding      who needs a new identity, and why: by reading alone
    clients       issuing them, in bulk
    ending        revoking and removing clients
    deliveries    what has reached the Macs, and so what nobody needs any more
    telling       what the ledger tells, and its export
    rebuilding    the ledger from the certificate files
    outcome       what is told about clients

Nothing here knows Ansible or Azure. The time is always an argument.
"""

from __future__ import annotations
