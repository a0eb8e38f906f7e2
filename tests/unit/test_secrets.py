# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action does for its secrets: each is registered for masking, and no error about options quotes one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._secrets import names_secret, without_credentials
from ansible_collections.vwan.user_vpn.plugins.plugin_utils import _action
from ansible_collections.vwan.user_vpn.tests.unit.actions import make_action, run_action
from ansible_collections.vwan.user_vpn.tests.unit.arguments import ACTIONS, COMPLETE, SAS_URL, specification
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki, root_entry

PLANTED = "pl4nted-s3cret"
GATEWAY_ROOT = Pki().gateway_root
Place = tuple[str, tuple[str, ...]]


def places(spec: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, rules in spec.items():
        if rules.get("no_log"):
            yield (*above, name)
        yield from places(rules.get("options", {}), (*above, name))


# What a specification marks, and what stands in options that take anything.
MARKED: list[Place] = [(action, place) for action in ACTIONS for place in places(specification(action))]
INSIDE: list[Place] = [
    ("client_certificates", ("clients", "source_password")),
    ("mobileconfig", ("ikev2", "SharedSecret")),
    ("mobileconfig", ("macs", "ikev2", "SharedSecret")),
]


def planted(action: str, place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Arguments that are complete, and hold `value` in that place."""
    arguments = dict(COMPLETE[action])
    if place == ("export_password",):
        arguments["export_dir"] = "export"
    if action == "client_certificates" and place[0] == "clients":
        return arguments | {"clients": [{"name": "mac-01", place[1]: value}]}
    if action == "mobileconfig":
        arguments |= {"settings": {"vpn_server": "gateway.example.com", "gateway_roots": [root_entry(GATEWAY_ROOT)]}}
    if place[0] == "macs":
        (mac,) = arguments["macs"]
        return arguments | {"macs": [put(mac, place[1:], value)]}
    return put(arguments, place, value)


def put(values: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    if len(place) == 1:
        return values | {place[0]: value}
    beside = {
        "sign_with": {"certificate": "signer.pem", "key": "signer.key"},
        "scep": {"url": "https://pki.example.com", "subject": "/CN=mac-01"},
    }
    inside = {} if place[1] == "scep" else values.get(place[0], beside.get(place[0], {}))
    return values | {place[0]: put(inside, place[1:], value)}


def told(result: dict[str, Any]) -> dict[str, Any]:
    """What is wrong with one Mac alone is in its entry."""
    return result | result.get("macs", {}).get("mac-01", {})


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ansible-core 2.22 is told to mask."""
    found: list[str] = []
    monkeypatch.setattr(_action, "register_secret", found.append)
    return found


def idle(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    module = importlib.import_module(f"ansible_collections.vwan.user_vpn.plugins.action.{action}")
    monkeypatch.setattr(module.ActionModule, "perform", lambda *_arguments: {})


@pytest.mark.parametrize(("action", "place"), MARKED + INSIDE)
def test_each_secret_is_registered_for_masking(
    action: str, place: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, registered: list[str]
) -> None:
    idle(monkeypatch, action)
    result = run_action(action, planted(action, place, PLANTED))
    assert not result["failed"], result
    assert PLANTED in registered


def test_nothing_else_is_registered(monkeypatch: pytest.MonkeyPatch, registered: list[str]) -> None:
    for action in ACTIONS:
        idle(monkeypatch, action)
        run_action(action, {name: value for name, value in COMPLETE[action].items() if value != "<plist/>"})
    assert registered == [SAS_URL, SAS_URL, "a password", "a password"]


def test_the_secrets_of_the_environment_are_registered(monkeypatch: pytest.MonkeyPatch, registered: list[str]) -> None:
    names = ("AZURE_SECRET", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD")
    for number, name in enumerate(names):
        monkeypatch.setenv(name, f"{PLANTED}-{number}")
    monkeypatch.setenv("HTTPS_PROXY", "http://a#b@c")
    run_action("server_configuration_info", COMPLETE["server_configuration_info"])
    assert registered == [f"{PLANTED}-{number}" for number in range(len(names))]


def test_the_secret_of_a_profile_is_registered(registered: list[str], tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"[macs]\ntenant=no tenant\nclient_id=c\nsecret={PLANTED}\n")
    sign_in = {"profile": "macs", "credential_file": str(file), "subscription_id": "s"}
    result = run_action("server_configuration_info", {**COMPLETE["server_configuration_info"], **sign_in})
    assert "tenant must be the directory's id" in result["msg"]
    assert PLANTED in registered and PLANTED not in str(result)


@pytest.mark.parametrize(("action", "place"), MARKED + INSIDE[:1])
def test_a_secret_is_a_string(action: str, place: tuple[str, ...]) -> None:
    """A number or truth value is what YAML has made of something else: 0123 is 83 there."""
    for value in ([PLANTED], {PLANTED: PLANTED}, [[PLANTED]], 83, True, 1.5):
        result = told(run_action(action, planted(action, place, value)))
        assert result["failed"]
        assert f"{place[-1]}" in result["msg"]
        assert "must be a string: put it in quotes" in result["msg"]
        assert PLANTED not in str(result)


@pytest.mark.parametrize(("action", "place"), MARKED)
def test_a_secret_in_another_encoding(action: str, place: tuple[str, ...]) -> None:
    """As Python reads an environment that is in Latin-1."""
    result = told(run_action(action, planted(action, place, b"pl4nt\xe9d".decode(errors="surrogateescape"))))
    assert result["failed"]
    assert "cannot be used, for it holds half a character" in result["msg"]
    assert "pl4nt" not in str(result)


@pytest.mark.parametrize(("action", "place"), [(action, place) for action, place in MARKED if len(place) > 1])
def test_what_holds_a_secret_has_its_form(action: str, place: tuple[str, ...]) -> None:
    """Core's own message would quote the whole value."""
    option = place[0]
    for value in ([[{place[1]: PLANTED}]], [83, PLANTED], f"{{{PLANTED}", PLANTED, f"{place[1]}={PLANTED}, {PLANTED}"):
        result = run_action(action, COMPLETE[action] | {option: value})
        assert result["failed"]
        assert option in result["msg"]
        assert PLANTED not in str(result)


URL = f"https://user:{PLANTED}@account.blob.core.windows.net/c/package.zip?sig={PLANTED}"
PATHS = [
    (action, option)
    for action in ACTIONS
    for option, rules in specification(action).items()
    if rules["type"] == "path" or rules.get("elements") == "path"
]


@pytest.mark.parametrize(("action", "option"), PATHS)
def test_a_url_is_no_path(action: str, option: str) -> None:
    for url in (URL, f" {URL}", f"sftp://{PLANTED}@host/x", f"postgresql://u:{PLANTED}@host/db"):
        value = [url] if specification(action)[option]["type"] == "list" else url
        result = run_action(action, COMPLETE[action] | {option: value}, execute=no_mac)
        assert result["failed"], result
        assert PLANTED not in str(result)


def test_a_url_in_the_sources_of_a_client() -> None:
    for source in ("pkcs12_source", "certificate_source", "key_source"):
        result = run_action(
            "client_certificates", COMPLETE["client_certificates"] | {"clients": [{"name": "a", source: URL}]}
        )
        assert "A URL is given where a file or folder on the controller is wanted" in result["msg"]
        assert PLANTED not in str(result)


def no_mac(*_arguments: Any, **_more: Any) -> dict[str, Any]:
    return {"rc": 1, "stdout": "", "stderr": ""}


def test_an_error_nobody_foresaw_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("ansible_collections.vwan.user_vpn.plugins.action.ledger_info")

    def broken(*_arguments: Any, **_more: Any) -> Any:
        raise KeyError(PLANTED)

    monkeypatch.setattr(module, "place_of", broken)
    action = make_action("ledger_info", COMPLETE["ledger_info"])
    del action._fault  # the real one again
    result = action.run(None, {})
    assert result["failed"] and not result["changed"]
    assert "KeyError in ledger_info.py, line " in result["msg"]
    (shown,) = (call.args[0] for call in action._display.vvv.call_args_list)
    assert "in perform" in shown and "raise KeyError(PLANTED)" in shown
    assert PLANTED not in str(result) + shown


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("see https://x.example/a?sig=S&se=1 for more", "see https://x.example/a for more"),
        ("'http://user:p@ss@proxy:8080/'", "'http://proxy:8080/'"),
        ("http://user:S#S@proxy", "http://proxy"),
        ("http://user:S/S@proxy and postgresql://u:S@h/db", "http://proxy and postgresql://h/db"),
        ("http://S?S", "http://S"),
        ("no address: a@b, x://", "no address: a@b, x://"),
    ],
)
def test_urls_without_credentials(text: str, left: str) -> None:
    assert without_credentials(text) == left


def test_names_of_secrets() -> None:
    for name in ("passphrase", "pkcs12_password", "SharedSecret", "AuthPassword", "PPK", "client_secret", "token"):
        assert names_secret(name)
    for name in ("path", "key", "identifier", "certificate"):
        assert not names_secret(name)
