# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options need or exclude each other: every rule of every action is broken once, and the sentence is compared.

Each case breaks one rule, so a rule that gets lost is noticed; that each rule has its case is counted.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.arguments import ACTIONS, COMPLETE, specification

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/vpnServerConfigurations/macs"
ROOT = {"path": "root.pem"}

# The action, what is added to its complete arguments, what is left out of them, and what is said.
Case = tuple[str, dict[str, Any], tuple[str, ...], str]
CASES: list[Case] = [
    ("client_certificates", {}, ("pki",), "missing required arguments: pki"),
    (
        "client_certificates",
        {"export_password": "x"},
        (),
        "missing parameter(s) required by 'export_password': export_dir",
    ),
    (
        "client_certificates",
        {"state": "revoked"},
        ("clients",),
        "one of the following is required: clients, thumbprints",
    ),
    (
        "client_certificates",
        {"thumbprints": ["AB" * 20]},
        ("clients",),
        "state is present but all of the following are missing: clients",
    ),
    (
        "client_certificates",
        {"thumbprints": ["AB" * 20], "state": "absent"},
        ("clients",),
        "state is absent but all of the following are missing: clients",
    ),
    ("connection_health_info", {}, ("resource_group",), "missing required arguments: resource_group"),
    ("ledger", {}, ("pki",), "missing required arguments: pki"),
    ("ledger", {}, ("state",), "missing required arguments: state"),
    ("ledger", {"state": "backup"}, (), "state is backup but all of the following are missing: dest"),
    ("ledger", {"state": "exported"}, (), "state is exported but all of the following are missing: dest"),
    (
        "ledger",
        {"state": "rekeyed"},
        (),
        "state is rekeyed but all of the following are missing: passphrase, new_passphrase",
    ),
    (
        "ledger",
        {"state": "forgotten"},
        (),
        "state is forgotten but any of the following are missing: host, serial_number",
    ),
    ("ledger_info", {}, ("pki",), "missing required arguments: pki"),
    (
        "mac_certificate",
        {},
        ("identity",),
        "one of the following is required: gateway_roots, roots, identity, client, fingerprints",
    ),
    ("mac_certificate", {"client": "x", "pki": "x"}, (), "parameters are mutually exclusive: identity|client"),
    ("mac_certificate", {"client": "x"}, ("identity",), "missing parameter(s) required by 'client': pki"),
    (
        "mac_certificate",
        {"identity": {"password": "x"}},
        (),
        "missing required arguments: pkcs12_path found in identity",
    ),
    (
        "mac_certificate",
        {"identity": {"pkcs12_path": "x"}},
        (),
        "missing required arguments: password found in identity",
    ),
    ("mac_connection", {}, ("identifier",), "missing required arguments: identifier"),
    ("mac_evidence", {}, ("dest",), "missing required arguments: dest"),
    ("mac_info", {}, ("identifier",), "missing required arguments: identifier"),
    ("mac_key", {}, ("identifier",), "missing required arguments: identifier"),
    ("mac_profile", {"src": "x"}, (), "parameters are mutually exclusive: src|content"),
    ("mac_profile", {}, ("content",), "state is present but any of the following are missing: src, content"),
    ("mac_profile", {"state": "absent"}, (), "state is absent but all of the following are missing: identifier"),
    (
        "mobileconfig",
        {"algorithms": "modp2048", "ipsec_policy": []},
        (),
        "parameters are mutually exclusive: algorithms|ipsec_policy",
    ),
    (
        "mobileconfig",
        {},
        tuple(COMPLETE["mobileconfig"]),
        "state is present but all of the following are missing: settings, identity, dest, identifier, connection_name",
    ),
    (
        "mobileconfig",
        {"state": "absent"},
        (),
        "state is absent but all of the following are missing: manifest, certificates",
    ),
    (
        "mobileconfig",
        {"identity": {}},
        (),
        "one of the following is required: pkcs12_path, certificate_path, client found in identity",
    ),
    (
        "mobileconfig",
        {"identity": {"certificate_path": "x", "sha1": "x"}},
        (),
        "missing parameter(s) required by 'sha1': client found in identity",
    ),
    (
        "mobileconfig",
        {"identity": {"pkcs12_path": "x", "certificate_path": "x"}},
        (),
        "parameters are mutually exclusive: pkcs12_path|certificate_path|client found in identity; "
        "missing parameter(s) required by 'pkcs12_path': password found in identity",
    ),
    (
        "mobileconfig",
        {"identity": {"password": "x", "certificate_path": "x"}},
        (),
        "parameters are mutually exclusive: password|certificate_path found in identity",
    ),
    (
        "mobileconfig",
        {"identity": {"pkcs12_path": "x"}},
        (),
        "missing parameter(s) required by 'pkcs12_path': password found in identity",
    ),
    ("mobileconfig", {"sign_with": {"key": "x"}}, (), "missing required arguments: certificate found in sign_with"),
    ("mobileconfig", {"sign_with": {"certificate": "x"}}, (), "missing required arguments: key found in sign_with"),
    ("profile_package", {}, ("resource_group",), "missing required arguments: resource_group"),
    ("profile_package", {}, ("dest",), "missing required arguments: dest"),
    ("profile_package", {}, ("virtual_wan",), "one of the following is required: virtual_wan, p2s_vpn_gateway"),
    (
        "profile_package",
        {"p2s_vpn_gateway": "gw1"},
        (),
        "parameters are mutually exclusive: virtual_wan|p2s_vpn_gateway",
    ),
    (
        "profile_package",
        {"p2s_vpn_gateway": "gw1", "vpn_server_configuration": ID},
        ("virtual_wan",),
        "parameters are mutually exclusive: vpn_server_configuration|p2s_vpn_gateway",
    ),
    ("profile_package_info", {}, ("path",), "missing required arguments: path"),
    ("root_certificate", {}, ("pki",), "missing required arguments: pki"),
    (
        "root_certificate",
        {},
        ("certificate_source",),
        "missing parameter(s) required by 'key_source': certificate_source",
    ),
    (
        "root_certificate",
        {"key_source_passphrase": "x"},
        ("key_source",),
        "missing parameter(s) required by 'key_source_passphrase': key_source",
    ),
    (
        "root_certificate",
        {"chain_source": "x"},
        ("certificate_source", "key_source"),
        "missing parameter(s) required by 'chain_source': certificate_source",
    ),
    ("server_configuration_certificates", {}, ("resource_group",), "missing required arguments: resource_group"),
    (
        "server_configuration_certificates",
        {},
        ("vpn_server_configuration",),
        "one of the following is required: vpn_server_configuration, virtual_wan, p2s_vpn_gateway",
    ),
    (
        "server_configuration_certificates",
        {"virtual_wan": "wan1", "p2s_vpn_gateway": "gw1"},
        ("vpn_server_configuration",),
        "parameters are mutually exclusive: virtual_wan|p2s_vpn_gateway",
    ),
    (
        "server_configuration_certificates",
        {"p2s_vpn_gateway": "gw1"},
        (),
        "parameters are mutually exclusive: vpn_server_configuration|p2s_vpn_gateway",
    ),
    (
        "server_configuration_certificates",
        {"roots": [ROOT | {"sha1": "AB" * 20}]},
        (),
        "parameters are mutually exclusive: path|public_cert_data|sha1 found in roots",
    ),
    (
        "server_configuration_certificates",
        {"roots": [{"name": "x"}]},
        (),
        "one of the following is required: path, public_cert_data, sha1 found in roots",
    ),
    (
        "server_configuration_certificates",
        {"revoked": [{"name": "x"}]},
        (),
        "missing required arguments: thumbprint found in revoked",
    ),
    ("server_configuration_info", {}, ("resource_group",), "missing required arguments: resource_group"),
    (
        "server_configuration_info",
        {"virtual_wan": "wan1", "p2s_vpn_gateway": "gw1"},
        (),
        "parameters are mutually exclusive: virtual_wan|p2s_vpn_gateway",
    ),
    (
        "server_configuration_info",
        {"p2s_vpn_gateway": "gw1", "vpn_server_configuration": ID},
        (),
        "parameters are mutually exclusive: vpn_server_configuration|p2s_vpn_gateway",
    ),
]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("action", "added", "left_out", "said"), CASES)
def test_a_rule_that_is_broken_is_said(
    action: str, added: dict[str, Any], left_out: tuple[str, ...], said: str, here: Path
) -> None:
    arguments = {name: value for name, value in (COMPLETE[action] | added).items() if name not in left_out}
    result = run_action(action, arguments)
    assert (result["failed"], result["changed"], result["msg"]) == (True, False, said)
    assert list(here.iterdir()) == []


