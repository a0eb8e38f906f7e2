# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connection_info and connections against the lab's Azure: its gateways write the sessions into its storage."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import blob, operations, sessions
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.text import utc_text
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, arm, faults
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Client, Resource
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

pytest.importorskip(
    "azure.storage.blob", reason="azure-storage-blob is missing: make installs it, with requirements/test.txt"
)

INFO = "connection_info"
PASSPHRASE = "passphrase of the test, 7Qm"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PAUSE", 0.01)
    monkeypatch.setattr(sessions, "AGAIN", 0.01)
    monkeypatch.setattr(sessions, "READ_SECONDS", 0.05)


@pytest.fixture
def gateway(azure: AzureLab, macs: Any) -> Resource:
    azure.storage.add_container("sessions")
    found = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    assert found
    return found


@pytest.fixture
def place(azure: AzureLab) -> dict[str, str]:
    return {"storage_account": azure.storage.url, "container": "sessions"}


@pytest.fixture
def pki(tmp_path: Path) -> str:
    """A store with the clients mac-01 and mac-02, of whom the second is revoked."""
    for module, more in (
        ("root_certificate", {"common_name": "Contoso VPN"}),
        ("client_certificates", {"clients": ["mac-01", "mac-02"]}),
        ("client_certificates", {"clients": ["mac-02"], "state": "revoked"}),
    ):
        passphrase = {} if "state" in more else {"passphrase": PASSPHRASE}
        done = run_action(module, {"pki": str(tmp_path / "store.db"), **passphrase, **more})
        assert not done["failed"], done
    return "store.db"


def test_sessions_by_name(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str) -> None:
    azure.connect_client(gateway, "172.31.250.4", "mac-01", ingress_bytes=8000, egress_bytes=9000)
    azure.connect_client(gateway, "172.31.250.5", "mac-02")
    azure.connect_client(gateway, "172.31.250.6", "stranger")
    azure.connect_client(gateway, "172.31.250.7", "stranger")
    found = run.ok(INFO, **place, pki=pki, task_vars={"groups": {"all": ["mac-01", "stranger"]}})
    first = found["sessions"][0]
    assert [each["host"] for each in found["sessions"]] == ["mac-01", "", "", ""]
    assert {name: first[name] for name in ("gateway", "user_name", "client", "revoked", "private_address")} == {
        "gateway": "gw1", "user_name": "mac-01", "client": "mac-01", "revoked": False,
        "private_address": "172.31.250.4",
    }  # fmt: skip
    assert (first["public_address"], first["ingress_bytes"], first["egress_bytes"]) == ("203.0.113.7", 8000, 9000)
    assert first["since"].endswith("Z")
    assert first["address_pools"] == ["172.31.250.0/24"]
    assert (found["connections"], found["twice"], found["revoked"], found["unknown"]) == (
        4, ["stranger"], ["mac-02"], ["stranger"],
    )  # fmt: skip
    assert azure.storage.containers["sessions"] == {}  # what was made has gone again
    assert len(azure.storage.deleted) == 1
    assert len(run.ok(INFO, **place, user_names=["mac-02"])["sessions"]) == 1


