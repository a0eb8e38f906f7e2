# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in SQLite and in PostgreSQL: rows in, rows out, all or nothing, one writer at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki import database
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.database import Place, SqliteFile, place_of
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.store import (
    GatewayRoot,
    Package,
    Profile,
    Refusal,
    by_client,
    reading,
    writing,
)
from ansible_collections.vwan.user_vpn.tests.lab.postgresql import Cluster
from ansible_collections.vwan.user_vpn.tests.unit.store.store_tools import (
    DAY,
    NOW,
    PASSPHRASE,
    alter,
    delivery,
    issuance,
    rows,
)


def server(place: Place, request: pytest.FixtureRequest) -> Cluster | None:
    """The second tool for this place."""
    return None if isinstance(place, SqliteFile) else request.getfixturevalue("cluster")


def states(place: Place) -> list[tuple[str, str, bool]]:
    with reading(place) as store:
        return [(c.name, c.state, c.has_key) for c in store.certificates()]


# -- what is there


def test_a_store_that_does_not_exist_reads_as_an_empty_one(place: Place) -> None:
    with reading(place) as store:
        assert not store.exists
        assert (store.certificates(), store.events(), store.deliveries(), store.refusals()) == ([], [], [], [])
        store.unlock(PASSPHRASE)  # nothing to compare it with
    if isinstance(place, SqliteFile):
        assert not place.path.parent.exists()


def test_what_is_issued_comes_back_and_a_second_tool_agrees(filled: Place, request: pytest.FixtureRequest) -> None:
    wanted = [issuance("P2SRootCert", kind="root"), issuance("mac-01"), issuance("mac-02")]
    with reading(filled) as store:
        found = store.certificates()
        store.unlock(PASSPHRASE)
        assert store.exists
        assert [store.texts(c.sha1) for c in found] == [(i.pem, b"") for i in wanted]
        assert store.root_key(found[0].sha1) == wanted[0].private
        assert [store.identity(c.sha1) for c in found[1:]] == [i.private for i in wanted[1:]]
        assert store.known([found[1].sha1, "00" * 20]) == {found[1].sha1}
        assert store.current(["mac-02", "mac-01", "mac-03", "P2SRootCert"]) == found[1:]
        assert store.texts_of(c.sha1 for c in found[:2]) == {c.sha1: store.texts(c.sha1) for c in found[:2]}
        assert store.identities([c.sha1 for c in found]) == {c.sha1: store.identity(c.sha1) for c in found[1:]}
        assert [(e.time, e.client, e.what, e.reason, e.who) for e in store.events()] == [
            ("2026-11-22T12:00:00Z", name, "issued", "missing", "anna") for name in ("", "mac-01", "mac-02")
        ]
    for certificate, asked in zip(found, wanted, strict=True):
        assert certificate.has_key
        assert {**_fields(certificate), "has_key": False} == _fields(asked.certificate)
    query = "SELECT name, sha1, serial, not_after, state FROM certificates ORDER BY id"
    assert rows(filled, query, server(filled, request)) == [
        (c.name, c.sha1, c.serial, "2027-11-22T12:00:00Z", "issued") for c in found
    ]


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def test_a_successor_takes_the_private_part_of_its_predecessor(filled: Place) -> None:
    with writing(filled, NOW + DAY, "bert") as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance("mac-01", 2, reason="expiring"), issuance("mac-03", private=False)])
    assert states(filled) == [
        ("P2SRootCert", "issued", True),
        ("mac-01", "superseded", False),
        ("mac-02", "issued", True),
        ("mac-01", "issued", True),
        ("mac-03", "issued", False),
    ]
    with reading(filled) as store:
        history = by_client(store.certificates())["mac-01"]
        events = [(e.sha1, e.what, e.reason, e.who) for e in store.events()[3:]]
        store.unlock(PASSPHRASE)
        with pytest.raises(PkiError, match="holds no private key of the client certificate"):
            store.identity(history[0].sha1)
        with pytest.raises(PkiError, match="no private key of the root certificate"):
            store.root_key(history[1].sha1)  # a client's is no root's
    assert events[:2] == [
        (history[0].sha1, "superseded", "expiring", "bert"),
        (history[1].sha1, "issued", "expiring", "bert"),
    ]


