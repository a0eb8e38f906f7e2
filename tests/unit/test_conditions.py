# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No condition of a role or playbook stumbles over what a task has left, however that task has ended.

An error in `failed_when`, `changed_when` or `until`, and a `failed_when` that calls a result without a message failed,
both end in "Action failed: Unknown error." (ansible/executor/task_executor.py; ansible/_internal/_errors/_captured.py).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
MSG = {"msg": "The sentence of the module."}
ENDS: dict[str, dict[str, Any] | None] = {
    "not run": None,
    "skipped": {"changed": False, "skipped": True, "skip_reason": "Conditional result was False"},
    "failed": {"changed": False, "failed": True} | MSG,
    "unreachable": {"changed": False, "unreachable": True} | MSG,
    "ok": {"changed": False, "failed": False},
    "failed in a loop": {"changed": False, "failed": True, "results": [{"failed": True} | MSG]} | MSG,
}
MAC = {"inventory_hostname": "mac-01", "user_vpn_client_name": "mac-01"}
MAGIC: dict[str, Any] = {
    **MAC,
    "inventory_dir": "/inventory",
    "groups": {"all": ["mac-01"], "user_vpn": ["mac-01"]},
    "hostvars": {"mac-01": MAC},
    "ansible_play_hosts": ["mac-01"],
    "ansible_play_hosts_all": ["mac-01"],
    "ansible_inventory_sources": ["/inventory/hosts.yml"],
}


@dataclass(frozen=True)
class Task:
    where: str
    keys: dict[str, Any]
    when: tuple[str, ...]
    variables: dict[str, Any]


