# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which value of a setting counts for which Mac, and what that makes of its profile."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.action.mobileconfig import PROFILE
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet import settings as kinds
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.fleet import FLEET_WIDE, SECRET, csrs, fleet
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.profiles import OF_THE_RUN, SHARED, profiles
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.settings import DEFAULTS, check, per_mac, truth
from ansible_collections.vwan.user_vpn.tests.tools.check_roles import (
    ROOT,
    defaults_of,
    documented,
    options_of,
    passed_on,
)

HOSTS = ["mac-anna", "mac-ben"]
SHA1 = "AABBCCDDEEFF00112233445566778899AABBCCDD"


def seen(**more: Any) -> dict[str, Any]:
    """What the task finds where nobody has set anything."""
    return DEFAULTS | {"identifier": "com.example.vpn"} | more


def rendered(hostvars: dict[str, Any], settings: dict[str, Any], **issued: Any) -> dict[str, dict[str, Any]]:
    entries = profiles(HOSTS, hostvars, "mac-anna", settings, {"clients": issued})
    return {entry["host"]: entry for entry in entries}


@pytest.mark.parametrize(
    ("inventory", "found", "expected"),
    [
        # (mac-anna's, mac-ben's), what the task for mac-anna sees, what counts
        ((None, None), "split", ("split", "split")),
        (("full", None), "full", ("full", "split")),  # of mac-anna alone, though the task sees it
        ((None, "full"), "split", ("split", "full")),
        (("full", "split"), "full", ("full", "split")),
        ((None, None), "full", ("full", "full")),  # the play or a role says so
        (("full", "full"), "split", ("split", "split")),
        (("split", "full"), "full", ("full", "full")),
        ((None, "full"), None, ("split", "full")),  # a variable without a value
    ],
)
def test_inventory_counts_per_mac_and_the_play_for_all(
    inventory: tuple[Any, Any], found: Any, expected: tuple[Any, Any]
) -> None:
    hostvars = {
        host: {"user_vpn_routing": value} if value else {} for host, value in zip(HOSTS, inventory, strict=True)
    }
    told = per_mac(HOSTS, hostvars, "mac-anna", {"routing": found})
    assert tuple(told[host]["routing"] for host in HOSTS) == expected


def test_the_defaults_are_those_of_the_roles() -> None:
    roles = ("configure_client", "connect", "certificates")
    told = {name: value for role in roles for name, value in defaults_of(ROOT / "roles" / role).items()}
    renamed = {"client_chain": "chain", "profile": "options", "azure_ipsec_policies": None, "max_fail_percentage": None}
    renamed |= {"identifier": None, "mdm": None}  # have none
    for name, default in DEFAULTS.items():
        of = renamed.get(name, name)
        if of is None:
            continue
        role = [f"configure_client_{of}", f"connect_{of}", f"connect_{of.removeprefix('connect_')}"]
        role.append(f"certificates_{of.removeprefix('certificate_')}")
        values = [documented(told[each]) for each in [*role, "connect_require"] if each in told]
        assert values[0] == default, name


