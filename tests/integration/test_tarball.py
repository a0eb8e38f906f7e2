# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users get: all that they need, nothing else, and every file that a page or an example names."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.integration.installed import REQUIREMENTS, ROOT, Installed
from ansible_collections.vwan.user_vpn.tests.tools import tree
from ansible_collections.vwan.user_vpn.tests.tools.pages import PAGES, dead

# Made by ansible-galaxy; for people; for Ansible and ansible-builder.
FILES = {"MANIFEST.json", "FILES.json", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
FILES |= {"SECURITY.md", "CODE_OF_CONDUCT.md", "changelogs/changelog.yaml"}
# All that git has in these, but what makes the site.
FOLDERS = ("docs", "examples", "meta", "playbooks", "plugins", "roles")
SITE = ("docs/docsite/conf.py", "docs/docsite/static")


def test_it_holds_what_users_need_and_nothing_else(collection: Installed) -> None:
    wanted = set(tree.files(*FOLDERS)) - set(tree.files(*SITE))
    with tarfile.open(collection.tarball) as tarball:
        assert {member.name for member in tarball if not member.isdir()} == FILES | wanted
        assert [member.name for member in tarball if not (member.isfile() or member.isdir())] == []


def test_no_page_in_it_has_a_dead_link(collection: Installed) -> None:
    """What is linked is in the tarball, too."""
    names = [page.relative_to(ROOT) for page in PAGES if "tests" not in page.parts]
    assert dead(collection.tree / name for name in names) == []


def test_users_are_told_of_the_python_packages(collection: Installed) -> None:
    told = f"pip install -r ~/.ansible/collections/ansible_collections/vwan/user_vpn/{REQUIREMENTS}"
    assert told in (collection.tree / "docs/fleet.md").read_text()


def test_every_playbook_and_example_is_read_by_ansible(collection: Installed, tmp_path: Path) -> None:
    """With ansible-core and what the tarball requires."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(collection.collections),
    }
    examples = collection.tree / "examples"
    inventory = examples / "inventory.yml"
    playbooks = sorted({*examples.glob("*.yml"), *(collection.tree / "playbooks").glob("*.yml")} - {inventory})
    command = [str(collection.bin / "ansible-playbook"), "-i", str(inventory), "--syntax-check", *map(str, playbooks)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line] == [f"playbook: {path}" for path in playbooks]
