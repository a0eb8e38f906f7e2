# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task as a playbook sees it: idempotence, check mode, diff, secrets, signing, manifest."""

from __future__ import annotations

import base64
import json
import os
import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import PASSWORD, Pki, key_pem, of_mac, pem

Task = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path, client_pkcs12: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mac-01.p12").write_bytes(client_pkcs12)
    return tmp_path


@pytest.fixture
def task(folder: Path, settings: dict[str, Any]) -> Task:
    """Run the task for one Mac with any argument changed, by paths relative to where the play was started."""

    def go(*, check: bool = False, diff: bool = False, **arguments: Any) -> dict[str, Any]:
        mac = {"host": "mac-01", "identity": {"pkcs12_path": "mac-01.p12", "password": PASSWORD}}
        mac |= {name: arguments.pop(name) for name in ("host", "identity", "serial_number") if name in arguments}
        args = {
            "settings": settings,
            "macs": [mac],
            "identifier": "com.example.uservpn",
            "connection_name": "Example VPN",
            "dest": "profiles",
            **arguments,
        }
        return of_mac(run_action("mobileconfig", args, check=check, diff=diff), mac["host"])

    return go


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def diff_lines(result: dict[str, Any]) -> list[str]:
    """The lines that a diff removes and adds."""
    found = []
    for each in result["diff"]:
        before, after = each["before"].splitlines(), each["after"].splitlines()
        found += [f"-{line}" for line in before if line not in after]
        found += [f"+{line}" for line in after if line not in before]
    return found


def test_check_run_run(task: Task, folder: Path) -> None:
    before = files(folder)
    predicted = task(check=True)
    assert files(folder) == before
    first = task()
    assert first["changed"]
    assert predicted == first, "the prediction holds in every detail"
    dest = folder / "profiles/mac-01.mobileconfig"
    assert dest.stat().st_mode & 0o777 == 0o600
    assert dest.parent.stat().st_mode & 0o777 == 0o700
    assert plistlib.loads(dest.read_bytes())["PayloadUUID"] == first["profile_uuid"]
    assert set(first) == {
        *(
            "host",
            "changed",
            "failed",
            "path",
            "profile_uuid",
            "identifier",
            "sha256",
            "certificate_sha1",
            "common_name",
        ),
        *("certificate_not_after", "scope", "display_name", "delivery", "client", "certificates", "gateway_roots"),
        *("key_on_mac", "shared", "alone"),
    }
    written = files(folder)
    assert task() == first | {"changed": False}
    assert task(check=True) == first | {"changed": False}
    assert files(folder) == written


def test_mode_and_damage_are_mended(task: Task, folder: Path) -> None:
    first = task()
    dest = Path(first["path"])
    content = dest.read_bytes()
    dest.chmod(0o644)
    assert task(check=True)["changed"]
    mended = task(diff=True)
    assert diff_lines(mended) == ["-file mode = 0644", "+file mode = 0600"]
    dest.write_bytes(b"damaged")
    assert task()["changed"]
    assert dest.read_bytes() == content


def test_check_mode_before_the_certificate_exists(task: Task, folder: Path) -> None:
    arguments = {"identity": {"pkcs12_path": "mac-02.p12", "password": PASSWORD}}
    before = files(folder)
    predicted = task(check=True, diff=True, **arguments)
    assert predicted["changed"]
    assert not predicted["failed"]
    assert predicted["identifier"] == "com.example.uservpn"
    assert predicted["display_name"] == "Example VPN"
    assert "a real run would have issued its certificate" in predicted["msg"]
    for key in ("profile_uuid", "sha256", "certificate_sha1", "certificate_not_after"):
        assert predicted[key] == ""
    assert files(folder) == before
    assert "cannot be read" in task(**arguments)["msg"]


def test_check_mode_finds_faulty_wishes_without_a_certificate(task: Task) -> None:
    wishes = {"identity": {"pkcs12_path": "mac-02.p12", "password": PASSWORD}, "algorithms": "modp1024"}
    assert "modp1024" in task(check=True, **wishes)["msg"]


def test_the_diff_names_the_keys_that_change(task: Task) -> None:
    first = task(diff=True)
    assert first["diff"][0]["before"] == ""
    second = task(diff=True, algorithms="ecp384", dns={"servers": ["10.0.0.4"], "search_domains": ["corp.example.com"]})
    lines = diff_lines(second)
    assert "-vpn.IKEv2.IKESecurityAssociationParameters.DiffieHellmanGroup = 14" in lines
    assert "+vpn.IKEv2.IKESecurityAssociationParameters.DiffieHellmanGroup = 20" in lines
    assert "+vpn.DNS.SearchDomains = ['corp.example.com']" in lines
    assert not [line for line in lines if "RemoteAddress" in line]
    assert (
        task(diff=True, algorithms="ecp384", dns={"servers": ["10.0.0.4"], "search_domains": ["corp.example.com"]})[
            "diff"
        ]
        == []
    )


