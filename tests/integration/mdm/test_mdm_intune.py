# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is Intune's alone: groups, the channel, pages, permissions, and the sign-in of Azure."""

from __future__ import annotations

import json
import math
import plistlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import clouds
from ansible_collections.vwan.user_vpn.tests.integration.mdm.fleets import IDENTIFIER, Fleet
from ansible_collections.vwan.user_vpn.tests.integration.mdm.test_mdm_suite import all_installed, shared, writes
from ansible_collections.vwan.user_vpn.tests.lab.azure import graph
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Response
from ansible_collections.vwan.user_vpn.tests.lab.mdm import IntuneLab
from ansible_collections.vwan.user_vpn.tests.unit.actions import run_action

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab
    from ansible_collections.vwan.user_vpn.tests.unit.mobileconfig.makers import Pki

NAME = f"Contoso VPN [{IDENTIFIER}]"
PROFILES = "/beta/deviceManagement/deviceConfigurations"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IntuneLab]:
    pytest.importorskip(
        "azure.identity", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
    )
    with IntuneLab(tmp_path / "server") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server
    assert not server.refusals


def group(server: IntuneLab, name: str, *devices: Any) -> str:
    return server.azure.graph.directory.add_group(name, [device.directory_id for device in devices])


def said(result: dict[str, Any]) -> list[str]:
    return [entry["msg"] for entry in result["macs"].values()]


def test_a_key_wants_a_group_that_has_its_mac_alone(fleet: Fleet) -> None:
    server, (first, second, third) = fleet.server, fleet.macs
    devices = [server.of(mac) for mac in fleet.macs]
    directory = server.azure.graph.directory
    with_user = group(server, "With a user", devices[0])
    directory.members[with_user].add(directory.add("user", "Anna"))
    nested = directory.add_group("Nested", [group(server, "Inner", devices[2])])
    fleet.render()
    rendered = fleet.render()  # nothing is rendered anew, so that check mode asks Intune

    def deliver(*groups: str, **how: Any) -> dict[str, Any]:
        return fleet.deliver(rendered, options={"server": server.server | {"groups": list(groups)}}, **how)

    for check in (True, False):
        result = deliver(with_user, group(server, "Two", *devices[:2]), nested.upper(), check=check)
        assert "its only member" in said(result)[0] and "use SCEP" in said(result)[1] and said(result)[2] == ""
        assert fleet.states(result)["mac-01"] == "failed" and not result["failed"]
    assert server.scopes() == {f"Contoso VPN [{IDENTIFIER} {third.serial}]": {"mac-03"}}
    assert first.installed_profiles() == second.installed_profiles() == []
    assert all("set server.groups" in sentence for sentence in said(deliver()))
    assert "not the object id of a group" in deliver("Everybody")["msg"]
    missing = "5d4c2f1b-0000-4000-8000-000000000000"
    assert f"no group with the object id {missing}" in str(deliver(missing))


def test_a_mac_that_entra_does_not_know_is_in_no_group(single: Fleet) -> None:
    server = single.server
    (device,) = (server.of(mac) for mac in single.macs[:1])
    device.entra_device_id = "00000000-0000-0000-0000-000000000000"
    result = single.deliver(single.render())
    assert "Entra ID does not know this Mac" in said(result)[0]
    assert single.states(result) == {"mac-01": "failed"}


def test_who_comes_into_a_group_later_gets_no_key_for_long(fleet: Fleet) -> None:
    server, (first, second, _third) = fleet.server, fleet.macs
    rendered = fleet.render()
    assert all_installed(fleet.deliver(rendered))
    members = server.azure.graph.directory.members[server.groups[server.of(first).id]]
    members.add(server.of(second).directory_id)
    result = fleet.deliver(rendered)
    assert "its only member" in said(result)[0] and fleet.states(result)["mac-02"] == "installed"
    # Between the look at the group and the assignment: it is taken back.
    members.discard(server.of(second).directory_id)
    fleet.renew(first)
    server.azure.intune.configurations.clear()

    def join(_request: Any) -> None:
        members.add(server.of(second).directory_id)

    server.faults.add(f"POST {PROFILES}/*/assign", join)
    result = fleet.deliver(fleet.render())
    assert "which was taken back" in said(result)[0]
    assert server.scopes()[f"Contoso VPN [{IDENTIFIER} {first.serial}]"] == set()


