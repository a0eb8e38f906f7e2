# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a user has it: the built tarball, installed; beside it ansible-core and its requirements alone."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
REQUIREMENTS = "meta/requirements.txt"


@dataclass(frozen=True)
class Installed:
    """`collections` is a path for ANSIBLE_COLLECTIONS_PATH, `bin` holds Ansible's commands."""

    tarball: Path
    collections: Path
    bin: Path

    @property
    def tree(self) -> Path:
        return self.collections / "ansible_collections/vwan/user_vpn"


def build(folder: Path) -> Path:
    """The tarball, as `make build` makes it."""
    _galaxy(folder, "build", "--output-path", str(folder), str(ROOT))
    [tarball] = folder.glob("vwan-user_vpn-*.tar.gz")
    return tarball


def install(tarball: Path, folder: Path) -> Installed:
    """As a user does it, in `folder`; the Python packages are those of the requirements that the tarball holds."""
    collections = folder / "collections"
    _galaxy(folder, "install", "--offline", str(tarball), "-p", str(collections))
    installed = Installed(tarball, collections, folder / "python/bin")
    lines = (installed.tree / REQUIREMENTS).read_text().splitlines()
    _environment(folder / "python", ["ansible-core", *(line for line in lines if line and not line.startswith("#"))])
    return installed


def _galaxy(folder: Path, *arguments: str) -> None:
    """Ansible knows of no other collections, or it would find ours installed already."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "ANSIBLE_COLLECTIONS_PATH": f"{folder}/collections"}
    command = [str(BIN / "ansible-galaxy"), "collection", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment)


def _environment(folder: Path, requirements: list[str]) -> None:
    """A virtual environment with these alone. They are links to what is here already, so nothing is downloaded."""
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    for found in _needed(requirements):
        names = {Path(str(path)).parts[0] for path in found.files or ()} - {"..", "__pycache__"}
        for name in names:
            source = Path(str(found.locate_file(name)))
            if source.exists() and not (packages / name).exists():
                (packages / name).symlink_to(source)
    for name, module in (("ansible", "adhoc"), ("ansible-playbook", "playbook"), ("ansible-inventory", "inventory")):
        program = folder / "bin" / name
        program.write_text(f"#!{folder}/bin/python\nfrom ansible.cli.{module} import main\nmain()\n")
        program.chmod(0o755)


def _needed(requirements: list[str]) -> list[Distribution]:
    """What pip would install for these, out of what is installed here."""
    found: dict[str, Distribution] = {}
    done = set()
    todo = [Requirement(line) for line in requirements]
    while todo:
        wanted = todo.pop()
        if str(wanted) in done:
            continue
        done.add(str(wanted))
        here = distribution(wanted.name)
        assert wanted.specifier.contains(here.version, prereleases=True), f"{wanted}, but {here.version} is here"
        found[here.name] = here
        for line in here.requires or ():
            inner = Requirement(line)
            extras = [{"extra": extra} for extra in wanted.extras] or [{"extra": ""}]
            if inner.marker is None or any(inner.marker.evaluate(extra) for extra in extras):
                todo.append(inner)
    return list(found.values())
