# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all actions do with their options before any of them looks at one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

ACTIONS = sorted(path.stem for path in (Path(__file__).parents[2] / "plugins/action").glob("*.py"))
ACTIONS_OF = "ansible_collections.vwan.user_vpn.plugins.action"
ENDLESS: tuple[Any, ...] = (
    "9" * 5000, 10**5000, -(10**5000), 10**12, "1e999999999", "-1E999999999", "inf", "nan", float("inf"), float("nan")
)  # fmt: skip


def options(*kinds: str) -> Iterator[tuple[str, str]]:
    for name in ACTIONS:
        module = importlib.import_module(f"{ACTIONS_OF}.{name}")
        for option, rules in module.ActionModule.ARGUMENT_SPEC.items():
            if rules["type"] in kinds:
                yield name, option


@pytest.mark.parametrize(("action", "option"), list(options("int")))
def test_a_number_without_end(action: str, option: str) -> None:
    for value in ENDLESS:
        result = run_action(action, {option: value})
        assert result["failed"]
        assert result["msg"] == f"{option} is too large: give a number below 1000000000"


@pytest.mark.parametrize(("action", "option"), list(options("dict", "list", "raw")))
def test_a_value_without_end(action: str, option: str) -> None:
    itself: list[Any] = []
    itself.append({"itself": itself})
    deep: list[Any] = []
    for _level in range(100_000):
        deep = [deep]
    for value in (itself, deep, [10**5000], {"a": [10**5000]}):
        result = run_action(action, {option: value})
        assert result["failed"]
        # What one host's entry holds is found in that entry, once its host is known.
        one_by_one = option == importlib.import_module(f"{ACTIONS_OF}.{action}").ActionModule.HOSTS
        said = (" cannot be used, for it holds ", *[" must hold names", "[1]: missing required"][: 2 * one_by_one])
        assert result["msg"].startswith(tuple(f"{option}{each}" for each in said))


@pytest.mark.parametrize(("action", "option"), list(options("path", "list")))
def test_a_path_that_none_can_be(action: str, option: str) -> None:
    module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{action}")
    if "path" in module.ActionModule.ARGUMENT_SPEC[option].values():
        result = run_action(action, {option: "a\0b"})
        assert result["failed"]
        assert result["msg"] == f"{option} cannot be used, for no path holds a null character"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a" * 300, "cannot be reached: File name too long."),
        ("a/" * 3000, "cannot be reached: File name too long."),
        ("~no-such-account/a", "names the home of an account that does not exist."),
    ],
)
def test_a_path_that_leads_nowhere(path: str, expected: str) -> None:
    for action, option in (("profile_package_info", "path"), ("root_certificate", "pki"), ("mac_profile", "src")):
        assert run_action(action, {option: path})["msg"].endswith(expected)


def test_a_path_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    result = run_action("profile_package_info", {"path": str(tmp_path / "a/c")})
    assert "cannot be reached: Too many levels of symbolic links" in result["msg"]


def test_null_means_not_given() -> None:
    mac = {"host": "mac-01", "identity": {"pkcs12_path": None, "certificate_path": "a"}, "scope": None}
    wish = {"settings": {}, "macs": [mac], "dest": "b", "identifier": None, "connection_name": "c"}
    result = run_action("mobileconfig", wish)
    assert result["macs"]["mac-01"]["msg"] == "identifier is missing: set it for all Macs, or for this one."
    result = run_action("mobileconfig", wish | {"identifier": "com.example.vpn"}, check=True)
    assert result["macs"]["mac-01"]["scope"] == "System"
    assert "profile package" in result["macs"]["mac-01"]["msg"]
    assert "scope" not in run_action("mac_profile", {"scope": None, "state": "absent", "identifier": ""})["msg"]
    assert "nonsense" in run_action("mac_profile", {"nonsense": None})["msg"]
    wish = {"resource_group": "a", "vpn_server_configuration": "b"}
    result = run_action("server_configuration", wish | {"roots": [{"name": "c", "sha1": None}]})
    assert "one of the following is required: path, public_cert_data, sha1 found in roots" in result["msg"]
    result = run_action("server_configuration", wish | {"revoked": [{"thumbprint": None}]})
    assert "missing required arguments: thumbprint found in revoked" in result["msg"]


