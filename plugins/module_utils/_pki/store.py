# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the store, one database that knows every certificate ever issued, and every Mac.

Azure refuses a client by the SHA-1 of its certificate and by nothing else (no CRL, no OCSP), so a certificate that
nobody remembers can never be revoked. Hence a certificate is in the store, whole, before anybody can use it: what one
call issues is one transaction.

Private parts are sealed (see sealing.py); all else is readable by whoever may read the database. Times are texts,
`2026-11-22T21:00:00Z`, the same in both databases.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._x509.text import utc_moment, utc_text
from ._base import PkiError, der_of_pem
from .database import NotOursError, Place, Transaction, nowhere

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from .._x509.certificates import Certificate as X509
    from .sealing import Vault

R = TypeVar("R", bound="DataclassInstance")

APPLICATION = "vwan.user_vpn"
CLOCK_SKEW = timedelta(hours=1)
VERSION = 1
ENROLLED = "enrolled"  # an origin
UNKNOWN_VERSION = "unknown"  # of a profile that is on a Mac
REFUSED = "refused"  # the event that Azure was seen to refuse a certificate
ROWS = 500  # at a time: SQLite takes 32,766 values, PostgreSQL 65,535

# A certificate's states:
#   issued      the current one: of its client, or of its root generation
#   superseded  a newer one has replaced it; still valid for Azure until it ends or is revoked
#   removed     a client that is no longer managed; still valid for Azure until it ends or is revoked
#   revoked     to be refused
#   retired     a root generation whose key has been destroyed
# Only an issued one has a private part.
STATES = ("issued", "superseded", "removed", "revoked", "retired")
# What a certificate tells of itself.
TOLD = ("sha1", "sha256", "serial", "subject", "common_name", "not_before", "not_after", "public_key_sha256")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate.

    sha1, sha256       of its DER, upper-case hex; Azure knows it by the first
    kind               `root` or `client`
    name               the client's name; a root's common name
    generation         a root's number, from 1; 0 for a client
    root_sha1          the root at the top of its chain; a root names itself
    mark               of a revoked one, why Azure is to refuse it: `superseded`, its successor is on the Mac, or
                       `revoked`, nobody is to connect with it; else empty
    reason             why it was issued
    origin             `made` here; `supplied`, made by another CA; `certified` here for a key that its Mac has made; or
                       `enrolled`, what its Mac got from another CA by itself, of which this store never has the key.
                       Of one that an MDM has listed only what that says is known: no sha256, no public key, no PEM, and
                       no root
    options            JSON of the options it was made with, to notice that they have changed
    public_key_sha256  of its SubjectPublicKeyInfo, upper-case hex
    has_key            whether the store holds its private part; what is asked for with an issuance does not count
    """

    sha1: str
    sha256: str
    kind: str
    name: str
    generation: int
    serial: str
    subject: str
    common_name: str
    root_sha1: str
    not_before: datetime
    not_after: datetime
    state: str
    reason: str
    origin: str
    options: str
    public_key_sha256: str
    mark: str = ""
    has_key: bool = False

    def begun(self, now: datetime) -> bool:
        """Whether it is valid by now. Clocks that differ by an hour do not count (see _x509.checks)."""
        return now >= self.not_before - CLOCK_SKEW


@dataclass(frozen=True, slots=True)
class Identity:
    """A client's private part: its encoded PKCS#12, kept as it is so that profiles stay equal to the byte."""

    pkcs12: bytes = field(repr=False)
    password: str = field(repr=False)

    def packed(self) -> bytes:
        return self.password.encode() + b"\0" + self.pkcs12

    @classmethod
    def unpacked(cls, content: bytes) -> Identity:
        password, _zero, pkcs12 = content.partition(b"\0")
        return cls(pkcs12, password.decode())