def rules(spec: Mapping[str, Any], constraints: Mapping[str, Any]) -> int:
    """How many there are, those of nested options among them."""
    found = sum(len(constraints.get(kind, ())) for kind in RULES)
    for option in spec.values():
        found += bool(option.get("required")) + rules(option.get("options", {}), option)
    return found


def test_each_rule_has_its_case() -> None:
    counted: dict[str, int] = {}
    for action in ACTIONS:
        module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{action}")
        counted[action] = rules(specification(action), module.ActionModule.CONSTRAINTS)
    assert counted == Counter(case[0] for case in CASES)


# What contradicts itself in a way that a specification cannot say; the action says it before it does anything.
CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("client_certificates", {"reason": "lost"}, "thumbprints and reason are for state: revoked"),
    ("client_certificates", {"thumbprints": ["AB" * 20]}, "thumbprints and reason are for state: revoked"),
    (
        "client_certificates",
        {"thumbprints": ["AB" * 20], "state": "absent"},
        "thumbprints and reason are for state: revoked",
    ),
    ("client_certificates", {"export_dir": "x"}, "set export_password"),
    ("mobileconfig", {"identity": {"client": "x"}}, "identity.client is a client of a store; set pki to it."),
    ("mac_certificate", {"fingerprints": ["AB" * 20]}, "fingerprints only says what is to go: set state to absent"),
    (
        "server_configuration_certificates",
        {"roots": [{"sha1": "AB" * 20}]},
        "roots[1]: sha1 can only name a root with state: absent",
    ),
    (
        "server_configuration_certificates",
        {"roots": [{"sha1": "AB" * 20, "state": "absent"}, {"public_cert_data": ""}]},
        "roots[2] is empty: give path or public_cert_data",
    ),
]


@pytest.mark.parametrize(("action", "added", "said"), CONTRADICTIONS)
def test_a_contradiction_is_said(action: str, added: dict[str, Any], said: str, here: Path) -> None:
    result = run_action(action, COMPLETE[action] | added)
    assert (result["failed"], result["changed"]) == (True, False)
    assert said in result["msg"]
    assert list(here.iterdir()) == []
