# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool that keeps roles in step finds every secret by itself, and lets none have a default in argument_specs."""

from __future__ import annotations

import shutil
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
        "certificates": {"certificates_passphrase", "certificates_root_key_source_passphrase"},
        "configure_client": {
            "configure_client_passphrase",
            "configure_client_pkcs12_password",
            "configure_client_sign_with",
        },
        "connect": set(),
        "install_certificates": {
            "install_certificates_keychain_password",
            "install_certificates_passphrase",
            "install_certificates_pkcs12_password",
        },
        "profile_package": set(),
        "report": set(),
        "revoke": {"revoke_keychain_password"},
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
        {ROOT: {"passphrase": "{{ certificates_root_passphrase if certificates_new else omit }}"}},
        {"ansible.builtin.debug": {"msg": "{{ certificates_new }}"}},
    ],
)
def test_what_is_no_secret_has_its_default(role: Path, task: dict[str, Any]) -> None:
    with_variable(role, NEW, DOCUMENTED | {"default": "x"}, "x", task)
    assert check_roles.out_of_step(role) == []
    with_variable(role, NEW, DOCUMENTED, "x", task)
    (problem,) = check_roles.out_of_step(role)
    assert NEW in problem and "another one" in problem
