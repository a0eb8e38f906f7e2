# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet on paper: what ledger_info, connection_info and the last run tell of so many Macs, the same at every call.

For what shows a fleet, and would take hours to make a real one of this size first. A test holds its keys against the
documentation of the modules.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.conclusion import Standing, document

NOW = datetime(2026, 11, 28, 14, 30, tzinfo=UTC)
IDENTIFIER = "com.example.user-vpn"
ROOTS = ("P2SRootCert", "P2SRootCert 2")
GATEWAY_ROOTS = {
    "CN=DigiCert Global Root G2,OU=www.digicert.com,O=DigiCert Inc,C=US": "2038-01-15T12:00:00Z",
    "CN=Microsoft RSA Root Certificate Authority 2017,O=Microsoft Corporation,C=US": "2042-07-18T23:00:23Z",
}
PEOPLE = ("anna", "ben", "chris", "dana", "emil", "fatima", "george", "hana", "ivan", "julia", "kofi", "lena")
PLACES = ("ber", "ams", "lon", "nyc", "sfo", "tok")
VERSIONS = ("26.1", "26.1", "26.0.1", "15.7.2", "15.7.2", "15.7.1", "15.5", "14.8.2", "13.7.8")
# Of 40 Macs, how many stand where, and what was said of their profiles.
STANDINGS = (
    ("current", "installed", "", ""), ("expiring", "installed", "Renew it.", "Its certificate ends at {end}."),
    ("behind", "pending_approval", "Have the waiting profile approved on the Mac, and look at it again.",
     "Until {held} it connects with the certificate that is on it."),
    ("behind", "no_console_user", "Offer the profile again when somebody is at the screen of the Mac.",
     "Until {held} it connects with the certificate that is on it."),
    ("never_delivered", "", "Bring the profile onto the Mac, and have it approved; a Mac with its certificates in a "
     "keychain has no profile and needs nothing.", ""),
    ("removed_from_mac", "removed", "Bring the profile back onto the Mac, or end the client.", ""),
    ("expired", "installed", "Renew it.", "Its certificate ended at {end}."),
    ("revoked", "removed", "", "Azure refuses it, as was seen at 2026-10-02T09:12:00Z."),
)  # fmt: skip
WHICH = (0,) * 27 + (1,) * 4 + (2, 2, 2, 3, 4, 4, 5, 6, 7)


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def sha1(*of: Any) -> str:
    return hashlib.sha1(repr(of).encode()).hexdigest().upper()


def version(*of: Any) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, repr(of))).upper()


def name_of(number: int) -> str:
    return f"mac-{PLACES[number % len(PLACES)]}-{PEOPLE[number * 7 % len(PEOPLE)]}-{number:03}"


def told(macs: int) -> dict[str, Any]:
    """As ledger_info returns it, with its history."""
    found: dict[str, Any] = {
        "time": text(NOW), "clients": {}, "certificates": [], "events": [], "deliveries": [], "revoked": [],
        "to_refuse": [], "refusals": [], "revocable": [],
        "gateway_roots": [
            {"subject": subject, "sha1": sha1(subject), "sha256": sha1(subject) + sha1(end)[:24], "not_after": end}
            for subject, end in GATEWAY_ROOTS.items()
        ],
    }  # fmt: skip
    for number in range(macs):
        _client(found, number)
    found["roots"] = [
        {
            "generation": generation,
            "state": ("previous", "current")[generation - 1],
            "common_name": name,
            "public_cert_data": "MIIC5zCCAc+gAwIBAgIQFvz",
            "sha1": sha1(name),
            "sha256": sha1(name) + sha1(generation)[:24],
            "not_after": ("2027-05-30T12:00:00Z", "2036-11-19T12:00:00Z")[generation - 1],
            "needed_by": sorted(n for n, c in found["clients"].items() if c["generation"] == generation),
        }
        for generation, name in enumerate(ROOTS, start=1)
    ]
    found["events"].sort(key=lambda event: event["time"])
    return found


