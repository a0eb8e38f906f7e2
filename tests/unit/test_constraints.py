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
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki, root_entry

RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
ROOT = {"path": "root.pem"}


SETTINGS = COMPLETE["mobileconfig"]["settings"] | {"gateway_roots": [root_entry(Pki().gateway_root)]}
SEEN = {"host": "mac-01", "identifier": "com.example.user-vpn", "status": "installed"}


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def of_mac(**options: Any) -> dict[str, Any]:
    """What is wrong with one Mac alone is told in its entry."""
    return {"settings": SETTINGS, "macs": [{"host": "mac-01"} | options]}


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
    ("conclusion", {}, ("macs",), "missing required arguments: macs"),
    ("conclusion", {"macs": [{"status": "current"}]}, (), "missing required arguments: host found in macs"),
    ("conclusion", {"macs": [{"host": "mac-01"}]}, (), "missing required arguments: status found in macs"),
    ("connection_health_info", {}, ("resource_group",), "missing required arguments: resource_group"),
    *(
        (action, *case)
        for action in ("connection_info", "connections")
        for case in (
            ({}, ("resource_group",), "missing required arguments: resource_group"),
            (
                {"storage_account": "contoso", "container": "sessions"},
                (),
                "parameters are mutually exclusive: output_blob_sas_url|storage_account",
            ),
            (
                {"storage_account": "contoso"},
                ("output_blob_sas_url",),
                "parameters are required together: storage_account, container",
            ),
        )
    ),
    (
        "connections",
        {},
        ("output_blob_sas_url",),
        "one of the following is required: output_blob_sas_url, storage_account",
    ),
    (
        "connections",
        {},
        ("addresses",),
        "one of the following is required: clients, thumbprints, connection_ids, addresses, revoked",
    ),
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
    ("ledger", {"state": "noted"}, (), "state is noted but all of the following are missing: macs"),
    *(
        (
            "ledger",
            {"state": "noted", "macs": [_without(SEEN, name)]},
            (),
            f"missing required arguments: {name} found in macs",
        )
        for name in SEEN
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
    ("mac_profile", {"src": "x"}, (), "parameters are mutually exclusive: profile|src"),
    ("mac_profile", {}, ("profile",), "state is present but any of the following are missing: profile, src"),
    (
        "mac_profile",
        {"state": "absent"},
        ("profile",),
        "state is absent but all of the following are missing: identifier",
    ),
    (
        "mobileconfig",
        {},
        ("settings", "macs", "identifier", "connection_name"),
        "state is present but all of the following are missing: settings, macs",
    ),
    ("mdm_profile", {"state": "absent"}, (), "state is absent but all of the following are missing: identifier"),
    ("mdm_profile_info", {}, ("identifier",), "missing required arguments: identifier"),
    *(
        (action, *case)
        for action in ("mdm_profile", "mdm_profile_info")
        for case in (
            ({}, ("server",), "missing required arguments: server"),
            ({}, ("profiles",), "missing required arguments: profiles"),
            ({"server": {"url": "x"}}, (), "missing required arguments: type found in server"),
            ({"profiles": [{"serial_number": "x"}]}, (), "profiles[1]: missing required arguments: host"),
            (
                {"server": {"type": "jamf", "client_secret": "x"}},
                (),
                "missing parameter(s) required by 'client_secret': client_id found in server",
            ),
            (
                {"server": {"type": "jamf", "password": "x"}},
                (),
                "missing parameter(s) required by 'password': username found in server",
            ),
        )
    ),
    ("mobileconfig", {}, ("dest",), "missing required arguments: dest"),
    ("mobileconfig", {"state": "absent"}, (), "state is absent but all of the following are missing: certificates"),
    ("mobileconfig", {"macs": [{"scope": "System"}]}, (), "macs[1]: missing required arguments: host"),
    (
        "mobileconfig",
        of_mac(identity={"certificate_path": "x", "sha1": "x"}),
        (),
        "missing parameter(s) required by 'sha1': client found in identity",
    ),
    (
        "mobileconfig",
        of_mac(identity={"pkcs12_path": "x", "certificate_path": "x"}),
        (),
        "parameters are mutually exclusive: pkcs12_path|certificate_path|client|scep found in identity; "
        "missing parameter(s) required by 'pkcs12_path': password found in identity",
    ),
    (
        "mobileconfig",
        of_mac(identity={"password": "x", "certificate_path": "x"}),
        (),
        "parameters are mutually exclusive: password|certificate_path found in identity",
    ),
    (
        "mobileconfig",
        of_mac(identity={"pkcs12_path": "x"}),
        (),
        "missing parameter(s) required by 'pkcs12_path': password found in identity",
    ),
    *(
        (
            "mobileconfig",
            of_mac(identity={"scep": _without({"url": "https://x", "subject": "/CN=x"}, name)}),
            (),
            f"missing required arguments: {name} found in identity -> scep",
        )
        for name in ("url", "subject")
    ),
    *(
        ("mobileconfig", where({"sign_with": given}), (), said)
        for where in (dict, lambda given: of_mac(**given))
        for given, said in (
            ({"key": "x"}, "parameters are required together: certificate, key found in sign_with"),
            (
                {"passphrase": "x"},
                "missing parameter(s) required by 'passphrase': key found in sign_with",
            ),
            ({"chain": "x"}, "missing parameter(s) required by 'chain': certificate found in sign_with"),
        )
    ),
    ("profile_package", {}, ("resource_group",), "missing required arguments: resource_group"),
    ("profile_package", {}, ("dest",), "missing required arguments: dest"),
    ("profile_package", {}, ("virtual_wan",), "one of the following is required: virtual_wan, p2s_vpn_gateway"),
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
    ("server_configuration", {}, ("resource_group",), "missing required arguments: resource_group"),
    (
        "server_configuration",
        {},
        ("vpn_server_configuration",),
        "one of the following is required: vpn_server_configuration, virtual_wan, p2s_vpn_gateway",
    ),
    (
        "server_configuration",
        {"roots": [ROOT | {"sha1": "AB" * 20}]},
        (),
        "parameters are mutually exclusive: path|public_cert_data|sha1 found in roots",
    ),
    (
        "server_configuration",
        {"roots": [{"name": "x"}]},
        (),
        "one of the following is required: path, public_cert_data, sha1 found in roots",
    ),
    (
        "server_configuration",
        {"revoked": [{"name": "x"}]},
        (),
        "missing required arguments: thumbprint found in revoked",
    ),
    ("server_configuration_info", {}, ("resource_group",), "missing required arguments: resource_group"),
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
    result |= result.get("macs", {}).get("mac-01", {})
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
    ("mobileconfig", of_mac(identity={"client": "x"}), "identity.client is a client of a store; set pki to it."),
    ("mac_certificate", {"fingerprints": ["AB" * 20]}, "fingerprints only says what is to go: set state to absent"),
    (
        "server_configuration",
        {"roots": [{"sha1": "AB" * 20}]},
        "roots[1]: sha1 can only name a root with state: absent",
    ),
    (
        "server_configuration",
        {"roots": [{"sha1": "AB" * 20, "state": "absent"}, {"public_cert_data": ""}]},
        "roots[2] is empty: give path or public_cert_data",
    ),
]


@pytest.mark.parametrize(("action", "added", "said"), CONTRADICTIONS)
def test_a_contradiction_is_said(action: str, added: dict[str, Any], said: str, here: Path) -> None:
    result = run_action(action, COMPLETE[action] | added)
    result |= result.get("macs", {}).get("mac-01", {})
    assert (result["failed"], result["changed"]) == (True, False)
    assert said in result["msg"]
    assert list(here.iterdir()) == []
