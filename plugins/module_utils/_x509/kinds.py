# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the kinds of names by which a client introduces itself to a gateway.

Apple documents for LocalIdentifier an FQDN, a UserFQDN, an address and a distinguished name; the text alone tells which
of them goes out. The responder then looks for an alternative name of that very kind: an address is not found among the
DNS names of a certificate, though it stands there letter by letter (seen with strongSwan).
"""

from __future__ import annotations

import ipaddress

DNS, MAIL, ADDRESS = "DNS", "e-mail", "IP"


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that this text is, if it is one."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def kind_of(name: str) -> str:
    """As which kind of name macOS sends this text."""
    if address_of(name):
        return ADDRESS
    return MAIL if "@" in name else DNS


def plain(name: str) -> str:
    """The name itself; an address in the one form in which certificates show it."""
    return str(address_of(name) or name)


def split(common_name: str) -> tuple[str, str]:
    """User and domain of user@domain or DOMAIN\\user, by which Azure tells user groups apart; else nothing."""
    if "@" in common_name:
        user, _at, domain = common_name.rpartition("@")
        return user, domain
    domain, _backslash, user = common_name.partition("\\")
    return (user, domain) if user else ("", "")
