# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the PKI share: a clock, a few RSA keys for all, the openssl and sqlite readers."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.clients import ensure_clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.deciding import Settings
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.deliveries import note_delivery
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.ending import end_clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.folder import Folder
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.ledger import Delivery
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.outcome import Outcome
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import parse_clients, with_csrs
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import (
    RootRequest,
    RootResult,
    ensure_root,
    retire_root,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.telling import tell

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PASSPHRASE = "correct horse battery staple"
PASSWORD = "tr0ub4dor"


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
    """A PKI folder under test, at a moment that the test sets."""

    def __init__(self, path: Path, now: datetime = NOW) -> None:
        self.folder = Folder(path)
        self.path = path
        self.now = now

    def copy(self, path: Path) -> Pki:
        """Another folder with the same content: much quicker than making everything again."""
        shutil.copytree(self.path, path)
        return Pki(path, self.now)

    def root(self, *, check: bool = False, **wanted: Any) -> RootResult:
        request = RootRequest(**({"passphrase": PASSPHRASE} | wanted))
        return ensure_root(self.folder, request, now=self.now, check=check, make_key=any_key)

    def retire(self, generation: int, **how: Any) -> RootResult:
        return retire_root(self.folder, generation, now=self.now, **how)

    def issue(self, *clients: Any, check: bool = False, make_key: Any = any_key, **settings: Any) -> Outcome:
        wanted = Settings(**({"passphrase": PASSPHRASE, "password": PASSWORD} | settings))
        return ensure_clients(self.folder, parse_clients(clients), wanted, now=self.now, check=check, make_key=make_key)

    def enrol(self, client: str, request: str, *, check: bool = False) -> Outcome:
        """Certify the key of a CSR."""
        wanted = Settings(passphrase=PASSPHRASE, password=PASSWORD)
        requests = with_csrs(parse_clients([client]), {client: request})
        return ensure_clients(self.folder, requests, wanted, now=self.now, check=check, make_key=any_key)

    def end(self, *clients: Any, state: str = "revoked", check: bool = False, **more: Any) -> Outcome:
        return end_clients(self.folder, parse_clients(clients), state, now=self.now, check=check, **more)

    def seen(self, host: str, sha1: str = "", status: str = "installed", **more: Any) -> bool:
        """A Mac was seen: as `installed` with a profile that holds this certificate, or as still having another."""
        uuid = f"UUID-{sha1[:8]}" if sha1 else ""
        values = {"identifier": "com.example.vpn", "serial_number": f"C02{host}", "macos_version": "15.5"}
        values |= {"profile_uuid": uuid, "shown_uuid": uuid if status == "installed" else ""}
        wanted = Delivery("", host, status=status, certificate_sha1=sha1, **(values | more))
        return note_delivery(self.folder, wanted, self.now)

    def tell(self, **how: Any) -> dict[str, Any]:
        return tell(self.folder, now=self.now, **how)

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"{(self.path / 'ledger.sqlite3').as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def tree(self) -> dict[str, tuple[int, int, bytes]]:
        """Every file with its mode, its time of change and its content: equal trees mean that nothing was written."""
        return {
            str(p.relative_to(self.path)): (
                p.stat().st_mode,
                p.stat().st_mtime_ns,
                b"" if p.is_dir() else p.read_bytes(),
            )
            for p in (self.path, *self.path.rglob("*"))
            if p.exists()
        }


def openssl(*arguments: str | Path, stdin: str = "") -> str:
    """What openssl prints; fails the test when it fails."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
