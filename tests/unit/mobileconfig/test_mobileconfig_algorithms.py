# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's policies against Apple's values: every row of the mapping, and every refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import algorithms, schema
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.algorithms import Association, choose
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError

POLICY = {
    "saLifeTimeSeconds": 27000,
    "saDataSizeKilobytes": 102400000,
    "ipsecEncryption": "GCMAES256",
    "ipsecIntegrity": "GCMAES256",
    "ikeEncryption": "AES256",
    "ikeIntegrity": "SHA256",
    "dhGroup": "DHGroup14",
    "pfsGroup": "PFS14",
}


@pytest.mark.parametrize(
    ("name", "ike", "child"),
    [
        ("modp2048", ("AES-256", "SHA2-256", 14), ("AES-256-GCM", "SHA2-256", 14)),
        ("ecp384", ("AES-256-GCM", "SHA2-384", 20), ("AES-256-GCM", "SHA2-384", 20)),
        ("ecp384_cbc", ("AES-256", "SHA2-384", 20), ("AES-256-GCM", "SHA2-384", 20)),
        ("ecp256", ("AES-256-GCM", "SHA2-256", 19), ("AES-256-GCM", "SHA2-256", 19)),
    ],
)
def test_pairs(name: str, ike: tuple[Any, ...], child: tuple[Any, ...]) -> None:
    chosen = choose(name)
    assert chosen.ike == Association(*ike, lifetime_minutes=432)
    assert chosen.child == Association(*child, lifetime_minutes=405)
    assert chosen.pfs
    assert bool(chosen.warnings) == (name == "ecp256")
    # The policy that a user is told to set in Azure is the one that leads back to the same proposal.
    assert choose(ipsec_policy={**POLICY, **algorithms.PAIRS[name].azure}) == chosen


BY_HAND = {
    "ikeEncryption": "AES256",
    "ikeIntegrity": "SHA256",
    "dhGroup": "DHGroup14",
    "ipsecEncryption": "AES256",
    "ipsecIntegrity": "SHA256",
    "pfsGroup": "None",
}


def test_the_pair_that_serves_macs_set_up_by_hand_as_well() -> None:
    chosen = choose("by_hand")
    assert chosen.ike == Association("AES-256", "SHA2-256", 14, lifetime_minutes=432)
    assert chosen.child == Association("AES-256", "SHA2-256", 14, lifetime_minutes=405)
    assert (chosen.pfs, chosen.warnings) == (False, ())
    assert algorithms.PAIRS["by_hand"].azure == BY_HAND
    assert choose(ipsec_policy={**POLICY, **BY_HAND}) == chosen
    told = algorithms.PAIRS["by_hand"].side_by_side()
    assert "ipsecIntegrity SHA256 (Apple SHA2-256), pfsGroup None (Apple EnablePFS 0)" in told


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([{**POLICY, **BY_HAND}], ""),
        ({**POLICY, **BY_HAND}, ""),
        ({**BY_HAND, "dhGroup": "DHGroup2048"}, ""),
        ({"ike_encryption": "AES256", "ike_integrity": "SHA256", "dh_group": "DHGroup14"}, ""),
        ([POLICY], "has ipsecEncryption GCMAES256, ipsecIntegrity GCMAES256. Deliver profiles"),
        ([{**BY_HAND, "ikeEncryption": "GCMAES256"}], "Nobody whose VPN is set up by hand can connect"),
        ([{**BY_HAND, "ikeIntegrity": "SHA384"}], "has ikeIntegrity SHA384."),
        ([{**BY_HAND, "dhGroup": "ECP384"}], "has dhGroup ECP384."),
        ({"ipsec_encryption": "GCMAES128"}, "has ipsecEncryption GCMAES128."),
        ([{**BY_HAND, "pfsGroup": "PFS14"}], "loses the tunnel when its keys are first renewed"),
        ([{**BY_HAND, "pfsGroup": "PFSMM"}], "has pfsGroup PFSMM"),
        ([], "has Azure's default IPsec policy, and no document says"),
        ({}, ""),
        (None, ""),
        ("nonsense", ""),
        (["nonsense"], ""),
        (7, ""),
    ],
)
def test_what_a_policy_means_for_macs_set_up_by_hand(policies: Any, expected: str) -> None:
    told = algorithms.by_hand(policies)
    assert [expected in text for text in told] == [True] if expected else told == []
    assert all(f"{name} {value}" in text for text in told for name, value in BY_HAND.items())