@pytest.mark.parametrize("form", [arm.as_list, arm.as_lines])
def test_a_blob_of_ones_own(
    form: Any, azure: AzureLab, gateway: Resource, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.arm.write_sessions = form
    azure.storage.add_blob("sessions", "mine.json", b"of yesterday")
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    url = azure.storage.sas_url("sessions", "mine.json")
    assert [each["user_name"] for each in run.ok(INFO, output_blob_sas_url=url)["sessions"]] == ["mac-01"]
    assert "mine.json" in azure.storage.containers["sessions"]  # it is theirs: it stays


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b'[{"P2SConnection', "Unterminated string"),
        (b"\xff\xfe\x00", "can't decode"),
        (b'"text"', "something else than connections"),
        (b'[{"UserNameVpnConnectionHealths": "x"}]', "is no list of objects"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_whole(
    *, content: bytes, words: str, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    azure.arm.write_sessions = lambda _entries: content
    assert words in run.fails(INFO, **place)
    assert azure.storage.containers["sessions"] == {}


def test_a_file_that_stays_empty_since_nobody_is_connected(
    azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    azure.arm.write_sessions = lambda _entries: b""
    assert run.ok(INFO, **place)["sessions"] == []
    azure.faults.add("health", faults.forbidden("Microsoft.Network/p2sVpnGateways/getp2svpnconnectionhealth/action"))
    assert "getp2svpnconnectionhealth/action" in run.fails(INFO, **place)


def test_a_file_that_becomes_whole(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run) -> None:
    """Azure may still be writing when it says that it has written."""
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    whole: list[bytes] = []

    def half(entries: list[dict[str, Any]]) -> bytes:
        whole.append(arm.as_list(entries))
        return whole[0][:20]

    azure.arm.write_sessions = half

    def finish(_request: object) -> None:
        blobs = azure.storage.containers["sessions"]
        blobs.update(dict.fromkeys(blobs, whole[0]))

    azure.faults.add(
        lambda request: bool(whole) and request.method == "GET" and "labstorage" in request.path, faults.call(finish)
    )
    assert len(run.ok(INFO, **place)["sessions"]) == 1


def test_thousands_of_sessions_and_too_many(
    azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.clients = [Client(f"10.{n >> 8}.{n & 255}.1", f"IKE_{n}", user_name=f"mac-{n}") for n in range(5000)]
    assert run.ok(INFO, **place)["connections"] == 5000
    monkeypatch.setattr(blob, "PIECE", 50_000)
    monkeypatch.setattr(blob, "FILE_LIMIT", 100_000)
    assert "ask for one gateway, or by name" in run.fails(INFO, **place)


def test_who_may_not(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run) -> None:
    azure.storage.roles.clear()
    assert "the role Storage Blob Data Contributor on the container" in run.fails(INFO, **place)
    azure.storage.roles.add("Storage Blob Data Contributor")
    assert "make the container first" in run.fails(INFO, **place | {"container": "another"})
    azure.storage.add_blob("sessions", "mine.json")
    ended = azure.storage.sas_url("sessions", "mine.json", lifetime=-1)
    assert "the SAS has ended" in run.fails(INFO, output_blob_sas_url=ended)
    for permissions, word in (("r", "add, create, write"), ("racw", "")):
        url = azure.storage.sas_url("sessions", "mine.json", permissions)
        if word:
            assert word in run.fails(INFO, output_blob_sas_url=url)
    assert "has no signature" in run.fails(INFO, output_blob_sas_url=url.partition("?")[0])
    assert "https URL of a blob" in run.fails(INFO, output_blob_sas_url="http://example.com/x?sig=1")
    assert "3 to 24 small letters" in run.fails(INFO, **place | {"storage_account": "My_Account"})
    assert "storage_account has to be the https URL" in run.fails(INFO, **place | {"storage_account": "contoso"})


def test_ended_sessions(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str) -> None:
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    stolen = azure.connect_client(gateway, "172.31.250.5", "mac-02")
    azure.connect_client(gateway, "172.31.250.6", "stranger")
    what = {**place, "pki": pki, "clients": ["mac-02"]}
    foreseen = run.ok("connections", check=True, **what)
    assert foreseen["changed"]
    assert len(gateway.clients) == 3
    done = run.ok("connections", **what)
    assert [each["connection_id"] for each in done["disconnected"]] == [stolen.connection_id]
    assert (done["changed"], done["back"]) == (True, [])
    assert sorted(client.user_name for client in gateway.clients) == ["mac-01", "stranger"]
    again = run.ok("connections", **what)
    assert (again["changed"], again["disconnected"], again["seconds"]) == (False, [], 0)
    assert azure.storage.containers["sessions"] == {}


@pytest.mark.parametrize(("wait", "back"), [(0, ["mac-02"]), (60, [])])
def test_who_comes_back_until_its_certificate_is_refused(
    *, wait: int, back: list[str], azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str
) -> None:
    azure.connect_client(gateway, "172.31.250.5", "mac-02")
    times = []

    def come_back(_connection_id: str) -> None:
        times.append(1)
        if len(times) < 3:
            gateway.clients = [*gateway.clients, Client("172.31.250.9", f"IKE_{len(times)}", user_name="mac-02")]

    gateway.end_client = come_back
    done = run.ok("connections", **place, pki=pki, clients=["mac-02"], cut_wait=wait)
    assert done["back"] == back
    assert (done["seconds"] is None) == bool(back)
    assert ("came back" in done["said"]) == bool(back)
    assert len(times) == (1 if wait == 0 else 3)


@pytest.mark.parametrize(("wait", "looks"), [(0, 2), (60, 5)])
def test_who_is_away_for_a_moment_is_not_away(
    *, wait: int, looks: int, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str
) -> None:
    """A Mac takes some seconds until it dials again: one look at which it is not there shows nothing."""
    there = [azure.connect_client(gateway, "172.31.250.5", "mac-02")]
    looked = []

    def count() -> list[Client]:
        looked.append(1)
        if len(looked) == 3:
            there.append(Client("172.31.250.9", "IKE_2", user_name="mac-02"))
        return there

    gateway.count_clients, gateway.end_client = count, lambda _connection_id: there.clear()
    done = run.ok("connections", **place, pki=pki, clients=["mac-02"], cut_wait=wait)
    assert (done["back"], len(looked)) == ([], looks)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"clients": ["mac-03"]}, "the store has no client 'mac-03', so nothing was disconnected"),
        ({"thumbprints": ["AB" * 20]}, "has issued no certificate"),
        ({"thumbprints": ["xyz"]}, "is no SHA-1 thumbprint"),
        ({"addresses": ["300.1.1.1"]}, "is no IP address"),
        ({}, "one of the following is required: clients"),
    ],
)
def test_nobody_is_cut_by_a_slip(
    *,
    named: dict[str, list[str]],
    words: str,
    azure: AzureLab,
    gateway: Resource,
    place: dict[str, str],
    run: Run,
    pki: str,
) -> None:
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    assert words in run.fails("connections", **place, pki=pki, **named)
    assert len(gateway.clients) == 1


