# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the client root and its generations.

To rotate the root, ask for the next generation. The older ones stay beside it, so that Azure can trust both while the
Macs change over, until they are retired. The highest generation is the current one: it signs clients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import read
from .._x509 import bounds, certificates, checks, keys, making
from .._x509.errors import require_cryptography
from .._x509.text import utc_text
from ._base import PkiError, sha256_hex
from .database import Place
from .deliveries import on_macs, relied_on
from .refusals import check_clock, refuse_lost_store, root_mark, sha1_of_trusted
from .sealing import check_passphrase
from .store import Certificate, Issuance, Store, reading, writing

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
    """The root that is wanted.

    The first four are used when it is made, and are then checked only; so is `identifier`, that of the fleet's
    profiles, which goes into the root's mark. `trusted` are the roots that Azure trusts, as dictionaries with `name`
    and `public_cert_data`; `clock_skew` is by how many seconds this controller's clock is ahead of Azure's.
    """

    common_name: str = "P2SRootCert"
    key_size: int = 2048
    valid_days: int = 3650
    identifier: str = ""
    passphrase: str | None = field(default=None, repr=False)
    generation: int = 1
    source: Source | None = None
    trusted: Sequence[Mapping[str, Any]] = ()
    clock_skew: int | None = None
    new_root: bool = False


@dataclass(frozen=True)
class RootResult:
    """`roots` and `current`, the one that was asked for, are what root_certificate returns; what is not known is empty.

    before  what `current` takes the place of; empty when there is no such root
    """

    changed: bool
    current: dict[str, Any]
    roots: list[dict[str, Any]]
    before: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Authority:
    """Who signs clients: the current root, with the CAs below it.

    certificates  the issuing CA first, the root last
    not_after     when the first of them ends
    """

    root: Certificate
    certificates: tuple[certificates.Certificate, ...]
    not_after: datetime


def generations(known: Sequence[Certificate]) -> dict[int, Certificate]:
    """The root of each generation, retired ones too; of one that was made anew, the last."""
    return {certificate.generation: certificate for certificate in known if certificate.kind == "root"}


def current_root(known: Sequence[Certificate], now: datetime) -> Certificate | None:
    """The root that signs clients: the highest generation that has begun, unless that has been retired."""
    begun = [root for _number, root in sorted(generations(known).items()) if root.begun(now)]
    return begun[-1] if begun and begun[-1].state == "issued" else None


def authority(store: Store, known: Sequence[Certificate], now: datetime) -> Authority | None:
    root = current_root(known, now)
    if root is None:
        return None
    pem, chain = store.texts(root.sha1)
    found = tuple(certificates.read(chain + pem, f"the store's root {root.sha1}"))
    return Authority(root, found, certificates.ends(found))


# -- present


def ensure_root(
    place: Place,
    request: RootRequest,
    *,
    now: datetime,
    who: str = "",
    check: bool = False,
    make_key: NewKey = keys.new_key,
) -> RootResult:
    """See that the wanted generation is there and is the current one; a passphrase, if given, has to be the right one.

    With `check` nothing is written. PkiError when something else is there than what is asked for: a root cannot be
    altered, only followed by another generation.
    """
    require_cryptography()
    _check(request)
    with reading(place) as store:
        known = store.certificates()
        before = describe_roots(store, known, now)
        reason = _reason(known, request, now)
        if store.exists and request.passphrase:
            store.unlock(request.passphrase)
    if not reason:
        return _result(before, before, request, now, changed=False)
    warnings = _ask_azure(known, request)
    issuance = _supplied(known, request, request.source, now) if request.source else None
    if issuance is None or issuance.private:
        check_passphrase(request.passphrase)
    if check:
        return _result(before, _foreseen(before, request, issuance), request, now, changed=True, warnings=warnings)
    issuance = issuance or _make(request, now, make_key)
    with writing(place, now, who) as store:
        known = store.certificates()
        reason = _reason(known, request, now)  # another process may have done it meanwhile
        if reason:
            if issuance.private:
                store.unlock(request.passphrase)
            if early := generations(known).get(request.generation):
                store.set_state(early, "retired", reason)
            store.issue([replace(issuance, certificate=replace(issuance.certificate, reason=reason))])
        after = describe_roots(store, store.certificates(), now)
    return _result(before, after, request, now, changed=bool(reason), warnings=warnings)


def _check(request: RootRequest) -> None:
    if request.generation < 1:
        raise PkiError("generation starts at 1; raise it by one to make a new root.")
    if not 1 <= request.valid_days <= MOST_DAYS:
        raise PkiError(f"valid_days must lie between 1 and {MOST_DAYS}.")
    if not (1 <= len(request.common_name) <= 64 and request.common_name.isprintable() and request.common_name.strip()):
        raise PkiError("common_name must have 1 to 64 printable characters.")


