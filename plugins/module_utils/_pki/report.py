# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what the store tells, for people and for reports. Reads, and never writes.

The texts of an export depend on the store alone, not on the day: an unchanged store exports the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from .._text import csv_text
from .._x509.text import bare, utc_text
from ._base import PkiError
from .database import Place
from .deliveries import OnMac, macs_by_client, on_macs, relied_on, replaced, serial_numbers
from .plan import told_certificates
from .refusals import still_revoked, to_refuse
from .roots import current_root, describe_roots
from .store import ENROLLED, REFUSED, Certificate, Event, GatewayRoot, Store, by_client, current_of, reading

FORMATS = (".json", ".csv")
CSV_COLUMNS = (
    "kind", "name", "common_name", "generation", "state", "since", "why", "who", "reason", "origin", "sha1", "sha256",
    "serial", "subject", "root_sha1", "not_before", "not_after",
)  # fmt: skip

RENEW = "Renew it."
ENROL = "Have the MDM bring the profile again, so that the Mac gets another certificate by SCEP."
TWO_MACS = "Give one of the Macs a client of its own, or, if it is no more, let the module ledger forget it."
NEVER_DELIVERED = (
    "Bring the profile onto the Mac, and have it approved; a Mac with its certificates in a keychain has no profile "
    "and needs nothing."
)

Events = Mapping[tuple[str, str], Event]


def tell(
    place: Place,
    *,
    now: datetime,
    renew_before_days: int = 30,
    clients: Sequence[str] | None = None,
    history: bool = False,
    may_be_missing: bool = False,
) -> dict[str, Any]:
    """Everything that ledger_info returns, of all clients or of these: names, common names, or thumbprints.

    PkiError when there is no store, unless that may be.
    """
    with reading(place) as store:
        if not may_be_missing:
            require_store(store, place)
        certificates = store.certificates()
        events, deliveries, refusals = store.events(), store.deliveries(), store.refusals()
        roots = describe_roots(store, certificates, now)
        trusted = {root.sha256: root for package in store.packages() for root in store.gateway_roots(package.place)}
    last = {(event.sha1, event.what): event for event in events}
    macs = on_macs(deliveries, certificates)
    asked = {*(clients or ()), *map(bare, clients or ())}
    names = {
        c.name
        for c in certificates
        if c.kind == "client" and (clients is None or asked & {c.name, c.common_name, c.sha1})
    }
    shown = [c for c in certificates if c.kind == "root" or c.name in names]
    hosts = {mac.last.host for mac in macs if clients is None or mac.client in names}
    needed = relied_on(certificates, macs, now)
    standing = _Standing(certificates, macs, last, now, timedelta(days=renew_before_days))
    sha1s = {c.sha1 for c in shown}
    told = [event for event in events if clients is None or event.client in names or event.sha1 in sha1s]
    return {
        "time": utc_text(now),
        "clients": {name: standing.of(name) for name in sorted(names)},
        "certificates": [_stable(c, last) | {"days_left": _days(c.not_after, now)} for c in shown],
        "roots": [root | {"needed_by": needed.get(root["sha1"], [])} for root in roots],
        "gateway_roots": [_gateway_root(root) for _sha256, root in sorted(trusted.items())],
        "revoked": told_certificates(still_revoked(certificates, now)),
        "to_refuse": to_refuse(certificates, now),
        "revocable": told_certificates(c for c in replaced(certificates, macs, now) if c.name in names),
        "refusals": [asdict(refusal) for refusal in refusals],
        "events": [asdict(event) for event in told] if history else [],
        "deliveries": [
            asdict(delivery)
            for delivery in (deliveries if history else [mac.last for mac in macs])
            if delivery.host in hosts
        ],
    }


def require_store(store: Store, place: Place) -> None:
    if not store.exists:
        raise PkiError(f"There is no store at {place} yet; make it with root_certificate first.")


