# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom people mean, and which Macs that concerns."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.naming import (
    clients,
    due,
    enrolments,
    holders,
    named,
    pattern,
    require_pattern,
    require_somebody,
)

SHA1 = "AABBCCDDEEFF00112233445566778899AABBCCDD"
HOSTVARS: dict[str, dict[str, Any]] = {
    "mac-01": {"user_vpn_client_name": "anna", "user_vpn_serial_number": "C02A"},
    "mac-02": {},
    "mac-03": {"user_vpn_client_name": "chris"},
}


@pytest.mark.parametrize(
    ("what", "names", "thumbprints"),
    [
        ("mac-01", ["anna"], []),
        ("mac-01, mac-02,", ["anna", "mac-02"], []),
        (["anna", "mac-01", "mac-01"], ["anna"], []),
        (SHA1, [], [SHA1]),
        ([SHA1.lower(), "mac-02"], ["mac-02"], [SHA1.lower()]),
        ("\u200eaa bb cc dd ee ff 00 11 22 33 44 55 66 77 88 99 aa bb cc dd", [], None),
        (["AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD"], [], None),
        (None, [], []),
        ([], [], []),
        (42, ["42"], []),
        ([None, "", " "], [], []),
    ],
)
def test_names_and_thumbprints(what: Any, names: list[str], thumbprints: list[str] | None) -> None:
    told = named(what, HOSTVARS)
    assert told["clients"] == names
    assert told["thumbprints"] == thumbprints if thumbprints is not None else len(told["thumbprints"]) == 1


@given(st.one_of(st.text(), st.lists(st.text()), st.integers(), st.none()))
def test_named_takes_anything(what: Any) -> None:
    told = named(what, HOSTVARS)
    assert len(set(told["clients"])) == len(told["clients"])
    assert not set(told["clients"]) & set(told["thumbprints"])


def test_the_clients_of_hosts() -> None:
    nothing = {"certificate_domain": "", "certificate_san_type": "dns"}
    assert clients(["mac-02", "mac-01"], HOSTVARS, "mac-02", nothing) == [
        {"name": "mac-02"},
        {"name": "anna", "serial_number": "C02A"},
    ]


def test_the_domain_of_a_group_or_a_mac_counts() -> None:
    hostvars = {
        "a": {"user_vpn_certificate_domain": "red.com", "user_vpn_client_name": "anna"},
        "b": {"user_vpn_certificate_domain": "blue.com", "user_vpn_certificate_san_type": "email"},
        "c": {},
    }
    own = {"certificate_domain": "red.com", "certificate_san_type": "dns"}
    assert clients("abc", hostvars, "a", own) == [
        {"name": "anna", "common_name": "anna@red.com"},
        {"name": "b", "common_name": "b@blue.com", "san_type": "email"},
        {"name": "c"},
    ]
    # What the play says is for all of them.
    assert clients("ac", hostvars, "a", own | {"certificate_domain": "green.com"}) == [
        {"name": "anna", "common_name": "anna@green.com"},
        {"name": "c", "common_name": "c@green.com"},
    ]


def ledger(**clients: tuple[str, int]) -> dict[str, Any]:
    return {
        "clients": {
            name: {"status": status, "days_left": days, "host": f"old-{name}"}
            for name, (status, days) in clients.items()
        }
    }


def test_who_is_due() -> None:
    told = ledger(anna=("expiring", 9), chris=("expired", -3), foreign=("expired", -99))
    told["clients"]["mac-02"] = {"status": "current", "days_left": 300}
    hosts = list(HOSTVARS)
    assert due(hosts, HOSTVARS, told, 0) == ["mac-03", "mac-01"]  # the most urgent first
    assert due(hosts, HOSTVARS, told, 1) == ["mac-03"]
    assert due(["mac-01"], HOSTVARS, told, 0) == ["mac-01"]
    told["clients"]["mac-02"]["status"] = "behind"
    assert due(hosts, HOSTVARS, told, 1) == ["mac-03", "mac-02"]  # who waits is always taken up again
    assert due(hosts, HOSTVARS, {}, 0) == []


@pytest.mark.parametrize("status", ["never_delivered", "removed_from_mac", "behind", "old_root", "expiring", "expired"])
def test_each_status_that_is_due(status: str) -> None:
    assert due(["mac-01"], HOSTVARS, ledger(anna=(status, 5)), 0) == ["mac-01"]


