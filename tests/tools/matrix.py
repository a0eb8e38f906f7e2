# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test-matrix`: a target of the Makefile with each Python of this machine and each ansible-core that works there.

The pairs are those of .github/workflows/test.yml, with the newest cryptography. Each runs in a copy of the tree, so
that the environment in .venv stays what it is. A Python that is not here is named.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.vwan.user_vpn.tests.tools import tree

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github/workflows/test.yml"
RELEASE = re.compile(r"\d+")


def pairs(matrix: dict[str, Any]) -> list[tuple[str, str]]:
    """(Python, ansible-core), oldest first, as GitHub makes them of a matrix."""
    names = ("python", "ansible-core")
    excluded = [{name: entry[name] for name in names if name in entry} for entry in matrix.get("exclude", [])]
    found = {
        pair
        for pair in itertools.product(*(matrix[name] for name in names))
        if not any(entry.items() <= dict(zip(names, pair, strict=True)).items() for entry in excluded)
    }
    found |= {(entry["python"], entry["ansible-core"]) for entry in matrix.get("include", [])}
    return sorted(found, key=lambda pair: [list(map(int, RELEASE.findall(release))) for release in pair])


def interpreter(version: str) -> str | None:
    """A Python of this version that starts and can make environments: of the system, or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [
        shutil.which(f"python{version}"),
        *map(str, sorted(pyenv.glob(f"versions/{version}*/bin/python{version}"))),
    ]
    # pyenv's shims seem to be interpreters: what counts is the path that one tells.
    ask = "import ensurepip, sys, venv; print(sys.version_info[:2], sys._base_executable, sep='|')"
    for program in filter(None, found):
        done = subprocess.run([program, "-c", ask], capture_output=True, text=True, check=False)
        said, _bar, path = done.stdout.strip().partition("|")
        if said == f"({version.replace('.', ', ')})":
            return path
    return None


def environment() -> Iterator[tuple[str, str]]:
    """Without what the make that runs this has told us."""
    ours = ("ANSIBLE_", "PYTHON", "MAKE", "MFLAGS")
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not part.startswith(str(ROOT)))
    yield from ((name, value) for name, value in os.environ.items() if not name.startswith(ours))
    yield "PATH", path


def main(target: str = "unit") -> int:
    matrix = yaml.safe_load(WORKFLOW.read_text())["jobs"]["linux"]["strategy"]["matrix"]
    failed = []
    for python, core in pairs(matrix):
        name = f"Python {python}, ansible-core {core}"
        path = interpreter(python)
        if not path:
            print(f"absent {name}: no python{python} with venv on this machine", flush=True)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            tree.copy(Path(scratch))
            subprocess.run(["git", "init", "--quiet"], cwd=scratch, check=True)
            subprocess.run(["git", "add", "--all"], cwd=scratch, check=True)
            command = ["make", target, f"PYTHON={path}", f"ANSIBLE_CORE={core}"]
            done = subprocess.run(
                command, cwd=scratch, env=dict(environment()), capture_output=True, text=True, check=False
            )
        last = done.stdout.strip().splitlines()[-1:] or ["nothing was said"]
        print(f"{'FAILED' if done.returncode else 'ok    '} {name}: {last[0]}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout + done.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
