# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tunnel lab needs, what it installs, and what it says when it cannot. Needs neither root nor strongSwan."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import WHY_NOT
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority, demo, requirements

PACKAGES = " ".join(requirements.APT_PACKAGES)
# A program that writes down how it was called; the first `apt-get install` fails, for want of package lists.
RECORDER = """#!/bin/sh
echo "${0##*/} $*" >> "$RECORD"
[ "$(grep -c 'apt-get .*install' "$RECORD")" != 1 ]
"""


def test_the_tunnels_can_be_tested_here() -> None:
    """The one line for all tests with real tunnels when there are none."""
    if WHY_NOT:
        pytest.skip(f"no test with a real tunnel ran: {WHY_NOT}")


def test_requirements_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in requirements.missing()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "program", lambda name: None if name == "swanctl" else f"/bin/{name}")
    monkeypatch.setattr(requirements, "_PLUGINS", ())
    assert requirements.missing() == f"the tunnel lab lacks swanctl: apt-get install {PACKAGES}"


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What would have been called on a Debian without strongSwan."""
    record = tmp_path / "record"
    for name in ("apt-get", "systemctl"):
        (tmp_path / name).write_text(RECORDER)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("RECORD", str(record))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "_absent", lambda: ["charon-systemd"])
    return record


def test_packages_are_installed_and_no_service_is_started(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(requirements, "program", lambda name: None if name == "charon-systemd" else f"/bin/{name}")
    assert "lacks charon-systemd" in requirements.install()
    called = [line.split() for line in record.read_text().splitlines()]
    assert [(words[0], words[1] if words[0] == "systemctl" else words[2]) for words in called] == [
        ("systemctl", "mask"),  # before apt, whose scripts would start it
        ("apt-get", "install"),
        ("apt-get", "update"),
        ("apt-get", "install"),
        ("systemctl", "unmask"),
        ("systemctl", "disable"),
    ]
    assert called[-1][-1] == "strongswan.service"
    assert PACKAGES in " ".join(called[3])
    assert f"apt-get install {PACKAGES}" in capsys.readouterr().out


def test_a_strongswan_that_was_there_is_left_alone(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "program", lambda name: f"/bin/{name}")
    requirements.install()
    assert "systemctl" not in record.read_text()


def test_nothing_is_installed_without_root(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in requirements.install()
    assert not record.exists()


def test_the_demo_says_in_one_line_why_there_are_no_tunnels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(requirements, "install", lambda: "the tunnel lab lacks swanctl: apt-get install it")
    with demo.tunnels("gateway.example", authority.new_root("root"), {}) as real:
        assert real is None
    assert capsys.readouterr().out == ""  # the demo says it at its end


def test_as_a_program_it_says_what_is_missing(tmp_path: Path) -> None:
    """`make test` and the documentation call it so; it needs no package of this project."""
    done = subprocess.run(
        ["python3", requirements.__file__],
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("the tunnel lab ")
