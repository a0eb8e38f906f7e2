# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: client identities, in bulk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from .._x509 import checks, csr, keys, making, pkcs12
from .._x509.errors import require_cryptography
from ._base import PkiError, utc_text
from .deciding import Authority, Decider, Plan, Settings, check_settings
from .deliveries import on_macs, replaced
from .folder import Folder
from .issuing import Issuance, issue, restore_public_files, settle
from .ledger import reading, writing
from .outcome import Outcome, entry_of, still_to_refuse, told_certificates
from .requests import ClientRequest
from .roots import open_key

if TYPE_CHECKING:
    from .._x509.keys import NewKey

Progress = Callable[[int, int], None]  # issued so far, of how many

SAY_EVERY = 2.0  # seconds
BATCH_SECONDS = 1.0  # a killed run loses at most the work of about this long


def ensure_clients(
    folder: Folder,
    requests: Sequence[ClientRequest],
    settings: Settings,
    *,
    now: datetime,
    check: bool = False,
    make_key: NewKey | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """See that every client has a valid identity of the current root, made with these settings.

    Takes no lock and writes nothing when that is so already, or with `check`. A client that cannot be served fails
    alone, in its entry; PkiError is for what concerns them all, and is raised before anything is written.
    """
    require_cryptography()
    check_settings(settings, requests)
    decider = Decider(folder, settings, now)
    exists = folder.exists()
    with reading(folder) as ledger:
        plan = decider.plan(ledger, requests)
    if plan.work:
        folder.require_writable()
        if any(request.csr is None for request in plan.make):
            pkcs12.require_old_form()
        if plan.make:
            _require_passphrase(plan, settings)
        if plan.make and plan.authority:
            _issuer(decider, plan.authority)
        elif not plan.authority and not check:  # in check mode, the task that makes the root has only been predicted
            wanted = (
                "current root" if settings.generation is None else f"current root of generation {settings.generation}"
            )
            lacks = f"has no {wanted}" if exists else "is no PKI folder yet"
            raise PkiError(f"{folder.path} {lacks}; make one with root_certificate first.")
        if not check:
            plan = _carry_out(decider, requests, _Work(make_key or keys.new_key, progress))
    with reading(folder) as ledger:
        rows = ledger.rows()
        done = replaced(rows, on_macs(ledger.deliveries(), rows), now)
    return Outcome(
        plan.entries,
        plan.before,
        still_to_refuse(rows, now),
        plan.warnings,
        told_certificates(row for row in done if row.name in plan.entries),
        plan.deferred,
    )


@dataclass(frozen=True)
class _Work:
    make_key: NewKey
    progress: Progress | None


def _carry_out(decider: Decider, requests: Sequence[ClientRequest], work: _Work) -> Plan:
    """Decide again under the lock, and do it."""
    folder, now = decider.folder, decider.now
    with folder.writing(), writing(folder) as ledger:
        finished = settle(folder, ledger, now)
        plan = decider.plan(ledger, requests, finished)
        for row in plan.restore:
            restore_public_files(folder, ledger, row)
        issue(folder, ledger, plan.adopt, now)
        if plan.make and plan.authority:
            issuer = _issuer(decider, plan.authority)
            for batch in _batches(decider, plan, issuer, work):
                issue(folder, ledger, batch, now)
                for row in (issuance.row for issuance in batch):
                    entry = entry_of(folder, row, plan.authority.chain_path)
                    plan.entries[row.name] = replace(entry, changed=True, reason=row.reason)
    return plan


def _require_passphrase(plan: Plan, settings: Settings) -> None:
    if not settings.passphrase and not all(request.sources for request in plan.make):
        raise PkiError(f"Set passphrase: {len(plan.make)} client certificates are to be signed by the root.")


def _issuer(decider: Decider, authority: Authority) -> making.Issuer:
    if decider.now >= authority.not_after:
        raise PkiError(
            f"The root {authority.row.name} (or a CA below it) ended at {utc_text(authority.not_after)}; "
            "make its successor by raising generation of root_certificate."
        )
    key = open_key(decider.folder, authority.row, decider.settings.passphrase)
    checks.check_pair(authority.certificates[0], key, str(authority.row.files(decider.folder).private))
    return making.Issuer(authority.certificates[0], key)


def _batches(decider: Decider, plan: Plan, issuer: making.Issuer, work: _Work) -> Iterator[list[Issuance]]:
    """New identities as they get ready, made on all cores: making RSA keys is nearly all of the work."""

    def make(request: ClientRequest) -> Issuance:
        size = decider.settings.key_size
        key = work.make_key(size) if request.csr is None else None
        public_key = key.public_key() if key else csr.public_key(request.csr or "", request.name, size)
        names = (request.name, *request.sans)
        end = decider.end_of_new(authority)
        return decider.issuance(plan, request, making.make_client(issuer, public_key, names, decider.now, end), key)

    if plan.authority is None:
        return
    authority, total = plan.authority, len(plan.make)
    done, said = 0, time.monotonic()
    with ThreadPoolExecutor(_cores()) as pool:
        waiting: set[Future[Issuance]] = {pool.submit(make, request) for request in plan.make}
        try:
            while waiting:
                finished, waiting = wait(waiting, timeout=BATCH_SECONDS)
                yield [future.result() for future in finished]
                done += len(finished)
                if work.progress and time.monotonic() - said >= SAY_EVERY:
                    work.progress(done, total)
                    said = time.monotonic()
        finally:
            pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
