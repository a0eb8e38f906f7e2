# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore, a look whether a store is whole, a new passphrase. Second tools: sqlite3, psql and openssl."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import backup
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.current import identity_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import SqliteFile
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import reading
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import Cluster
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, PASSPHRASE, Pki, openssl
from ansible_collections.vwan.user_vpn.tests.unit.store.store_tools import alter, rows

pytestmark = pytest.mark.usefixtures("quick")

NEW = "another long passphrase"


@pytest.fixture
def lived(rooted: Pki) -> Pki:
    """A store with a past."""
    entries = rooted.issue("mac-01", "mac-02").entries
    rooted.seen("mac-01", entries["mac-01"].sha1)
    rooted.end("mac-02", why="sold")
    return rooted


@pytest.fixture
def programs(lived: Pki, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cluster | None:
    """The second tool, and pg_dump of its release where ansible-playbook finds it."""
    if isinstance(lived.place, SqliteFile):
        return None
    cluster: Cluster = request.getfixturevalue("cluster")
    monkeypatch.setenv("PATH", f"{cluster.programs}:{os.environ['PATH']}")
    return cluster


def ledger(pki: Pki, state: str, *, check: bool = False, **args: Any) -> dict[str, Any]:
    return run_action("ledger", {"pki": pki.option, "state": state, **args}, check=check)


def restore(pki: Pki, copy: Path, cluster: Cluster | None) -> None:
    """As docs/operations.md says."""
    if cluster is None:
        shutil.copy(copy, pki.option)
        return
    schema = str(pki.place).rpartition("=")[2]
    url = pki.option.partition("?")[0]
    psql = [cluster.programs / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
    drop = ["-c", f"DROP SCHEMA IF EXISTS {schema} CASCADE", "-f", str(copy), url]
    done = subprocess.run([*psql, *drop], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_backup_is_written_once_and_restores(lived: Pki, programs: Cluster | None, tmp_path: Path) -> None:
    copy = tmp_path / "backup"
    assert ledger(lived, "backup", dest=str(copy), check=True)["changed"]
    assert not copy.exists()
    assert ledger(lived, "backup", dest=str(copy)) == {"changed": True, "dest": str(copy), "failed": False}
    assert copy.stat().st_mode & 0o777 == 0o600
    content = copy.read_bytes()
    for check in (True, False):
        assert not ledger(lived, "backup", dest=str(copy), check=check)["changed"]
    assert copy.read_bytes() == content
    assert PASSPHRASE.encode() not in content

    before = lived.content()
    lived.now += DAY
    lived.issue("mac-03")
    lived.end("mac-01")
    assert lived.content() != before
    restore(lived, copy, programs)
    assert lived.content() == before
    assert ledger(lived, "checked", passphrase=PASSPHRASE)["private"] == 2
    assert identity_of(lived.place, "mac-01", PASSPHRASE)
    lived.issue("mac-04")
    assert ledger(lived, "backup", dest=str(copy))["changed"]


def test_a_backup_of_sqlite_is_a_store_itself(tmp_path: Path) -> None:
    pki = Pki(str(tmp_path / "pki.db"))
    pki.root()
    pki.issue("mac-01")
    copy = tmp_path / "copy.db"
    assert ledger(pki, "backup", dest=str(copy))["changed"]
    other = Pki(str(copy))
    assert other.content() == pki.content()
    assert ledger(other, "checked", passphrase=PASSPHRASE) == {
        "changed": False, "certificates": 2, "private": 2, "failed": False,
    }  # fmt: skip
    if shutil.which("sqlite3"):
        command = ["sqlite3", "-readonly", str(copy), "PRAGMA integrity_check; SELECT count(*) FROM certificates"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ok\n2\n"
    assert "is the store itself" in ledger(pki, "backup", dest=str(tmp_path / "pki.db"))["msg"]


def test_a_backup_while_a_run_was_killed_is_of_before(tmp_path: Path) -> None:
    pki = Pki(str(tmp_path / "pki.db"))
    pki.root()
    before = pki.content()
    with pki.place.writing() as transaction:
        transaction.execute("DELETE FROM certificates")
        copy = tmp_path / "copy.db"
        assert ledger(pki, "backup", dest=str(copy))["changed"]  # beside a writer
        raise_after = Pki(str(copy)).content()
        transaction.execute("ROLLBACK")
        transaction.execute("BEGIN")
    assert raise_after == before


@pytest.mark.parametrize("dest", ["/nowhere/backup", "."])
def test_a_backup_with_no_place_to_go(lived: Pki, programs: Cluster | None, dest: str) -> None:
    result = ledger(lived, "backup", dest=dest)
    assert result["failed"]
    assert "Traceback" not in result["msg"]


def test_without_pg_dump(cluster: Cluster, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pki = Pki(cluster.url(schema))
    pki.root()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "The program pg_dump is missing" in ledger(pki, "backup", dest=str(tmp_path / "b"))["msg"]
    dump = tmp_path / "pg_dump"
    dump.write_text("#!/bin/sh\necho 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1\n")
    dump.chmod(0o755)
    result = ledger(pki, "backup", dest=str(tmp_path / "b"))
    assert result["msg"] == f"pg_dump of {pki.place} failed: aborting because of server version mismatch"
    dump.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    monkeypatch.setattr(backup, "DUMP_SECONDS", 0.2)
    assert "did not end within" in ledger(pki, "backup", dest=str(tmp_path / "b"))["msg"]
    assert not (tmp_path / "b").exists()


def test_the_fence_of_a_newer_pg_dump_is_no_change(
    cluster: Cluster, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    r"""pg_dump of late 2025 and later begins with \restrict and a random word, and ends with \unrestrict."""
    pki = Pki(cluster.url(schema))
    pki.root()
    dump = tmp_path / "pg_dump"
    dump.write_text("#!/bin/sh\nprintf '\\\\restrict %s\\nSELECT 1;\\n\\\\unrestrict %s\\n' $$ $$\n")
    dump.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    copy = tmp_path / "b"
    assert ledger(pki, "backup", dest=str(copy))["changed"]
    assert copy.read_text().startswith("\\restrict ")
    assert not ledger(pki, "backup", dest=str(copy))["changed"]


# -- whole


def test_a_whole_store(lived: Pki, programs: Cluster | None) -> None:
    assert ledger(lived, "checked") == {"changed": False, "certificates": 3, "private": None, "failed": False}
    assert ledger(lived, "checked", passphrase=PASSPHRASE)["private"] == 2
    assert "passphrase is not the one" in ledger(lived, "checked", passphrase=NEW)["msg"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE certificates SET serial = '00' WHERE name = 'mac-01'", "is not what it says"),
        ("UPDATE certificates SET not_after = '2099-01-01T00:00:00Z' WHERE name = 'mac-01'", "is not what it says"),
        ("UPDATE certificates SET pem = chain WHERE name = 'mac-01'", "makes no sense"),
        ("UPDATE certificates SET chain = sealed WHERE name = 'mac-01'", "chain of"),
        ("UPDATE certificates SET sealed = (SELECT sealed FROM certificates WHERE kind = 'root') WHERE name = 'mac-01'",
         "was altered, or belongs elsewhere"),
        ("UPDATE certificates SET public_key_sha256 = 'AB' WHERE kind = 'root'", "is another one's"),
        ("DELETE FROM certificates WHERE kind = 'root'", "is not in the store"),
        ("INSERT INTO packages VALUES ('wan', 'now', 'digest', '[')", "packages makes no sense"),
    ],
)  # fmt: skip
def test_a_store_that_is_not_whole(lived: Pki, programs: Cluster | None, statement: str, words: str) -> None:
    alter(lived.place, statement, programs)
    result = ledger(lived, "checked", passphrase=PASSPHRASE)
    assert result["failed"]
    assert words in result["msg"]


def test_damage_that_no_query_meets(tmp_path: Path) -> None:
    pki = Pki(str(tmp_path / "pki.db"))
    pki.root()
    (page,) = rows(pki.place, "SELECT rootpage FROM sqlite_master WHERE name = 'deliveries_by_mac'")[0]
    content = bytearray((tmp_path / "pki.db").read_bytes())
    at = (int(page) - 1) * 4096
    content[at : at + 8] = b"\x0a\xff\xff\xff\xff\xff\xff\xff"
    (tmp_path / "pki.db").write_bytes(content)
    result = ledger(pki, "checked")
    assert result["failed"]
    assert "SQLite: " in result["msg"] or "is damaged" in result["msg"]


def test_openssl_agrees_with_what_the_store_holds(lived: Pki, programs: Cluster | None) -> None:
    hexed = "hex(pem)" if programs is None else "encode(pem, 'hex')"
    found = rows(lived.place, f"SELECT sha1, serial, subject, {hexed} FROM certificates", programs)
    assert len(found) == 3
    for sha1, serial, subject, pem in found:
        text = bytes.fromhex(pem)
        told = openssl(
            "x509", "-noout", "-serial", "-subject", "-nameopt", "rfc2253", "-fingerprint", "-sha1", stdin=text
        )
        assert sha1 in told.replace(":", "")
        assert f"serial={serial}" in told
        assert f"subject={subject}" in told


# -- a new passphrase


def test_a_new_passphrase(lived: Pki, programs: Cluster | None) -> None:
    old = {"passphrase": PASSPHRASE, "new_passphrase": NEW}
    assert "at least 12" in ledger(lived, "rekeyed", **old | {"new_passphrase": "short"})["msg"]
    assert "not the one of this store" in ledger(lived, "rekeyed", **old | {"passphrase": "wrong but long"})["msg"]
    before = lived.content()
    assert ledger(lived, "rekeyed", **old, check=True)["changed"]
    assert lived.content() == before
    assert ledger(lived, "rekeyed", **old)["changed"]
    for check in (True, False):
        assert not ledger(lived, "rekeyed", **old, check=check)["changed"]
    with reading(lived.place) as store:
        store.unlock(NEW)
    with pytest.raises(PkiError, match="not the one of this store"):
        lived.issue("mac-05")
    assert lived.issue("mac-05", means={"passphrase": NEW}).entries["mac-05"].sha1


def test_a_mac_that_is_no_more(lived: Pki, programs: Cluster | None) -> None:
    for check in (True, False):
        result = ledger(lived, "forgotten", serial_number="C02mac-01", check=check)
        assert (result["changed"], [d["host"] for d in result["forgotten"]]) == (True, ["mac-01"])
    assert not ledger(lived, "forgotten", host="mac-01")["changed"]
