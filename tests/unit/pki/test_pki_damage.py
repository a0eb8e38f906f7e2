# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger whose bytes or values have changed: one clear sentence, and the remedy that it names works."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import ledger as ledger_module
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.ledger import LostLedgerError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.rebuilding import rebuild
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import PASSWORD, Pki

pytestmark = pytest.mark.usefixtures("quick")

NAMES = ("mac-01", "mac-02", "mac-03")


@pytest.fixture
def used(rooted: Pki) -> Pki:
    """With something in every table."""
    rooted.issue(*NAMES)
    for name, sha1 in rooted.sql("SELECT name, sha1 FROM certificates WHERE kind = 'client'"):
        rooted.seen(name, sha1)
    rooted.end("mac-03")
    return rooted


def repair(pki: Pki, **how: Any) -> Any:
    return rebuild(pki.folder, now=pki.now, password=PASSWORD, **how)


def uses(pki: Pki) -> list[Callable[[], Any]]:
    return [
        lambda: pki.tell(history=True),
        lambda: pki.issue("mac-01", "mac-02", check=True),
        lambda: pki.root(check=True),
        lambda: pki.end("mac-01", check=True),
        lambda: repair(pki, check=True),
    ]


def bits(content: bytearray, chance: random.Random) -> bytes:
    for _unused in range(chance.randint(1, 6)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def header(content: bytearray, chance: random.Random) -> bytes:
    content[chance.randrange(100)] ^= 1 << chance.randrange(8)
    return bytes(content)


def truncated(content: bytearray, chance: random.Random) -> bytes:
    return bytes(content[: chance.choice((chance.randrange(1, 600), chance.randrange(1, len(content))))])


def sector(content: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) // 512) * 512
    content[start : start + 512] = bytes(512)
    return bytes(content)


def page(content: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) // 4096) * 4096
    content[start : start + 4096] = bytes(4096)
    return bytes(content)


@pytest.mark.parametrize("damage", [bits, header, truncated, sector, page])
def test_damaged_bytes(used: Pki, damage: Callable[[bytearray, random.Random], bytes]) -> None:
    ledger = used.path / "ledger.sqlite3"
    good, chance = ledger.read_bytes(), random.Random(4711)
    for _unused in range(60):
        ledger.write_bytes(damage(bytearray(good), chance))
        for use in uses(used):
            try:
                use()
            except PkiError as error:
                assert "\n" not in str(error)
        try:
            repair(used)
        except PkiError as error:
            assert "use the release that wrote it last" in str(error)  # its version, and nothing else, has changed
        else:
            used.tell(history=True)
            assert {row[0] for row in used.sql("SELECT name FROM certificates")} >= {*NAMES, "P2SRootCert"}
            assert used.issue("mac-01", "mac-02", check=True).failures == []
        for file in used.path.glob("*.damaged-*"):
            file.unlink()


CHANGES = [
    "UPDATE certificates SET not_after = 'tomorrow' WHERE name = 'mac-01'",
    "UPDATE certificates SET not_after = '0027-11-22T12:00:00Z' WHERE name = 'mac-01'",
    "UPDATE certificates SET not_before = x'00' WHERE name = 'mac-01'",
    "UPDATE certificates SET name = CAST(x'ff41' AS TEXT) WHERE name = 'mac-01'",
    "UPDATE certificates SET name = 'mac' || char(0) WHERE name = 'mac-01'",
    "UPDATE certificates SET options = '[]' WHERE name = 'mac-01'",
    "UPDATE certificates SET options = '{' WHERE kind = 'root'",
    "UPDATE certificates SET generation = 'one' WHERE kind = 'root'",
    "UPDATE certificates SET pem = x'00' WHERE kind = 'root'",
    "UPDATE certificates SET pem = 7 WHERE kind = 'root'",
    "UPDATE certificates SET chain = x'00' WHERE kind = 'root'",
    "UPDATE certificates SET sha1 = replace(sha1, '0', '1') WHERE kind = 'client'",
    "UPDATE certificates SET sha256 = replace(sha256, '0', '1') WHERE kind = 'client'",
    "UPDATE certificates SET sha1 = '../../x' WHERE name = 'mac-01'",
    "UPDATE facts SET value = 'salt'",
    "DELETE FROM facts",
    "DROP TABLE facts",
    "DROP TABLE deliveries",
    "DROP TABLE certificates",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = -1",
    "INSERT INTO deliveries VALUES (NULL, '', '', '', '', '', '', '', '', '', x'00')",
]


@pytest.mark.parametrize("change", CHANGES)
def test_damaged_values(used: Pki, change: str) -> None:
    connection = sqlite3.connect(used.path / "ledger.sqlite3")
    connection.execute(change)
    connection.commit()
    connection.close()
    lost = 0
    for use in uses(used)[:-1]:
        try:
            use()
        except LostLedgerError as error:
            lost += 1
            assert "rebuild it from the certificate files" in str(error)
    foreseen = repair(used, check=True)
    done = repair(used)
    assert (done.lost, len(done.added)) == (foreseen.lost, len(foreseen.added)) == (True, 1 + len(NAMES))
    assert lost or "SET sha" in change  # which only whoever looks at every certificate can notice
    assert used.sql("PRAGMA integrity_check") == [("ok",)]
    assert not used.issue("mac-01", "mac-02").changed


def test_a_mistake_of_ours_is_not_called_damage(used: Pki) -> None:
    """Only what is read is called damaged: not what goes wrong while the ledger happens to be open."""

    def make_key(_size: int) -> Any:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        used.issue("new", make_key=make_key)


def test_a_ledger_that_is_busy_is_not_called_damaged(used: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(path: Path, mode: str = "?mode=rw") -> sqlite3.Connection:
        return sqlite3.connect(path.as_uri() + mode, uri=True, timeout=0, isolation_level=None)

    monkeypatch.setattr(ledger_module, "_connect", impatient)
    other = sqlite3.connect(used.path / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for use in uses(used):
        with pytest.raises(PkiError, match="cannot be used: database is locked") as caught:
            use()
        assert not isinstance(caught.value, LostLedgerError)
    other.close()
