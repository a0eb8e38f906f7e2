# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Through the front door: the site playbook, real ssh, the real Azure SDK, and Macs whose tunnel is a real one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS, SERVER
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import azure as azure_gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import thumbprint
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab

pytest.importorskip(
    "azure.mgmt.network", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
)

NAME = "Contoso VPN"
WHERE = {"resource_group": "rg-vpn"}


@pytest.fixture
def macs(tmp_path: Path, lab: TunnelLab, gateway: Gateway) -> Iterator[Lab]:
    with Lab(tmp_path / "lab", tunnel=lab) as macs:
        yield macs
        assert [fault for mac in macs.macs.values() for fault in mac.faults] == []


@pytest.fixture
def site(tmp_path: Path, macs: Lab, certificates: Certificates) -> Site:
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", macs, [certificates.gateway_root.der])
    site.download(vpn_server=SERVER)
    return site


@pytest.fixture
def azure(tmp_path: Path, site: Site, gateway: Gateway, certificates: Certificates) -> Iterator[AzureLab]:
    """A WAN with one hub and one gateway, which is the real one. Nothing trusts the clients yet."""
    with AzureLab(tmp_path / "azure") as azure:
        azure.add_virtual_wan("wan1", vpn_server=SERVER)
        azure.add_hub("hub1", "wan1")
        configuration = azure.add_server_configuration("macs", ipsec_policy=dict(PAIRS["modp2048"].policy))
        roots = [certificates.gateway_root.certificate]
        resource = azure.add_p2s_gateway("gw1", "hub1", "macs", roots=roots, vpn_server=SERVER)
        azure_gateway.join(gateway, resource, configuration, lambda: issued(site))
        yield azure


def issued(site: Site) -> list[bytes]:
    """Every client certificate in the store."""
    pems = site.sql("SELECT pem FROM certificates WHERE kind = 'client'") if site.pki.exists() else []
    return [x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER) for (pem,) in pems]


def trust_the_root(site: Site) -> str:
    """A playbook that makes the certificates and has Azure trust the root, before the site playbook runs."""
    upload = {
        "name": "Trust the root in the User VPN configuration",
        "vwan.user_vpn.server_configuration": {
            **WHERE,
            "vpn_server_configuration": "macs",
            "roots": [{"name": "P2SRootCert", "public_cert_data": "{{ certificates_root.public_cert_data }}"}],
        },
        "run_once": True,
    }
    play = {
        "name": "Certificates",
        "hosts": "user_vpn",
        "gather_facts": False,
        "roles": ["vwan.user_vpn.certificates"],
        "tasks": [upload],
    }
    return site.playbook("trust.yml", [play])


def azure_task(site: Site, module: str, **arguments: Any) -> str:
    task = {"name": "Ask Azure", f"vwan.user_vpn.{module}": {**WHERE, **arguments}, "delegate_to": "localhost"}
    play = {"name": "Azure", "hosts": "user_vpn", "gather_facts": False, "tasks": [task | {"run_once": True}]}
    return site.playbook(f"{module}.yml", [play])


def play(site: Site, azure: AzureLab, playbook: str = "vwan.user_vpn.site", *options: str) -> Run:
    run = site.play(*options, playbook=playbook, env=azure.environment())
    assert run.returncode == 0, run.output
    return run


def say(mac: Mac, command: str) -> str:
    """What a command on the Mac prints, over real ssh, as root."""
    done = mac.lab.ssh(mac, f"sudo -n {command}")
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def start(mac: Mac) -> None:
    """Somebody at the Mac's command line starts the service."""
    say(mac, f"/opt/homebrew/bin/vpnutil start '{NAME}'")


def settled(mac: Mac) -> str:
    assert mac.service
    mac.service.settle()
    return mac.service.status(NAME)


