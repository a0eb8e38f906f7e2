# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the client root and its generations.

To rotate the root, ask for the next generation. The older ones stay beside it, so that Azure can trust both while the
Macs change over, until they are retired. The highest generation is the current one: it signs clients.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import read, tighten, too_open
from .._x509 import certificates, checks, keys, making
from .._x509.certificates import Certificate
from .._x509.errors import require_cryptography
from ._base import SMALL_FILE, PkiError, file_has, pem_file_has, sha256_hex, utc_text
from .deliveries import on_macs, relied_on
from .folder import Folder
from .issuing import Issuance, destroy, issue, leftovers, require_private, restore_public_files, settle, settled
from .ledger import Ledger, Row, reading, writing

if TYPE_CHECKING:
    from .._x509.keys import NewKey

MOST_DAYS = 36_500
WARN = timedelta(days=180)  # a rotation takes every Mac's renewal: half a year is not too early to say so


@dataclass(frozen=True)
class Source:
    """A root made elsewhere. Without `key`, client identities have to be supplied too."""

    certificate: Path
    key: Path | None = None
    key_passphrase: str | None = field(default=None, repr=False)
    chain: Path | None = None


@dataclass(frozen=True)
class RootRequest:
    """The root that is wanted; the first four are used when it is made, and are then checked only."""

    common_name: str = "P2SRootCert"
    passphrase: str | None = field(default=None, repr=False)
    key_size: int = 2048
    valid_days: int = 3650
    generation: int = 1
    source: Source | None = None


@dataclass(frozen=True)
class RootResult:
    """`current` and each of `roots` are what root_certificate returns; values not known yet are empty."""

    changed: bool
    current: dict[str, Any]
    roots: list[dict[str, Any]]
    before: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def generations(rows: Sequence[Row]) -> dict[int, Row]:
    """The root of each generation, retired ones too."""
    return {row.generation: row for row in rows if row.kind == "root" and row.state in {"issued", "retired"}}


def current_root(rows: Sequence[Row]) -> Row | None:
    """The root that signs clients: the highest generation, unless that has been retired."""
    known = generations(rows)
    newest = known[max(known)] if known else None
    return newest if newest and newest.state == "issued" else None


# -- present


def ensure_root(
    folder: Folder,
    request: RootRequest,
    *,
    now: datetime,
    check: bool = False,
    make_key: NewKey | None = None,
) -> RootResult:
    """See that the wanted generation is there, is whole, is the current one, and that the passphrase opens its key.

    With `check` nothing is written. PkiError when something else is there than what is asked for: a root cannot be
    altered, only followed by another generation.
    """
    require_cryptography()
    _check(request)
    with reading(_ours(folder)) as ledger:
        rows = ledger.rows()
        found = leftovers(folder, [row for row in rows if row.kind == "root"])
        rows = settled(rows, found)
        opened = too_open(folder.path)
        work = _work(folder, rows, request) or bool(found) or bool(opened)
        before = describe_roots(folder, ledger, rows)
        if not work:
            return _result(before, before, request, now, changed=False)
        foreseen = _foresee(rows, request, now)
    if check:
        folder.require_writable()
        after = before
        if not _state_of(before, request.generation):
            after = [*_dethroned(before), _predicted(folder, request, foreseen)]
        return _result(before, after, request, now, changed=True, opened=opened)
    with folder.writing(), writing(folder) as ledger:
        tighten(folder.path)
        changed = bool(settle(folder, ledger, now)) or bool(opened)
        rows = ledger.rows()
        work = _work(folder, rows, request)  # another process may have done it while we waited for the lock
        if work == "missing":
            issuance = _foresee(rows, request, now) or _make(request, now, make_key or keys.new_key)
            issue(folder, ledger, [issuance], now)
        elif work == "damaged":
            for row in generations(rows).values():
                restore_public_files(folder, ledger, row)
        after = describe_roots(folder, ledger, ledger.rows())
    return _result(before, after, request, now, changed=changed or bool(work), opened=opened)


def _ours(folder: Folder) -> Folder:
    folder.exists()  # raises for a folder that is not ours
    return folder


def _check(request: RootRequest) -> None:
    if request.generation < 1:
        raise PkiError("generation starts at 1; raise it by one to make a new root.")
    if not 1 <= request.valid_days <= MOST_DAYS:
        raise PkiError(f"valid_days must lie between 1 and {MOST_DAYS}.")
    if not (1 <= len(request.common_name) <= 64 and request.common_name.isprintable() and request.common_name.strip()):
        raise PkiError("common_name must have 1 to 64 printable characters.")
    if request.key_size not in keys.KEY_SIZES:
        raise PkiError(f"key_size must be one of {', '.join(map(str, keys.KEY_SIZES))}.")
    if request.passphrase is None and (request.source is None or request.source.key):
        raise PkiError("Set passphrase: it encrypts the key of the root.")


