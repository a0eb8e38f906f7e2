# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool that keeps roles in step finds every secret by itself, and lets none have a default in argument_specs.

And what holds for all tasks of our roles: which tag runs them, and what is done once for the whole play.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.tests.tools import check_roles

DOCUMENTED = {"description": "Something.", "type": "str"}
SECRET = DOCUMENTED | {"no_log": True}


@pytest.fixture
def role(tmp_path: Path) -> Path:
    return Path(shutil.copytree(check_roles.ROOT / "roles/certificates", tmp_path / "certificates"))


def write(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content))


def with_variable(role: Path, name: str, option: dict[str, Any], default: Any, task: dict[str, Any]) -> None:
    """One more variable in the role's defaults and argument_specs, and a task."""
    for file, change in (
        ("defaults/main.yml", lambda content: content | {name: default}),
        ("tasks/main.yml", lambda content: [*content, {"block": [task]}]),
    ):
        write(role / file, change(check_roles.load(role / file)))
    specs = check_roles.load(role / "meta/argument_specs.yml")
    specs["argument_specs"]["main"]["options"][name] = option
    write(role / "meta/argument_specs.yml", specs)


def test_the_secrets_of_our_roles() -> None:
    found = {path.name: check_roles.secrets_of(path) for path in (check_roles.ROOT / "roles").iterdir()}
    assert found == {
        "certificates": {
            "certificates_passphrase",
            "certificates_root_key_source_passphrase",
            "certificates_scep",
        },
        "configure_client": {
            "configure_client_passphrase",
            "configure_client_pkcs12_password",
            "configure_client_scep",
            "configure_client_sign_with",
        },
        "connect": {"connect_output_blob_sas_url"},
        "install_certificates": {
            "install_certificates_keychain_password",
            "install_certificates_passphrase",
            "install_certificates_pkcs12_password",
        },
        "profile_package": set(),
        "report": {"report_output_blob_sas_url"},
        "revoke": {"revoke_keychain_password", "revoke_output_blob_sas_url"},
    }


NEW = "certificates_new"
ROOT = "vwan.user_vpn.root_certificate"
PROFILE = "vwan.user_vpn.mobileconfig"


@pytest.mark.parametrize(
    ("default", "task"),
    [
        ("", {ROOT: {"passphrase": "{{ certificates_new }}"}}),
        ("", {ROOT: {"passphrase": "{{ omit if certificates_on_mac else certificates_new | default(omit, true) }}"}}),
        ("", {PROFILE: {"sign_with": {"passphrase": "{{ certificates_new }}"}}}),
        ("", {PROFILE: {"sign_with": "{{ certificates_new }}"}}),
        ("{{ certificates_passphrase }}", {}),
        ("{{ 'x' ~ user_vpn_passphrase }}", {}),
    ],
)
def test_a_new_secret_is_not_forgotten(role: Path, default: str, task: dict[str, Any]) -> None:
    with_variable(role, NEW, SECRET, default, task)
    assert NEW in check_roles.secrets_of(role)
    assert check_roles.out_of_step(role) == []
    with_variable(role, NEW, SECRET | {"default": default}, default, task)
    (problem,) = check_roles.out_of_step(role)
    assert NEW in problem and "would be printed" in problem
    with_variable(role, NEW, DOCUMENTED, default, task)
    (problem,) = check_roles.out_of_step(role)
    assert NEW in problem and "lacks no_log" in problem


def test_a_name_that_says_it_is_enough(role: Path) -> None:
    with_variable(role, "certificates_shared_secret", SECRET | {"default": ""}, "", {})
    (problem,) = check_roles.out_of_step(role)
    assert "certificates_shared_secret holds a secret" in problem


@pytest.mark.parametrize(
    "task",
    [
        {ROOT: {"common_name": "{{ certificates_new }}"}},
        {ROOT: {"passphrase": "{{ certificates_passphrase if certificates_new else omit }}"}},
        {"ansible.builtin.debug": {"msg": "{{ certificates_new }}"}},
    ],
)
def test_what_is_no_secret_has_its_default(role: Path, task: dict[str, Any]) -> None:
    with_variable(role, NEW, DOCUMENTED | {"default": "x"}, "x", task)
    assert check_roles.out_of_step(role) == []
    with_variable(role, NEW, DOCUMENTED, "x", task)
    (problem,) = check_roles.out_of_step(role)
    assert NEW in problem and "another one" in problem


def test_a_variable_that_nothing_reads_is_found(role: Path) -> None:
    assert check_roles.without_effect(role) == []
    tasks = role / "tasks/main.yml"
    text = tasks.read_text()
    passed_on = '    key_size: "{{ certificates_root_key_size }}"\n'
    assert passed_on in text
    tasks.write_text(text.replace(passed_on, ""))
    (problem,) = check_roles.without_effect(role)
    assert problem == "certificates: certificates_root_key_size is documented, and nothing in the role reads it"


def tasks_of(tasks: Any, tags: frozenset[str] = frozenset(), once: bool = False) -> Iterator[tuple[Any, Any, bool]]:
    """Each task that does something, with the tags it has and whether it runs once, by itself or by its block."""
    for task in tasks or []:
        has, runs_once = tags | {*task.get("tags", [])}, once or task.get("run_once", False)
        inner = [each for part in ("block", "rescue", "always") for each in task.get(part, [])]
        if inner:
            yield from tasks_of(inner, has, runs_once)
        else:
            yield task, has, runs_once


TASKS = [
    (path, *found)
    for path in sorted((check_roles.ROOT / "roles").glob("*/tasks/*.yml"))
    for found in tasks_of(check_roles.load(path))
]
# docs/provisioning.md: each step has its tag, and configure_client includes what it needs of the others.
NEEDED = {"certificates", "profile_package", "install_certificates"}
# Not part of site, or not without the profile.
UNTAGGED, ALONE = {"revoke"}, {"due.yml"}
FOR_THE_FLEET = {
    "client_certificates",
    "connection_info",
    "connections",
    "ledger_info",
    "mdm_profile",
    "mdm_profile_info",
    "profile_package",
    "profile_package_info",
    "root_certificate",
    "server_configuration",
    "server_configuration_info",
}


@pytest.mark.parametrize(
    ("path", "task", "tags"),
    [pytest.param(path, task, tags, id=f"{path.parts[-3]}: {task['name']}") for path, task, tags, _once in TASKS],
)
def test_each_task_runs_with_the_tag_of_its_step(path: Path, task: Any, tags: frozenset[str]) -> None:
    role = path.parts[-3]
    wanted = {role} | ({"configure_client"} if role in NEEDED and path.name not in ALONE else set())
    assert tags == (set() if role in UNTAGGED else wanted), task["name"]


def test_what_concerns_the_fleet_is_done_once_for_the_play() -> None:
    often = [
        f"{path.parts[-3]}: {task['name']}"
        for path, task, _tags, once in TASKS
        if not once and any(f"{check_roles.MODULE}{name}" in task for name in FOR_THE_FLEET)
    ]
    assert often == [
        "configure_client: Hand the profile to the MDM",  # where the strategy lets no task run once
        "revoke: Read which certificates this client had",  # by then each Mac has a play of its own
    ]
    for role in ("certificates", "profile_package", "report"):
        for path, task, _tags, once in TASKS:
            assert once or path.parts[-3] != role or "ansible.builtin.import_tasks" in task, task["name"]
