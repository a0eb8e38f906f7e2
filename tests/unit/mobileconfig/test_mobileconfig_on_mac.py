# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile whose private key is on its Mac: what the controller writes, and what it sends to be completed."""

from __future__ import annotations

import base64
import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.reading import read_profile
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import PASSWORD, Pki, key_pem, of_mac, pem

PKCS12 = "com.apple.security.pkcs12"


@pytest.fixture
def render(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def go(*, check: bool = False, diff: bool = False, **arguments: Any) -> dict[str, Any]:
        mac = {"host": "mac-01", "identity": {"certificate_path": str(tmp_path / "mac-01.pem")}}
        mac |= {name: arguments.pop(name) for name in ("host", "identity") if name in arguments}
        args = {
            "settings": settings,
            "macs": [mac],
            "identifier": "com.example.uservpn",
            "connection_name": "Example VPN",
            "dest": str(tmp_path),
            **arguments,
        }
        return of_mac(run_action("mobileconfig", args, check=check, diff=diff), mac["host"])

    return go


def identity_of(content: bytes) -> dict[str, Any]:
    return next(p for p in plistlib.loads(content)["PayloadContent"] if p["PayloadType"] == PKCS12)


def test_the_certificate_stands_where_the_pkcs12_belongs(render: Any, pki: Pki, tmp_path: Path) -> None:
    leaf = pki.client()
    (tmp_path / "mac-01.pem").write_bytes(pem(leaf))
    (tmp_path / "mac-01.p12").write_bytes(pki.pkcs12(leaf))
    predicted = render(check=True)
    written = render(diff=True)
    assert predicted["profile_uuid"] == written["profile_uuid"]
    assert render()["changed"] is False
    content = (tmp_path / "mac-01.mobileconfig").read_bytes()
    assert identity_of(content)["PayloadContent"] == leaf.public_bytes(Encoding.DER)
    assert identity_of(content)["Password"] == "made on the Mac"
    assert "mac-01" in str(written["diff"])
    # The UUID is that of the same profile with its key inside: neither PKCS#12 nor password counts.
    whole = render(identity={"pkcs12_path": str(tmp_path / "mac-01.p12"), "password": PASSWORD}, host="whole")
    assert (whole["key_on_mac"], written["key_on_mac"]) == (False, True)
    assert whole["profile_uuid"] == written["profile_uuid"]
    assert read_profile((tmp_path / "whole.mobileconfig").read_bytes(), "whole").unfinished is None


def test_what_is_sent_to_be_completed(render: Any, pki: Pki, tmp_path: Path) -> None:
    leaf = pki.client()
    (tmp_path / "mac-01.pem").write_bytes(pem(leaf))
    render(description="Ends with a line\nof its own & <tags>")
    content = (tmp_path / "mac-01.mobileconfig").read_bytes()
    unfinished = read_profile(content, "it").unfinished
    assert unfinished is not None
    certificate, _line, profile = unfinished.content.partition(b"-----END CERTIFICATE-----\n")
    assert certificate + _line == pem(leaf)
    lines = [line.strip() for line in profile.decode().splitlines()]
    # Each place is one line of its own, once: that is what the Mac's awk looks for.
    assert lines.count(unfinished.token) == 1
    assert lines.count(f"<string>{unfinished.token}</string>") == 1
    assert profile.decode().count(unfinished.token) == 2
    assert unfinished.token not in content.decode()
    sent, kept = plistlib.loads(profile), plistlib.loads(content)
    for document in (sent, kept):
        for payload in document["PayloadContent"]:
            if payload["PayloadType"] == PKCS12:
                payload["PayloadContent"] = payload["Password"] = ""
    assert sent == kept
    assert read_profile(content, "it").unfinished != unfinished  # a token serves once
    assert base64.b64encode(identity_of(profile)["PayloadContent"]).decode() == unfinished.token
    # openssl reads the same certificate out of what is sent.
    seen = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha1"],
        input=unfinished.content,
        capture_output=True,
        check=True,
    )
    assert unfinished.name.rpartition(" ")[2] in seen.stdout.decode().replace(":", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scope": "User"}, "must have the scope System"),
        ({"sign_with": {"certificate": "a.pem", "key": "a.key"}}, "leave sign_with out"),
        ({"identity": {}}, "There is no identity"),
        ({"identity": {"certificate_path": "a.pem", "pkcs12_path": "a.p12", "password": "x"}}, "mutually exclusive"),
        ({"identity": {"pkcs12_path": "a.p12"}}, "password"),
    ],
)
def test_what_cannot_be_is_refused(render: Any, pki: Pki, tmp_path: Path, arguments: Any, says: str) -> None:
    (tmp_path / "mac-01.pem").write_bytes(pem(pki.client()))
    (tmp_path / "a.pem").write_bytes(pem(pki.certificate("Example Signing")))
    (tmp_path / "a.key").write_bytes(key_pem(pki.leaf_key))
    refused = render(**arguments)
    assert refused["failed"]
    assert says in refused["msg"]
    assert not (tmp_path / "mac-01.mobileconfig").exists()


def test_a_certificate_that_cannot_serve_is_refused(render: Any, pki: Pki, tmp_path: Path) -> None:
    for content, says in (
        (b"no certificate", "no certificate that can be read"),
        (pem(pki.client(key=ec.generate_private_key(ec.SECP256R1()))), "not RSA"),
        (pem(pki.certificate("mac-01", sans=["mac-01"], servers=True)), "clientAuth"),
    ):
        (tmp_path / "mac-01.pem").write_bytes(content)
        refused = render()
        assert refused["failed"]
        assert says in refused["msg"]


def test_a_certificate_that_is_still_to_be_issued(render: Any) -> None:
    predicted = render(check=True)
    assert predicted["changed"] is True
    assert predicted["profile_uuid"] == ""
    assert render()["failed"]
