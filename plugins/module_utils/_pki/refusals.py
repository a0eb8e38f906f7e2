# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what Azure says, against what the store knows.

A store may be older than what Azure knows: it was restored from a backup, or lay in a container that is gone.

Our own roots bear a mark, an organizational unit with the identifier of the fleet's profiles in it. If Azure trusts
one that a store without any root does not know, that store is lost, or it is the wrong one.

Of what Azure refuses it has nothing but a thumbprint and a name, so the name tells what an entry is for:

    mac-042.superseded-1A2B3C4D    its successor was seen on the Mac: nobody needs this certificate
    mac-042.revoked-1A2B3C4D       the client was revoked, and this certificate with it

What has any other name was entered by somebody else, and counts as revoked with its client.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._x509 import certificates as x509
from .._x509.text import bare, is_thumbprint, thumbprint
from ._base import PkiError
from .database import Place
from .store import REFUSED, Certificate, Event, Refusal, Store, reading, writing

SUPERSEDED, REVOKED = "superseded", "revoked"

LONGEST_CLIENT = 59  # with the rest it makes 80 characters, the most that names of Azure's resources have
ENTRY = re.compile(
    rf"(?P<client>.{{1,{LONGEST_CLIENT}}})\.(?P<mark>{SUPERSEDED}|{REVOKED})-(?P<sha1>[0-9A-F]{{8}})", re.IGNORECASE
)


MOST_SKEW = 300  # seconds
COLLECTION = "vwan.user_vpn"
LONGEST_UNIT = 64  # of an organizational unit's name (RFC 5280, ub-organizational-unit-name)


# -- the clock and the roots


def check_clock(skew: int | None) -> None:
    """Raise PkiError when this controller's clock and Azure's are too far apart to issue certificates.

    `skew` is by how many seconds this controller's is ahead; None where Azure was not asked.
    """
    if skew is not None and abs(skew) > MOST_SKEW:
        raise PkiError(
            f"The clock of this controller is {_duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} Azure's, "
            "and certificates that are issued now would begin and end at wrong times: set the clock, and run again."
        )


def _duration(seconds: int) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds // 60} minutes"


def root_mark(identifier: str) -> str:
    """The organizational unit of a root that is made for the profiles with this identifier."""
    mark = f"{COLLECTION} {identifier}".strip()
    if len(mark) <= LONGEST_UNIT:
        return mark
    return f"{COLLECTION} {hashlib.sha256(identifier.encode()).hexdigest()[:40]}"


def sha1_of_trusted(trusted: Iterable[Mapping[str, Any]]) -> set[str]:
    return {certificate.sha1 for certificate in _read_trusted(trusted)}


def refuse_lost_store(
    trusted: Iterable[Mapping[str, Any]],
    known: Collection[str],
    common_name: str,
    identifier: str,
    *,
    meant: bool,
) -> list[str]:
    """Before a root is made: PkiError if Azure trusts one of ours that is not `known`, by SHA-1.

    Ours bears our mark with this identifier; where that is not told, any mark of ours and this common name. With
    `meant` it is no error but a warning.
    """

    def is_ours(certificate: x509.Certificate) -> bool:
        units = certificate.organizational_units
        if identifier:
            return root_mark(identifier) in units
        marked = any(f"{unit} ".startswith(f"{COLLECTION} ") for unit in units)
        return marked and certificate.common_name == common_name

    ours = [c.label for c in _read_trusted(trusted) if c.sha1 not in known and is_ours(c)]
    if not ours:
        return []
    found = f"Azure trusts {', '.join(ours)}, which this collection made, and this store does not know"
    if meant:
        return [f"{found}: what that root has issued, this store can neither renew nor revoke."]
    raise PkiError(
        f"{found}. Is the store lost, or was it in a job's container, or is pki another one? Restore it, or name the "
        "right one. new_root says that a new root is meant: then every Mac gets a new identity."
    )


def _read_trusted(trusted: Iterable[Mapping[str, Any]]) -> list[x509.Certificate]:
    """What of it can be read: Azure may hold anything."""
    found = []
    for root in trusted:
        try:
            certificate = x509.from_der(b64decode(str(root.get("public_cert_data") or ""), validate=True))
        except (binascii.Error, ValueError):
            continue
        if certificate:
            found.append(certificate)
    return found


# -- what is refused


def entry_name(client: str, mark: str, sha1: str) -> str:
    """Under which name Azure is to refuse a certificate of this client."""
    return f"{client[:LONGEST_CLIENT]}.{mark}-{sha1[:8]}"


def to_refuse(certificates: Iterable[Certificate], now: datetime) -> list[dict[str, str]]:
    """What Azure has to refuse: the client certificates that are revoked and have not ended. As `name`, `thumbprint`.

    It does not matter whether they are valid yet: they will be.
    """
    return [
        {"name": entry_name(c.name, c.mark, c.sha1), "thumbprint": c.sha1} for c in still_revoked(certificates, now)
    ]


