# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what Azure's sessions say to the points that no document settles, fit to be shown.

No name, id or address is in it: only their forms, and how many there are of each.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from .sessions import is_unanswered, moment_of, unanswered

HEAD = """\
What Azure said to the open points of docs/fidelity-azure.md of the Ansible collection vwan.user_vpn.

Nothing was changed in Azure but the blob that the sessions were written into. Names, ids and addresses are not in it,
only their forms: a letter stands for each letter and 0 for each digit. Please read it all before you attach it to a
report.
"""

TAIL = """
Not collected, because it changes something. If you can, please add what you saw:

- After how many seconds the playbook `revoke` said that nobody of those whom it had cut off was back.
"""

Told = Mapping[str, Any]
_GUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_PROTOCOL = re.compile(r"(?:IKE|IKEV2|OVPN|SSTP|P2S)(?=[_-])", re.IGNORECASE)
LONGEST = 100
MOST = 20  # forms of one thing
# What a certificate tells of itself, by the words in which that is said.
_TEXTS = {"common_name": "common name", "name": "name of the client", "subject": "subject", "sha1": "thumbprint"}


def evidence(connected: Told, ledger: Told, now: datetime) -> str:
    """A text, whole lines.

    connected  what connection_info returned just `now`
    ledger     what ledger_info returned, with its history
    """
    if is_unanswered(connected):
        return f"{HEAD}\n{unanswered(connected)}\n{TAIL}"
    sessions = connected.get("sessions", [])
    answers = {
        "the id of a connection (VpnConnectionId)": (form(each["connection_id"]) for each in sessions),
        "the name of a user (UserName), compared with the certificates of the store": _names(sessions, ledger),
        "whether times are in UTC: by how many seconds the end of a session's duration is from now": (
            _ahead(each, now) for each in sessions
        ),
        "whether an address in the tunnel is of the pools of its connection configuration": map(_pool, sessions),
        "sessions of the revoked: when they began, after Azure was seen to refuse the certificate": _late(
            sessions, ledger
        ),
    }
    return HEAD + "".join(_answer(point, said) for point, said in answers.items()) + TAIL


def form(text: str) -> str:
    """What a text looks like. What nobody can have as a name stays: which protocol it is, and a GUID as such."""
    protocol = _PROTOCOL.match(text)
    kept = protocol[0] if protocol else ""
    parts = _GUID.split(text[len(kept) : LONGEST])
    return kept + "<GUID>".join(map(_form, parts)) + ("..." if len(text) > LONGEST else "")


def _form(text: str) -> str:
    signs = ("A" if each.isupper() else "a" if each.isalpha() else "0" if each.isdigit() else each for each in text)
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in signs)


def _answer(point: str, said: Iterable[str]) -> str:
    times = Counter(said).most_common()
    lines = [f"| {number} x {each or '(empty)'}\n" for each, number in times[:MOST]]
    more = [f"| and {len(times) - MOST} more\n"] if len(times) > MOST else []
    return "".join([f"\n? {point}\n", *(lines or ["| nothing\n"]), *more])


def _names(sessions: Iterable[Told], ledger: Told) -> Iterator[str]:
    known: dict[str, set[str]] = {}
    for certificate in ledger.get("certificates", ()):
        if certificate["kind"] == "client":
            for text in _TEXTS:
                known.setdefault(str(certificate.get(text, "")).casefold(), set()).add(text)
    for session in sessions:
        name = str(session["user_name"])
        found = known.get(name.casefold(), set()) if name else set()
        said = " and ".join(words for text, words in _TEXTS.items() if text in found)
        yield said or f"in no certificate, of the form {form(name) or '(empty)'}"


def _ahead(session: Told, now: datetime) -> str:
    begun = moment_of(session["since"])
    if begun is None:
        return f"no time, of the form {form(str(session['since']))}"
    seconds = (now - begun).total_seconds() - session["seconds"]
    return next(
        (f"less than {limit}" for limit in (60, 600, 3600) if abs(seconds) < limit), f"{seconds / 3600:.1f} hours"
    )


def _pool(session: Told) -> str:
    try:
        address = ipaddress.ip_address(session["private_address"])
        pools = [ipaddress.ip_network(pool, strict=False) for pool in session["address_pools"]]
    except ValueError:
        return "no address"
    return "yes" if any(address in pool for pool in pools) else "no"


def _late(sessions: Iterable[Told], ledger: Told) -> Iterator[str]:
    owners = {each["sha1"]: each["name"] for each in ledger.get("certificates", ())}
    events = (event for event in ledger.get("events", ()) if event["what"] == "refused")
    refused = {owners.get(event["sha1"], ""): str(event["time"]) for event in events}
    for session in sessions:
        if session["revoked"]:
            begun, since = moment_of(session["since"]), moment_of(refused.get(session["client"], ""))
            minutes = round((begun - since).total_seconds() / 60) if begun and since else None
            yield "not known" if minutes is None else f"{minutes} minutes after" if minutes >= 0 else "before"