def test_the_profile_that_site_installs_connects(site: Site, azure: AzureLab, macs: Lab, gateway: Gateway) -> None:
    """Three Macs, three ways to start the tunnel, both kinds of authentication; then nothing changes any more."""
    anna = macs.add_mac("mac-anna", macos="15.5", vpnutil=True)
    ben = macs.add_mac("mac-ben", macos="14.4")
    chris = macs.add_mac("mac-chris", macos="26.1")
    site.host_variables = {
        "mac-ben": {"user_vpn_authentication": "eap_tls"},
        "mac-chris": {"user_vpn_on_demand": {"connect": "always"}},
    }
    ben.shortcuts["Connect"] = lambda mac: mac.connect(NAME)

    play(site, azure, trust_the_root(site))
    play(site, azure, "vwan.user_vpn.site", "--tags", "configure_client")  # all but the last step, which would connect

    assert settled(chris) == "Connected"  # On Demand, as soon as the profile was there
    assert (settled(anna), settled(ben)) == ("Disconnected", "Disconnected")
    assert "ipsec" not in say(anna, "ifconfig") + say(anna, "netstat -rn")
    start(anna)
    user = ben.accounts["anna"]
    say(ben, f"launchctl asuser {user.uid} sudo -H -u anna shortcuts run Connect")
    addresses = {}
    for mac in (anna, ben, chris):
        assert settled(mac) == "Connected"
        assert mac.service
        found = mac.service.client.interface()
        assert found
        addresses[mac.name] = found.address
        assert mac.service.client.ping("10.20.0.1")
        assert f"inet {found.address} --> {found.address}" in say(mac, "ifconfig ipsec0")
        assert "nameserver[0] : 10.20.0.4" in say(mac, "scutil --dns")
        assert "10.20/16" in say(mac, "netstat -rn")
        assert "status changed to connected" in say(mac, "log show --last 5m")
        assert mac.refusals == []
    up = gateway.swanctl("--list-sas")
    assert up.count("ESTABLISHED") == 3
    assert all(f"remote '{name}'" in up and address in up for name, address in addresses.items())
    ledger = {thumbprint(der) for der in issued(site)}
    assert {client.certificate_sha1 for client in gateway.list_clients()} == ledger

    health = play(site, azure, azure_task(site, "connection_health_info", p2s_vpn_gateway="gw1")).of(
        "connection_health_info"
    )
    assert health["addresses"] == sorted(addresses.values())

    again = play(site, azure)
    assert not any(again.count("changed").values()), again.output
    assert gateway.swanctl("--list-sas").count("ESTABLISHED") == 3

    say(anna, f"/opt/homebrew/bin/vpnutil stop '{NAME}'")
    assert settled(anna) == "Disconnected"
    assert "last stop reason Stop command received" in say(anna, "log show --last 5m")
    assert anna.remove_profile(site.variables["user_vpn_identifier"])
    ben.remove_profile(site.variables["user_vpn_identifier"])
    assert ben.service
    ben.service.settle()
    assert [client.identity for client in gateway.list_clients()] == ["mac-chris"]


def test_renewing_a_certificate_while_connected(site: Site, azure: AzureLab, macs: Lab, gateway: Gateway) -> None:
    """The tunnel stays, the next one has the new identity, the old one is revoked after that; nobody is locked out."""
    mac = macs.add_mac("mac-anna", vpnutil=True)
    site.variables["certificates_client_valid_days"] = 40
    play(site, azure, trust_the_root(site))
    play(site, azure)
    start(mac)
    assert settled(mac) == "Connected"
    assert mac.service
    [old] = [client.certificate_sha1 for client in gateway.list_clients()]
    old_profile = mac.profiles[0].raw

    site.variables |= {"certificates_client_valid_days": 365, "certificates_renew_before_days": 60}
    run = play(site, azure)
    new = run.rendered("mac-anna")["certificate_sha1"]
    assert new != old
    assert [client.certificate_sha1 for client in gateway.list_clients()] == [old]  # the live tunnel goes on
    assert settled(mac) == "Connected"
    assert mac.service.client.ping("10.20.0.1")

    say(mac, f"/opt/homebrew/bin/vpnutil stop '{NAME}'")
    assert settled(mac) == "Disconnected"
    start(mac)
    assert settled(mac) == "Connected"
    assert [client.certificate_sha1 for client in gateway.list_clients()] == [new]

    revoked = [{"name": "mac-anna-1", "thumbprint": old}]
    play(
        site,
        azure,
        azure_task(site, "server_configuration", vpn_server_configuration="macs", revoked=revoked),
    )
    assert gateway.description.revoked == (old,)
    assert mac.service.client.ping("10.20.0.1")
    say(mac, f"/opt/homebrew/bin/vpnutil stop '{NAME}'")
    assert settled(mac) == "Disconnected"
    start(mac)
    assert settled(mac) == "Connected"
    assert [client.certificate_sha1 for client in gateway.list_clients()] == [new]

    stolen = macs.add_mac("mac-with-the-old-profile", vpnutil=True)
    stolen.push_profile(old_profile)
    mark = gateway.log_size()
    start(stolen)
    assert settled(stolen) == "Disconnected"
    refusal = gateway.refusal_since(mark)
    assert refusal
    assert refusal.cause == "revoked"