def test_one_profile_goes_to_the_groups_of_its_macs(fleet: Fleet) -> None:
    server, (first, second, third) = fleet.server, fleet.macs
    devices = [server.of(mac) for mac in fleet.macs]
    directory = server.azure.graph.directory
    office, others = group(server, "Office", *devices[:2]), group(server, "Others", devices[2])
    directory.members[office].add(directory.add("user", "Anna"))
    one = shared(fleet.render(), fleet.folder)
    options = {"server": server.server | {"groups": [others, office]}}
    result = fleet.deliver({"mac-01": one["mac-01"]}, options=options)
    assert all_installed(result) and server.scopes() == {NAME: {"mac-01", "mac-02"}}
    sent = len(server.commands)
    result = fleet.deliver(one, options=options)
    assert [host for host, entry in result["macs"].items() if entry["changed"]] == ["mac-03"]
    assert all_installed(result) and server.scopes() == {NAME: {"mac-01", "mac-02", "mac-03"}}
    assert len(server.commands) == sent + 1  # nobody enrols again
    assert not fleet.deliver(one, options=options)["changed"]
    # A Mac leaves with its group, or by leaving the group.
    result = fleet.remove(first, options=options)
    assert "take them out of the group" in said(result)[0] and len(first.installed_profiles()) == 1
    directory.members[office].discard(devices[0].directory_id)
    assert fleet.states(fleet.remove(first, options=options)) == {"mac-01": "removed"}
    assert first.installed_profiles() == []
    assert fleet.states(fleet.remove(second, options=options)) == {"mac-02": "removed"}
    assert server.scopes() == {NAME: {"mac-03"}}
    assert fleet.remove(third, options=options)["changed"] and not server.profiles


def test_the_channel_is_that_of_the_device(single: Fleet) -> None:
    server = single.server
    rendered = single.render()
    assert all_installed(single.deliver(rendered))
    assert {each.content["deploymentChannel"] for each in server.profiles.values()} == {"deviceChannel"}
    next(iter(server.profiles.values())).content["deploymentChannel"] = "userChannel"
    result = single.deliver(rendered)
    assert "another channel" in said(result)[0]


def test_what_is_too_large_is_not_sent(single: Fleet) -> None:
    rendered = single.render()
    path = Path(rendered["mac-01"]["path"])
    document = plistlib.loads(path.read_bytes())
    document["PayloadDescription"] = "x" * 1_000_001
    path.write_bytes(plistlib.dumps(document))
    result = single.deliver(rendered)
    assert "Intune takes 1000000 at most" in said(result)[0] and not single.server.profiles


def test_two_of_the_same_name_are_one_too_many(single: Fleet) -> None:
    rendered = single.render()
    single.deliver(rendered)
    intune = single.server.azure.intune
    first = next(iter(intune.configurations.values()))
    intune.configurations["5d4c2f1b-0000-4000-8000-000000000000"] = type(first)(
        "5d4c2f1b-0000-4000-8000-000000000000", dict(first.content), first.created, first.modified
    )
    result = single.deliver(rendered)
    assert "delete all but one" in said(result)[0] and not result["changed"]
    # Another type with the name is somebody else's business.
    intune.configurations["5d4c2f1b-0000-4000-8000-000000000000"].content["@odata.type"] = "#microsoft.graph.macOS"
    assert all_installed(single.deliver(rendered))


def test_lists_come_by_pages_and_no_page_leads_elsewhere(single: Fleet) -> None:
    single.server.azure.graph.page_size = 1
    for number in range(3):
        device = single.server.azure.intune.enrol(name=f"mac-{number}", serial_number=single.macs[0].serial.lower())
        device.system = "iOS"
    rendered = single.render()
    assert all_installed(single.deliver(rendered)) and not single.deliver(rendered)["changed"]
    for link in ("https://evil.example.com/v1.0/x", f"{single.server.azure.graph.url}.evil.example.com/", 7):
        body = Response(200, f'{{"value": [], "@odata.nextLink": "{link}"}}'.encode())
        single.server.faults.add("GET /v1.0/deviceManagement/managedDevices", body)
        assert "none of Microsoft Graph" in single.deliver(rendered)["msg"]