def test_default_is_modp2048() -> None:
    assert choose() == choose("modp2048")


@pytest.mark.parametrize(
    ("changes", "part", "expected"),
    [
        ({"ikeEncryption": "AES128"}, "ike", ("AES-128", "SHA2-256", 14)),
        ({"ikeEncryption": "AES256"}, "ike", ("AES-256", "SHA2-256", 14)),
        ({"ikeEncryption": "GCMAES128"}, "ike", ("AES-128-GCM", "SHA2-256", 14)),
        ({"ikeEncryption": "GCMAES256"}, "ike", ("AES-256-GCM", "SHA2-256", 14)),
        ({"ikeIntegrity": "SHA384"}, "ike", ("AES-256", "SHA2-384", 14)),
        ({"dhGroup": "DHGroup2048"}, "ike", ("AES-256", "SHA2-256", 14)),
        ({"dhGroup": "ECP256"}, "ike", ("AES-256", "SHA2-256", 19)),
        ({"dhGroup": "ECP384"}, "ike", ("AES-256", "SHA2-256", 20)),
        ({"ipsecEncryption": "AES128", "ipsecIntegrity": "SHA256"}, "child", ("AES-128", "SHA2-256", 14)),
        ({"ipsecEncryption": "AES256", "ipsecIntegrity": "SHA256"}, "child", ("AES-256", "SHA2-256", 14)),
        ({"ipsecEncryption": "GCMAES128", "ipsecIntegrity": "GCMAES128"}, "child", ("AES-128-GCM", "SHA2-256", 14)),
        ({"ipsecIntegrity": "SHA256"}, "child", ("AES-256-GCM", "SHA2-256", 14)),
        ({"ikeIntegrity": "SHA384"}, "child", ("AES-256-GCM", "SHA2-384", 14)),
        ({"pfsGroup": "PFS2048"}, "child", ("AES-256-GCM", "SHA2-256", 14)),
        ({"pfsGroup": "ECP256"}, "child", ("AES-256-GCM", "SHA2-256", 19)),
        ({"pfsGroup": "ECP384"}, "child", ("AES-256-GCM", "SHA2-256", 20)),
        ({"pfsGroup": "PFSMM", "dhGroup": "ECP384"}, "child", ("AES-256-GCM", "SHA2-256", 20)),
    ],
)
def test_what_azure_says_and_a_mac_can_say(changes: dict[str, str], part: str, expected: tuple[Any, ...]) -> None:
    chosen = choose(ipsec_policy=POLICY | changes)
    association = getattr(chosen, part)
    assert (association.encryption, association.integrity, association.dh_group) == expected
    assert chosen.pfs


def test_no_pfs_group_means_no_pfs() -> None:
    chosen = choose(ipsec_policy=POLICY | {"pfsGroup": "None"})
    assert not chosen.pfs
    assert chosen.child.dh_group == 14


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("ikeEncryption", value) for value in ("AES192", "DES", "DES3", "None", "nonsense")],
        *[("ikeIntegrity", value) for value in ("SHA1", "MD5", "GCMAES128", "GCMAES256")],
        *[("dhGroup", value) for value in ("DHGroup24", "DHGroup1", "DHGroup2", "None")],
        *[("ipsecEncryption", value) for value in ("AES192", "GCMAES192", "DES", "DES3", "None")],
        *[("ipsecIntegrity", value) for value in ("SHA1", "MD5", "GCMAES192", "GCMAES128")],
        *[("pfsGroup", value) for value in ("PFS24", "PFS1", "PFS2")],
    ],
)
def test_what_no_mac_can_say_is_refused_with_the_policy_to_set(field: str, value: str) -> None:
    with pytest.raises(ProfileError) as caught:
        choose(ipsec_policy=POLICY | {field: value})
    text = str(caught.value)
    assert f"{field} {value} (" in text
    assert "the pair modp2048: ikeEncryption AES256 (Apple AES-256)" in text
    assert "dhGroup DHGroup14 (Apple 14)" in text
    assert "pfsGroup PFS14 (Apple 14 with EnablePFS 1)" in text


