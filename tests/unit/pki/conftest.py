# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import passwords
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import pkcs12
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import Pki

MEMORY = Path("/dev/shm")  # where there is one: the PKI waits for the disk at every step, which no test is about


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pki-", dir=MEMORY if MEMORY.is_dir() else None) as place:
        yield Path(place)


@pytest.fixture
def place(memory: Path) -> Iterator[Path]:
    """A folder for this test."""
    with tempfile.TemporaryDirectory(dir=memory) as place:
        yield Path(place)


@pytest.fixture
def pki(place: Path) -> Pki:
    """A PKI folder that does not exist yet."""
    return Pki(place / "pki")


@pytest.fixture(scope="session")
def _rooted(memory: Path) -> Pki:
    pki = Pki(memory / "rooted")
    pki.root()
    return pki


@pytest.fixture
def rooted(_rooted: Pki, place: Path) -> Pki:
    """A PKI folder with a root of generation 1."""
    return _rooted.copy(place / "pki")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that issue often: passwords cost nothing."""
    monkeypatch.setattr(pkcs12, "ROUNDS", 1)
    monkeypatch.setattr(passwords, "CHECK_ROUNDS", 1)
