# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input as a user meets it: one sentence for each, and nothing written or lost.

Every case of one kind is a task of one playbook, which spares a start of ansible-playbook each. The unit tests of the
packages have many more.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.vwan.user_vpn.tests.integration.site import PASSPHRASE, Run, Site
from ansible_collections.vwan.user_vpn.tests.lab.packages import (
    build_package,
    gateway_root,
    settings_xml,
)

ROOT = gateway_root("Synthetic Test Root").der
GOOD = build_package([ROOT], windows=False)
DTD = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><VpnProfile><VpnServer>&a;</VpnServer></VpnProfile>'
EXPIRED = gateway_root("Expired Root", not_after=datetime.now(UTC) - timedelta(days=1))


def bomb() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Generic\\VpnSettings.xml", b" " * 200_000_000)
    return body.getvalue()


def broken_base64() -> bytes:
    return settings_xml([ROOT]).replace(base64.b64encode(ROOT)[:40], b"!" * 40)


PACKAGES: dict[str, tuple[Callable[[], bytes], str]] = {
    "not a ZIP": (lambda: b"<html>expired</html>", "not a ZIP file"),
    "truncated": (lambda: GOOD[: len(GOOD) // 2], "ZIP"),
    "parent folder": (lambda: build_package([ROOT], extra={"..\\Generic\\x": b""}), r"unsafe"),
    "absolute name": (lambda: build_package([ROOT], extra={"\\etc\\passwd": b""}), r"unsafe"),
    "bomb": (bomb, "more than 1048576 bytes"),
    "two settings": (
        lambda: build_package([ROOT], extra={"Old\\Generic\\VpnSettings.xml": b"<a/>"}),
        "VpnSettings.xml",
    ),
    "DTD": (lambda: build_package([], xml=DTD), "document type declaration"),
    "no Generic folder": (lambda: build_package([ROOT], generic=False), "IKEv2"),
    "OpenVPN only": (lambda: build_package([ROOT], vpn_type="OpenVPN", generic=True), "IKEv2"),
    "RADIUS": (lambda: build_package([ROOT], auth="EAPMSCHAPV2"), "certificate"),
    "no VpnServer": (lambda: build_package([ROOT], omit=["VpnServer"]), "VpnServer"),
    "broken base64": (lambda: build_package([ROOT], xml=broken_base64(), file_roots=[]), "not one X.509 certificate"),
    "no certificate": (lambda: build_package([ROOT], file_roots=[b"hello"]), "certificate"),
}


def failures(site: Site, tasks: list[dict[str, Any]]) -> tuple[Run, dict[str, str]]:
    """Run tasks that all must fail; the message of each by its name."""
    play = {
        "hosts": "user_vpn",
        "gather_facts": False,
        "tasks": [task | {"ignore_errors": True, "run_once": True} for task in tasks],
    }
    run = site.play(playbook=site.playbook("bad.yml", [play]))
    messages = {entry["task"]: str(entry["result"].get("msg")) for entry in run.results if entry["outcome"] == "failed"}
    assert set(messages) == {task["name"] for task in tasks}, run.output
    for name, message in messages.items():
        assert "Traceback" not in message, name
        assert "\n" not in message, name
        assert message.endswith((".", "?", ")")), f"{name}: {message}"
        assert PASSPHRASE not in message
    return run, messages


def test_bad_packages(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    tasks = []
    for number, (name, (make, _sentence)) in enumerate(PACKAGES.items()):
        path = site.folder / f"bad-{number}.zip"
        path.write_bytes(make())
        tasks.append({"name": name, "vwan.user_vpn.profile_package_info": {"path": str(path)}})
    tasks.append({"name": "missing", "vwan.user_vpn.profile_package_info": {"path": str(site.folder / "missing.zip")}})
    _run, messages = failures(site, tasks)
    for name, (_make, sentence) in PACKAGES.items():
        assert sentence in messages[name], f"{name}: {messages[name]}"
    assert "missing.zip" in messages["missing"]


def test_an_expired_gateway_root_is_a_warning(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.package.write_bytes(build_package([ROOT, EXPIRED.der]))
    run = site.play("--check")
    assert run.returncode == 0
    assert "expired" in run.output
    assert "gateway root" in run.output


def test_bad_certificates_input(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    foreign = site.folder / "photo.jpg"
    foreign.write_bytes(b"not ours")
    good = {"pki": str(site.pki), "passphrase": PASSPHRASE}
    export = good | {"clients": ["mac-anna"], "export_dir": str(site.folder / "export")}
    assert site.play("--tags", "certificates").returncode == 0
    before = site.pki.read_bytes()
    _run, messages = failures(
        site,
        [
            {"name": "foreign file", "vwan.user_vpn.root_certificate": good | {"pki": str(foreign)}},
            {"name": "wrong passphrase", "vwan.user_vpn.root_certificate": good | {"passphrase": "another one"}},
            {"name": "short passphrase", "vwan.user_vpn.root_certificate": good | {"passphrase": "elevenchars"}},
            {"name": "no passphrase", "vwan.user_vpn.root_certificate": {"pki": str(site.folder / "new.db")}},
            {"name": "empty password", "vwan.user_vpn.client_certificates": export | {"export_password": ""}},
            {"name": "umlauts", "vwan.user_vpn.client_certificates": export | {"export_password": "größer"}},
            {
                "name": "password in the URL",
                "vwan.user_vpn.root_certificate": good | {"pki": "postgresql://ansible:pl4nted@127.0.0.1/pki"},
            },
            {
                "name": "wrong passphrase for a client",
                "vwan.user_vpn.client_certificates": good | {"passphrase": "another one", "clients": ["mac-new"]},
            },
        ],
    )
    assert str(foreign) in messages["foreign file"]
    for name in ("wrong passphrase", "short passphrase", "no passphrase", "wrong passphrase for a client"):
        assert "passphrase" in messages[name]
    assert "pl4nted" not in messages["password in the URL"]
    assert "password" in messages["empty password"]
    assert "ASCII" in messages["umlauts"]
    assert foreign.read_bytes() == b"not ours"
    assert site.pki.read_bytes() == before
    assert not (site.folder / "new.db").exists()
    assert list((site.folder / "export").glob("*")) == []


def test_bad_client_names_fail_only_themselves(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    bad = ["with space", "müller", "anna@example.com", "x" * 300, "../up", "a/b", "a\\b", ""]
    tasks = [
        {"vwan.user_vpn.root_certificate": {"pki": str(site.pki), "passphrase": PASSPHRASE}},
        {
            "vwan.user_vpn.client_certificates": {
                "pki": str(site.pki),
                "passphrase": PASSPHRASE,
                "clients": [*bad, "good", "twice", "Twice"],
            }
        },
    ]
    run = site.play(playbook=site.playbook("names.yml", [{"hosts": "user_vpn", "gather_facts": False, "tasks": tasks}]))
    assert run.returncode == 0, run.output
    result = run.of("client_certificates")
    assert set(bad) <= set(result["failures"])
    assert "Twice" in result["failures"]
    assert result["clients"]["good"]["reason"] == "missing"
    for name in bad:
        assert "letters" in result["clients"][name]["msg"], result["clients"][name]


def test_algorithms_that_no_mac_can_do(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.variables["user_vpn_ipsec_policy"] = {
        "saLifeTimeSeconds": 27000,
        "saDataSizeKilobytes": 102400000,
        "ipsecEncryption": "GCMAES256",
        "ipsecIntegrity": "GCMAES256",
        "ikeEncryption": "AES256",
        "ikeIntegrity": "SHA256",
        "dhGroup": "DHGroup24",
        "pfsGroup": "PFS24",
    }
    run = site.play()
    assert run.count("failed") == {"mac-anna": 1}
    message = run.of("mac_profile")["msg"]
    assert run.of("mobileconfig")["macs"]["mac-anna"]["msg"] in message
    assert "DHGroup24" in message
    assert "DHGroup14" in message
    assert not site.lab.macs["mac-anna"].execs
