# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every play of ours: no Python on a Mac, the login to Azure, root on Macs only, and once for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.tools.check_roles import MODULE, ROOT, load

AZURE = {
    "connection_info",
    "connections",
    "profile_package",
    "server_configuration",
    "server_configuration_info",
}
# These concern the fleet: all that they have for a single Mac is an entry point of its own.
FOR_THE_FLEET = {"certificates", "profile_package", "report", "revoke"}
BUILTIN = "ansible.builtin."
QUOTED = re.compile(r"'[^']*'")
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


def modules(tasks: Any, folder: Path, within: tuple[Path, ...] = ()) -> Iterator[str]:
    """The modules of ours that tasks use, by themselves or in the files and roles that they bring in."""
    for task in flat(tasks):
        yield from (key.removeprefix(MODULE) for key in task if key.startswith(MODULE))
        name = task.get(f"{BUILTIN}import_tasks") or task.get(f"{BUILTIN}include_tasks")
        name = "round.yml" if name and "{{" in name else name  # the one that is chosen by what Macs say
        if name and (folder / name) not in within:  # a file may include itself
            yield from modules(load(folder / name), folder, (*within, folder / name))
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
        "mdm_profile",
        "mdm_profile_info",
        "ledger_info",
    }


@pytest.mark.parametrize("play", PLAYS)
def test_every_play(play: Any) -> None:
    used = set(modules(play.get("tasks"), ROOT / "playbooks"))
    assert play["gather_facts"] is False  # no Mac has Python
    groups = {
        f"group/{MODULE}azure": (AZURE, "{{ user_vpn_azure | default({}) }}"),
        f"group/{MODULE}mdm": (
            {"mdm_profile", "mdm_profile_info"},
            "{{ {'server': user_vpn_mdm} if user_vpn_mdm is defined else {} }}",
        ),
    }
    wanted = {name: value for name, (members, value) in groups.items() if used & members}
    assert play.get("module_defaults", {}) | wanted == play.get("module_defaults", {})
    assert play.get("become", False) is any(name.startswith("mac_") for name in used)
    for task in flat(play.get("tasks")):
        role, entry = role_of(task)
        if role in FOR_THE_FLEET and entry != "mac":  # or each Mac would check the arguments of the role again
            assert task["run_once"] is True
        given = task.get(f"{BUILTIN}import_role", {})
        if play.get("become") and given:
            assert given["rolespec_validate"] is False


def test_every_play_of_ours_runs_task_by_task() -> None:
    """Under another strategy a task that is to run once would run for each Mac."""
    several = [play.values[0] for play in PLAYS if "localhost" not in play.values[0]["hosts"]]
    assert several
    assert {play.get("strategy") for play in several} == {"ansible.builtin.linear"}


def test_what_one_mac_does_ends_no_play_for_the_others() -> None:
    for play in (value for each in PLAYS for value in each.values):
        if play.get("become") and "mac_evidence" not in set(modules(play.get("tasks"), ROOT / "playbooks")):
            assert play["ignore_errors"] is True
            assert play["ignore_unreachable"] is True


def test_only_plays_in_which_each_mac_stands_for_itself_go_by_batches() -> None:
    """docs/scale.md: user_vpn_serial. What people are waited for, or signed and rendered for, goes for all at once."""
    batches = {play.values[0]["name"]: play.values[0]["serial"] for play in PLAYS if "serial" in play.values[0]}
    assert set(batches) == {"Configure the native client", "Install the certificates", "Connect"}
    assert set(batches.values()) == {"{{ user_vpn_serial | default('100%') }}"}


def test_settings_and_failures_are_judged_whatever_tags_are_given() -> None:
    always = [
        task["name"]
        for play in load(ROOT / "playbooks/site.yml")
        for task in flat(play["tasks"])
        if "always" in task["tags"]  # each has some, or a step by itself would run the others
    ]
    assert always == ["See whether these Macs can be served together", "Stop for this Mac"]


def test_no_line_is_printed_for_each_mac_of_a_list() -> None:
    paths = [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]
    tasks = [task for path in paths for entry in load(path) for task in flat([entry, *flat(entry.get("tasks"))])]
    assert not [task["name"] for task in tasks if f"{BUILTIN}add_host" in task or f"{BUILTIN}group_by" in task]


def test_what_people_read_keeps_no_line_breaks_of_the_file() -> None:
    """In a folded text, lines that begin further to the right keep theirs."""
    paths = [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]
    tasks = [task for path in paths for entry in load(path) for task in flat([entry, *flat(entry.get("tasks"))])]
    given = (task.get(f"{BUILTIN}{name}", {}) for task in tasks for name in ("debug", "assert", "fail"))
    texts = [str(text) for each in given for name in ("msg", "fail_msg") if (text := each.get(name))]
    read = [
        re.sub(r"{{.*?}}", lambda found: "".join(QUOTED.findall(found[0])), text, flags=re.DOTALL) for text in texts
    ]
    assert len(texts) > 5 and not [text for text in read if "\n" in text.replace("'\n'", "")]
