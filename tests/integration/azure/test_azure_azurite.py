# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions once more, with Microsoft's own emulator as the storage account: it checks what is signed by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, azurite
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Client, Resource

pytest.importorskip(
    "azure.storage.blob", reason="azure-storage-blob is missing: make installs it, with requirements/test.txt"
)
pytestmark = pytest.mark.skipif(not azurite.is_there(), reason=azurite.WHY)


@pytest.fixture
def storage(azure: AzureLab, macs: Any, tmp_path: Path) -> Iterator[azurite.Azurite]:
    with azurite.started(azure.storage, azure.folder) as found:
        azure.storage = azure.arm.storage = found
        yield found


@pytest.fixture
def gateway(azure: AzureLab, storage: azurite.Azurite) -> Resource:
    found = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    assert found
    found.clients = [Client(f"10.0.{n >> 8}.{n & 255}", f"IKE_{n}", user_name=f"mac-{n}") for n in range(3000)]
    return found


def test_a_sas_url_that_is_given(gateway: Resource, storage: azurite.Azurite, run: Run) -> None:
    url = storage.sas_url("sessions", "mine.json")
    found = run.ok("connection_info", output_blob_sas_url=url)
    assert found["connections"] == 3000  # more than one piece of the file
    assert storage.blobs == ["mine.json"]
    done = run.ok("connections", output_blob_sas_url=url, clients=["mac-7"])
    assert [each["user_name"] for each in done["disconnected"]] == ["mac-7"]
    assert len(gateway.clients) == 2999
    ended = storage.sas_url("sessions", "mine.json", lifetime=-1)
    assert "the SAS has ended or does not fit" in run.fails("connection_info", output_blob_sas_url=ended)


def test_a_blob_that_is_made(gateway: Resource, storage: azurite.Azurite, run: Run) -> None:
    """With a token, and a key of the emulator; and it goes again, also where nobody could write into it."""
    where = {"storage_account": storage.url, "container": "sessions"}
    done = run("connection_info", **where)
    assert storage.blobs == []
    assert "make the container first" in run.fails("connection_info", **where | {"container": "another"})
    if done["failed"]:
        assert "The blob cannot be written: AuthorizationFailure" in done["msg"]
        pytest.skip("this azurite knows no signature of so new a version as azure-storage-blob makes: a newer one does")
    assert done["connections"] == 3000