@pytest.mark.parametrize("status", ["current", "revoked", "two_macs"])
def test_each_status_that_is_not_due(status: str) -> None:
    assert due(["mac-01"], HOSTVARS, ledger(anna=(status, 5)), 0) == []


def test_who_holds_what_was_revoked() -> None:
    asked = {"clients": ["anna"], "thumbprints": [SHA1]}
    told = ledger(anna=("revoked", 5), chris=("revoked", 5), eve=("current", 5))
    done = {"clients": {"anna": {}, "chris": {}, "eve": {}}}
    assert holders(asked, HOSTVARS, told, done) == ["mac-01", "mac-03"]  # eve has another certificate left
    told["clients"]["anna"]["host"] = "mac-02"  # the store saw it under another name
    assert holders(asked, HOSTVARS, told, done) == ["mac-01", "mac-03", "mac-02"]
    assert holders({"clients": ["nobody"], "thumbprints": []}, HOSTVARS, {}, {}) == []


@pytest.mark.parametrize("wanted", ["user_vpn", "mac-1:mac-2", ["mac-1"], 5])
def test_no_host_at_all_is_a_mistake_unless_the_group_is_there(wanted: Any) -> None:
    require_somebody(wanted, ["mac-1"], {"all": []})
    require_somebody("user_vpn", [], {"user_vpn": []})
    with pytest.raises(UserVpnError, match="so nothing was done: "):
        require_somebody(wanted, [], {"all": []})


def test_a_pattern_matches_its_host_alone() -> None:
    hosts = [
        "mac-042", "mac-042.example.com", "Anna's Mac", "Anna\\s Mac", "a,b", "a&b", "!a", "&a", "~a", "a*", "a?",
        "a[1]", "a[0:2]", "Mac [office]", "x:y", "2001:db8::1", "ümlaut", "💥", "a\tb", "a", "b", "Mac", "Anna's",
    ]  # fmt: skip
    inventory = InventoryData()
    for host in hosts:
        inventory.add_host(host, "all")
    manager = InventoryManager(DataLoader(), sources=[])
    manager._inventory = inventory
    inventory.reconcile_inventory()
    for host in hosts:
        assert [found.name for found in manager.get_hosts([pattern(host)])] == [host]
    assert len(manager.get_hosts([pattern(host) for host in hosts])) == len(hosts)
    assert pattern("mac-042.example.com") == "mac-042.example.com"


# -- certificates by SCEP


PEM = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"


def test_a_certificate_by_scep_is_told_as_it_was_found() -> None:
    scep = {"user_vpn_scep": {"url": "https://pki.example.com", "subject": "/CN=$SERIALNUMBER"}}
    on_mac = {"configure_client_result": {"serial_number": "C02B", "identity_certificates": [PEM]}}
    in_mdm = {"certificates_in_mdm": {"macs": {"mac-03": {"certificates": [{"sha1": SHA1}]}}}}
    hostvars: dict[str, dict[str, Any]] = {
        "mac-01": {},
        "mac-02": scep | on_mac,
        "mac-03": scep | in_mdm | {"user_vpn_serial_number": "C02A"},
        "mac-04": scep,
        "mac-05": {"user_vpn_scep": "none"},
    }
    subject = "/CN=$SERIALNUMBER"
    learnt = [
        {"name": "mac-02", "enrolled": [PEM], "subject": subject, "serial_number": "C02B"},
        {"name": "mac-03", "enrolled": [{"sha1": SHA1}], "subject": subject, "serial_number": "C02A"},
    ]
    unknown = {"name": "mac-04", "enrolled": [], "subject": subject, "serial_number": ""}
    assert clients(hostvars, hostvars) == [{"name": "mac-01"}, *learnt, unknown]
    assert enrolments(hostvars, hostvars) == learnt


def test_whose_certificate_comes_from_elsewhere_is_not_renewed_here() -> None:
    client = {"days_left": 3, "status": "expiring", "origin": "enrolled"}
    assert due(["mac-02"], HOSTVARS, {"clients": {"mac-02": client}}, 0) == []
    assert due(["mac-02"], HOSTVARS, {"clients": {"mac-02": client | {"origin": "made"}}}, 0) == ["mac-02"]


@pytest.mark.parametrize("hosts", [{"a": 1}, 5, None, ["a", None], True])
def test_what_names_no_hosts(hosts: Any) -> None:
    with pytest.raises(UserVpnError, match=r"^user_vpn_hosts is .*: set it to the name of a group or a host"):
        require_pattern(hosts)
    require_pattern("user_vpn:!sales")
    require_pattern(["a", "b"])
