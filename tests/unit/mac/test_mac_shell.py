# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the sh of a Mac is joined, and that its two halves agree; what runs once for each Mac imports nothing heavy."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import shell
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import KEYS
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.releases import RELEASES, release
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import VERBS, Exec, script
from ansible_collections.vwan.user_vpn.tests.lab import macos

PLUGINS = Path(shell.__file__).resolve().parents[2]
ANSWERING = [verb for verb in VERBS if verb not in ("evidence", "linger")]


def test_every_file_is_part_of_something() -> None:
    used = {"base", "end"} | {part for parts in VERBS.values() for part in parts}
    assert used == {path.stem for path in shell.FOLDER.glob("*.sh")}
    assert {parts[-1] for parts in VERBS.values()} == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_what_travels_is_the_script_without_its_comments(verb: str) -> None:
    assert not any(line.lstrip().startswith("#") for line in script(verb).split("\n"))
    assert script(verb).count("\nact() {") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_joined_they_are_whole(verb: str) -> None:
    """One by one the files use what others define; joined nothing may be missing."""
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is missing; requirements/test.txt brings it")
    command = [program, "--shell=sh", "--exclude=SC2016,SC2034,SC2329", "-"]
    done = subprocess.run(command, input=script(verb), capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_both_halves_know_the_same_keys() -> None:
    text = "\n".join(script(verb) for verb in ANSWERING)
    said = set(re.findall(r"\bsay (\w+)", text))  # say KEY ...
    said |= set(re.findall(r"[\"'/](\w+)=(?:%s|\\1|/p|\$|\")", text))  # awk's and sed's own lines
    assert said == set(KEYS)


def test_an_argument_is_what_it_is() -> None:
    """Whatever is in it, and it is nobody's command."""
    value = "a b  'c' \"d\" $(touch x) `touch x` ; \\ * = e\n\tf"
    verb = Exec("know", {"identifier": value, "scope": "System", "check": 1})
    first, second, text, *words = verb.command("m")
    text = text.split("tab=")[0] + 'printf %s "$identifier"'
    done = subprocess.run([first, second, text, *words], input=b"\n", capture_output=True, check=True)
    assert done.stdout.decode() == value
    assert not Path("x").exists()


def test_an_argument_that_is_missing_stops_the_run_before_anything_is_done() -> None:
    done = subprocess.run(Exec("stage", {}).command("m"), input=b"\n", capture_output=True, check=False)
    assert done.returncode != 0
    assert b"identifier" in done.stderr
    assert done.stdout == b""


def test_nothing_to_send_is_a_line_feed() -> None:
    assert Exec("know", {}).sent == b"\n"
    assert "length=1" in Exec("know", {}).command("m")
    assert "length=3" in Exec("stage", {}, b"abc").command("m")


# -- releases --------------------------------------------------------------------------------------------------------


def test_the_lab_knows_the_same_releases() -> None:
    for row in macos.RELEASES.values():
        ours = release(row.version)
        assert ours.major == row.number[0]
        assert ours.shortcuts == row.shortcuts
        assert ours.pane.startswith("/") == row.pane_by_path
        assert ours.profiles_place.startswith(f"{row.settings_app} > ")
        assert ours.vpn_place.startswith(f"{row.settings_app} > ")


@pytest.mark.parametrize(
    ("version", "major"),
    [
        ("10.15.7", 11),
        ("12", 12),
        ("12.7.6", 12),
        ("16.0", 15),
        ("27.1", 27),
        ("9999.1", 27),
        ("", 27),
        ("9" * 5000, 27),
    ],
)
def test_a_release_without_a_row_has_the_one_before(version: str, major: int) -> None:
    assert release(version).major == major
    assert [row.major for row in RELEASES] == sorted(row.major for row in RELEASES)


# -- imports ---------------------------------------------------------------------------------------------------------

HEAVY = {"cryptography", "sqlite3", "psycopg", "sqlalchemy", "azure", "msal", "requests"}
# It reads certificates and repacks identities.
NEEDS_THE_LIBRARY = {"mac_certificate"}


def imports(path: Path) -> Iterator[str]:
    """What a file imports as it is loaded, as absolute names below `plugins` or of others."""
    for node in _executed(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(PLUGINS).parts[: -node.level] if node.level else ()
            base = ".".join((*package, *(node.module.split(".") if node.module else ())))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.Try):
            yield from _executed([*node.body, *node.orelse])
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node


def loaded(path: Path, seen: set[Path]) -> set[str]:
    """Everything that comes with a file."""
    seen.add(path)
    found = set(imports(path))
    for name in list(found):
        there = PLUGINS / name.replace(".", "/")
        for file in (there.with_suffix(".py"), there / "__init__.py"):
            if file.is_file() and file not in seen:
                found |= loaded(file, seen)
    return found


@pytest.mark.parametrize("action", sorted(path.stem for path in (PLUGINS / "action").glob("mac_*.py")))
def test_what_runs_once_for_each_mac_imports_nothing_heavy(action: str) -> None:
    heavy = {name.split(".")[0] for name in loaded(PLUGINS / "action" / f"{action}.py", set())} & HEAVY
    assert heavy == ({"cryptography"} if action in NEEDS_THE_LIBRARY else set())


def test_what_runs_once_for_each_mac_loads_nothing_heavy() -> None:
    """In an interpreter of its own, beyond what core's own action plugins load: our packages are the light ones, and
    no reader of profiles or keys."""
    program = """if True:
        import sys
        import ansible.errors, ansible.module_utils.common.arg_spec, ansible.plugins.action
        before = set(sys.modules)
        from importlib import import_module
        for name in ("mac_profile", "mac_key", "mac_connection", "mac_info"):
            import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{name}")
        print(*sorted(set(sys.modules) - before))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    ours = {name.partition("module_utils.")[2] for name in names if "module_utils." in name}
    packages = {name for name in ours if name.startswith("_") and not name.startswith("_mac.")}
    assert packages == {
        "_documents", "_errors", "_files", "_fleet", "_fleet.variables", "_mac", "_secrets", "_text",
        "_mobileconfig", "_mobileconfig.errors", "_mobileconfig.names",
        "_x509", "_x509.der", "_x509.text",
    }  # fmt: skip
    assert not {name.split(".")[0] for name in names} & (HEAVY | {"ssl"})


def test_the_mac_knows_nothing_of_ansible() -> None:
    for path in (PLUGINS / "module_utils/_mac").glob("*.py"):
        assert not [name for name in loaded(path, set()) if name.split(".")[0] == "ansible"], path
