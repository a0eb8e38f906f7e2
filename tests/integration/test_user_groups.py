# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that Azure's user groups tell apart, and names that a Mac introduces itself by in another way than most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.azure_site import AzureSite, azure_site
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site

RED, BLUE, OTHERS = "10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24"
KEYCHAIN = {"user_vpn_certificates_by": "keychain"}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[AzureSite]:
    """Two groups whose members are written in both forms that Microsoft's documents have, and one for the others."""
    with azure_site(tmp_path, mac1="15.5", mac2="14.4", mac3="26.1") as site:
        site.azure.add_user_group("gw1", "others", OTHERS, priority=3, default=True)
        site.azure.add_user_group("gw1", "red", RED, domains=["red.com", "red"], priority=1)
        site.azure.add_user_group("gw1", "blue", BLUE, domains=["blue.com", "blue"], priority=2)
        yield site


def ended_well(run: Run) -> None:
    assert run.returncode == 0, run.output
    assert not any(run.count("failed").values()), run.output


def names(site: Site, client: str) -> str:
    """What openssl sees in the certificate that a client has now."""
    pem = site.pem(site.issued(client)).encode()
    return openssl("x509", "-noout", "-subject", "-ext", "subjectAltName", stdin=pem).decode().replace(" ", "")


def introduces_itself_as(profile: dict[str, Any]) -> str:
    (vpn,) = (item for item in profile["PayloadContent"] if item["PayloadType"] == "com.apple.vpn.managed")
    return str(vpn["IKEv2"]["LocalIdentifier"])


def groups(run: Run) -> dict[str, Any]:
    told = run.of("conclusion")["macs"]
    return {host: (mac["user_group"], *mac["address_pools"]) for host, mac in told.items()}


def test_each_mac_gets_the_group_of_its_domain(fleet: AzureSite) -> None:
    fleet.variables["user_vpn_certificate_domain"] = "red.com"
    fleet.host_variables = {
        "mac2": {"user_vpn_certificate_domain": "blue.com", "user_vpn_certificate_san_type": "email"},
        "mac3": KEYCHAIN,
    }
    predicted = fleet.play("--check")
    ended_well(predicted)
    expected = {"mac1": ("red", RED), "mac2": ("blue", BLUE), "mac3": ("red", RED)}
    assert groups(predicted) == expected
    first = fleet.play()
    ended_well(first)
    assert groups(first) == expected
    assert f"User group blue, addresses of {BLUE}: mac2." in first.of("conclusion")["lines"]
    assert f"User group red, addresses of {RED}: mac1, mac3." in first.of("conclusion")["lines"]
    for doubt in ("but the default one has a member", "is not certain"):
        assert doubt not in predicted.said + first.said

    assert "CN=mac1@red.com" in names(fleet, "mac1")
    assert names(fleet, "mac1").rstrip().endswith("DNS:mac1")
    assert introduces_itself_as(fleet.profile("mac1")) == "mac1"
    assert names(fleet, "mac2").rstrip().endswith("email:mac2@blue.com")
    assert introduces_itself_as(fleet.profile("mac2")) == "mac2@blue.com"
    (told,) = first.of("server_configuration_info")["configurations"]
    assert [group["name"] for group in told["user_groups"]] == ["red", "blue", "others"]
    assert told["memberships"]["mac2@blue.com"] == {
        "user_group": "blue", "default": False, "certain": True, "address_pools": [BLUE],
    }  # fmt: skip
    # What we wrote into the configuration has left the groups as they were.
    assert len(fleet.configuration.properties["configurationPolicyGroups"]) == 3
    for mac in fleet.lab.macs.values():
        assert (mac.refusals, mac.python_calls) == ([], [])

    for options in ([], ["--check"]):
        again = fleet.play(*options)
        ended_well(again)
        assert again.changed() == set(), again.output
        assert groups(again) == expected