@pytest.mark.soak
def test_an_old_backup_is_restored(site: Site, azure: AzureLab, macs: Lab, gateway: Gateway) -> None:
    """The gateway judges: who was renewed since is let in again, who was stolen is not, the others never were out."""
    anna, ben, chris = (macs.add_mac(name, vpnutil=True) for name in ("mac-anna", "mac-ben", "mac-chris"))
    site.variables |= {
        "user_vpn_resource_group": WHERE["resource_group"],
        "user_vpn_virtual_wan": "wan1",
        "user_vpn_server_configuration": "macs",
        "user_vpn_revoke_superseded": True,
    }

    def connect(*those: Mac) -> dict[str, str]:
        """SHA-1 of the certificate that each is let in with, by a tunnel of its own."""
        for mac in those:
            if settled(mac) == "Connected":
                say(mac, f"/opt/homebrew/bin/vpnutil stop '{NAME}'")
                assert settled(mac) == "Disconnected"
            start(mac)
            settled(mac)
        names = {mac.name for mac in those}
        return {c.identity: c.certificate_sha1 for c in gateway.list_clients() if c.identity in names}

    play(site, azure)
    first = connect(anna, ben, chris)
    assert set(first) == {"mac-anna", "mac-ben", "mac-chris"}
    shutil.copy(site.pki, site.folder / "backup.db")

    renewal = {"certificates_client_valid_days": 366, "user_vpn_renew_before_days": 365}
    play(site, azure, "vwan.user_vpn.site", "-e", json.dumps(renewal | {"user_vpn_hosts": "mac-anna"}))
    between = connect(anna)["mac-anna"]
    assert between != first["mac-anna"]
    stolen = ben.profiles[0].raw
    play(site, azure, "vwan.user_vpn.revoke", "-e", json.dumps({"user_vpn_revoke": "mac-ben"}))
    assert set(gateway.description.revoked) == {first["mac-anna"], first["mac-ben"]}

    shutil.copy(site.folder / "backup.db", site.pki)
    healed = site.play(env=azure.environment())
    assert {host for host, count in healed.count("failed").items() if count} == {"mac-ben"}, healed.output
    after = connect(anna, chris)
    assert after["mac-chris"] == first["mac-chris"]
    assert after["mac-anna"] not in {first["mac-anna"], between}

    thief = macs.add_mac("mac-of-a-thief", vpnutil=True)
    thief.push_profile(stolen)
    mark = gateway.log_size()
    assert connect(thief) == {}
    refusal = gateway.refusal_since(mark)
    assert refusal
    assert refusal.cause == "revoked"


