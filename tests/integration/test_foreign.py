# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's plays, with the collection as they have it: installed from the tarball, no repository around."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.installed import Installed
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all
from ansible_collections.vwan.user_vpn.tests.integration.site import IDENTIFIER, Run, Site
from ansible_collections.vwan.user_vpn.tests.lab import Lab, postgresql
from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root

HERE = Path(__file__).resolve().parent
# What people set for all that they run.
SETTINGS = {
    "ANSIBLE_ANY_ERRORS_FATAL": "1",
    "ANSIBLE_BECOME": "1",
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    "ANSIBLE_FORCE_HANDLERS": "1",
    "ANSIBLE_GATHERING": "implicit",
    "ANSIBLE_HASH_BEHAVIOUR": "merge",
    "ANSIBLE_INJECT_FACT_VARS": "0",
    "ANSIBLE_PRIVATE_ROLE_VARS": "1",
    "ANSIBLE_STRATEGY": "free",
}


class Foreign(Site):
    """A folder that knows the collection only by where it is installed."""

    def __init__(self, folder: Path, lab: Lab, collection: Installed) -> None:
        super().__init__(folder, lab, [gateway_root("Synthetic Test Root").der])
        self.collection = collection
        self.given_inventory: Path | None = None
        self.with_python: set[str] = set()
        shutil.copytree(HERE / "callback", folder / "callback")

    def inventory(self) -> Path:
        return self.given_inventory or super().inventory()

    def command(self, *options: str, playbook: str = "vwan.user_vpn.site", inventory: Path | None = None) -> list[str]:
        command = super().command(*options, playbook=playbook, inventory=inventory)
        return [str(self.collection.bin / "ansible-playbook"), *command[1:]]

    def environment(self, env: dict[str, str], record: Path) -> dict[str, str]:
        own = {
            "PATH": f"{self.collection.bin}:/usr/local/bin:/usr/bin:/bin",
            "ANSIBLE_COLLECTIONS_PATH": str(self.collection.collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(self.folder / "callback"),
        }
        return super().environment(own | env, record)

    def add_mac(self, name: str, macos: str = "15.5", *, python: bool = False) -> None:
        """One with a person who approves; `python`: somebody has installed one with Homebrew."""
        mac = self.lab.add_mac(name, macos=macos, console_user="anna", users=("anna",), approve_after=0.1)
        if python:
            program = mac.disk / "opt/homebrew/bin/python3"
            program.parent.mkdir(parents=True)
            program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
            program.chmod(0o755)
            self.with_python.add(name)

    def copy(self, name: str) -> None:
        shutil.copytree(HERE / "foreign" / name, self.folder, dirs_exist_ok=True)


@pytest.fixture
def foreign(tmp_path: Path, lab: Lab, collection: Installed) -> Foreign:
    (tmp_path / "play").mkdir()
    return Foreign(tmp_path / "play", lab, collection)


def ended_well(run: Run) -> None:
    assert run.returncode == 0, run.output
    assert set(run.count("failed").values()) == {0}
    assert "DEPRECAT" not in run.stderr and "user_vpn" not in run.stderr, run.stderr


def assert_served(foreign: Foreign, *names: str) -> None:
    """These Macs have their profile, and neither Python was looked for there nor anything that no Mac has."""
    for name in names:
        mac = foreign.lab.macs[name]
        assert [each["identifier"] for each in mac.installed_profiles()] == [IDENTIFIER], name
        assert mac.ingestion_errors == []
        if name not in foreign.with_python:  # facts ask for what the lab does not have
            assert mac.refusals == []
            assert [each for each in mac.python_calls if "if test -x" not in each] == []


def test_a_workstation_play(foreign: Foreign) -> None:
    """Facts, root for all of it, roles of their own around ours, tags, and an ansible.cfg that changes a lot."""
    foreign.add_mac("mac1", python=True)
    foreign.add_mac("mac2", "14.4", python=True)
    foreign.copy("workstation")
    foreign.variables["ansible_python_interpreter"] = "/opt/homebrew/bin/python3"
    first = foreign.play("--tags", "toolbox,vpn", playbook="main.yml")
    ended_well(first)
    assert_served(foreign, "mac1", "mac2")
    assert not [task for task in first.tasks("mac1") if task.startswith("desktop")]
    again = foreign.play(playbook="main.yml")
    ended_well(again)
    assert {task.partition(" : ")[0] for _host, task in again.changed()} == {"desktop", "All of it is done"}
    assert again.of("mac_profile", "mac2")["status"] == "installed"
    assert "This workstation is provisioned." in again.stdout


@pytest.mark.soak
def test_macs_with_and_without_python_in_one_play(foreign: Foreign) -> None:
    """The example that users get: facts where there is a Python, and ours everywhere."""
    foreign.add_mac("mac1", python=True)
    foreign.add_mac("mac2", "26.1")
    shutil.copy(foreign.collection.tree / "examples/workstations.yml", foreign.folder)
    foreign.variables["ansible_python_interpreter"] = "/nonexistent"
    run = foreign.play(playbook="workstations.yml", env={"ANSIBLE_SSH_TRANSFER_METHOD": "piped"})
    ended_well(run)
    assert_served(foreign, "mac1", "mac2")
    assert {e["host"] for e in run.results if e["action"].endswith("setup") and e["outcome"] == "ok"} == {"mac1"}


@pytest.mark.soak
def test_each_role_alone_in_every_way(foreign: Foreign) -> None:
    """`roles:` by short names, include_role in a loop under strategy free, import_role in a block with serial."""
    ways = {"by_keyword": ["mac1"], "by_include": ["mac2"], "by_import": ["mac3"]}
    for name in ("mac1", "mac2", "mac3"):
        foreign.add_mac(name)
    foreign.copy("roles")
    groups: dict[str, Any] = {way: {"hosts": dict.fromkeys(names)} for way, names in ways.items()}
    # As many have it: for all, this machine included.
    groups["all"] = {"hosts": {"localhost": None}, "vars": {"ansible_python_interpreter": "/nonexistent"}}
    (foreign.inventory() / "ways.yml").write_text(json.dumps(groups))
    run = foreign.play(playbook="main.yml")
    ended_well(run)
    assert_served(foreign, "mac1", "mac2", "mac3")
    assert {name for (name,) in foreign.sql("SELECT name FROM certificates WHERE kind = 'client'")} == set(run.recap)
    if SOAK:
        again = foreign.play(playbook="main.yml")
        ended_well(again)
        assert again.changed() == set()


def test_a_fleet_that_a_script_knows(foreign: Foreign) -> None:
    """An inventory script and constructed groups; the store and all files are beside the inventory, by default."""
    foreign.add_mac("mac1")
    foreign.add_mac("mac2")
    foreign.copy("dynamic")
    del foreign.variables["user_vpn_pki"], foreign.variables["user_vpn_profiles_dir"]
    inventory = foreign.inventory()
    (inventory / "hosts.yml").rename(foreign.folder / "known.json")
    foreign.given_inventory = inventory
    run = foreign.play(env=SETTINGS)
    ended_well(run)
    assert "2 Macs: 2 current." in run.stdout, run.stdout
    assert_served(foreign, "mac1", "mac2")
    assert {path.name for path in foreign.folder.glob("user_vpn*")} == {"user_vpn", "user_vpn.db"}
    names = {"01-fleet.py", "02-groups.yml", "group_vars", "host_vars"}
    assert {path.name for path in inventory.iterdir()} == names


def test_a_job_of_awx(foreign: Foreign, cluster: postgresql.Cluster, schema: str) -> None:
    """ansible-runner in a folder that is empty but for what AWX puts there; the store is PostgreSQL."""
    foreign.add_mac("mac1")
    foreign.add_mac("mac2", "26.1")
    del foreign.variables["user_vpn_profiles_dir"]
    foreign.variables |= {"user_vpn_pki": cluster.url(schema), "user_vpn_report_dir": ""}
    job = foreign.folder / "job"
    shutil.copytree(HERE / "foreign/awx", job / "project")
    (job / "env").mkdir()
    (job / "env/extravars").write_text(json.dumps({"awx_job_id": 7, "awx_user_name": "anna"}))
    foreign.inventory().rename(job / "inventory")
    record = foreign.folder / "job.jsonl"
    record.touch()
    program = Path(sys.executable).parent / "ansible-runner"
    run = subprocess.Popen(
        [str(program), "run", str(job), "--playbook", "site.yml"],
        cwd=job,
        env=foreign.environment({"ANSIBLE_INVENTORY_UNPARSED_FAILED": "1"} | cluster.environment, record),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _nothing = run.communicate(timeout=300)
    finally:
        kill_all(run, record)
    done = Run(run.returncode, output, "", [json.loads(line) for line in record.read_text().splitlines()])
    ended_well(done)
    assert "2 Macs: 2 current." in output
    assert_served(foreign, "mac1", "mac2")
    assert not list(foreign.folder.rglob("user_vpn.db"))
    [artifacts] = (job / "artifacts").iterdir()
    assert (artifacts / "rc").read_text() == "0"