def test_what_a_setting_can_be_is_what_the_roles_say() -> None:
    by_type = {
        "int": (*kinds.NUMBERS, *kinds.WHOLE_NUMBERS),
        "bool": kinds.SWITCHES,
        "list": kinds.LISTS,
        "dict": kinds.DICTIONARIES,
    }
    seen_of: set[str] = set()
    for role in (path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        defaults = defaults_of(role)
        for option, spec in options_of(role).items():
            names = [name.removeprefix("user_vpn_") for name in passed_on(defaults.get(option)) if "user_vpn_" in name]
            for name in names:
                seen_of.add(name)
                assert spec["type"] not in by_type or name in by_type[spec["type"]], f"{name}: {spec['type']}"
                if spec["type"] == "str" and "choices" in spec:
                    assert kinds.CHOICES[name] == tuple(spec["choices"]), name
    play_alone = {"max_fail_percentage", "azure", "mdm"}
    assert {name for names in by_type.values() for name in names} | set(kinds.CHOICES) <= seen_of | play_alone


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("scope", "none of these", "user_vpn_scope is 'none of these': set it to System or User."),
        ("scope", ["System"], "user_vpn_scope is ['System']: set it to System or User."),
        ("connect_via", "", "user_vpn_connect_via is '': set it to auto, on_demand, vpnutil or shortcut."),
        ("root_generation", "eins", "user_vpn_root_generation is 'eins': set it to a number from 0 on."),
        ("root_generation", 1.5, "user_vpn_root_generation is 1.5: set it to a whole number."),
        ("publish_root", "perhaps", "user_vpn_publish_root is 'perhaps': set it to true or false."),
        ("readmit", {"no": "list"}, "user_vpn_readmit is no list: set it to one."),
        ("sign_with", "pl4nted", "user_vpn_sign_with holds no names with their values: set it to a dictionary."),
    ],
)
def test_what_no_setting_can_be(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(UserVpnError) as caught:
        check(name, value)
    assert str(caught.value) == sentence


def test_every_default_is_one_that_can_be() -> None:
    for name, value in DEFAULTS.items():
        check(name, value)


def test_only_what_differs_is_said_of_a_mac() -> None:
    hostvars = {
        "mac-anna": {"user_vpn_serial_number": "C02A", "user_vpn_organization": "Contoso"},
        "mac-ben": {"user_vpn_client_name": "ben", "user_vpn_dns": {"servers": ["10.0.0.4"]}},
    }
    issued = {"mac-anna": {"sha1": SHA1, "failed": False}, "ben": {"sha1": "", "key_wanted": True}}
    assert rendered(hostvars, seen(organization="Contoso"), **issued) == {
        "mac-anna": {
            "host": "mac-anna",
            "identifier": "com.example.vpn",
            "connection_name": "Azure User VPN",
            "organization": "Contoso",
            "serial_number": "C02A",
            "identity": {"client": "mac-anna", "sha1": SHA1},
            "key_wanted": False,
            "delivery": "approve",
            "ipsec_policy": {},
        },
        "mac-ben": {
            "host": "mac-ben",
            "identifier": "com.example.vpn",
            "connection_name": "Azure User VPN",
            "identity": {"client": "ben"},
            "key_wanted": True,
            "delivery": "approve",
            "dns": {"servers": ["10.0.0.4"]},
            "ipsec_policy": {},
        },
    }


def test_an_identity_of_ones_own_has_a_path_for_each_mac() -> None:
    hostvars = {"mac-anna": {"user_vpn_client_name": "anna"}, "mac-ben": {"user_vpn_pkcs12_path": "/b.p12"}}
    told = rendered(hostvars, seen(pkcs12_path="/secure/{client}/{host}.p12", pkcs12_password="given"))
    assert [told[host]["identity"] for host in HOSTS] == [
        {"pkcs12_path": "/secure/anna/mac-anna.p12", "password": "given"},
        {"pkcs12_path": "/secure/mac-ben/mac-ben.p12", "password": "given"},  # the play says so
    ]
    told = rendered(hostvars, seen())
    assert "pkcs12_path" not in told["mac-anna"]["identity"]
    assert told["mac-ben"]["identity"] == {"pkcs12_path": "/b.p12", "password": ""}


@pytest.mark.parametrize(
    ("delivery", "verify", "expected"),
    [
        ("approve", "", "approve"),
        ("export", "ssh", "mdm"),
        ("export", "none", "export"),
        ("approve", "none", "export"),
        ("mdm", "", "mdm_api"),
        ("mdm", "none", "mdm_api"),
    ],
)
def test_how_a_profile_is_delivered(delivery: str, verify: Any, expected: str) -> None:
    hostvars = {host: {"user_vpn_delivery": delivery, "user_vpn_verify": verify} for host in HOSTS}
    assert rendered(hostvars, seen(delivery=delivery, verify=verify))["mac-ben"]["delivery"] == expected


@pytest.mark.parametrize("kind", ["intune", "nanomdm"])
def test_a_mac_is_asked_where_its_mdm_keeps_the_profile(kind: str) -> None:
    given = {"delivery": "mdm", "verify": "ssh", "mdm": {"type": kind}}
    hostvars = {host: {f"user_vpn_{name}": value for name, value in given.items()} for host in HOSTS}
    assert rendered(hostvars, seen(**given))["mac-ben"]["delivery"] == "mdm_api_ssh"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"user_vpn_delivery": "carrier pigeon"},
            "user_vpn_delivery is 'carrier pigeon': set it to approve, mdm or export.",
        ),
        ({"user_vpn_verify": "perhaps"}, "user_vpn_verify is 'perhaps': set it to ssh, mdm or none."),
        ({"user_vpn_verify": True}, "user_vpn_verify is True: set it to ssh, mdm or none."),
        ({"user_vpn_verify": "mdm"}, "user_vpn_verify is mdm, and only user_vpn_delivery mdm asks one"),
        (
            {"user_vpn_verify": "ssh", "user_vpn_delivery": "mdm"},
            "user_vpn_verify is ssh, and user_vpn_mdm does not say which MDM delivers: set it, with its type",
        ),
        (
            {"user_vpn_verify": "ssh", "user_vpn_delivery": "mdm", "user_vpn_mdm": {"type": "jamf"}},
            "user_vpn_verify is ssh, but Jamf Pro gives profiles other",
        ),
        ({"user_vpn_routing": "none of these"}, "user_vpn_routing is 'none of these': set it to split or full."),
        (
            {"user_vpn_connect_via": "none"},
            "user_vpn_connect_via is 'none': set it to auto, on_demand, vpnutil or shortcut.",
        ),
        ({"user_vpn_address_pools": {"no": "list"}}, "user_vpn_address_pools is no list: set it to one."),
        ({"user_vpn_dns": ["10.0.0.4"]}, "user_vpn_dns holds no names with their values: set it to a dictionary."),
        ({"user_vpn_mac_key": "on_mac", "user_vpn_scope": "User"}, "user_vpn_mac_key is on_mac: only the Mac itself"),
        ({"user_vpn_mac_key": "on_mac", "user_vpn_delivery": "export"}, "user_vpn_mac_key is on_mac: only"),
    ],
)
def test_a_bad_setting_is_the_problem_of_one_mac(settings: dict[str, Any], sentence: str) -> None:
    told = rendered({"mac-anna": {}, "mac-ben": settings}, seen())
    assert "problem" not in told["mac-anna"]
    assert told["mac-ben"]["problem"].startswith(sentence)


