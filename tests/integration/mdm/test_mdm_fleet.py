# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is Fleet's alone: labels, teams, the license, statuses that are late, variables, and the token."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm import fleet as client
from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, Fleet
from ansible_collections.vwan.user_vpn.tests.integration.mdm.test_mdm_suite import all_installed, shared, writes
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Response
from ansible_collections.vwan.user_vpn.tests.lab.mdm import FleetLab
from ansible_collections.vwan.user_vpn.tests.lab.mdm.fleet import API
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki

PROFILES = f"{API}/configuration_profiles"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FleetLab]:
    with FleetLab(tmp_path / "server") as server:
        yield server
    assert not server.refusals


def said(result: dict[str, Any]) -> list[str]:
    return [entry["msg"] for entry in result["macs"].values()]


def once(server: FleetLab, match: str, do: Callable[[], object]) -> None:
    """Before the next request of this kind, somebody else does something."""
    server.faults.add(match, lambda _request: do() and None)


def label_name(fleet: Fleet, number: int = 0) -> str:
    return f"vwan.user_vpn [{IDENTIFIER} {fleet.macs[number].serial}]"


def test_a_key_is_sent_to_a_label_that_nobody_has(single: Fleet) -> None:
    """Also where a run that was killed, or somebody, has left the label with Macs in it."""
    server = single.server
    left = server._new_label(label_name(single))
    left.hosts = set(server.enrolled)
    seen: list[set[str]] = []
    server.faults.add(f"POST {PROFILES}", lambda _request: seen.append(set(left.hosts)))
    assert all_installed(single.deliver(single.render()))
    assert seen == [set()]
    (stored,) = server.profiles.values()
    assert stored.labels == {"labels_include_all": [label_name(single)]}
    assert stored.identifier == f"{IDENTIFIER}.{single.macs[0].serial}"


def test_labels_are_sent_again_with_each_edit(fleet: Fleet) -> None:
    server = fleet.server
    fleet.deliver(fleet.render())
    assert all_installed(fleet.deliver(fleet.render(enforce_routes=True)))
    for stored, mac in zip(server.profiles.values(), fleet.macs, strict=True):
        assert stored.labels == {"labels_include_all": [f"vwan.user_vpn [{IDENTIFIER} {mac.serial}]"]}
    # Those of somebody else, too.
    one = shared(fleet.render(), fleet.folder)
    fleet.deliver(one)
    stored = list(server.profiles.values())[-1]
    for name in ("Sales", "Lab"):
        server._new_label(name).hosts = set(server.enrolled) if name == "Sales" else set()
    stored.labels = theirs = {"labels_include_any": ["Sales"], "labels_exclude_any": ["Lab"]}
    result = fleet.deliver(shared(fleet.render(enforce_routes=True), fleet.folder))
    assert result["changed"] and all_installed(result) and stored.labels == theirs
    del server.labels[next(number for number, label in server.labels.items() if label.name == "Lab")]
    result = fleet.deliver(shared(fleet.render(), fleet.folder))
    assert all("has lost the label Lab" in sentence for sentence in said(result)) and stored.labels == theirs


def test_who_comes_into_a_label_gets_no_key_for_long(fleet: Fleet) -> None:
    server = fleet.server
    rendered = fleet.render()
    fleet.deliver(rendered)
    label = server.label_of(next(iter(server.profiles.values())))
    label.hosts.add("2")
    result = fleet.deliver(rendered)
    assert [host for host, entry in result["macs"].items() if entry["changed"]] == ["mac-01"]
    assert "reach others as well (1 other Macs)" in " ".join(result["warnings"]) and label.hosts == {"1"}
    # While it is written.
    fleet.renew(fleet.macs[0])
    once(server, f"PATCH {PROFILES}/*", lambda: label.hosts.add("3"))
    result = fleet.deliver(fleet.render())
    assert "reach others as well (1 other Macs)" in " ".join(result["warnings"]) and label.hosts == {"1"}
    # While it is scoped: that is taken back.
    label.hosts.clear()

    def join() -> None:
        once(server, f"GET {API}/labels/*/hosts", lambda: label.hosts.add("3"))

    once(server, f"PATCH {API}/labels/*", join)
    result = fleet.deliver(fleet.render())
    assert "shows another scope" in said(result)[0] and fleet.states(result)["mac-02"] == "installed"
    assert not label.hosts


