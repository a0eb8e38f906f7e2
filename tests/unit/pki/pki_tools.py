# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the PKI share: a clock, a few RSA keys for all, the openssl reader."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.clients import (
    Means,
    end_clients,
    ensure_clients,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.current import Current, identity_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.deliveries import note
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.plan import Plan, Settings
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.refusals import parse_refused
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import parse_clients, with_csrs
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import (
    RootRequest,
    RootResult,
    ensure_root,
    retire_root,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import Certificate, Delivery, reading

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PASSPHRASE = "correct horse battery staple"
TABLES = ("facts", "certificates", "events", "deliveries", "profiles", "packages", "gateway_roots", "refusals")


@cache
def keys() -> tuple[rsa.RSAPrivateKey, ...]:
    """Made once: making RSA keys is nearly all that issuing costs."""
    return tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _unused in range(3))


_turn = itertools.count()


def any_key(size: int = 2048) -> rsa.RSAPrivateKey:
    """A key of the pool, whatever the size: two clients may share one, which no test minds."""
    return keys()[next(_turn) % len(keys())]


def real_now() -> datetime:
    """For tests in which openssl issues: it goes by the clock of this machine."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)


class Pki:
    """A store under test, at a moment that the test sets. `azure` is what Azure refuses, its names by thumbprint."""

    def __init__(self, option: str, now: datetime = NOW) -> None:
        self.option = option
        self.place = place_of(option)
        self.now = now
        self.azure: dict[str, str] = {}

    # -- what is done

    def root(self, *, check: bool = False, **wanted: Any) -> RootResult:
        request = RootRequest(**({"passphrase": PASSPHRASE} | wanted))
        return ensure_root(self.place, request, now=self.now, check=check, make_key=any_key)

    def retire(self, generation: int, **how: Any) -> RootResult:
        return retire_root(self.place, generation, now=self.now, **how)

    def issue(
        self,
        *clients: Any,
        check: bool = False,
        csrs: Mapping[str, str] | None = None,
        means: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Plan:
        refused = parse_refused({"thumbprint": sha1, "name": name} for sha1, name in self.azure.items())
        wanted = Settings(refused=refused, **settings)
        how = Means(**({"passphrase": PASSPHRASE, "new_key": any_key} | dict(means or {})))
        requests = with_csrs(parse_clients(clients), csrs or {})
        return ensure_clients(self.place, requests, wanted, how, now=self.now, check=check)

    def end(self, *clients: Any, state: str = "revoked", check: bool = False, **more: Any) -> Plan:
        return end_clients(self.place, parse_clients(clients), state, now=self.now, check=check, **more)

    def tell_azure(self, outcome: Plan) -> None:
        """Azure refuses what it is to refuse by this outcome."""
        self.azure |= {entry["thumbprint"]: entry["name"] for entry in outcome.to_refuse}

    def seen(self, host: str, sha1: str = "", status: str = "installed", **more: Any) -> bool:
        """A Mac was seen: as `installed` with a profile that holds this certificate, or as still having another."""
        uuid = f"UUID-{sha1[:8]}" if sha1 else ""
        values = {"identifier": "com.example.vpn", "serial_number": f"C02{host}", "macos_version": "15.5"}
        values |= {"profile_uuid": uuid, "shown_uuid": uuid if status == "installed" else ""}
        wanted = Delivery("", host, status=status, certificate_sha1=sha1, **(values | more))
        return bool(note(self.place, [wanted], self.now)[0])

    # -- what came of it

    def certificates(self, name: str = "") -> list[Certificate]:
        """Of all, or of one client."""
        with reading(self.place) as store:
            return [c for c in store.certificates() if name in ("", c.name)]

    def states(self, name: str) -> list[str]:
        """Of all certificates of a client, oldest first."""
        return [certificate.state for certificate in self.certificates(name)]

    def pem(self, sha1: str) -> str:
        with reading(self.place) as store:
            return store.texts(sha1)[0].decode()

    def chain(self, sha1: str) -> str:
        with reading(self.place) as store:
            return store.texts(sha1)[1].decode()

    def identity(self, name: str) -> Current:
        issued = identity_of(self.place, name, PASSPHRASE)
        assert issued
        return issued

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.place.reading() as transaction:
            return transaction.execute(query, values) if transaction else []

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that is in the database: equal contents mean that nothing was written."""
        return {table: sorted(self.sql(f"SELECT * FROM {table}"), key=repr) for table in TABLES} if self.exists else {}

    @property
    def exists(self) -> bool:
        with reading(self.place) as store:
            return store.exists

    def copied_from(self, other: Pki) -> None:
        """The restore of a backup: what another store holds takes the place of what is here. Both in SQLite."""
        Path(self.option).write_bytes(Path(other.option).read_bytes())

    def backup(self, path: Path) -> Pki:
        """A copy of a store in SQLite, at the same moment."""
        path.write_bytes(Path(self.option).read_bytes())
        return Pki(str(path), self.now)


def without_key(certificate: Certificate) -> Certificate:
    return replace(certificate, has_key=False)


def openssl(*arguments: str | Path, stdin: str | bytes = "") -> str:
    """What openssl prints; fails the test when it fails."""
    content = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=content, capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode()
