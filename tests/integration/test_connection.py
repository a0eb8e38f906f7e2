# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step 5, connect: every way to start a tunnel, what is said when there is none, and what Azure says to it."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, PASSPHRASE, Run, Site
from ansible_collections.vwan.user_vpn.tests.lab import Mac

ADDRESS = "172.16.0.2"  # of the lab's gateway that always answers
NAME = "Contoso VPN"
PROBE = "10.20.0.4"
ALWAYS = {"connect": "always"}
NEVER_UP = {"user_vpn_connect_timeout": 2}
FAILURE = (
    "{} E  neagent[733:4a1] [com.apple.networkextension:] NESMIKEv2VPNSession[Primary Tunnel:Contoso VPN:F6CF:(null)]"
    ' for anna at wan.secret-name.vpn.azure.com: Error Domain={} Code={} "(null)" UserInfo={{NSLocalizedDescription=x}}'
)


def answer_nobody(mac: Mac, name: str) -> None:
    """A gateway that lets nobody in."""


def refuse(line: str, domain: str, code: int, mac: Mac, name: str) -> None:
    """A gateway that ends the attempt, and what the Mac writes of it."""
    mac.log_lines.append(line.format(datetime.now(), domain, code))


def installed(site: Site, name: str = "mac-anna", **mac: Any) -> Mac:
    """A Mac that has the profile; its records are empty."""
    site.lab.add_mac(name, **mac)
    run = site.play("--tags", "certificates,profile_package,configure_client")
    assert run.returncode == 0, run.output
    found = site.lab.macs[name]
    assert found.installed_profiles()
    found.clear_records()
    return found


def connection(site: Site, *options: str, **arguments: Any) -> Run:
    """One task with the module alone."""
    task = {"vwan.user_vpn.mac_connection": {"identifier": IDENTIFIER, "timeout": 3, **arguments}}
    play = {"hosts": "user_vpn", "gather_facts": False, "become": True, "tasks": [task]}
    return site.play(*options, playbook=site.playbook("connection.yml", [play]))


def result(run: Run, mac: Mac) -> dict[str, Any]:
    return run.of("mac_connection", mac.name)


def assert_clean(mac: Mac) -> None:
    assert mac.refusals == []
    assert mac.python_calls == []
    assert mac.faults == []
    assert not any(PASSPHRASE in " ".join(argv) for argv in mac.processes)


def assert_idempotent(site: Site, mac: Mac) -> None:
    """A second run of everything changes nothing and asks the Mac once."""
    mac.clear_records()
    second = site.play()
    assert second.returncode == 0, second.output
    assert second.changed() == set()
    assert second.of("mac_profile", mac.name)["tunnel"]["connected"] is True
    assert "1 Mac: 1 current. 1 connected." in second.stdout
    assert len(mac.execs) == 1


