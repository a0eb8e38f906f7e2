# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks over a fleet that is reached through its MDM alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.integration.site import Site
    from ansible_collections.vwan.user_vpn.tests.lab.mdm import Server


@pytest.fixture
def mdm_site(site: Site, server: Server) -> Site:
    """Two Macs, of which no run knows an address."""
    for name in ("mac-anna", "mac-ben"):
        mac = site.lab.add_mac(name)
        server.enrol(mac)
        numbers = {"user_vpn_serial_number": mac.serial, "user_vpn_udid": mac.hardware_uuid}
        site.host_variables[name] = numbers | {"ansible_host": "no.such.host.invalid"}
    site.variables |= {"user_vpn_delivery": "mdm", "user_vpn_mdm": server.server, "user_vpn_wait": 1}
    site.secrets |= server.environment
    return site


def test_from_nothing_to_a_fleet_and_back_through_the_mdm_alone(mdm_site: Site, server: Server) -> None:
    site, (anna, ben) = mdm_site, mdm_site.lab.macs.values()
    server.of(ben).reaches = "never"
    run = site.play()
    assert run.returncode == 0, run.output
    assert "2 Macs: 1 current, 1 behind. 0 connected." in run.said, run.said
    assert "behind: mac-ben. Let the MDM deliver the profiles, then run again." in run.said, run.said
    assert len(anna.installed_profiles()) == 1 and ben.installed_profiles() == []
    server.awake(server.of(ben))
    again = site.play()
    assert "2 Macs: 2 current." in again.said and set(again.count("changed").values()) == {0}, again.output
    revoked = site.play("-e", "user_vpn_revoke=mac-anna", playbook="vwan.user_vpn.revoke")
    assert revoked.returncode == 0, revoked.output
    assert anna.installed_profiles() == [] and len(ben.installed_profiles()) == 1
    assert [reached for reached in server.scopes().values() if reached] == [{"mac-ben"}]
    assert anna.execs == ben.execs == []
    output = "".join(each.output for each in (run, again, revoked))
    assert not [secret for secret in (server.client_secret, *server.secrets) if secret in output]


@pytest.mark.soak
def test_one_profile_for_certificates_by_scep(mdm_site: Site, server: Server) -> None:
    site, (anna, ben) = mdm_site, mdm_site.lab.macs.values()
    challenge = "a challenge of some length"
    number = "%SerialNumber%" if server.TYPE == "nanomdm" else "$SERIALNUMBER"
    wish = {"url": "https://pki.example.com/scep", "challenge": challenge, "subject": f"/CN={number}/O=Example"}
    site.variables["user_vpn_scep"] = wish
    run = site.play()
    assert run.returncode == 0 and "2 Macs: 2 current." in run.said, run.output
    assert set().union(*server.scopes().values()) == {"mac-anna", "mac-ben"}
    assert len(anna.installed_profiles()) == len(ben.installed_profiles()) == 1
    again = site.play()
    assert "2 Macs: 2 current." in again.said and set(again.count("changed").values()) == {0}, again.output
    assert challenge not in run.output + again.output
    assert not site.pki.exists()  # nothing is issued here
    told = site.play(playbook="vwan.user_vpn.report")
    assert told.returncode == 0 and "In the MDM, installed: 2." in told.said, told.output


@pytest.mark.soak
@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_the_role_by_itself(mdm_site: Site, server: Server, strategy: str) -> None:
    site, (anna, ben) = mdm_site, mdm_site.lab.macs.values()
    roles = ("certificates", "profile_package", "configure_client")
    tasks = [{"ansible.builtin.import_role": {"name": f"vwan.user_vpn.{role}"}} for role in roles]
    defaults = {"group/vwan.user_vpn.mdm": {"server": "{{ user_vpn_mdm }}"}}
    play = {
        "hosts": "user_vpn",
        "gather_facts": False,
        "strategy": strategy,
        "tasks": tasks,
        "module_defaults": defaults,
    }
    site.host_variables["mac-ben"] |= {"user_vpn_serial_number": "NOBODY", "user_vpn_udid": "NOBODY"}
    run = site.play(playbook=site.playbook("alone.yml", [play]))
    assert run.count("failed") == {"mac-anna": 0, "mac-ben": 1}, run.output
    assert f"knows no Mac with the {server.FOUND_BY} NOBODY" in run.said and len(anna.installed_profiles()) == 1
    assert anna.execs == ben.execs == [] and list(server.scopes().values()) == [{"mac-anna"}]


