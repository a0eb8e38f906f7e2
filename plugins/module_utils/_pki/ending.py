# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the end of clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from . import certificates
from ._base import utc_text
from .deciding import current_of
from .folder import Folder
from .issuing import destroy, leftovers, settle, settled
from .ledger import Row, by_client, reading, writing
from .outcome import Entry, Outcome, entry_of, still_to_refuse
from .requests import ClientRequest, shown

# For each way to end a client: the states of its certificates that are ended.
ENDS = {
    "revoked": {"issued", "superseded", "removed"},
    "removed": {"issued"},
}


def end_clients(
    folder: Folder, requests: Sequence[ClientRequest], state: str, *, now: datetime, check: bool = False
) -> Outcome:
    """End clients: `revoked` (every certificate of theirs that is still valid), or just `removed` from the folder.

    Either way the private key is destroyed here and the ledger keeps the certificates. A client that was ended before
    is left as it is. One that never was fails, if it is to be revoked: a misspelt name must not look like a success.
    With `check` nothing is written.
    """
    certificates.require_cryptography()
    folder.exists()  # raises for a folder that is not ours
    outcome = _foresee(folder, requests, state, now)
    if not outcome.changed:
        return outcome
    folder.require_writable()
    if not check:
        with folder.writing(), writing(folder) as ledger:
            settle(folder, ledger, now)
            ending = [row for name in outcome.entries for row in _to_end(ledger.rows_of_client(name), state, now)]
            with ledger.transaction():
                for row in ending:
                    ledger.set_state(row, state, state, now)
            destroy(folder, ledger, [row for row in ending if row.private_sha256], now)
    return outcome


def _foresee(folder: Folder, requests: Sequence[ClientRequest], state: str, now: datetime) -> Outcome:
    names = {request.name for request in requests}
    with reading(folder) as ledger:
        rows = ledger.rows()
    rows = settled(rows, leftovers(folder, [row for row in rows if row.name in names and row.kind == "client"]))
    history = by_client(rows)
    entries, before, ended = {}, {}, set()
    for name in sorted(names):
        ending = _to_end(history.get(name, ()), state, now)
        ended |= {row.sha1 for row in ending}
        before[name] = entry_of(folder, current_of(history.get(name, ())))
        entries[name] = _entry(folder, name, history.get(name, ()), ending, state)
    after = [replace(row, state=state) if row.sha1 in ended else row for row in rows]
    return Outcome(entries, before, still_to_refuse(after, names, now))


def _entry(folder: Folder, name: str, history: Sequence[Row], ending: Sequence[Row], state: str) -> Entry:
    if state == "revoked" and not history:
        return Entry(
            failed=True,
            msg=f"The PKI folder {folder.path} knows no certificate of a client {shown(name)}; check the name.",
        )
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


def _to_end(history: Sequence[Row], state: str, now: datetime) -> list[Row]:
    """What has expired needs no revoking; but of the current identity the key is to go all the same."""
    return [row for row in history if row.state in ENDS[state] and (row.not_after > now or row.state == "issued")]
