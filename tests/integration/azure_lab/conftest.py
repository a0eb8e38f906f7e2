# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Azure with a small world in it, and the plain SDK logged in to it."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, certificates

SDK = "the Azure SDK is missing: make installs it, with requirements/test.txt"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[AzureLab]:
    with AzureLab(tmp_path / "azure") as lab:
        yield lab


@pytest.fixture(scope="session")
def gateway_roots() -> list[certificates.Identity]:
    return [certificates.authority(f"Gateway Root {number}") for number in (1, 2)]


@pytest.fixture(scope="session")
def client_root() -> certificates.Identity:
    return certificates.authority("Client Root")


@pytest.fixture(scope="session")
def expired_root() -> certificates.Identity:
    return certificates.authority("Expired Root", days=-10)


@pytest.fixture
def world(
    azure: AzureLab, gateway_roots: list[certificates.Identity], client_root: certificates.Identity
) -> SimpleNamespace:
    """One WAN, two hubs, two gateways with different roots, one configuration in use and one that is not."""
    wan = azure.add_virtual_wan("wan1")
    hubs = [azure.add_hub(name, "wan1") for name in ("hub1", "hub2")]
    used = azure.add_server_configuration("config1", roots=[client_root.der], revoked=["A" * 40])
    unused = azure.add_server_configuration("config2")
    gateways = [
        azure.add_p2s_gateway(
            f"gw{number}",
            hub,
            "config1",
            roots=[root.der],
            pool=f"172.31.{number}.0/24",
            routes=[f"10.2{number}.0.0/16"],
            dns=["10.20.0.4"],
        )
        for number, (hub, root) in enumerate(zip(hubs, gateway_roots, strict=True), start=1)
    ]
    return SimpleNamespace(azure=azure, wan=wan, hubs=hubs, used=used, unused=unused, gateways=gateways)


@pytest.fixture
def sdk(azure: AzureLab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The plain client of azure-mgmt-network, logged in by a secret; no retries but those a test asks for."""
    identity = pytest.importorskip("azure.identity", reason=SDK)
    network = pytest.importorskip("azure.mgmt.network", reason=SDK)
    for name, value in azure.environment().items():
        monkeypatch.setenv(name, value)
    credential = identity.ClientSecretCredential(
        azure.tenant, azure.client_id, azure.client_secret, authority=azure.url, disable_instance_discovery=True
    )
    client = network.NetworkManagementClient(
        credential,
        azure.subscription_id,
        base_url=azure.url,
        credential_scopes=[f"{azure.url}/.default"],
        retry_total=0,
        polling_interval=0.05,
    )
    with client:
        yield client


Raw = Callable[..., tuple[int, Any, dict[str, str]]]


@pytest.fixture
def raw(azure: AzureLab) -> Raw:
    """One request without the SDK: (status, JSON or bytes, headers)."""
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def send(
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = "2024-05-01",
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        url = path if path.startswith("https:") else azure.url + path
        if version is not None:
            url += ("&" if "?" in url else "?") + f"api-version={version}"
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or azure.authority.issue()}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(url, data=data, method=method, headers=sent)
        try:
            with opener.open(request, timeout=10) as answer:
                return _taken(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return _taken(error.code, error.read(), dict(error.headers))

    return send


def _taken(status: int, body: bytes, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
    if headers.get("Content-Type", "").startswith("application/json") and body:
        return status, json.loads(body), headers
    return status, body, headers
