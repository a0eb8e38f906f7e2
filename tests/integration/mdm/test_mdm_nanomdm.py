# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about NanoMDM: it tells nothing, so that what it was given is known from files, or not at all."""

from __future__ import annotations

import json
import plistlib
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, Fleet
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Request
from ansible_collections.vwan.user_vpn.tests.lab.mdm import NanoMdmLab
from ansible_collections.vwan.user_vpn.tests.lab.mdm import nanomdm_real as real
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action
from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import key_pem, pem

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.lab.mac import Mac
    from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki

of_nanomdm = pytest.mark.parametrize("server", ["nanomdm"], indirect=True)
pytestmark = of_nanomdm

# What a run may know: what was commanded, what Macs have answered, both, or neither.
KNOWN = {"both": (), "record": ("results",), "results": ("record",), "nothing": ("record", "results")}


def without(fleet: Fleet, *options: str) -> dict[str, Any]:
    return {"server": {name: value for name, value in fleet.server.server.items() if name not in options}}


def version_of(mac: Mac) -> str:
    return next((str(profile["uuid"]) for profile in mac.installed_profiles()), "")


@pytest.mark.parametrize(
    "known", ["both", *(pytest.param(each, marks=pytest.mark.soak) for each in ("record", "results"))]
)
def test_a_profile_that_comes_back_is_delivered_again(single: Fleet, known: str) -> None:
    """A command's name that only device and content made up would be known from the first time on."""
    (mac,), how = single.macs, without(single, *KNOWN[known])
    one = single.render()
    for _time in range(2):
        for options in ({}, {"enforce_routes": True}):
            rendered = single.render(**options)
            predicted = single.deliver(rendered, options=how, check=True)
            told = single.deliver(rendered, options=how)
            assert predicted["changed"] and told["changed"], told
            assert version_of(mac) == rendered["mac-01"]["profile_uuid"]
            assert not single.deliver(rendered, options=how)["changed"]
    assert one["mac-01"]["profile_uuid"] == single.render()["mac-01"]["profile_uuid"]
    for _time in range(2):
        assert single.remove(mac, options=how)["changed"] and mac.installed_profiles() == []
        assert not single.remove(mac, options=how)["changed"]
        assert single.deliver(rendered, options=how)["changed"] and version_of(mac)
    assert len(single.server.commands) == len(set(single.server.commands)) == 8


def test_where_nothing_is_known_that_is_said(single: Fleet) -> None:
    (mac,), how = single.macs, without(single, "record", "results")
    one = single.render()
    first = single.deliver(one, options=how | {"wait": True})
    entry = first["macs"]["mac-01"]
    assert first["changed"] and entry["state"] == "queued" and "set server.results" in entry["msg"]
    again = single.deliver(one, options=how)
    assert not again["changed"] and again["macs"]["mac-01"]["state"] == "queued"
    assert "set server.record" in again["macs"]["mac-01"]["msg"] and not again["macs"]["mac-01"]["failed"]
    other = single.render(enforce_routes=True)
    assert single.deliver(other, options=how)["changed"] and version_of(mac) == other["mac-01"]["profile_uuid"]
    # The name is known already, and a record helps from then on.
    one = single.render()
    assert not single.deliver(one, options=how)["changed"] and version_of(mac) == other["mac-01"]["profile_uuid"]
    how = without(single, "results")
    assert single.deliver(one, options=how)["changed"] and version_of(mac) == one["mac-01"]["profile_uuid"]
    assert not single.deliver(one, options=how)["changed"]
    told = run_action(
        "mdm_profile_info",
        without(single, "record", "results") | {"identifier": IDENTIFIER, "profiles": single.wishes(one)},
    )
    assert told["macs"]["mac-01"]["state"] == "absent" and "set server.results" in told["macs"]["mac-01"]["msg"]
    # Who is to lose it is told so, whatever is known.
    gone = single.remove(mac, options=without(single, "record", "results"))
    assert gone["macs"]["mac-01"]["state"] == "pending" and mac.installed_profiles() == []


