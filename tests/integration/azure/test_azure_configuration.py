# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""server_configuration against the lab's Azure: what a configuration allows, and a new one."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import changes, client, trust
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.settings import Settings
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.algorithms import PAIRS
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import GROUP, Run, killed_at
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Resource

MODULE = "server_configuration"
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
AAD = {"aadTenant": "https://login.example.com/t", "aadAudience": "a", "aadIssuer": "https://sts.example.com/t/"}
NEW = {"vpn_server_configuration": "new", "location": "westeurope"}
Root = Callable[..., bytes]


def puts(azure: AzureLab) -> list[int]:
    assert {record.method for record in azure.writes} <= {"PUT"}
    return [record.status for record in azure.writes]


def made(azure: AzureLab, name: str = "new") -> Resource | None:
    return azure.subscription.get("vpnServerConfigurations", GROUP, name)


@pytest.fixture
def rich(azure: AzureLab) -> Resource:
    """A configuration that nobody uses, with all that it may have, and more than we know."""
    return azure.add_server_configuration(
        "rich",
        protocols=("OpenVPN",),
        auth=("AAD",),
        ipsec_policy=GOOD_POLICY | {"dhGroup": "DHGroup24", "pfsGroup": "PFS24", "saLifeTimeSeconds": 3600},
        tags={"Owner": "net", "cost": "1"},
        revoked=["A" * 40],
        futureProperty={"deep": [1, {"kept": True}]},
        aadAuthenticationParameters=AAD,
    )


# --- one that exists ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "changed"),
    [
        ({"protocols": ["ikev2", "openvpn"]}, {"vpnProtocols": ["OpenVPN", "IkeV2"]}),
        ({"authentication_types": ["certificate", "aad"]}, {"vpnAuthenticationTypes": ["AAD", "Certificate"]}),
        ({"authentication_types": ["Certificate"]}, {"vpnAuthenticationTypes": ["Certificate"]}),
        (
            {"ipsec_policy": "ecp384"},
            {"vpnClientIpsecPolicies": [GOOD_POLICY | PAIRS["ecp384"].azure | {"saLifeTimeSeconds": 3600}]},
        ),
        (
            {"ipsec_policy": [{key.lower(): str(value).lower() for key, value in GOOD_POLICY.items()}]},
            {"vpnClientIpsecPolicies": [GOOD_POLICY]},
        ),
        ({"tags": {"OWNER": "vpn", "env": "x"}}, {}),
        ({"location": "West Europe"}, None),
    ],
)
def test_one_thing_changes_and_nothing_else(
    wish: dict[str, Any], changed: dict[str, Any] | None, azure: AzureLab, rich: Resource, run: Run
) -> None:
    before, tags = copy.deepcopy(rich.properties), copy.deepcopy(rich.tags)
    wish = {"vpn_server_configuration": "rich", **wish}
    predicted = run.ok(MODULE, check=True, **wish)
    assert azure.writes == [] and rich.properties == before
    real = run.ok(MODULE, **wish)
    assert {key: value for key, value in predicted.items() if key != "invocation"} == real
    assert real["changed"] is (changed is not None)
    assert rich.properties == before | (changed or {})
    assert rich.tags == ({"Owner": "vpn", "cost": "1", "env": "x"} if "tags" in wish else tags)
    assert puts(azure) == ([200] if real["changed"] else [])
    assert not run.ok(MODULE, **wish)["changed"]
    assert len(azure.writes) <= 1


def test_what_it_was_and_what_it_will_be_stand_in_the_diff(rich: Resource, run: Run) -> None:
    wish = {"protocols": ["IkeV2", "OpenVPN"], "ipsec_policy": "modp2048", "tags": {"new": "tag"}}
    diff = run.ok(MODULE, vpn_server_configuration="rich", **wish)["diff"]
    for before, after in (
        ("tunnel types: OpenVPN\n", "tunnel types: OpenVPN, IkeV2\n"),
        ("IPsec policy: dhGroup DHGroup24\n", "IPsec policy: dhGroup DHGroup14\n"),
    ):
        assert before in diff["before"] and after in diff["after"]
    assert "tag new: tag\n" in diff["after"] and "tag new" not in diff["before"]


def test_tags_are_replaced_when_asked(azure: AzureLab, rich: Resource, run: Run) -> None:
    wish = {"vpn_server_configuration": "rich", "append_tags": False}
    assert not run.ok(MODULE, **wish)["changed"]
    result = run.ok(MODULE, **wish, tags={"owner": "net"})
    assert (result["changes"], result["tags"]) == (["remove the tag cost"], {"Owner": "net"})
    assert run.ok(MODULE, **wish, tags={})["changes"] == ["remove the tag Owner"]
    assert not run.ok(MODULE, **wish, tags={})["changed"]
    assert rich.tags == {} and len(azure.writes) == 2


