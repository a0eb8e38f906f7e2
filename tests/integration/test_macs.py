# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen at a Mac: nobody there, somebody who says no, sudo that says no, a connection that breaks."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import until
from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, Run, Site
from ansible_collections.vwan.user_vpn.tests.lab import Mac


def staged(mac: Mac) -> list[str]:
    """What of a profile lies on the Mac's own disk, where it has no business to stay."""
    return [path for path, content in mac.files() if b"com.apple.security.pkcs12" in content or "vwan.user_vpn" in path]


def status(run: Run, mac: Mac) -> str:
    return str(run.of("mac_profile", mac.name)["status"])


def assert_clean(mac: Mac) -> None:
    until(lambda: staged(mac) == [])  # some seconds after the offer
    assert mac.refusals == []
    assert mac.python_calls == []


@pytest.mark.soak
def test_nobody_is_logged_in_until_somebody_is(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", console_user=None)
    empty = site.play()
    assert empty.returncode == 0
    assert status(empty, mac) == "no_console_user"
    assert f"nobody at the screen: {mac.name}. Run again when somebody is logged in at the screen." in empty.stdout
    assert len(mac.execs) == 1
    assert site.play("--check").changed() == set()

    mac.log_in("anna")
    assert status(site.play(), mac) == "installed"
    assert_clean(mac)


@pytest.mark.soak("declines")
@pytest.mark.parametrize("person", ["ignores", "declines"])
def test_the_person_does_not_approve_and_then_does(site: Site, person: str) -> None:
    mac = site.lab.add_mac("mac-anna", macos="14.4", person=person)
    site.variables["user_vpn_wait"] = 1
    waited = site.play()
    assert waited.returncode == 0
    assert status(waited, mac) == "pending_approval"
    place = "System Settings > Privacy & Security > Profiles"
    assert f"'Contoso VPN' waits for anna to approve it in {place}" in waited.of("mac_profile")["msg"]
    assert f"waiting for approval: {mac.name}. Each person approves the profile in {place}; then" in waited.said
    assert not mac.installed_profiles()
    assert_clean(mac)

    mac.person = "approves"
    site.variables["user_vpn_wait"] = 20
    assert status(site.play(), mac) == "installed"
    assert_clean(mac)


def test_a_run_that_must_end_installed_fails_otherwise(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", console_user=None)
    run = site.play("-e", "user_vpn_require_installed=true")
    assert run.count("failed") == {mac.name: 1}


@pytest.mark.soak
def test_another_version_is_replaced_and_a_removed_profile_comes_back(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert status(site.play(), mac) == "installed"
    site.variables["user_vpn_authentication"] = "eap_tls"
    changed = site.play("--diff")
    assert status(changed, mac) == "installed"
    assert "ExtendedAuthEnabled" in changed.stdout
    assert len(mac.installed_profiles()) == 1

    mac.remove_profile(IDENTIFIER)
    assert status(site.play(), mac) == "installed"
    assert len(mac.installed_profiles()) == 1
    assert_clean(mac)


@pytest.mark.parametrize(
    "account",
    [
        {"sudo": "nopasswd"},
        {"sudo": "password", "sudo_password": "correct horse battery"},
        {"admin_is_root": True},
        {"sudo": "password", "login_shell_noise": True},
    ],
    ids=["sudo", "sudo with a password", "root", "a shell that talks"],
)
@pytest.mark.soak("root", "a shell that talks", "sudo")
def test_every_way_to_become_root(site: Site, account: dict[str, Any]) -> None:
    mac = site.lab.add_mac("mac-anna", **account)
    assert status(site.play(), mac) == "installed"
    second = site.play()
    assert second.changed() == set()
    assert_clean(mac)


def test_sudo_refused_fails_that_mac_alone(site: Site) -> None:
    site.lab.add_mac("mac-anna", sudo="refused")
    site.lab.add_mac("mac-ben")
    run = site.play()
    failed = {host: run.recap[host]["failed"] + run.recap[host]["unreachable"] for host in run.recap}
    assert failed == {"mac-anna": 1, "mac-ben": 0}
    assert staged(site.lab.macs["mac-anna"]) == []


def test_without_privilege_the_module_says_what_it_needs(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert status(site.play(), mac) == "installed"
    options = {"src": str(site.profiles / "mac-anna.mobileconfig")}
    tasks: list[dict[str, Any]] = [
        {"vwan.user_vpn.mac_info": {"identifier": IDENTIFIER}},
        {"vwan.user_vpn.mac_profile": options},
    ]
    play = {"hosts": "user_vpn", "gather_facts": False, "become": False, "tasks": tasks}
    run = site.play(playbook=site.playbook("plain.yml", [play]))
    assert run.of("mac_info")["privileged"] is False
    assert run.of("mac_info")["macos_version"] == "15.5"
    assert "set become: true" in run.of("mac_profile")["msg"]
    assert run.count("failed") == {"mac-anna": 1}


def test_on_a_terminal_every_module_refuses_before_anything_secret_is_sent(site: Site) -> None:
    """`-o RequestTTY=force`, as an argument or in ssh_config: stdin never ends, and what is sent is shown."""
    mac = site.lab.add_mac("mac-anna")
    secret = "secret-of-the-profile-3Kd"
    payload = {"PayloadType": "com.apple.security.pkcs12", "PayloadIdentifier": "a.b", "Password": secret}
    head = {"PayloadType": "Configuration", "PayloadIdentifier": IDENTIFIER, "PayloadUUID": "A", "PayloadScope": "User"}
    (site.folder / "secret.mobileconfig").write_bytes(plistlib.dumps({**head, "PayloadContent": [payload]}))
    (site.folder / "root.cer").write_bytes(site.roots[0])
    modules: dict[str, dict[str, Any]] = {
        "mac_info": {"identifier": IDENTIFIER},
        "mac_profile": {"src": "secret.mobileconfig"},
        "mac_certificate": {"roots": [str(site.folder / "root.cer")], "keychain": "login", "keychain_password": secret},
        "mac_key": {"identifier": IDENTIFIER},
        "mac_connection": {"identifier": IDENTIFIER},
        "mac_evidence": {"dest": str(site.folder / "evidence.txt")},
    }
    tasks = [{f"vwan.user_vpn.{name}": options, "ignore_errors": True} for name, options in modules.items()]
    play = {"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": tasks}
    site.host_variables[mac.name] = {"ansible_ssh_args": "-o RequestTTY=force"}
    run = site.play(playbook=site.playbook("terminal.yml", [play]))
    for name in modules:
        result = run.of(name)
        assert result["msg"].startswith("This connection gives the Mac's commands a terminal"), result["msg"]
    assert run.count("ignored") == {mac.name: len(modules)}
    assert [record.terminal for record in mac.execs] == [True] * len(modules)
    assert not any(secret.encode() in record.stdin + record.stdout for record in mac.execs)
    assert_clean(mac)


@pytest.mark.parametrize("moment", ["open", "profiles"])
@pytest.mark.soak
def test_a_lost_connection_leaves_nothing_secret(site: Site, moment: str) -> None:
    """Between stage and open, and while waiting: the next run finds a clean Mac, or cleans it."""
    mac = site.lab.add_mac("mac-anna", person="ignores")
    site.variables["user_vpn_wait"] = 5
    if moment == "profiles":
        assert site.play("--check").returncode == 0
    mac.drop_connection_when(moment)
    lost = site.play()
    assert lost.recap["mac-anna"]["unreachable"] + lost.recap["mac-anna"]["failed"] == 1, lost.output

    mac.person = "approves"
    found = site.play()
    assert status(found, mac) == "installed"
    assert_clean(mac)


def test_a_killed_exec_is_cleaned_up_by_the_next_run(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", person="ignores")
    mac.kill_exec_when("open")
    killed = site.play()
    assert killed.recap["mac-anna"]["failed"] + killed.recap["mac-anna"]["unreachable"] == 1, killed.output
    assert staged(mac)

    predicted = site.play("--check")
    assert predicted.changed()
    assert "a real run removes it" in predicted.output
    assert staged(mac)

    mac.person = "approves"
    cleaned = site.play()
    assert "was removed" in cleaned.output
    assert status(cleaned, mac) == "installed"
    assert_clean(mac)


def test_the_profile_leaves_the_mac(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna")
    assert status(site.play(), mac) == "installed"
    remove = {"vwan.user_vpn.mac_profile": {"identifier": IDENTIFIER, "state": "absent"}}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [remove]}
    playbook = site.playbook("remove.yml", [play])

    predicted = site.play("--check", "--diff", playbook=playbook)
    assert predicted.changed()
    assert len(mac.installed_profiles()) == 1
    mac.clear_records()
    removed = site.play("--diff", playbook=playbook)
    assert removed.of("mac_profile")["changed"] is True
    assert len(mac.execs) == 2
    assert not mac.installed_profiles()
    assert not mac.keychain("system")
    assert site.play(playbook=playbook).of("mac_profile")["changed"] is False
    assert_clean(mac)


def test_mac_info_tells_all_in_one_exec(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", macos="26.1", mdm=True)
    assert status(site.play(), mac) == "installed"
    mac.tunnel = {"interface": "ipsec0", "address": "172.31.250.4"}
    mac.clear_records()
    task = {"vwan.user_vpn.mac_info": {"identifier": IDENTIFIER}}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [task]}
    seen = site.play(playbook=site.playbook("info.yml", [play])).of("mac_info")
    assert len(mac.execs) == 1
    assert seen["macos_version"] == "26.1"
    assert seen["serial_number"] == mac.serial
    assert seen["console_user"] == "anna"
    assert seen["enrolment"]["mdm"] is True
    assert seen["tunnel"] == {"connected": True, "interface": "ipsec0", "address": "172.31.250.4", "others": []}
    assert seen["profile"]["uuid"] == mac.installed_profiles()[0]["uuid"]
    assert set(seen["certificates"]) == {certificate["sha1"] for certificate in mac.keychain("system")}
    assert len(seen["identities"]) == 1


def test_a_shared_mac_whose_vpn_macos_loses(site: Site) -> None:
    """Two accounts have the profile of the scope User; revoke takes it from both, with nobody at the screen."""
    mac = site.lab.add_mac("mac-anna", users=("anna", "ben"), vpnutil=True)
    pac = {"ProxyAutoConfigEnable": True, "ProxyAutoConfigURLString": "https://pac.contoso.com/proxy.pac"}
    site.variables |= {
        "user_vpn_scope": "User",
        "user_vpn_require_installed": False,
        "user_vpn_dns": {"protocol": "TLS", "server_name": "dns.contoso.com", "servers": ["10.1.0.4"]},
        "user_vpn_profile": {"proxies": pac, "ikev2": {"DisableMOBIKE": True}},
    }
    first = site.play()
    assert first.returncode == 0, first.output
    (vpn,) = [each for each in mac.profiles[0].content["PayloadContent"] if "Proxies" in each]
    assert (vpn["Proxies"], vpn["DNS"]["DNSProtocol"], vpn["IKEv2"]["DisableMOBIKE"]) == (pac, "TLS", 1)
    mac.log_in("ben")
    of_ben = site.play()
    assert of_ben.returncode == 0, of_ben.output
    assert of_ben.of("mac_profile")["other_users"] == ["anna"]
    assert "1 Mac: 1 current." in of_ben.stdout

    mac.dropped_services.add("Contoso VPN")
    lost = site.play()
    assert lost.returncode == 0, lost.output
    assert lost.of("mac_profile")["missing_services"] == ["Contoso VPN"]
    assert site.sql("SELECT status FROM deliveries ORDER BY id DESC LIMIT 1") == [("incomplete",)]
    assert "'Contoso VPN' is shown as installed, but macOS has no VPN 'Contoso VPN'" in lost.said
    assert "1 Mac: 1 behind." in lost.stdout

    mac.log_out()
    revoked = site.play("-e", "user_vpn_revoke=mac-anna", playbook="vwan.user_vpn.revoke")
    assert revoked.returncode == 0, revoked.output
    assert (mac.installed_profiles(), mac.refusals) == ([], [])
    assert revoked.of("mac_profile")["msg"].endswith(" is in no account of this Mac.")


@pytest.mark.soak
def test_a_profile_that_macos_refuses_is_not_called_installed(site: Site) -> None:
    """The lab's Mac judges for itself: a profile spoilt after rendering never counts as installed."""
    mac = site.lab.add_mac("mac-anna")
    site.variables["user_vpn_verify"] = "none"
    assert site.play().returncode == 0
    path = site.profiles / "mac-anna.mobileconfig"
    document = plistlib.loads(path.read_bytes())
    for payload in document["PayloadContent"]:
        if payload["PayloadType"] == "com.apple.security.pkcs12":
            payload["Password"] = "not the password"
    path.write_bytes(plistlib.dumps(document))
    task = {"vwan.user_vpn.mac_profile": {"src": str(path)}}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [task]}
    run = site.play(playbook=site.playbook("spoilt.yml", [play]))
    assert run.of("mac_profile")["status"] == "pending_approval"
    until(lambda: mac.ingestion_errors)
    until(lambda: staged(mac) == [])