def test_a_label_that_is_gone_is_made_anew(single: Fleet) -> None:
    server = single.server
    single.deliver(single.render())
    (stored,) = server.profiles.values()
    for rendered in (single.render(enforce_routes=True), single.render(enforce_routes=True)):
        del server.labels[server.label_of(stored).id]
        result = single.deliver(rendered)
        assert result["changed"] and all_installed(result) and server.label_of(stored).hosts == {"1"}
    # One of that name that Fleet fills by itself is none of ours.
    del server.labels[server.label_of(stored).id]
    server.profiles.clear()
    server._new_label(label_name(single)).membership = "dynamic"
    assert "Label already exists" in said(single.deliver(rendered))[0] and not server.profiles


def test_what_is_taken_is_said(fleet: Fleet) -> None:
    server = fleet.server
    rendered = fleet.render()
    fleet.deliver({"mac-01": rendered["mac-01"]})
    (stored,) = server.profiles.values()
    name = stored.name
    # Another profile has the name.
    stored.document = stored.document | {"PayloadIdentifier": "com.example.other"}
    result = fleet.deliver(rendered)
    assert "with this name already exists" in said(result)[0] and fleet.states(result)["mac-02"] == "installed"
    # Another identifier is another profile: no edit changes it.
    stored.document = stored.document | {"PayloadDisplayName": f"{name} by hand"}
    assert all_installed(fleet.deliver(rendered))
    assert all_installed(fleet.deliver(fleet.render(identifier="com.example.another")))
    found = {each.identifier for each in server.profiles.values()}
    ours = {f"{start}.{mac.serial}" for start in (IDENTIFIER, "com.example.another") for mac in fleet.macs}
    assert found == ours | {"com.example.other"}


def test_fleet_free_is_sent_nothing(fleet: Fleet) -> None:
    server = fleet.server
    server.tier = "free"
    fleet.render()
    rendered = fleet.render()
    for wish in (rendered, shared(rendered, fleet.folder)):
        for check in (True, False):
            result = fleet.deliver(wish, check=check)
            assert all("takes Fleet Premium" in sentence for sentence in said(result)) and not result["changed"]
    assert not writes(server) and not server.profiles
    # Where the license may not be read, Fleet refuses the label itself, and keeps nothing.
    server.faults.add(f"GET {API}/config", Response(403), times=math.inf)
    result = fleet.deliver(rendered)
    assert all("HTTP status 402 (Requires Fleet Premium license)" in sentence for sentence in said(result))
    assert not server.profiles and all(mac.installed_profiles() == [] for mac in fleet.macs)


def test_an_older_fleet_cannot_edit(single: Fleet) -> None:
    server = single.server
    server.version = (4, 89)
    assert all_installed(single.deliver(single.render()))
    result = single.deliver(single.render(enforce_routes=True))
    assert "since Fleet 4.90" in said(result)[0] and len(single.macs[0].installed_profiles()) == 1
    assert single.states(single.remove(single.macs[0])) == {"mac-01": "removed"} and not server.profiles


def test_a_profile_is_that_of_a_team(fleet: Fleet) -> None:
    server = fleet.server
    server.team = 3
    server.teams |= {"1": 3, "2": 3, "3": 0}
    rendered = fleet.render()
    result = fleet.deliver(rendered)
    assert "is in no team" in said(result)[2] and "set server.team_id to 0" in said(result)[2]
    assert fleet.states(result) == {"mac-01": "installed", "mac-02": "installed", "mac-03": "failed"}
    assert {stored.team for stored in server.profiles.values()} == {3}
    assert not fleet.deliver(rendered)["changed"]
    assert fleet.states(fleet.remove(*fleet.macs[:2])) == {"mac-01": "removed", "mac-02": "removed"}
    assert not server.profiles and list(server.labels) == [6]  # nothing of ours stays


