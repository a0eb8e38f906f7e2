# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""root_certificate and client_certificates as a task calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import clients
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import keys
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import PASSPHRASE, PASSWORD, any_key

pytestmark = pytest.mark.usefixtures("quick")

ROOT = {"path": "pki", "passphrase": PASSPHRASE}
CLIENTS = {"path": "pki", "passphrase": PASSPHRASE, "pkcs12_password": PASSWORD}


@pytest.fixture(autouse=True)
def _quick_keys_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keys, "new_key", any_key)
    monkeypatch.chdir(tmp_path)


def test_a_whole_life(tmp_path: Path) -> None:
    def root(**more: Any) -> dict[str, Any]:
        return run_action("root_certificate", ROOT | more.pop("args", {}), diff=True, **more)

    def issue(*names: Any, **more: Any) -> dict[str, Any]:
        args = CLIENTS | {"clients": list(names)} | more.pop("args", {})
        return run_action("client_certificates", args, diff=True, **more)

    seen = []
    for check in (True, False, False, True):
        made = root(check=check)
        given = issue("mac-01", {"name": "mac-02", "sans": ["b.example.com"]}, "bad name", check=check)
        assert made["changed"] == given["changed"] == (len(seen) < 4)
        assert not made["failed"]
        assert not given["failed"]
        assert given["failures"] == ["bad name"]
        assert [w for w in given["warnings"] if "bad-name" in w]
        seen += [made, given]
    assert not seen[0]["sha1"]
    assert seen[2]["sha1"]
    assert set(seen[2]) >= {
        "public_cert_data", "sha1", "sha256", "not_after", "common_name", "certificate_path", "chain_path", "roots",
        "generation", "state",
    }  # fmt: skip
    entry = seen[3]["clients"]["mac-01"]
    assert set(entry) == {
        "changed", "reason", "sha1", "serial", "not_after", "pkcs12_path", "certificate_path", "root_sha1",
        "chain_path", "key_wanted", "spent_keys", "failed", "msg",
    }  # fmt: skip
    assert Path(entry["pkcs12_path"]).parent == tmp_path / "pki/clients/mac-01"
    assert seen[3]["diff"]["after"]["mac-01"] == {
        "serial": entry["serial"],
        "not_after": entry["not_after"],
        "reason": "missing",
    }
    assert seen[5]["diff"]["after"] == seen[5]["diff"]["before"] == {}
    assert seen[4]["diff"]["after"] == seen[4]["diff"]["before"] != {}

    rotated = root(args={"generation": 2}, check=True), issue("mac-01", args={"generation": 2}, check=True)
    assert rotated[1]["clients"]["mac-01"]["reason"] == "root_rotated"
    assert root(args={"generation": 2})["changed"]
    assert issue("mac-01", "mac-02", args={"generation": 2})["changed"]
    early = root(args={"generation": 1, "state": "absent"})
    assert (early["failed"], early["changed"]) == (True, False)
    assert "is still needed by 2 clients (mac-01, mac-02)" in early["msg"]
    retired = root(args={"generation": 1, "state": "absent", "force": True})
    assert (retired["changed"], retired["state"]) == (True, "retired")
    ended = issue("mac-01", args={"state": "revoked", "pkcs12_password": None, "passphrase": None})
    assert ended["revoked"][0]["name"] == "mac-01"
    assert issue("mac-02", args={"state": "absent"})["clients"]["mac-02"]["reason"] == "removed"
    told = json.dumps([*seen, *rotated, retired, ended])
    for secret in (PASSPHRASE, PASSWORD, "PRIVATE KEY"):
        assert secret not in told


def test_errors_are_results(tmp_path: Path) -> None:
    wrong = run_action("client_certificates", CLIENTS | {"clients": ["mac-01"]})
    assert (wrong["failed"], wrong["changed"]) == (True, False)
    assert "root_certificate" in wrong["msg"]
    assert run_action("root_certificate", ROOT | {"key_source": "x.key"})["failed"]
    assert run_action("root_certificate", ROOT | {"key_size": 1024})["failed"]
    assert run_action("client_certificates", {"path": "pki"})["failed"]
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "SAY_EVERY", 0.0)
    said: list[str] = []
    run_action("root_certificate", ROOT)
    run_action("client_certificates", CLIENTS | {"clients": ["a", "b"]}, said=said)
    assert "issued 2 of 2 client certificates" in said[-1]


def test_an_enterprise_root_by_relative_path(tmp_path: Path) -> None:
    made = run_action("root_certificate", ROOT | {"path": "first"})
    (tmp_path / "corp.pem").write_bytes(Path(made["certificate_path"]).read_bytes())
    (tmp_path / "corp.key").write_bytes(Path(made["certificate_path"]).with_name("root.key").read_bytes())
    args = {"certificate_source": "corp.pem", "key_source": "corp.key", "key_source_passphrase": PASSPHRASE}
    taken = run_action("root_certificate", ROOT | args)
    assert (taken["changed"], taken["sha1"]) == (True, made["sha1"])


def test_what_ends_soon_is_a_warning(tmp_path: Path) -> None:
    made = run_action("root_certificate", ROOT | {"valid_days": 60})
    (warning,) = made["warnings"]
    assert "set generation to 2 to make its successor" in warning
    issued = run_action(
        "client_certificates", CLIENTS | {"clients": ["mac-01"], "valid_days": 20, "renew_before_days": 5}
    )
    supplied = {
        "name": "mac-01",
        "pkcs12_source": issued["clients"]["mac-01"]["pkcs12_path"],
        "source_password": PASSWORD,
    }
    run_action("root_certificate", {"path": "other", "certificate_source": made["certificate_path"]})
    args = {"path": "other", "pkcs12_password": PASSWORD, "clients": [supplied]}
    assert "warnings" not in run_action("client_certificates", args)
    (warning,) = run_action("client_certificates", args)["warnings"]
    assert "The supplied certificate of mac-01 ends at" in warning


def test_an_export_to_nowhere() -> None:
    run_action("root_certificate", ROOT)
    told = run_action("ledger", {"path": "pki", "export": "nowhere/ledger.json"})
    assert (told["failed"], told["changed"]) == (True, False)
    assert "nowhere does not exist; make it, or export to another one." in told["msg"]
