# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the store share. The store knows no X.509, so these certificates are mere bytes."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import Place, PostgresSchema, SqliteFile
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import (
    Certificate,
    Delivery,
    Identity,
    Issuance,
)
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import Cluster

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PASSPHRASE = "correct horse battery staple"


def issuance(name: str, number: int = 1, *, kind: str = "client", private: bool = True, **more: Any) -> Issuance:
    """The certificate `number` of a client, or the root of generation `number`."""
    der = f"{kind} {name} {number}".encode()
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(der) + b"\n-----END CERTIFICATE-----\n"
    values: dict[str, Any] = {
        "sha1": hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        "sha256": hashlib.sha256(der).hexdigest().upper(),
        "kind": kind,
        "name": name,
        "generation": number if kind == "root" else 0,
        "serial": f"{number:02X}",
        "subject": f"CN={name}",
        "common_name": name,
        "root_sha1": "AB" * 20,
        "not_before": NOW,
        "not_after": NOW + 365 * DAY,
        "state": "issued",
        "reason": "missing",
        "origin": "made",
        "options": "{}",
        "public_key_sha256": "CD" * 32,
    }
    part = (
        (b"key of " + der if kind == "root" else Identity(b"pkcs12 of " + der, f"password of {name}"))
        if private
        else None
    )
    return Issuance(Certificate(**values | more), pem, b"", part)


def delivery(host: str, sha1: str = "", **more: Any) -> Delivery:
    uuid = f"UUID-{sha1[:8]}" if sha1 else ""
    values: dict[str, Any] = {
        "time": "",
        "host": host,
        "identifier": "com.example.vpn",
        "serial_number": f"C02{host}",
        "macos_version": "15.5",
        "status": "installed",
        "profile_uuid": uuid,
        "shown_uuid": uuid,
        "certificate_sha1": sha1,
    }
    return Delivery(**values | more)


def rows(place: Place, query: str, cluster: Cluster | None = None) -> list[tuple[str, ...]]:
    """What another program reads: SQLite's own module, or psql."""
    if isinstance(place, SqliteFile):
        connection = sqlite3.connect(f"{place.path.as_uri()}?mode=ro", uri=True)
        try:
            return [tuple("" if v is None else str(v) for v in row) for row in connection.execute(query)]
        finally:
            connection.close()
    assert isinstance(place, PostgresSchema)
    assert cluster is not None
    text = cluster.sql(f"SET search_path TO {place.schema}; {query}")
    return [tuple(line.split("|")) for line in text.splitlines()]


def alter(place: Place, statement: str, cluster: Cluster | None = None) -> None:
    """Somebody else changes the database."""
    if isinstance(place, SqliteFile):
        connection = sqlite3.connect(place.path)
        connection.executescript(statement)
        connection.close()
    else:
        rows(place, statement, cluster)
