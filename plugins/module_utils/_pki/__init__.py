# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the store of roots, client identities and deliveries, and what follows from it.

    database     SQLite or PostgreSQL: transactions, locks, faults
    sealing      private parts, sealed under a passphrase
    store        tables and records: certificates, events, deliveries, profiles, packages, refusals
    roots        the generations of the client root
    requests     what is asked for each client; the rules for names
    enrolled     what Macs got from another CA by themselves
    plan         who needs a new identity, and why: by what is known alone
    identities   made, supplied or certified; exported for people
    clients      issued, revoked and removed, in bulk
    current      what a client has now, and which profile was rendered with it
    packages     what a profile package brought, and its gateway roots
    refusals     what Azure trusts and refuses, against what the store knows
    deliveries   what has reached the Macs, and so what nobody needs any more
    report       what the store tells, and its export
    backup       copies of the store, and whether it is whole

Nothing here knows Ansible, or talks to Azure. The time is always an argument.
"""

from __future__ import annotations
