# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a User VPN configuration allows: which change a wish means, for whatever Azure holds."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import changes, trust
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.settings import wished
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import algorithms

NOW = datetime.now(UTC)
ID = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Network"
NOTHING: dict[str, Any] = dict.fromkeys(("protocols", "authentication_types", "ipsec_policy", "location", "tags"))
NOTHING |= {"append_tags": True, "change_in_use": False}


def spelled(text: str) -> st.SearchStrategy[str]:
    return st.randoms(use_true_random=False).map(lambda chance: in_any_case(text, chance))


def in_any_case(text: str, chance: random.Random) -> str:
    return "".join(chance.choice((letter.lower(), letter.upper())) for letter in text)


PROTOCOLS = ("IkeV2", "OpenVPN")
TYPES = ("Certificate", "AAD", "Radius")
VALUES = {name: [pair.azure[name] for pair in algorithms.PAIRS.values()] for name in GOOD_POLICY if name[:2] != "sa"}
POLICIES = st.fixed_dictionaries(
    {name: st.sampled_from([*values, "DHGroup24", "PFS24", "DHGroup2048"]) for name, values in VALUES.items()},
    optional={"saLifeTimeSeconds": st.sampled_from([3600, 27000]), "future": st.just([1])},
)
TAGS = st.dictionaries(st.sampled_from(["a", "A", "b", "C"]), st.sampled_from(["1", "2"]))
WISHES = st.fixed_dictionaries(
    {
        "protocols": st.none() | st.lists(st.sampled_from(PROTOCOLS).flatmap(spelled), max_size=3),
        "authentication_types": st.none() | st.lists(st.sampled_from(TYPES).flatmap(spelled), max_size=3),
        "ipsec_policy": st.none() | st.sampled_from(list(algorithms.PAIRS)) | POLICIES,
        "tags": st.none() | TAGS,
        "append_tags": st.booleans(),
    }
)
STATES = st.fixed_dictionaries(
    {
        "vpnProtocols": st.lists(st.sampled_from(PROTOCOLS), unique=True) | st.none(),
        "vpnAuthenticationTypes": st.lists(st.sampled_from(TYPES), unique=True) | st.none(),
        "vpnClientIpsecPolicies": st.lists(POLICIES, max_size=2) | st.none(),
        "aadAuthenticationParameters": st.sampled_from([{}, {"aadTenant": "t"}]),
        "radiusServerAddress": st.sampled_from(["", "10.0.0.9"]),
        "future": st.just({"kept": [1]}),
    }
)


@settings(max_examples=150, deadline=None)
@given(STATES, TAGS, WISHES)
def test_a_fulfilled_wish_changes_nothing_more_and_nothing_else(
    state: dict[str, Any], tags: dict[str, str], options: dict[str, Any]
) -> None:
    there = {"id": f"{ID}/vpnServerConfigurations/macs", "name": "macs", "etag": "e", "location": "westeurope"}
    there |= {"tags": {name: tags[name] for name in tags if name != "A"}, "properties": state, "unknown": 7}
    before = copy.deepcopy(there)
    try:
        wish = wished(NOTHING | options)
        plan = changes.make_plan(there, trust.Wish(), NOW, wish)
    except UserVpnError:
        assert there == before
        return
    assert there == before, "the plan is a copy"
    again = changes.make_plan(plan.resource, trust.Wish(), NOW, wish)
    assert (again.changes, again.resource) == ((), plan.resource)
    after = plan.resource["properties"]
    named = {"vpnProtocols": wish.protocols, "vpnAuthenticationTypes": wish.authentication_types}
    named["vpnClientIpsecPolicies"] = wish.policy
    for member, value in state.items():
        if not named.get(member):
            assert after[member] == value
    assert {name: value for name, value in plan.resource.items() if name not in ("properties", "tags")} == {
        name: value for name, value in before.items() if name not in ("properties", "tags")
    }
    if wish.tags is None:
        assert plan.resource["tags"] == before["tags"]
    if wish.protocols and state["vpnProtocols"]:
        assert set(after["vpnProtocols"]) == set(wish.protocols)
    if wish.authentication_types:
        assert set(after["vpnAuthenticationTypes"]) == set(wish.authentication_types)


@pytest.mark.parametrize("pair", algorithms.PAIRS)
def test_what_is_set_in_azure_is_what_a_mac_then_proposes(pair: str) -> None:
    """The profile follows Azure's policy; so it is as if the pair had been named for both."""
    policy, _doubts = algorithms.azure_policy(pair)
    proposed, meant = algorithms.choose(ipsec_policy=[GOOD_POLICY | policy]), algorithms.choose(pair)
    assert (proposed.ike, proposed.child.encryption, proposed.child.dh_group, proposed.pfs) == (
        meant.ike,
        meant.child.encryption,
        meant.child.dh_group,
        meant.pfs,
    )


@given(POLICIES | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_policy_is_refused_or_one_that_a_mac_speaks(wish: Any) -> None:
    try:
        policy, _doubts = algorithms.azure_policy(wish)
    except UserVpnError:
        return
    algorithms.from_ipsec_policy(policy)
    assert algorithms.same_policy(policy, {name.lower(): str(value).lower() for name, value in policy.items()} | policy)


def test_the_doubts_about_a_policy() -> None:
    def doubts(policy: Any) -> list[str]:
        return list(algorithms.azure_policy(policy)[1])

    assert [doubts(pair) for pair in ("modp2048", "ecp384", "ecp384_cbc")] == [[], [], []]
    assert ["ECP256" in doubt for doubt in doubts("ecp256")] == [True]
    assert ["does not list ipsecEncryption AES256" in doubt for doubt in doubts("by_hand")] == [True]
    assert ["does not list pfsGroup PFSMM" in doubt for doubt in doubts(GOOD_POLICY | {"pfsGroup": "pfsmm"})] == [True]
    assert ["shorter than the 10 minutes" in doubt for doubt in doubts(GOOD_POLICY | {"saLifeTimeSeconds": 300})] == [
        True
    ]