def test_check_mode_foresees_another_certificate_than_there_is() -> None:
    told = rendered({host: {} for host in HOSTS}, seen(), **{"mac-ben": {"sha1": "", "changed": True}})
    assert told["mac-ben"]["identity"] == {"client": "mac-ben", "sha1": ""}
    assert told["mac-anna"]["identity"] == {"client": "mac-anna"}


@pytest.mark.parametrize("name", sorted(PROFILE))
def test_any_option_of_a_profile_is_passed_on(name: str) -> None:
    value = {"bool": True, "dict": {"a": 1}, "list": ["a"]}.get(PROFILE[name]["type"], "something")
    own: dict[str, Any] = {name: value}
    told = rendered({"mac-anna": {"user_vpn_profile": own}, "mac-ben": {}}, seen(profile=own))
    if name in SHARED or name in OF_THE_RUN:
        assert told["mac-anna"]["problem"].startswith(f"{name} is set in user_vpn_profile, but ")
    else:
        assert told["mac-anna"][name] == value
    assert "problem" not in told["mac-ben"] and name not in told["mac-ben"].keys() - {*SHARED, "ipsec_policy"}
    for_all = rendered({"mac-anna": {}, "mac-ben": {}}, seen(profile={"dead_peer_detection": "high"}))
    assert {each["dead_peer_detection"] for each in for_all.values()} == {"high"}


def test_a_client_that_got_nothing_is_the_problem_of_its_mac() -> None:
    issued = {"mac-ben": {"failed": True, "msg": "mac-ben was revoked. It gets no identity, unless readmit names it."}}
    told = rendered({"mac-anna": {}, "mac-ben": {}}, seen(), **issued)
    assert told["mac-ben"]["problem"] == issued["mac-ben"]["msg"]
    assert "problem" not in told["mac-anna"]


def test_certificates_in_a_keychain_need_no_profile() -> None:
    assert list(rendered({"mac-anna": {}, "mac-ben": {"user_vpn_certificates_by": "keychain"}}, seen())) == ["mac-anna"]


@pytest.mark.parametrize(
    ("own", "azure", "expected"),
    [
        ({}, [{"dhGroup": "A"}], [{"dhGroup": "A"}]),
        ({"user_vpn_algorithms": "ecp384"}, [{"dhGroup": "A"}], {}),
        ({"user_vpn_ipsec_policy": []}, [{"dhGroup": "A"}], []),
        ({"user_vpn_ipsec_policy": {"dhGroup": "B"}, "user_vpn_algorithms": "ecp384"}, [], {"dhGroup": "B"}),
    ],
)
def test_what_is_set_wins_over_what_azure_says(own: dict[str, Any], azure: Any, expected: Any) -> None:
    told = rendered({"mac-anna": {}, "mac-ben": own}, seen(azure_ipsec_policies=azure))
    assert told["mac-ben"]["ipsec_policy"] == expected
    assert told["mac-anna"]["ipsec_policy"] == azure


@pytest.mark.parametrize("text", ["maybe", "", "2", "None"])
def test_what_is_no_truth_value(text: str) -> None:
    with pytest.raises(UserVpnError, match="set it to true or false"):
        truth(text, "require_installed")


@pytest.mark.parametrize("name", FLEET_WIDE)
def test_what_is_needed_once_is_one(name: str) -> None:
    value = {"a": "1"} if name.endswith("_tags") and "append" not in name else "1"
    assert fleet(HOSTS, {host: {name: value} for host in HOSTS}) == HOSTS
    said = rf"^{name} is {re.escape(repr(value))} for mac-anna and None for mac-ben.*-e user_vpn_hosts="
    with pytest.raises(UserVpnError, match=said):
        fleet(HOSTS, {"mac-anna": {name: value}, "mac-ben": {}})


