# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the pages and of the modules can be pasted: Ansible reads it, and each option in it is there."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.vwan.user_vpn.tests.tools.pages import PAGES, ROOT, blocks
from ansible_collections.vwan.user_vpn.tests.unit.test_docs import MODULES, documentation, strings

MODULE = "vwan.user_vpn."
PLUGINS = "ansible_collections.vwan.user_vpn.plugins"
#: Of others: what makes an execution environment, and the two halves of a credential type of AWX.
FOREIGN = ({"version", "dependencies"}, {"fields", "required"}, {"env"})


class Loader(yaml.SafeLoader):
    """That knows Ansible's `!unsafe`."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def examples() -> Iterator[tuple[str, Any]]:
    for page in PAGES:
        for block in blocks(page, "yaml"):
            yield f"{page.parent.name}-{page.stem}-{block.number}", yaml.load(block.text, Loader)
    for path in sorted((ROOT / "examples").glob("*.yml")):
        yield f"examples-{path.stem}", yaml.load(path.read_text(), Loader)
    for module in MODULES:
        yield f"module-{module}", yaml.load(strings(ROOT / f"plugins/modules/{module}.py")["EXAMPLES"], Loader)
    for path in (ROOT / "plugins/inventory").glob("[a-z]*.py"):
        for number, text in enumerate(yaml.load_all(strings(path)["EXAMPLES"], Loader)):
            yield f"inventory-{path.stem}-{number}", text


def kind(value: Any) -> str:
    if isinstance(value, list):
        plays = [("hosts" in entry or "ansible.builtin.import_playbook" in entry) for entry in value]
        return "plays" if all(plays) else "tasks" if not any(plays) else ""
    if "plugin" in value:
        return "inventory of a plugin"
    if all(isinstance(group, Mapping) and group.keys() & {"hosts", "children", "vars"} for group in value.values()):
        return "inventory"
    if all(name.startswith(("user_vpn_", "ansible_")) for name in value):
        return "variables"
    if value.keys() == {"module_defaults"}:
        return "play keywords"
    return "foreign" if any(value.keys() <= keys for keys in FOREIGN) else ""


EXAMPLES = {name: (kind(value), value) for name, value in examples()}


def of(*kinds: str) -> list[Any]:
    return [pytest.param(value, id=name) for name, (found, value) in EXAMPLES.items() if found in kinds]


def test_every_example_is_of_a_known_kind() -> None:
    assert [name for name, (found, _value) in EXAMPLES.items() if not found] == []
    counted = {found for found, _value in EXAMPLES.values()}
    assert counted == {"plays", "tasks", "inventory", "inventory of a plugin", "variables", "play keywords", "foreign"}


def test_ansible_reads_every_play(tmp_path: Path) -> None:
    """Keywords, modules, roles and templates; whichever hosts it is for."""
    files = []
    for name, (found, value) in EXAMPLES.items():
        if found in ("plays", "tasks"):
            plays = value if found == "plays" else [{"name": name, "hosts": "all", "tasks": value}]
            plays = [play | {"hosts": "all"} if "hosts" in play else play for play in plays]
            files.append(tmp_path / f"{name}.yml")
            files[-1].write_text(yaml.safe_dump(plays, sort_keys=False))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "mac-01,", "--syntax-check"]
    env = os.environ | {"ANSIBLE_HOME": str(tmp_path), "ANSIBLE_LOCALHOST_WARNING": "false"}
    command += map(str, files)
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [word for file in files for word in ("playbook:", str(file))]


def slips(spec: Mapping[str, Any], given: Any, place: str) -> Iterator[str]:
    """What no option takes: a name that is not there, a choice that is none. A template may be anything."""
    for entry in given if isinstance(given, list) else [given]:
        for name, value in entry.items() if isinstance(entry, Mapping) else ():
            rule = spec.get(name)
            if rule is None:
                yield f"{place}.{name} is no option"
                continue
            chosen = value if isinstance(value, list) else [value]
            if "choices" in rule:
                yield from (
                    f"{place}.{name} cannot be {each}"
                    for each in chosen
                    if each not in rule["choices"] and "{{" not in str(each)
                )
            if "options" in rule:
                yield from slips(rule["options"], value, f"{place}.{name}")


def tasks(entries: Any) -> Iterator[Mapping[str, Any]]:
    for entry in entries or ():
        yield entry
        for part in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always"):
            yield from tasks(entry.get(part))


def specification(module: str) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = importlib.import_module(f"{PLUGINS}.action.{module}").ActionModule.ARGUMENT_SPEC
    return spec


@pytest.mark.parametrize("value", of("plays", "tasks"))
def test_every_option_in_an_example_is_there(value: Any) -> None:
    found = []
    for task in tasks(value):
        for key, given in task.items():
            if key.startswith(MODULE):
                module = key.removeprefix(MODULE)
                found += slips(specification(module), given, module)
    assert found == []


def test_a_slip_in_an_example_is_found() -> None:
    given = {"subject": "x", "identity": [{"pasword": "x"}], "delivery": "post", "scope": "{{ scope }}"}
    assert list(slips(specification("mobileconfig") | {"identity": {"options": {"password": {}}}}, given, "m")) == [
        "m.subject is no option",
        "m.identity.pasword is no option",
        "m.delivery cannot be post",
    ]


@pytest.mark.parametrize("value", of("play keywords"))
def test_every_option_in_module_defaults_is_taken_by_the_whole_group(value: Any) -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    for name, given in value["module_defaults"].items():
        for module in groups[name.removeprefix(f"group/{MODULE}")]:
            assert list(slips(specification(module), given, module)) == []


@pytest.mark.parametrize("value", of("inventory"))
def test_ansible_reads_every_inventory(value: Any, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(value))
    manager = InventoryManager(DataLoader(), sources=[str(tmp_path / "inventory.yml")])
    assert {"user_vpn"} <= set(manager.groups)


@pytest.mark.parametrize("value", of("inventory of a plugin"))
def test_every_option_of_an_inventory_of_a_plugin_is_there(value: Any) -> None:
    name = value["plugin"].removeprefix(MODULE)
    text = strings(ROOT / f"plugins/inventory/{name}.py")["DOCUMENTATION"]
    document = yaml.safe_load(text)
    known = set(document["options"]) | {"compose", "groups", "keyed_groups", "strict", "cache", "cache_plugin"}
    known |= {"cache_timeout", "leading_separator", "use_extra_vars"}
    assert set(value) - known - set(documentation("mdm_profile")["options"]) == set()


@pytest.mark.parametrize("value", of("variables"))
def test_a_variable_holds_what_its_option_takes(value: Mapping[str, Any]) -> None:
    """Where a variable is a dictionary of options, each is there."""
    server = specification("mdm_profile")["server"]["options"]
    macs = specification("mobileconfig")["macs"]["options"]
    dictionaries = {
        "user_vpn_mdm": server,
        "user_vpn_profile": macs,
        "user_vpn_dns": macs["dns"]["options"],
        "user_vpn_on_demand": macs["on_demand"]["options"],
        "user_vpn_scep": macs["identity"]["options"]["scep"]["options"],
        "user_vpn_azure": specification("profile_package"),
    }
    found = [
        slip for name, given in value.items() if name in dictionaries for slip in slips(dictionaries[name], given, name)
    ]
    assert found == []
