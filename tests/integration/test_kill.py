# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook killed at any moment: the next run converges, and nothing is half-written or lost."""

from __future__ import annotations

import contextlib
import plistlib
import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.conftest import SOAK
from ansible_collections.vwan.user_vpn.tests.integration.killing import kill_all
from ansible_collections.vwan.user_vpn.tests.integration.site import Site

MACS = ("mac-anna", "mac-ben", "mac-chris")


def kill_after(site: Site, seconds: float) -> bool:
    """Start the site playbook and kill it with all its workers. Returns whether it was still running."""
    record = site.folder / "killed.jsonl"
    record.touch()
    run: subprocess.Popen[str] = subprocess.Popen(
        site.command(),
        cwd=site.folder,
        env=site.environment({}, record),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        return kill_all(run, record)
    return False


def assert_whole(site: Site) -> None:
    """Every file that is there under its own name is whole."""
    for path in site.profiles.glob("*.mobileconfig"):
        plistlib.loads(path.read_bytes())
    with contextlib.closing(sqlite3.connect(site.pki)) as database:  # a writer: it rolls back what the kill has left
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def converge(site: Site) -> None:
    run = site.play()
    assert run.returncode == 0, run.output
    for mac in site.lab.macs.values():
        assert run.of("mac_profile", mac.name)["status"] == "installed"
    assert site.play().changed() == set()
    assert site.sql("SELECT state, count(*) FROM certificates GROUP BY state") == [("issued", 1 + len(MACS))]
    for path in [*site.folder.glob("pki.db*"), *site.profiles.rglob("*")]:
        assert not path.name.endswith((".tmp", "-journal")), f"{path} was left behind"


@pytest.mark.soak("1", "2")
@pytest.mark.parametrize("seed", range(30 if SOAK else 3))
def test_a_killed_run_converges(site: Site, seed: int) -> None:
    for name in MACS:
        site.lab.add_mac(name)
    # From before the first write to the middle of the delivery.
    moment = random.Random(seed).uniform(1.0, 5.0)
    started = time.monotonic()
    killed = kill_after(site, moment)
    assert killed or time.monotonic() - started < moment
    if site.pki.exists():
        assert_whole(site)
    converge(site)


def test_a_disk_that_is_full(site: Site, tmp_path: Path) -> None:
    """Writing stops in the middle; a limit on the size of files does the same as a full disk."""
    site.lab.add_mac("mac-anna")
    command = ["/bin/sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *site.command("--tags", "certificates")]
    record = tmp_path / "record.jsonl"
    record.touch()
    full = subprocess.run(
        command, cwd=site.folder, env=site.environment({}, record), capture_output=True, text=True, check=False
    )
    assert full.returncode != 0
    if site.pki.exists():
        assert_whole(site)
    run = site.play()
    assert run.returncode == 0, run.output
    assert run.of("mac_profile")["status"] == "installed"