def test_a_value_where_names_with_values_belong() -> None:
    """core's validator ends with a TypeError then."""
    found = 0
    for name, option in options("dict", "list"):
        module = importlib.import_module(f"{ACTIONS_OF}.{name}")
        if "options" in module.ActionModule.ARGUMENT_SPEC[option]:
            found += 1
            for value in (True, 5, [True], [[]], 1.5, ["x", 5]):
                result = run_action(name, {option: value})
                assert result["failed"]
                assert f"{option} must hold names with their values, not" in result["msg"]
            for value in ("x", ["x"]):
                result = run_action(name, {option: value})
                assert result["failed"]
                assert option in result["msg"]
    assert found >= 5


@pytest.mark.parametrize(("action", "option"), list(options("str")))
def test_a_text_that_is_no_unicode(action: str, option: str) -> None:
    result = run_action(action, {option: "half a pair \ud83d"})
    assert result["failed"]
    assert result["msg"] == f"{option} cannot be used, for it holds half a character (U+D800 to U+DFFF)"


@pytest.mark.parametrize("value", ["x" * 100_000, "\x1b[31m", [1], {}, "", "1.5"])
def test_what_is_no_number(value: Any) -> None:
    result = run_action("mac_connection", {"timeout": value})
    assert result["failed"]
    assert result["msg"].isprintable()
    assert len(result["msg"]) <= 2000


def test_a_number_is_a_number_however_it_is_written() -> None:
    for value in (60, "60", " 60 ", 60.0, "6e1"):
        assert "minutes" not in run_action("mac_evidence", {"minutes": value})["msg"]


@pytest.mark.parametrize("option", ["1", "src"])
def test_a_name_that_is_none(option: str) -> None:
    names = {1: "a"} if option == "1" else {"sign_with": {1: "a"}}
    said = run_action("mobileconfig", {"dest": "x", "settings": {}, "macs": [{"host": "a"}], **names})
    assert said["failed"] and said["msg"].startswith("1 is no name of an option")


def test_an_empty_path() -> None:
    """Left out where that may be, and said where not: it would be the folder that Ansible was started in."""
    assert run_action("profile_package_info", {"path": ""})["msg"] == "path is empty: give a path"
    told = run_action("mobileconfig", {"dest": "", "settings": {}, "macs": []})
    assert told["msg"] == "dest is empty: give a path"
    told = run_action("mobileconfig", {"dest": "x", "settings": {}, "macs": [], "client_chain": [""]})
    assert told["msg"] == "client_chain is empty: give a path"
    assert "missing parameter" in run_action("client_certificates", {"export_password": "a", "export_dir": ""})["msg"]
    identity = {"pkcs12_path": "", "password": "x"}
    assert "pkcs12_path is empty" in run_action("mac_certificate", {"identity": identity})["msg"]


def test_an_option_that_there_is_none_of_is_said_with_the_nearest() -> None:
    assert (
        "Unsupported option: identifer; did you mean identifier?" in run_action("mac_info", {"identifer": "a"})["msg"]
    )
    inside = {"dest": "/a", "on_demand": {"on_deman": 1}}
    assert run_action("mobileconfig", inside)["msg"].endswith("Unsupported option: on_demand.on_deman")
    assert run_action("mac_info", {"nothing_like_it": "a"})["msg"].endswith("Unsupported option: nothing_like_it")


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_a_value_of_another_type_is_told_without_names_of_the_inside(value: Any) -> None:
    told = run_action("server_configuration", {"resource_group": "a", "virtual_wan": "b", "append_tags": value})["msg"]
    assert told.endswith(f"a {type(value).__name__} cannot be converted to a bool"), told


@pytest.mark.parametrize(("action", "option"), list(options("str", "path")))
def test_names_with_values_where_a_text_belongs(action: str, option: str) -> None:
    for value, kind in (({"a": 1}, "dictionary"), ([1], "list")):
        told = run_action(action, {option: value})["msg"]
        assert told.startswith((f"{option} must be a text, not a {kind}", f"{option} must be a string: put it in"))
