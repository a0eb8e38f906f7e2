# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suite for MDMs shares: a server, a fleet, and no pauses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm import delivery, http, jamf
from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import SERVERS, Fleet
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.mdm import JamfLab
from ansible_collections.vwan.user_vpn.tests.unit.keys import remembered_keys
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for between two tries, and between two questions."""
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(jamf, "READ_BACK_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.05)


@pytest.fixture(scope="module", autouse=True)
def _remembered_keys() -> Iterator[None]:
    with remembered_keys():
        yield


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JamfLab]:
    with SERVERS[request.param](tmp_path / "server") as server:
        yield server
    assert not server.refusals


@pytest.fixture
def fleet(tmp_path: Path, lab: Lab, server: JamfLab, pki: Pki) -> Fleet:
    return Fleet(tmp_path, lab, server, pki, 3)


@pytest.fixture
def single(tmp_path: Path, lab: Lab, server: JamfLab, pki: Pki) -> Fleet:
    return Fleet(tmp_path, lab, server, pki, 1)
