# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says whether changes that users notice have a fragment for the changelog.

`check_fragments.py BASE` looks at what has changed since the branch left BASE (a branch, tag or commit; what is not
committed counts too). Without BASE it is the last release, a tag X.Y.Z. Before the first one no fragment is needed:
everything is that release, and its summary says so. A change that nobody notices has a fragment with the section
`trivial`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTICED = re.compile(r"(plugins|roles|playbooks|meta)/(?!.*README\.md$)")
# A release takes the fragments away.
TOLD = re.compile(r"changelogs/(fragments/[^/]+\.ya?ml|changelog\.yaml)$")
RELEASE = re.compile(r"\d+\.\d+\.\d+")


def git(root: Path, *arguments: str) -> list[str]:
    command = ["git", "-c", "core.quotePath=off", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()


def last_release(root: Path) -> str:
    """The tag of the nearest release, or nothing."""
    tags = git(root, "tag", "--merged", "HEAD", "--sort=-creatordate")
    return next((tag for tag in tags if RELEASE.fullmatch(tag)), "")


def changed(root: Path, base: str) -> list[str]:
    [start] = git(root, "merge-base", base, "HEAD")
    return git(root, "diff", "--name-only", start) + git(root, "ls-files", "--others", "--exclude-standard")


def unsaid(paths: Iterable[str]) -> list[str]:
    """What users notice, where no fragment tells them."""
    paths = sorted(set(paths))
    return [] if any(map(TOLD.match, paths)) else [path for path in paths if NOTICED.match(path)]


def main(base: str = "", root: Path = ROOT) -> int:
    released = last_release(root)
    base = base or released
    if not released:
        print("Nothing was released yet: no fragment is needed.")
        return 0
    found = unsaid(changed(root, base))
    if not found:
        print(f"All that users notice since {base} is told to them.")
        return 0
    print(f"Since {base} these have changed: {', '.join(found)}.")
    print("Add a fragment: changelogs/fragments/NAME.yml, a list of sentences under one of the sections of")
    print("changelogs/config.yaml, such as bugfixes; or under trivial, if no user notices it.")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
