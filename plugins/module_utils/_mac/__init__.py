# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a Mac's task asks and concludes. All that ever runs on a Mac is in the folder sh.

shell         the verbs, joined from sh; one exec of one
answer        what comes back: its keys, the state of a Mac, the facts that every module returns
releases      what differs between the releases of macOS
profile       a configuration profile, there or gone
certificate   certificates in a keychain, there or gone
key           a private key that is made on the Mac
tunnel        the tunnel, up or down, and which way there is to switch it
disconnects   why a connection ended
forms         the commands by which a real Mac is asked, which the tests hold against the lab's
evidence      what a Mac says to the points that no test can settle

Knows nothing of Ansible. Only `certificate` imports an X.509 library: everything else runs once for each Mac.
"""

from __future__ import annotations