def test_a_renewed_certificate_shows_as_one(task: Task, folder: Path, pki: Pki) -> None:
    first = task()
    (folder / "mac-01.p12").write_bytes(pki.pkcs12(pki.client()))
    predicted, second = task(check=True, diff=True), task(diff=True)
    assert predicted == second
    assert second["changed"]
    assert second["profile_uuid"] != first["profile_uuid"]
    labels = {line[1:].partition(" = ")[0] for line in diff_lines(second)}
    assert {label for label in labels if not label.startswith("mac-01.")} == {
        "PayloadUUID",
        "identity.PayloadCertificateFileName",
        "identity.PayloadContent",
        "identity.PayloadDisplayName",
        "identity.PayloadIdentifier",
        "identity.PayloadUUID",
        "vpn.IKEv2.PayloadCertificateUUID",
    }


def test_an_identity_that_had_to_be_packed_stays_as_it_was_packed(task: Task, folder: Path, pki: Pki) -> None:
    leaf = pki.client()
    (folder / "mac-01.p12").write_bytes(pki.pkcs12(leaf, cas=[pki.root], legacy=False))
    first = task()
    assert task() == first | {"changed": False}
    assert not task(check=True)["changed"]
    (folder / "mac-01.p12").write_bytes(pki.pkcs12(leaf, legacy=False))
    assert not task()["changed"], "the same certificate in another file"
    assert task(algorithms="ecp384")["changed"]
    assert not task(algorithms="ecp384")["changed"]


def test_no_secret_leaves(task: Task, folder: Path, client_pkcs12: bytes, pki: Pki) -> None:
    (folder / "signing.pem").write_bytes(pem(pki.certificate("Example Signing")))
    (folder / "signing.key").write_bytes(key_pem(pki.leaf_key, b"sesame-key"))
    signer = {"certificate": "signing.pem", "key": "signing.key", "passphrase": "sesame-key"}
    results = [
        task(diff=True),
        task(diff=True, sign_with=signer),
        task(diff=True, sign_with={**signer, "passphrase": "sesame-wrong"}),
        task(diff=True, identity={"pkcs12_path": "mac-01.p12", "password": "sesame-wrong"}),
    ]
    # Somebody else's file with secrets of other kinds lies where the profile goes.
    (folder / "profiles/mac-01.mobileconfig").write_bytes(
        plistlib.dumps({"PayloadContent": [{"SharedSecret": "sesame-a", "Deep": {"AuthPassword": ["sesame-b"]}}]})
    )
    results.append(task(diff=True))
    shown = json.dumps(results)
    assert PASSWORD not in shown
    assert "sesame" not in shown
    assert base64.b64encode(client_pkcs12).decode()[40:80] not in shown
    assert [result["failed"] for result in results] == [False, False, True, True, False]


def test_a_signed_file(task: Task, folder: Path, pki: Pki, openssl: Callable[..., str]) -> None:
    certificate = pki.certificate("Example Signing")
    (folder / "signing.pem").write_bytes(pem(certificate))
    (folder / "signing.key").write_bytes(key_pem(pki.leaf_key))
    (folder / "root.pem").write_bytes(pem(pki.root))
    signer = {"certificate": "signing.pem", "key": "signing.key", "chain": "root.pem"}
    plain = task()
    first = task(sign_with=signer, diff=True)
    assert first["changed"]
    assert first["profile_uuid"] == plain["profile_uuid"]
    assert first["sha256"] != plain["sha256"]
    lines = [line for line in diff_lines(first) if "mac-01.sha256" not in line]
    assert lines and all(line.startswith("+signature carries certificate") for line in lines)
    arguments = ["-verify", "-inform", "DER", "-in", first["path"], "-CAfile", "root.pem", "-purpose", "any"]
    assert plistlib.loads(openssl("cms", *arguments, "-binary").encode())["PayloadUUID"] == plain["profile_uuid"]
    second = task(sign_with=signer)
    assert not second["changed"]
    assert second["sha256"] == first["sha256"]
    assert not task(sign_with=signer, check=True)["changed"]
    (folder / "signing.pem").write_bytes(pem(pki.certificate("Example Signing")))
    assert task(sign_with=signer)["changed"], "a renewed signing certificate"
    assert task()["sha256"] == plain["sha256"], "unsigned again"


def test_the_manifest(task: Task, folder: Path) -> None:
    predicted = task(check=True, diff=True, serial_number="C02XX1", delivery="mdm")
    first = task(diff=True, serial_number="C02XX1", delivery="mdm")
    assert predicted == first
    entry = json.loads((folder / "profiles/manifest.json").read_text(encoding="utf-8"))["profiles"]["mac-01"]
    assert entry == {
        "host": "mac-01",
        "serial_number": "C02XX1",
        "file": "mac-01.mobileconfig",
        "delivery": "mdm",
        **{
            key: first[key]
            for key in ("identifier", "profile_uuid", "certificate_sha1", "certificate_not_after", "sha256")
        },
    }
    assert not task(delivery="mdm")["changed"], "the serial number is kept"
    assert task(host="other")["changed"]
    assert not task(host="other")["changed"]


