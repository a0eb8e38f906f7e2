# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""root_certificate and client_certificates as a task calls them."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import identities
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import PASSPHRASE, Pki, any_key, keys

pytestmark = pytest.mark.usefixtures("quick")

ROOT = {"pki": "pki.db", "passphrase": PASSPHRASE}
CLIENTS = {"pki": "pki.db", "passphrase": PASSPHRASE}


@pytest.fixture(autouse=True)
def _quick_keys_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys()  # before it is not possible any more
    monkeypatch.setattr(rsa, "generate_private_key", lambda public_exponent, key_size: any_key(key_size))
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
        "public_cert_data", "sha1", "sha256", "not_after", "common_name", "roots", "generation", "state",
    }  # fmt: skip
    entry = seen[3]["clients"]["mac-01"]
    assert set(entry) == {
        "changed", "reason", "common_name", "sha1", "serial", "not_after", "root_sha1", "pkcs12_path",
        "certificate_path", "key_wanted", "spent_keys", "failed", "msg",
    }  # fmt: skip
    assert seen[3]["diff"]["after"]["mac-01"] == {
        "common_name": "mac-01",
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
    ended = issue("mac-01", args={"state": "revoked", "passphrase": None})
    assert ended["revoked"][0]["name"] == "mac-01"
    assert issue("mac-02", args={"state": "absent"})["clients"]["mac-02"]["reason"] == "removed"
    told = json.dumps([*seen, *rotated, retired, ended])
    for secret in (PASSPHRASE, "PRIVATE KEY"):
        assert secret not in told


def test_errors_are_results(tmp_path: Path) -> None:
    wrong = run_action("client_certificates", CLIENTS | {"clients": ["mac-01"]})
    assert (wrong["failed"], wrong["changed"]) == (True, False)
    assert "root_certificate" in wrong["msg"]
    assert run_action("root_certificate", ROOT | {"key_source": "x.key"})["failed"]
    assert run_action("root_certificate", ROOT | {"key_size": 1024})["failed"]
    assert run_action("client_certificates", {"pki": "pki.db"})["failed"]
    password = run_action("client_certificates", CLIENTS | {"clients": ["a"], "export_password": "x"})
    assert "export_dir" in password["msg"]
    assert (
        "set export_password"
        in run_action("client_certificates", CLIENTS | {"clients": ["a"], "export_dir": "x"})["msg"]
    )
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "SAY_EVERY", 0.0)
    said: list[str] = []
    run_action("root_certificate", ROOT)
    run_action("client_certificates", CLIENTS | {"clients": ["a", "b"]}, said=said)
    assert "issued 2 of 2 client certificates" in said[-1]


def test_an_enterprise_root_by_relative_path(tmp_path: Path) -> None:
    made = run_action("root_certificate", ROOT | {"pki": "first.db"})
    (tmp_path / "corp.pem").write_text(Pki(str(tmp_path / "first.db")).pem(made["sha1"]))
    taken = run_action("root_certificate", ROOT | {"certificate_source": "corp.pem"})
    assert (taken["changed"], taken["sha1"]) == (True, made["sha1"])
    assert {path.name for path in tmp_path.iterdir()} == {"first.db", "pki.db", "corp.pem"}


def test_what_azure_says_reaches_the_store() -> None:
    """As server_configuration_info returns it: roots with more in them than is needed, entries with any name."""
    made = run_action("root_certificate", ROOT | {"identifier": "com.example.vpn"})
    sha1 = run_action("client_certificates", CLIENTS | {"clients": ["mac-01"]})["clients"]["mac-01"]["sha1"]
    trusted = [
        {"name": "gone", "public_cert_data": None, "sha1": None, "status": "unreadable"},
        {"name": "ours", "public_cert_data": made["public_cert_data"], "sha1": made["sha1"], "status": "ok"},
    ]
    azure = {"pki": "other.db", "trusted": trusted, "identifier": "com.example.vpn"}
    lost = run_action("root_certificate", ROOT | azure)
    assert lost["failed"]
    assert "Is the store lost" in lost["msg"]
    assert not Path("other.db").exists()
    meant = run_action("root_certificate", ROOT | azure | {"new_root": True})
    assert meant["changed"]
    assert "can neither renew nor revoke" in meant["warnings"][0]
    assert not run_action("root_certificate", ROOT | azure | {"pki": "pki.db"})["changed"]
    ahead = run_action("client_certificates", CLIENTS | {"clients": ["mac-02"], "clock_skew": 301})
    assert "5 minutes ahead of Azure's" in ahead["msg"]
    refused = [{"name": "found in a train", "thumbprint": sha1}, {"name": None, "thumbprint": None}, "AB" * 20]
    told = run_action("client_certificates", CLIENTS | {"clients": ["mac-01"], "refused": refused})
    assert (told["failed"], told["changed"], told["failures"]) == (False, True, ["mac-01"])
    assert told["unknown"] == [{"name": "", "thumbprint": "AB" * 20}]
    assert told["to_refuse"] == [{"name": f"mac-01.revoked-{sha1[:8]}", "thumbprint": sha1}]
    let_in = run_action(
        "client_certificates", CLIENTS | {"clients": ["mac-01"], "refused": refused, "readmit": ["mac-01"]}
    )
    assert let_in["clients"]["mac-01"]["reason"] == "readmitted"
    assert "40 hex digits" in run_action("client_certificates", CLIENTS | {"clients": ["a"], "refused": ["x"]})["msg"]


def test_the_store_names_who_did_it(tmp_path: Path) -> None:
    run_action("root_certificate", ROOT)
    run_action("client_certificates", CLIENTS | {"clients": ["mac-01"]}, task_vars={"awx_user_name": "anna"})
    who = [name for (name,) in Pki(str(tmp_path / "pki.db")).sql("SELECT who FROM events ORDER BY id")]
    assert who[0] == getpass.getuser()
    assert who[1:] == ["anna"]


def test_what_ends_soon_is_a_warning(tmp_path: Path) -> None:
    made = run_action("root_certificate", ROOT | {"valid_days": 60})
    (warning,) = made["warnings"]
    assert "set generation to 2 to make its successor" in warning
    exported = {"export_dir": "export", "export_password": "by-hand-7", "valid_days": 20, "renew_before_days": 5}
    run_action("client_certificates", CLIENTS | {"clients": ["mac-01"]} | exported)
    (tmp_path / "root.pem").write_text(Pki(str(tmp_path / "pki.db")).pem(made["sha1"]))
    run_action("root_certificate", {"pki": "other.db", "certificate_source": "root.pem"})
    supplied = {"name": "mac-01", "pkcs12_source": "export/mac-01.p12", "source_password": "by-hand-7"}
    args = CLIENTS | {"pki": "other.db", "clients": [supplied]}
    assert "warnings" not in run_action("client_certificates", args)
    (warning,) = run_action("client_certificates", args)["warnings"]
    assert "The supplied certificate of mac-01 ends at" in warning