def test_macs_of_two_user_groups_get_addresses_of_two_pools(
    site: Site, azure: AzureLab, macs: Lab, gateway: Gateway
) -> None:
    """The gateway goes by the domain in the certificate's common name, as Azure documents it, and nothing else tells it
    who is who. One Mac introduces itself by its mail address; one is called by its IP address, and has no domain."""
    pools = {"others": "10.3.0.0/24", "red": "10.1.0.0/24", "blue": "10.2.0.0/24"}
    azure.add_user_group("gw1", "others", pools["others"], priority=9, default=True)
    azure.add_user_group("gw1", "red", pools["red"], domains=["red.com", "red"], priority=1)
    azure.add_user_group("gw1", "blue", pools["blue"], domains=["blue.com", "blue"], priority=2)
    site.host_variables = {
        "mac-anna": {"user_vpn_certificate_domain": "red.com"},
        "mac-ben": {"user_vpn_certificate_domain": "blue.com", "user_vpn_certificate_san_type": "email"},
    }
    names = ("mac-anna", "mac-ben", "192.0.2.77")
    fleet = {name: macs.add_mac(name, vpnutil=True) for name in names}
    site.variables |= {"user_vpn_resource_group": "rg-vpn", "user_vpn_server_configuration": "macs"}
    site.variables |= {"user_vpn_virtual_wan": "wan1"}
    run = play(site, azure)
    assert run.of("conclusion")["macs"]["mac-ben"]["address_pools"] == [pools["blue"]]

    def pool_of(mac: Mac) -> str:
        start(mac)
        assert settled(mac) == "Connected"
        assert mac.service
        assert mac.service.client.ping("10.20.0.1")
        found = mac.service.client.interface()
        assert found
        return next(name for name, pool in pools.items() if ip_address(found.address) in ip_network(pool))

    assert [pool_of(mac) for mac in fleet.values()] == ["red", "blue", "others"]
    assert {client.identity for client in gateway.list_clients()} == {"mac-anna", "mac-ben@blue.com", "192.0.2.77"}

    # Another domain is another certificate, and another pool at the next connect.
    anna = fleet["mac-anna"]
    site.host_variables["mac-anna"] = {"user_vpn_certificate_domain": "blue.com"}
    play(site, azure)
    gateway.change(known_clients=tuple(issued(site)))
    say(anna, f"/opt/homebrew/bin/vpnutil stop '{NAME}'")
    assert settled(anna) == "Disconnected"
    assert pool_of(anna) == "blue"


@pytest.mark.soak
def test_a_mac_that_is_revoked_while_connected_is_cut_off(
    site: Site, azure: AzureLab, macs: Lab, gateway: Gateway
) -> None:
    """Its tunnel ends within the run and stays away, the ping of the other does not miss a beat."""
    pytest.importorskip(
        "azure.storage.blob", reason="azure-storage-blob is missing: make installs it, with requirements/test.txt"
    )
    stolen, anna = (macs.add_mac(name, vpnutil=True) for name in ("mac-stolen", "mac-anna"))
    azure.storage.add_container("sessions")
    site.variables |= {
        "user_vpn_resource_group": WHERE["resource_group"],
        "user_vpn_virtual_wan": "wan1",
        "user_vpn_server_configuration": "macs",
        "user_vpn_storage_account": azure.storage.url,
        "user_vpn_storage_container": "sessions",
    }
    play(site, azure)
    assert {client.identity for client in gateway.list_clients()} == {"mac-stolen", "mac-anna"}
    assert stolen.service and anna.service
    stolen.offline()  # for ssh, not for the VPN

    with ThreadPoolExecutor(1) as beside:
        pinged = beside.submit(anna.service.client.ping_for, "10.20.0.1", 20)
        run = site.play("-e", "user_vpn_revoke=mac-stolen", playbook="vwan.user_vpn.revoke", env=azure.environment())
        sent, answered = pinged.result()
    assert "The sessions of mac-stolen were ended, and nobody of them was back after" in run.said, run.output
    assert answered >= sent - 1 > 100  # the last one is still on its way
    assert [client.identity for client in gateway.list_clients()] == ["mac-anna"]
    assert (settled(stolen), settled(anna)) == ("Disconnected", "Connected")

    mark = gateway.log_size()
    stolen.connect(NAME)
    assert settled(stolen) == "Disconnected"
    refusal = gateway.refusal_since(mark)
    assert refusal
    assert refusal.cause == "revoked"

    # Another one whose session is ended comes back: nobody refuses its certificate.
    where = {"storage_account": azure.storage.url, "container": "sessions", "pki": str(site.pki)}
    play(site, azure, azure_task(site, "connections", clients=["mac-anna"], **where))
    assert gateway.list_clients() == []
    assert settled(anna) == "Disconnected"
    start(anna)
    assert settled(anna) == "Connected"
    assert [client.identity for client in gateway.list_clients()] == ["mac-anna"]