def test_a_status_of_the_version_before_says_nothing(single: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    server = single.server
    assert all_installed(single.deliver(single.render()))
    monkeypatch.setattr(client, "CYCLE", timedelta(seconds=60))
    server.prompt = False
    rendered = single.render(enforce_routes=True)
    (stored,) = server.profiles.values()
    (row,) = server.rows.values()
    assert row.status == "verifying"
    server.age(stored, 3600)
    for _run in range(2):
        result = single.deliver(rendered)
        assert single.states(result) == {"mac-01": "pending"} and not result["failed"]
    server.reconcile()
    assert single.states(single.deliver(rendered)) == {"mac-01": "pending"}  # nobody has seen it change
    server.age(stored, 61)
    assert all_installed(single.deliver(rendered))
    # Who waits sees it change.
    server.of(single.macs[0]).reaches = "never"

    def wake() -> None:
        server.awake(server.of(single.macs[0]))

    server.prompt = True
    once(server, f"GET {API}/hosts/1", lambda: once(server, f"GET {API}/hosts/1", wake))
    rendered = single.render()
    assert all_installed(single.deliver(rendered, options={"wait": True, "wait_timeout": 5}))
    assert any("0 of 1 Macs are done" in line for line in single.said)


def test_of_many_macs_each_that_failed_tells_why(tmp_path: Path, lab: Lab, server: FleetLab, pki: Pki) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 12)
    refusing, asleep, *_others = fleet.macs
    server.of(refusing).reaches, server.of(asleep).reaches = "refuses", "never"
    result = fleet.deliver(shared(fleet.render(), tmp_path))
    states = fleet.states(result)
    assert (states["mac-01"], states["mac-02"]) == ("failed", "pending")
    assert result["macs"]["mac-01"]["error"] == server.REFUSED
    assert list(states.values()).count("installed") == 10


def test_who_has_refused_is_asked_again(fleet: Fleet) -> None:
    server, refusing = fleet.server, fleet.server.of(fleet.macs[0])
    refusing.reaches = "refuses"
    fleet.render()
    rendered = fleet.render()
    assert fleet.states(fleet.deliver(rendered))["mac-01"] == "failed"
    sent = len(server.commands)
    result = fleet.deliver(rendered, check=True)
    assert [host for host, entry in result["macs"].items() if entry["changed"]] == ["mac-01"]
    assert len(server.commands) == sent
    result = fleet.deliver(rendered, options={"wait": True, "wait_timeout": 5})
    assert fleet.states(result)["mac-01"] == "failed" and result["macs"]["mac-01"]["changed"]
    asked = run_action(
        "mdm_profile_info", {"server": server.server, "identifier": IDENTIFIER, "profiles": fleet.wishes(rendered)}
    )
    assert asked["macs"]["mac-01"]["state"] == "failed" and len(server.commands) == sent + 1
    refusing.reaches = "at once"
    result = fleet.deliver(rendered, options={"wait": True, "wait_timeout": 5})
    assert all_installed(result) and len(server.commands) == sent + 2
    assert not fleet.deliver(rendered)["changed"]


@pytest.mark.parametrize("size", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_calls_for_a_shared_profile_grow_with_pages(
    tmp_path: Path, server: FleetLab, lab: Lab, pki: Pki, size: int
) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 1)
    one = shared(fleet.render(), tmp_path)["mac-01"]
    profiles = [{"host": "mac-01", "serial_number": fleet.macs[0].serial, "profile": one}]
    for number in range(2, size + 1):
        release = SimpleNamespace(version="15.5")
        mac: Any = SimpleNamespace(name=f"mac-{number}", serial=f"S{number:04d}", release=release)
        mac.push_profile, mac.installed_profiles, mac.keychains = lambda raw: None, list, {}
        mac.hardware_uuid = f"00000000-0000-0000-0000-{number:012d}"
        server.enrol(mac)
        profiles.append({"host": mac.name, "serial_number": mac.serial, "profile": one})
    wish = {"server": server.server, "profiles": profiles}
    assert all_installed(run_action("mdm_profile", wish))
    first = len(server.requests)
    server.requests.clear()
    result = run_action("mdm_profile", wish)
    assert not result["changed"] and all_installed(result) and not writes(server)
    # Of Macs, and of those that have the profile, pages of 500 until one is not full; three more statuses; the license;
    # the list of profiles, the profile, what is in it, and the Macs of its label.
    pages = 3 if size == 1000 else 1
    assert len(server.requests) == 2 * pages + 3 + 5
    # A label is looked for, made and looked at; the profile is made, its label filled and looked at, and all is read.
    assert first - len(server.requests) == 9


