# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab` and `make demo`, as people run them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.lab import demo, hold

ROOT = Path(__file__).resolve().parents[3]
MODULE = "ansible_collections.vwan.user_vpn.tests.lab"


@pytest.mark.parametrize("number", [pytest.param(each, id=each.name) for each in (signal.SIGINT, signal.SIGTERM)])
@pytest.mark.soak("SIGTERM")
def test_make_lab(tmp_path: Path, number: signal.Signals) -> None:
    """What it says is to be run runs as it stands, in a shell; Ctrl-C ends all, and leaves nothing."""
    folder = tmp_path / "lab folder"
    command = [sys.executable, "-m", f"{MODULE}.hold", "--folder", str(folder), "--no-tunnels"]
    lab = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert lab.stdout
        said = ""
        while "Ctrl-C" not in said:
            line = lab.stdout.readline()
            assert line, said
            said += line
        assert oct((folder / "environment").stat().st_mode) == "0o100600"
        source, site, *more = [line.strip() for line in said.splitlines() if line.startswith("  ")]
        assert len(more) == 3
        clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        done = subprocess.run(
            ["sh", "-c", f"{source}\n{site} -e user_vpn_wait=3"],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # How many have approved by then is a matter of how busy this machine is.
        assert re.search(r"^5 Macs: .*1 nobody at the screen\. 0 connected\.", done.stdout, re.MULTILINE), done.stdout
        os.killpg(lab.pid, number)
        assert lab.wait(60) == 0
        assert not folder.exists()
    finally:
        if lab.poll() is None:
            os.killpg(lab.pid, signal.SIGKILL)
            lab.wait()
        lab.stdout.close()


def test_every_command_that_make_lab_names_is_there() -> None:
    said = (ROOT / "tests/lab/hold.py").read_text()
    assert (ROOT / "examples/workstations.yml").exists() and "examples/workstations.yml" in said
    assert set(hold.MACS) >= set(demo.MACS)


@pytest.mark.parametrize("missing", ["", "the tunnel lab needs root (network namespaces): run this as root"])
def test_the_demo_concludes_with_what_it_showed_and_ends_with_the_report(missing: str) -> None:
    said = demo.conclusion(12.3, {"mac-anna": 4}, missing)
    assert said.strip().startswith("Done in 12 s. Shown: ")
    assert ("Not shown: tunnels" in said, missing in said) == (bool(missing), True)
    assert said.splitlines()[-1].endswith(".demo/report/report.html")
    [(page, title)] = re.findall(r'(docs/\S+\.md), "([^"]+)"', said)
    assert (ROOT / page).read_text().startswith(f"# {title}\n")


@pytest.mark.soak
def test_make_demo() -> None:
    done = subprocess.run([sys.executable, "-m", f"{MODULE}.demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("The lab is up on 127.0.0.1")
    assert (ROOT / done.stdout.splitlines()[-1].rpartition(" ")[2]).is_file()
