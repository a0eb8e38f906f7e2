# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of each recipe that Microsoft publishes, through a real tunnel.

strongSwan, which is the lab's gateway, is stricter than Azure in two ways. It takes no CA without basic constraints,
though Microsoft's own recipes make such: the gateway trusts a twin of that root, of the same name and key. And it looks
for a client's name among the alternative names only; whether Azure does, of a certificate that has none, is not known.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.rendered import Issued, render
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, PASSWORD
from ansible_collections.vwan.user_vpn.tests.lab.recipes import RECIPES, make
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient


@pytest.mark.parametrize("name", RECIPES)
def test_a_client_of_each_recipe_connects(
    gateway: Gateway, mac: NativeClient, certificates: Certificates, tmp_path: Path, name: str
) -> None:
    made = make(RECIPES[name], tmp_path / "theirs", PASSWORD)
    trusted = made.root if "basicConstraints" in made.recipe.root else made.twin(tmp_path / "twin")
    options = {"identity": {"pkcs12_path": str(made.pfx), "password": PASSWORD}}
    chain = {"client_chain": [str(made.chain)]} if made.chain else {}
    client = Issued(made.recipe.name, der(trusted), der(made.client), options | chain)
    gateway.change(client_roots=(client.root,), ipsec_policy=PAIRS["modp2048"].policy)
    roots = [certificates.gateway_root.der]
    mac.install(render(client, tmp_path, gateway_roots=roots, algorithms="modp2048"))

    attempt = mac.connect(timeout=15 if made.recipe.tunnel else 5)

    assert bool(attempt.interface) == made.recipe.tunnel, attempt.failure
    if made.recipe.tunnel:
        assert mac.ping("10.20.0.1")
        [connected] = gateway.list_clients()
        assert (connected.identity, connected.certificate_sha1) == (made.recipe.name, client.sha1)


def der(certificate: Path) -> bytes:
    return openssl("x509", "-in", str(certificate), "-outform", "der")