def _work(folder: Folder, rows: Sequence[Row], request: RootRequest) -> str:
    """What is to be done: `missing` (make it), `damaged` (a public file is), or nothing."""
    known = generations(rows)
    newest = max(known, default=0)
    if request.generation > newest:
        return "missing"
    if request.generation < newest:
        raise PkiError(
            f"{folder.path} is at generation {newest} already, and an older root is never made current again; "
            f"set generation to {newest}, or to {newest + 1} for a new root."
        )
    row = known[newest]
    if row.state == "retired":
        raise PkiError(f"Generation {newest} has been retired; set generation to {newest + 1} to make a new root.")
    _check_same(row, request)
    if row.private_sha256:
        open_key(folder, row, request.passphrase)
    files, chain = row.files(folder), json.loads(row.options).get("chain", "")
    whole = pem_file_has(files.certificate, row.sha256) and (
        not chain or files.chain is None or file_has(files.chain, chain)
    )
    # An older release wrote no numbers into the folder.
    numbered = all(root.files(folder).has_generation(root.generation) for root in known.values())
    return "" if whole and numbered else "damaged"


def _check_same(row: Row, request: RootRequest) -> None:
    """Raise PkiError when the generation that is there is not the one that is described."""
    if request.source:
        root, chain = _read_source(request.source)
        # By its content alone: a rebuilt ledger cannot tell every root that was supplied from one that was made here.
        same = json.loads(row.options).get("chain", "") == json.loads(_source_options(chain))["chain"]
        if not same or root.sha1 != row.sha1 or (bool(request.source.key) and not row.private_sha256):
            raise PkiError(
                f"Generation {row.generation} is another root, chain or key than {request.source.certificate} and its "
                f"companions; set generation to {row.generation + 1} for a new root, or begin a new PKI folder."
            )
        return
    made_with = {"common_name": row.name, "key_size": json.loads(row.options).get("key_size")}
    asked = {"common_name": request.common_name, "key_size": request.key_size}
    if row.origin == "supplied":
        raise PkiError(f"Generation {row.generation} came from a file; set certificate_source to that root again.")
    for option, value in asked.items():
        if made_with[option] != value:
            raise PkiError(
                f"The root of generation {row.generation} has {option} {made_with[option]}, not {value}. A root cannot "
                f"be altered: set {option} back, or set generation to {row.generation + 1} for a new root."
            )


def open_key(folder: Folder, row: Row, passphrase: str | None) -> Any:
    """The key that signs clients of this root."""
    content = require_private(folder, row)
    if not passphrase:
        raise PkiError("Set passphrase: the key of the root is encrypted with it.")
    return keys.load_key(content, passphrase, str(row.files(folder).private), "passphrase", ours=True)


# -- making


def _foresee(rows: Sequence[Row], request: RootRequest, now: datetime) -> Issuance | None:
    """The new root as far as it is known before it is made: whole when it comes from a file. Raises what would fail."""
    if request.generation <= max(generations(rows), default=0):
        return None
    if request.passphrase is not None:
        keys.check_passphrase(request.passphrase)
    return _supplied(rows, request, request.source, now) if request.source else None


def _make(request: RootRequest, now: datetime, make_key: NewKey) -> Issuance:
    key = make_key(request.key_size)
    root = making.make_root(key, request.common_name, now, request.valid_days)
    return _ready(request, root, [], key, json.dumps({"key_size": request.key_size}))


def _supplied(rows: Sequence[Row], request: RootRequest, source: Source, now: datetime) -> Issuance:
    root, chain = _read_source(source)
    checks.check_chain(root, chain, now)
    for row in generations(rows).values():
        if row.sha1 == root.sha1:
            raise PkiError(f"{source.certificate} is the root of generation {row.generation} already; give a new root.")
    key = None
    if source.key:
        where = str(source.key)
        key = keys.load_key(read(source.key, SMALL_FILE), source.key_passphrase, where, "key_source_passphrase")
        checks.check_pair((chain or [root])[0], key, where)
    return _ready(request, root, chain, key, _source_options(chain))


def _read_source(source: Source) -> tuple[Certificate, list[Certificate]]:
    found = certificates.read(read(source.certificate, SMALL_FILE), str(source.certificate))
    if len(found) != 1:
        raise PkiError(
            f"{source.certificate} holds {len(found)} certificates; give the root alone, others as chain_source."
        )
    chain = certificates.read(read(source.chain, SMALL_FILE), str(source.chain)) if source.chain else []
    return found[0], [c for c in chain if c != found[0]]  # a chain file often ends with the root itself


def _source_options(chain: Sequence[Certificate]) -> str:
    text = _chain_text(chain)
    return json.dumps({"chain": sha256_hex(text) if text else ""})


def _chain_text(chain: Sequence[Certificate]) -> bytes:
    return b"".join(c.pem.encode() for c in chain)


def _ready(request: RootRequest, root: Certificate, chain: Sequence[Certificate], key: Any, options: str) -> Issuance:
    private = keys.encrypt_key(key, request.passphrase or "") if key else b""
    row = Row(
        sha1=root.sha1,
        sha256=root.sha256,
        kind="root",
        name=root.common_name,
        generation=request.generation,
        serial=root.serial,
        subject=root.subject,
        root_sha1=root.sha1,
        not_before=root.not_before,
        not_after=root.not_after,
        state="intended",
        reason="missing",
        origin="supplied" if request.source else "made",
        options=options,
        private_sha256=sha256_hex(private) if private else "",
    )
    return Issuance(row, root.pem.encode(), private, _chain_text(chain))