def test_a_change_of_the_manifest_alone_is_a_change(task: Task) -> None:
    task()
    result = task(delivery="export", diff=True)
    assert result["changed"]
    assert [each["after_header"].rpartition("/")[2] for each in result["diff"]] == ["manifest.json"]
    assert diff_lines(result) == ["-mac-01.delivery = 'approve'", "+mac-01.delivery = 'export'"]


@pytest.mark.parametrize(
    "host", ["../mac-01", "link/mac-01", "/mac-01", "a/../../mac-01", "\0", "", "m" * 250, "Ä" * 100]
)
def test_no_host_leads_out_of_the_folder(task: Task, folder: Path, host: str) -> None:
    (folder / "profiles").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "profiles/link").symlink_to(folder / "elsewhere")
    before = files(folder)
    for check in (True, False):
        result = task(host=host, check=check)
        assert result["failed"]
        assert result["path"] == ""
        assert f"No file in {folder}/profiles can be named after the host" in result["msg"]
        assert result["msg"].isprintable() and len(result["msg"]) < 500
    assert files(folder) == before


@pytest.mark.parametrize(
    "host", [".", "..", ".hidden", "mac [1]*", "-rf", "manifest.json", "Zoë's Mac", "a\\b", "a\nb"]
)
def test_odd_names_that_are_names(task: Task, folder: Path, host: str) -> None:
    assert task(host=host)["changed"]
    assert not task(host=host)["changed"]
    found = {name for name in files(folder) if name.startswith("profiles/")}
    assert found - {"profiles/.manifest.json.lock"} == {f"profiles/{host}.mobileconfig", "profiles/manifest.json"}


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o710])
def test_a_folder_of_profiles_is_closed_to_others(task: Task, folder: Path, mode: int) -> None:
    profiles = folder / "profiles"
    profiles.mkdir()
    for content in ((), ("mac-09.mobileconfig", ".DS_Store")):
        for name in content:
            (profiles / name).touch()
        profiles.chmod(mode)
        predicted = task(check=True)
        assert profiles.stat().st_mode & 0o777 == mode
        done = task()
        assert predicted["changed"] and done["changed"]
        assert "a real run takes that away" in predicted["warnings"][-1]
        assert "that was taken away" in done["warnings"][-1]
        assert profiles.stat().st_mode & 0o777 == 0o700
        assert not task()["changed"]


def test_somebody_elses_folder_stays_open_unless_everybody_may_write_there(task: Task, folder: Path) -> None:
    shared = folder / "profiles"
    shared.mkdir()
    (shared / "README.md").touch()
    shared.chmod(0o775)
    assert task()["changed"]
    assert shared.stat().st_mode & 0o7777 == 0o775
    shared.chmod(0o1777)  # as /tmp: nobody may replace the file of another
    assert not task()["failed"]
    shared.chmod(0o777)
    for check in (True, False):
        refused = task(check=check, algorithms="ecp384")
        assert refused["failed"]
        assert "Every account may replace" in refused["msg"]
    shared.chmod(0o1777)
    (shared / "README.md").unlink()
    assert not task()["changed"]
    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_folders_that_are_made_are_closed_whatever_the_umask(task: Task, folder: Path) -> None:
    before = os.umask(0)
    try:
        assert task(dest="a/b/profiles")["changed"]
    finally:
        os.umask(before)
    modes = [(folder / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/profiles")]
    assert modes == [0o755, 0o755, 0o700]
    assert {path.stat().st_mode & 0o777 for path in (folder / "a/b/profiles").iterdir()} == {0o600}


def test_warnings_reach_the_user(task: Task) -> None:
    assert "ECP256" in task(algorithms="ecp256")["warnings"][0]
    assert "DHGroup24" in task(ipsec_policy=[])["warnings"][0]
    missing = {"pkcs12_path": "mac-02.p12", "password": PASSWORD}
    assert "DHGroup24" in task(ipsec_policy=[], identity=missing, check=True)["warnings"][-1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"on_demand": {"connect": "sometimes"}}, "connect"),
        ({"on_demand": {"interfaces": ["cellular"]}}, "interfaces"),
        ({"identity": {"pkcs12_path": "mac-01.p12"}}, "password"),
        (
            {"identity": {"pkcs12_path": "https://user:secret@example.com/mac-01.p12", "password": "x"}},
            "A URL is given",
        ),
        ({"identity": {}}, "There is no identity"),
        ({"identity": {"client": "mac-01"}}, "set pki to it"),
        ({"client_chain": ["nowhere.pem"]}, "nowhere.pem cannot be read"),
        ({"dest": "mac-01.p12"}, "mac-01.p12"),
        ({"sign_with": {"certificate": "mac-01.p12", "key": "mac-01.p12"}}, "sign_with.certificate"),
    ],
)
def test_faulty_arguments(task: Task, arguments: dict[str, Any], named: str) -> None:
    result = task(**arguments)
    assert result["failed"]
    assert not result["changed"]
    assert named in result["msg"]
    assert result["msg"].count("\n") == 0