@pytest.mark.soak
def test_an_mdm_that_refuses_is_in_the_conclusion(mdm_site: Site, server: Server) -> None:
    site, (anna, _ben) = mdm_site, mdm_site.lab.macs.values()
    predicted = site.play("--check")
    assert predicted.returncode == 0 and not server.profiles, predicted.output
    site.host_variables["mac-ben"] |= {"user_vpn_serial_number": "NOBODY", "user_vpn_udid": "NOBODY"}
    run = site.play()
    assert run.returncode != 0 and "1 current, 1 failed" in run.said, run.said
    option = server.FOUND_BY.replace(" ", "_").lower()
    assert f"{option} is the variable user_vpn_{option} of its host." in run.said, run.said
    assert f"knows no Mac with the {server.FOUND_BY} NOBODY" in run.said and len(anna.installed_profiles()) == 1
    # The store was told what the MDM tells.
    seen = site.play(playbook="vwan.user_vpn.report")
    assert seen.returncode == 0 and "mac-anna current" in seen.said, seen.output
    assert "In the MDM, installed: 1." in seen.said and f"In the MDM, {server.UNKNOWN}: mac-ben." in seen.said
    site.variables["user_vpn_mdm"] = server.server | server.WRONG_LOGIN
    run = site.play()
    assert run.returncode != 0 and "2 failed" in run.said and server.NO_LOGIN in run.said, run.said


@pytest.mark.parametrize("server", ["jamf"], indirect=True)
def test_macs_that_an_mdm_gives_another_profile_are_not_asked(mdm_site: Site, server: Server) -> None:
    mdm_site.variables["user_vpn_verify"] = "ssh"
    run = mdm_site.play()
    assert run.returncode != 0 and "user_vpn_verify is ssh, but Jamf Pro gives profiles other" in run.said, run.said
    assert not server.profiles


@pytest.mark.parametrize("server", ["nanomdm"], indirect=True)
def test_macs_that_ssh_reaches_tell_what_their_mdm_does_not(mdm_site: Site, server: Server) -> None:
    site, (anna, ben) = mdm_site, mdm_site.lab.macs.values()
    silent = {name: value for name, value in server.server.items() if name != "results"}
    site.variables |= {"user_vpn_verify": "ssh", "user_vpn_mdm": silent, "user_vpn_wait": 3}
    for variables in site.host_variables.values():
        del variables["ansible_host"]
    server.of(ben).reaches = "never"
    run = site.play()
    assert run.returncode == 0 and "2 Macs: 1 current, 1 behind." in run.said, run.output
    assert run.of("mac_profile", "mac-anna")["status"] == "installed" and len(anna.installed_profiles()) == 1
    assert run.of("mac_profile", "mac-ben")["status"] == "mdm_required" and run.rounds("mac-ben")
    server.awake(server.of(ben))
    again = site.play()
    assert "2 Macs: 2 current." in again.said and set(again.count("changed").values()) == {0}, again.output
    # What an MDM refuses is told, though the Mac answers.
    site.host_variables["mac-ben"]["user_vpn_udid"] = "NOBODY"
    site.variables["user_vpn_routing"] = "full"
    run = site.play()
    assert "1 current, 1 failed" in run.said and "knows no Mac with the UDID NOBODY" in run.said, run.said
    site.variables["user_vpn_mdm"] = server.server
    revoked = site.play("-e", "user_vpn_revoke=mac-anna", playbook="vwan.user_vpn.revoke")
    assert revoked.returncode == 0 and "1 removed" in revoked.said, revoked.output
    assert anna.installed_profiles() == [] and len(ben.installed_profiles()) == 1
    output = "".join(each.output for each in (run, again, revoked))
    assert server.client_secret not in output