def test_vpnutil_is_used_where_it_is(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    predicted = site.play("--check", "--diff")
    assert [task.rpartition(": ")[2] for _host, task in predicted.changed()] == ["Connect this Mac"]
    assert mac.tunnel is None
    assert len(mac.execs) == 1

    mac.clear_records()
    run = site.play("--diff")
    assert run.returncode == 0, run.output
    assert run.changed() == predicted.changed()
    got = result(run, mac)
    assert (got["connected"], got["interface"], got["address"]) == (True, "ipsec0", ADDRESS)
    assert got["how"] == "vpnutil"
    assert "+up" in run.stdout
    assert len(mac.execs) == 2
    assert_clean(mac)
    assert_idempotent(site, mac)


@pytest.mark.soak
def test_vpnutil_without_anybody_at_the_screen(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    mac.log_out()
    assert result(connection(site), mac)["how"] == "vpnutil"
    assert_clean(mac)


@pytest.mark.soak
def test_a_shortcut_of_the_person_at_the_screen(site: Site) -> None:
    mac = installed(site)
    mac.shortcuts["VPN on"] = lambda mac: mac.connect(NAME)
    site.variables["user_vpn_shortcut"] = "VPN on"
    run = site.play()
    assert run.returncode == 0, run.output
    assert result(run, mac)["how"] == "shortcut"
    assert result(run, mac)["address"] == ADDRESS
    assert len(mac.execs) == 2
    assert_clean(mac)
    assert_idempotent(site, mac)


@pytest.mark.soak
def test_a_shortcut_that_nobody_made(site: Site) -> None:
    mac = installed(site)
    mac.shortcuts["VPN on at work"] = lambda mac: mac.connect(NAME)
    run = connection(site, via="shortcut", shortcut="VPN on")
    assert run.count("failed") == {mac.name: 1}
    assert "no Shortcut 'VPN on'" in result(run, mac)["msg"]
    assert result(run, mac)["changed"] is False
    assert not mac.tunnel
    mac.log_out()
    assert "nobody is logged in" in result(connection(site, via="shortcut", shortcut="VPN on"), mac)["msg"]


@pytest.mark.soak
def test_on_demand_is_triggered_by_a_probe(site: Site) -> None:
    site.variables |= {"user_vpn_on_demand": ALWAYS, "user_vpn_probe": PROBE}
    mac = installed(site)
    predicted = site.play("--check")
    assert len(predicted.changed()) == 1
    mac.clear_records()
    run = site.play()
    assert run.returncode == 0, run.output
    assert run.changed() == predicted.changed()
    assert result(run, mac)["how"] == "on_demand"
    assert len(mac.execs) == 2
    assert_clean(mac)
    assert_idempotent(site, mac)


@pytest.mark.soak
def test_on_demand_for_domains_wants_a_name_behind_the_tunnel(site: Site) -> None:
    site.variables["user_vpn_on_demand"] = {"connect": "domains", "domains": ["corp.example.com"]}
    mac = installed(site)
    refused = connection(site, via="on_demand", probe="www.example.org")
    assert refused.count("failed") == {mac.name: 1}
    assert result(connection(site, via="on_demand", probe="files.corp.example.com"), mac)["connected"] is True


@pytest.mark.soak
def test_on_demand_without_a_probe_is_waited_for_and_is_no_change(site: Site) -> None:
    site.variables |= {"user_vpn_on_demand": ALWAYS, **NEVER_UP}
    mac = installed(site)
    run = site.play()
    assert run.returncode == 0, run.output
    assert run.changed() == set()
    assert result(run, mac)["connected"] is False
    assert "name an address behind the tunnel in probe" in result(run, mac)["msg"]
    assert f"Not connected: {mac.name}. {result(run, mac)['msg']}" in run.said
    assert len(mac.execs) == 2

    mac.traffic("192.0.2.99")  # somebody opens a web page
    assert_idempotent(site, mac)


@pytest.mark.soak
def test_a_mac_without_any_way_is_told_so_and_costs_nothing(site: Site) -> None:
    mac = installed(site)
    run = site.play()
    assert run.returncode == 0, run.output
    assert run.changed() == set()
    why = "Nothing on this Mac can start 'Contoso VPN' from the command line: the person does it in System Settings"
    assert "1 Mac: 1 current. 0 connected." in run.stdout
    assert f"Not connected: {mac.name}. {why}" in run.said
    assert len(mac.execs) == 1

    required = site.play("-e", "user_vpn_require_connected=true")
    assert required.count("failed") == {mac.name: 1}
    assert f"failed: {mac.name}. {why}" in required.said
    for via in ("vpnutil", "shortcut"):
        named = connection(site, via=via, shortcut="VPN on")
        assert named.count("failed") == {mac.name: 1}

    mac.connect(NAME)  # the person does it
    assert_idempotent(site, mac)
    assert_clean(mac)


@pytest.mark.soak
def test_the_role_alone_asks_the_mac_itself(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    run = site.play("--tags", "connect")
    assert run.returncode == 0, run.output
    assert result(run, mac)["how"] == "vpnutil"
    assert "1 Mac: 1 current. 1 connected." in run.stdout
    assert len(mac.execs) == 2
    mac.remove_profile(IDENTIFIER)
    without = site.play("--tags", "connect")
    assert without.returncode == 0, without.output
    assert f"behind: {mac.name}. The profile is not installed on this Mac" in without.said


@pytest.mark.soak
def test_a_mac_without_its_profile_is_passed_over_with_a_word(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", console_user=None, vpnutil=True)
    run = site.play()
    assert run.returncode == 0, run.output
    assert not [entry for entry in run.results if entry["action"].endswith("mac_connection")]
    assert f"nobody at the screen: {mac.name}. Run again when somebody is logged in" in run.said
    assert len(mac.execs) == 1
    alone = connection(site)
    assert "The profile is not installed on this Mac" in result(alone, mac)["msg"]
    mac.offline()
    assert site.play("-e", "user_vpn_verify=none").returncode == 0


CAUSES = [
    ("NEVPNConnectionErrorDomainPlugin", 20, "the gateway is not responding", "UDP ports 500 and 4500"),
    ("NEVPNConnectionErrorDomainPlugin", 17, "could not be resolved", "DNS"),
    ("NEVPNConnectionErrorDomainPlugin", 18, "negotiation", "IPsec policy"),
    ("NEVPNConnectionErrorDomainPlugin", 27, "client certificate has expired", "renew"),
    ("NEVPNConnectionErrorDomainPlugin", 28, "gateway's certificate", "package"),
    ("IKEv2ProviderDisconnectionErrorDomain", 3, "refused the client's authentication", "revoked"),
    ("IKEv2ProviderDisconnectionErrorDomain", 9, "IKEv2ProviderDisconnectionErrorDomain 9", "not published"),
]


def test_a_failure_is_explained_from_the_log_of_the_mac(site: Site) -> None:
    """One Mac for each cause, in one run."""
    for number, (domain, code, _meaning, _remedy) in enumerate(CAUSES):
        mac = site.lab.add_mac(f"mac-{number}", vpnutil=True)
        mac.dial = partial(refuse, FAILURE, domain, code)
        old = datetime.now() - timedelta(minutes=3)
        mac.log_lines = [FAILURE.format(old, "IKEv2ProviderDisconnectionErrorDomain", 3)]
    site.variables |= NEVER_UP
    run = site.play("-v")
    assert run.returncode == 0, run.output
    assert "secret-name" not in run.output
    assert f"{len(CAUSES)} Macs: {len(CAUSES)} current. 0 connected." in run.stdout
    for number, (domain, code, meaning, remedy) in enumerate(CAUSES):
        got = run.of("mac_connection", f"mac-{number}")
        assert got["connected"] is False
        assert got["changed"] is False
        assert f"{domain} {code}" in got["cause"]
        assert meaning in got["cause"]
        assert remedy in got["cause"]
        assert got["cause"] in got["msg"]
        told = (
            "The gateway refused mac-5." if domain.startswith("IKEv2") and code == 3 else f"mac-{number}. {got['msg']}"
        )
        assert told in run.said
        assert len(site.lab.macs[f"mac-{number}"].execs) == 3 + run.rounds(f"mac-{number}")
        assert_clean(site.lab.macs[f"mac-{number}"])
    assert "secret-name" not in json.dumps(run.results)


@pytest.mark.soak
def test_another_vpn_of_the_mac_is_not_ours(site: Site) -> None:
    site.variables |= {"user_vpn_address_pools": ["172.16.0.0/24"]}
    mac = installed(site, vpnutil=True)
    mac.foreign_tunnel = {"interface": "ipsec0", "address": "192.168.77.9"}
    mac.dial = lambda mac, name: {"interface": "ipsec1", "address": ADDRESS}
    run = site.play()
    assert run.returncode == 0, run.output
    assert result(run, mac)["changed"] is True
    assert (result(run, mac)["interface"], result(run, mac)["address"]) == ("ipsec1", ADDRESS)
    assert_idempotent(site, mac)
    done = connection(site, state="disconnected", address_pools=["172.16.0.0/24"])
    assert (result(done, mac)["changed"], result(done, mac)["connected"]) == (True, False)
    assert_clean(mac)


def test_a_tunnel_without_the_profile_is_not_ours(site: Site) -> None:
    mac = site.lab.add_mac("mac-anna", console_user=None, vpnutil=True)
    mac.foreign_tunnel = {"interface": "ipsec0", "address": "192.168.77.9"}
    alone = connection(site)
    assert "The profile is not installed on this Mac" in result(alone, mac)["msg"]
    assert result(alone, mac)["connected"] is False
    by_hand = connection(site, by_hand=True)
    assert result(by_hand, mac)["connected"] is True
    assert_clean(mac)


@pytest.mark.soak
def test_a_failure_that_the_log_does_not_explain(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    mac.dial = answer_nobody
    run = connection(site)
    assert run.count("failed") == {mac.name: 1}
    assert "the log of this Mac gives no reason" in result(run, mac)["msg"]
    assert result(run, mac)["cause"] == ""
    assert_clean(mac)


def test_a_name_that_vpnutil_does_not_find(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    run = connection(site, connection_name="Another VPN")
    assert "Could not find Another VPN" in result(run, mac)["msg"]


def test_disconnect(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    mac.shortcuts["VPN off"] = lambda mac: mac.disconnect(NAME)
    for options in ({"via": "vpnutil"}, {"via": "shortcut", "shortcut": "VPN off"}):
        mac.connect(NAME)
        mac.clear_records()
        predicted = connection(site, "--check", state="disconnected", **options)
        assert result(predicted, mac)["changed"] is True
        assert mac.tunnel
        done = connection(site, state="disconnected", **options)
        assert result(done, mac)["changed"] is True
        assert result(done, mac)["connected"] is False
        assert mac.tunnel is None
        assert len(mac.execs) == 1 + 2
        again = connection(site, state="disconnected", **options)
        assert again.changed() == set()
        assert_clean(mac)

    mac.connect(NAME)
    kept = connection(site, state="disconnected", via="on_demand")
    assert "On Demand cannot disconnect" in result(kept, mac)["msg"]
    mac.shortcuts["VPN off"] = lambda mac: None
    stuck = connection(site, state="disconnected", via="shortcut", shortcut="VPN off")
    assert "still up" in result(stuck, mac)["msg"]
    assert result(stuck, mac)["changed"] is False


def test_disconnected_under_on_demand_says_that_it_comes_back(site: Site) -> None:
    site.variables["user_vpn_on_demand"] = ALWAYS
    mac = installed(site, vpnutil=True)
    mac.connect(NAME)
    assert "On Demand will connect it again" in result(connection(site, state="disconnected"), mac)["msg"]


def test_without_privilege_the_module_says_what_it_needs(site: Site) -> None:
    mac = installed(site, vpnutil=True)
    tasks = [{"vwan.user_vpn.mac_connection": {"identifier": IDENTIFIER}}]
    play = {"hosts": "user_vpn", "gather_facts": False, "become": False, "tasks": tasks}
    run = site.play(playbook=site.playbook("plain.yml", [play]))
    assert "set become: true" in result(run, mac)["msg"]


@pytest.fixture
def azure(tmp_path: Path, site: Site) -> Iterator[Any]:
    pytest.importorskip("azure.mgmt.network", reason="the Azure SDK is not installed: make test installs it")
    from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
    from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab

    with AzureLab(tmp_path / "azure") as lab:
        lab.add_virtual_wan("wan1")
        lab.add_hub("hub1", "wan1")
        lab.add_server_configuration("macs", ipsec_policy=dict(GOOD_POLICY))
        lab.add_p2s_gateway("gw1", "hub1", "macs")
        site.variables |= {"user_vpn_resource_group": "rg-vpn", "user_vpn_p2s_vpn_gateway": "gw1"}
        yield lab


def test_azure_is_asked_once_whether_it_sees_the_macs(site: Site, azure: Any) -> None:
    gateway = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")

    def seen(mac: Mac, name: str) -> dict[str, Any]:
        azure.connect_client(gateway, "172.31.250.4")
        return {"interface": "ipsec0", "address": "172.31.250.4"}

    site.lab.add_mac("mac-anna", vpnutil=True).dial = seen
    site.lab.add_mac("mac-ben", vpnutil=True)
    site.lab.add_mac("mac-chris")
    run = site.play(env=azure.environment())
    assert run.returncode == 0, run.output
    assert "3 Macs: 3 current. 2 connected." in run.stdout
    assert "Azure sees 1 of 2 Macs that are connected." in run.said
    assert f"Azure does not see mac-ben ({ADDRESS}) among the 1 clients" in run.said
    assert "Not connected: mac-chris. Nothing on this Mac can start" in run.said
    assert len([request for request in azure.requests if "getp2svpnconnectionhealth" in request.path.lower()]) == 1
    assert not any(secret in run.output for secret in azure.secrets)
    before = site.pki.read_bytes()
    with closing(sqlite3.connect(site.pki)) as store:  # by which sessions are told where Azure's names tell nothing
        seen = dict(store.execute("SELECT client, address FROM sightings").fetchall())
    assert seen == {"mac-anna": "172.31.250.4", "mac-ben": ADDRESS}
    assert site.play(env=azure.environment()).returncode == 0
    assert site.pki.read_bytes() == before


@pytest.mark.soak
def test_azure_names_whom_it_sees(site: Site, azure: Any) -> None:
    """With a storage account: by the names of clients, whatever the addresses; and first who must not be there."""
    pytest.importorskip(
        "azure.storage.blob", reason="azure-storage-blob is missing: make installs it, with requirements/test.txt"
    )
    azure.storage.add_container("sessions")
    site.variables |= {"user_vpn_storage_account": azure.storage.url, "user_vpn_storage_container": "sessions"}
    gateway = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    site.lab.add_mac("mac-anna", vpnutil=True)
    site.lab.add_mac("mac-ben", vpnutil=True)
    for address, name in (("172.31.250.4", "mac-anna"), ("172.31.250.5", "mac-ben"), ("172.31.250.6", "mac-ben")):
        azure.connect_client(gateway, address, name)
    run = site.play(env=azure.environment())
    assert run.returncode == 0, run.output
    assert "Azure sees 2 of 2 Macs that are connected." in run.said
    assert "Connected more than once: mac-ben." in run.said
    asked = [request.path.lower() for request in azure.requests if "connectionhealth" in request.path.lower()]
    assert [path.rpartition("/")[2] for path in asked] == ["getp2svpnconnectionhealthdetailed"]
    assert azure.storage.containers["sessions"] == {}
    assert not any(secret in run.output for secret in azure.secrets)
    assert "203.0.113.7" not in run.output

    # What only Azure can settle, without a name in it.
    told = site.play(playbook="vwan.user_vpn.evidence", env=azure.environment())
    assert told.returncode == 0, told.output
    path = site.folder / "user_vpn/evidence-azure.txt"
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "| 3 x IKE_<GUID>" in text
    assert "| 3 x common name and name of the client" in text
    assert not [word for word in ("mac-anna", "mac-ben", "172.31.250", "203.0.113.7") if word in text]

    # One of them is lost, and nobody could end its session.
    site.variables["user_vpn_storage_account"] = ""
    revoked = site.play("-e", "user_vpn_revoke=mac-ben", playbook="vwan.user_vpn.revoke", env=azure.environment())
    assert revoked.returncode == 0, revoked.output
    site.variables["user_vpn_storage_account"] = azure.storage.url
    run = site.play("--limit", "mac-anna", env=azure.environment())
    assert run.returncode == 0, run.output
    assert "Revoked, and connected all the same: mac-ben." in run.said


@pytest.mark.soak
def test_an_azure_that_does_not_answer_fails_nobody(site: Site, azure: Any) -> None:
    from ansible_collections.vwan.user_vpn.tests.lab.azure import faults

    mac = site.lab.add_mac("mac-anna", vpnutil=True)
    azure.faults.add("POST */getp2svpnconnectionhealth", faults.forbidden(), math.inf)
    run = site.play(env=azure.environment())
    assert run.returncode == 0, run.output
    assert result(run, mac)["connected"] is True
    assert "Azure did not say who is connected:" in run.stdout
    required = site.play("-e", "user_vpn_require_connected=true", env=azure.environment())
    assert required.returncode != 0
    assert f"failed: {mac.name}. Azure did not say whether it sees this Mac" in required.said
