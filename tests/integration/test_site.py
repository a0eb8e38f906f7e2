# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises of the README, through the front door: ansible-playbook, real ssh, Macs of the lab."""

from __future__ import annotations

import json
import os
import plistlib
from datetime import datetime
from functools import partial

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import read_identity
from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, Run, Site, nothing_staged

RELEASES = {"mac-12": "12.7", "mac-15": "15.5", "mac-26": "26.1", "mac-27": "27.0"}


def files(site: Site) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in site.profiles.iterdir() if not path.name.startswith(".")}


def assert_ended_well(run: Run) -> None:
    assert run.returncode == 0, run.output
    assert not any(run.count("failed").values()), run.output
    assert not any(run.count("unreachable").values()), run.output
    assert "WARNING" not in run.output


def test_from_check_mode_to_a_second_run(site: Site) -> None:
    """One fleet of four releases through the life of an admin's first afternoon."""
    for name, version in RELEASES.items():
        site.lab.add_mac(name, macos=version)
    macs = site.lab.macs.values()

    predicted = site.play("--check", "--diff")
    assert_ended_well(predicted)
    assert not site.pki.exists()
    assert not site.profiles.exists()
    assert all(not mac.installed_profiles() for mac in macs)

    first = site.play("--diff")
    assert_ended_well(first)
    assert predicted.changed() == first.changed()
    rendered = files(site)
    assert set(rendered) == {f"{name}.mobileconfig" for name in RELEASES} | {"manifest.json"}
    for mac in macs:
        result = first.of("mac_profile", mac.name)
        assert result["status"] == "installed"
        assert result["missing_certificates"] == []
        assert [profile["uuid"] for profile in mac.installed_profiles()] == [result["profile_uuid"]]
        assert not mac.ingestion_errors
        # One exec to know, one to offer, and one to see that it was approved, unless that was at once.
        assert len(mac.execs) in (1 + 2, 1 + 3)

    for mac in macs:
        mac.clear_records()
    second = site.play("--diff")
    assert_ended_well(second)
    assert set(second.count("changed").values()) == {0}
    assert files(site) == rendered
    for mac in macs:
        assert len(mac.execs) == 1
        assert second.tasks(mac.name).count("vwan.user_vpn.configure_client : Bring the profile onto the Mac") == 1
        assert len(second.tasks(mac.name)) == 1 or mac.name == "mac-12"  # that one stands for the fleet

    after = site.play("--check", "--diff")
    assert_ended_well(after)
    assert after.changed() == set()

    for mac in macs:
        assert mac.python_calls == []
        assert mac.refusals == []
        until(partial(nothing_staged, mac))
    manifest = json.loads(rendered["manifest.json"])["profiles"]
    assert {host: entry["serial_number"] for host, entry in manifest.items()} == {mac.name: mac.serial for mac in macs}


def test_a_rendered_profile_read_by_other_tools(site: Site) -> None:
    site.lab.add_mac("mac-anna", macos="15.5")
    run = site.play()
    assert_ended_well(run)
    path = site.profiles / "mac-anna.mobileconfig"
    assert path.stat().st_mode & 0o777 == 0o600
    document = plistlib.loads(path.read_bytes())
    payloads = {payload["PayloadType"]: payload for payload in document["PayloadContent"]}
    assert document["PayloadIdentifier"] == IDENTIFIER
    assert document["PayloadScope"] == "System"
    vpn = payloads["com.apple.vpn.managed"]["IKEv2"]
    identity = payloads["com.apple.security.pkcs12"]
    assert vpn["PayloadCertificateUUID"] == identity["PayloadUUID"]
    assert vpn["RemoteAddress"] == vpn["RemoteIdentifier"]
    assert vpn["LocalIdentifier"] == "mac-anna"
    assert len(identity["Password"]) >= 24  # of this identity alone; nobody has chosen it
    assert payloads["com.apple.security.root"]["PayloadContent"] == site.roots[0]

    seen = read_identity(identity["PayloadContent"], identity["Password"], site.root_file())
    assert seen.chains_to_root
    assert seen.legacy_encryption
    assert "TLS Web Client Authentication" in seen.text
    assert "DNS:mac-anna" in seen.text
    assert "CN=mac-anna" in seen.text.replace("CN = ", "CN=")
    assert seen.sha1 == run.rendered("mac-anna")["certificate_sha1"]
    assert site.issued("mac-anna") == seen.sha1


