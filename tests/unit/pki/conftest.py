# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import sealing
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import pkcs12
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import Pki


@pytest.fixture
def pki(pki_option: str) -> Pki:
    """A store that does not exist yet, in either database."""
    return Pki(pki_option)


@pytest.fixture
def rooted(pki: Pki) -> Pki:
    """A store with a root of generation 1."""
    pki.root()
    return pki


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that issue often: passwords cost nothing."""

    def derive(passphrase: str, salt: bytes, **_cost: Any) -> bytes:
        return hashlib.sha256(passphrase.encode() + salt).digest()

    monkeypatch.setattr(pkcs12, "ROUNDS", 1)
    monkeypatch.setattr(sealing, "_derive", derive)
