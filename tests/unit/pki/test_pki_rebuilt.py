# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the ledger was rebuilt: nobody is cut off, roots keep their numbers. Second tool: sqlite3."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.rebuilding import Rebuilt, rebuild
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.roots import Source
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import keys as x509_keys
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509 import making
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import DAY, PASSPHRASE, PASSWORD, Pki, keys
from ansible_collections.vwan.user_vpn.tests.unit.pki.test_pki_csr import request, wish

pytestmark = pytest.mark.usefixtures("quick")


def certify(pki: Pki, key: int, **more: Any) -> str:
    """The SHA-1 of the certificate for a key that mac-01 made itself."""
    return wish(pki, {"mac-01": request(keys()[key])}, **more).entries["mac-01"].sha1


def lost(pki: Pki) -> Rebuilt:
    (pki.path / "ledger.sqlite3").unlink()
    return rebuild(pki.folder, now=pki.now, password=PASSWORD)


def needed(pki: Pki) -> list[list[str]]:
    return [root["needed_by"] for root in pki.tell()["roots"]]


def test_a_mac_with_its_own_key_needs_its_root_until_the_successor_was_seen(rooted: Pki) -> None:
    first = certify(rooted, 0)
    rooted.seen("mac-01", first)
    assert [(row.kind, row.state) for row in lost(rooted).added] == [("root", "issued"), ("client", "superseded")]
    assert rooted.tell()["clients"]["mac-01"]["next_step"].startswith("Run the playbook site if it is still managed")
    rooted.root(generation=2)
    assert needed(rooted) == [["mac-01"], []]
    second = certify(rooted, 1)
    for status in ("pending_approval", "no_console_user"):
        rooted.seen("mac-01", second, status, shown_uuid=f"UUID-{first[:8]}")
        assert needed(rooted) == [["mac-01"], ["mac-01"]]
        assert rooted.tell()["revocable"] == []
        assert rooted.tell()["clients"]["mac-01"]["status"] == "behind"
        with pytest.raises(PkiError, match=r"needed by 1 clients \(mac-01\)"):
            rooted.retire(1)
    rooted.seen("mac-01", second)
    assert needed(rooted) == [[], ["mac-01"]]
    assert [entry["sha1"] for entry in rooted.tell()["revocable"]] == [first]
    assert rooted.retire(1).changed


def test_what_an_old_backup_does_not_know_is_not_refused_before_its_successor_was_seen(rooted: Pki) -> None:
    """The Mac has the second certificate, and the restored ledger has seen it with the first."""
    rooted.seen("mac-01", certify(rooted, 0))
    backup = rooted.path.parent / "backup.sqlite3"
    shutil.copy(rooted.path / "ledger.sqlite3", backup)
    rooted.now += 340 * DAY
    second = certify(rooted, 1)
    rooted.seen("mac-01", second)
    shutil.copy(backup, rooted.path / "ledger.sqlite3")
    added = rebuild(rooted.folder, now=rooted.now, password=PASSWORD).added
    assert [(row.sha1, row.state) for row in added] == [(second, "superseded")]
    rooted.now += 30 * DAY  # the first has ended: only the second keeps the Mac connected
    assert needed(rooted) == [["mac-01"]]
    assert rooted.tell()["revocable"] == []
    third = certify(rooted, 2)
    rooted.seen("mac-01", third, "pending_approval", shown_uuid=f"UUID-{second[:8]}")
    assert rooted.tell()["revocable"] == []
    rooted.seen("mac-01", third)
    assert [entry["sha1"] for entry in rooted.tell()["revocable"]] == [second]


def test_a_client_that_was_removed_lets_go_of_its_root_once_it_is_revoked(rooted: Pki) -> None:
    """The files cannot tell it from a Mac with its own key."""
    rooted.issue("mac-01")
    rooted.end("mac-01", state="removed")
    assert needed(rooted) == [[]]
    lost(rooted)
    assert needed(rooted) == [["mac-01"]]
    assert rooted.end("mac-01").changed
    assert needed(rooted) == [[]]


# -- the numbers of the roots


def numbers(pki: Pki) -> list[tuple[Any, ...]]:
    return pki.sql("SELECT sha1, generation, state FROM certificates WHERE kind = 'root' ORDER BY generation")


def test_a_folder_that_began_with_another_generation(pki: Pki) -> None:
    pki.root(generation=3)
    pki.issue("mac-01")
    before = numbers(pki)
    lost(pki)
    assert numbers(pki) == before
    assert not pki.root(generation=3).changed
    assert not pki.issue("mac-01", generation=3).changed


def test_an_enterprise_root_that_is_older_than_the_root_it_follows(pki: Pki) -> None:
    pki.root()
    old = making.make_root(keys()[0], "Corp", pki.now - 2000 * DAY, 9000)
    certificate, key = pki.path.parent / "corp.pem", pki.path.parent / "corp.key"
    certificate.write_bytes(old.pem.encode())
    key.write_bytes(x509_keys.encrypt_key(keys()[0], PASSPHRASE))
    source = Source(certificate, key, PASSPHRASE)
    pki.root(generation=2, source=source)
    pki.issue("mac-01")
    before = numbers(pki)
    lost(pki)
    assert numbers(pki) == before
    assert not pki.root(generation=2, source=source).changed
    assert not pki.issue("mac-01", generation=2).changed


@pytest.mark.parametrize("content", [None, b"", b"0\n", b"-1\n", b"two\n", b"\xff", b"1\n"])
def test_a_number_that_is_missing_or_wrong_follows_from_the_order(pki: Pki, content: bytes | None) -> None:
    pki.root()
    pki.now += DAY
    pki.root(generation=2)
    before = numbers(pki)
    file = pki.path / "roots" / before[1][0] / "generation"
    file.unlink() if content is None else file.write_bytes(content)
    lost(pki)
    assert numbers(pki) == before
    assert pki.root(generation=2, check=True).changed
    assert pki.root(generation=2).changed
    assert file.read_bytes() == b"2\n"
    assert not pki.root(generation=2).changed


def test_a_folder_of_the_release_before_gets_its_numbers(pki: Pki) -> None:
    pki.root(generation=2)
    pki.root(generation=4)
    pki.retire(2)
    before = numbers(pki)
    for file in pki.path.glob("roots/*/generation"):
        file.unlink()
    assert pki.root(generation=4).changed
    lost(pki)
    assert numbers(pki) == before


def test_after_an_old_backup_a_new_root_keeps_its_number(pki: Pki) -> None:
    pki.root()
    backup = pki.path.parent / "backup.sqlite3"
    shutil.copy(pki.path / "ledger.sqlite3", backup)
    pki.root(generation=5)
    before = numbers(pki)
    shutil.copy(backup, pki.path / "ledger.sqlite3")
    rebuild(pki.folder, now=pki.now, password=PASSWORD)
    assert numbers(pki) == before
