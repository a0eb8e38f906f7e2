# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module's documentation says and what its action checks are the same, both ways.

ansible-test compares the two for modules only; all of ours are actions.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.plugin_utils._core import OLDEST

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.vwan.user_vpn.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
# Words that mean the same on both sides; a default of None is no default.
RULES = ("type", "elements", "required", "choices", "default", "aliases")


def strings(path: Path) -> dict[str, str]:
    """The top-level string constants of a Python file, without running it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.targets[0], ast.Name)
    }


def documentation(module: str) -> dict[str, Any]:
    doc = yaml.safe_load(strings(ROOT / f"plugins/modules/{module}.py")["DOCUMENTATION"])
    options: dict[str, Any] = {}
    for fragment in doc.get("extends_documentation_fragment", []):
        name, _dot, part = fragment.removeprefix("vwan.user_vpn.").partition(".")
        source = importlib.import_module(f"{COLLECTION}.doc_fragments.{name}").ModuleDocFragment
        options |= yaml.safe_load(getattr(source, part.upper() or "DOCUMENTATION")).get("options", {})
    return doc | {"options": options | doc["options"]}


def comparable(rule: dict[str, Any], inner: str) -> dict[str, Any]:
    seen = {key: rule[key] for key in RULES if rule.get(key) not in (None, False, [])}
    if rule.get("default") is False:
        seen["default"] = False
    seen.setdefault("type", "str")
    if rule.get(inner):
        seen["inner"] = {name: comparable(sub, inner) for name, sub in rule[inner].items()}
    return seen


@pytest.mark.parametrize("module", MODULES)
def test_documented_options_are_the_checked_ones(module: str) -> None:
    action = importlib.import_module(f"{COLLECTION}.action.{module}").ActionModule
    documented = {name: comparable(rule, "suboptions") for name, rule in documentation(module)["options"].items()}
    checked = {name: comparable(rule, "options") for name, rule in action.ARGUMENT_SPEC.items()}
    assert documented == checked


def test_every_action_is_documented_and_every_module_is_an_action() -> None:
    actions = sorted(path.stem for path in (ROOT / "plugins/action").glob("*.py"))
    assert actions == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_examples_and_return_values_are_real(module: str) -> None:
    texts = strings(ROOT / f"plugins/modules/{module}.py")
    examples = yaml.safe_load(texts["EXAMPLES"])
    assert f"vwan.user_vpn.{module}:" in texts["EXAMPLES"]
    assert examples
    for name, value in yaml.safe_load(texts["RETURN"]).items():
        assert "sample" in value, f"{name} has no sample"


@pytest.mark.parametrize("module", MODULES)
def test_secrets_are_marked(module: str) -> None:
    action = importlib.import_module(f"{COLLECTION}.action.{module}").ActionModule

    def check(spec: dict[str, Any]) -> None:
        for name, rule in spec.items():
            if any(word in name for word in ("password", "passphrase", "secret")) and rule.get("type", "str") == "str":
                assert rule.get("no_log") is True, f"{name} is not marked no_log"
            check(rule.get("options", {}))

    check(action.ARGUMENT_SPEC)


#: What docs/provisioning.md promises for each group of modules.
SHARED = {
    "mac": {"identifier", "scope"},
    "pki": {"pki"},
    "mdm": {"server"},
    "azure": {"resource_group", "p2s_vpn_gateway", "subscription_id", "tenant", "client_id", "secret", "auth_source"},
}


def runtime() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    return told


@pytest.mark.parametrize(("group", "members"), runtime()["action_groups"].items())
def test_a_group_has_modules_that_share_its_options(group: str, members: list[str]) -> None:
    taken = [set(importlib.import_module(f"{COLLECTION}.action.{name}").ActionModule.ARGUMENT_SPEC) for name in members]
    assert SHARED[group] <= set.intersection(*taken)
    # Whoever takes them is a member, too.
    others = set(MODULES) - set(members) - ({"mobileconfig"} if group == "mac" else set())
    for name in others:
        spec = importlib.import_module(f"{COLLECTION}.action.{name}").ActionModule.ARGUMENT_SPEC
        assert not SHARED[group] <= set(spec), name


def test_the_oldest_ansible_core_is_the_one_that_is_declared() -> None:
    assert runtime()["requires_ansible"] == f">={'.'.join(map(str, OLDEST))}.0"