SO_ALREADY: list[Any] = [
    ({"vpnProtocols": ["OpenVPN", "IkeV2"]}, {"protocols": ["IKEv2", "OpenVPN", "IkeV2"]}),
    ({"vpnProtocols": []}, {"protocols": ["IkeV2", "OpenVPN"]}),
    ({"vpnAuthenticationTypes": ["certificate"]}, {"authentication_types": ["Certificate"]}),
    ({"vpnClientIpsecPolicies": [{**GOOD_POLICY, "dhGroup": "DHGroup2048"}]}, {"ipsec_policy": "modp2048"}),
    ({"vpnClientIpsecPolicies": [{**GOOD_POLICY, "saLifeTimeSeconds": 3600}]}, {"ipsec_policy": "modp2048"}),
    ({}, {"ipsec_policy": GOOD_POLICY, "location": "WESTEUROPE", "tags": {}}),
    ({}, {"ipsec_policy": [GOOD_POLICY | {"pfsGroup": "pfs14"}], "protocols": [], "authentication_types": []}),
    ({}, {"ipsec_policy": "", "location": "", "protocols": None, "tags": None}),
]


def test_what_is_so_already_is_not_written(azure: AzureLab, macs: Any, run: Run) -> None:
    """However Azure, or somebody, has written it; gateways use it, and nobody is interrupted."""
    before = copy.deepcopy(macs.properties)
    for state, wish in SO_ALREADY:
        macs.properties.update(before | state)
        assert not run.ok(MODULE, vpn_server_configuration="macs", **wish)["changed"], (state, wish)
    assert azure.writes == []


def test_two_policies_become_one(azure: AzureLab, run: Run) -> None:
    """The one that is wished, with its lifetimes, if it is among them."""
    other = GOOD_POLICY | {"dhGroup": "ECP384", "pfsGroup": "ECP384"}
    there = azure.add_server_configuration(
        "two", vpnClientIpsecPolicies=[other, GOOD_POLICY | {"saLifeTimeSeconds": 3600}]
    )
    assert run.ok(MODULE, vpn_server_configuration="two", ipsec_policy="modp2048")["changed"]
    assert there.properties["vpnClientIpsecPolicies"] == [GOOD_POLICY | {"saLifeTimeSeconds": 3600}]


# --- one that gateways use ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        {"protocols": ["IkeV2", "OpenVPN"]},
        {"authentication_types": ["Certificate", "AAD"], "protocols": ["IkeV2", "OpenVPN"]},
        {"ipsec_policy": "ecp384"},
    ],
)
def test_clients_are_interrupted_only_when_they_may_be(
    wish: dict[str, Any], azure: AzureLab, macs: Any, run: Run, make_root: Root
) -> None:
    macs.properties["aadAuthenticationParameters"] = AAD
    azure.add_hub("hub2", "wan1")
    azure.add_p2s_gateway("gw2", "hub2", "macs", roots=[])
    before = copy.deepcopy(macs.properties)
    wish = {
        "vpn_server_configuration": "macs",
        **wish,
        "tags": {"a": "b"},
        "roots": [{"public_cert_data": make_root().decode()}],
        "revoked": [{"thumbprint": THUMBPRINT}],
    }
    for check in (True, False):
        message = run.fails(MODULE, check=check, **wish)
        assert "interrupts all clients of the P2S VPN gateways gw1, gw2" in message
        assert "nothing is changed: set change_in_use" in message
    assert azure.writes == [] and macs.properties == before

    predicted = run.ok(MODULE, check=True, change_in_use=True, **wish)
    real = run.ok(MODULE, change_in_use=True, **wish)
    assert predicted == real
    assert real["interrupted"] == ["gw1", "gw2"]
    assert "This interrupts all clients of the P2S VPN gateways gw1, gw2: set the " in real["warnings"][0]
    assert puts(azure) == [200]  # for everything
    assert (len(real["roots"]), len(real["revoked"]), real["tags"]) == (1, 1, {"a": "b"})
    assert macs.properties["aadAuthenticationParameters"] == AAD
    again = run.ok(MODULE, **wish)
    assert (again["changed"], again["interrupted"]) == (False, [])
    assert puts(azure) == [200]


