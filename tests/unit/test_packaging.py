# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release and a contribution need: fragments, the forms of the forge, hooks, the local matrix."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.vwan.user_vpn.tests.tools import check_fragments, check_site, matrix

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


@pytest.mark.parametrize(
    ("paths", "unsaid"),
    [
        (["plugins/action/a.py", "tests/unit/b.py"], ["plugins/action/a.py"]),
        (["roles/connect/README.md", "docs/mdm.md", "tests/a.py"], []),
        (["roles/connect/tasks/main.yml", "meta/runtime.yml"], ["meta/runtime.yml", "roles/connect/tasks/main.yml"]),
        (["playbooks/site.yml", "changelogs/fragments/12-site.yml"], []),
        (["playbooks/site.yml", "changelogs/fragments/.keep"], ["playbooks/site.yml"]),
        (["plugins/a.py", "changelogs/changelog.yaml"], []),
    ],
)
def test_what_users_notice_needs_a_fragment(paths: list[str], unsaid: list[str]) -> None:
    assert check_fragments.unsaid(paths) == unsaid


def test_fragments_since_a_release_and_since_a_branch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def git(*arguments: str) -> None:
        own = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *own, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def commit(name: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        git("add", "--all")
        git("commit", "-m", name)

    def say(base: str = "") -> int:
        return check_fragments.main(base, tmp_path)

    git("init", "--initial-branch", "main")
    commit("plugins/a.py")
    for base in ("", "main"):
        assert say(base) == 0 and "Nothing was released yet" in capsys.readouterr().out
    git("tag", "1.0.0")
    git("tag", "not-a-release")
    assert say() == 0
    git("switch", "--create", "change")
    commit("plugins/b ü.py")
    assert (say(), say("main")) == (1, 1)
    assert "Since 1.0.0 these have changed: plugins/b ü.py." in capsys.readouterr().out
    (tmp_path / "changelogs/fragments").mkdir(parents=True)
    (tmp_path / "changelogs/fragments/b.yml").write_text("minor_changes: [b]\n")  # not even committed
    assert (say(), say("main")) == (0, 0)


def test_the_forms_of_the_forge_are_valid_and_ask_for_evidence() -> None:
    folder = ROOT / ".github/ISSUE_TEMPLATE"
    for schema, files in (("issue-forms", FORMS), ("issue-config", [folder / "config.yml"])):
        command = [str(BIN / "check-jsonschema"), f"--builtin-schema=vendor.github-{schema}", *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    asking = [path.stem for path in FORMS if "vwan.user_vpn.evidence" in path.read_text()]
    assert asking == ["bug", "real_mac"]
    assert "vwan.user_vpn.evidence" in (ROOT / ".github/pull_request_template.md").read_text()


def test_every_hook_starts_something_that_is_there() -> None:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"  # nothing is downloaded
    for hook in repository["hooks"]:
        program, *words = hook["entry"].split()
        assert (BIN / Path(program).name).exists() and program.startswith(".venv/bin/")
        assert all((ROOT / word).exists() for word in words if word.endswith(".py"))


def test_the_pairs_of_the_matrix_are_those_of_the_workflow() -> None:
    given = {
        "python": ["3.11", "3.13"],
        "ansible-core": ["2.21.*", "2.19.*"],
        "cryptography": ["43.*", "50.*"],
        "exclude": [{"python": "3.11", "ansible-core": "2.21.*"}],
        "include": [{"python": "3.12", "ansible-core": "2.20.*", "cryptography": "50.*"}],
    }
    expected = [("3.11", "2.19.*"), ("3.12", "2.20.*"), ("3.13", "2.19.*"), ("3.13", "2.21.*")]
    assert matrix.pairs(given) == expected
    workflow = yaml.safe_load(matrix.WORKFLOW.read_text())["jobs"]["linux"]["strategy"]["matrix"]
    assert len(matrix.pairs(workflow)) >= 4
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = matrix.interpreter(here)
    assert found is None or Path(found).is_file()
    assert matrix.interpreter("3.1") is None


def test_a_site_that_loads_something_from_elsewhere_is_found(tmp_path: Path) -> None:
    assert check_site.main(tmp_path) == 1
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="a.css"><link rel="canonical" href="https://example.com/">'
        '<a href="https://example.com/">there</a><img src="images/report.png">'
    )
    (tmp_path / "a.css").write_text("body { background: url(data:image/png;base64,AA) }")
    assert check_site.main(tmp_path) == 0
    for text in (
        '<script src="https://cdn.example.com/x.js"></script>',
        "<img src=//example.com/x.png>",
        '<link rel="preload stylesheet" href="HTTPS://example.com/x.css">',
        "<style>@import 'https://example.com/x.css'</style>",
        '<p style="background: url(https://example.com/x)">',
    ):
        assert check_site.loaded(text), text
    (tmp_path / "a.css").write_text("@font-face { src: url('https://example.com/x.woff2') }")
    assert list(check_site.faults(tmp_path)) == ["a.css loads https://example.com/x.woff2"]
