# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action profile_package_info, and what its documentation promises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._package import read_package
from ansible_collections.vwan.user_vpn.plugins.modules import profile_package_info
from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package, gateway_root
from ansible_collections.vwan.user_vpn.tests.unit.actions import make_action, run_action
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import OLD


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "package.zip"
    file.write_bytes(build_package([OLD.der]))
    return file


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("diff", [False, True])
def test_it_returns_the_settings_and_changes_nothing(package: Path, check: bool, diff: bool) -> None:
    before = package.read_bytes()
    for _run in range(2):
        result = run_action("profile_package_info", {"path": str(package)}, check=check, diff=diff)
        assert result == {"changed": False, "failed": False, "settings": read_package(package).settings()}
        json.dumps(result)
    assert [entry.name for entry in package.parent.iterdir()] == ["package.zip"]
    assert package.read_bytes() == before


def test_a_relative_path_and_a_home_path(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(package.parent)
    monkeypatch.setenv("HOME", str(package.parent))
    for path in ("package.zip", "./package.zip", "~/package.zip"):
        assert run_action("profile_package_info", {"path": path})["failed"] is False


def test_warnings_reach_the_user_with_the_path(tmp_path: Path) -> None:
    expired = gateway_root("Synthetic Test Root Expired", not_after=datetime(2021, 1, 1, tzinfo=UTC))
    file = tmp_path / "package.zip"
    file.write_bytes(build_package([expired.der]))
    result = run_action("profile_package_info", {"path": str(file)})
    (warning,) = result["warnings"]
    assert result["failed"] is False
    assert f"{file}: The gateway root 'CN=Synthetic Test Root Expired" in warning
    assert "expired on 2021-01-01" in warning


def test_an_error_is_a_failed_result_in_one_sentence(tmp_path: Path) -> None:
    result = run_action("profile_package_info", {"path": str(tmp_path)})
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["msg"].startswith(f"{tmp_path}: The package has no Generic folder")
    assert "settings" not in result


@pytest.mark.parametrize("args", [{}, {"path": "x", "dest": "y"}, {"path": None}])
def test_wrong_arguments(args: dict[str, str | None]) -> None:
    assert run_action("profile_package_info", args)["failed"] is True


def test_the_documentation_names_every_option_and_result(package: Path) -> None:
    action = make_action("profile_package_info", {"path": str(package)})
    documented = yaml.safe_load(profile_package_info.DOCUMENTATION)
    assert documented["options"].keys() == action.ARGUMENT_SPEC.keys()
    found = run_action("profile_package_info", {"path": str(package)})["settings"]
    returned = yaml.safe_load(profile_package_info.RETURN)["settings"]
    assert list(returned["contains"]) == list(returned["sample"]) == list(found)
    documented_root = returned["contains"]["gateway_roots"]["contains"]
    assert list(documented_root) == list(returned["sample"]["gateway_roots"][0]) == list(found["gateway_roots"][0])
    types = {"str": str, "list": list, "bool": bool, "dict": dict}
    for name, described in returned["contains"].items():
        assert isinstance(found[name], types[described["type"]])
        assert isinstance(returned["sample"][name], types[described["type"]])
