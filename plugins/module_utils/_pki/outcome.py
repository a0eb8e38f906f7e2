# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what is told about clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ._base import utc_text
from .folder import Folder
from .ledger import Row


@dataclass(frozen=True)
class Entry:
    """One client, in the shape that client_certificates returns. What is not known (yet) is empty."""

    changed: bool = False
    reason: str = ""
    sha1: str = ""
    serial: str = ""
    not_after: str = ""
    pkcs12_path: str = ""
    certificate_path: str = ""
    root_sha1: str = ""
    chain_path: str = ""
    key_wanted: bool = False
    spent_keys: tuple[str, ...] = ()
    failed: bool = False
    msg: str = ""


def entry_of(folder: Folder, row: Row | None, chain_path: str = "") -> Entry:
    """The identity that a client has; an empty entry when it has none."""
    if row is None:
        return Entry()
    files = row.files(folder)
    return Entry(
        sha1=row.sha1,
        serial=row.serial,
        not_after=utc_text(row.not_after),
        pkcs12_path=str(files.private) if row.private_sha256 else "",
        certificate_path=str(files.certificate),
        root_sha1=row.root_sha1,
        chain_path=chain_path,
    )


@dataclass(frozen=True)
class Outcome:
    """Of one call.

    entries   by name, as they are now (or would be, in check mode)
    before    by name, as they were
    revoked   certificates of all clients that Azure has to refuse by thumbprint until they end: also of those that
              nobody names any more
    revocable older ones whose successor has been verified on the Mac: they may be revoked
    deferred  renewals that a later run will do, the most urgent first
    """

    entries: dict[str, Entry]
    before: dict[str, Entry]
    revoked: list[dict[str, str]]
    warnings: list[str] = field(default_factory=list)
    revocable: list[dict[str, str]] = field(default_factory=list)
    deferred: list[dict[str, str]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return any(entry.changed for entry in self.entries.values())

    @property
    def failures(self) -> list[str]:
        return sorted(name for name, entry in self.entries.items() if entry.failed)

    def as_dicts(self) -> dict[str, dict[str, Any]]:
        return {name: asdict(entry) | {"spent_keys": list(entry.spent_keys)} for name, entry in self.entries.items()}

    def diff(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after of the clients that have changed. There has never been a secret in an entry."""
        changed = sorted(name for name, entry in self.entries.items() if entry.changed)
        before = {n: {"serial": e.serial, "not_after": e.not_after} for n in changed if (e := self.before[n]).serial}
        after = {
            name: {"serial": entry.serial or "(new)", "not_after": entry.not_after, "reason": entry.reason}
            for name in changed
            for entry in [self.entries[name]]
        }
        return before, after


def still_to_refuse(rows: Iterable[Row], now: datetime) -> list[dict[str, str]]:
    """The client certificates among the rows that have been revoked and have not ended."""
    return told_certificates(r for r in rows if r.kind == "client" and r.state == "revoked" and r.not_after > now)


def told_certificates(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Client certificates as results list them."""
    return [
        {"name": r.name, "sha1": r.sha1, "serial": r.serial, "not_after": utc_text(r.not_after)}
        for r in sorted(rows, key=lambda r: (r.name, r.sha1))
    ]