@dataclass(frozen=True, slots=True)
class Issuance:
    """A certificate for the store.

    chain    PEM of the CAs between it and its root, the issuing one first; of a root, those below it
    private  of a root its key (PKCS#8 DER, not encrypted), of a client its Identity; None when it is elsewhere
    """

    certificate: Certificate
    pem: bytes
    chain: bytes = b""
    private: bytes | Identity | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        certificate: X509,
        chain: Iterable[X509],
        private: bytes | Identity | None = None,
        *,
        state: str = "issued",
        **entered: Any,
    ) -> Issuance:
        """Of a certificate: what it tells itself, and what is entered with it."""
        told = {name: getattr(certificate, name) for name in TOLD}
        record = Certificate(state=state, **told, **entered)
        return cls(record, certificate.pem.encode(), "".join(ca.pem for ca in chain).encode(), private)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a certificate or a client, why, and by whom."""

    time: str
    sha1: str
    client: str
    what: str
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one Mac was seen with, and what it was meant to have.

    time              of the controller's clock; empty until it is written down
    host              the Mac's inventory name
    identifier        of the profile
    status            as mac_profile returns it; `installed` means that the Mac shows `profile_uuid`. `forgotten`: this
                      Mac does not count any more
    profile_uuid      the version of the profile that the Mac is to have; empty once it is removed
    shown_uuid        the version that the Mac shows; empty when it shows none, `unknown` where its MDM knows no more
    profile_sha256    of the file with `profile_uuid`
    certificate_sha1  the client certificate in `profile_uuid`; empty when this store does not know it
    gateway_roots     SHA-1 of the gateway roots in `profile_uuid`, sorted
    """

    time: str
    host: str
    identifier: str
    serial_number: str
    macos_version: str
    status: str
    profile_uuid: str
    shown_uuid: str
    profile_sha256: str = ""
    certificate_sha1: str = ""
    gateway_roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile that was rendered last for a Mac; `sha256` is of the property list, without a signature."""

    host: str
    identifier: str
    time: str
    profile_uuid: str
    sha256: str
    certificate_sha1: str = ""
    gateway_roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayRoot:
    """A root that Macs are to trust the gateway by."""

    sha1: str
    sha256: str
    subject: str
    not_after: datetime
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Package:
    """What a profile package brought last. `place` names the Virtual WAN and configuration, or the gateway."""

    place: str
    time: str
    digest: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A thumbprint that Azure refuses and no certificate here has, with Azure's name for it."""

    thumbprint: str
    name: str
    first_seen: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """The address that the Mac of a client had last in the tunnel. It was asked at that time or after it."""

    client: str
    address: str
    time: datetime


_COLUMNS = {"has_key": "sealed IS NOT NULL"}  # fields that are told, and not stored
_TYPES = {"int": "INTEGER", "bytes": "{bytes}"}  # all else is text


def _stored(record: type[DataclassInstance]) -> list[Field[Any]]:
    return [f for f in fields(record) if f.name not in _COLUMNS]


def _table(name: str, record: type[DataclassInstance], *more: str) -> str:
    columns = [f"{f.name} {_TYPES.get(str(f.type), 'TEXT')} NOT NULL" for f in _stored(record)]
    return f"CREATE TABLE {name} ({', '.join([*columns, *more])})"


SCHEMA = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    _table(
        "certificates",
        Certificate,
        "id {id}",
        "pem {bytes} NOT NULL",
        "chain {bytes} NOT NULL",
        "sealed {bytes} CHECK (sealed IS NULL OR state = 'issued')",
        "UNIQUE (sha1)",
        "CHECK (kind IN ('root', 'client'))",
        f"CHECK (state IN {STATES})",
        "CHECK (mark IN ('', 'superseded', 'revoked'))",
        "CHECK (origin IN ('made', 'supplied', 'certified', 'enrolled'))",
    ),
    "CREATE UNIQUE INDEX certificates_by_sha256 ON certificates (sha256) WHERE sha256 <> ''",
    "CREATE UNIQUE INDEX current_clients ON certificates (name) WHERE kind = 'client' AND state = 'issued'",
    "CREATE UNIQUE INDEX current_roots ON certificates (generation) WHERE kind = 'root' AND state = 'issued'",
    "CREATE INDEX certificates_by_name ON certificates (name)",
    _table("events", Event, "id {id}"),
    _table("deliveries", Delivery, "id {id}"),
    "CREATE INDEX deliveries_by_mac ON deliveries (identifier, serial_number)",
    "CREATE INDEX deliveries_by_certificate ON deliveries (certificate_sha1)",
    _table("profiles", Profile, "PRIMARY KEY (host, identifier)"),
    _table("packages", Package, "PRIMARY KEY (place)"),
    _table("gateway_roots", GatewayRoot, "place TEXT NOT NULL REFERENCES packages", "PRIMARY KEY (place, sha256)"),
    _table("refusals", Refusal, "PRIMARY KEY (thumbprint)"),
    _table("sightings", Sighting, "PRIMARY KEY (client)"),
)
ONLY_ADDED = ("events", "deliveries")


