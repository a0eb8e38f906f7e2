# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`vwan.user_vpn.site` from an Azure subscription to verified Macs: real SDK, real ssh, no click in a portal."""

from __future__ import annotations

import base64
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.algorithms import PAIRS
from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER
from ansible_collections.vwan.user_vpn.tests.lab.azure import certificates, faults

BY_HAND = PAIRS["by_hand"].azure
WRITE = "Microsoft.Network/vpnServerConfigurations/write"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AzureSite]:
    with azure_site(tmp_path, mac1="15.5", mac2="14.4") as site:
        yield site


def in_openssl(der: bytes) -> str:
    """The SHA-1 fingerprint as the second tool sees it."""
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha1"]
    shown = subprocess.run(command, input=der, capture_output=True, check=True, timeout=30).stdout.decode()
    return shown.strip().partition("=")[2].replace(":", "")


def algorithms(profile: dict[str, Any]) -> dict[str, Any]:
    (payload,) = (item for item in profile["PayloadContent"] if item["PayloadType"] == "com.apple.vpn.managed")
    return dict(payload["IKEv2"]["IKESecurityAssociationParameters"])


def server(profile: dict[str, Any]) -> str:
    (payload,) = (item for item in profile["PayloadContent"] if item["PayloadType"] == "com.apple.vpn.managed")
    return str(payload["IKEv2"]["RemoteAddress"])


def ended_well(run: Any) -> None:
    assert run.returncode == 0, run.output


def test_from_a_subscription_to_verified_macs(site: AzureSite) -> None:
    predicted = site.play("--check", "--diff")
    ended_well(predicted)
    assert site.azure.writes == []
    first = site.play()
    ended_well(first)
    assert first.changed() == predicted.changed()

    (write,) = site.azure.writes
    assert write.method == "PUT"
    (trusted,) = site.trusted
    assert in_openssl(trusted) == first.of("root_certificate")["sha1"]
    assert server(site.profile()) == site.wan.vpn_server
    for mac in site.lab.macs.values():
        (profile,) = mac.installed_profiles()
        assert (profile["identifier"], profile["uuid"]) == (IDENTIFIER, site.profile(mac.name)["PayloadUUID"])
        assert mac.refusals == [] and mac.python_calls == []

    # nothing to do: no write, nothing changed, not a byte; and check mode says the same
    profiles = {path: path.read_bytes() for path in site.profiles.iterdir()}
    package = site.package.read_bytes()
    site.azure.forget_requests()
    for mac in site.lab.macs.values():
        mac.clear_records()
    for options in ([], ["--check"]):
        again = site.play(*options)
        ended_well(again)
        assert again.changed() == set(), again.output
    assert site.azure.writes == []
    assert {len(mac.execs) for mac in site.lab.macs.values()} == {2}  # one each
    assert {path: path.read_bytes() for path in site.profiles.iterdir()} == profiles
    assert site.package.read_bytes() == package


def test_a_configuration_that_lets_no_mac_in_becomes_one_that_does(site: AzureSite) -> None:
    """As the portal makes one for OpenVPN: only when it may be interrupted, and then by one write."""
    azure, configuration = site.azure, site.configuration
    configuration.properties |= {"vpnProtocols": ["OpenVPN"], "vpnClientIpsecPolicies": [], "future": {"kept": 1}}
    before = dict(configuration.properties)
    site.variables |= {
        "user_vpn_configuration_protocols": ["IkeV2"],
        "user_vpn_configuration_ipsec_policy": "ecp384",
        "user_vpn_configuration_tags": {"owner": "networks"},
    }
    refused = site.play()
    assert refused.returncode != 0
    said = " ".join(refused.output.split())
    assert "interrupts all clients of the P2S VPN gateway gw1, so nothing is changed" in said
    assert "user_vpn_change_configuration" in said
    assert azure.writes == [] and configuration.properties == before
    assert all(mac.execs == [] for mac in site.lab.macs.values())

    interrupt = ("-e", "user_vpn_change_configuration=true")
    predicted = site.play("--check", "--diff", *interrupt)
    ended_well(predicted)
    assert azure.writes == []
    first = site.play(*interrupt)
    ended_well(first)
    assert first.changed() == predicted.changed()
    assert [record.method for record in azure.writes] == ["PUT"]
    assert first.of("server_configuration")["interrupted"] == ["gw1"]
    assert "This interrupts all clients of the P2S VPN gateway gw1" in " ".join(first.output.split())
    assert configuration.properties["future"] == {"kept": 1} and configuration.tags == {"owner": "networks"}
    assert len(site.trusted) == 1
    assert algorithms(site.profile())["DiffieHellmanGroup"] == 20
    for mac in site.lab.macs.values():
        (profile,) = mac.installed_profiles()
        assert profile["uuid"] == site.profile(mac.name)["PayloadUUID"]

    azure.forget_requests()
    again = site.play()  # nothing to interrupt, so nobody is asked
    ended_well(again)
    assert (again.changed(), azure.writes) == (set(), [])


