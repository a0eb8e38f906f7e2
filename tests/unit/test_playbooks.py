# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every play of ours: no Python on a Mac, the login to Azure, root on Macs only, and once for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.tools.check_roles import MODULE, ROOT, load

AZURE = {"connection_health_info", "profile_package", "server_configuration_certificates", "server_configuration_info"}
# These concern the fleet: all that they have for a single Mac is an entry point of its own.
FOR_THE_FLEET = {"certificates", "profile_package", "report", "revoke"}
BUILTIN = "ansible.builtin."
PLAYS = [
    pytest.param(play, id=f"{path.name}: {play['name']}")
    for path in sorted((ROOT / "playbooks").glob("*.yml"))
    for play in load(path)
    if "hosts" in play
]


def flat(tasks: Any) -> Iterator[Any]:
    for task in tasks or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from flat(task.get(part))


def role_of(task: Any) -> tuple[str, str]:
    """The role that a task runs, and the entry point in it; empty when it runs none."""
    given = task.get(f"{BUILTIN}import_role") or task.get(f"{BUILTIN}include_role") or {}
    return str(given.get("name", "")).removeprefix(MODULE), str(given.get("tasks_from", "main")).removesuffix(".yml")


def modules(tasks: Any, folder: Path) -> Iterator[str]:
    """The modules of ours that tasks use, by themselves or in the files and roles that they bring in."""
    for task in flat(tasks):
        yield from (key.removeprefix(MODULE) for key in task if key.startswith(MODULE))
        if f"{BUILTIN}import_tasks" in task:
            yield from modules(load(folder / task[f"{BUILTIN}import_tasks"]), folder)
        role, entry = role_of(task)
        if role:
            inside = ROOT / "roles" / role / "tasks"
            yield from modules(load(inside / f"{entry}.yml"), inside)


def test_every_module_of_ours_is_found() -> None:
    used = {name for play in PLAYS for name in modules(play.values[0].get("tasks"), ROOT / "playbooks")}
    assert used >= AZURE | {
        "mac_profile",
        "mac_certificate",
        "mac_key",
        "mac_connection",
        "mac_evidence",
        "ledger_info",
    }


@pytest.mark.parametrize("play", PLAYS)
def test_every_play(play: Any) -> None:
    used = set(modules(play.get("tasks"), ROOT / "playbooks"))
    assert play["gather_facts"] is False  # no Mac has Python
    if used & AZURE:
        assert play["module_defaults"] == {f"group/{MODULE}azure": "{{ user_vpn_azure | default({}) }}"}
    assert play.get("become", False) is any(name.startswith("mac_") for name in used)
    for task in flat(play.get("tasks")):
        role, entry = role_of(task)
        if role in FOR_THE_FLEET and entry != "mac":  # or each Mac would check the arguments of the role again
            assert task["run_once"] is True


def test_a_group_that_a_run_keeps_for_itself_is_no_change() -> None:
    paths = [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]
    tasks = [task for path in paths for entry in load(path) for task in flat([entry, *flat(entry.get("tasks"))])]
    named = [task for task in tasks if f"{BUILTIN}add_host" in task or f"{BUILTIN}group_by" in task]
    assert named
    assert all(task["changed_when"] is False for task in named)