def test_a_certificate_that_is_supplied_anew_is_altered(filled: Place) -> None:
    with writing(filled, NOW + DAY) as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance("mac-01", 2)])
        again = issuance("mac-01", 1, options='{"source": "the same once more"}', origin="supplied")
        store.issue([again])
    with reading(filled) as store:
        first, second = by_client(store.certificates())["mac-01"]
        store.unlock(PASSPHRASE)
        assert store.identity(first.sha1) == again.private
    assert (first.state, first.origin, first.options) == ("issued", "supplied", '{"source": "the same once more"}')
    assert second.state == "superseded"


@pytest.mark.parametrize(("state", "mark"), [("revoked", "revoked"), ("removed", ""), ("revoked", "superseded")])
def test_an_end_takes_the_private_part_with_it(
    filled: Place, state: str, mark: str, request: pytest.FixtureRequest
) -> None:
    with writing(filled, NOW, "carla") as store:
        client = by_client(store.certificates())["mac-01"][0]
        store.set_state(client, state, "stolen in Rome", mark)
        store.note("readmitted", "found again", client="mac-02")
    with reading(filled) as store:
        after = by_client(store.certificates())["mac-01"][0]
        assert (after.state, after.mark, after.has_key) == (state, mark, False)
        assert store.readmitted() == {"mac-02": "2026-11-22T12:00:00Z"}
        assert [(e.client, e.what, e.reason, e.who) for e in store.events()[-2:]] == [
            ("mac-01", state, "stolen in Rome", "carla"),
            ("mac-02", "readmitted", "found again", "carla"),
        ]
    sealed = rows(filled, "SELECT name FROM certificates WHERE sealed IS NOT NULL", server(filled, request))
    assert sealed == [("P2SRootCert",), ("mac-02",)]


def test_the_database_refuses_two_current_certificates(filled: Place, request: pytest.FixtureRequest) -> None:
    for statement in (
        "UPDATE certificates SET name = 'mac-01' WHERE name = 'mac-02'",
        "UPDATE certificates SET state = 'gone' WHERE name = 'mac-02'",
        "UPDATE certificates SET state = 'revoked' WHERE name = 'mac-02'",  # which must have no private part
    ):
        with pytest.raises(Exception, match=r"(?i)unique|check"):
            alter(filled, statement, server(filled, request))


@pytest.mark.parametrize("table", ["events", "deliveries"])
def test_events_and_deliveries_are_only_added(filled: Place, table: str, request: pytest.FixtureRequest) -> None:
    with writing(filled, NOW) as store:
        store.note_deliveries([delivery("mac-01", "AB" * 20)])
    changes = [f"DELETE FROM {table}", f"UPDATE {table} SET time = 'now'"]
    for change in changes if isinstance(filled, SqliteFile) else [*changes, f"TRUNCATE {table}"]:
        with pytest.raises(Exception, match="only added"):
            alter(filled, change, server(filled, request))


def test_what_macs_were_seen_with_and_what_they_are_to_have(filled: Place) -> None:
    with writing(filled, NOW) as store:
        store.note_deliveries([delivery("renamed", serial_number="C02mac-01"), delivery("mac-02", serial_number="")])
        store.note_deliveries(
            [
                delivery("mac-01", "AB" * 20, gateway_roots=("AA", "BB")),
                delivery("mac-02", serial_number="", status="removed"),
                delivery("mac-03", serial_number=""),
                delivery("mac-01", identifier="another"),
            ]
        )
        store.set_profiles([Profile("mac-01", "com.example.vpn", "", "UUID-1", "AA" * 32, "AB" * 20, ("AA", "BB"))])
        store.note_refusals({"CD" * 20: "lost.revoked-CDCDCDCD"})
    with writing(filled, NOW + DAY) as store:
        store.set_profiles([Profile("mac-01", "com.example.vpn", "", "UUID-2", "BB" * 32)])
        store.note_refusals({"CD" * 20: "another name", "EF" * 20: ""})
    with reading(filled) as store:
        first = store.deliveries()[2]
        assert (first.time, first.gateway_roots) == ("2026-11-22T12:00:00Z", ("AA", "BB"))
        assert store.last_deliveries() == store.deliveries()[2:]
        assert store.profiles_of(["mac-01", "mac-02"]) == store.profiles()
        assert store.profiles_of(["mac-02"]) == []
        assert store.profiles() == [Profile("mac-01", "com.example.vpn", "2026-11-23T12:00:00Z", "UUID-2", "BB" * 32)]
        assert store.refusals() == [
            Refusal("CD" * 20, "lost.revoked-CDCDCDCD", "2026-11-22T12:00:00Z"),
            Refusal("EF" * 20, "", "2026-11-23T12:00:00Z"),
        ]


