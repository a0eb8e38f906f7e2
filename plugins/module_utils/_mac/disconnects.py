# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: why a Mac's VPN connection ended, and what to do about it.

The same number means different things in different error domains, so a cause is looked up by both. Source: the
tables in jim-lake/VPNStatus, NE_PRIVATE_VPN.md, read from NetworkExtension and in part measured on macOS 26.
"""

from __future__ import annotations

import re

PLUGIN = "NEVPNConnectionErrorDomainPlugin"
IKEV2 = "IKEv2ProviderDisconnectionErrorDomain"

_NETWORK = "connect the Mac to a network and run again"
_AGAIN = "run again"
_UDP = "check that this network lets UDP ports 500 and 4500 out, and that the gateway is up"
_PROFILE = "render and install the profile again"
_ADDRESS = "compare the server address in the profile with VpnServer in a newly downloaded profile package"
_POLICY = (
    "give the profile the IPsec policy of the User VPN configuration, DH and PFS groups included (macOS knows no "
    "DHGroup24)"
)
_REFUSED = (
    "check that the root of the client certificate is in the User VPN configuration, that the certificate is neither "
    "revoked nor expired, and that the profile's LocalIdentifier is the name in it"
)
_CLIENT = "renew the client certificate and install the new profile"
_CLOCK = "check the clock of the Mac"
_GATEWAY = (
    "download the profile package again and install the profile made from it, so that the gateway's root and name in "
    "it are current"
)

#: (domain, code): what happened, and the remedy.
CAUSES: dict[tuple[str, int], tuple[str, str]] = {
    (PLUGIN, 2): ("the session timed out while the Mac was asleep", _AGAIN),
    (PLUGIN, 4): ("the Mac has no network", _NETWORK),
    (PLUGIN, 5): ("the Mac moved to another network", _AGAIN),
    (PLUGIN, 6): ("macOS does not find its own IKEv2 client", "restart the Mac and run again"),
    (PLUGIN, 7): (
        "the VPN client of macOS ended with an internal error",
        "run again, with other IKEv2 connections closed: they share one process and can take each other down",
    ),
    (PLUGIN, 10): ("macOS calls the configuration invalid", _PROFILE),
    (PLUGIN, 12): ("connecting took too long", _UDP),
    (PLUGIN, 14): ("macOS cannot start this connection on demand", _PROFILE),
    (PLUGIN, 15): ("the server address is missing", _PROFILE),
    (PLUGIN, 16): ("the server address is invalid", _ADDRESS),
    (PLUGIN, 17): (
        "the name of the server could not be resolved",
        "check the DNS of the Mac's network, and compare the server address in the profile with VpnServer in a newly "
        "downloaded profile package",
    ),
    (PLUGIN, 18): ("the negotiation with the gateway failed", _POLICY),
    (PLUGIN, 20): ("the gateway is not responding", _UDP),
    (PLUGIN, 21): (
        "the gateway ended the session",
        "run again, and look for a reset or a change of the gateway in Azure",
    ),
    (PLUGIN, 22): ("the gateway stopped responding", _UDP),
    (PLUGIN, 23): ("the authentication failed", _REFUSED),
    (PLUGIN, 24): ("the client certificate is missing on the Mac", _PROFILE),
    (PLUGIN, 25): ("the client certificate is invalid", _CLIENT),
    (PLUGIN, 26): ("the client certificate is not valid yet", _CLOCK),
    (PLUGIN, 27): ("the client certificate has expired", _CLIENT),
    (PLUGIN, 28): ("the Mac does not accept the gateway's certificate", _GATEWAY),
    (PLUGIN, 29): ("the gateway's certificate is not valid yet", _CLOCK),
    (PLUGIN, 30): ("the gateway's certificate has expired", f"{_CLOCK}, then reset the gateway in Azure"),
    (PLUGIN, 38): ("macOS does not find the configuration", _PROFILE),
    (IKEV2, 3): ("the gateway refused the client's authentication", _REFUSED),
}

# Stop reasons that nesessionmanager writes in words: "status changed to disconnected, last stop reason ...". The words
# for 3, 7, 20 and 21 were measured beside their codes (same page), the others are those of
# ne_session_stop_reason_to_string in libsystem_networkextension, whose numbers are the codes of the plugin domain. A
# client that the gateway refuses ends with "Plugin initiated"; macOS names no cause.
PHRASES: dict[str, tuple[str, int]] = {
    "Device slept too long": (PLUGIN, 2),
    "Plugin initiated": (IKEV2, 3),
    "No network available": (PLUGIN, 4),
    "Network changed, tunnel no longer viable": (PLUGIN, 5),
    "Plugin was disabled": (PLUGIN, 6),
    "Plugin failed": (PLUGIN, 7),
    "Bad configuration": (PLUGIN, 10),
    "Tunnel did not come up in time": (PLUGIN, 12),
    "Tunnel must be started from the app": (PLUGIN, 14),
    "Configuration does not have a server address": (PLUGIN, 15),
    "Server address is invalid": (PLUGIN, 16),
    "Failed to resolve the server address": (PLUGIN, 17),
    "Negotiation with the server failed": (PLUGIN, 18),
    "Server is not responding": (PLUGIN, 20),
    "Tunnel was terminated by the server": (PLUGIN, 21),
    "Server is down or unreachable": (PLUGIN, 22),
    "Authentication failed": (PLUGIN, 23),
    "Client certificate is missing": (PLUGIN, 24),
    "Client certificate is invalid": (PLUGIN, 25),
    "Client certificate is not yet valid": (PLUGIN, 26),
    "Client certificate has expired": (PLUGIN, 27),
    "Server certificate is invalid": (PLUGIN, 28),
    "Server certification is not yet valid": (PLUGIN, 29),
    "Server certificate has expired": (PLUGIN, 30),
}


REFUSED = {(PLUGIN, 23), (IKEV2, 3)}
_CODED = re.compile(r"([A-Za-z0-9]{1,80}) (-?[0-9]{1,12})")


def _code(disconnect: str) -> tuple[str, int] | None:
    """The error domain and code of what connect.sh found in the log: `DOMAIN CODE` or a phrase."""
    coded = _CODED.fullmatch(disconnect)
    return (coded[1], int(coded[2])) if coded else PHRASES.get(disconnect)


def refused(disconnect: str) -> bool:
    """Whether the gateway refused the client's authentication. The log of a Mac never says what it did not like."""
    return _code(disconnect) in REFUSED


def explain(disconnect: str) -> str:
    """One sentence, without its full stop, for what connect.sh found in the log.

    Empty when it found nothing. A code without a meaning here is told as it is.
    """
    found = _code(disconnect)
    if found is None:
        return ""
    domain, code = found
    if found not in CAUSES:
        return f"macOS gives the reason {domain} {code}, whose meaning is not published: look at the gateway's side"
    meaning, remedy = CAUSES[found]
    return f"{meaning} ({domain} {code}): {remedy}"