@pytest.mark.soak
def test_from_no_configuration_at_all(site: AzureSite) -> None:
    """It is created with what the Macs need; what is left to a person is to give it to a gateway."""
    azure = site.azure
    site.variables["user_vpn_server_configuration"] = "new"
    silent = ("-e", "user_vpn_verify=none")
    missing = site.play(*silent)
    assert missing.returncode != 0 and "ResourceNotFound" in missing.output
    assert azure.writes == [] and not site.pki.exists()

    site.variables["user_vpn_configuration_location"] = "westeurope"
    first = site.play("--tags", "certificates")
    ended_well(first)
    assert [record.status for record in azure.writes] == [201]
    assert "give it to one in the portal" in " ".join(first.output.split())
    (root,) = [item["publicCertData"] for item in azure.writes[0].body["properties"]["vpnClientRootCertificates"]]
    assert in_openssl(base64.b64decode(root)) == first.of("root_certificate")["sha1"]

    azure.add_hub("hub2", "wan1")
    azure.add_p2s_gateway("gw2", "hub2", "new")
    ended_well(site.play(*silent))
    assert server(site.profile()) == site.wan.vpn_server
    assert site.play(*silent).changed() == set()
    assert len(azure.writes) == 1


def test_no_mac_gets_an_identity_that_azure_does_not_trust(site: AzureSite) -> None:
    site.azure.faults.add("PUT */vpnServerConfigurations/macs", faults.forbidden(WRITE))
    refused = site.play()
    assert refused.returncode != 0
    assert "AuthorizationFailed" in refused.output
    assert WRITE in "".join(refused.output.split())
    assert site.trusted == []
    assert not site.profiles.exists()
    assert all(mac.execs == [] for mac in site.lab.macs.values())


def test_what_azure_and_macs_do_not_agree_upon_is_said_once(site: AzureSite) -> None:
    """Two Macs, one sentence for each trouble, and what to set."""
    site.gateway_resource.properties["customDnsServers"] = ["10.20.0.53"]
    site.configuration.properties["vpnAuthenticationTypes"] = ["Certificate", "AAD"]

    def said(*options: str) -> str:
        run = site.play("-e", "user_vpn_verify=none", *options)
        ended_well(run)
        return "".join(run.output.split())

    def times(sentence: str, text: str) -> int:
        return text.count("".join(sentence.split()))

    split = said()
    assert times("names the DNS servers 10.20.0.53, but a Mac does not ask them", split) == 1
    assert times("let it authenticate by Azure certificate alone", split) == 1
    full = said("-e", "user_vpn_routing=full")
    assert times("the gateway does not let its clients out to the internet", full) == 1
    assert times("a Mac does not ask them", full) == 0


def test_a_job_signs_in_without_a_secret_and_a_desk_by_a_profile(site: AzureSite) -> None:
    azure = site.azure
    for name in azure.environment("secret"):
        site.secrets.pop(name, None)
    site.secrets |= azure.environment("workload_identity")
    ended_well(site.play("--tags", "profile_package"))

    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_SUBSCRIPTION_ID"):
        del site.secrets[name]
    profiles = azure.folder / "credentials"
    principal = f"tenant={azure.tenant}\nclient_id={azure.client_id}\nsecret={azure.client_secret}\n"
    profiles.write_text(f"[macs]\nsubscription_id={azure.subscription_id}\n{principal}")
    site.variables["user_vpn_azure"] = {"profile": "macs", "credential_file": str(profiles)}
    run = site.play("--tags", "profile_package", "-vvv")
    ended_well(run)
    assert azure.client_secret not in run.output

    site.variables["user_vpn_azure"] = {"profile": "other", "credential_file": str(profiles)}
    told = " ".join(site.play("--tags", "profile_package").output.split())
    assert "has no profile [other]; it has: macs" in told and "user_vpn_azure.profile" in told


def test_who_sets_up_the_vpn_by_hand_is_told_whether_the_policy_fits(site: AzureSite) -> None:
    def said() -> int:
        run = site.play("-e", "user_vpn_certificates_by=keychain")
        ended_well(run)
        return "".join(run.output.split()).count("NobodywhoseVPNissetupbyhandcanconnect")

    assert said() == 1
    site.configuration.properties["vpnClientIpsecPolicies"] = [GOOD_POLICY | BY_HAND]
    assert said() == 0