@pytest.mark.soak
def test_a_changed_domain_is_a_renewal(fleet: AzureSite) -> None:
    """Nobody has a domain at first. Then they get one, two Macs in one run; in the keychain nothing old stays."""
    fleet.host_variables = {"mac3": KEYCHAIN}
    first = fleet.play()
    ended_well(first)
    assert groups(first) == dict.fromkeys(("mac1", "mac2", "mac3"), ("others", OTHERS))
    warning = f"has a member for mac1, mac2, mac3: they get the addresses of others ({OTHERS})"
    assert warning in " ".join(first.output.split())
    old = {host: fleet.issued(host) for host in fleet.lab.macs}

    fleet.variables |= {"user_vpn_certificate_domain": "red.com", "user_vpn_renew_batch": 2}
    second = fleet.play()
    ended_well(second)
    issued = second.of("client_certificates")
    assert {name: client["reason"] for name, client in issued["clients"].items() if client["changed"]} == {
        "mac1": "options_changed",
        "mac2": "options_changed",
    }
    assert [entry["name"] for entry in issued["deferred"]] == ["mac3"]
    assert groups(second) == {"mac1": ("red", RED), "mac2": ("red", RED), "mac3": ("others", OTHERS)}
    third = fleet.play()
    ended_well(third)
    assert set(groups(third).values()) == {("red", RED)}
    kept = [item["sha1"] for item in fleet.lab.macs["mac3"].keychain("system") if item["has_key"]]
    assert kept == [fleet.issued("mac3")] != [old["mac3"]]
    fourth = fleet.play()
    assert fourth.changed() == set(), fourth.output

    # People go on calling a client by its name; what stands in its certificate is said to be no name.
    wrong = fleet.play("-e", "user_vpn_revoke=mac1@red.com", playbook="vwan.user_vpn.revoke")
    assert wrong.returncode != 0
    assert "(that is the common name of mac1)" in wrong.of("client_certificates", "mac1")["msg"]
    assert fleet.refused == set()
    current = fleet.issued("mac1")
    revoked = fleet.play("-e", "user_vpn_revoke=mac1", playbook="vwan.user_vpn.revoke")
    ended_well(revoked)
    assert fleet.refused == {old["mac1"], current}
    assert fleet.lab.macs["mac1"].installed_profiles() == []


def test_a_domain_that_no_certificate_takes_is_the_problem_of_its_mac(fleet: AzureSite) -> None:
    fleet.host_variables = {
        "mac1": {"user_vpn_certificate_domain": "not a domain"},
        "mac2": {"user_vpn_certificate_san_type": "email"},
        "mac3": {"user_vpn_certificate_domain": "red.com"},
    }
    run = fleet.play()
    told = run.of("conclusion")["macs"]
    assert [told[host]["status"] for host in ("mac1", "mac2", "mac3")] == ["failed", "failed", "current"], run.output
    assert "user_vpn_certificate_domain" in told["mac1"]["msg"]
    assert "user_vpn_certificate_san_type" in told["mac2"]["msg"]


@pytest.mark.soak("Contoso VPN")
@pytest.mark.parametrize("identifier", ["com.contoso.user_vpn", "Contoso VPN"])
def test_identifiers_that_apple_takes(site: Site, identifier: str) -> None:
    """A Mac called by its address is in it, and one that makes its own key, which lies under that name for a while."""
    address = site.lab.add_mac("192.0.2.17", macos="15.5")
    own_key = site.lab.add_mac("mac-ben", macos="14.4")
    site.host_variables = {"mac-ben": {"user_vpn_mac_key": "on_mac"}}
    site.variables["user_vpn_identifier"] = identifier
    first = site.play()
    ended_well(first)
    for mac in (address, own_key):
        assert [profile["identifier"] for profile in mac.installed_profiles()] == [identifier]
        assert (mac.refusals, mac.python_calls, mac.faults) == ([], [], [])
    assert names(site, "192.0.2.17").rstrip().endswith("IPAddress:192.0.2.17")
    (identity,) = (item for item in address.keychain("system") if item["has_key"])
    assert identity["common_name"] == "192.0.2.17"
    again = site.play()
    assert again.changed() == set(), again.output
    site.play("-e", "user_vpn_revoke=mac-ben", playbook="vwan.user_vpn.revoke")
    assert own_key.installed_profiles() == []


def test_without_an_identifier_nothing_is_done(site: Site) -> None:
    site.lab.add_mac("mac-anna")
    site.variables.pop("user_vpn_identifier")
    run = site.play()
    assert run.returncode != 0
    assert "user_vpn_identifier is not set: it names the profiles on the Macs" in run.said
    alone = {"hosts": "user_vpn", "gather_facts": False, "roles": ["vwan.user_vpn.certificates"]}
    run = site.play(playbook=site.playbook("alone.yml", [alone]))
    assert run.returncode != 0
    assert "user_vpn_identifier is not set; choose one that never changes, like com.example.user-vpn" in run.said
    assert not site.pki.exists()
