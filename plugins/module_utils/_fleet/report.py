# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where each Mac stands, for people, for spreadsheets and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .._errors import UserVpnError
from .._text import cleaned, csv_text
from .naming import first_of
from .sessions import by_client, is_unanswered, out_of_place, unanswered

FORMS = ("txt", "csv", "json")
COLUMNS = (
    "status", "common_name", "sha1", "not_after", "days_left", "generation", "host", "serial_number", "macos_version",
    "delivery", "seen", "verified", "profile_uuid", "mac_sha1", "mac_not_after", "mac_days_left", "next_step",
)  # fmt: skip
#: Of each session, what does not change while it lasts; no public address, for anybody may read the report.
OF_A_SESSION = ("gateway", "since", "private_address", "user_groups")
#: What a playbook sees to; ledger_info itself knows of none.
BY_PLAYBOOK = ("expired", "expiring", "old_root", "behind", "never_delivered", "removed_from_mac")
_ROW = "{:28} {:16} {:>6} {:>6} {:>6} {:>8} {:>5} {:10}  {}"
_HEAD = ("client", "status", "days", "on Mac", "macOS", "profile", "roots", "seen")
_CONNECTED = "{:16}  {}"  # in front of the next step, where Azure was asked

Told = Mapping[str, Any]


def report(told: Told, form: str, connected: Told = MappingProxyType({}), mdm: Told = MappingProxyType({})) -> str:
    """What ledger_info has told, in one of FORMS, whole lines.

    connected  what connection_info has told, where Azure was asked for names. Who is connected and must not be, or who
               is twice, comes first.
    mdm        what mdm_profile_info has told, where an MDM was asked
    """
    if form not in FORMS:
        raise UserVpnError(f"A report is {', '.join(FORMS)}, not {form}.")
    shown = {key: told[key] for key in ("clients", "roots")} | _connections(told["clients"], connected)
    shown |= _in_mdm(shown["clients"], mdm)
    shown = cleaned(shown, keep="")
    if form == "json":
        return json.dumps(shown, indent=4, sort_keys=True) + "\n"
    return "".join(f"{line}\n" for line in _lines(shown)) if form == "txt" else csv_text(_rows(shown))


def _connections(clients: Told, connected: Told) -> dict[str, Any]:
    """The clients with their sessions, and what there is to say of these; nothing where Azure was not asked."""
    if is_unanswered(connected):
        return {"connections": {"said": [unanswered(connected)]}}
    if "sessions" not in connected:
        return {}
    sessions = by_client(connected)
    said = [*out_of_place(connected)]
    if unknown := connected["unknown"]:
        said.append(f"Connected, and no clients of this store: {first_of(unknown)}.")
    shown = {
        name: client | {"sessions": [{key: each[key] for key in OF_A_SESSION} for each in sessions.get(name, ())]}
        for name, client in clients.items()
    }
    named = {key: connected[key] for key in ("revoked", "twice", "unknown")}
    return {"clients": shown, "connections": named | {"said": said}}


def _in_mdm(clients: Told, mdm: Told) -> dict[str, Any]:
    """The clients with what the MDM says of their Macs, and that in a line a state; nothing where none was asked."""
    if "macs" not in mdm:
        refused = bool(mdm.get("msg")) and not mdm.get("skipped")
        return {"mdm": {"said": [f"The MDM did not say how far its profiles are: {mdm['msg']}"]}} if refused else {}
    macs: Mapping[str, Told] = mdm["macs"]
    by_state: dict[str, list[str]] = {}
    for host, mac in sorted(macs.items()):
        seen = f" (last heard of {mac['last_seen'][:16].replace('T', ' ')})" if mac["last_seen"] else ""
        by_state.setdefault(mac["state"], []).append(host if mac["state"] == "installed" else f"{host}{seen}")
    said = [
        f"In the MDM, {state}: {len(hosts) if state == 'installed' else first_of(hosts)}."
        for state, hosts in sorted(by_state.items())
    ]
    shown = {
        name: client | {"mdm": {key: macs[client["host"]][key] for key in ("state", "last_seen", "error")}}
        if client["host"] in macs
        else client
        for name, client in clients.items()
    }
    return {"clients": shown, "mdm": {"said": said}}


def _in_order(told: Told) -> list[tuple[str, Told]]:
    """The clients by name; first those whose sessions must not be."""

    def out_of_place(client: Told) -> bool:
        sessions = client.get("sessions", ())
        return len(sessions) > 1 or bool(sessions and client["status"] == "revoked")

    return sorted(told["clients"].items(), key=lambda item: (not out_of_place(item[1]), item[0]))


def _rows(told: Told) -> Iterator[list[Any]]:
    yield ["client", *COLUMNS, "gateway_roots", "sessions", "since", "address", "gateway", "mdm", "mdm_last_seen"]
    for name, client in _in_order(told):
        sessions = client.get("sessions", ())
        of_sessions = (" ".join(each[key] for each in sessions) for key in ("since", "private_address", "gateway"))
        number = len(sessions) if "sessions" in client else ""
        of_mdm = (client.get("mdm", {}).get(key, "") for key in ("state", "last_seen"))
        known = (client[column] for column in COLUMNS)
        yield [name, *known, " ".join(client["gateway_roots"]), number, *of_sessions, *of_mdm]


def _lines(told: Told) -> Iterator[str]:
    asked = "sessions" in next(iter(told["clients"].values()), ())
    yield from told.get("connections", {}).get("said", ())
    yield from told.get("mdm", {}).get("said", ())
    yield _ROW.format(*_HEAD, _CONNECTED.format("connected", "next step") if asked else "next step")
    for name, client in _in_order(told):
        yield _ROW.format(
            name,
            client["status"],
            client["days_left"],
            client["mac_days_left"] if client["mac_sha1"] else "-",
            client["macos_version"] or "-",
            client["profile_uuid"][:8] or "-",
            len(client["gateway_roots"]) if client["profile_uuid"] else "-",
            client["seen"][:10] or "-",
            _CONNECTED.format(_since(client["sessions"]), client["next_step"]) if asked else client["next_step"],
        ).rstrip()
    if any(client["status"] in BY_PLAYBOOK for client in told["clients"].values()):
        yield "Run the playbook vwan.user_vpn.renew for what is to be renewed, brought onto a Mac or looked at again."
    for root in told["roots"]:
        yield (
            f"root {root['common_name']}, generation {root['generation']} ({root['state']}), until "
            f"{root['not_after'][:10]}, needed by {len(root['needed_by'])} clients"
        )


def _since(sessions: Sequence[Told]) -> str:
    """Whether a client is connected as Azure sees it: since when in UTC, or how many times."""
    if len(sessions) == 1:
        return str(sessions[0]["since"][:16]).replace("T", " ") or "yes"
    return f"{len(sessions)} times" if sessions else "-"