def test_the_token_is_all_it_takes(single: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    server = single.server
    rendered = single.render()

    def told(**changes: Any) -> str:
        return str(single.deliver(rendered, options={"server": server.server | changes})["msg"])

    assert "refuses the token (HTTP status 401): check server.token" in told(token="s3cret-of-nobody")
    assert "s3cret" not in told(token="s3cret-of-nobody") and len(server.requests) == 2
    assert "holds signs that no API token" in told(token="a b")
    assert "set server.url (or FLEET_URL) and server.token (or FLEET_API_TOKEN)" in told(url="", token="")
    assert "server.url has to be the https URL" in told(url="http://fleet.example.com")
    monkeypatch.setenv("FLEET_URL", server.url)
    monkeypatch.setenv("FLEET_API_TOKEN", server.token)
    assert all_installed(single.deliver(rendered, options={"server": server.server | {"url": "", "token": ""}}))
    # Somebody ends it in the middle: the run ends with a sentence.
    server.faults.add(f"GET {PROFILES}", lambda _request: setattr(server, "token", "another"))
    result = single.deliver(rendered)
    assert "refuses the token" in said(result)[0] and server.client_secret not in str(result)


@pytest.mark.parametrize("role", ["observer", "gitops"])
def test_a_role_that_does_not_do_is_named_as_such(single: Fleet, role: str) -> None:
    rendered = single.render()
    single.server.role = role
    result = single.deliver(rendered)
    assert "lacks a role" in (result["msg"] if role == "gitops" else said(result)[0]) and not single.server.profiles


def test_a_busy_fleet_is_waited_for(single: Fleet) -> None:
    busy = Response(429, headers={"Retry-After": "0"})
    for place in ("POST /*", "PATCH /*", "GET */labels", f"GET {PROFILES}/*", "GET */hosts/1"):
        single.server.faults.add(place, busy, times=2)
    assert all_installed(single.deliver(single.render())) and len(single.server.profiles) == 1
    # The answer about a new label is lost.
    rendered = single.render()
    single.remove(*single.macs)

    def lose(request: Any) -> Response:
        single.server.answer(request)
        return Response(0)

    single.server.faults.add(f"POST {API}/labels", lose)
    assert all_installed(single.deliver(rendered)) and len(single.server.labels) == 2


def test_what_is_too_large_is_not_sent(single: Fleet) -> None:
    rendered = single.render(description="x" * 1000)
    path = Path(rendered["mac-01"]["path"])
    path.write_bytes(path.read_bytes().replace(b"x" * 1000, b"x" * (1 << 20)))
    assert "Fleet takes 1048576 at most" in said(single.deliver(rendered))[0] and not writes(single.server)


def test_a_list_that_is_none_ends_the_run(single: Fleet) -> None:
    rendered = single.render()
    for place, body in {
        f"GET {API}/hosts": b'{"hosts": [{"id": "7"}]}',
        PROFILES: b'{"profiles": [7]}',
        f"GET {API}/labels": b'{"labels": {"id": 7}}',
        f"POST {API}/labels": b'{"label": {}}',
        f"GET {API}/labels/*/hosts": b'{"hosts": null}',
        f"POST {PROFILES}": b"{}",
        f"GET {PROFILES}/*": b'{"profile_uuid": "another"}',
    }.items():
        match = place if " " in place else f"GET {place}"
        single.server.faults.add(match, Response(200, body))
        result = single.deliver(rendered)
        told = result["msg"] if result["failed"] else said(result)[0]
        assert "none of Fleet" in told or "without its id" in told, (place, told)
    assert all_installed(single.deliver(rendered)) and len(single.server.profiles) == 1


def test_each_mac_asks_by_scep_through_fleet(fleet: Fleet) -> None:
    server = fleet.server
    challenge = "a challenge that Fleet alone knows"
    server.cas = {"VPN": challenge}
    scep = {
        "url": "$FLEET_VAR_CUSTOM_SCEP_PROXY_URL_VPN",
        "challenge": "$FLEET_VAR_CUSTOM_SCEP_CHALLENGE_VPN",
        "subject": "/CN=$FLEET_VAR_HOST_HARDWARE_SERIAL/OU=$FLEET_VAR_SCEP_RENEWAL_ID/O=Example",
    }

    def render(**changes: str) -> dict[str, Any]:
        identity = {"scep": scep | changes}
        return fleet.render(
            macs=[{"host": mac.name, "identity": identity, "serial_number": mac.serial} for mac in fleet.macs]
        )

    result = fleet.deliver(render(subject="/CN=$FLEET_VAR_HOST_HARDWARE_SERIAL"))
    assert "$FLEET_VAR_SCEP_RENEWAL_ID" in said(result)[0] and not server.profiles
    result = fleet.deliver(render(url="$FLEET_VAR_CUSTOM_SCEP_PROXY_URL_Another"))
    assert "Fleet variable $FLEET_VAR_CUSTOM_SCEP_PROXY_URL_Another does not exist" in said(result)[0]
    rendered = render()
    assert all_installed(fleet.deliver(rendered)) and len(server.profiles) == 1
    for mac in fleet.macs:
        (profile,) = mac.installed_profiles()
        payloads = {each["PayloadType"]: each for each in profile["content"]["PayloadContent"]}
        asked = payloads["com.apple.security.scep"]["PayloadContent"]
        assert [["CN", mac.serial]] in asked["Subject"] and asked["Challenge"] == challenge
        assert asked["URL"].startswith(f"{server.url}/mdm/scep/proxy/") and asked["URL"].endswith("%2CVPN")
        assert payloads["com.apple.vpn.managed"]["IKEv2"]["LocalIdentifier"] == mac.serial
        assert profile["identifier"] == IDENTIFIER
    sent = len(server.commands)
    assert not fleet.deliver(rendered)["changed"] and len(server.commands) == sent


def test_the_inventory_has_its_macs_and_their_labels(tmp_path: Path, server: FleetLab) -> None:
    for number in range(3):
        release = SimpleNamespace(version="15.5")
        mac: Any = SimpleNamespace(name=f"m{number}", serial=f"C{number}", hardware_uuid=f"U{number}", release=release)
        record = server.enrol(mac)
        record.groups += ["VPN users"] if number else []
        record.managed = number != 2
    content = {"plugin": "vwan.user_vpn.mdm", "server": server.server}
    content |= {"groups": {"user_vpn": "'VPN users' in mdm_groups"}}
    path = tmp_path / "fleet.mdm.yml"
    path.write_text(yaml.safe_dump(content))
    done = subprocess.run(
        ["ansible-inventory", "-i", str(path), "--list"], capture_output=True, text=True, timeout=120, check=False,
        env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout, object_hook=lambda each: each.get("__ansible_unsafe", each))
    assert found["_meta"]["hostvars"].keys() == {"C0", "C1"} and found["user_vpn"]["hosts"] == ["C1"]
    variables = found["_meta"]["hostvars"]["C1"]
    assert (variables["mdm_id"], variables["mdm_udid"], variables["mdm_macos"]) == ("2", "U1", "15.5")
    assert (variables["mdm_name"], variables["mdm_user"], variables["mdm_groups"]) == (
        "m1's Mac",
        "anna",
        ["VPN users"],
    )
    assert server.token not in done.stdout + done.stderr
