# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows run on a forge only: here they are held against GitHub's schema, zizmor's rules and the Makefile."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.tests.tools import check_release

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*"))
PINNED = re.compile(r"^ *- uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", re.MULTILINE)
# Which Python a control node may have: https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html
CONTROL_NODE = {"2.19": (11, 13), "2.20": (12, 14), "2.21": (12, 14), "2.22": (13, 15)}
PACKAGES = {path.stem: path.read_text() for path in (ROOT / "requirements").glob("*.txt")}


def command(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    # Without what the make that runs this test was told.
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("ANSIBLE_CORE", "CRYPTOGRAPHY", "PYTHON") and not name.startswith(("MAKE", "MFLAGS"))
    }
    return subprocess.run(words, input=text, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


def read(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text()))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


STEPS = [(f"{name}.{number}", step) for name, job in jobs() for number, step in enumerate(job["steps"])]
RUNS = [pytest.param(step, id=name) for name, step in STEPS if "run" in step]


def problems(folder: Path) -> str:
    """What GitHub's own schema, as check-jsonschema has it, and zizmor say to a .github folder. Both ask no network."""
    said = []
    for words in (
        [BIN / "check-jsonschema", "--builtin-schema=vendor.github-workflows", *sorted(folder.glob("workflows/*.yml"))],
        [BIN / "check-jsonschema", "--builtin-schema=vendor.dependabot", *folder.glob("dependabot.yml")],
        [BIN / "zizmor", "--offline", "--no-progress", "--strict-collection", "--persona=pedantic", folder],
    ):
        done = command(*map(str, words))
        said += [done.stdout + done.stderr] if done.returncode else []
    return "".join(said)


@pytest.fixture(scope="module")
def tools() -> None:
    if missing := [name for name in ("check-jsonschema", "zizmor") if not (BIN / name).exists()]:
        pytest.skip(f"{' and '.join(missing)} missing: pip install -r requirements/test.txt, as `make unit` does")


