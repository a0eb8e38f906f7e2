# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import Place, place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import reading, writing
from ansible_collections.vwan.user_vpn.tests.unit.store.store_tools import NOW, PASSPHRASE, issuance


@pytest.fixture
def place(pki_option: str) -> Place:
    """A store that does not exist yet, in either database."""
    return place_of(pki_option)


@pytest.fixture
def filled(place: Place) -> Place:
    """A store with a root and two clients."""
    with writing(place, NOW, "anna") as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance("P2SRootCert", kind="root"), issuance("mac-01"), issuance("mac-02")])
    with reading(place) as store:
        assert len(store.certificates()) == 3
    return place
