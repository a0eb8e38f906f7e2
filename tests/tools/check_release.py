# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what is in the way of a release: the tag, galaxy.yml, pyproject.toml and the changelog have to agree."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def faults(version: str, root: Path = ROOT) -> Iterator[str]:
    galaxy = yaml.safe_load((root / "galaxy.yml").read_text())["version"]
    if galaxy != version:
        yield f"galaxy.yml has version {galaxy}, the tag is {version!r}"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if project != galaxy:
        yield f"pyproject.toml has version {project}, galaxy.yml {galaxy}"
    releases = yaml.safe_load((root / "changelogs/changelog.yaml").read_text())["releases"]
    if galaxy not in releases:
        yield f"changelogs/changelog.yaml knows no {galaxy}: run antsibull-changelog release"
    elif "release_summary" not in releases[galaxy].get("changes", {}):
        yield f"changelogs/changelog.yaml has no release_summary for {galaxy}"
    if f'<a id="v{galaxy.replace(".", "-")}"></a>' not in (root / "CHANGELOG.md").read_text():
        yield f"CHANGELOG.md has no {galaxy}: run antsibull-changelog generate"
    for path in sorted((root / "changelogs/fragments").glob("*.y*ml")):
        yield f"changelogs/fragments/{path.name} is in no release yet"


def main(version: str) -> int:
    found = list(faults(version))
    print("\n".join(found) or f"{version} can be released")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