def _reason(known: Sequence[Certificate], request: RootRequest, now: datetime) -> str:
    """Why a root is to be made or taken in; empty when the wanted one is there. PkiError for what cannot be."""
    roots = generations(known)
    newest = max(roots, default=0)
    if request.generation > newest:
        return "missing"
    if request.generation < newest:
        raise PkiError(
            f"The store is at generation {newest} already, and an older root is never made current again; "
            f"set generation to {newest}, or to {newest + 1} for a new root."
        )
    root = roots[newest]
    if root.state == "retired":
        raise PkiError(f"Generation {newest} has been retired; set generation to {newest + 1} to make a new root.")
    _check_same(root, request)
    if root.begun(now):
        return ""
    if request.source:
        raise PkiError(
            f"The root of generation {newest} begins at {utc_text(root.not_before)}; wait, or set the clock."
        )
    return "not_yet_valid"


def _check_same(root: Certificate, request: RootRequest) -> None:
    """Raise PkiError when the generation that is there is not the one that is described."""
    if request.source:
        supplied, chain = _read_source(request.source)
        same = root.origin == "supplied" and root.options == _source_options(chain)
        if not same or supplied.sha1 != root.sha1 or (bool(request.source.key) and not root.has_key):
            raise PkiError(
                f"Generation {root.generation} is another root, chain or key than {request.source.certificate} and its "
                f"companions; set generation to {root.generation + 1} for a new root, or begin a new store."
            )
        return
    if root.origin == "supplied":
        raise PkiError(f"Generation {root.generation} came from a file; set certificate_source to that root again.")
    made_with = {"common_name": root.name, "key_size": json.loads(root.options).get("key_size")}
    for option, value in {"common_name": request.common_name, "key_size": request.key_size}.items():
        if made_with[option] != value:
            raise PkiError(
                f"The root of generation {root.generation} has {option} {made_with[option]}, not {value}. A root "
                f"cannot be altered: set {option} back, or set generation to {root.generation + 1} for a new root."
            )


def _ask_azure(known: Sequence[Certificate], request: RootRequest) -> list[str]:
    """Raise PkiError where a new root would be a mistake; otherwise warnings about what Azure trusts."""
    check_clock(request.clock_skew)
    if request.source:
        return []
    return refuse_lost_store(
        request.trusted,
        {certificate.sha1 for certificate in known},
        request.common_name,
        request.identifier,
        meant=request.new_root or bool(generations(known)),
    )


# -- making


def _make(request: RootRequest, now: datetime, make_key: NewKey) -> Issuance:
    key = make_key(request.key_size)
    root = making.make_root(key, request.common_name, now, request.valid_days, root_mark(request.identifier))
    return _ready(request, root, [], key, json.dumps({"key_size": request.key_size}))


def _supplied(known: Sequence[Certificate], request: RootRequest, source: Source, now: datetime) -> Issuance:
    root, chain = _read_source(source)
    checks.check_chain(root, chain, now, trusted=sha1_of_trusted(request.trusted))
    for earlier in generations(known).values():
        if earlier.sha1 == root.sha1:
            raise PkiError(
                f"{source.certificate} is the root of generation {earlier.generation} already; give a new root."
            )
    key = None
    if source.key:
        where = str(source.key)
        content = read(source.key, bounds.SECRET_FILE)
        key = keys.load_key(content, source.key_passphrase, where, "key_source_passphrase")
        checks.check_pair((chain or [root])[0], key, where)
    return _ready(request, root, chain, key, _source_options(chain))


def _read_source(source: Source) -> tuple[certificates.Certificate, list[certificates.Certificate]]:
    found = certificates.read(read(source.certificate, bounds.FILE), str(source.certificate))
    if len(found) != 1:
        raise PkiError(
            f"{source.certificate} holds {len(found)} certificates; give the root alone, others as chain_source."
        )
    chain = certificates.read(read(source.chain, bounds.FILE), str(source.chain)) if source.chain else []
    return found[0], [c for c in chain if c != found[0]]  # a chain file often ends with the root itself


def _source_options(chain: Sequence[certificates.Certificate]) -> str:
    return json.dumps({"chain": sha256_hex("".join(ca.pem for ca in chain).encode()) if chain else ""})


