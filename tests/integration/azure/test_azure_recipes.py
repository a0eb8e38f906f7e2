# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of each recipe that Microsoft publishes, from the root's file to a profile on a Mac.

Root, client and export are made by openssl (tests/lab/recipes.py), and go the way of one who has followed the article
up to there: taken in, trusted in Azure, made an identity, rendered, and ingested by a Mac as macOS would.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.lab import Lab
from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package
from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root as new_gateway_root
from ansible_collections.vwan.user_vpn.tests.lab.recipes import PASSWORD, RECIPES, Made, make
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

PASSPHRASE = "passphrase of the recipes"


@pytest.fixture(scope="module")
def mac_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("macs") / "lab") as lab:
        yield lab


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    package = tmp_path_factory.mktemp("package") / "package.zip"
    package.write_bytes(build_package([new_gateway_root("Synthetic Test Root").der], windows=False))
    found: dict[str, Any] = task("profile_package_info", path=str(package))["settings"]
    return found


@pytest.fixture
def render(mac_lab: Lab, settings: dict[str, Any], made: Made, tmp_path: Path) -> Callable[..., None]:
    """Renders the profile with an identity, which a Mac of the lab ingests; the client root is not in it."""

    def render(identity: dict[str, str], **options: Any) -> None:
        name = f"mac-{len(mac_lab.macs)}"
        answer = task(
            "mobileconfig",
            settings=settings,
            macs=[{"host": name, "identity": identity}],
            dest=str(tmp_path / "profiles"),
            identifier="com.example.recipe",
            connection_name="Recipe",
            **options,
        )["macs"][name]
        assert not answer["failed"], answer["msg"]
        assert answer["certificate_sha1"] == sha1(made.client)
        mac = mac_lab.add_mac(name)
        mac.push_profile(Path(answer["path"]).read_bytes())
        there = {item["sha1"]: item["has_key"] for item in mac.keychain("system")}
        assert [each for each, has_key in there.items() if has_key] == [sha1(made.client)]
        assert sha1(made.root) not in there, "the client root is Azure's business"
        assert made.chain is None or sha1(made.chain) in there
        assert not mac.faults

    return render


@pytest.fixture(params=RECIPES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    return make(RECIPES[request.param], tmp_path / "theirs")


def test_from_the_roots_file_to_a_profile_on_a_mac(
    made: Made, render: Callable[..., None], run: Run, macs: Any, tmp_path: Path
) -> None:
    pki, name = str(tmp_path / "pki.db"), made.recipe.name
    source = {"certificate_source": str(made.root)} | ({"chain_source": str(made.chain)} if made.chain else {})
    root = task("root_certificate", pki=pki, **source)

    # Trusted in Azure as the article's own command would print it.
    trust = {"vpn_server_configuration": "macs", "roots": [{"public_cert_data": root["public_cert_data"]}]}
    trusted = run.ok("server_configuration", **trust)
    assert trusted["changed"] and "warnings" not in trusted
    der = openssl("x509", "-in", str(made.root), "-outform", "der")
    (stored,) = macs.properties["vpnClientRootCertificates"]
    assert stored["publicCertData"] == base64.b64encode(der).decode()
    assert not run.ok("server_configuration", **trust)["changed"]

    source = {"pkcs12_source": str(made.pfx), "source_password": PASSWORD}
    client = {"name": "mac-01", "common_name": name} | source
    issued = task("client_certificates", pki=pki, passphrase=PASSPHRASE, clients=[client])
    entry = issued["clients"]["mac-01"]
    assert entry["changed"] and entry["sha1"] == sha1(made.client)
    assert [name in warning for warning in issued.get("warnings", [])] == [True] * (not made.recipe.tunnel)
    render(pki=pki, passphrase=PASSPHRASE, identity={"client": "mac-01"})
    # The file as it was exported, with its whole path, is as good.
    chain = [str(made.chain)] if made.chain else []
    render(identity={"pkcs12_path": str(made.pfx), "password": PASSWORD}, client_chain=chain)


def task(module: str, **arguments: Any) -> dict[str, Any]:
    result = run_action(module, arguments)
    assert not result.get("failed"), result.get("msg")
    return result


def sha1(certificate: Path) -> str:
    shown = openssl("x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha1").decode()
    return shown.partition("=")[2].replace(":", "").strip()
