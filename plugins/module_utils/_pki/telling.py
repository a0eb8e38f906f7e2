# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what the ledger tells, for people and for reports. Reads, and never writes.

The texts of an export depend on the ledger alone, not on the day: an unchanged ledger exports the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from .._text import csv_text
from .._x509.text import bare
from ._base import PkiError, utc_text
from .deciding import current_of
from .deliveries import OnMac, macs_of_clients, on_macs, relied_on, replaced
from .folder import Folder
from .issuing import leftovers, settled
from .ledger import REFUSED, Event, Ledger, Row, by_client, reading
from .outcome import still_to_refuse, told_certificates
from .roots import current_root, describe_roots, generations

FORMATS = (".json", ".csv")
CSV_COLUMNS = (
    "kind", "name", "generation", "state", "since", "why", "reason", "origin", "sha1", "sha256", "serial", "subject",
    "root_sha1", "not_before", "not_after",
)  # fmt: skip

NEVER_DELIVERED = (
    "Bring the profile onto the Mac with the playbook site, and have it approved; a Mac with its certificates in a "
    "keychain has no profile and needs nothing."
)

Events = Mapping[tuple[str, str], Event]


def tell(
    folder: Folder,
    *,
    now: datetime,
    renew_before_days: int = 30,
    names: Sequence[str] | None = None,
    history: bool = False,
) -> dict[str, Any]:
    """Everything that ledger_info returns, of all clients or of `names`. PkiError when there is no ledger."""
    require_ledger(folder)
    with reading(folder) as ledger:
        rows = ledger.rows()
        rows = settled(rows, leftovers(folder, rows))
        events, deliveries = ledger.events(), ledger.deliveries()
        entered = _state_events(events)
        roots = describe_roots(folder, ledger, rows)
    macs = on_macs(deliveries, rows)
    wanted = {row.name for row in rows if row.kind == "client"}
    if names is not None:
        asked = {*names, *map(bare, names)}
        wanted = {row.name for row in rows if row.name in wanted and asked & {row.name, row.sha1}}
    refused = {sha1: event.time for (sha1, what), event in entered.items() if what == REFUSED}
    needed = relied_on(rows, macs, now)
    shown = [row for row in rows if row.kind == "root" or row.name in wanted]
    hosts = {mac.last.host for mac in macs if names is None or mac.client in wanted}
    summary = Summary(rows, by_client(rows), macs_of_clients(macs), now, timedelta(days=renew_before_days), refused)
    told = {
        "clients": {name: summary.of(name) for name in sorted(wanted)},
        "certificates": [_certificate(row, entered, folder, now) for row in shown],
        "roots": [root | {"needed_by": needed.get(root["sha1"], [])} for root in roots],
        "revoked": still_to_refuse(rows, now),
        "revocable": told_certificates(row for row in replaced(rows, macs, now) if row.name in wanted),
        "deliveries": [asdict(mac.last) for mac in macs if mac.last.host in hosts],
        "events": [],
    }
    if history:
        shas = {row.sha1 for row in shown}
        told["events"] = [asdict(event) for event in events if event.sha1 in shas]
        told["deliveries"] = [asdict(delivery) for delivery in deliveries if delivery.host in hosts]
    return told


def require_ledger(folder: Folder) -> None:
    if not folder.exists():
        raise PkiError(f"{folder.path} is no PKI folder yet; make one with root_certificate first.")


def _state_events(events: Iterable[Event]) -> dict[tuple[str, str], Event]:
    """The last event of each kind that a certificate has had: mostly, that it came into a state."""
    return {(event.sha1, event.what): event for event in events}


def _certificate(row: Row, events: Events, folder: Folder, now: datetime) -> dict[str, Any]:
    return _stable(row, events) | {
        "days_left": _days(row.not_after, now),
        "certificate_path": str(row.files(folder).certificate),
    }


def _stable(row: Row, events: Events) -> dict[str, Any]:
    """What does not depend on the day or on where the folder lies."""
    last = events.get((row.sha1, row.state))
    return {
        "kind": row.kind,
        "name": row.name,
        "generation": row.generation,
        "state": row.state,
        "since": last.time if last else "",
        "why": last.reason if last else "",
        "reason": row.reason,
        "origin": row.origin,
        "sha1": row.sha1,
        "sha256": row.sha256,
        "serial": row.serial,
        "subject": row.subject,
        "root_sha1": row.root_sha1,
        "not_before": utc_text(row.not_before),
        "not_after": utc_text(row.not_after),
    }


def _days(end: datetime, now: datetime) -> int:
    """Whole days left; negative once it has ended."""
    return (end - now) // timedelta(days=1)


# -- per client


