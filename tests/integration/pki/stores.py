# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in either database, from outside: read, restored and lost as an administrator does it, without our code."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.lab import postgresql


@dataclass
class SqliteStore:
    path: Path

    @property
    def option(self) -> str:
        """What user_vpn_pki is set to."""
        return str(self.path)

    @property
    def environment(self) -> dict[str, str]:
        return {}

    def rows(self, query: str) -> list[tuple[str, ...]]:
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            return [tuple("" if v is None else str(v) for v in row) for row in database.execute(query)]

    def restore(self, backup: Path) -> None:
        shutil.copy(backup, self.path)

    def lose(self) -> None:
        self.path.unlink()


@dataclass
class PostgresStore:
    cluster: postgresql.Cluster
    schema: str

    @property
    def option(self) -> str:
        return self.cluster.url(self.schema)

    @property
    def environment(self) -> dict[str, str]:
        return self.cluster.environment

    def rows(self, query: str) -> list[tuple[str, ...]]:
        told = self.cluster.sql(f"SET search_path TO {self.schema}; {query}")
        return [tuple(line.split("|")) for line in told.splitlines()]

    def restore(self, backup: Path) -> None:
        self.lose()
        self.cluster.run("psql", "-v", "ON_ERROR_STOP=1", "-qX", "-f", str(backup))

    def lose(self) -> None:
        self.cluster.sql(f"DROP SCHEMA {self.schema} CASCADE")


AnyStore = SqliteStore | PostgresStore