def _client(found: dict[str, Any], number: int) -> None:
    name = name_of(number)
    status, delivery, next_step, detail = STANDINGS[WHICH[number * 11 % len(WHICH)]]
    days = {"expiring": 3 + number % 25, "expired": -(1 + number % 9)}.get(status, 31 + number * 37 % 334)
    end = NOW.replace(hour=12) + timedelta(days=days)
    held = NOW.replace(hour=12) + timedelta(days=5 + number % 40) if status == "behind" else end
    has = bool(delivery) and delivery != "removed"
    current, old = sha1("new", name), sha1("old", name)
    seen = text(NOW - timedelta(days=number % 6, minutes=number * 17 % 1440))
    generation = 1 if number % 9 == 0 else 2
    shown = version("old" if status == "behind" else "new", name) if has else ""
    roots = [root["sha1"] for root in found["gateway_roots"]]
    serial = f"C02{sha1('serial', name)[:9]}"
    version_of_macos = VERSIONS[number * 5 % len(VERSIONS)] if delivery else ""
    found["clients"][name] = {
        "status": status,
        "next_step": next_step,
        "detail": detail.format(end=text(end), held=text(held)),
        "common_name": name,
        "sha1": current,
        "serial": sha1("number", name)[:32],
        "state": "revoked" if status == "revoked" else "issued",
        "origin": "made",
        "not_after": text(end),
        "days_left": (end - NOW) // timedelta(days=1),
        "generation": generation,
        "host": name if delivery else "",
        "serial_number": serial if delivery else "",
        "serial_numbers": [serial] if delivery else [],
        "macos_version": version_of_macos,
        "identifier": IDENTIFIER if delivery else "",
        "delivery": delivery,
        "seen": seen if delivery else "",
        "verified": seen if has else "",
        "profile_uuid": shown,
        "gateway_roots": roots[: 1 if status == "behind" else 2] if has else [],
        "mac_sha1": (old if status == "behind" else current) if has else "",
        "mac_not_after": text(held) if has else "",
        "mac_days_left": (held - NOW) // timedelta(days=1) if has else 0,
    }
    if delivery:
        wanted = "" if delivery == "removed" else version("new", name)
        found["deliveries"].append({
            "time": seen, "host": name, "identifier": IDENTIFIER, "serial_number": serial,
            "macos_version": version_of_macos, "status": delivery, "profile_uuid": wanted, "shown_uuid": shown,
            "profile_sha256": "", "certificate_sha1": current, "gateway_roots": roots,
        })  # fmt: skip
    _certificates(found, name, end, (old, current), generation)


def _certificates(found: dict[str, Any], name: str, end: datetime, sha1s: tuple[str, str], generation: int) -> None:
    revoked = found["clients"][name]["status"] == "revoked"
    for which, own in enumerate(sha1s):
        until = end - timedelta(days=335 * (1 - which))
        issued = until - timedelta(days=365)
        happened = [(issued, "issued", ("new", "expiring")[which], "awx-nightly")]
        if which == 0:
            happened.append((issued + timedelta(days=335), "superseded", "expiring", "awx-nightly"))
        elif revoked:
            happened.append((datetime(2026, 10, 2, 9, 4, tzinfo=UTC), "revoked", "stolen, ticket 4711", "anna"))
            happened.append((datetime(2026, 10, 2, 9, 12, tzinfo=UTC), "refused", "", "anna"))
        found["events"] += (
            {"time": text(time), "sha1": own, "client": name, "what": what, "reason": reason, "who": who}
            for time, what, reason, who in happened
        )
        last = next(each for each in reversed(happened) if each[1] != "refused")
        found["certificates"].append({
            "kind": "client", "name": name, "common_name": name, "generation": 0, "state": last[1],
            "since": text(last[0]), "why": last[2], "who": last[3], "reason": happened[0][2], "origin": "made",
            "sha1": own, "sha256": own + own[:24], "serial": sha1("number", own)[:32], "subject": f"CN={name}",
            "root_sha1": sha1(ROOTS[generation - 1]), "not_before": text(issued), "not_after": text(until),
            "days_left": (until - NOW) // timedelta(days=1),
        })  # fmt: skip


def connected(macs: int) -> dict[str, Any]:
    """As connection_info returns it; one is connected twice."""
    names = [name_of(number) for number in range(macs) if WHICH[number * 11 % len(WHICH)] < 2 and number % 3]
    sessions = [
        {
            "gateway": f"gateway-{('westeurope', 'eastus')[number % 2]}",
            "connection_id": f"IKE_{version(number)}",
            "user_name": name,
            "client": name,
            "host": name,
            "revoked": False,
            "since": text(NOW - timedelta(minutes=13 + number * 29 % 600)),
            "seconds": 3600,
            "public_address": "203.0.113.7",
            "private_address": f"172.31.{250 + number // 250 % 4}.{number % 250 + 2}",
            "ingress_bytes": 8000,
            "egress_bytes": 9000,
            "connection_configuration": "P2SConnectionConfigDefault",
            "address_pools": ["172.31.250.0/23"],
            "user_groups": ["Employees"],
        }
        for number, name in enumerate([*names, *names[1:2]])
    ]
    return {
        "connections": len(sessions),
        "addresses": sorted(session["private_address"] for session in sessions),
        "twice": names[1:2],
        "revoked": [],
        "unknown": [],
        "by_address": False,
        "sessions": sessions,
    }


def run(macs: int) -> str:
    """As the last run has left it in conclusion.json."""
    sessions = {session["client"]: session["private_address"] for session in connected(macs)["sessions"]}
    said = {
        "pending_approval": ("waiting for approval", "Each person approves the profile in System Settings > General > "
                             "Device Management; then run again."),
        "no_console_user": ("nobody at the screen", "Run again when somebody is logged in at the screen."),
        "": ("unreachable", "Run again when they are reachable."),
    }  # fmt: skip
    found = []
    for name, client in told(macs)["clients"].items():
        if client["status"] != "revoked":
            status, next_step = said.get(client["delivery"], ("current", ""))
            found.append(
                Standing(
                    name,
                    status,
                    "",
                    next_step,
                    failed=status == "unreachable",
                    connected=name in sessions,
                    address=sessions.get(name, ""),
                    user_group="Employees",
                    address_pools=["172.31.250.0/23"],
                )
            )
    return document(found, "2026-11-28T02:41:00Z")