@dataclass(frozen=True)
class Summary:
    """Says of each client where it stands, and what to do next."""

    rows: Sequence[Row]
    history: Mapping[str, Sequence[Row]]
    macs: Mapping[str, OnMac]
    now: datetime
    renew_before: timedelta
    refused: Mapping[str, str]  # since when Azure was seen to refuse a certificate, by SHA-1

    def of(self, name: str) -> dict[str, Any]:
        history, mac = self.history[name], self.macs.get(name)
        current = current_of(history)
        held = next((row for row in history if mac and not mac.bare and row.sha1 == mac.holds), None)
        status, next_step = self._status(history, current, mac, held)
        last, verified = (mac.last, mac.verified) if mac else (None, None)
        shown = current or history[-1]
        return {
            "status": status,
            "next_step": next_step,
            "sha1": shown.sha1,
            "serial": shown.serial,
            "state": shown.state,
            "not_after": utc_text(shown.not_after),
            "days_left": _days(shown.not_after, self.now),
            "generation": self._generation(shown),
            "host": last.host if last else "",
            "serial_number": last.serial_number if last else "",
            "macos_version": last.macos_version if last else "",
            "identifier": last.identifier if last else "",
            "delivery": last.status if last else "",
            "seen": last.time if last else "",
            "verified": verified.time if verified else "",
            "profile_uuid": last.shown_uuid if last else "",
            "gateway_roots": list(verified.gateway_roots) if verified else [],
            "mac_sha1": held.sha1 if held else "",
            "mac_not_after": utc_text(held.not_after) if held else "",
            "mac_days_left": _days(held.not_after, self.now) if held else 0,
        }

    def _generation(self, row: Row) -> int:
        return next((root.generation for root in generations(self.rows).values() if root.sha1 == row.root_sha1), 0)

    def _withdrawn(self, row: Row) -> bool:
        return any(root.sha1 == row.root_sha1 and root.state == "retired" for root in self.rows)

    def _status(
        self, history: Sequence[Row], current: Row | None, mac: OnMac | None, held: Row | None
    ) -> tuple[str, str]:
        if current is None:
            return self._ended(history, held)
        if current.not_after <= self.now:
            return "expired", f"Renew it: its certificate ended at {utc_text(current.not_after)}."
        if mac is None or (mac.verified is None and not mac.last.shown_uuid):
            status, next_step = self._to_renew(current)  # certificates in a keychain are never delivered, yet used
            return ("never_delivered", NEVER_DELIVERED) if status == "current" else (status, next_step)
        if held is not current or mac.last.status != "installed":
            return self._behind(mac, held)
        return self._to_renew(current)

    def _to_renew(self, current: Row) -> tuple[str, str]:
        root = current_root(self.rows)
        if self._withdrawn(current):
            return "old_root", "Renew it: its root has been withdrawn, so it cannot connect."
        if root and current.root_sha1 != root.sha1:
            return "old_root", f"Renew it: its root is no longer the current one, {root.name}."
        if self.now >= current.not_after - self.renew_before:
            return "expiring", f"Renew it before {utc_text(current.not_after)}."
        return "current", ""

    def _ended(self, history: Sequence[Row], held: Row | None) -> tuple[str, str]:
        if any(row.state == "revoked" for row in history):
            valid = [row.sha1 for row in history if row.state == "revoked" and row.not_after > self.now]
            told = all(sha1 in self.refused for sha1 in valid)
            if not told:
                return "revoked", f"See that Azure refuses it{', and take the profile off the Mac' if held else ''}."
            if held:
                return "revoked", "Take the profile off the Mac."
            since = f"Azure refuses it, as was seen at {max(map(self.refused.__getitem__, valid))}" if valid else ""
            return "revoked", f"Nothing; {since or 'its certificates have ended'}."
        if all(row.state in {"superseded", "abandoned"} for row in history):
            return (
                "removed",
                "Run the playbook site if it is still managed, or revoke it; a rebuilt ledger cannot tell.",
            )
        return "removed", "Nothing; revoke it if nobody is to connect with its certificate any more."

    def _behind(self, mac: OnMac, held: Row | None) -> tuple[str, str]:
        if mac.last.status == "removed":
            return "removed_from_mac", "Run the playbook site to bring the profile back, or end the client."
        return "removed_from_mac" if mac.bare else "behind", self._catch_up(mac, held)

    def _catch_up(self, mac: OnMac, held: Row | None) -> str:
        wait = {
            "pending_approval": "Have the waiting profile approved on the Mac, and run the playbook site again",
            "no_console_user": "Run the playbook site again when somebody is at the screen of the Mac",
            "mdm_required": "Let the MDM deliver the exported profile, and run the playbook site again",
        }.get(mac.last.status, "Run the playbook site when the Mac can be reached")
        if held is None or not mac.last.shown_uuid:
            return f"{wait}."
        if held.state == "revoked":
            return f"{wait}; the certificate on it has been revoked."
        if self._withdrawn(held):
            return f"{wait}; the root of the certificate on it has been withdrawn, so it cannot connect."
        if held.not_after <= self.now:
            return f"{wait}; the certificate on it ended at {utc_text(held.not_after)}, so it cannot connect."
        return f"{wait}; until {utc_text(held.not_after)} it connects with the certificate that is on it."


# -- export


def export_text(folder: Folder, suffix: str) -> bytes:
    """The whole ledger as text: everything as `.json`, one line per certificate as `.csv`. No secret is in it."""
    if suffix not in FORMATS:
        raise PkiError(f"An export ends with {' or '.join(FORMATS)}, not with {suffix or 'nothing'}; rename it.")
    require_ledger(folder)
    with reading(folder) as ledger:
        return _csv(ledger) if suffix == ".csv" else _json(ledger)


def _json(ledger: Ledger) -> bytes:
    events = ledger.events()
    entered = _state_events(events)
    certificates = []
    for row in ledger.rows():
        pem, chain = ledger.texts(row.sha1)
        texts = {"pem": pem.decode(), "chain": chain.decode()}
        certificates.append(_stable(row, entered) | texts)
    document: Mapping[str, Any] = {
        "certificates": certificates,
        "events": [asdict(event) for event in events],
        "deliveries": [asdict(delivery) for delivery in ledger.deliveries()],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _csv(ledger: Ledger) -> bytes:
    entered = _state_events(ledger.events())
    told = (_stable(row, entered) for row in ledger.rows())
    return csv_text([CSV_COLUMNS, *([row[column] for column in CSV_COLUMNS] for row in told)]).encode()