def test_what_a_package_brought(filled: Place) -> None:
    old, new = (GatewayRoot(d * 40, d * 64, f"CN={d}", NOW + DAY, f"PEM of {d}") for d in "12")
    with writing(filled, NOW) as store:
        store.set_package(Package("wan/vpn", "", "digest 1", {"vpn_server": "a"}), [old])
        store.set_package(Package("gateway", "", "digest 2", {}), [])
    with writing(filled, NOW + DAY) as store:
        store.set_package(Package("wan/vpn", "", "digest 3", {"vpn_server": "a", "dns": ["10.0.0.4"]}), [new, old])
    with reading(filled) as store:
        told = Package("wan/vpn", "2026-11-23T12:00:00Z", "digest 3", {"dns": ["10.0.0.4"], "vpn_server": "a"})
        assert (store.package("wan/vpn"), store.gateway_roots("wan/vpn")) == (told, [old, new])
        assert (store.package("elsewhere"), store.gateway_roots("gateway")) == (None, [])


# -- all or nothing


def test_an_error_in_the_middle_leaves_nothing(filled: Place) -> None:
    before = states(filled)
    with pytest.raises(ZeroDivisionError), writing(filled, NOW) as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance("mac-01", 2)])
        raise ZeroDivisionError
    assert states(filled) == before


def test_a_store_that_was_never_finished_is_none(place: Place) -> None:
    with pytest.raises(ZeroDivisionError), writing(place, NOW) as store:
        store.unlock(PASSPHRASE)
        raise ZeroDivisionError
    with reading(place) as store:
        assert not store.exists
    with writing(place, NOW) as store:
        store.unlock("another passphrase")  # nothing was left of the first
    with reading(place) as store:
        assert store.exists


def test_a_reader_sees_one_moment(cluster: Cluster, schema: str) -> None:
    """SQLite's writers wait for readers."""
    place = place_of(cluster.url(schema))
    _add(place, "mac-01")
    with reading(place) as store:
        before = store.certificates()
        _add(place, "mac-02")
        assert store.certificates() == before
        assert len(store.events()) == 1
    assert len(states(place)) == 2


def _add(place: Place, name: str) -> None:
    with writing(place, NOW) as store:
        if name not in by_client(store.certificates()):
            store.unlock(PASSPHRASE)
            store.issue([issuance(name)])