@pytest.mark.parametrize(("change", "moves"), [("route", False), ("dns", True), ("root", True), ("gateway", True)])
@pytest.mark.soak("dns", "gateway", "route")
def test_what_changes_in_azure_reaches_the_macs_only_if_they_need_it(site: AzureSite, change: str, moves: bool) -> None:
    site.variables["user_vpn_dns"] = {"match_domains": ["corp.example.com"]}
    ended_well(site.play("-e", "user_vpn_verify=none"))
    before = site.profile()
    if change == "route":
        site.gateway.routes.append("10.99.0.0/16")
    elif change == "dns":
        site.gateway_resource.properties["customDnsServers"] = ["10.20.0.53"]
    elif change == "root":
        site.gateway.roots.append(certificates.authority("Next Gateway Root", rsa_key=True).certificate)
    else:
        site.wan.vpn_server = "hub1.moved.vpn.azure.com"
    run = site.play("-e", "user_vpn_verify=none", "--diff")
    ended_well(run)
    downloaded = run.of("profile_package")
    assert downloaded["changed"]
    assert downloaded["diff"]["before"] != downloaded["diff"]["after"]
    after = site.profile()
    assert (before["PayloadUUID"] != after["PayloadUUID"]) is moves
    assert run.of("mobileconfig")["macs"]["mac1"]["changed"] is moves


def test_the_policy_of_azure_is_the_profiles(site: AzureSite) -> None:
    site.configuration.properties["vpnClientIpsecPolicies"] = [
        {**GOOD_POLICY, "dhGroup": "ECP384", "pfsGroup": "ECP384", "ikeIntegrity": "SHA384"}
    ]
    silent = ("-e", "user_vpn_verify=none")
    ended_well(site.play(*silent))
    assert algorithms(site.profile())["DiffieHellmanGroup"] == 20

    # Azure's default fits no Mac as documented: said, with the policy to set
    site.configuration.properties["vpnClientIpsecPolicies"] = []
    run = site.play(*silent)
    ended_well(run)
    assert algorithms(site.profile())["DiffieHellmanGroup"] == 14, run.output
    assert "fits no Mac" in " ".join(run.output.split())

    # what the user says wins over Azure, and the policy over the algorithms
    ended_well(site.play(*silent, "-e", '{"user_vpn_algorithms": "ecp256"}'))
    assert algorithms(site.profile())["DiffieHellmanGroup"] == 19

    # and one that no Mac speaks is refused before any Mac is touched
    site.configuration.properties["vpnClientIpsecPolicies"] = [{**GOOD_POLICY, "dhGroup": "DHGroup24"}]
    run = site.play()
    assert run.returncode != 0
    assert "DHGroup24" in run.output and "dhGroup DHGroup14" in " ".join(run.output.split())
    assert all(mac.execs == [] for mac in site.lab.macs.values())


@pytest.mark.soak("properties1")
@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"vpnProtocols": ["OpenVPN"]}, "add IKEv2 to its tunnel types"),
        ({"vpnAuthenticationTypes": ["AAD"]}, "add Azure certificate to its authentication methods"),
    ],
)
def test_a_configuration_without_ikev2_or_certificates(
    site: AzureSite, properties: dict[str, Any], sentence: str
) -> None:
    site.configuration.properties.update(properties)
    for options in (["--check"], []):
        run = site.play(*options)
        assert run.returncode != 0
        assert sentence in " ".join(run.output.split())
    assert not site.package.exists()
    assert all(mac.execs == [] for mac in site.lab.macs.values())


@pytest.mark.soak
def test_a_gateway_alone_names_everything(site: AzureSite) -> None:
    """Hub-level: the configuration to trust the root is the gateway's."""
    del site.variables["user_vpn_virtual_wan"], site.variables["user_vpn_server_configuration"]
    site.variables["user_vpn_p2s_vpn_gateway"] = "gw1"
    first = site.play("-e", "user_vpn_verify=none")
    ended_well(first)
    assert len(site.trusted) == 1
    assert first.of("profile_package")["settings"]["kind"] == "hub"
    assert site.play("-e", "user_vpn_verify=none").changed() == set()


@pytest.mark.soak
def test_a_virtual_wan_alone_is_enough_until_there_are_two_configurations(site: AzureSite) -> None:
    del site.variables["user_vpn_server_configuration"]
    ended_well(site.play("-e", "user_vpn_verify=none"))
    assert len(site.trusted) == 1
    site.azure.add_hub("hub2", "wan1")
    site.azure.add_server_configuration("windows", ipsec_policy=dict(GOOD_POLICY))
    site.azure.add_p2s_gateway("gw2", "hub2", "windows")
    run = site.play("-e", "user_vpn_verify=none")
    assert run.returncode != 0
    assert "2 User VPN configurations in use" in run.output and "macs, windows" in run.output


