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
    (r"giving up after \d+ retransmits", PLUGIN_DOMAIN, 22, "server dead"),
    (r"closing expired CHILD_SA", PLUGIN_DOMAIN, 18, "negotiation failed"),
)

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