def test_a_report_of_the_version_before_says_nothing(single: Fleet) -> None:
    server = single.server
    single.deliver(single.render())
    server.azure.intune.prompt = False
    rendered = single.render(enforce_routes=True)
    assert set(single.states(single.deliver(rendered)).values()) == {"pending"}
    assert set(single.states(single.deliver(rendered)).values()) == {"pending"}
    server.azure.intune.check_in()
    assert all_installed(single.deliver(rendered))
    for status, word in (("conflict", "another profile"), ("unknown", ""), ("remediated", "")):
        device = server.of(single.macs[0])
        device.statuses = {key: (status, when) for key, (_old, when) in device.statuses.items()}
        assert word in said(single.deliver(rendered))[0]


@pytest.mark.parametrize(
    ("role", "all_of_them"),
    [
        ("DeviceManagementConfiguration.ReadWrite.All", False),
        ("Device.Read.All", True),
        pytest.param("DeviceManagementManagedDevices.Read.All", True, marks=pytest.mark.soak),
        pytest.param("GroupMember.Read.All", True, marks=pytest.mark.soak),
    ],
)
def test_a_permission_that_is_missing_is_named(single: Fleet, role: str, all_of_them: bool) -> None:
    rendered = single.render()
    single.server.azure.graph.roles.discard(role)
    result = single.deliver(rendered)
    assert f"give it the application permission {role}" in str(result["msg"] if all_of_them else said(result))
    assert not single.server.profiles


def test_a_busy_intune_is_waited_for(single: Fleet) -> None:
    for place in (f"GET {PROFILES}", f"POST {PROFILES}", f"POST {PROFILES}/*/assign"):
        for trouble in (graph.throttled(), graph.throttled(0), graph.unavailable(0)):
            single.server.azure.faults.add(place, trouble)
    assert all_installed(single.deliver(single.render())) and len(single.server.profiles) == len(single.macs)
    assert single.server.azure.faults.unused == []


def test_what_intune_says_is_told_without_its_trimmings(single: Fleet) -> None:
    fault = graph.failing(400, "BadRequest", "The lab has no room for it")
    single.server.azure.faults.add(f"POST {PROFILES}", fault, times=math.inf)
    (sentence, *_others) = said(single.deliver(single.render()))
    assert "HTTP status 400 (The lab has no room for it)" in sentence and "Activity" not in sentence


