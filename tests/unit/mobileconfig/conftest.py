# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: the PKI is made once per session, since an RSA key costs a tenth of a second."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import identity as identities
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.identity import Identity
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Draft, Profile, Request
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import PASSWORD, Pki, root_entry


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


@pytest.fixture(scope="session")
def client_pkcs12(pki: Pki) -> bytes:
    return pki.pkcs12(pki.client())


@pytest.fixture(scope="session")
def client(client_pkcs12: bytes) -> Identity:
    return identities.load(client_pkcs12, PASSWORD, "mac-01.p12")


@pytest.fixture
def settings(pki: Pki) -> dict[str, Any]:
    """What a reader of profile packages hands over."""
    return {
        "vpn_server": "wan.0123456789abcdef.vpn.azure.com",
        "vpn_types": ["IkeV2"],
        "auth": "EAPTLS",
        "routes": ["10.0.0.0/16"],
        "client_address_pools": ["172.16.0.0/24"],
        "dns_servers": [],
        "vnet_name": "hub",
        "vnet_id": "1",
        "gateway_roots": [root_entry(pki.gateway_root)],
        "ikev2": True,
        "kind": "wan",
        "digest": "0",
        "unknown_elements": {},
    }


@pytest.fixture
def render(settings: dict[str, Any], client: Identity) -> Callable[..., Profile]:
    """Render with any option changed; `identity` is one of them."""

    def go(identity: Identity = client, **options: Any) -> Profile:
        wishes = {
            "settings": settings,
            "identifier": "com.example.uservpn",
            "connection_name": "Example VPN",
            **options,
        }
        return Draft(Request(**wishes)).profile(identity)

    return go


@pytest.fixture
def openssl(tmp_path: Path) -> Callable[..., str]:
    """Run openssl and return what it prints; anything but success fails the test."""

    def run(*arguments: str, data: bytes | None = None) -> str:
        done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return run