def test_a_profile_is_taken_off_its_mac(fleet: Fleet) -> None:
    rendered = fleet.render()
    fleet.deliver(rendered)
    gone, asleep, other = fleet.macs
    server = fleet.server
    server.of(asleep).reaches = "never"
    assert fleet.remove(gone, check=True)["changed"] and len(gone.installed_profiles()) == 1
    result = fleet.remove(gone, asleep, options={"wait": True, "wait_timeout": 1})
    assert result["changed"] and fleet.states(result) == {"mac-01": "removed", "mac-02": "pending"}
    assert gone.installed_profiles() == [] and gone.keychain("system") == []
    assert not fleet.remove(gone, asleep)["changed"]
    server.awake(server.of(asleep))
    told = fleet.remove(gone, asleep)
    assert set(fleet.states(told).values()) == {"removed"} and not told["changed"] and fleet.has(other, rendered)
    # A person has taken it off before: the Mac says so, and that is as good.
    other.remove_profile(IDENTIFIER)
    told = fleet.remove(other, options={"wait": True})
    assert fleet.states(told) == {"mac-03": "removed"} and not told["macs"]["mac-03"]["failed"]


def test_a_signed_profile_arrives_to_the_byte(single: Fleet, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = single.folder
    (folder / "signer.pem").write_bytes(pem(pki.client("signer")))
    (folder / "signer.key").write_bytes(key_pem(pki.leaf_key))
    rendered = single.render(sign_with={"certificate": str(folder / "signer.pem"), "key": str(folder / "signer.key")})
    arrived: list[bytes] = []
    (mac,) = single.macs
    push = mac.push_profile
    monkeypatch.setattr(mac, "push_profile", lambda raw: (arrived.append(raw), push(raw))[1])
    assert single.states(single.deliver(rendered)) == {"mac-01": "installed"}
    assert arrived == [Path(rendered["mac-01"]["path"]).read_bytes()] and not arrived[0].startswith(b"<?xml")


def test_a_mac_is_named_by_its_udid(fleet: Fleet) -> None:
    rendered = fleet.render()
    wishes = fleet.wishes(rendered)
    for wish, udid in zip(
        wishes, ("", "NOBODY", f"{fleet.macs[0].hardware_uuid},{fleet.macs[1].hardware_uuid}"), strict=True
    ):
        wish["udid"] = udid
    told = fleet.deliver(rendered, options={"profiles": wishes})
    assert set(fleet.states(told).values()) == {"unknown_device"} and not told["failed"]
    said = {host: entry["msg"] for host, entry in told["macs"].items()}
    assert "finds a Mac by its UDID: set udid." in said["mac-01"]
    assert "knows no Mac with the UDID NOBODY" in said["mac-02"] and "knows no Mac with the UDID" in said["mac-03"]
    assert not any(mac.installed_profiles() for mac in fleet.macs)
    assert not [line for line in fleet.server.requests if "," in line]  # two Macs are never addressed with one key
    for storage in ("mysql", "pgsql"):
        fleet.server.core.storage = storage
        told = fleet.deliver(rendered, options={"profiles": wishes[1:2]})
        assert fleet.states(told) == {"mac-02": "unknown_device"}
    gone = run_action(
        "mdm_profile",
        {"server": fleet.server.server, "state": "absent", "identifier": IDENTIFIER, "profiles": wishes[1:2]},
    )
    assert fleet.states(gone) == {"mac-02": "unknown_device"} and not gone["macs"]["mac-02"]["failed"]


@pytest.mark.parametrize("storage", ["mysql", "pgsql"])
def test_every_storage_says_that_a_command_is_there(single: Fleet, storage: str) -> None:
    single.server.core.storage = storage
    rendered, how = single.render(), without(single, "record", "results")
    assert single.deliver(rendered, options=how)["changed"] and not single.deliver(rendered, options=how)["changed"]


def test_what_cannot_be_pushed_is_queued_all_the_same(single: Fleet) -> None:
    (mac,), server = single.macs, single.server
    server.core.pushes, server.of(mac).reaches = False, "never"
    rendered = single.render()
    entry = single.deliver(rendered)["macs"]["mac-01"]
    assert entry["state"] == "queued" and not entry["failed"] and "retrieving push cert" in entry["error"]
    assert not single.deliver(rendered)["changed"] and len(server.commands) == 1
    server.awake(server.of(mac))
    assert single.states(single.deliver(rendered)) == {"mac-01": "installed"} and single.has(mac, rendered)


def test_a_mac_that_is_enrolled_anew_gets_it_again(single: Fleet) -> None:
    (mac,), server = single.macs, single.server
    rendered = single.render()
    single.deliver(rendered)
    server.check_out(server.of(mac))
    mac.remove_profile(IDENTIFIER)
    told = single.deliver(rendered)
    assert single.states(told) == {"mac-01": "unknown_device"} and "does not manage" in told["macs"]["mac-01"]["msg"]
    assert not single.remove(mac)["changed"]
    server.check_in(server.of(mac))
    told = single.deliver(rendered)
    assert told["changed"] and single.states(told) == {"mac-01": "installed"} and single.has(mac, rendered)
    entry = told["macs"]["mac-01"]
    assert entry["device"] == "mac-01's Mac" and entry["last_seen"]


def test_one_that_has_refused_is_asked_again(single: Fleet) -> None:
    (mac,), server = single.macs, single.server
    server.of(mac).reaches = "refuses"
    rendered = single.render()
    assert single.states(single.deliver(rendered)) == {"mac-01": "failed"}
    server.of(mac).reaches = "at once"
    assert single.states(single.deliver(rendered)) == {"mac-01": "installed"} and single.has(mac, rendered)


def test_the_log_may_be_rotated_and_hold_anything(single: Fleet) -> None:
    server, rendered = single.server, single.render()
    single.deliver(rendered)
    rotated = server.results.with_name("results.jsonl.1")
    server.results.rename(rotated)
    assert not single.deliver(rendered)["changed"]  # it is being rotated
    lines = [
        b"",
        b"garbage",
        b"\x00\xff" * 50,
        b"[" * 100_000,
        b"1" * 10_000,
        b'{"topic": 7}',
        b'{"acknowledge_event": []}',
    ]
    server.results.write_bytes(b"\n".join(lines) + b"\n" + b"x" * (9 << 20) + b'\n{"acknowledge_event": {"udid": "')
    told = single.deliver(rendered)
    assert not told["changed"] and single.states(told) == {"mac-01": "installed"}
    how = without(single, "record")
    assert single.states(single.deliver(rendered, options=how)) == {"mac-01": "installed"}
    rotated.unlink()
    # What is known of neither file was given before, says NanoMDM.
    told = single.deliver(rendered, options=how)
    assert not told["changed"] and single.states(told) == {"mac-01": "queued"}


def test_a_shared_profile_goes_to_each_mac_and_never_a_key(fleet: Fleet) -> None:
    from ansible_collections.vwan.user_vpn.tests.integration.mdm.test_mdm_suite import shared

    rendered = fleet.render()
    told = fleet.deliver({host: entry | {"shared": True} for host, entry in rendered.items()})
    assert all("use SCEP" in entry["msg"] and entry["failed"] for entry in told["macs"].values())
    assert not fleet.server.commands
    told = fleet.deliver(shared(rendered, fleet.folder))
    assert set(fleet.states(told).values()) == {"installed"} and len(fleet.server.commands) == 3
    assert not fleet.deliver(shared(rendered, fleet.folder))["changed"]
    one = shared(rendered, fleet.folder)["mac-01"]
    path = Path(one["path"])
    path.write_bytes(path.read_bytes().replace(b"https://scep.example.com", b"https://scep.example.com/$SERIALNUMBER"))
    path.write_bytes(path.read_bytes().replace(one["profile_uuid"].encode(), b"6C4A8C7E-6E0F-5B7A-9C43-0C9A0B5C3B11"))
    told = fleet.deliver({"mac-01": one})
    assert "fills in no variables, and $SERIALNUMBER is one" in told["macs"]["mac-01"]["msg"], told
    assert len(fleet.server.commands) == 3


def test_what_is_missing_or_wrong_is_named(single: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rendered, server = single.render(), single.server.server
    told = single.deliver(rendered, options={"server": {"type": "nanomdm"}})
    assert told["failed"]
    assert "set server.url (or NANOMDM_URL) and server.api_key (or NANOMDM_API_KEY)" in told["msg"]
    told = single.deliver(rendered, options={"server": server | {"api_key": "s3cret-of-nobody"}})
    entry = told["macs"]["mac-01"]
    assert "refuses the login: correct server.api_key" in entry["msg"] and "s3cret" not in str(told)
    for option, value in (("results", "nowhere.jsonl"), ("results", "/"), ("record", "/nowhere/record")):
        told = single.deliver(rendered, options={"server": server | {option: value}})
        said = told["msg"] if told["failed"] else told["macs"]["mac-01"]["msg"]
        assert f"server.{option}: " in said, told
    assert not single.macs[0].installed_profiles()
    for name in ("url", "api_key", "record", "results"):
        monkeypatch.setenv(f"NANOMDM_{name.upper()}", server[name])
    short = {"type": "nanomdm", "ca_file": server["ca_file"]}
    assert single.states(single.deliver(rendered, options={"server": short})) == {"mac-01": "installed"}
    assert single.server.record.stat().st_mode & 0o777 == 0o600


def test_it_is_no_inventory(server: NanoMdmLab, tmp_path: Path) -> None:
    source = tmp_path / "nano.mdm.yml"
    source.write_text(json.dumps({"plugin": "vwan.user_vpn.mdm", "server": server.server}))
    command = ["ansible-inventory", "-i", str(source), "--list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    said = " ".join(done.stderr.split())
    assert "has no list of its Macs: name them in an inventory of your own, each with user_vpn_udid" in said


def test_a_half_written_record_goes_on(single: Fleet) -> None:
    single.server.record.write_bytes(b'{"command_uuid": "user-vpn-')
    rendered = single.render()
    assert single.states(single.deliver(rendered)) == {"mac-01": "installed"}
    told = [json.loads(line) for line in single.server.record.read_bytes().splitlines()[1:]]
    assert [line["state"] for line in told] == ["sending", "queued"] and not single.deliver(rendered)["changed"]


# -- the server itself ----------------------------------------------------------------------------------------------


ITSELF = {"inmem": real.RealNanoMdmInMemory, "filekv": real.RealNanoMdmLab}


@pytest.fixture(params=["inmem", pytest.param("filekv", marks=pytest.mark.soak)])
def itself(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[real.RealNanoMdmLab]:
    if not real.executable():
        pytest.skip("NanoMDM is not at hand: set NANOMDM to its executable, or put it on the PATH")
    with ITSELF[request.param](tmp_path / "itself") as server:
        yield server
    assert not server.refusals


def test_the_server_itself_delivers(
    tmp_path: Path, lab: Lab, itself: real.RealNanoMdmLab, pki: Pki, server: NanoMdmLab
) -> None:
    fleet = Fleet(tmp_path, lab, itself, pki, 2)
    first, second = fleet.macs
    for options in ({}, {"enforce_routes": True}, {}):
        rendered = fleet.render(**options)
        told = fleet.deliver(rendered, options={"wait": True})
        assert told["changed"] and set(fleet.states(told).values()) == {"installed"}, told
        assert all(fleet.has(mac, rendered) for mac in fleet.macs)
        assert all("retrieving push cert" not in entry["error"] for entry in told["macs"].values())
        assert not fleet.deliver(rendered)["changed"]
    for mac, reaches, state in ((first, "refuses", "failed"), (second, "not now", "pending")):
        itself.of(mac).reaches = reaches
        fleet.renew(mac)
        assert fleet.deliver(fleet.render())["macs"][mac.name]["state"] == state
        itself.awake(itself.of(mac))
    told = fleet.deliver(fleet.render())
    assert set(fleet.states(told).values()) == {"installed"}, told
    for _time in range(2):
        assert set(fleet.states(fleet.remove(first, second)).values()) == {"removed"}
        assert not first.installed_profiles() and not second.installed_profiles()
    itself.check_in(itself.of(first))
    rendered = fleet.render()
    assert fleet.deliver(rendered)["changed"] and fleet.has(first, rendered)
    nothing = {"server": {name: itself.server[name] for name in ("type", "url", "api_key", "ca_file")}}
    assert fleet.deliver(rendered, options=nothing)["changed"]
    entry = fleet.deliver(rendered, options=nothing)["macs"]["mac-01"]
    assert not entry["changed"] and "set server.record" in entry["msg"], entry


def requests_of(api_key: str) -> list[tuple[str, str, str, bytes]]:
    """Method, path, query and body of what the double and the server are asked alike."""
    known, nobody = "11111111-2222-3333-4444-555555555555", "NOBODY"

    def install(name: str) -> bytes:
        wanted = {"RequestType": "InstallProfile", "Payload": b"x"}
        return plistlib.dumps({"Command": wanted, "CommandUUID": name})

    remove = plistlib.dumps({"Command": {"RequestType": "RemoveProfile", "Identifier": "a"}, "CommandUUID": "a-6"})
    return [
        ("PUT", f"/v1/enqueue/{known}", "", install("a-1")),
        ("PUT", f"/v1/enqueue/{known}", "", install("a-1")),
        ("PUT", f"/v1/enqueue/{known}", "nopush=1", install("a-2")),
        ("PUT", f"/v1/enqueue/{nobody}", "", install("a-3")),
        ("PUT", f"/v1/enqueue/{nobody}", "nopush=1", install("a-4")),
        ("PUT", f"/v1/enqueue/{known},{nobody}", "", install("a-5")),
        ("PUT", f"/v1/enqueue/{known}", "", remove),
        ("GET", f"/v1/push/{known}", "", b""),
        ("GET", f"/v1/push/{nobody}", "", b""),
    ]


def test_the_double_answers_as_the_server_itself(itself: real.RealNanoMdmLab, server: NanoMdmLab) -> None:
    server.core.pushes = False
    udid = "11111111-2222-3333-4444-555555555555"
    for each in (itself, server):
        each.core.mdm({"UDID": udid, "MessageType": "Authenticate", "Topic": "com.apple.mgmt.x", "SerialNumber": "C02"})
        token = {"Token": b"abc", "PushMagic": "magic"}
        each.core.mdm({"UDID": udid, "MessageType": "TokenUpdate", "Topic": "com.apple.mgmt.x", **token})
    answers: dict[str, list[Any]] = {"itself": [], "double": []}
    for name, each in (("itself", itself), ("double", server)):
        headers = {"authorization": "Basic " + b64encode(f"nanomdm:{each.client_secret}".encode()).decode()}
        for method, path, query, body in requests_of(each.client_secret):
            answer = each.core.api(Request(method, "localhost", path, query, headers, body))
            told = json.loads(answer.body)
            if "push_error" in told:
                told["push_error"] = told["push_error"][:20]
            answers[name].append((path, answer.status, told))
        talk: list[dict[str, Any]] = [
            {"Status": "Idle"},
            {"Status": "NotNow", "CommandUUID": "a-1"},
            {"Status": "Error", "CommandUUID": "a-2", "ErrorChain": []},
            {"Status": "Acknowledged", "CommandUUID": "a-5"},
            {"Status": "Idle"},
            {"Status": "Acknowledged", "CommandUUID": "a-1"},
        ]
        for said in talk:
            raw = each.core.mdm({"UDID": udid, **said})
            answers[name].append(plistlib.loads(raw)["CommandUUID"] if raw else "")
        again = {"UDID": udid, "MessageType": "Authenticate", "Topic": "com.apple.mgmt.x"}
        each.core.mdm(again)
        each.core.mdm({**again, "MessageType": "TokenUpdate", "Token": b"abc", "PushMagic": "magic"})
        answers[name].append(each.core.mdm({"UDID": udid, "Status": "Idle"}))
        each.receiver.await_topic("mdm.Connect", len(talk) + 1)
        each.receiver.await_topic("mdm.TokenUpdate", 2)
        each.receiver.await_topic("mdm.Authenticate", 2)
        events = [json.loads(line) for line in each.receiver.path.read_bytes().splitlines()]
        kept = sorted(
            (event["topic"], sorted(event), sorted(event.get("acknowledge_event") or event["checkin_event"]))
            for event in events
        )
        answers[name].append(kept)
    assert answers["double"] == answers["itself"]
