# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each variable refused in turn, secrets in all variables that hold one, and then a search for them everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package, gateway_root
from ansible_collections.vwan.user_vpn.tests.tools import check_roles

ROLES = sorted(path for path in (check_roles.ROOT / "roles").iterdir() if path.is_dir())
PLAYBOOKS = ("site", "renew", "revoke", "report")
VAULT_PASSWORD = "the vault's own"
REFUSED = "Validation of arguments failed"
SECRETS = {path.name: check_roles.secrets_of(path) for path in ROLES}


class Vaulted(str):
    """A text that is written into the inventory as Ansible Vault has it."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    pass


def _encrypted(dumper: Dumper, text: Vaulted) -> yaml.Node:
    vault = VaultLib([(DEFAULT_VAULT_ID_MATCH, VaultSecret(VAULT_PASSWORD.encode()))])
    return dumper.represent_scalar("!vault", vault.encrypt(str(text)).decode(), style="|")


Dumper.add_representer(Vaulted, _encrypted)


WRONG = {"int": "eins", "bool": "perhaps", "list": {"no": "list"}, "dict": "no dictionary"}


def wrong(option: dict[str, Any]) -> Any:
    """A value of the wrong type, or outside the choices; None where Ansible makes a text of whatever it gets."""
    return "none of these" if option.get("choices") else WRONG.get(option["type"])


def variables() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Each variable of a role once: the role, an entry point that reads it, its name, its entry in argument_specs."""
    seen: set[str] = set()
    for role in ROLES:
        for entry, spec in check_roles.load(role / "meta/argument_specs.yml")["argument_specs"].items():
            for name, option in spec.get("options", {}).items():
                if name not in seen:
                    yield role.name, entry, name, option
                seen.add(name)


