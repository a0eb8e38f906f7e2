# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the tarball and has Galaxy's own importer look at it, as it does when a release is published.

`check_import.py BIN`: where the importer, ansible-doc and ansible-lint are. A warning is a fault, too. What it would
do in containers (ansible-test sanity) `make sanity` does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAULT = re.compile(r"^(WARNING|ERROR|CRITICAL)", re.MULTILINE)


def main(folder: str) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": scratch, "LANG": "C.UTF-8"}
        environment |= {"GALAXY_IMPORTER_CONFIG": os.devnull}  # its defaults, not those of whoever runs this
        build = [f"{folder}/ansible-galaxy", "collection", "build", "--output-path", scratch, str(ROOT)]
        subprocess.run(build, cwd=scratch, env=environment, check=True, capture_output=True)
        [tarball] = Path(scratch).glob("*.tar.gz")
        done = subprocess.run(
            [f"{folder}/python", "-m", "galaxy_importer.main", str(tarball)],
            cwd=scratch,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    print(done.stdout)
    return 1 if done.returncode or FAULT.search(done.stdout) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