def _stable(certificate: Certificate, last: Events) -> dict[str, Any]:
    """What does not depend on the day."""
    event = last.get((certificate.sha1, certificate.state))
    told = {column: getattr(certificate, column, "") for column in CSV_COLUMNS}
    told |= {"not_before": utc_text(certificate.not_before), "not_after": utc_text(certificate.not_after)}
    return told | ({"since": event.time, "why": event.reason, "who": event.who} if event else {})


def _gateway_root(root: GatewayRoot) -> dict[str, Any]:
    told = {"subject": root.subject, "sha1": root.sha1, "sha256": root.sha256}
    return told | {"not_after": utc_text(root.not_after)}


def _renewal(certificate: Certificate) -> str:
    return ENROL if certificate.origin == ENROLLED else RENEW


def _days(end: datetime, now: datetime) -> int:
    """Whole days left; negative once it has ended."""
    return (end - now) // timedelta(days=1)


# -- per client


class _Standing:
    """Says of each client where it stands, and what to do next."""

    def __init__(
        self,
        certificates: Sequence[Certificate],
        macs: Sequence[OnMac],
        last: Events,
        now: datetime,
        renew_before: timedelta,
    ) -> None:
        self.history, self.root = by_client(certificates), current_root(certificates, now)
        self.roots = {c.sha1: c for c in certificates if c.kind == "root"}
        self.macs, self.serials = macs_by_client(macs), serial_numbers(macs)
        self.events, self.now, self.renew_before = last, now, renew_before

    def of(self, name: str) -> dict[str, Any]:
        history, macs = self.history[name], self.macs.get(name, [])
        mac = macs[-1] if macs else None
        current = current_of(history)
        held = next((c for c in history if mac and not mac.bare and c.sha1 == mac.holds), None)
        status, next_step, detail = self._status(name, current, mac, held)
        last, verified = (mac.last, mac.verified) if mac else (None, None)
        shown = current or history[-1]
        root = self.roots.get(shown.root_sha1)
        return {
            "status": status,
            "next_step": next_step,
            "detail": detail,
            "common_name": shown.common_name,
            "sha1": shown.sha1,
            "serial": shown.serial,
            "state": shown.state,
            "origin": shown.origin,
            "not_after": utc_text(shown.not_after),
            "days_left": _days(shown.not_after, self.now),
            "generation": root.generation if root else 0,
            "host": last.host if last else "",
            "serial_number": last.serial_number if last else "",
            "serial_numbers": sorted(self.serials.get(name, ())),
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

    def _status(
        self, name: str, current: Certificate | None, mac: OnMac | None, held: Certificate | None
    ) -> tuple[str, str, str]:
        """The status, what to do next, which is the same for all that need the same, and what is this client's own."""
        serials = self.serials.get(name, {})
        if current is None:
            return self._ended(self.history[name], held)
        if len(serials) > 1:
            macs = " and ".join(f"{host} ({serial})" for serial, host in serials.items())
            return "two_macs", TWO_MACS, f"{macs} have its identity, which is for one Mac."
        if not current.begun(self.now):
            return "not_yet_valid", _renewal(current), f"Its certificate begins at {utc_text(current.not_before)} only."
        if current.not_after <= self.now:
            return "expired", _renewal(current), f"Its certificate ended at {utc_text(current.not_after)}."
        return self._on_mac(current, mac, held)

    def _on_mac(self, current: Certificate, mac: OnMac | None, held: Certificate | None) -> tuple[str, str, str]:
        if mac is None and current.origin == ENROLLED:  # it was found on its Mac
            return self._to_renew(current) or ("current", "", "")
        if mac is None or (mac.verified is None and not mac.last.shown_uuid):
            # Certificates in a keychain are never delivered, yet used.
            return self._to_renew(current) or ("never_delivered", NEVER_DELIVERED, "")
        if held is not current or mac.last.status != "installed":
            return self._behind(mac, held)
        return self._to_renew(current) or ("current", "", "")

    def _withdrawn(self, certificate: Certificate) -> bool:
        root = self.roots.get(certificate.root_sha1)
        return root is not None and root.state == "retired"

    def _to_renew(self, current: Certificate) -> tuple[str, str, str] | None:
        if self._withdrawn(current):
            return "old_root", RENEW, "Its root has been withdrawn, so it cannot connect."
        if self.root and current.origin != ENROLLED and current.root_sha1 != self.root.sha1:
            return "old_root", RENEW, f"Its root is no longer the current one, {self.root.name}."
        if self.now >= current.not_after - self.renew_before:
            return "expiring", _renewal(current), f"Its certificate ends at {utc_text(current.not_after)}."
        return None

    def _ended(self, history: Sequence[Certificate], held: Certificate | None) -> tuple[str, str, str]:
        revoked = [c for c in history if c.state == "revoked"]
        if not revoked:
            return "removed", "", "Revoke it if nobody is to connect with its certificate any more."
        seen = [self.events.get((c.sha1, REFUSED)) for c in revoked if c.not_after > self.now]
        if not all(seen):
            return "revoked", f"See that Azure refuses it{', and take the profile off the Mac' if held else ''}.", ""
        times = [event.time for event in seen if event]
        since = f"Azure refuses it, as was seen at {max(times)}." if times else "Its certificates have ended."
        return "revoked", "Take the profile off the Mac." if held else "", since

    def _behind(self, mac: OnMac, held: Certificate | None) -> tuple[str, str, str]:
        if mac.last.status == "removed":
            return "removed_from_mac", "Bring the profile back onto the Mac, or end the client.", ""
        status = "removed_from_mac" if mac.bare else "behind"
        wait = {
            "incomplete": "Remove the profile from the Mac and bring it back, for not all that it holds is there.",
            "pending_approval": "Have the waiting profile approved on the Mac, and look at it again.",
            "no_console_user": "Offer the profile again when somebody is at the screen of the Mac.",
            "mdm_required": "Let the MDM deliver the exported profile, and look at the Mac again.",
        }.get(mac.last.status, "Bring the profile onto the Mac when it can be reached.")
        if held is None or not mac.last.shown_uuid or mac.last.status == "incomplete":
            return status, wait, ""
        if held.state == "revoked":
            return status, wait, "The certificate on it has been revoked."
        if self._withdrawn(held):
            return status, wait, "The root of the certificate on it has been withdrawn, so it cannot connect."
        if held.not_after <= self.now:
            return status, wait, f"The certificate on it ended at {utc_text(held.not_after)}, so it cannot connect."
        return status, wait, f"Until {utc_text(held.not_after)} it connects with the certificate that is on it."


# -- export


def export_text(place: Place, suffix: str) -> bytes:
    """The whole store as text: everything as `.json`, one line per certificate as `.csv`. No secret is in it."""
    if suffix not in FORMATS:
        raise PkiError(f"An export ends with {' or '.join(FORMATS)}, not with {suffix or 'nothing'}; rename it.")
    with reading(place) as store:
        require_store(store, place)
        events = store.events()
        last = {(event.sha1, event.what): event for event in events}
        told = [_stable(certificate, last) for certificate in store.certificates()]
        if suffix == ".csv":
            return csv_text([CSV_COLUMNS, *(list(entry.values()) for entry in told)]).encode()
        for entry in told:
            entry["pem"], entry["chain"] = (text.decode("ascii") for text in store.texts(entry["sha1"]))
        document = {
            "certificates": told,
            "events": [asdict(event) for event in events],
            "deliveries": [asdict(delivery) for delivery in store.deliveries()],
            "profiles": [asdict(profile) for profile in store.profiles()],
            "refusals": [asdict(refusal) for refusal in store.refusals()],
            "sightings": [asdict(each) | {"time": utc_text(each.time)} for each in store.sightings()],
        }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