@dataclass
class Controller:
    """A folder with an inventory, in which every variable that holds a secret has one that can be searched for."""

    folder: Path
    planted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "group_vars").mkdir()
        (self.folder / "home").mkdir()
        (self.folder / "vault-password").write_text(VAULT_PASSWORD)
        (self.folder / "hosts.yml").write_text("user_vpn: {hosts: {mac-01: {ansible_connection: local}}}")
        variables = {name: value for role in ROLES for name, value in self._secrets(role)}
        variables |= {
            "another_secret": self._new("another"),
            "user_vpn_identifier": "com.example.user-vpn",
            "user_vpn_azure": {"tenant": "t", "client_id": "c", "subscription_id": "s", "secret": self._new("azure")},
            "certificates_client_names": [{"name": "mac-01", "source_password": self._new("source")}],
        }
        (self.folder / "group_vars/user_vpn.yml").write_text(yaml.dump(variables, Dumper=Dumper))

    def _new(self, name: str) -> Vaulted:
        self.planted.append(f"pl4nted-{name}")
        return Vaulted(f"{self.planted[-1]}{{{{")  # which begins no template in a vault

    def _secrets(self, role: Path) -> Iterator[tuple[str, Any]]:
        """The fleet's variables that hold the secrets of a role, or the role's own where there is none."""
        defaults, options = check_roles.defaults_of(role), check_roles.options_of(role)
        for name in sorted(SECRETS[role.name]):
            fleet = [read for read in check_roles.passed_on(defaults.get(name)) if read.startswith("user_vpn_")]
            for variable in fleet or [name]:
                secret = self._new(variable)
                whole = {"certificate": "signer.pem", "key": "signer.key", "passphrase": secret}
                yield variable, whole if options[name]["type"] == "dict" else secret

    def run(self, playbook: str, *options: str) -> str:
        """All that one ansible-playbook has said and left, whatever it ended with; no secret in any of it."""
        bin_folder = Path(sys.executable).parent
        environment = {
            "PATH": f"{bin_folder}:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
            "ANSIBLE_COLLECTIONS_PATH": str(check_roles.ROOT / ".venv/collections"),
            "ANSIBLE_HOME": str(self.folder / "home/.ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "home/tmp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "facts"),
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            "AZURE_CONFIG_DIR": str(self.folder / "no-azure-cli"),
        }
        command = [
            str(bin_folder / "ansible-playbook"),
            "-vvv",
            "-i",
            str(self.folder / "hosts.yml"),
            *options,
            playbook,
        ]
        done = subprocess.run(
            [*command, "--vault-password-file", str(self.folder / "vault-password")],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        places = {"stdout": done.stdout, "stderr": done.stderr}
        for path in self.folder.rglob("*"):
            if path.is_file() and path.parent.name != "group_vars":
                places[str(path)] = path.read_bytes().decode(errors="replace")
        leaks = {f"{secret} in {place}" for place, text in places.items() for secret in self.planted if secret in text}
        assert not leaks
        assert str(self.folder / "ansible.log") in places
        return done.stdout + done.stderr


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def refusals(controller: Controller, tried: list[tuple[str, str, str, Any]]) -> str:
    """What a play says that includes a role for each of these: a refusal is caught, and it goes on."""
    tasks: list[dict[str, Any]] = []
    for role, entry, name, value in tried:
        include = {"name": f"vwan.user_vpn.{role}", "tasks_from": entry}
        task = {"name": f"wrong {name}", "ansible.builtin.include_role": include, "vars": {name: value}}
        tasks.append({"block": [task], "rescue": [{"ansible.builtin.meta": "noop"}]})
    tasks.append({"ansible.builtin.debug": {"msg": "The secret has {{ another_secret | length }} characters."}})
    play = {"hosts": "user_vpn", "gather_facts": False, "tasks": tasks}
    (controller.folder / "play.yml").write_text(yaml.safe_dump([play]))
    output = controller.run("play.yml", "--check", "--diff")
    assert f"The secret has {len('pl4nted-another{{')} characters" in output  # the vault was open
    assert all(f"wrong {name}" in output for _role, _entry, name, _value in tried)
    return output


def test_variables_that_are_refused(controller: Controller) -> None:
    tried = [(role, entry, name, wrong(option)) for role, entry, name, option in variables() if wrong(option)]
    assert len(tried) > 40
    assert refusals(controller, tried).count(f"[ERROR]: Task failed: Action failed: {REFUSED}") == len(tried)


def test_secrets_that_are_no_text(controller: Controller) -> None:
    inner = ["{{ another_secret }}"]
    tried = [(role, entry, name, inner) for role, entry, name, option in variables() if name in SECRETS[role]]
    assert len(tried) > 6
    assert "passphrase must be a string: put it in quotes" in refusals(controller, tried)


@pytest.mark.soak
def test_variables_of_which_a_text_is_made(controller: Controller) -> None:
    tried = [(role, entry, name, [{"no": "text"}]) for role, entry, name, option in variables() if not wrong(option)]
    refusals(controller, tried)


# What each of the fleet's variables is tried with.
FLEET: dict[str, Any] = {
    variable: wrong(option)
    for role, _entry, name, option in variables()
    for variable in sorted(check_roles.passed_on(check_roles.defaults_of(check_roles.ROOT / "roles" / role).get(name)))
    if wrong(option) and variable.startswith("user_vpn_")
}


@pytest.mark.parametrize(
    ("playbook", "variable", "sentence"),
    [
        ("site", "user_vpn_root_generation=eins", "user_vpn_root_generation is 'eins': set it to a number from 0 on."),
        ("renew", "user_vpn_renew_batch=eins", REFUSED),
        ("revoke", "user_vpn_publish_root=perhaps", REFUSED),
        ("report", "user_vpn_renew_before_days=eins", REFUSED),
    ],
)
def test_a_playbook_with_a_variable_that_is_refused(
    playbook: str, variable: str, sentence: str, controller: Controller
) -> None:
    assert sentence in controller.run(f"vwan.user_vpn.{playbook}", "-e", variable)


@pytest.mark.soak
@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_with_each_variable_that_is_refused(playbook: str, controller: Controller) -> None:
    (controller.folder / "user_vpn").mkdir()
    package = build_package([gateway_root("Synthetic Test Root").der])
    (controller.folder / "user_vpn/package.zip").write_bytes(package)
    made_here = {"certificates_root_key_source_passphrase": ""}  # or the root is refused, and no profile is reached
    outputs = {
        name: controller.run(f"vwan.user_vpn.{playbook}", "-e", json.dumps({name: value} | made_here))
        for name, value in FLEET.items()
    }
    if playbook == "site":
        unsaid = [
            name for name, output in outputs.items() if not re.search(rf"\b{name} (is|holds) .*set it to", output)
        ]
        assert unsaid == ["user_vpn_keychain", "user_vpn_cut_wait"]  # which nobody uses here
    else:
        assert any(REFUSED in output for output in outputs.values())