def test_certificates_and_tags_interrupt_nobody(azure: AzureLab, macs: Any, run: Run) -> None:
    wish = {"tags": {"a": "b"}, "revoked": [{"thumbprint": THUMBPRINT}], "ipsec_policy": "modp2048"}
    result = run.ok(MODULE, vpn_server_configuration="macs", **wish)
    assert (result["changed"], result["interrupted"], puts(azure)) == (True, [], [200])


def test_a_gateway_that_comes_in_between_counts(azure: AzureLab, rich: Resource, run: Run) -> None:
    def colleague(_request: object) -> None:
        azure.add_p2s_gateway("gw1", "hub1", "rich", roots=[])
        rich.touch()

    azure.faults.add("put", faults.call(colleague))
    message = run.fails(MODULE, vpn_server_configuration="rich", protocols=["IkeV2", "OpenVPN"])
    assert "P2S VPN gateway gw1, so nothing is changed" in message
    assert puts(azure) == [412]


# --- a new one ---------------------------------------------------------------------------------------------------


def test_a_new_one_is_as_macs_need_it(azure: AzureLab, run: Run, make_root: Root) -> None:
    azure.add_resource_group(GROUP)
    wish = {
        "vpn_server_configuration": "new",
        "location": "West Europe",
        "tags": {"owner": "net"},
        "roots": [{"name": "ours", "public_cert_data": make_root().decode()}],
        "revoked": [{"thumbprint": THUMBPRINT}],
    }
    predicted = run.ok(MODULE, check=True, **wish)
    assert azure.writes == [] and made(azure) is None
    real = run.ok(MODULE, **wish)
    assert predicted == real
    assert real["changes"][0] == "create the User VPN configuration new in westeurope"
    assert real["diff"]["before"] == "" and "location: westeurope\n" in real["diff"]["after"]
    assert ["give it to one in the portal" in text for text in real["warnings"]] == [True]
    (put,) = azure.writes
    assert {name.lower(): value for name, value in put.headers.items()}["if-none-match"] == "*"
    found = made(azure)
    assert found and (found.location, found.tags) == ("westeurope", {"owner": "net"})
    shown = {name: found.properties[name] for name in put.body["properties"]}
    assert shown == put.body["properties"] == {
        "vpnProtocols": ["IkeV2"],
        "vpnAuthenticationTypes": ["Certificate"],
        "vpnClientIpsecPolicies": [GOOD_POLICY],
        "vpnClientRootCertificates": found.properties["vpnClientRootCertificates"],
        "vpnClientRevokedCertificates": [{"name": THUMBPRINT, "thumbprint": THUMBPRINT}],
    }  # fmt: skip
    azure.forget_requests()
    assert not run.ok(MODULE, **wish)["changed"]
    assert not run.ok(MODULE, vpn_server_configuration=found.id)["changed"]
    assert azure.writes == []


def test_a_new_one_as_it_is_wished(azure: AzureLab, run: Run) -> None:
    azure.add_resource_group(GROUP)
    wish = {"protocols": ["OpenVPN", "IkeV2"], "ipsec_policy": "by_hand"}
    result = run.ok(MODULE, **NEW, **wish)
    found = made(azure)
    assert found and found.properties["vpnProtocols"] == ["OpenVPN", "IkeV2"]
    assert found.properties["vpnClientIpsecPolicies"] == [GOOD_POLICY | PAIRS["by_hand"].azure]
    said = " ".join(result["warnings"])
    assert "does not list ipsecEncryption AES256, pfsGroup None, ipsecIntegrity SHA256" in said
    assert "trusts no root" in said


NOT_CREATED: list[Any] = [
    ({"vpn_server_configuration": "new"}, "There is no User VPN configuration new in the resource group rg-vpn"),
    ({**NEW, "resource_group": "nowhere"}, "create the resource group; this collection creates none"),
    ({**NEW, "location": "mars"}, "set location to one of these regions"),
    ({**NEW, "vpn_server_configuration": "x" * 81}, "cannot be the name of a new one"),
    ({**NEW, "vpn_server_configuration": "-x"}, "cannot be the name of a new one"),
    ({**NEW, "vpn_server_configuration": "x-"}, "cannot be the name of a new one"),
    ({**NEW, "vpn_server_configuration": "", "virtual_wan": "wan1"}, "uses a User VPN configuration yet"),
    ({**NEW, "virtual_wan": "wan1", "p2s_vpn_gateway": "nowhere"}, "ResourceNotFound"),
]


