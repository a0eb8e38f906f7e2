# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the end of clients."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .._x509.errors import require_cryptography
from .._x509.text import thumbprint
from ._base import PkiError, utc_text
from .deciding import current_of
from .deliveries import macs_of_clients, on_macs, replaced
from .folder import Folder
from .issuing import destroy, leftovers, settle, settled
from .ledger import REFUSED, Ledger, Row, by_client, reading, writing
from .outcome import Entry, Outcome, entry_of, still_to_refuse, told_certificates
from .requests import ClientRequest, unknown_clients

# For each way to end a client: the states of its certificates that are ended.
ENDS = {
    "revoked": {"issued", "superseded", "removed"},
    "removed": {"issued"},
}


def end_clients(
    folder: Folder,
    requests: Sequence[ClientRequest],
    state: str,
    *,
    now: datetime,
    check: bool = False,
    thumbprints: Iterable[str] = (),
    why: str = "",
) -> Outcome:
    """End clients: `revoked` (every certificate of theirs that is still valid), or just `removed` from the folder.

    `thumbprints` are SHA-1 of single certificates to end; the others of their clients stay as they are. `why` is for
    the ledger.

    Either way the private key is destroyed here and the ledger keeps the certificates. A client that was ended before
    is left as it is. One that never was is an error if it is to be revoked, and nobody is: a misspelt name must not
    look like a success. If it is to be removed, that is a warning. With `check` nothing is written.
    """
    require_cryptography()
    if not folder.exists() and state == "revoked":
        raise PkiError(
            f"Nobody was revoked: {folder.path} is no PKI folder; name the one that issued the certificates."
        )
    names = frozenset(request.name for request in requests)
    ending = _Ending(state, names, frozenset(thumbprint(text, "thumbprints") for text in thumbprints), now)
    outcome = _foresee(folder, ending)
    if not outcome.changed:
        return outcome
    folder.require_writable()
    if not check:
        with folder.writing(), writing(folder) as ledger:
            settle(folder, ledger, now)
            rows = [row for name in outcome.entries for row in ending.of(ledger.rows_of_client(name))]
            with ledger.transaction():
                for row in rows:
                    ledger.set_state(row, state, why or state, now)
            destroy(folder, ledger, [row for row in rows if row.private_sha256], now)
    return outcome


def note_refused(folder: Folder, thumbprints: Collection[str], now: datetime) -> None:
    """Write down which of our client certificates Azure was seen to refuse, by thumbprint; each once."""
    with reading(folder) as ledger:
        if not _news(ledger, thumbprints):
            return
    with folder.writing(), writing(folder) as ledger, ledger.transaction():
        note(ledger, thumbprints, now)


def note(ledger: Ledger, refused: Collection[str], now: datetime) -> None:
    """The same, in a transaction that is open."""
    for sha1 in _news(ledger, refused):
        ledger.tell(sha1, REFUSED, "seen in Azure", now)


def _news(ledger: Ledger, thumbprints: Collection[str]) -> list[str]:
    known = {event.sha1 for event in ledger.events() if event.what == REFUSED}
    return [r.sha1 for r in ledger.rows() if r.kind == "client" and r.sha1 in thumbprints and r.sha1 not in known]


@dataclass(frozen=True)
class _Ending:
    """What is to end: all certificates of `names`, and those of `thumbprints`."""

    state: str
    names: frozenset[str]
    thumbprints: frozenset[str]
    now: datetime

    def of(self, history: Sequence[Row]) -> list[Row]:
        """What has expired needs no revoking; but of the current identity the key is to go all the same."""
        return [
            row
            for row in history
            if (row.name in self.names or row.sha1 in self.thumbprints)
            and row.state in ENDS[self.state]
            and (row.not_after > self.now or row.state == "issued")
        ]


def _foresee(folder: Folder, ending: _Ending) -> Outcome:
    with reading(folder) as ledger:
        rows = ledger.rows()
        deliveries = ledger.deliveries()
    owners = {row.sha1: row.name for row in rows if row.kind == "client"}
    foreign = sorted(ending.thumbprints - set(owners))
    if foreign:
        raise PkiError(
            f"Nobody was revoked: the PKI folder {folder.path} knows no client certificate {foreign[0]}; check the "
            "thumbprint, or tell Azure alone, with server_configuration_certificates."
        )
    macs = macs_of_clients(on_macs(deliveries, rows))
    misspelt = unknown_clients(
        ending.names, {name: macs[name].last.host if name in macs else "" for name in by_client(rows)}
    )
    if misspelt and ending.state == "revoked":
        raise PkiError(f"Nobody was revoked: the PKI folder {folder.path} knows {misspelt}.")
    names = ending.names | {owners[sha1] for sha1 in ending.thumbprints}
    found = leftovers(folder, [row for row in rows if row.name in names and row.kind == "client"])
    unfinished = {row.name for row in (*found.finish, *found.abandon, *found.destroy)}  # by a killed run
    rows = settled(rows, found)
    history = by_client(rows)
    entries, before, ended = {}, {}, set()
    for name in sorted(names):
        rows_to_end = ending.of(history.get(name, ()))
        ended |= {row.sha1 for row in rows_to_end}
        before[name] = entry_of(folder, current_of(history.get(name, ())))
        entry = _entry(history.get(name, ()), rows_to_end, ending.state)
        if name in unfinished:
            entry = replace(entry, changed=True, reason=entry.reason or ending.state)
        entries[name] = entry
    after = [replace(row, state=ending.state) if row.sha1 in ended else row for row in rows]
    done = replaced(after, on_macs(deliveries, after), ending.now)
    return Outcome(
        entries,
        before,
        still_to_refuse(after, ending.now),
        [f"The PKI folder {folder.path} knows {misspelt}: there was nothing to remove."] if misspelt else [],
        revocable=told_certificates(row for row in done if row.name in names),
    )


def _entry(history: Sequence[Row], ending: Sequence[Row], state: str) -> Entry:
    last = next((row for row in reversed(history) if row in ending or row.state == state), None)
    if last is None:
        return Entry()
    return Entry(
        changed=bool(ending),
        reason=state if ending else "",
        sha1=last.sha1,
        serial=last.serial,
        not_after=utc_text(last.not_after),
        root_sha1=last.root_sha1,
    )