def tasks() -> Iterator[Task]:
    for path in sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/*.yml")]):
        where = str(path.relative_to(ROOT))
        for entry in yaml.safe_load(path.read_text()):
            in_play = "hosts" in entry
            for task in entry.get("tasks", []) if in_play else [entry]:
                yield from flat(where, task, (), {})


def flat(where: str, keys: dict[str, Any], when: tuple[str, ...], variables: dict[str, Any]) -> Iterator[Task]:
    when = (*when, *listed(keys.get("when")))
    variables = variables | keys.get("vars", {})
    yield Task(f"{where}: {keys.get('name')}", keys, when, variables)
    for task in keys.get("block", []):
        yield from flat(where, task, when, variables)


def listed(value: Any) -> list[str]:
    return [] if value is None else list(map(str, value)) if isinstance(value, list) else [str(value)]


def settings() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in [*ROOT.glob("roles/*/defaults/main.yml"), *ROOT.glob("roles/*/vars/main.yml")]:
        found |= yaml.safe_load(path.read_text())
    # The environment is looked up in a play only; here nothing is set there.
    return {name: "" if "ansible.builtin.env'" in str(value) else value for name, value in found.items()}


TASKS = list(tasks())
SETTINGS = settings()
JUDGE = ("failed_when", "changed_when", "until")
JUDGING = [task for task in TASKS if task.keys.keys() & set(JUDGE)]
DECIDING = [task for task in TASKS if task.when or "ansible.builtin.assert" in task.keys]
REGISTERED = sorted({task.keys["register"] for task in TASKS if "register" in task.keys})


def trusted(value: Any) -> Any:
    """Templates count only in what comes from a file of ours."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


def filters() -> dict[str, Any]:
    """Those of ours, which the loader of plugins finds in a play only."""
    found: dict[str, Any] = {}
    for path in (ROOT / "plugins/filter").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.filter.{path.stem}")
        found |= {f"vwan.user_vpn.{name}": function for name, function in module.FilterModule().filters().items()}
    return found


FILTERS = filters()


def holds(condition: str, variables: dict[str, Any]) -> bool:
    templar = Templar(DataLoader(), trusted(variables))
    for name, function in FILTERS.items():
        templar._engine.environment.filters[name] = function
    return bool(templar.evaluate_conditional(trust_as_template(condition)))


def around(task: Task, end: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """What is defined where the task stands, when all others have ended this way."""
    results = {} if end is None else dict.fromkeys(REGISTERED, end)
    return SETTINGS | MAGIC | results | more | task.variables


def results_of(task: Task) -> Iterator[dict[str, Any]]:
    """What the task may have answered: each key that its conditions read, there and not there, of any truth."""
    conditions = " ".join(text for key in JUDGE for text in listed(task.keys.get(key)))
    read = set(re.findall(rf"\b{task.keys.get('register', '_')}\.(\w+)", conditions))
    for end in ("failed", "ok", "failed in a loop"):
        result = (ENDS[end] or {}) | (MSG if has_msg(task) else {})
        yield result
        for key, value in product(read, (["x"], "x", "", False)):
            yield result | {key: value}


def has_msg(task: Task) -> bool:
    """Whether its module documents a sentence in every answer."""
    for name in (key.removeprefix("vwan.user_vpn.") for key in task.keys if key.startswith("vwan.user_vpn.")):
        module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.modules.{name}")
        return "msg" in yaml.safe_load(module.RETURN)
    return False


@pytest.mark.parametrize("task", JUDGING, ids=lambda task: task.where)
def test_what_judges_a_result_takes_any(task: Task) -> None:
    for result, check, strict in product(results_of(task), (True, False), (True, False)):
        more = {"ansible_check_mode": check, "configure_client_require_installed": strict, "connect_require": strict}
        variables = around(task, None, **more) | {task.keys.get("register", "_"): result}
        for key in ("changed_when", "until"):
            for condition in listed(task.keys.get(key)):
                holds(condition, variables)
        failed = [holds(condition, variables) for condition in listed(task.keys.get("failed_when"))]
        assert "msg" in result or not any(failed), f"failed without a sentence, {result} {check=}"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("task", DECIDING, ids=lambda task: task.where)
def test_what_decides_about_a_task_takes_any(task: Task, end: str) -> None:
    for check, way in product((True, False), ("on_mac", "controller", "keychain")):
        more = {"ansible_check_mode": check, "configure_client_mac_key": way, "install_certificates_by": way}
        variables = around(task, ENDS[end], revoke_certificates_by=way, connect_require=True, **more)
        if all(holds(condition, variables) for condition in task.when):
            for condition in listed(task.keys.get("ansible.builtin.assert", {}).get("that")):
                if "query(" not in condition:  # asks for hosts, not for a result, and only a play can load it
                    holds(condition, variables)


def task_in(where: str) -> Task:
    (found,) = (task for task in TASKS if task.where == where)
    return found


@pytest.mark.parametrize(
    ("check", "state", "stops"), [(False, "failed", True), (True, "failed", False), (False, "ok", False)]
)
def test_in_check_mode_the_store_may_still_be_to_come(check: bool, state: str, stops: bool) -> None:
    task = task_in("roles/certificates/tasks/retire.yml: Find certificates whose successor is on its Mac")
    variables = around(task, None, ansible_check_mode=check) | {task.keys["register"]: ENDS[state]}
    assert holds(task.keys["failed_when"], variables) == stops


@pytest.mark.parametrize(("macs", "good"), [(["mac-01"], True), (["mac-01", "mac-02"], False), ([], False)])
def test_evidence_is_that_of_one_mac(macs: list[str], good: bool) -> None:
    task = task_in("playbooks/evidence.yml: Ask one Mac only")
    that = task.keys["ansible.builtin.assert"]["that"]
    assert holds(that, around(task, None, ansible_play_hosts_all=macs)) == good


NOT_UP: dict[str, Any] = {"connected": False, "how": "", "msg": "Nothing can start it."}


@pytest.mark.parametrize(
    ("result", "check", "stops"),
    [
        (NOT_UP, False, True),
        (NOT_UP, True, True),  # a real run could not start it either
        (NOT_UP | {"how": "vpnutil"}, False, True),
        (NOT_UP | {"how": "vpnutil"}, True, False),
        (NOT_UP | {"connected": True}, False, False),
        (ENDS["skipped"], False, False),
        (None, False, False),
    ],
)
def test_a_mac_has_to_be_connected_where_that_is_required(result: Any, check: bool, stops: bool) -> None:
    task = task_in("roles/connect/tasks/main.yml: Stop for a Mac that is not connected")
    for required in (True, False):
        variables = around(task, None, ansible_check_mode=check, connect_require=required)
        variables |= {} if result is None else {"connect_result": result}
        assert all(holds(condition, variables) for condition in task.when) == (stops and required)


@pytest.mark.parametrize(
    ("answered", "stops"), [({"msg": "No."}, True), ({"addresses": []}, False), (ENDS["skipped"], False), (None, False)]
)
def test_azure_has_to_say_who_is_connected_where_that_is_required(answered: Any, stops: bool) -> None:
    task = task_in("roles/connect/tasks/main.yml: Stop where Azure did not say who is connected")
    for required in (True, False):
        variables = around(task, None, connect_require=required)
        variables |= {} if answered is None else {"connect_health": answered}
        assert all(holds(condition, variables) for condition in task.when) == (stops and required)


@pytest.mark.parametrize(
    ("result", "check", "stops"),
    [
        ({"status": "offered"}, False, True),
        ({"status": "offered"}, True, False),
        ({"status": "installed"}, False, False),
        ({}, False, False),  # its own task has failed already
    ],
)
def test_a_profile_has_to_be_installed_where_that_is_required(result: Any, check: bool, stops: bool) -> None:
    task = task_in("roles/configure_client/tasks/main.yml: Stop for a Mac that has not got its profile")
    for required in (True, False):
        variables = around(task, None, ansible_check_mode=check, configure_client_require_installed=required)
        variables |= {"configure_client_result": result}
        assert all(holds(condition, variables) for condition in task.when) == (stops and required)