def test_writers_wait_for_each_other(place: Place) -> None:
    """Eight processes want the same twenty: each is there once, and the first of them made the store."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        pool.starmap(_add, [(place, f"mac-{number % 20}") for number in range(80)], chunksize=1)
    with reading(place) as store:
        assert len(store.certificates()) == len(store.events()) == 20


def _hold(place: Place, until_killed: Any) -> None:
    with writing(place, NOW) as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance(f"lost-{number}") for number in range(3)])
        until_killed.set()
        signal.pause()


def test_a_killed_writer_leaves_neither_lock_nor_change(filled: Place) -> None:
    before = states(filled)
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(filled, ready))
    process.start()
    assert ready.wait(60)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert states(filled) == before
    _add(filled, "mac-03")
    assert [name for name, *_rest in states(filled)] == ["P2SRootCert", "mac-01", "mac-02", "mac-03"]


def test_another_run_that_does_not_end(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(filled, ready))
    process.start()
    assert ready.wait(60)
    monkeypatch.setattr(database, "WAIT", 1)
    monkeypatch.setitem(database.SETTINGS, "lock_timeout", "1s")
    try:
        with pytest.raises(PkiError, match=r"Another run has held .* for more than 1 seconds"), writing(filled, NOW):
            pass
        assert len(states(filled)) == 3  # a reader is served meanwhile
    finally:
        process.kill()
        process.join()


# -- SQLite's file


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        place = place_of(str(tmp_path / "new" / "pki.db"))
        with writing(place, NOW) as store:
            assert Path(str(place)).stat().st_mode & 0o777 == 0o600
            store.unlock(PASSPHRASE)
            store.issue([issuance("mac-01")])
            journal = Path(f"{place}-journal")
            assert journal.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(previous)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    Path(str(place)).chmod(0o664)
    assert states(place) == [("mac-01", "issued", True)]
    assert place.close_to_others(check=True)
    assert Path(str(place)).stat().st_mode & 0o777 == 0o664  # reading and check mode alter nothing
    assert place.close_to_others(check=False)
    assert not place.close_to_others(check=False)
    assert Path(str(place)).stat().st_mode & 0o777 == 0o600
    Path(str(place)).chmod(0o664)
    with writing(place, NOW):
        assert Path(str(place)).stat().st_mode & 0o777 == 0o600


def test_what_was_deleted_is_not_in_the_file_any_more(tmp_path: Path) -> None:
    place = place_of(str(tmp_path / "pki.db"))
    with writing(place, NOW) as store:
        store.unlock(PASSPHRASE)
        store.issue([issuance(f"mac-{number}") for number in range(50)])
    sealed = [bytes.fromhex(text) for (text,) in rows(place, "SELECT hex(sealed) FROM certificates")]
    with writing(place, NOW) as store:
        for certificate in store.certificates():
            store.set_state(certificate, "revoked", "gone", "revoked")
    content = Path(str(place)).read_bytes()
    assert not any(part in content for part in sealed)
    assert not Path(f"{place}-journal").exists()


def test_other_programs_know_whose_file_it_is(tmp_path: Path) -> None:
    place = place_of(str(tmp_path / "pki.db"))
    _add(place, "mac-01")
    assert rows(place, "PRAGMA application_id") == [(str(0x5650_4E31),)]
    assert rows(place, "PRAGMA integrity_check") == [("ok",)]
    assert rows(place, "PRAGMA journal_mode") == [("delete",)]


def test_what_is_committed_survives_a_power_cut(tmp_path: Path, cluster: Cluster, schema: str) -> None:
    """Also where the server, by its own settings, would not wait for the disk."""
    with place_of(str(tmp_path / "pki.db")).writing() as transaction:
        assert transaction.execute("PRAGMA synchronous") == [(3,)]
    hasty = place_of(cluster.url(schema, options="-csynchronous_commit%3Doff"))
    with hasty.writing() as transaction:
        assert transaction.execute("SHOW synchronous_commit") == [("on",)]
    with hasty.reading() as there:
        assert there and there.execute("SHOW synchronous_commit") == [("off",)]


# -- PostgreSQL's schemas


def test_two_fleets_in_one_database(cluster: Cluster, schema: str) -> None:
    one, other = place_of(cluster.url(schema)), place_of(cluster.url(f"{schema}_b"))
    try:
        _add(one, "mac-01")
        with reading(other) as store:
            assert not store.exists
        with writing(one, NOW):  # no lock of the one holds up the other
            _add(other, "mac-02")
        assert (states(one), states(other)) == ([("mac-01", "issued", True)], [("mac-02", "issued", True)])
    finally:
        cluster.sql(f"DROP SCHEMA {schema}_b CASCADE")


def test_a_dump_restores(cluster: Cluster, schema: str) -> None:
    place = place_of(cluster.url(schema))
    _add(place, "mac-01")
    dump = cluster.run("pg_dump", f"--schema={schema}", "--no-owner")
    cluster.sql(f"DROP SCHEMA {schema} CASCADE")
    with reading(place) as store:
        assert not store.exists
    restored = subprocess.run(
        [cluster.programs / "psql", "-qX", "-v", "ON_ERROR_STOP=1", cluster.url(schema).partition("?")[0]],
        input=dump, text=True, capture_output=True, check=False, env=os.environ | cluster.environment,
    )  # fmt: skip
    assert restored.returncode == 0, restored.stderr
    with reading(place) as store:
        store.unlock(PASSPHRASE)
        assert store.identity(store.certificates()[0].sha1) == issuance("mac-01").private


@pytest.mark.parametrize(
    ("platform", "environment", "told"),
    [
        ("linux", {}, None),
        ("darwin", {}, "disable"),
        ("darwin", {"PGGSSENCMODE": "prefer"}, None),
    ],
)
def test_on_a_mac_nobody_looks_for_a_kerberos_ticket_unasked(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], told: str | None
) -> None:
    """In a process that was forked, as Ansible's are, libpq's look for one ends it (psycopg/psycopg#1136)."""
    monkeypatch.setattr(database.sys, "platform", platform)
    monkeypatch.delenv("PGGSSENCMODE", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert database.connection_options().get("gssencmode") == told


def test_what_the_url_says_of_kerberos_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def connect(**options: Any) -> None:
        seen.update(options)
        raise psycopg.OperationalError("that is enough")

    monkeypatch.setattr(database.sys, "platform", "darwin")
    monkeypatch.setattr(psycopg, "connect", connect)
    for url, told in (("postgresql:///vpn", "disable"), ("postgresql:///vpn?gssencmode=require", "require")):
        with pytest.raises(PkiError), reading(place_of(url)):
            pass
        assert seen["gssencmode"] == told
