# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""User groups: which one Azure counts a certificate to, and what somebody has to be told about it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.groups import (
    doubts,
    membership,
    memberships,
    pools,
    summary,
)

CONFIGURATION = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network/vpnServerConfigurations/macs"


def group(name: str, priority: int, *values: str, default: bool = False, kind: str = "CertificateGroupId") -> Any:
    """As the official example VpnServerConfigurationPut has them."""
    members = [
        {"name": f"policy{number}", "attributeType": kind, "attributeValue": value}
        for number, value in enumerate(values, start=1)
    ]
    return {
        "id": f"{CONFIGURATION}/configurationPolicyGroups/{name}",
        "name": name,
        "etag": "w/0",
        "properties": {"isDefault": default, "priority": priority, "policyMembers": members},
    }


def connection(name: str, pool: str, *groups: str) -> Any:
    """The official example P2SVpnGatewayGet names the groups by their ids, the last but one part in either form."""
    return {
        "name": name,
        "properties": {
            "vpnClientAddressPool": {"addressPrefixes": [pool]},
            "configurationPolicyGroupAssociations": [
                {"id": f"{CONFIGURATION}/vpnServerConfigurationPolicyGroups/{each}"} for each in groups
            ],
        },
    }


def told(groups: list[Any], *gateways: list[Any]) -> dict[str, Any]:
    return {
        "name": "macs",
        "user_groups": summary({"properties": {"configurationPolicyGroups": groups}}),
        "gateways": [
            {"connection_configurations": pools({"properties": {"p2SConnectionConfigurations": each}})}
            for each in gateways
        ],
    }


RED_AND_OTHERS = told(
    [group("others", 3, default=True), group("red", 1, "red.com", "red"), group("blue", 2, "BLUE")],
    [
        connection("c1", "10.1.0.0/24", "red"),
        connection("c2", "10.2.0.0/24", "Blue"),
        connection("c3", "10.3.0.0/24", "others"),
    ],
)


@pytest.mark.parametrize(
    ("common_name", "user_group", "default", "pool"),
    [
        ("mac-01@red.com", "red", False, "10.1.0.0/24"),
        ("mac-01@RED.COM", "red", False, "10.1.0.0/24"),
        ("mac-01@red", "red", False, "10.1.0.0/24"),
        ("RED\\mac-01", "red", False, "10.1.0.0/24"),
        ("mac-01@blue", "blue", False, "10.2.0.0/24"),
        ("mac-01@green.com", "others", True, "10.3.0.0/24"),
        ("mac-01@com", "others", True, "10.3.0.0/24"),
        ("red.com", "others", True, "10.3.0.0/24"),
        ("mac-01", "others", True, "10.3.0.0/24"),
        ("mac-01@", "others", True, "10.3.0.0/24"),
    ],
)
def test_the_group_of_a_certificate(common_name: str, user_group: str, default: bool, pool: str) -> None:
    found = membership(common_name, RED_AND_OTHERS)
    assert (found.group, found.default, found.certain, found.pools) == (user_group, default, True, (pool,))


def test_the_lowest_number_counts() -> None:
    configuration = told([group("second", 2, "red"), group("first", 1, "red"), group("others", 3, default=True)])
    assert [each["name"] for each in configuration["user_groups"]] == ["first", "second", "others"]
    assert membership("a@red", configuration).group == "first"


def test_members_of_other_kinds_are_not_for_certificates() -> None:
    configuration = told([group("red", 1, "red.com", kind="AADGroupId"), group("others", 2, default=True)])
    assert membership("a@red.com", configuration).default


@pytest.mark.parametrize("member", ["red.com", "red"])
def test_what_no_document_settles_is_said(member: str) -> None:
    """The article has `red` for user@red.com, the API's example `red.com`."""
    configuration = told([group("team", 1, member), group("others", 2, default=True)])
    found = memberships(["b@red.com", "a@red.com"], configuration)
    assert {(each.group, each.default, each.certain) for each in found.values()} == {("team", False, False)}
    (said,) = doubts(found, configuration)
    assert said == (
        "Whether Azure gives a@red.com, b@red.com the addresses of the user group team is not certain: no document "
        "says whether it compares red.com or red. Give the group team a member for each of the two."
    )
    if member == "red":
        assert doubts(memberships(["a@red"], configuration), configuration) == []


def test_a_default_group_with_the_member_is_certain() -> None:
    assert membership("a@red.com", told([group("others", 1, "red.com", default=True)])).certain


def test_who_fits_none_is_named_once() -> None:
    names = ["mac-5", "mac-4@green.com", "mac-3", "mac-2", "mac-1@red.com"]
    (said,) = doubts(memberships(names, RED_AND_OTHERS), RED_AND_OTHERS)
    assert said == (
        "No user group of the User VPN configuration macs but the default one has a member for mac-2, mac-3, "
        "mac-4@green.com and 1 more: they get the addresses of others (10.3.0.0/24). Azure goes by the domain in the "
        "common name, and the groups have blue, red, red.com; give such a certificate the common_name user@domain "
        "(user_vpn_certificate_domain in the playbooks)."
    )


def test_without_user_groups_nothing_is_said() -> None:
    configuration = told([], [connection("c1", "10.1.0.0/24")])
    assert memberships(["mac-01"], configuration) == {}
    assert doubts({}, configuration) == []


def test_a_gateway_that_names_no_group_has_one_pool_for_all() -> None:
    configuration = told(
        [group("red", 1, "red"), group("others", 2, default=True)],
        [connection("c1", "10.1.0.0/24")],
        [connection("c2", "10.2.0.0/24", "red"), connection("c3", "10.3.0.0/24", "others")],
    )
    assert membership("a@red", configuration).pools == ("10.1.0.0/24", "10.2.0.0/24")
    assert membership("a", configuration).pools == ("10.1.0.0/24", "10.3.0.0/24")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["properties", "name", "id", "configurationPolicyGroups", "policyMembers", "attributeType", "attributeValue",
         "isDefault", "priority", "p2SConnectionConfigurations", "vpnClientAddressPool", "addressPrefixes",
         "configurationPolicyGroupAssociations"]), inner, max_size=5),
)  # fmt: skip


@given(JSON, JSON, st.text(max_size=20))
def test_whatever_azure_answers(configuration: Any, gateway: Any, common_name: str) -> None:
    found = {
        "name": "macs",
        "user_groups": summary(configuration),
        "gateways": [{"connection_configurations": pools(gateway)}],
    }
    assert all(text.isprintable() or "\n" in text for text in doubts(memberships([common_name], found), found) or ["x"])