@pytest.mark.usefixtures("tools")
def test_the_workflows_are_valid() -> None:
    assert problems(ROOT / ".github") == ""


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("timeout-minutes: 90", "timeout-minuets: 90", "timeout-minuets"),
        ("checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "checkout@v7", "unpinned-uses"),
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("persist-credentials: false", "fetch-depth: 0", "artipacked"),
        ("run: make test", "run: make test PR=${{ github.head_ref }}", "template-injection"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    folder = tmp_path / ".github"
    shutil.copytree(ROOT / ".github", folder)
    text = (folder / "workflows/test.yml").read_text()
    assert right in text
    (folder / "workflows/test.yml").write_text(text.replace(right, wrong))
    assert said in problems(folder)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit_and_names_its_version(path: Path) -> None:
    assert path.suffix == ".yml"
    assert len(PINNED.findall(path.read_text())) == path.read_text().count("uses:")


def test_an_action_has_one_pin() -> None:
    pins = {tuple(step["uses"].split("@")) for _name, step in STEPS if "uses" in step}
    assert len(pins) == len({name for name, _commit in pins})


@pytest.mark.parametrize("step", RUNS)
def test_a_step_is_a_target_of_the_makefile(step: dict[str, Any]) -> None:
    assert re.fullmatch(r"make [a-z][a-z0-9-]*( [A-Z]+=[a-z]+)*", step["run"]), step["run"]
    assert step["run"].split()[1] in phony()
    done = command(*step["run"].split(), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert command(str(BIN / "shellcheck"), "--shell=bash", "-", text=step["run"]).stdout == ""


def phony() -> list[str]:
    found = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found
    return found[1].split()


#: What a job may do beyond reading; it runs nothing of ours.
WRITES = {"docs.publish": {"pages": "write", "id-token": "write"}}


@pytest.mark.parametrize(("name", "job"), [pytest.param(name, job, id=name) for name, job in jobs()])
def test_a_job_ends_and_may_only_read(name: str, job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 90
    assert job["permissions"] == WRITES.get(name, {"contents": "read"})
    if name in WRITES:
        assert job["if"] == "github.event_name == 'push'"
        assert [step["uses"].partition("@")[0] for step in job["steps"]] == ["actions/deploy-pages"]


def test_a_pull_request_is_asked_for_its_fragment_and_the_site_is_built() -> None:
    steps = {name.rsplit(".", 1)[0]: step for name, step in STEPS if "run" in step}
    assert steps["pull_request.fragments"]["run"] == "make fragments"
    assert steps["pull_request.fragments"]["env"] == {"BASE": "origin/${{ github.base_ref }}"}
    assert steps["docs.build"]["run"] == "make docs"
    for name in ("pull_request", "docs"):
        assert "pull_request" in read(ROOT / f".github/workflows/{name}.yml")[True]  # YAML's own reading of `on`


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_no_job_asks_for_is_not_granted(path: Path) -> None:
    assert read(path)["permissions"] == {}


def test_the_secret_reaches_the_one_step_that_needs_it() -> None:
    holders = [step["run"] for _name, step in STEPS if "secrets." in str(step)]
    assert holders == ["make publish"]
    assert sum(path.read_text().count("secrets.") for path in WORKFLOWS) == 1


def combinations() -> list[tuple[str, str, str]]:
    matrix = read(ROOT / ".github/workflows/test.yml")["jobs"]["linux"]["strategy"]["matrix"]
    names = ("python", "ansible-core", "cryptography")
    found = [dict(zip(names, values, strict=True)) for values in itertools.product(*(matrix[name] for name in names))]
    found = [each for each in found if not any(leave.items() <= each.items() for leave in matrix["exclude"])]
    return [tuple(each[name] for name in names) for each in [*found, *matrix["include"]]]


@pytest.mark.parametrize("combination", combinations(), ids="-".join)
def test_a_combination_is_possible(combination: tuple[str, str, str]) -> None:
    python, core, _cryptography = combination
    first, last = CONTROL_NODE[".".join(core.split(".")[:2])]
    assert first <= int(python.removeprefix("3.")) <= last


def test_the_matrix_has_the_oldest_and_the_newest_of_each() -> None:
    found = set(combinations())
    assert len(found) == len(combinations())
    pythons, cores, cryptographies = (sorted({each[at] for each in found}) for at in range(3))
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert f'">={cores[0].removesuffix(".*")}.0"' in (ROOT / "meta/runtime.yml").read_text()
    newest = re.findall(r"^ansible-core==(\d+\.\d+)\.\d+; python_version >=", PACKAGES["demo"], re.MULTILINE)
    assert newest[0] + ".*" in cores
    assert f"cryptography>={cryptographies[0].removesuffix('.*')}.0.0" in (ROOT / "meta/requirements.txt").read_text()
    assert f"\ncryptography=={cryptographies[-1].removesuffix('.*')}." in PACKAGES["constraints"]
    # With every pair that is possible, each cryptography is tried.
    assert {each for each in found if each[1] in ("2.19.*", newest[0] + ".*")} == {
        (python, core, cryptography)
        for python, core, cryptography in itertools.product(pythons, ("2.19.*", newest[0] + ".*"), cryptographies)
        if CONTROL_NODE[core.removesuffix(".*")][0] <= int(python[2:]) <= CONTROL_NODE[core.removesuffix(".*")][1]
    }


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        ("galaxy.yml", "version: ", "version: 9", "galaxy.yml has version 9"),
        ("pyproject.toml", 'version = "', 'version = "9', "pyproject.toml has version 9"),
        ("changelogs/changelog.yaml", "release_summary", "summary", "has no release_summary"),
        ("CHANGELOG.md", '<a id="v', '<a id="w', "CHANGELOG.md has no"),
    ],
)
def test_a_release_of_what_disagrees_is_held_back(tmp_path: Path, file: str, right: str, wrong: str, said: str) -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    for name in ("galaxy.yml", "pyproject.toml", "changelogs/changelog.yaml", "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert list(check_release.faults(version, tmp_path)) == []
    (tmp_path / "changelogs/fragments").mkdir()
    (tmp_path / "changelogs/fragments/new.yml").touch()
    assert list(check_release.faults(version, tmp_path)) == ["changelogs/fragments/new.yml is in no release yet"]
    (tmp_path / file).write_text((tmp_path / file).read_text().replace(right, wrong))
    assert any(said in fault for fault in check_release.faults(version, tmp_path))


def test_make_takes_the_releases_that_a_job_chooses() -> None:
    unit = ["make", "--dry-run", "--always-make", "unit"]
    with_choice = command(*unit, "ANSIBLE_CORE=2.20.*", "CRYPTOGRAPHY=43.*").stdout
    assert (
        "pip install --quiet --disable-pip-version-check 'ansible-core==2.20.*' 'cryptography==43.*' asyncssh"
        in with_choice
    )
    assert ".venv/made-ansible-core-2.20-cryptography-43" in with_choice
    plain = command(*unit).stdout
    assert "touch .venv/made\n" in plain
    assert "'ansible-core==" not in plain
    released = command("make", "--dry-run", "publish", "GALAXY_TOKEN=hidden").stdout
    assert "hidden" not in released
