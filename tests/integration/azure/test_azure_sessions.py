# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connection_info and connections against the lab's Azure: its gateways write the sessions into its storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import blob, sessions
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, arm, faults
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Client, Resource
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

pytest.importorskip("azure.storage.blob", reason="azure-storage-blob is not installed in this environment")

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
    found = run.ok(INFO, **place, pki=pki)
    first = found["sessions"][0]
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
    azure.arm.write_sessions = lambda _entries: content
    assert words in run.fails(INFO, **place)
    assert azure.storage.containers["sessions"] == {}


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
