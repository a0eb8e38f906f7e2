# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slips that people make, and what they read: names, places, options, and the wrong Ansible."""

from __future__ import annotations

import json
import plistlib
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, PASSPHRASE, Site

PLACES = ("user_vpn_pki", "user_vpn_package", "user_vpn_profiles_dir")
PARSED = "Unable to parse"


def folder_of(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


# -- places


def test_an_inventory_folder_and_a_file_in_it_have_one_store_and_nothing_inside(site: Site) -> None:
    for name in PLACES:
        del site.variables[name]
    mac = site.lab.add_mac("mac-anna")
    inventory = site.inventory()
    before = folder_of(inventory)
    (site.folder / "user_vpn").mkdir()
    site.package.rename(site.folder / "user_vpn/package.zip")
    strict = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"}

    first = site.play(env=strict)
    assert first.returncode == 0 and first.of("mac_profile")["status"] == "installed"
    assert folder_of(inventory) == before
    assert {"user_vpn.db", "user_vpn"} <= folder_of(site.folder)
    assert {"profiles", "report", "package.zip"} <= folder_of(site.folder / "user_vpn")
    # The file in it means the same, in the order in which Ansible takes the last value.
    again = site.play("-i", str(inventory / "hosts.yml"), env=strict)
    assert again.returncode == 0 and PARSED not in again.output and again.count("changed") == {mac.name: 0}
    alone = site.play(env=strict, inventory=inventory / "hosts.yml", playbook="vwan.user_vpn.report")
    assert alone.returncode == 0 and mac.name in alone.stdout

    shutil.copy(site.folder / "user_vpn.db", inventory / "user_vpn.db")
    for source in (inventory, inventory / "hosts.yml"):
        stopped = site.play(inventory=source)
        assert stopped.returncode and "keep the right one at" in stopped.output and "user_vpn_pki" in stopped.output
    # Whoever names one has decided.
    named = site.play("-e", f"user_vpn_pki={site.folder / 'user_vpn.db'}", inventory=inventory / "hosts.yml")
    assert named.returncode == 0 and named.count("changed") == {mac.name: 0}


# -- names


@pytest.mark.parametrize("playbook", ["site", "renew", "report", "evidence"])
def test_no_host_is_no_success(site: Site, playbook: str) -> None:
    site.lab.add_mac("mac-anna")
    run = site.play("-e", "user_vpn_hosts=macs", playbook=f"vwan.user_vpn.{playbook}")
    assert run.returncode and not run.results
    assert "No host of the inventory matches macs, so nothing was done: " in run.output
    assert not site.pki.exists()


def test_a_misspelt_variable_is_said_with_the_nearest_name(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.variables["user_vpn_conection_name"] = "Contoso VPN"
    site.host_variables["mac-anna"] = {"user_vpn_clientname": "anna"}
    warned = " ".join(site.play("--tags", "profile_package").stderr.split())
    assert "Nothing reads the variable user_vpn_conection_name: did you mean user_vpn_connection_name?" in warned
    assert "Nothing reads the variable user_vpn_clientname: did you mean user_vpn_client_name?" in warned
    by_hand = site.play("-e", "user_vpn_revok=mac-anna", playbook="vwan.user_vpn.report")
    assert "did you mean user_vpn_revoke?" in " ".join(by_hand.stderr.split())


# -- sentences


def test_a_run_that_begins_in_the_middle(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    for task in ("Download the profile package", "Bring the profile onto the Mac"):
        run = site.play("--start-at-task", task)
        assert run.returncode and "--start-at-task" in run.output and "run it without" in run.output


ALONE: dict[str, tuple[str, dict[str, Any], str]] = {
    "passphrase": (
        "certificates",
        {"user_vpn_passphrase": ""},
        "Set passphrase: .* Here passphrase is the variable user_vpn_passphrase, or USER_VPN_PASSPHRASE in the environ",
    ),
    "its own variable": (
        "certificates",
        {"certificates_pki": "", "certificates_passphrase": PASSPHRASE},
        "pki is empty; .* Here pki is the variable certificates_pki\\.",
    ),
    "key size": (
        "certificates",
        {"user_vpn_client_key_size": 1000},
        "Here key_size is the variable user_vpn_client_key_size\\.",
    ),
    "no path": (
        "profile_package",
        {"user_vpn_package": ""},
        "path is empty: give a path\\. Here path is the variable user_vpn_package\\.",
    ),
    "no package": (
        "profile_package",
        {"user_vpn_package": "nowhere.zip"},
        "There is no profile package at .*nowhere.zip: download it .* the portal .* Here path is the variable "
        "user_vpn_package; profile_package is run by the role profile_package, where user_vpn_resource_group is set",
    ),
    "no settings": (
        "configure_client",
        {},
        "settings is empty: .* Here settings is the variable configure_client_settings, by default what the role "
        "profile_package has registered",
    ),
    "no gateway roots": (
        "install_certificates",
        {"user_vpn_certificates_by": "keychain"},
        "gateway_roots is empty: .* Here gateway_roots is the variable install_certificates_settings, by default what",
    ),
    "no subscription": (
        "profile_package",
        {"user_vpn_resource_group": "rg", "user_vpn_virtual_wan": "wan"},
        "Here subscription_id is user_vpn_azure.subscription_id in the playbooks",
    ),
}


def test_a_role_names_variables_where_its_modules_name_options(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    steps = [
        {
            "ansible.builtin.include_role": {
                "name": f"vwan.user_vpn.{role}",
                "apply": {"ignore_errors": True},
                "rolespec_validate": False,
            },
            "name": f"Slip {name}",
            "vars": variables,
        }
        for name, (role, variables, _said) in ALONE.items()
    ]
    play = {"name": "Slips", "hosts": mac.name, "gather_facts": False, "become": True, "tasks": steps}
    site.secrets = {}
    run = site.play(playbook=site.playbook("slips.yml", [play]))
    said = [str(entry["result"].get("msg", "")) for entry in run.results]
    for name, (_role, _variables, expected) in ALONE.items():
        assert any(re.search(expected, text) for text in said), f"{name}: {said}"
    assert not site.pki.exists()


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"server_adress": "a.example"}, "Unsupported option: server_adress; did you mean server_address?. Here"),
    ({"local_identifier": "x.example"}, "Here local_identifier is user_vpn_profile.local_identifier."),
    ({"dead_peer_detection": "often"}, "Here dead_peer_detection is user_vpn_profile.dead_peer_detection."),
    ({"scope": "User"}, "scope is set in user_vpn_profile, but other steps need it, too: set user_vpn_scope."),
    ({"routing": "full"}, "routing is set in user_vpn_profile and in user_vpn_routing: keep one of the two."),
    ({"identity": {}}, "identity is set in user_vpn_profile, but the run itself sees to it: leave it out there."),
    (
        {"sign_with": {"certificate": "/nowhere.pem", "key": "x"}},
        "No such file or directory. Here sign_with is the variable user_vpn_sign_with, or user_vpn_profile.sign_with.",
    ),
    ({1: 2}, "user_vpn_profile holds 1, which is no name of an option: leave it out."),
]


def test_any_option_of_a_profile_reaches_it_from_the_inventory(site: Site) -> None:
    macs = [site.lab.add_mac(f"mac-{number}") for number in range(len(FAULTS) + 1)]
    site.variables["user_vpn_delivery"] = "export"
    site.variables["user_vpn_profile"] = {
        "display_name": "VPN of Contoso",
        "description": "For everybody",
        "dead_peer_detection": "high",
        "exclude_local_networks": True,
        "enforce_routes": True,
        "removal_disallowed": True,
        "server_address": "203.0.113.7",
        "remote_identifier": "gateway.example.com",
        "ikev2": {"MTU": 1300},
        "dns": {"servers": ["10.0.0.4"], "match_domains": ["example.com"]},
    }
    for mac, (options, _said) in zip(macs[1:], FAULTS, strict=True):
        site.host_variables[mac.name] = {"user_vpn_profile": options, "user_vpn_verify": "none"}
    site.host_variables[macs[5].name]["user_vpn_routing"] = "full"
    run = site.play("-e", "user_vpn_verify=none")
    for mac, (_options, said) in zip(macs[1:], FAULTS, strict=True):
        assert said in run.rendered(mac.name)["msg"]
        assert run.rendered(mac.name)["msg"].count(" Here ") <= 1
    profile = plistlib.loads((site.profiles / f"{macs[0].name}.mobileconfig").read_bytes())
    vpn = next(each for each in profile["PayloadContent"] if each["PayloadType"] == "com.apple.vpn.managed")
    shown = (profile["PayloadDisplayName"], profile["PayloadDescription"], profile["PayloadRemovalDisallowed"])
    assert shown == ("VPN of Contoso", "For everybody", True)
    ikev2 = vpn["IKEv2"]
    assert (ikev2["RemoteAddress"], ikev2["RemoteIdentifier"]) == ("203.0.113.7", "gateway.example.com")
    assert (ikev2["DeadPeerDetectionRate"], ikev2["MTU"]) == ("High", 1300)
    assert vpn["DNS"]["SupplementalMatchDomains"] == ["example.com"]


# -- groups of modules


def test_module_defaults_for_groups_hold_for_all_of_their_modules(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert site.play().returncode == 0
    modules: list[dict[str, Any]] = [
        {"vwan.user_vpn.mac_info": {}},
        {"vwan.user_vpn.mac_key": {"state": "absent"}},
        {"vwan.user_vpn.mac_connection": {"state": "disconnected"}},
        {"vwan.user_vpn.mac_profile": {"src": str(site.profiles / f"{mac.name}.mobileconfig")}},
        {"vwan.user_vpn.ledger_info": {}},
        {"vwan.user_vpn.ledger": {"state": "checked"}},
        {"vwan.user_vpn.client_certificates": {"clients": [mac.name], "passphrase": PASSPHRASE}},
        {"vwan.user_vpn.root_certificate": {"passphrase": PASSPHRASE}},
    ]
    play = {
        "name": "Groups",
        "hosts": mac.name,
        "gather_facts": False,
        "become": True,
        "module_defaults": {
            "group/vwan.user_vpn.mac": {"identifier": IDENTIFIER, "scope": "System"},
            "group/vwan.user_vpn.pki": {"pki": str(site.pki)},
        },
        "tasks": [{"name": f"Step {number}", **module} for number, module in enumerate(modules)],
    }
    run = site.play(playbook=site.playbook("groups.yml", [play]))
    assert run.returncode == 0, run.output
    assert run.count("ok") == {mac.name: len(modules)}


# -- an Ansible that is too old, and a Mac without anybody


def test_an_ansible_that_is_too_old_is_one_sentence(site: Site, tmp_path: Path) -> None:
    site.lab.add_mac("mac-anna")
    folder = tmp_path / "older"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("from ansible import release\nrelease.__version__ = '2.18.9'\n")
    for playbook in ("site", "report"):
        run = site.play(env={"PYTHONPATH": str(folder)}, playbook=f"vwan.user_vpn.{playbook}")
        assert run.returncode and not run.results
        assert "This is ansible-core 2.18.9, and vwan.user_vpn needs 2.19 or newer, so nothing was done" in run.output


def test_check_mode_says_that_nobody_is_there(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", console_user=None)
    for _time in range(2):
        checked = site.play("--check")
        assert checked.count("changed")[mac.name] == (1 if not site.pki.exists() else 0) or _time == 0
        assert f"[{mac.name}] " in checked.stdout and "nobody at the screen: mac-anna." in checked.said
        if not _time:
            assert site.play().returncode == 0
    assert json.loads((site.folder / "user_vpn/report/conclusion.json").read_text())["hosts"]["nobody at the screen"]