class Store:
    """A store in one transaction. What writes is for stores of `writing` only.

    exists  whether there is anything; a store that has not begun reads as an empty one
    """

    def __init__(self, transaction: Transaction, *, exists: bool, now: str = "", who: str = "") -> None:
        self._sql = transaction
        self._now, self._who = now, who
        self._vault: Vault | None = None
        self.exists = exists

    # -- reading

    def certificates(self) -> list[Certificate]:
        """All of them, in the order in which they were issued."""
        return self._read(Certificate, "certificates ORDER BY id")

    def current(self, clients: Iterable[str]) -> list[Certificate]:
        """The certificates that these clients have now, as far as they are for profiles of ours."""
        those = f"certificates WHERE kind = 'client' AND state = 'issued' AND origin <> '{ENROLLED}' AND name"
        return self._read_some(Certificate, those, clients)

    def of(self, certificates: Iterable[str]) -> list[Certificate]:
        """Those of these SHA-1 that are in the store."""
        return self._read_some(Certificate, "certificates WHERE sha1", certificates)

    def history(self, client: str) -> list[Certificate]:
        """All that a client ever had, oldest first."""
        return self._read(Certificate, "certificates WHERE kind = 'client' AND name = ? ORDER BY id", client)

    def texts(self, sha1: str) -> tuple[bytes, bytes]:
        """A certificate and its chain, both PEM; the chain may be empty, and of one that an MDM has listed both are."""
        return self.texts_of([sha1])[sha1]

    def texts_of(self, certificates: Iterable[str]) -> dict[str, tuple[bytes, bytes]]:
        """As `texts`, by SHA-1."""
        found = {}
        those = self._select_some("sha1, sha256, pem, chain", "certificates WHERE sha1", certificates)
        for sha1, sha256, pem, chain in those:
            with _legible(f"certificate {sha1}"):
                if (pem or sha256) and hashlib.sha1(
                    der_of_pem(bytes(pem)), usedforsecurity=False
                ).hexdigest().upper() != sha1:
                    raise ValueError("it is another one")
            found[sha1] = bytes(pem), bytes(chain)
        return found

    def known(self, certificates: Iterable[str]) -> set[str]:
        """Those of these SHA-1 that are in the store."""
        return {str(sha1) for (sha1,) in self._select_some("sha1", "certificates WHERE sha1", certificates)}

    def events(self) -> list[Event]:
        """All of them, oldest first."""
        return self._read(Event, "events ORDER BY id")

    def readmitted(self) -> dict[str, str]:
        """When each client was let in again last."""
        found = "SELECT client, MAX(time) FROM events WHERE what = 'readmitted' GROUP BY client"
        return dict(self._sql.execute(found))

    def deliveries(self) -> list[Delivery]:
        """All of them, oldest first."""
        return self._read(Delivery, "deliveries ORDER BY id")

    def last_deliveries(self) -> list[Delivery]:
        """The last one to each Mac, of each profile. A Mac that tells no serial number has its name."""
        last = (
            "SELECT MAX(id) FROM deliveries "
            "GROUP BY identifier, serial_number, CASE serial_number WHEN '' THEN host ELSE '' END"
        )
        return self._read(Delivery, f"deliveries WHERE id IN ({last}) ORDER BY id")

    def sightings(self) -> list[Sighting]:
        return self._read(Sighting, "sightings ORDER BY client")

    def profiles(self) -> list[Profile]:
        """What was rendered last for each Mac."""
        return self._read(Profile, "profiles ORDER BY host, identifier")

    def profiles_of(self, hosts: Iterable[str]) -> list[Profile]:
        """As `profiles`, of these Macs alone."""
        return self._read_some(Profile, "profiles WHERE host", hosts)

    def packages(self) -> list[Package]:
        return self._read(Package, "packages ORDER BY place")

    def package(self, place: str) -> Package | None:
        return next(iter(self._read(Package, "packages WHERE place = ?", place)), None)

    def gateway_roots(self, place: str) -> list[GatewayRoot]:
        """Of the package of this place."""
        return self._read(GatewayRoot, "gateway_roots WHERE place = ? ORDER BY sha256", place)

    def refusals(self) -> list[Refusal]:
        return self._read(Refusal, "refusals ORDER BY first_seen, thumbprint")

    def damage(self) -> list[str]:
        """What the database itself finds wrong when it looks everywhere, which a query does not."""
        return self._sql.damage()

    # -- private parts

    def unlock(self, passphrase: str | None) -> None:
        """Make private parts available. PkiError for the wrong passphrase, or for one that none may have.

        In a store that is written and has no data key yet, this makes it. Costs some 100 ms, once for a passphrase.
        """
        from .sealing import check_passphrase, new_vault, unwrap  # noqa: PLC0415

        good = check_passphrase(passphrase)
        if wrapped := self._fact("data_key"):
            self._vault = unwrap(wrapped, self._fact("store_id"), good)
        elif self._now:
            self._vault = new_vault(self._fact("store_id"))
            self._set_fact("data_key", self._vault.wrap(good))

    def root_key(self, sha1: str) -> bytes:
        """PKCS#8 DER of the key of a root that has one here. Only after `unlock`."""
        return self._private(sha1, "root")

    def identity(self, sha1: str) -> Identity:
        """Of a client that has one here. Only after `unlock`."""
        return Identity.unpacked(self._private(sha1, "client"))

    def identities(self, certificates: Iterable[str]) -> dict[str, Identity]:
        """As `identity`, by SHA-1, of those that have one here. Only after `unlock`."""
        sealed = self._select_some(
            "sha1, sealed", "certificates WHERE kind = 'client' AND sealed IS NOT NULL AND sha1", certificates
        )
        vault = self._unlocked()
        return {s: Identity.unpacked(vault.open(bytes(each), _belongs_to("client", s))) for s, each in sealed}

    # -- writing

    def issue(self, issuances: Sequence[Issuance]) -> None:
        """Add certificates, and let those that are issued supersede the ones that these clients had. After `unlock`, if
        one has a private part.

        One that is known by its SHA-1 is altered: it was supplied anew.
        """
        entered = [i.certificate for i in issuances]
        new = {c.name: c for c in entered if c.kind == "client" and c.state == "issued"}
        for older in self.certificates():
            successor = new.get(older.name) if older.kind == "client" and older.state == "issued" else None
            if successor and successor.sha1 != older.sha1:
                self.set_state(older, "superseded", successor.reason)
        rows = [_values(i.certificate) | {"pem": i.pem, "chain": i.chain, "sealed": self._sealed(i)} for i in issuances]
        self._insert("certificates", rows, "ON CONFLICT (sha1) DO UPDATE SET {}")
        self._insert("events", [self._event(c.state, c.reason, c.sha1, _client(c)) for c in entered])

    def set_state(self, certificate: Certificate, state: str, reason: str, mark: str = "") -> None:
        """The private part goes with the state `issued`."""
        statement = "UPDATE certificates SET state = ?, mark = ?, sealed = NULL WHERE sha1 = ?"
        self._sql.execute(statement, (state, mark, certificate.sha1))
        self.note(state, reason, sha1=certificate.sha1, client=_client(certificate))

    def note(self, what: str, reason: str, *, sha1: str = "", client: str = "") -> None:
        """Add an event."""
        self._insert("events", [self._event(what, reason, sha1, client)])

    def note_deliveries(self, deliveries: Iterable[Delivery]) -> None:
        """Their time is that of this call."""
        self._insert("deliveries", [_values(replace(delivery, time=self._now)) for delivery in deliveries])

    def note_sightings(self, sightings: Iterable[Sighting]) -> None:
        """The last one of each client counts."""
        self._insert("sightings", [_values(each) for each in sightings], "ON CONFLICT (client) DO UPDATE SET {}")

    def note_refusals(self, names: Mapping[str, str]) -> None:
        """Azure's names by thumbprint. What is known already keeps its name and its time."""
        rows = [_values(Refusal(thumbprint, name, self._now)) for thumbprint, name in sorted(names.items())]
        self._insert("refusals", rows, "ON CONFLICT (thumbprint) DO NOTHING")

    def set_profiles(self, profiles: Iterable[Profile]) -> None:
        """What has been rendered; their time is that of this call."""
        rows = [_values(replace(profile, time=self._now)) for profile in profiles]
        self._insert("profiles", rows, "ON CONFLICT (host, identifier) DO UPDATE SET {}")

    def set_package(self, package: Package, gateway_roots: Iterable[GatewayRoot]) -> None:
        """What a package brought; its time is that of this call."""
        row = _values(replace(package, time=self._now))
        self._insert("packages", [row], "ON CONFLICT (place) DO UPDATE SET {}")
        self._sql.execute("DELETE FROM gateway_roots WHERE place = ?", (package.place,))
        self._insert("gateway_roots", [{"place": package.place} | _values(root) for root in gateway_roots])

    def rekey(self, new_passphrase: str) -> None:
        """Wrap the data key under another passphrase. Only after `unlock`."""
        self._set_fact("data_key", self._unlocked().wrap(new_passphrase, "new_passphrase"))
        self.note("rekeyed", "")

    # -- inside

    def _read(self, record: type[R], where: str, *values: str) -> list[R]:
        found = self._select(_columns(record), where, values)
        with _legible(where.partition(" ")[0]):
            return [_record(record, row) for row in found]

    def _read_some(self, record: type[R], where: str, wanted: Iterable[str]) -> list[R]:
        found = self._select_some(_columns(record), where, wanted)
        with _legible(where.partition(" ")[0]):
            return [_record(record, row) for row in found]

    def _select_some(self, columns: str, where: str, wanted: Iterable[str]) -> list[tuple[Any, ...]]:
        """Rows in which the column that ends `where` has one of these values."""
        values = sorted(set(wanted))
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(values), ROWS):
            some = values[start : start + ROWS]
            found += self._select(columns, f"{where} IN ({', '.join('?' * len(some))})", some)
        return found

    def _select(self, columns: str, where: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        return self._sql.execute(f"SELECT {columns} FROM {where}", values)  # noqa: S608

    def _insert(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: str = "") -> None:
        """`{}` in `conflict` are all columns anew. A database bounds the values of one statement."""
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            marks = f"({', '.join('?' * len(some[0]))})"
            update = conflict.format(", ".join(f"{column} = excluded.{column}" for column in some[0]))
            statement = f"INSERT INTO {table} ({', '.join(some[0])}) VALUES {', '.join([marks] * len(some))} {update}"  # noqa: S608
            self._sql.execute(statement, [value for row in some for value in row.values()])

    def _event(self, what: str, reason: str, sha1: str, client: str) -> dict[str, Any]:
        return _values(Event(self._now, sha1, client, what, reason, self._who))

    def _private(self, sha1: str, kind: str) -> bytes:
        found = self._sql.execute("SELECT sealed FROM certificates WHERE sha1 = ? AND kind = ?", (sha1, kind))
        sealed = found[0][0] if found else None
        if sealed is None:
            raise PkiError(f"The store holds no private key of the {kind} certificate {sha1}.")
        return self._unlocked().open(bytes(sealed), _belongs_to(kind, sha1))

    def _sealed(self, issuance: Issuance) -> bytes | None:
        private, certificate = issuance.private, issuance.certificate
        if private is None:
            return None
        content = private.packed() if isinstance(private, Identity) else private
        return self._unlocked().seal(content, _belongs_to(certificate.kind, certificate.sha1))

    def _unlocked(self) -> Vault:
        if self._vault is None:
            raise AssertionError("unlock comes first")
        return self._vault

    def _fact(self, name: str) -> str:
        found = self._sql.execute("SELECT value FROM facts WHERE name = ?", (name,))
        return str(found[0][0]) if found else ""

    def _set_fact(self, name: str, value: str) -> None:
        self._insert("facts", [{"name": name, "value": value}], "ON CONFLICT (name) DO UPDATE SET {}")

    def _begin(self) -> Store:
        """Make the tables."""
        for statement in SCHEMA:
            self._sql.execute(statement.format_map(self._sql.words))
        for table in ONLY_ADDED:
            for statement in self._sql.only_added(table):
                self._sql.execute(statement)
        self._set_fact("application", APPLICATION)
        self._set_fact("version", str(VERSION))
        self._set_fact("store_id", secrets.token_hex(16))
        return self

    def _check(self, place: Place) -> Store:
        """Raise PkiError for a database that is not ours, or that a newer release has written."""
        application, version = (self._fact(name) for name in ("application", "version"))
        if application != APPLICATION or not version.isdecimal():
            raise NotOursError(place)
        if int(version) > VERSION:
            raise PkiError(
                f"The store {place} has version {version[:9]}, this release of the collection knows {VERSION}; use the "
                "release that wrote it last."
            )
        return self


@contextlib.contextmanager
def reading(place: Place) -> Iterator[Store]:
    """The store as it is at this moment. Nothing is written; one that does not exist yet reads as an empty one.

    Leave the block before anything that takes long: SQLite's writers wait for readers.
    """
    with place.reading() as transaction:
        if transaction is not None and _there(transaction, place):
            yield Store(transaction, exists=True)._check(place)
            return
    with nowhere() as transaction:
        yield Store(transaction, exists=False)._begin()


@contextlib.contextmanager
def writing(place: Place, now: datetime, who: str = "") -> Iterator[Store]:
    """The store for changes: one writer at a time, and all of it or nothing. Makes the store if there is none.

    `now` is the time of all that is entered, `who` is whoever is to be named with it.
    """
    with place.writing() as transaction:
        exists = _there(transaction, place)
        store = Store(transaction, exists=exists, now=utc_text(now), who=who)
        yield store._check(place) if exists else store._begin()


def _there(transaction: Transaction, place: Place) -> bool:
    """Whether the store has begun. A run that was killed in its first moment leaves nothing."""
    tables = transaction.tables()
    if tables and "facts" not in tables:
        raise NotOursError(place)
    return bool(tables)


# -- rows and records


def _client(certificate: Certificate) -> str:
    return certificate.name if certificate.kind == "client" else ""


def _belongs_to(kind: str, sha1: str) -> str:
    return f"private part of the {kind} certificate {sha1}"


def _exactly(kind: type, value: Any) -> Any:
    """SQLite itself does not care what a column holds. A truth value is no number here."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "str": partial(_exactly, str),
    "int": partial(_exactly, int),
    "bool": bool,
    "bytes": bytes,
    "datetime": utc_moment,
    "tuple[str, ...]": lambda text: tuple(text.split()),
    "Mapping[str, Any]": lambda text: _exactly(dict, json.loads(text)),
}
_ENCODERS: Mapping[str, Callable[[Any], Any]] = {
    "datetime": utc_text,
    "tuple[str, ...]": " ".join,
    "Mapping[str, Any]": lambda mapping: json.dumps(mapping, sort_keys=True),
}


def _columns(record: type[DataclassInstance]) -> str:
    return ", ".join(_COLUMNS.get(field.name, field.name) for field in fields(record))


def _record(record: type[R], row: Sequence[Any]) -> R:
    return record(*(_DECODERS[str(f.type)](value) for f, value in zip(fields(record), row, strict=True)))


def _values(record: DataclassInstance) -> dict[str, Any]:
    return {f.name: _ENCODERS.get(str(f.type), lambda v: v)(getattr(record, f.name)) for f in _stored(type(record))}


@contextlib.contextmanager
def _legible(what: str) -> Iterator[None]:
    """What cannot be understood is damaged, though the database finds nothing wrong."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise PkiError(f"What the store holds as {what} makes no sense; restore it from a backup.") from None


def by_client(certificates: Iterable[Certificate]) -> dict[str, list[Certificate]]:
    """Those of each client, oldest first."""
    by_name: dict[str, list[Certificate]] = {}
    for certificate in certificates:
        if certificate.kind == "client":
            by_name.setdefault(certificate.name, []).append(certificate)
    return by_name


def current_of(history: Sequence[Certificate]) -> Certificate | None:
    """The identity that a client has, of all it ever had. Whether it is valid, and accepted, is another question."""
    return next((certificate for certificate in reversed(history) if certificate.state == "issued"), None)
