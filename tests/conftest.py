# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For all tests: programs that a test starts find the collection too, however pytest was started; both databases."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.lab import postgresql

os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1] / ".venv/collections")


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """A PostgreSQL server for this session; libpq finds its password."""
    if reason := postgresql.missing():
        pytest.skip(reason)
    with postgresql.Cluster.started() as cluster, pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster


_numbers = itertools.count(1)


@pytest.fixture
def schema(cluster: postgresql.Cluster) -> Iterator[str]:
    """The name of a schema that does not exist yet, and that goes with the test."""
    name = f"store_{next(_numbers)}"
    yield name
    cluster.start()  # a test may have stopped it
    cluster.sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def pki_option(request: pytest.FixtureRequest) -> str:
    """What the option pki is set to: a store that does not exist yet, in either database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("tmp_path") / "store" / "pki.db")
    cluster = request.getfixturevalue("cluster")
    assert isinstance(cluster, postgresql.Cluster)
    return cluster.url(request.getfixturevalue("schema"))
