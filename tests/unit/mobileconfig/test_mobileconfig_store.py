# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles out of the store: opened for what is new only, and the same bytes wherever they are rendered."""

from __future__ import annotations

import base64
import plistlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateSigningRequestBuilder, Name

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import sealing
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import Source
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import of_mac
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import PASSPHRASE, Pki
from ansible_collections.vwan.user_vpn.tests.unit.pki.test_pki_root import Enterprise

Task = Callable[..., dict[str, Any]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pki:
    monkeypatch.setattr(sealing, "SCRYPT", {"n": 1 << 14, "r": 8, "p": 1})
    pki = Pki(str(tmp_path / "pki.db"), datetime.now(UTC))
    pki.root()
    pki.issue("mac-01")
    return pki


@pytest.fixture
def render(store: Pki, settings: dict[str, Any], tmp_path: Path) -> Task:
    def go(folder: str = "here", *, check: bool = False, diff: bool = False, **arguments: Any) -> dict[str, Any]:
        mac = {"host": "mac-01", "identity": {"client": "mac-01"}}
        mac |= {name: arguments.pop(name) for name in ("host", "identity", "key_wanted") if name in arguments}
        args = {
            "pki": store.option,
            "settings": settings,
            "macs": [mac],
            "identifier": "com.example.uservpn",
            "connection_name": "Example VPN",
            "dest": str(tmp_path / folder),
            **arguments,
        }
        return of_mac(run_action("mobileconfig", args, check=check, diff=diff), mac["host"])

    return go


def opened(render: Task, **more: Any) -> dict[str, Any]:
    return render(passphrase=PASSPHRASE, **more)


def identity_in(path: Path) -> dict[str, Any]:
    content = plistlib.loads(path.read_bytes())["PayloadContent"]
    return next(payload for payload in content if payload["PayloadType"] == "com.apple.security.pkcs12")


def test_check_run_run_and_the_second_needs_no_passphrase(render: Task, store: Pki, tmp_path: Path) -> None:
    before = store.content()
    assert "Set passphrase" in render()["msg"]
    predicted = opened(render, check=True)
    assert store.content() == before
    assert not (tmp_path / "here").exists()
    first = opened(render)
    assert predicted == first
    assert first["changed"]
    payload = identity_in(tmp_path / "here/mac-01.mobileconfig")
    identity = store.identity("mac-01").identity
    assert identity and (payload["PayloadContent"], payload["Password"]) == (identity.pkcs12, identity.password)
    assert store.sql("SELECT host, identifier, profile_uuid, sha256, certificate_sha1 FROM profiles") == [
        ("mac-01", "com.example.uservpn", first["profile_uuid"], first["sha256"], first["certificate_sha1"])
    ]
    before = store.content()
    for check in (True, False):
        again = render(check=check, diff=True)
        assert (again["failed"], again["changed"], again["diff"]) == (False, False, [])
    assert store.content() == before


def test_another_controller_renders_the_same_bytes_and_nothing_has_changed(render: Task, tmp_path: Path) -> None:
    """Each job begins in an empty folder."""
    first = opened(render)
    assert "Set passphrase" in render("there")["msg"]
    second = opened(render, folder="there", diff=True)
    assert (second["changed"], second["diff"]) == (False, [])
    assert second["sha256"] == first["sha256"]
    here, there = (tmp_path / folder / "mac-01.mobileconfig" for folder in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    assert (tmp_path / "there/manifest.json").exists()


def test_a_file_that_was_altered_is_written_again(render: Task, tmp_path: Path) -> None:
    opened(render)
    file = tmp_path / "here/mac-01.mobileconfig"
    right = file.read_bytes()
    for wrong in (b"", b"no profile", right.replace(b"Example VPN", b"Another VPN"), right[:-20]):
        file.write_bytes(wrong)
        assert not opened(render)["changed"]
        assert file.read_bytes() == right
    document = plistlib.loads(right)
    identity = next(p for p in document["PayloadContent"] if p["PayloadType"] == "com.apple.security.pkcs12")
    identity["PayloadContent"] = b"somebody else's"
    file.write_bytes(plistlib.dumps(document))
    assert "Set passphrase" in render()["msg"]  # its digest is not the one that the store knows
    opened(render)
    assert file.read_bytes() == right


def test_what_differs_is_a_change_wherever_the_file_is(render: Task) -> None:
    opened(render)
    changed = opened(render, folder="there", connection_name="Another VPN")
    assert changed["changed"]
    assert opened(render, connection_name="Another VPN")["changed"] is False
    assert render(connection_name="Another VPN")["changed"] is False


def test_a_renewal_that_check_mode_foresees(render: Task, store: Pki) -> None:
    first = opened(render)
    old = {"client": "mac-01", "sha1": first["certificate_sha1"]}
    foreseen = render(check=True, identity=old | {"sha1": ""})
    assert (foreseen["changed"], foreseen["profile_uuid"], foreseen["sha256"]) == (True, "", "")
    store.issue({"name": "mac-01", "sans": ["b.example.com"]})
    assert "another certificate than" in opened(render, identity=old)["msg"]
    renewed = opened(render)
    assert renewed["changed"]
    assert renewed["profile_uuid"] != first["profile_uuid"]


def test_who_has_nothing(render: Task) -> None:
    assert "has no certificate for the client mac-02" in opened(render, identity={"client": "mac-02"})["msg"]
    foreseen = opened(render, identity={"client": "mac-02"}, check=True)
    assert (foreseen["failed"], foreseen["changed"]) == (False, True)
    assert "set pki to it" in opened(render, pki=None)["msg"]


def test_a_key_on_the_mac_needs_no_passphrase(render: Task, store: Pki, tmp_path: Path) -> None:
    request = (
        CertificateSigningRequestBuilder().subject_name(Name([])).sign(rsa.generate_private_key(65537, 2048), SHA256())
    )
    store.issue("mac-02", csrs={"mac-02": request.public_bytes(Encoding.PEM).decode()})
    asked = {"identity": {"client": "mac-02"}, "host": "mac-02"}
    first = render(**asked)
    assert first["changed"] and first["key_on_mac"]
    assert identity_in(tmp_path / "here/mac-02.mobileconfig")["Password"] == "made on the Mac"
    assert render(**asked)["changed"] is False
    assert "must have the scope System" in render(**asked, scope="User")["msg"]


def test_the_cas_above_a_client_come_with_it(tmp_path: Path, render: Task, store: Pki) -> None:
    corp = Enterprise(tmp_path / "corp")
    other = Pki(str(tmp_path / "corp.db"), datetime.now(UTC))
    other.root(source=Source(corp.root, corp.chain.with_suffix(".key"), "ca", corp.chain))
    other.issue("mac-01")
    assert opened(render, pki=other.option)["changed"]
    content = plistlib.loads((tmp_path / "here/mac-01.mobileconfig").read_bytes())["PayloadContent"]
    (authority,) = [p["PayloadContent"] for p in content if p["PayloadType"] == "com.apple.security.pkcs1"]
    issuing = "".join(corp.chain.read_text().splitlines()[1:-1])
    assert authority == base64.b64decode(issuing)
    shutil.rmtree(tmp_path / "here")
    assert opened(render, pki=other.option)["changed"] is False