def test_one_that_cannot_be_created(azure: AzureLab, run: Run) -> None:
    azure.add_resource_group(GROUP)
    for wish, expected in NOT_CREATED:
        assert expected in run.fails(MODULE, **wish)
    assert [status for status in puts(azure) if status != 400] == []
    assert azure.subscription.of_kind("vpnServerConfigurations") == []


def test_nobody_elses_new_one_is_overwritten(azure: AzureLab, run: Run) -> None:
    """Two runs create it at once: the later one sees that, and changes what is left to change."""

    def colleague(_request: object) -> None:
        azure.add_server_configuration("new", futureProperty=1, ipsec_policy=GOOD_POLICY, tags={"their": "tag"})

    azure.add_resource_group(GROUP)
    azure.faults.add("put", faults.call(colleague))
    result = run.ok(MODULE, **NEW, tags={"our": "tag"})
    found = made(azure)
    assert found and found.properties["futureProperty"] == 1
    assert (found.tags, puts(azure)) == ({"their": "tag", "our": "tag"}, [412, 200])
    assert result["tags"] == found.tags


def test_a_hiccup_while_it_is_created(azure: AzureLab, run: Run) -> None:
    azure.add_resource_group(GROUP)
    for name, fault in (
        ("lost", faults.reset()),
        ("unseen", faults.reset(served=True)),
        ("throttled", faults.throttled()),
        ("unavailable", faults.unavailable()),
    ):
        azure.forget_requests()
        azure.faults.add("put", fault)
        assert run.ok(MODULE, vpn_server_configuration=name, location="westeurope")["changed"]
        assert made(azure, name)
        assert len(azure.writes) == (1 if name == "unseen" else 2)


def test_one_in_another_region_is_said_at_once(azure: AzureLab, run: Run) -> None:
    """Somebody is faster, and elsewhere; Azure says 409, which no waiting cures."""
    azure.add_resource_group(GROUP)
    text = "The resource 'new' already exists in location 'northeurope'."
    azure.faults.add("put", faults.status(409, "InvalidResourceLocation", text), times=1000)
    assert "where it lies already" in run.fails(MODULE, **NEW)
    assert puts(azure) == [409]


def test_killed_while_it_is_created(azure: AzureLab, run: Run) -> None:
    azure.add_resource_group(GROUP)
    seen, number = set(), 1

    def work() -> None:
        azure_client = client.connect({}, os.environ, print)
        changes.ensure(azure_client, GROUP, "new", trust.Wish(), Settings(location="westeurope"))

    while killed_at(azure, number, work):
        found = made(azure)
        seen.add(found is not None)
        if found:
            assert found.properties["vpnClientIpsecPolicies"] == [GOOD_POLICY]
            azure.subscription.remove(found)
        number += 1
    assert seen == {False, True}


# --- refused -----------------------------------------------------------------------------------------------------


REFUSED: list[Any] = [
    ({"protocols": ["OpenVPN"]}, "speaks nothing else: add IkeV2"),
    ({"protocols": ["SSTP"]}, "protocols takes IkeV2, OpenVPN, not 'SSTP'"),
    ({"authentication_types": ["AAD"]}, "has no Certificate"),
    ({"authentication_types": ["Radius", "AAD"]}, "has no Certificate"),
    ({"authentication_types": ["Password"]}, "takes Certificate, Radius, AAD, not 'Password'"),
    ({"ipsec_policy": "strong"}, "there is no pair named 'strong'; choose modp2048"),
    ({"ipsec_policy": []}, "ipsec_policy must be one policy"),
    ({"ipsec_policy": [GOOD_POLICY, GOOD_POLICY]}, "Azure takes one custom policy"),
    ({"ipsec_policy": {}}, "ipsec_policy lacks ikeEncryption"),
    ({"ipsec_policy": 5}, "must be the name of a pair"),
    ({"ipsec_policy": {"dhGroup": "DHGroup14"}}, "ipsec_policy lacks ikeEncryption, ikeIntegrity, ipsecEncryption"),
    ({"ipsec_policy": GOOD_POLICY | {"prf": "SHA256"}}, "ipsec_policy takes no 'prf'"),
    (
        {"ipsec_policy": GOOD_POLICY | {"dhGroup": "dhgroup24"}},
        "The policy in ipsec_policy fits no Mac: dhGroup DHGroup24 (no macOS",
    ),
    ({"ipsec_policy": GOOD_POLICY | {"pfsGroup": "PFS24"}}, "Set the custom IPsec policy of the User VPN"),
    ({"ipsec_policy": GOOD_POLICY | {"ikeEncryption": "AES192"}}, "no macOS takes AES with 192 bits"),
    ({"ipsec_policy": GOOD_POLICY | {"dhGroup": "DHGroup20"}}, "dhGroup DHGroup20 (Apple has no such value)"),
    ({"ipsec_policy": GOOD_POLICY | {"ipsecIntegrity": "GCMAES128"}}, "does not go with ipsecEncryption GCMAES256"),
    ({"ipsec_policy": GOOD_POLICY | {"saLifeTimeSeconds": 0}}, "ipsec_policy.saLifeTimeSeconds must be a whole"),
    ({"ipsec_policy": GOOD_POLICY | {"saDataSizeKilobytes": 1 << 31}}, "a whole number from 1 to 2147483647"),
    ({"tags": {"a": 5}}, "tags must be strings with strings"),
    ({"tags": {"a/b": "c"}}, "'a/b' cannot be a name in Azure"),
    ({"tags": {"a": "x" * 257}}, "longer than Azure's 256 characters"),
    ({"tags": {"a": "1", "A": "2"}}, "a, A are one name in Azure"),
]