def still_revoked(certificates: Iterable[Certificate], now: datetime) -> list[Certificate]:
    """The client certificates that are revoked and have not ended, by name."""
    found = (c for c in certificates if c.kind == "client" and c.state == "revoked" and c.not_after > now)
    return sorted(found, key=lambda c: (c.name, c.sha1))


def unseen(certificates: Iterable[Certificate], events: Iterable[Event], refused: Collection[str]) -> list[str]:
    """Of what Azure refuses, the client certificates of which that is not written down yet, by their SHA-1."""
    seen = {event.sha1 for event in events if event.what == REFUSED}
    return [c.sha1 for c in certificates if c.kind == "client" and c.sha1 in refused and c.sha1 not in seen]


def note_refused(place: Place, refused: Collection[str], now: datetime, who: str = "") -> None:
    """Write down which of our client certificates Azure was seen to refuse, by thumbprint; each once."""
    with reading(place) as store:
        if not unseen(store.certificates(), store.events(), refused):
            return
    with writing(place, now, who) as store:
        note_seen(store, unseen(store.certificates(), store.events(), refused))


def note_seen(store: Store, sha1s: Iterable[str]) -> None:
    for sha1 in sha1s:
        store.note(REFUSED, "seen in Azure", sha1=sha1)


def parse_refused(items: Iterable[Any]) -> dict[str, str]:
    """What Azure refuses, its name by thumbprint: from thumbprints, or dictionaries with `thumbprint` and `name`.

    A text that is no thumbprint is the user's mistake; in an entry of Azure's anything may stand, and means nothing.
    """
    found: dict[str, str] = {}
    for item in items:
        if not isinstance(item, Mapping):
            found[thumbprint(str(item), "refused")] = ""
        elif is_thumbprint(text := str(item.get("thumbprint") or "")):
            found[bare(text)] = str(item.get("name") or "")
    return found


@dataclass(frozen=True)
class Verdict:
    """What follows from what Azure refuses.

    superseded  current certificates that are refused as superseded ones are: Azure's name by their SHA-1
    revoked     those that count as revoked from now on, which the store does not know yet: Azure's name and the mark
    clients     clients of whom Azure refuses as revoked what this store does not know: Azure's name by client,
                as it stands in the entry
    unknown     what Azure refuses and no certificate here has: Azure's name by thumbprint
    """

    superseded: Mapping[str, str] = field(default_factory=dict)
    revoked: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    clients: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    def entry_against(self, client: str) -> str:
        """The name of the entry by which Azure refuses a client as revoked; empty when there is none."""
        return self.clients.get(client[:LONGEST_CLIENT].lower(), "")


def judge(
    refused: Mapping[str, str],
    certificates: Sequence[Certificate],
    noted: Iterable[Refusal],
    readmitted: Mapping[str, str],
) -> Verdict:
    """Compare. `noted` are unknown thumbprints of earlier runs; `readmitted` is when a client was let in again last."""
    superseded: dict[str, str] = {}
    revoked: dict[str, tuple[str, str]] = {}
    for certificate in certificates:
        if certificate.kind != "client" or certificate.sha1 not in refused or certificate.state == "revoked":
            continue
        name = refused[certificate.sha1]
        mark = _mark(name, certificate)
        if certificate.state == "issued" and mark == SUPERSEDED:
            superseded[certificate.sha1] = name
        else:
            revoked[certificate.sha1] = (name, mark)
    known = {certificate.sha1 for certificate in certificates}
    unknown = {sha1: name for sha1, name in refused.items() if sha1 not in known}
    first_seen = {refusal.thumbprint: refusal for refusal in noted if refusal.thumbprint not in known}
    last_readmitted = {client[:LONGEST_CLIENT].lower(): time for client, time in readmitted.items()}
    clients: dict[str, str] = {}
    for sha1, name in ({sha1: refusal.name for sha1, refusal in first_seen.items()} | unknown).items():
        entry = ENTRY.match(name)
        if entry and entry["mark"].lower() == REVOKED and entry["sha1"].upper() == sha1[:8]:
            client = entry["client"].lower()
            since = first_seen[sha1].first_seen if sha1 in first_seen else None
            if client not in last_readmitted or since is None or since > last_readmitted[client]:
                clients[client] = name
    return Verdict(superseded, revoked, clients, unknown)


def _mark(name: str, certificate: Certificate) -> str:
    """As what Azure refuses a certificate, by the name of the entry."""
    for mark in (SUPERSEDED, REVOKED):
        if name.lower().startswith(entry_name(certificate.name, mark, certificate.sha1).lower()):
            return mark
    # Azure kept somebody else's name for it. What a successor has replaced tells nothing of its client.
    return SUPERSEDED if certificate.state == "superseded" else REVOKED