def test_the_documented_default_of_virtual_wan_is_refused_for_both_groups() -> None:
    with pytest.raises(ProfileError, match=r"dhGroup DHGroup24 \(no macOS knows .*pfsGroup PFS24"):
        choose(ipsec_policy=POLICY | {"dhGroup": "DHGroup24", "pfsGroup": "PFS24"})


def test_the_pair_that_is_named_asks_for_the_fewest_changes() -> None:
    with pytest.raises(ProfileError, match="the pair ecp384:"):
        choose(ipsec_policy=POLICY | algorithms.PAIRS["ecp384"].azure | {"pfsGroup": "PFS24"})
    with pytest.raises(ProfileError, match="the pair modp2048:"):  # never ecp256
        choose(ipsec_policy=POLICY | algorithms.PAIRS["ecp256"].azure | {"pfsGroup": "PFS24"})
    with pytest.raises(ProfileError, match="the pair modp2048:"):  # nor one that Azure's page for Virtual WAN lacks
        choose(ipsec_policy=POLICY | BY_HAND | {"pfsGroup": "PFS24"})


def test_one_policy_in_a_list_and_names_of_the_sdk() -> None:
    assert choose(ipsec_policy=[POLICY]) == choose(ipsec_policy=POLICY) == choose("modp2048")
    snake = {
        "sa_life_time_seconds": 27000,
        "ipsec_encryption": "GCMAES256",
        "ipsec_integrity": "GCMAES256",
        "ike_encryption": "GCMAES256",
        "ike_integrity": "SHA384",
        "dh_group": "ECP384",
        "pfs_group": "ECP384",
    }
    assert choose(ipsec_policy=snake) == choose("ecp384")


def test_no_policy_at_all_is_said_loudly() -> None:
    for empty in ([], {}, [{}]):
        chosen = choose(ipsec_policy=empty)
        assert chosen.ike == choose().ike
        assert "DHGroup24" in chosen.warnings[0]
        assert "pfsGroup PFS14" in chosen.warnings[0]


@pytest.mark.parametrize(
    ("seconds", "minutes", "warns"),
    [(300, 10, True), (600, 10, True), (601, 10, False), (3600, 54, False), (27000, 405, False), (172799, 1440, False)],
)
def test_the_mac_rekeys_first(seconds: int, minutes: int, warns: bool) -> None:
    chosen = choose(ipsec_policy=POLICY | {"saLifeTimeSeconds": seconds})
    assert chosen.child.lifetime_minutes == minutes
    assert bool(chosen.warnings) == warns
    assert warns or minutes * 60 < seconds


@pytest.mark.parametrize("seconds", [0, -1, "soon", []])
def test_a_lifetime_that_is_none(seconds: Any) -> None:
    with pytest.raises(ProfileError, match="saLifeTimeSeconds"):
        choose(ipsec_policy=POLICY | {"saLifeTimeSeconds": seconds})


@pytest.mark.parametrize("policy", ["modp2048", 3, [POLICY, POLICY], [3], {"dhGroup": "DHGroup14"}])
def test_no_policy_of_azure(policy: Any) -> None:
    with pytest.raises(ProfileError, match="ipsec_policy"):
        choose(ipsec_policy=policy)


ASSOCIATION = {"encryption": "AES-256-GCM", "integrity": "SHA2-512", "dh_group": 21}


