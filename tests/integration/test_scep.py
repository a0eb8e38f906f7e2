# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Macs that get their certificates by SCEP: one profile for an MDM, and Azure trusts the root behind the server."""

from __future__ import annotations

import json
import plistlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.lab import scep
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

CHALLENGE = "a challenge of some length"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Of the CA behind the SCEP server."""
    path = tmp_path / "scep-root.pem"
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "root.key"), "-out", str(path)),
        *("-subj", "/CN=SCEP CA", "-days", "3650", "-addext", "basicConstraints=critical,CA:TRUE"),
    )
    return path


@pytest.fixture
def site(root: Path, tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, mac1="15.5", mac2="14.4") as site:
        site.variables |= {"user_vpn_delivery": "export", "user_vpn_verify": "none", "user_vpn_scep_root": str(root)}
        (site.inventory() / "group_vars/all.yml").write_text(
            "user_vpn_scep:\n"
            "  url: https://pki.example.com/scep\n"
            f"  challenge: {CHALLENGE}\n"
            '  subject: !unsafe "/CN={{serialnumber}}/O=Example"\n'
        )
        yield site


def test_one_profile_for_a_fleet_behind_an_mdm(site: AzureSite, root: Path) -> None:
    first = site.play("--diff", "-vvv")
    assert first.returncode == 0, first.output
    assert CHALLENGE not in first.output
    assert CHALLENGE not in json.dumps(first.results)
    (profile,) = site.profiles.glob("*.mobileconfig")
    assert profile.stem == site.variables["user_vpn_identifier"]
    (content,) = [
        payload["PayloadContent"]
        for payload in plistlib.loads(profile.read_bytes())["PayloadContent"]
        if payload["PayloadType"] == "com.apple.security.scep"
    ]
    assert content["Subject"] == [[["CN", "{{serialnumber}}"]], [["O", "Example"]]]
    assert content["Challenge"] == CHALLENGE

    # nobody needs a root of ours
    assert site.trusted == [ssl.PEM_cert_to_DER_cert(root.read_text())]
    assert site.sql("SELECT * FROM certificates") == []
    assert all(mac.execs == [] for mac in site.lab.macs.values())

    again = site.play()
    assert again.returncode == 0, again.output
    assert again.changed() == set()


@pytest.mark.soak
def test_one_mac_of_them_goes_on_with_an_identity_from_here(site: AzureSite) -> None:
    site.host_variables["mac2"] = {"user_vpn_scep": {}}
    mixed = site.play()
    assert mixed.returncode == 0, mixed.output
    assert {path.stem for path in site.profiles.glob("*.mobileconfig")} == {
        "mac2",
        site.variables["user_vpn_identifier"],
    }
    assert len(site.trusted) == 2
    assert site.issued("mac2")


@pytest.mark.skipif(bool(scep.missing()), reason=scep.missing())
def test_a_real_server_gives_a_certificate_for_nothing_but_the_profile(tmp_path: Path) -> None:
    def rendered(**wish: str) -> dict[str, Any]:
        arguments = {
            "settings": {"vpn_server": "gw.example.com", "gateway_roots": [{"pem": server.root.read_text()}]},
            "identifier": "com.example.uservpn",
            "connection_name": "Example VPN",
            "delivery": "mdm",
            "dest": str(tmp_path / "profiles"),
            "macs": [
                {"host": "mac1", "identity": {"scep": {"url": server.url, "subject": "/CN=$SERIAL/O=Example", **wish}}}
            ],
        }
        (entry,) = run_action("mobileconfig", arguments, task_vars={"inventory_hostname": "mac1"})["macs"].values()
        assert not entry["failed"], entry
        content = plistlib.loads(Path(entry["path"]).read_bytes())["PayloadContent"]
        return next(dict(p["PayloadContent"]) for p in content if p["PayloadType"] == "com.apple.security.scep")

    with scep.scep_server(tmp_path, CHALLENGE) as server:
        payload = rendered(challenge=CHALLENGE, ca_fingerprint=server.sha1)
        certificate = server.enrol(payload, {"$SERIAL": "C02XK1ABJG5J"}, tmp_path / "mac")
        assert certificate
        shown = openssl("x509", "-in", str(certificate), "-noout", "-text").decode()
        assert re.search(r"Subject:.*O = Example.*CN = C02XK1ABJG5J", shown)
        assert "Public-Key: (2048 bit)" in shown
        assert "TLS Web Client Authentication" in shown
        assert re.search(r"Subject Alternative Name:\s+DNS:C02XK1ABJG5J\n", shown)
        verified = openssl("verify", "-purpose", "sslclient", "-CAfile", str(server.root), str(certificate)).decode()
        assert verified.endswith(": OK\n")
        assert server.enrol(rendered(challenge="x" * 20, ca_fingerprint=server.sha1), {}, tmp_path / "refused") is None
        assert server.enrol(rendered(challenge=CHALLENGE, ca_fingerprint="00" * 20), {}, tmp_path / "posed") is None
