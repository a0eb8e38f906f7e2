# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a tunnel did not come up or went down: strongSwan's log lines, read from either end.

The gateway's view is the truth (`Refusal`). The Mac's view (`Disconnect`) is all that macOS would know, in its own
terms: error domain and code as NetworkExtension logs them (jim-lake/VPNStatus, NE_PRIVATE_VPN.md, measured on
macOS 26).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PLUGIN_DOMAIN = "NEVPNConnectionErrorDomainPlugin"
IKEV2_DOMAIN = "IKEv2ProviderDisconnectionErrorDomain"


@dataclass(frozen=True)
class Refusal:
    """What the gateway did not like: one of the words below, and the line of its log that says so."""

    cause: str
    line: str


@dataclass(frozen=True)
class Disconnect:
    """How macOS codes the end of a connection. `line` is the initiator's log line it was concluded from."""

    domain: str
    code: int
    meaning: str
    line: str = ""

    @property
    def stop_reason(self) -> str:
        """What nesessionmanager calls it in the Mac's log."""
        return STOP_REASONS[self.code]

    @property
    def message(self) -> str:
        """What people read."""
        unknown = f"The operation couldn\u2019t be completed. ({self.domain} error {self.code}.)"
        return MESSAGES.get(self.code, unknown) if self.domain == PLUGIN_DOMAIN else unknown


# In this order: the first that is found explains the later ones.
_REFUSALS = (
    ("revoked", r"certificate was revoked on"),
    ("expired", r"(subject|issuer) certificate invalid \(valid from"),  # or not yet valid
    ("unknown_root", r"no issuer certificate found for"),
    ("unknown_root", r"received .*unknown_ca|self-signed certificate .* is not trusted"),
    ("policy_mismatch", r"received proposals unacceptable|no acceptable proposal found"),
    ("gateway_not_trusted", r"received AUTHENTICATION_FAILED notify|received fatal TLS alert"),
    ("wrong_identity", r"no trusted \S+ public key found for|no trusted certificate found for|no matching peer config"),
    # strongSwan's TLS client keeps back a certificate that does not carry the identity; Apple's may send it.
    ("wrong_identity", r"no certificate sent by peer"),
)

_DISCONNECTS = (
    (r"unable to resolve", PLUGIN_DOMAIN, 17, "server address not resolved"),
    (r"received AUTHENTICATION_FAILED notify error", IKEV2_DOMAIN, 3, "authentication failed, says the server"),
    (r"received EAP_FAILURE|received fatal TLS alert", IKEV2_DOMAIN, 3, "authentication failed, says the server"),
    (r"received NO_PROPOSAL_CHOSEN notify", PLUGIN_DOMAIN, 18, "negotiation failed"),
    (r"(subject|issuer) certificate invalid", PLUGIN_DOMAIN, 30, "server certificate expired"),
    (
        r"no trusted \S+ public key found for|no TLS public key found for",
        PLUGIN_DOMAIN,
        28,
        "server certificate invalid",
    ),
    (r"constraint check failed", PLUGIN_DOMAIN, 28, "server certificate invalid"),
    (r"no private key found|no TLS private key", PLUGIN_DOMAIN, 24, "client certificate missing"),
    (r"received DELETE for IKE_SA", PLUGIN_DOMAIN, 21, "the server ended the session"),
    (r"establishing IKE_SA failed, peer not responding", PLUGIN_DOMAIN, 20, "server not responding"),
    (r"giving up after \d+ retransmits", PLUGIN_DOMAIN, 20, "server not responding"),  # measured, also in mid-session
    (r"closing expired CHILD_SA", PLUGIN_DOMAIN, 18, "negotiation failed"),
)

# What nesessionmanager calls the reason of a stop, by number. The numbers are the codes of the plugin domain; a code of
# the provider's own domain is taken as it is, so that its 3, a refused client, reads "Plugin initiated" (measured:
# 1, 3, 7, 20 and 21 in jim-lake/VPNStatus, NE_PRIVATE_VPN.md, macOS 26; 17 and 21 also in reports of users). The other
# words are those of ne_session_stop_reason_to_string, as the Finch Project's libsystem_networkextension has it.
STOP_REASONS = {
    1: "Stop command received",
    3: "Plugin initiated",
    7: "Plugin failed",
    10: "Bad configuration",
    12: "Tunnel did not come up in time",
    15: "Configuration does not have a server address",
    16: "Server address is invalid",
    17: "Failed to resolve the server address",
    18: "Negotiation with the server failed",
    20: "Server is not responding",
    21: "Tunnel was terminated by the server",
    22: "Server is down or unreachable",
    23: "Authentication failed",
    24: "Client certificate is missing",
    25: "Client certificate is invalid",
    26: "Client certificate is not yet valid",
    27: "Client certificate has expired",
    28: "Server certificate is invalid",
    29: "Server certification is not yet valid",
    30: "Server certificate has expired",
    32: "Configuration was removed",
    39: "On Demand Disconnect rule matched",
}

# The sentence people read, by code of the plugin domain (VPN_DISCONNECT_ERROR_* in NetworkExtension's
# Localizable.loctable, by the same page). The provider's own domain has none: Foundation makes one up.
MESSAGES = {
    7: "The VPN session failed because an internal error occurred.",
    10: "The VPN session disconnected because the configuration is invalid.",
    12: "The VPN session failed to connect in a timely manner.",
    17: "The VPN server hostname could not be resolved to an IP address.",
    18: "The VPN protocol negotiation with the VPN server failed.",
    20: "The VPN server is not responding.",
    21: "The VPN session was aborted by the VPN server.",
    24: "The VPN client certificate is missing from the configuration.",
    28: "The VPN server certificate is invalid.",
    30: "The VPN server certificate has expired.",
}

NOT_RESPONDING = Disconnect(PLUGIN_DOMAIN, 20, "server not responding")
BAD_CONFIGURATION = Disconnect(PLUGIN_DOMAIN, 10, "configuration invalid")


def refusal(log: Iterable[str]) -> Refusal | None:
    """The gateway's reason, from its log; None when nothing was refused."""
    lines = list(log)
    for cause, pattern in _REFUSALS:
        for line in reversed(lines):
            if re.search(pattern, line):
                return Refusal(cause, _text(line))
    return None


def disconnect(log: Iterable[str]) -> Disconnect | None:
    """What macOS would report, from the initiator's log; None when nothing went wrong."""
    lines = list(log)
    for pattern, domain, code, meaning in _DISCONNECTS:
        for line in reversed(lines):
            if re.search(pattern, line):
                return Disconnect(domain, code, meaning, _text(line))
    return None


def _text(line: str) -> str:
    """The line without the thread number and the group that charon puts in front ('07[CFG] ')."""
    return line.partition("] ")[2].strip() or line.strip()