def test_wishes_that_no_mac_or_no_azure_can_fulfil(azure: AzureLab, run: Run) -> None:
    for wish, expected in REFUSED:
        for place in ({"vpn_server_configuration": "macs"}, NEW):
            assert expected in run.fails(MODULE, change_in_use=True, **place, **wish)
    assert azure.requests == []


NOT_TOGETHER: list[Any] = [
    ({}, {"location": "northeurope"}, "lies in westeurope, and Azure moves none"),
    (
        {"aadAuthenticationParameters": AAD},
        {"authentication_types": ["Certificate", "AAD"]},
        "AAD without OpenVPN, and Azure takes Microsoft Entra ID for OpenVPN only",
    ),
    (
        {"vpnAuthenticationTypes": ["AAD", "Certificate"], "aadAuthenticationParameters": AAD, "vpnProtocols": []},
        {"protocols": ["IkeV2"]},
        "AAD without OpenVPN",
    ),
    (
        {"vpnProtocols": ["IkeV2", "OpenVPN"]},
        {"authentication_types": ["Certificate", "AAD"]},
        "AAD without a tenant",
    ),
    ({}, {"authentication_types": ["Certificate", "Radius"]}, "Radius without a RADIUS server"),
    ({}, {"tags": {f"t{number}": "x" for number in range(51)}}, "would have 51 tags; Azure takes 50"),
]


def test_what_does_not_go_with_the_rest(azure: AzureLab, macs: Any, run: Run) -> None:
    before = copy.deepcopy(macs.properties)
    for state, wish, expected in NOT_TOGETHER:
        macs.properties.update(before | {"aadAuthenticationParameters": {}} | state)
        for check in (True, False):
            message = run.fails(MODULE, check=check, vpn_server_configuration="macs", change_in_use=True, **wish)
            assert expected in message
    assert azure.writes == []


# --- a change that fails -----------------------------------------------------------------------------------------


def test_a_change_that_failed_is_written_again(azure: AzureLab, macs: Any, run: Run) -> None:
    """Azure shows the new policy, in a configuration whose state is Failed: it is not known what gateways have."""
    wish = {"vpn_server_configuration": "macs", "ipsec_policy": "ecp384", "change_in_use": True}
    azure.faults.add("put", faults.failed("InternalServerError", "It broke."))
    assert "It broke" in run.fails(MODULE, **wish)
    assert macs.properties["provisioningState"] == "Failed"
    assert not run.ok(MODULE, vpn_server_configuration="macs")["changed"]  # nothing is wished
    for check in (True, False):
        result = run.ok(MODULE, check=check, **wish)
        assert result["changes"] == ["write it again, because Azure's last change of it failed"]
    assert (macs.properties["provisioningState"], puts(azure)) == ("Succeeded", [200, 200])
    assert not run.ok(MODULE, **wish)["changed"]


@pytest.mark.parametrize("state", ["Updating", "Deleting"])
def test_a_configuration_that_is_under_way_is_waited_for(state: str, azure: AzureLab, macs: Any, run: Run) -> None:
    macs.properties["provisioningState"] = state

    def finish(_request: object) -> None:
        macs.properties["provisioningState"] = "Succeeded"

    azure.faults.add(lambda _request: len(azure.arm_requests) == 2, faults.call(finish))
    assert run.ok(MODULE, vpn_server_configuration="macs", tags={"a": "b"})["changed"]
    assert [record.method for record in azure.arm_requests[:4]] == ["GET", "GET", "GET", "PUT"]
    assert puts(azure) == [200]
