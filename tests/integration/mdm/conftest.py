# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the suite for MDMs shares: a server, a fleet, and no pauses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm import delivery, http, jamf
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm import fleet as fleet_client
from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import SERVERS, Fleet
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.mdm import Server
from ansible_collections.vwan.user_vpn.tests.unit.keys import remembered_keys
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for between two tries, and between two questions."""
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(jamf, "READ_BACK_SECONDS", 0.01)
    monkeypatch.setattr(fleet_client, "CYCLE", timedelta(0))
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.05)


@pytest.fixture(scope="module", autouse=True)
def _remembered_keys() -> Iterator[None]:
    with remembered_keys():
        yield


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


# One server goes through the suite whole in `make test`; of the others that is the sample.
WHOLE = "jamf"
SAMPLE = (
    "test_a_change_goes_to_all_and_a_new_certificate_to_its_mac",
    "test_a_profile_is_taken_off_its_mac",
    "test_one_profile_serves_all_and_a_key_is_never_shared",
    # Of NanoMDM alone.
    "test_a_profile_that_comes_back_is_delivered_again",
    "test_the_double_answers_as_the_server_itself",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        kind = callspec.params.get("server", WHOLE) if callspec else WHOLE
        if kind != WHOLE and item.originalname not in SAMPLE:
            item.add_marker(pytest.mark.soak)


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    if request.param == "intune":
        pytest.importorskip(
            "azure.identity", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
        )
    with SERVERS[request.param](tmp_path / "server") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
    assert not server.refusals


@pytest.fixture
def fleet(tmp_path: Path, lab: Lab, server: Server, pki: Pki) -> Fleet:
    return Fleet(tmp_path, lab, server, pki, 3)


@pytest.fixture
def single(tmp_path: Path, lab: Lab, server: Server, pki: Pki) -> Fleet:
    return Fleet(tmp_path, lab, server, pki, 1)