def _ready(
    request: RootRequest,
    root: certificates.Certificate,
    chain: Sequence[certificates.Certificate],
    key: keys.Key | None,
    options: str,
) -> Issuance:
    return Issuance.of(
        root,
        chain,
        keys.to_der(key) if key else None,
        kind="root",
        name=root.common_name,
        generation=request.generation,
        root_sha1=root.sha1,
        reason="",
        origin="supplied" if request.source else "made",
        options=options,
    )


# -- absent


def retire_root(
    place: Place, generation: int, *, now: datetime, who: str = "", force: bool = False, check: bool = False
) -> RootResult:
    """Destroy the key of a generation. Its certificate stays in the store.

    PkiError when a client still relies on it (see deliveries.relied_on), unless `force`.
    """
    require_cryptography()
    with reading(place) as store:
        known = store.certificates()
        before = describe_roots(store, known, now)
        root = _to_retire(store, known, generation, now, force=force)
    there = _told_of(before, generation)
    if root is None:
        return RootResult(False, there, before, there)
    if check:
        after = [told | {"state": "retired"} if told["sha1"] == root.sha1 else told for told in before]
        return RootResult(True, _told_of(after, generation), after, there)
    with writing(place, now, who) as store:
        root = _to_retire(store, store.certificates(), generation, now, force=force)
        if root:
            store.set_state(root, "retired", "forced" if force else "unused")
        after = describe_roots(store, store.certificates(), now)
    return RootResult(bool(root), _told_of(after, generation), after, there)


def _to_retire(
    store: Store, known: Sequence[Certificate], generation: int, now: datetime, *, force: bool
) -> Certificate | None:
    root = generations(known).get(generation)
    if root is None or root.state == "retired":
        return None
    depending = relied_on(known, on_macs(store.deliveries(), known), now).get(root.sha1, [])
    if depending and not force:
        shown = f"{', '.join(depending[:3])}{', ...' if len(depending) > 3 else ''}"
        raise PkiError(
            f"The root of generation {generation} is still needed by {len(depending)} clients ({shown}): their valid "
            "certificates come from it, or nobody has seen newer ones on their Macs yet; issue them from a newer "
            "generation and deliver them, revoke or remove the clients, or set force."
        )
    return root


# -- telling


def describe_roots(store: Store, known: Sequence[Certificate], now: datetime) -> list[dict[str, Any]]:
    """All roots, oldest generation first, in the shape that root_certificate returns."""
    current = current_root(known, now)
    roots = sorted((c for c in known if c.kind == "root"), key=lambda root: root.generation)  # keeps their order
    return [_told(root, _state(root, current, now), store.texts(root.sha1)[0]) for root in roots]


def _state(root: Certificate, current: Certificate | None, now: datetime) -> str:
    if root is current:
        return "current"
    if root.state == "retired":
        return "retired"
    return "previous" if root.begun(now) else "not_yet_valid"


def _told(root: Certificate, state: str, pem: bytes) -> dict[str, Any]:
    return {
        "generation": root.generation,
        "state": state,
        "common_name": root.name,
        "sha1": root.sha1,
        "sha256": root.sha256,
        "not_after": utc_text(root.not_after),
        "public_cert_data": certificates.read_one(pem, f"the store's root {root.sha1}").public_cert_data,
    }


def _foreseen(
    before: Sequence[Mapping[str, Any]], request: RootRequest, issuance: Issuance | None
) -> list[dict[str, Any]]:
    """All roots, once the one that is asked for is there."""
    turns = {"current": "previous", "not_yet_valid": "retired"}
    after = [
        {**root, "state": turns.get(root["state"], root["state"])}
        if root["state"] == "current" or root["generation"] == request.generation
        else dict(root)
        for root in before
    ]
    if issuance:
        return [*after, _told(issuance.certificate, "current", issuance.pem)]
    unknown = dict.fromkeys(("sha1", "sha256", "not_after", "public_cert_data"), "")
    known = {"generation": request.generation, "state": "current", "common_name": request.common_name}
    return [*after, known | unknown]


def _told_of(told: list[dict[str, Any]], generation: int) -> dict[str, Any]:
    return next((root for root in reversed(told) if root["generation"] == generation), {})


def _result(
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    request: RootRequest,
    now: datetime,
    *,
    changed: bool,
    warnings: Sequence[str] = (),
) -> RootResult:
    current = _told_of(after, request.generation)
    told = list(warnings)
    if current["not_after"] and current["not_after"] <= utc_text(now + WARN):
        told.append(
            f"The client root {current['common_name']} ends at {current['not_after']}, and no client certificate "
            f"outlives it; set generation to {request.generation + 1} to make its successor."
        )
    earlier = next((root for root in before if root["state"] == "current"), {})
    return RootResult(changed, current, after, earlier, told)
