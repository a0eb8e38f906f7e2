# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sentence of a module says to somebody who sets variables of a role."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.profiles import OF_THE_RUN, SHARED
from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.variables import (
    Task,
    is_named,
    known,
    sources_of,
    unknown,
)
from ansible_collections.vwan.user_vpn.plugins.plugin_utils._mdm_action import FURTHER
from ansible_collections.vwan.user_vpn.tests.tools.texts import ROOT, speaking, texts

MODULE = "vwan.user_vpn."
#: What differs from Mac to Mac, and is no option of the profile.
OF_A_MAC = {"host", "identity", "key_wanted", "problem", "serial_number"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def tasks(entries: Any) -> Iterator[Mapping[str, Any]]:
    for entry in entries or ():
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks(entry.get(part))


def variables_of(role: Path) -> dict[str, Any]:
    return {**(load(role / "defaults/main.yml") or {}), **(load(role / "vars/main.yml") or {})}


def calls() -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Role, module, options and variables of each task that runs a module of ours."""
    for role in sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        seen = variables_of(role)
        for path in sorted((role / "tasks").glob("*.yml")):
            for task in tasks(load(path)):
                for key, given in task.items():
                    if key.startswith(MODULE):
                        yield role.name, key.removeprefix(MODULE), given, {**seen, **task.get("vars", {})}


def action(module: str) -> Any:
    return importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{module}").ActionModule


def explained(module: str, given: Mapping[str, Any], seen: Mapping[str, Any], sentence: str) -> str:
    spec = action(module).ARGUMENT_SPEC
    inner = spec.get(action(module).HOSTS, {}).get("options", {})
    nested = [name for rules in spec.values() for name in rules.get("options", {})]
    task = Task(given, seen, [*spec, *inner], nested, action(module).FURTHER, module, in_role=True)
    return task.explained(sentence)


CALLS = [pytest.param(*call, id=f"{call[0]}-{number}-{call[1]}") for number, call in enumerate(calls())]


@pytest.mark.parametrize(("role", "module", "given", "seen"), CALLS)
def test_each_option_that_a_role_sets_is_told_by_its_variable(
    role: str, module: str, given: Mapping[str, Any], seen: Mapping[str, Any]
) -> None:
    """No sentence of a module names an option without what sets it, or that the role itself has set it."""
    for option in given:
        told = explained(module, given, seen, f"The sentence is about this; set {option} to another value.")
        variable = re.search(rf" Here {option} is the variable (user_vpn_\w+|{role}_\w+)", told)
        itself = (f"Here {option} is set by the role itself", f"Here {option} is user_vpn_profile.{option}")
        assert variable or any(each in told for each in itself)
        assert not variable or variable[1] in known() | (load(ROOT / "roles" / role / "defaults/main.yml") or {}).keys()


@pytest.mark.parametrize(("role", "module", "given", "seen"), CALLS)
def test_each_option_that_a_role_does_not_set_is_told_as_such(
    role: str, module: str, given: Mapping[str, Any], seen: Mapping[str, Any]
) -> None:
    for option in action(module).ARGUMENT_SPEC.keys() - given.keys():
        told = explained(module, given, seen, f"The sentence is about this; set {option} to another value.")
        assert f"Here {option} is " in told, (role, told)


def test_every_option_of_a_profile_can_be_set_in_a_role() -> None:
    role, module, given, seen = next(call for call in calls() if call[1] == "mobileconfig" and "settings" in call[2])
    for option in action(module).ARGUMENT_SPEC["macs"]["options"].keys() - OF_A_MAC:
        told = explained(module, given, seen, f"Set {option} to another value.")
        by_name = rf"the variable (user_vpn|{role})_\w+"
        assert re.search(rf"Here {option} is (user_vpn_profile\.{option}|{by_name})", told)
        assert (f"user_vpn_profile.{option}" in told) is (option not in {*SHARED, *OF_THE_RUN})


def test_every_option_in_a_sentence_is_one_that_a_role_can_tell_of() -> None:
    files = [path for path in speaking() if "_fleet" not in path.parts]
    option = re.compile(r"(?<![\w/$.'-])[a-z]+\d*(?:_[a-z0-9]+)+(?![\w/(-])")
    said = {name: text for path in files for text in texts(path) for name in option.findall(text)}
    modules = {module for _role, module, _given, _seen in calls()} - {"ledger"}
    options = {name for module in modules for name in [*action(module).ARGUMENT_SPEC, *action(module).FURTHER]}
    told_of = {
        name
        for _role, module, given, seen in calls()
        for name in said
        if f"Here {name} is " in explained(module, given, seen, f"Set {name}.")
    }
    assert len(said.keys() & options) > 30
    assert said.keys() & options <= told_of
    # Whoever uses modules alone is sent to no playbook and to no role of ours.
    assert [
        text for path in files for text in texts(path) if re.search(r"\bplaybooks? (site|renew|revoke)\b", text)
    ] == []
    roles = "|".join(path.name for path in (ROOT / "roles").iterdir())
    assert [text for path in files for text in texts(path) if re.search(rf"\broles? ({roles})\b", text)] == []


BY_ENVIRONMENT = "lookup('ansible.builtin.env', 'USER_VPN_PASSPHRASE')"
SEEN = {
    "certificates_passphrase": f"{{{{ user_vpn_passphrase | default({BY_ENVIRONMENT}) }}}}",
    "certificates_pki": "/somewhere/store.db",
    "configure_client_settings": "{{ profile_package_downloaded.settings | default({}) }}",
    "user_vpn_passphrase": "{{ vaulted }}",
    "certificates_root": {"changed": False, "public_cert_data": "MIIC"},
}
GIVEN = {
    "pki": "{{ certificates_pki }}",
    "passphrase": "{{ omit if certificates_root_key_source else certificates_passphrase | default(omit, true) }}",
    "settings": "{{ configure_client_settings }}",
    "roots": [{"public_cert_data": "{{ certificates_root.public_cert_data }}"}],
    "state": "present",
}


@pytest.mark.parametrize(
    ("sentence", "here"),
    [
        ("Set passphrase", "passphrase is the variable user_vpn_passphrase, or USER_VPN_PASSPHRASE in the environment"),
        # somebody who uses the role alone has set this one
        ("pki is empty.", "pki is the variable certificates_pki"),
        (
            "settings is empty.",
            "settings is the variable configure_client_settings, by default what the role profile_package has "
            "registered before in the same run, unless --tags or --start-at-task leave that out",
        ),
        ("Give this client another name.", "the name of a client is the variable user_vpn_client_name of its host"),
        ("The common_name 'a b' is none.", "the domain in a common name is the variable user_vpn_certificate_domain"),
        ('The common_name "a\'b" is none.', "the domain in a common name is the variable user_vpn_certificate_domain"),
        ("Set san_type to dns.", "san_type is the variable user_vpn_certificate_san_type"),
        ("identity.scep.subject has no CN.", "identity.scep is the variable user_vpn_scep"),
        ("Run client_certificates again.", "client_certificates is run by the role certificates, as by the playbook "),
        ("Set valid_days.", "valid_days is an option of the module root_certificate that the role does not set"),
        ("Set roots, or the state of affairs.", "roots is set by the role itself"),
        # words that are no options
        ("The state of the roots and their public certificates is known; present it.", ""),
        ("Set passphrase, which user_vpn_passphrase holds.", ""),
        # it is in terms of variables already
        ("user_vpn_certificate_san_type is 1: set it to pki or roots. Set passphrase.", ""),
        # a task before has said it
        ("Set passphrase. Here pki is the variable another.", ""),
    ],
)
def test_a_sentence_and_what_it_says_here(sentence: str, here: str) -> None:
    task = Task(GIVEN, SEEN, [*GIVEN, "valid_days"], (), {}, "root_certificate")
    told = task.explained(sentence)
    assert told.startswith(f"{sentence.rstrip('.')}. Here {here}") if here else told == sentence


def test_a_value_that_a_sentence_quotes_names_its_option() -> None:
    told = Task(GIVEN, SEEN, GIVEN).explained("/a/b cannot be read: No such file.", {"pki": "/a/b", "state": "a"})
    assert told.endswith("No such file. Here pki is the variable certificates_pki.")


def test_a_task_that_is_no_role_s_stays_as_it_is() -> None:
    for given in ({"pki": "{{ my_store }}"}, {"pki": "/a/b"}, {}, {"pki": None, "macs": [1, {"a": None}]}):
        sentence = "pki is empty; set passphrase, or run client_certificates."
        assert Task(given, {"my_store": "{{ my_store }}"}, ["pki", "passphrase"]).explained(sentence) == sentence


def test_variables_that_go_round_end() -> None:
    seen = {"certificates_pki": "{{ certificates_passphrase }}", "certificates_passphrase": "{{ certificates_pki }}"}
    assert sources_of({"pki": "{{ certificates_pki }}"}, seen)["pki"].variables


@pytest.mark.parametrize(
    ("option", "sentence", "named"),
    [
        ("settings", "settings.vpn_server must be a host name.", True),
        ("settings", "The settings hold no gateway root.", False),
        ("protocols", "protocols takes IkeV2, not 'a'.", True),
        ("timeout", "argument 'timeout' is of type str.", True),
        ("clients", "missing required arguments: clients", True),
        ("pki", "the pki/store", False),
        ("identity", "give each Mac an identity of its own", False),
        ("routing", "routing is full, but the package lists no default route.", True),
        ("src", "parameters are mutually exclusive: profile|src", False),
        ("src", "parameters are mutually exclusive: profile|src|other", True),
    ],
)
def test_when_a_sentence_names_an_option(option: str, sentence: str, named: bool) -> None:
    assert is_named(option, sentence) is named


# -- variables that nobody reads


def test_the_variables_that_pages_name_are_known() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"`(user_vpn_[a-z0-9_]+)`", page.read_text())}
    assert named <= known()
    assert unknown(named) == []


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("user_vpn_conection_name", "user_vpn_connection_name"),
        ("user_vpn_host", "user_vpn_hosts"),
        ("user_vpn_revok", "user_vpn_revoke"),
        ("user_vpn_pass_phrase", "user_vpn_passphrase"),
        ("user_vpn_xyz", ""),
        ("certificates_renew_bacth", "certificates_renew_batch"),
        ("configure_client_conection_name", "configure_client_connection_name"),
    ],
)
def test_a_variable_that_nothing_reads(name: str, near: str) -> None:
    said = f"did you mean {near}?" if near else "docs/variables.md lists all that there are."
    # Names of somebody else, of ours, and of what roles register.
    others = [
        "another",
        "report_mail",
        "connect_to",
        "user_vpn_pki",
        "report_dir",
        "certificates_issued",
        "user_vpn_fleet",
    ]
    assert unknown([name, *others]) == [f"Nothing reads the variable {name}: {said}"]


def test_an_unknown_option_inside_of_another_is_told_with_that() -> None:
    given = {"macs": [{"dns": "{{ user_vpn_dns }}"}]}
    further = {"dns": "user_vpn_profile.dns"}
    for option, here in (
        ("dns.a", "dns is the variable user_vpn_dns, or user_vpn_profile.dns"),
        ("a", "a stands in the variable user_vpn_profile"),
    ):
        told = Task(given, {}, ["macs"], ["dns"], further, in_role=True).explained(f"Unsupported option: {option}")
        assert told == f"Unsupported option: {option}. Here {here}."


def test_a_mac_that_an_mdm_does_not_know_is_told_with_its_variable() -> None:
    task = Task({"profiles": "{{ hostvars | somehow }}"}, {}, ["profiles"], ["serial_number"], FURTHER, in_role=True)
    told = task.explained("Jamf Pro finds a Mac by its serial number: set serial_number.")
    assert told.endswith(". Here serial_number is the variable user_vpn_serial_number of its host.")