def test_a_changed_package_is_a_new_profile_only_if_the_mac_needs_it(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert_ended_well(site.play())
    before = files(site)

    site.download(routes=["10.99.0.0/16"], when=datetime(2026, 11, 23, 8, 0, 0))
    again = site.play()
    assert_ended_well(again)
    assert again.changed() == set()
    assert files(site) == before

    site.download(vpn_server="wan.other000000000000000000.vpn.azure.com")
    moved = site.play("--diff")
    assert_ended_well(moved)
    assert moved.of("mac_profile", "mac-anna")["status"] == "installed"
    assert len(mac.installed_profiles()) == 1
    assert files(site) != before


def test_one_bad_client_name_stops_only_its_mac(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.lab.add_mac("mac-ben")
    site.host_variables = {"mac-ben": {"user_vpn_client_name": "Bens schöner Mac"}}
    run = site.play()
    assert run.count("failed") == {"mac-anna": 0, "mac-ben": 1}
    assert run.of("mac_profile", "mac-anna")["status"] == "installed"
    assert "Bens schöner Mac" in run.of("fail", "mac-ben")["msg"]
    assert run.returncode != 0
    assert not site.lab.macs["mac-ben"].execs


@pytest.mark.soak
def test_limit_serial_free_and_a_mac_that_is_away(site: Site) -> None:
    for name in ("mac-anna", "mac-ben", "mac-chris"):
        site.lab.add_mac(name)
    site.lab.macs["mac-ben"].offline()

    limited = site.play("--limit", "mac-anna")
    assert_ended_well(limited)
    assert not (site.profiles / "mac-chris.mobileconfig").exists()

    tasks = [
        {"ansible.builtin.import_role": {"name": f"vwan.user_vpn.{role}"}}
        for role in ("certificates", "profile_package", "configure_client")
    ]
    play = {"name": "Provision", "hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": tasks}
    serial = site.play(playbook=site.playbook("serial.yml", [play | {"serial": 1}]))
    assert serial.count("unreachable") == {"mac-anna": 0, "mac-ben": 1}, serial.output

    free = site.play(playbook=site.playbook("free.yml", [play | {"strategy": "free"}]))
    assert free.count("unreachable") == {"mac-anna": 0, "mac-ben": 1, "mac-chris": 0}, free.output
    assert free.of("mac_profile", "mac-chris")["status"] == "installed"

    site.lab.macs["mac-ben"].online()
    last = site.play()
    assert_ended_well(last)
    assert {host for host, _task in last.changed()} == {"mac-ben"}
    assert site.sql("SELECT count(*) FROM certificates") == [(1 + 3,)]  # one root, three clients, none twice


@pytest.mark.soak
def test_one_step_alone_by_its_tag(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    made = site.play("--tags", "certificates")
    assert_ended_well(made)
    assert made.of("client_certificates")["clients"]["mac-anna"]["reason"] == "missing"
    assert not site.profiles.exists()
    configured = site.play("--tags", "configure_client")
    assert_ended_well(configured)
    assert configured.of("mac_profile")["status"] == "installed"


def test_export_feeds_an_mdm_and_the_same_play_verifies_it(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", mdm=True, console_user=None)
    site.variables["user_vpn_delivery"] = "export"
    exported = site.play()
    assert_ended_well(exported)
    assert exported.of("mac_profile")["status"] == "mdm_required"
    assert not mac.installed_profiles()
    entry = json.loads((site.profiles / "manifest.json").read_text())["profiles"]["mac-anna"]
    content = (site.profiles / entry["file"]).read_bytes()

    mac.push_profile(content)
    verified = site.play()
    assert_ended_well(verified)
    assert verified.changed() == set()
    assert verified.of("mac_profile")["status"] == "installed"
    assert verified.of("mac_profile")["profile"]["uuid"] == entry["profile_uuid"]


def test_export_without_contact_to_any_mac(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    mac.offline()
    site.variables["user_vpn_delivery"] = "export"
    site.host_variables["mac-anna"] = {"user_vpn_serial_number": "C02XX1LAB"}
    site.pki, site.profiles = site.folder / "new/vpn/store/pki.db", site.folder / "new/vpn/profiles"
    site.variables |= {"user_vpn_pki": str(site.pki), "user_vpn_profiles_dir": str(site.profiles)}
    umask = os.umask(0)
    try:
        assert_ended_well(site.play("-e", "user_vpn_verify=none"))
    finally:
        os.umask(umask)
    made = {path: path.stat().st_mode & 0o777 for path in (site.folder / "new").rglob("*")}
    assert {mode for path, mode in made.items() if path.is_file()} == {0o600}
    assert {path for path, mode in made.items() if path.is_dir() and mode != 0o700} == {site.folder / "new/vpn"}
    assert {(site.folder / name).stat().st_mode & 0o777 for name in ("new", "new/vpn")} == {0o755}
    assert (site.profiles / "mac-anna.mobileconfig").exists()
    entry = json.loads((site.profiles / "manifest.json").read_text())["profiles"]["mac-anna"]
    assert entry["serial_number"] == "C02XX1LAB"  # by it an MDM finds the Mac, which nobody has asked
    assert not mac.execs

    # somebody opens what they should not: it is closed again, and said
    for path in made:
        path.chmod(0o777)
    again = site.play("-e", "user_vpn_verify=none")
    assert again.returncode == 0
    assert {task for _host, task in again.changed()} == {
        "vwan.user_vpn.certificates : Make the root certificate",
        "vwan.user_vpn.configure_client : Render the profiles",
    }
    assert "Other accounts had access to" in " ".join(again.output.split())
    kept = [path for path in made if path == site.pki or path.is_relative_to(site.profiles)]
    assert {path for path in kept if path.stat().st_mode & 0o077} == set()


@pytest.mark.soak
def test_a_signed_profile_is_installed_and_not_signed_anew(site: Site) -> None:
    from ansible_collections.vwan.user_vpn.tests.integration.second_tools import make_signer

    site.lab.add_mac("mac-anna")
    site.variables["user_vpn_sign_with"] = make_signer(site.folder)
    assert_ended_well(site.play())
    before = files(site)
    second = site.play()
    assert_ended_well(second)
    assert second.changed() == set()
    assert files(site) == before


@pytest.mark.soak
def test_a_user_profile(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    site.variables["user_vpn_scope"] = "User"
    assert_ended_well(site.play())
    second = site.play()
    assert_ended_well(second)
    assert second.changed() == set()
    assert second.of("mac_profile")["profile"]["scope"] == "User"
    assert mac.refusals == []
