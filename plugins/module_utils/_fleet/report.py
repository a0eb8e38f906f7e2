# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where each Mac stands, for people, for spreadsheets and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from .._errors import UserVpnError
from .._page.page import render
from .._text import cleaned, csv_text
from .conclusion import Standing, read
from .naming import first_of
from .overview import ENDED, RENEW, counts, is_for_playbook, page, since, steps, title, words
from .sessions import by_client, is_unanswered, out_of_place, unanswered

FORMS = ("txt", "csv", "json", "html")
COLUMNS = (
    "status", "common_name", "sha1", "not_after", "days_left", "generation", "host", "serial_number", "macos_version",
    "delivery", "seen", "verified", "profile_uuid", "mac_sha1", "mac_not_after", "mac_days_left", "next_step", "detail",
)  # fmt: skip
#: Of each session, what does not change while it lasts; no public address, for anybody may read the report.
OF_A_SESSION = ("gateway", "since", "private_address", "user_groups")
_HEAD = ("client", "status", "days", "on Mac", "macOS", "profile", "roots", "seen")
_NUMBERS = ("days", "on Mac", "roots")

Told = Mapping[str, Any]
NOTHING: Told = MappingProxyType({})


def report(
    told: Told,
    form: str,
    connected: Told = NOTHING,
    mdm: Told = NOTHING,
    *,
    run: str = "",
    fleet: str = "",
    configuration: str = "",
) -> str:
    """What ledger_info has told, in one of FORMS, whole lines.

    connected      what connection_info has told, where Azure was asked for names. Who is connected and must not be, or
                   who is twice, comes first.
    mdm            what mdm_profile_info has told, where an MDM was asked
    run            the content of `conclusion.json`, which the last run has left; the page alone tells it
    fleet          what people call it
    configuration  the name of the User VPN configuration
    """
    if form not in FORMS:
        raise UserVpnError(f"A report is {', '.join(FORMS)}, not {form}.")
    shown = {"date": told["time"][:10]} | {key: told[key] for key in ("clients", "roots")}
    shown |= _connections(told["clients"], connected)
    shown |= _in_mdm(shown["clients"], mdm)
    if form == "html":
        said = [line for key in ("connections", "mdm") for line in shown.get(key, {}).get("said", ())]
        whole = {**told, "clients": shown["clients"]}
        return _page(whole, connected, run, said, fleet=fleet, configuration=configuration)
    shown = cleaned(shown, keep="")
    if form == "json":
        return json.dumps(shown, indent=4, sort_keys=True) + "\n"
    return "".join(f"{line}\n" for line in _lines(shown, fleet)) if form == "txt" else csv_text(_rows(shown))


def _page(told: Told, connected: Told, run: str, said: list[str], **names: str) -> str:
    try:
        standings, run_at = read(run) if run else ([], "")
    except ValueError:
        standings, run_at = [], ""
        said = [*said, "What the last run has left in conclusion.json cannot be read, so nothing is told of that run."]
    whole = {"told": told, "connected": connected, "run_at": run_at, "said": said, **names}
    standings = [Standing(**cleaned(asdict(mac), keep="")) for mac in standings]
    return render(page(run=standings, **cleaned(whole, keep="")))


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
        f"In the MDM, {words(state)}: {len(hosts) if state == 'installed' else first_of(hosts)}."
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
        known = {column: client[column] for column in COLUMNS}
        if client["status"] in ENDED:
            known["days_left"] = ""
        if not client["mac_sha1"]:
            known["mac_days_left"] = ""
        known["generation"] = client["generation"] or ""
        yield [name, *known.values(), " ".join(client["gateway_roots"]), number, *of_sessions, *of_mdm]


def _lines(told: Told, fleet: str) -> Iterator[str]:
    clients = told["clients"]
    yield cleaned(f"{title(fleet)}, {told['date']}", keep="")
    by_status = ", ".join(f"{number} {words(status)}" for status, number in counts(clients))
    yield f"{len(clients)} client{'' if len(clients) == 1 else 's'}: {by_status or 'none'}."
    yield from told.get("connections", {}).get("said", ())
    yield from told.get("mdm", {}).get("said", ())
    asked = "sessions" in next(iter(clients.values()), ())
    yield ""
    yield from _table([
        (*_HEAD, *(("connected",) if asked else ()), "detail"),
        *(_cells(name, client, asked) for name, client in _in_order(told)),
    ])  # fmt: skip
    yield ""
    for step in steps(clients):
        yield f"{words(step['status'])}, {len(step['clients'])}: {first_of(step['clients'])}. {step['next_step']}"
    if is_for_playbook(clients):
        yield RENEW
    for root in told["roots"]:
        yield (
            f"root {root['common_name']}, generation {root['generation']} ({root['state']}), until "
            f"{root['not_after'][:10]}, needed by {len(root['needed_by'])} clients"
        )


def _cells(name: str, client: Told, asked: bool) -> tuple[str, ...]:
    sessions = client.get("sessions", ())
    return (
        name,
        words(client["status"]),
        str(client["days_left"]) if client["status"] not in ENDED else "-",
        str(client["mac_days_left"]) if client["mac_sha1"] else "-",
        client["macos_version"] or "-",
        client["profile_uuid"][:8] or "-",
        str(len(client["gateway_roots"])) if client["profile_uuid"] else "-",
        client["seen"][:10] or "-",
        *((since(sessions) if sessions else "-",) if asked else ()),
        client["detail"],
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows below each other, each column as wide as what is in it; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if head in _NUMBERS else "<" for head in rows[0]]
    for row in rows:
        cells = (f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
        yield "  ".join(cells).rstrip()