def test_dictionaries() -> None:
    chosen = choose({"ike": ASSOCIATION, "child": ASSOCIATION | {"lifetime_minutes": "60"}, "pfs": False})
    assert chosen.ike == Association("AES-256-GCM", "SHA2-512", 21, 432)
    assert chosen.child == Association("AES-256-GCM", "SHA2-512", 21, 60)
    assert not chosen.pfs
    assert len(chosen.warnings) == 1
    assert "fits a gateway whose policy has pfsGroup None alone" in chosen.warnings[0]
    assert not choose({"ike": ASSOCIATION, "child": ASSOCIATION}).warnings


def test_different_groups_are_legal_and_warned_about() -> None:
    chosen = choose({"ike": ASSOCIATION, "child": ASSOCIATION | {"dh_group": 14}})
    assert "macOS 14.0" in chosen.warnings[0]


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ("modp1024", "modp2048"),
        (7, "modp2048"),
        ({"ike": ASSOCIATION}, "child"),
        ({"ike": ASSOCIATION, "child": ASSOCIATION, "other": 1}, "child"),
        ({"ike": ASSOCIATION, "child": ASSOCIATION, "pfs": "yes"}, "pfs"),
        ({"ike": ASSOCIATION, "child": "AES"}, "algorithms.child"),
        ({"ike": {"encryption": "AES-256"}, "child": ASSOCIATION}, "algorithms.ike"),
        ({"ike": ASSOCIATION | {"encryption": "3DES"}, "child": ASSOCIATION}, "algorithms.ike.encryption"),
        ({"ike": ASSOCIATION | {"integrity": "SHA1-96"}, "child": ASSOCIATION}, "algorithms.ike.integrity"),
        ({"ike": ASSOCIATION, "child": ASSOCIATION | {"dh_group": 24}}, "algorithms.child.dh_group"),
        ({"ike": ASSOCIATION, "child": ASSOCIATION | {"dh_group": "x"}}, "algorithms.child.dh_group"),
        ({"ike": ASSOCIATION, "child": ASSOCIATION | {"lifetime_minutes": 9}}, "lifetime_minutes"),
        ({"ike": ASSOCIATION, "child": ASSOCIATION | {"lifetime_minutes": True}}, "lifetime_minutes"),
    ],
)
def test_wishes_that_cannot_be_met(wish: Any, named: str) -> None:
    with pytest.raises(ProfileError, match=named):
        choose(wish)


def test_everything_that_may_be_chosen_is_in_the_schema() -> None:
    table = schema.SECURITY_ASSOCIATION
    assert table["EncryptionAlgorithm"].values == algorithms.APPLE_ENCRYPTION
    assert table["IntegrityAlgorithm"].values == algorithms.APPLE_INTEGRITY
    assert table["DiffieHellmanGroup"].values == algorithms.APPLE_GROUPS


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(wish=anything, policy=st.none() | anything | st.fixed_dictionaries(dict.fromkeys(POLICY, anything)))
def test_hostile_wishes_end_in_one_kind_of_error(wish: Any, policy: Any) -> None:
    try:
        chosen = choose(wish, policy)
    except ProfileError:
        return
    assert chosen.ike.dh_group in algorithms.APPLE_GROUPS


@pytest.mark.parametrize("value", ["9" * 5000, [1] * 5000, {"a": [1]}, "\x1b[31m", 1e300, None, True, -1, "²", "1e3"])
def test_values_without_end_are_named_in_one_line(value: Any) -> None:
    good = {"encryption": "AES-256", "integrity": "SHA2-256", "dh_group": 14}
    for name in (*good, "lifetime_minutes"):
        with pytest.raises(ProfileError) as caught:
            choose({"ike": good | {name: value}, "child": good})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300
    if value is not None:
        with pytest.raises(ProfileError, match="saLifeTimeSeconds"):
            choose(ipsec_policy=POLICY | {"saLifeTimeSeconds": value})