def test_the_sign_in_is_that_of_azure(single: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = single.render()
    azure, server = single.server.azure, single.server.server
    bare = {name: value for name, value in server.items() if name not in ("tenant", "client_id", "client_secret")}

    def told(**changes: str) -> str:
        return str(single.deliver(rendered, options={"server": bare | changes})["msg"])

    secret = "s3cret-of-nobody"
    wrong = told(tenant=azure.tenant, client_id=azure.client_id, client_secret=secret)
    assert "AADSTS7000215" in wrong and secret not in wrong
    assert "server.tenant (AZURE_TENANT_ID) missing" in told(client_id=azure.client_id, client_secret=secret)
    assert "set server.url (or INTUNE_URL)" in told(url="", tenant="t", client_id="c", client_secret=secret)
    for login in ("secret", "certificate", "workload_identity", "managed_identity"):
        with monkeypatch.context() as patch:
            for name, value in azure.environment(login).items():
                patch.setenv(name, value)
            source = {"auth_source": "msi"} if login == "managed_identity" else {}
            assert all_installed(single.deliver(rendered, options={"server": bare | source})), login
    assert {each.graph for each in clouds.CLOUDS.values()} == {
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    }


def test_a_token_that_somebody_ends_is_renewed(single: Fleet) -> None:
    rendered = single.render()
    tokens = single.server.azure.authority.tokens
    for place in ("GET /v1.0/groups/*", f"POST {PROFILES}", f"GET {PROFILES}/*/deviceStatuses"):
        single.server.faults.add(place, lambda _request: tokens.clear())
    assert all_installed(single.deliver(rendered)) and len(single.server.profiles) == len(single.macs)
    single.server.faults.add("GET *", lambda _request: tokens.clear(), times=math.inf)
    assert "HTTP status 401" in single.deliver(rendered)["msg"]


@pytest.mark.parametrize("size", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_calls_for_a_shared_profile_grow_with_pages(
    tmp_path: Path, server: IntuneLab, lab: Lab, pki: Pki, size: int
) -> None:
    fleet = Fleet(tmp_path, lab, server, pki, 1)
    one = shared(fleet.render(), tmp_path)["mac-01"]
    profiles = [{"host": "mac-01", "serial_number": fleet.macs[0].serial, "profile": one}]
    intune = server.azure.intune
    for number in range(2, size + 1):
        release = SimpleNamespace(version="15.5")
        mac: Any = SimpleNamespace(name=f"mac-{number}", serial=f"S{number:04d}", release=release)
        mac.push_profile = lambda raw: None
        intune.enrol(mac)
        profiles.append({"host": mac.name, "serial_number": mac.serial, "profile": one})
    everybody = group(server, "Everybody", *intune.devices)
    wish = {"server": server.server | {"groups": [everybody]}, "profiles": profiles}
    assert all_installed(run_action("mdm_profile", wish))
    server.requests.clear()
    result = run_action("mdm_profile", wish)
    assert not result["changed"] and all_installed(result) and not writes(server)
    # Two for the token; the list, the profile, and its assignment; and pages of Macs, of their statuses, and twice of
    # the group: before anything is done, and when the profile's scope is read.
    assert len(server.requests) == 5 + 4 * (2 if size == 1000 else 1)


def test_the_inventory_has_its_macs_and_their_groups(tmp_path: Path, server: IntuneLab) -> None:
    intune = server.azure.intune
    devices = [intune.enrol(name=f"Mac {number}", serial_number=f"C{number}") for number in range(3)]
    intune.enrol(name="phone", serial_number="P1", system="iOS")
    devices[2].managed = False
    option = server.server | {"groups": [group(server, "VPN users", *devices[1:])]}
    content = {"plugin": "vwan.user_vpn.mdm", "server": option, "groups": {"user_vpn": "'VPN users' in mdm_groups"}}
    path = tmp_path / "intune.mdm.yml"
    path.write_text(yaml.safe_dump(content))
    done = subprocess.run(
        ["ansible-inventory", "-i", str(path), "--list"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout, object_hook=lambda each: each.get("__ansible_unsafe", each))
    assert found["_meta"]["hostvars"].keys() == {"C0", "C1"} and found["user_vpn"]["hosts"] == ["C1"]
    variables = found["_meta"]["hostvars"]["C1"]
    assert variables["mdm_id"] == devices[1].entra_device_id and variables["mdm_user"] == devices[1].user
    assert not [secret for secret in server.secrets if secret in done.stdout + done.stderr]


def test_each_mac_asks_by_scep_with_its_own_serial_number(fleet: Fleet) -> None:
    server = fleet.server
    everybody = group(server, "Everybody", *map(server.of, fleet.macs))
    scep = {"url": "https://pki.example.com/scep", "subject": "/CN={{serialnumber}}/O=Example"}
    macs = [{"host": mac.name, "identity": {"scep": scep}, "serial_number": mac.serial} for mac in fleet.macs]
    rendered = fleet.render(macs=macs)
    options = {"server": server.server | {"groups": [everybody]}}
    assert all_installed(fleet.deliver(rendered, options=options)) and len(server.profiles) == 1
    for mac in fleet.macs:
        (profile,) = mac.installed_profiles()
        payloads = {each["PayloadType"]: each for each in profile["content"]["PayloadContent"]}
        subject = payloads["com.apple.security.scep"]["PayloadContent"]["Subject"]
        assert [["CN", mac.serial]] in subject
        assert payloads["com.apple.vpn.managed"]["IKEv2"]["LocalIdentifier"] == mac.serial
    sent = len(server.commands)
    assert not fleet.deliver(rendered, options=options)["changed"] and len(server.commands) == sent
