# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: where each Mac stands, for people, for spreadsheets and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .._errors import UserVpnError
from .._text import cleaned, csv_text

FORMS = ("txt", "csv", "json")
COLUMNS = (
    "status", "common_name", "sha1", "not_after", "days_left", "generation", "host", "serial_number", "macos_version",
    "delivery", "seen", "verified", "profile_uuid", "mac_sha1", "mac_not_after", "mac_days_left", "next_step",
)  # fmt: skip
#: What a playbook sees to; ledger_info itself knows of none.
BY_PLAYBOOK = ("expired", "expiring", "old_root", "behind", "never_delivered", "removed_from_mac")
_ROW = "{:28} {:16} {:>6} {:>6} {:>6} {:>8} {:>5} {:10}  {}"
_HEAD = ("client", "status", "days", "on Mac", "macOS", "profile", "roots", "seen", "next step")

Told = Mapping[str, Any]


def report(told: Told, form: str) -> str:
    """What ledger_info has told, in one of FORMS, whole lines."""
    if form not in FORMS:
        raise UserVpnError(f"A report is {', '.join(FORMS)}, not {form}.")
    told = cleaned({key: told[key] for key in ("clients", "roots")}, keep="")
    if form == "json":
        return json.dumps(told, indent=4, sort_keys=True) + "\n"
    return "".join(f"{line}\n" for line in _lines(told)) if form == "txt" else csv_text(_rows(told))


def _rows(told: Told) -> Iterator[list[Any]]:
    yield ["client", *COLUMNS, "gateway_roots"]
    for name, client in sorted(told["clients"].items()):
        yield [name, *(client[column] for column in COLUMNS), " ".join(client["gateway_roots"])]


def _lines(told: Told) -> Iterator[str]:
    yield _ROW.format(*_HEAD)
    for name, client in sorted(told["clients"].items()):
        yield _ROW.format(
            name,
            client["status"],
            client["days_left"],
            client["mac_days_left"] if client["mac_sha1"] else "-",
            client["macos_version"] or "-",
            client["profile_uuid"][:8] or "-",
            len(client["gateway_roots"]) if client["profile_uuid"] else "-",
            client["seen"][:10] or "-",
            client["next_step"],
        ).rstrip()
    if any(client["status"] in BY_PLAYBOOK for client in told["clients"].values()):
        yield "Run the playbook vwan.user_vpn.renew for what is to be renewed, brought onto a Mac or looked at again."
    for root in told["roots"]:
        yield (
            f"root {root['common_name']}, generation {root['generation']} ({root['state']}), until "
            f"{root['not_after'][:10]}, needed by {len(root['needed_by'])} clients"
        )