@pytest.mark.soak
def test_azure_refuses_what_was_revoked(site: AzureSite) -> None:
    ended_well(site.play("-e", "user_vpn_verify=none"))
    revoke = site.playbook(
        "revoke.yml",
        [
            {
                "hosts": "localhost",
                "gather_facts": False,
                "tasks": [
                    {
                        "vwan.user_vpn.client_certificates": {
                            "pki": str(site.pki),
                            "clients": ["mac1"],
                            "state": "revoked",
                        }
                    }
                ],
            }
        ],
    )
    lost = site.play(playbook=revoke).of("client_certificates")["revoked"][0]["sha1"]
    told = site.play("-e", "user_vpn_verify=none")
    assert (told.count("failed"), site.refused) == ({"mac1": 1, "mac2": 0}, {lost}), told.output
    site.azure.forget_requests()
    assert site.play("-e", "user_vpn_verify=none").changed() == set()
    assert site.azure.writes == []


def test_login_options_in_a_variable(site: AzureSite) -> None:
    """Without AZURE_* for the principal: user_vpn_azure reaches every module that talks to Azure."""
    principal = {"tenant": "AZURE_TENANT_ID", "client_id": "AZURE_CLIENT_ID", "secret": "AZURE_CLIENT_SECRET"}
    site.variables["user_vpn_azure"] = {
        **{option: site.secrets[variable] for option, variable in principal.items()},
        "subscription_id": site.secrets["AZURE_SUBSCRIPTION_ID"],
        "auth_source": "service_principal",
    }
    kept = ("AZURE_CLOUD_ENVIRONMENT", "AZURE_AUTHORITY_HOST")
    site.secrets = {name: value for name, value in site.secrets.items() if name[:6] != "AZURE_" or name in kept}
    ended_well(site.play("-e", "user_vpn_verify=none"))
    assert len(site.trusted) == 1


def test_no_secret_of_azure_anywhere(site: AzureSite) -> None:
    """The client secret, every token, and the link to the package: not at -vvvv, in no log, no file."""
    log = site.folder / "ansible.log"
    env = {"ANSIBLE_LOG_PATH": str(log), "ANSIBLE_DEBUG": "0", "AZURE_LOG_LEVEL": "debug"}
    site.azure.faults.add("PUT */vpnServerConfigurations/macs", faults.conflict())
    runs = [site.play("-vvvv", "--diff", env=env), site.play("-vvvv", "--check", env=env)]
    site.azure.faults.add("POST */generateVpnProfile", faults.forbidden())
    runs.append(site.play("-vvvv", env=env))
    assert [run.returncode for run in runs] == [0, 0, 2], runs[-1].output
    secrets = site.azure.secrets
    assert len(secrets) > 3
    written = {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    assert log in written
    for secret in secrets:
        assert all(secret not in run.output for run in runs)
        assert [path for path, content in written.items() if secret.encode() in content] == []
        assert all(secret not in str(execution) for mac in site.lab.macs.values() for execution in mac.execs)


KILLS = 40 if SOAK else 2


@pytest.mark.soak
def test_killed_at_a_request(site: AzureSite) -> None:
    """SIGKILL at the nth request: package and configuration are the old or the new, and the next run heals."""
    chosen = random.Random(20261123)
    for kill in range(KILLS):
        site.gateway.routes.append(f"10.{100 + kill}.0.0/16")
        package = site.package.read_bytes() if site.package.exists() else None
        at = chosen.randrange(1, 8)
        seen = len(site.azure.requests)
        record = site.folder / "killed.jsonl"
        record.touch()
        with subprocess.Popen(
            site.command("-e", "user_vpn_verify=none"),
            cwd=site.folder,
            env=site.environment({}, record),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            while process.poll() is None and len(site.azure.requests) < seen + at:
                time.sleep(0.005)
            subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
        if site.package.exists() and site.package.read_bytes() != package:
            listed = subprocess.run(["unzip", "-tqq", str(site.package)], check=False, capture_output=True)
            assert listed.returncode in (0, 1), listed.stderr  # 1: a warning about backslashes
        assert len(site.trusted) <= 1
        ended_well(site.play("-e", "user_vpn_verify=none"))
        again = site.play("-e", "user_vpn_verify=none")
        assert again.changed() == set()
        assert len(site.trusted) == 1
        assert f"10.{100 + kill}.0.0/16" in again.of("profile_package")["settings"]["routes"]
    assert list(site.folder.rglob("*.tmp")) == []
