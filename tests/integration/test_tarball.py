# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users get: all that they need, nothing else, and every file that a page or an example names."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.integration.installed import REQUIREMENTS, ROOT, Installed
from ansible_collections.vwan.user_vpn.tests.tools import tree

# Made by ansible-galaxy; for people; for Ansible and ansible-builder.
FILES = {"MANIFEST.json", "FILES.json", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
FILES |= {"SECURITY.md", "CODE_OF_CONDUCT.md", "changelogs/changelog.yaml"}
# All that git has in these.
FOLDERS = ("docs", "examples", "meta", "playbooks", "plugins", "roles")
LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
INVENTORY = re.compile(r"^\*\*5\. .*?```yaml\n(.*?)```", re.MULTILINE | re.DOTALL)


def test_it_holds_what_users_need_and_nothing_else(collection: Installed) -> None:
    with tarfile.open(collection.tarball) as tarball:
        assert {member.name for member in tarball if not member.isdir()} == FILES | set(tree.files(*FOLDERS))
        assert [member.name for member in tarball if not (member.isfile() or member.isdir())] == []


def anchors(page: Path) -> set[str]:
    """As GitHub names them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(page.read_text())}


def test_no_page_in_it_has_a_dead_link(collection: Installed) -> None:
    pages = sorted(collection.tree.rglob("*.md"))
    links = {
        (page, *found) for page in pages if page.name != "CHANGELOG.md" for found in LINK.findall(page.read_text())
    }
    assert len(links) > 20
    dead = []
    for page, name, anchor in links:
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append((page.name, name, anchor))
    assert dead == []


def test_users_are_told_of_the_python_packages(collection: Installed) -> None:
    told = f"pip install -r ~/.ansible/collections/ansible_collections/vwan/user_vpn/{REQUIREMENTS}"
    assert told in (collection.tree / "README.md").read_text()


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


def test_the_inventory_of_the_readme_is_the_example() -> None:
    block = INVENTORY.search((ROOT / "README.md").read_text())
    assert block
    assert (ROOT / "examples/inventory.yml").read_text().endswith(block[1])