def test_each_variable_is_the_fleet_s_or_a_mac_s() -> None:
    """One that is forgotten here would be that of whichever Mac comes first."""
    told = set(re.findall(r"^\| `(user_vpn_\w+)` ", (ROOT / "docs/variables.md").read_text(), re.MULTILINE))
    of_a_mac = {*DEFAULTS, "client_name", "connect_timeout", "keychain", "keychain_password"}
    not_in_site = {"cut_wait", "evidence_azure", "revoke", "revoke_reason"}
    assert told - {*FLEET_WIDE, *SECRET} <= {f"user_vpn_{name}" for name in of_a_mac | not_in_site}


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_that_is_needed_once_is_not_shown(name: str) -> None:
    with pytest.raises(UserVpnError) as caught:
        fleet(HOSTS, {"mac-anna": {name: {"secret": "pl4nted-1"}}, "mac-ben": {name: {"secret": "pl4nted-2"}}})
    assert str(caught.value).startswith(f"{name} is not the same for mac-anna and mac-ben, and it is needed once")
    assert "pl4nted" not in str(caught.value)


def test_what_no_fleet_can_have_is_said_before_anything_is_done() -> None:
    with pytest.raises(UserVpnError, match=r"^user_vpn_root_generation is 'eins': set it to a number from 0 on\.$"):
        fleet(HOSTS, {host: {"user_vpn_root_generation": "eins"} for host in HOSTS})


def test_the_requests_of_macs() -> None:
    hostvars: dict[str, dict[str, Any]] = {
        "mac-anna": {"user_vpn_mac_key": "on_mac", "user_vpn_client_name": "anna"},
        "mac-ben": {"user_vpn_mac_key": "on_mac", "configure_client_key": {"csr": "PEM"}},
        "mac-chris": {"user_vpn_mac_key": "controller", "configure_client_key": {"csr": "PEM"}},
    }
    assert csrs(hostvars, hostvars) == {"anna": "", "mac-ben": "PEM"}


@pytest.mark.parametrize("name", ["wait", "connect_timeout", "max_fail_percentage"])
@pytest.mark.parametrize("value", ["soon", -1, True, None, "nan", "inf", "1e999", [], 10**12])
def test_what_is_no_number_is_said_before_anything_is_done(name: str, value: Any) -> None:
    with pytest.raises(UserVpnError, match=rf"^user_vpn_{name} is .*: set it to a number from 0 on\.$"):
        fleet(HOSTS, {host: {} for host in HOSTS}, {name: value})
    assert fleet(HOSTS, {host: {} for host in HOSTS}, {name: "30"}) == HOSTS


@pytest.mark.parametrize("name", ["require_installed", "require_connected"])
def test_what_is_no_truth_value_is_said_before_anything_is_done(name: str) -> None:
    for seen_by_play, own in ({name: "perhaps"}, {}), ({}, {f"user_vpn_{name}": "perhaps"}):
        with pytest.raises(UserVpnError, match=rf"^user_vpn_{name} is 'perhaps'"):
            fleet(HOSTS, {"mac-anna": {}, "mac-ben": own}, seen_by_play)


def test_profiles_need_an_identifier() -> None:
    hostvars = {"mac-anna": {"user_vpn_identifier": "com.example.anna"}, "mac-ben": {}}
    told = rendered(hostvars, seen(identifier="com.example.anna"))
    assert "problem" not in told["mac-anna"]
    assert told["mac-ben"]["problem"].startswith("user_vpn_identifier is not set: it names the profiles on the Macs")
    for play in ("com.example.anna", ""):
        with pytest.raises(UserVpnError, match=r"user_vpn_identifier is not set.*like com\.example\.user-vpn"):
            fleet(HOSTS, hostvars, {"identifier": play})
    assert fleet(HOSTS, {host: {} for host in HOSTS}, {"identifier": "com.example.all"}) == HOSTS


@pytest.mark.parametrize("value", ["all", -1, True, None, "", "5 %", {"a": 1}, ["20%", "x"], 1.5])
def test_a_batch_that_ansible_cannot_make(value: Any) -> None:
    with pytest.raises(UserVpnError, match=r"^user_vpn_serial is .*: set it to a number or a percentage"):
        check("serial", value)
    for good in (5, "5", "20%", [1, "10%", "100%"], 0):
        check("serial", good)


@pytest.mark.parametrize("name", ["azure", "mdm"])
def test_what_is_no_login_is_said_before_anything_is_done(name: str) -> None:
    with pytest.raises(UserVpnError, match=rf"^user_vpn_{name} holds no names with their values"):
        fleet(HOSTS, {host: {f"user_vpn_{name}": "pl4nted"} for host in HOSTS})