# -- absent


def retire_root(
    folder: Folder, generation: int, *, now: datetime, force: bool = False, check: bool = False
) -> RootResult:
    """Destroy the key of a generation. Its certificate stays in the ledger and in the folder.

    PkiError when a client still relies on it (see deliveries.relied_on), unless `force`.
    """
    require_cryptography()
    with reading(_ours(folder)) as ledger:
        rows = ledger.rows()
        before = describe_roots(folder, ledger, rows)
        row = _to_retire(ledger, rows, generation, now, force=force)
    if row is None:
        there = _state_of(before, generation)
        return RootResult(False, there, before, there)
    if check:
        folder.require_writable()
        after = [r | {"state": "retired"} if r["generation"] == generation else r for r in before]
        return RootResult(True, _state_of(after, generation), after, _state_of(before, generation))
    with folder.writing(), writing(folder) as ledger:
        settle(folder, ledger, now)
        row = _to_retire(ledger, ledger.rows(), generation, now, force=force)
        if row:
            if row.state != "retired":
                with ledger.transaction():
                    ledger.set_state(row, "retired", "forced" if force else "unused", now)
            if row.private_sha256:
                destroy(folder, ledger, [row], now)
        after = describe_roots(folder, ledger, ledger.rows())
    return RootResult(True, _state_of(after, generation), after, _state_of(before, generation))


def _to_retire(ledger: Ledger, rows: Sequence[Row], generation: int, now: datetime, *, force: bool) -> Row | None:
    row = generations(rows).get(generation)
    if row is None or (row.state == "retired" and not row.private_sha256):
        return None
    depending = relied_on(rows, on_macs(ledger.deliveries(), rows), now).get(row.sha1, [])
    if depending and not force:
        shown = f"{', '.join(depending[:3])}{', ...' if len(depending) > 3 else ''}"
        raise PkiError(
            f"The root of generation {generation} is still needed by {len(depending)} clients ({shown}): their valid "
            "certificates come from it, or nobody has seen newer ones on their Macs yet; issue them from a newer "
            "generation and deliver them, revoke or remove the clients, or set force."
        )
    return row


# -- telling


def describe_roots(folder: Folder, ledger: Ledger, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """All generations, oldest first, in the shape that root_certificate returns."""
    current = current_root(rows)
    told = []
    for _number, row in sorted(generations(rows).items()):
        pem, chain = ledger.texts(row.sha1)
        files = row.files(folder)
        told.append(
            {
                "generation": row.generation,
                "state": "current" if row is current else "retired" if row.state == "retired" else "previous",
                "common_name": row.name,
                "sha1": row.sha1,
                "sha256": row.sha256,
                "not_after": utc_text(row.not_after),
                "public_cert_data": certificates.read_one(pem, row.name).public_cert_data,
                "certificate_path": str(files.certificate),
                "chain_path": str(files.chain) if chain else "",
            }
        )
    return told


def _predicted(folder: Folder, request: RootRequest, issuance: Issuance | None) -> dict[str, Any]:
    told: dict[str, Any] = dict.fromkeys(
        ("sha1", "sha256", "not_after", "public_cert_data", "certificate_path", "chain_path"), ""
    )
    told |= {"generation": request.generation, "state": "current", "common_name": request.common_name}
    if issuance:
        row, files = issuance.row, issuance.row.files(folder)
        told |= {"common_name": row.name, "sha1": row.sha1, "sha256": row.sha256, "not_after": utc_text(row.not_after)}
        told["public_cert_data"] = certificates.read_one(issuance.pem, row.name).public_cert_data
        told["certificate_path"] = str(files.certificate)
        told["chain_path"] = str(files.chain) if issuance.chain else ""
    return told


def _dethroned(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [root | {"state": "previous"} if root["state"] == "current" else root for root in told]


def _state_of(told: list[dict[str, Any]], generation: int) -> dict[str, Any]:
    return next((root for root in told if root["generation"] == generation), {})


def _result(
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    request: RootRequest,
    now: datetime,
    *,
    changed: bool,
    opened: Sequence[Path] = (),
) -> RootResult:
    current = _state_of(after, request.generation)
    warnings = []
    if opened:
        warnings.append(
            f"Other accounts had access to {len(opened)} files or folders with private keys, from {opened[0]} on; that "
            "is taken away. Think of a new root if somebody may have read them, who knows the passphrase."
        )
    if current["not_after"] and current["not_after"] <= utc_text(now + WARN):
        warnings.append(
            f"The client root {current['common_name']} ends at {current['not_after']}, and no client certificate "
            f"outlives it; set generation to {request.generation + 1} to make its successor."
        )
    earlier = [root for root in before if root["state"] == "current"]
    return RootResult(changed, current, after, earlier[0] if earlier else {}, warnings)