def test_whoever_is_revoked(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str) -> None:
    for address, name in (("172.31.250.4", "mac-01"), ("172.31.250.5", "MAC-02"), ("172.31.250.6", "stranger")):
        azure.connect_client(gateway, address, name)
    done = run.ok("connections", **place, pki=pki, revoked=True)
    assert [each["user_name"] for each in done["disconnected"]] == ["MAC-02"]
    assert done["said"].startswith("The sessions of mac-02 were ended, and nobody of them was back after ")
    assert run.ok("connections", **place, pki=pki, revoked=True)["said"] == "None of them is connected."
    assert "revoked needs pki" in run.fails("connections", **place, revoked=True)


@pytest.mark.parametrize("name", ["", "mac-01"])
def test_another_session_of_the_same_name_is_spared(
    name: str, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    """Who names a connection means no other, whatever their names."""
    one, two = (azure.connect_client(gateway, f"172.31.250.{number}", name) for number in (4, 5))
    run.ok("connections", **place, connection_ids=[one.connection_id], cut_wait=60)
    assert gateway.clients == [two]


def test_an_address_that_has_become_free_is_the_next_ones(
    azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str
) -> None:
    """Who comes back is known by name. One who is not known by name is ended once, and that is said."""
    address = "172.31.250.4"
    azure.connect_client(gateway, address, "stranger")
    newcomer = Client(address, "IKE_new", user_name="mac-01")

    def give_on(_connection_id: str) -> None:
        gateway.clients = [*gateway.clients, newcomer]

    gateway.end_client = give_on
    done = run.ok("connections", **place, pki=pki, addresses=[address], cut_wait=60)
    assert gateway.clients == [newcomer]
    assert (len(done["disconnected"]), done["back"]) == (1, [])
    assert done["said"] == (
        "The sessions of stranger were ended. Whether stranger came back cannot be told: Azure has no name for them "
        "alone."
    )


def test_clients_are_told_by_address_where_no_name_is_known(
    azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str
) -> None:
    """Whose Mac was seen with it since the session began; and nobody else is cut, not even who has such an address."""
    store = str(run.folder / pki)
    revoked = run_action("ledger_info", {"pki": store, "clients": ["mac-02"]})["clients"]["mac-02"]["sha1"]
    mac = {"host": "mac-02.example", "identifier": "com.example.vpn", "status": "installed", "profile_uuid": "U"}
    mac |= {"certificate_sha1": revoked, "address": "172.31.250.5", "shown_uuid": "U", "serial_number": "C02"}
    now = datetime.now(UTC)
    noted = {"pki": store, "state": "noted", "macs": [mac], "since": utc_text(now - timedelta(minutes=10))}
    assert not run_action("ledger", noted)["failed"]
    before, after = now - timedelta(hours=1), now - timedelta(minutes=5)
    gateway.clients = [
        Client("172.31.250.4", "IKE_1", user_name="a", since=before),
        Client("172.31.250.5", "IKE_2", user_name="a", since=after),
    ]
    done = run.ok("connections", **place, pki=pki, revoked=True)  # the address is another's by now
    assert (done["changed"], done["by_address"]) == (False, True)
    assert done["said"].endswith("since its session began. None could be matched, so none was ended.")

    gateway.clients[1].since = before
    found = run.ok(INFO, **place, pki=pki, task_vars={"groups": {"all": ["mac-02.example"]}})
    assert found["by_address"] is True
    assert [(each["client"], each["host"]) for each in found["sessions"]] == [("", ""), ("mac-02", "mac-02.example")]
    assert (found["revoked"], found["twice"]) == (["mac-02"], [])
    done = run.ok("connections", **place, pki=pki, revoked=True, cut_wait=60)
    assert [each["connection_id"] for each in done["disconnected"]] == ["IKE_2"]
    assert "The sessions of mac-02 were ended. Whether mac-02 came back cannot be told" in done["said"]
    assert [client.connection_id for client in gateway.clients] == ["IKE_1"]


@pytest.mark.parametrize("since", ["now", "2026-11-22", "2026-11-22T12:00:00", "0" * 5000])
def test_a_time_that_is_none(since: str, tmp_path: Path) -> None:
    told = run_action("ledger", {"pki": str(tmp_path / "store.db"), "state": "noted", "macs": [], "since": since})
    assert told["failed"]
    assert "give a time in UTC as 2026-11-22T21:00:00Z" in told["msg"]


def test_by_address_and_by_id(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run) -> None:
    one, two, three = (azure.connect_client(gateway, f"172.31.250.{n}", f"mac-{n}") for n in (4, 5, 6))
    done = run.ok("connections", **place, addresses=["172.31.250.4"], connection_ids=[two.connection_id, "IKE_gone"])
    assert {each["connection_id"] for each in done["disconnected"]} == {one.connection_id, two.connection_id}
    assert gateway.clients == [three]
    assert run.ok("connections", **place, clients=["MAC-6"])["changed"]  # without a store, as in the certificate


def test_the_gateways_of_one_configuration(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run) -> None:
    """A gateway of somebody else's in the same resource group is none of ours."""
    azure.add_hub("hub2", "wan1")
    azure.add_server_configuration("others")
    other = azure.add_p2s_gateway("gw2", "hub2", "others")
    for each in (gateway, other):
        azure.connect_client(each, "172.31.250.4", "mac-01")
    assert run.ok(INFO, **place)["connections"] == 2
    for chosen in ({"vpn_server_configuration": "macs"}, {"p2s_vpn_gateway": "gw1"}):
        assert [each["gateway"] for each in run.ok(INFO, **place, **chosen)["sessions"]] == ["gw1"]
    run.ok("connections", **place, clients=["mac-01"], vpn_server_configuration="macs")
    assert (len(gateway.clients), len(other.clients)) == (0, 1)


# -- what goes wrong on the wire -------------------------------------------------------------------------------------

NAMED = "POST */getp2svpnconnectionhealthdetailed"
ENDED = "POST */disconnectp2svpnconnections"


def given(azure: AzureLab) -> dict[str, str]:
    azure.storage.add_blob("sessions", "mine.json")
    return {"output_blob_sas_url": azure.storage.sas_url("sessions", "mine.json")}


@pytest.mark.parametrize("way", ["made", "given"])
@pytest.mark.parametrize("when", [NAMED, "GET /labstorage/*"])
def test_a_sas_that_ends_in_the_middle(
    *, way: str, when: str, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    """Before Azure writes, or before it is read back, which an identity does without the SAS."""
    where = given(azure) if way == "given" else place
    azure.faults.add(when, faults.call(lambda _request: setattr(azure.storage, "ahead", timedelta(hours=2))))
    if (way, when) == ("made", "GET /labstorage/*"):
        assert run.ok(INFO, **where)["connections"] == 0
    else:
        words = "InvalidSasUrl" if when == NAMED else "the SAS has ended or does not fit"
        assert words in run.fails(INFO, **where)
    assert set(azure.storage.containers["sessions"]) == ({"mine.json"} if way == "given" else set())
    assert azure.faults.unused == []


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_a_blob_that_is_forbidden(
    method: str, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    """To make it, to read it, and to take it away again."""

    def forbid(_request: object) -> None:
        azure.storage.roles.clear()

    azure.faults.add(f"{method} /labstorage/*", faults.call(forbid))
    assert "the role Storage Blob Data Contributor on the container" in run.fails(INFO, **place)
    assert azure.faults.unused == []


@pytest.mark.parametrize("call", [NAMED, ENDED])
@pytest.mark.parametrize(
    "fault",
    [faults.conflict(), faults.throttled(0), faults.throttled(1), faults.throttled(), faults.unavailable(0)],
    ids=["409", "429 at once", "429 in a second", "429", "503"],
)
@pytest.mark.soak("429 at once", "429", "503")
def test_a_gateway_that_is_busy(
    *,
    call: str,
    fault: faults.Fault,
    azure: AzureLab,
    gateway: Resource,
    place: dict[str, str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "ZERO_SECONDS", 0.01)
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    azure.faults.add(call, fault)
    assert run.ok("connections", **place, clients=["mac-01"])["changed"]
    assert gateway.clients == []
    assert azure.faults.unused == []


@pytest.mark.parametrize("call", [NAMED, ENDED])
def test_a_gateway_that_asks_for_more_time_than_there_is(
    call: str, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    azure.faults.add(call, faults.throttled(600), 100)
    assert "Azure took more than 30 seconds to" in run.fails(
        "connections", **place, clients=["mac-01"], wait_timeout=30
    )
    assert azure.storage.containers["sessions"] == {}
    assert len(gateway.clients) == 1


def test_nobody_is_connected(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str) -> None:
    found = run.ok(INFO, **place, pki=pki)
    assert [found[name] for name in ("connections", "sessions", "twice", "revoked", "unknown")] == [0, [], [], [], []]
    done = run.ok("connections", **place, pki=pki, revoked=True, cut_wait=60)
    assert (done["changed"], done["said"], done["seconds"]) == (False, "None of them is connected.", 0)
    assert azure.writes == []


def test_a_connection_that_is_gone(azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run) -> None:
    """Before it is looked for: nothing is sent. In the moment before it is ended: whatever Azure says, it is gone."""
    assert not run.ok("connections", **place, connection_ids=["IKE_gone"])["changed"]
    assert azure.writes == []
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    refusal = faults.status(400, "VpnConnectionNotFound", "No such connection.")
    azure.faults.add(ENDED, refusal)
    assert "VpnConnectionNotFound" in run.fails("connections", **place, clients=["mac-01"])  # it is still there

    def leave(_request: object) -> None:
        gateway.clients = []

    azure.faults.add(lambda request: request.path.lower().endswith(ENDED[7:]) and leave(request), faults.delay(0))
    azure.faults.add(ENDED, refusal)
    assert run.ok("connections", **place, clients=["mac-01"])["back"] == []


def test_a_name_that_is_no_client_of_ours(
    azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, pki: str
) -> None:
    azure.connect_client(gateway, "172.31.250.4", "stranger")
    assert run.ok(INFO, **place, pki=pki, user_names=["mac-01"])["sessions"] == []
    assert run.ok(INFO, **place, pki=pki)["unknown"] == ["stranger"]
    assert "no client 'stranger'" in run.fails("connections", **place, pki=pki, clients=["stranger"])
    assert not run.ok("connections", **place, pki=pki, revoked=True)["changed"]
    assert len(gateway.clients) == 1


@pytest.mark.parametrize("way", ["made", "given"])
def test_a_file_of_50_megabytes(way: str, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run) -> None:
    """It is known to be too large by the first piece, and no more than that is fetched."""
    content = b" " * (50 << 20)
    azure.arm.write_sessions = lambda _entries: content
    where = given(azure) if way == "given" else place
    azure.storage.roles.clear()
    run(INFO, **where)  # loads the SDK
    azure.storage.roles.add("Storage Blob Data Contributor")
    tracemalloc.start()
    try:
        said = run.fails(INFO, **where)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert said == (
        "Azure has written more connections than are read at once (some 20,000): ask for one gateway, or by name."
    )
    assert most < 25 << 20


def test_a_file_in_several_pieces_that_changes_between(
    azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob, "PIECE", 10_000)
    gateway.clients = [Client(f"10.0.{n}.1", f"IKE_{n}", user_name=f"mac-{n}") for n in range(100)]

    def write(_request: object) -> None:
        blobs = azure.storage.containers["sessions"]
        blobs.update({name: b" " + content for name, content in blobs.items()})

    second = 0

    def is_second_piece(request: Any) -> bool:
        nonlocal second
        second += request.method == "GET" and request.path.startswith("/labstorage/")
        return second == 2

    azure.faults.add(is_second_piece, faults.call(write))
    assert run.ok(INFO, **place)["connections"] == 100
    assert any(request.status == 412 for request in azure.requests)


@pytest.mark.parametrize("escaped", [False, True])
def test_a_sas_url_that_azure_quotes_is_not_shown(
    escaped: bool, azure: AzureLab, gateway: Resource, place: dict[str, str], run: Run
) -> None:
    """The signature that was sent is among the secrets that nothing may show (conftest)."""
    quoted = []

    def quote(request: Any) -> None:
        url = json.loads(request.body)["outputBlobSasUrl"]
        azure.storage.secrets.add(url.partition("sig=")[2])
        quoted.append(url.replace("/", "\\/").replace("&", "\\u0026") if escaped else url)
        azure.faults.add(NAMED, faults.status(400, "InvalidSasUrl", f"The URL {quoted[0]} cannot be written."))

    azure.faults.add(lambda request: request.path.lower().endswith(NAMED[7:]) and bool(quote(request)), faults.delay(0))
    said = run.fails(INFO, **place)
    assert "InvalidSasUrl" in said and "cannot be written" in said
    assert quoted
