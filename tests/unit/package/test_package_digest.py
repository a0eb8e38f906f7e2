# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest is equal for two downloads of the same settings, and differs when a Mac's profile may have to change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.tests.lab.packages import ROUTES, build_package
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import NEW, OLD, read

DNS = ["10.20.0.4", "10.20.0.5"]


def digest(roots: Sequence[bytes] = (OLD.der, NEW.der), **options: Any) -> str:
    given_options: dict[str, Any] = {"dns": DNS, "windows": False, **options}
    return read(build_package(roots, **given_options)).digest


DIGEST = digest()


@pytest.mark.parametrize(
    "options",
    [
        {"when": datetime(2026, 12, 31, 23, 59, 58)},
        {"windows": True},
        {"extra": {"Generic\\Readme.txt": b"new"}},
        {"cer_suffix": "_7{}"},
        {"file_roots": []},
        {"file_roots": [NEW.pem, OLD.pem]},
        {"roots": [NEW.der, OLD.der]},
        {"roots": [OLD.der], "generation": 1, "file_roots": [NEW.der]},
        {"routes": list(reversed(ROUTES))},
        {"routes": [*ROUTES, *ROUTES]},
        {"vpn_type": "ikev2"},
        {"auth": "eaptls"},
        {"vpn_server": "WAN.synthetic0000000000000000.vpn.azure.com"},
        {"extra_elements": {"GeneratedAt": "2026-11-22"}},
        {"omit": ["VnetName", "VnetId", "AadIssuer"]},
    ],
)
def test_what_does_not_matter(options: dict[str, Any]) -> None:
    assert digest(**options) == DIGEST


@pytest.mark.parametrize(
    "options",
    [
        {"roots": [OLD.der]},
        {"routes": ROUTES[:1]},
        {"dns": list(reversed(DNS))},
        {"dns": []},
        {"vpn_type": "IkeV2,OpenVPN"},
        {"auth": "Other"},
        {"pool": ["172.31.251.0/24"]},
        {"vpn_server": "hub0.synthetic0000000000000000.vpn.azure.com"},
    ],
)
def test_what_matters(options: dict[str, Any]) -> None:
    assert digest(**options) != DIGEST


def test_a_list_is_not_mistaken_for_another() -> None:
    assert digest(routes=["10.0.0.0/8"], pool=["172.16.0.0/12"]) != digest(
        routes=["172.16.0.0/12"], pool=["10.0.0.0/8"]
    )


networks = st.lists(st.ip_addresses(v=4).map(lambda address: f"{address}/32"), max_size=6, unique=True)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(data=st.data(), routes=networks, dns=st.lists(st.ip_addresses(v=4).map(str), max_size=4, unique=True))
def test_any_order_of_routes_but_one_of_dns_servers(data: st.DataObject, routes: list[str], dns: list[str]) -> None:
    shuffled = data.draw(st.permutations(routes))
    other = data.draw(st.permutations(dns))
    before = digest([OLD.der], routes=routes, dns=dns)
    assert digest([OLD.der], routes=shuffled, dns=dns) == before
    assert (digest([OLD.der], routes=routes, dns=other) == before) == (other == dns)


def test_the_digest_is_fixed_for_good() -> None:
    """A change of this value makes every user's next run report a change: it needs a reason and a changelog entry."""
    package = read(build_package([OLD.der], windows=False))
    canonical = (
        '{"auth": "eaptls", "client_address_pools": ["172.31.250.0/24"], "dns_servers": [], "gateway_roots": ["'
        + package.gateway_roots[0].sha256
        + '"], "routes": ["10.20.0.0/16", "10.21.0.0/24"], '
        '"vpn_server": "wan.synthetic0000000000000000.vpn.azure.com", "vpn_types": ["ikev2"]}'
    )
    assert package.digest == hashlib.sha256(canonical.encode()).hexdigest()
