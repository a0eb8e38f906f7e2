# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Intune: what it takes, what it refuses, and what its Macs make of it."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import lab_samples as samples
import pytest

from ansible_collections.vwan.user_vpn.tests.lab import Mac
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults, graph
from ansible_collections.vwan.user_vpn.tests.lab.azure.intune import CUSTOM, ManagedDevice

requests = pytest.importorskip(
    "requests", reason="the Python package requests is missing: make installs it, with requirements/test.txt"
)

NewMac = Callable[..., Mac]
PLACE = "/beta/deviceManagement/deviceConfigurations"
DEVICES = "/v1.0/deviceManagement/managedDevices"


@pytest.fixture
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureLab]:
    with AzureLab(tmp_path_factory.mktemp("azure")) as lab:
        yield lab


class Client:
    """Plain HTTP, with a token for Graph."""

    def __init__(self, azure: AzureLab) -> None:
        self._azure = azure
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(azure.ca_file)
        self.token = azure.authority.issue(aud=azure.graph.url)

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        url = path if path.startswith("https:") else self._azure.graph.url + path
        sent = ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | headers
        answer = self._session.request(method, url, json=body, headers=sent, timeout=10, allow_redirects=False)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def error(self, method: str, path: str, body: Any = None, *, status: int = 400) -> tuple[str, str]:
        """Code and message; Intune's own messages are JSON inside JSON."""
        error = self(method, path, body, status)["error"]
        assert error["innerError"].keys() == {"date", "request-id", "client-request-id"}
        message = error["message"]
        return error["code"], json.loads(message)["Message"] if message.startswith("{") else message

    def all(self, path: str) -> list[Any]:
        """All pages of a list, and how many these were."""
        found, pages = [], 0
        while path:
            content = self("GET", path)
            found += content["value"]
            path, pages = content.get("@odata.nextLink", ""), pages + 1
        return [pages, *found]


@pytest.fixture
def call(azure: AzureLab) -> Client:
    return Client(azure)


def body(content: bytes | None = None, **changes: Any) -> dict[str, Any]:
    payload = samples.packed(samples.profile()) if content is None else content
    return {
        "@odata.type": CUSTOM,
        "displayName": "User VPN",
        "description": "ours",
        "payloadName": "User VPN",
        "payloadFileName": "vpn.mobileconfig",
        "payload": base64.b64encode(payload).decode(),
        "deploymentChannel": "deviceChannel",
    } | changes


def to(*groups: str, kind: str = "groupAssignmentTarget") -> dict[str, Any]:
    return {
        "assignments": [{"target": {"@odata.type": f"#microsoft.graph.{kind}", "groupId": group}} for group in groups]
    }


def test_a_profile_reaches_the_macs_of_its_groups_and_leaves_them_again(
    azure: AzureLab, call: Client, new_mac: NewMac
) -> None:
    mac, other = (new_mac(person="ignores") for _number in range(2))
    device, elsewhere = (azure.intune.enrol(each) for each in (mac, other))
    group = azure.graph.directory.add_group("VPN", [device.directory_id])
    made = call("POST", PLACE, body(), 201)
    place = f"{PLACE}/{made['id']}"
    assert call.all(f"{place}/deviceStatuses") == [1]  # it reaches nobody yet
    call("POST", f"{place}/assign", to(group))
    (status,) = call("GET", f"{place}/deviceStatuses")["value"]
    assert (status["status"], status["deviceDisplayName"]) == ("compliant", mac.name)
    assert status["id"].split("_")[1:] == [made["id"], device.id]
    assert [(p["identifier"], p["source"], p["scope"]) for p in mac.installed_profiles()] == [
        (samples.IDENTIFIER, "mdm", "System")
    ]
    assert other.installed_profiles() == [] and elsewhere.commands == []
    # The body is the whole set: the first group is not in it any more.
    call("POST", f"{place}/assign", to(azure.graph.directory.add_group("Others", [elsewhere.directory_id])))
    (status,) = call("GET", f"{place}/deviceStatuses")["value"]
    assert status["deviceDisplayName"] == other.name
    assert mac.installed_profiles() == [] and len(other.installed_profiles()) == 1
    assert device.commands == [f"InstallProfile {samples.IDENTIFIER}", f"RemoveProfile {samples.IDENTIFIER}"]
    call("DELETE", place, status=204)
    azure.intune.check_in()
    assert other.installed_profiles() == []
    assert call.error("GET", place, status=404)[0] == "ResourceNotFound"


def test_every_write_delivers_again_and_reports_come_when_a_mac_checks_in(
    azure: AzureLab, call: Client, new_mac: NewMac
) -> None:
    device = azure.intune.enrol(new_mac(person="ignores"))
    place = f"{PLACE}/{call('POST', PLACE, body(), 201)['id']}"
    call("POST", f"{place}/assign", to(azure.graph.directory.add_group("VPN", [device.directory_id])))
    azure.intune.check_in()
    azure.intune.prompt = False
    changed = call("PATCH", place, {"@odata.type": CUSTOM, "description": "theirs"})
    assert (changed["version"], changed["description"]) == (2, "theirs")
    (status,) = call("GET", f"{place}/deviceStatuses")["value"]
    assert status["lastReportedDateTime"] < changed["lastModifiedDateTime"]
    device.reaches = "refuses"
    azure.intune.check_in()
    (status,) = call("GET", f"{place}/deviceStatuses")["value"]
    assert status["status"] == "error" and status["lastReportedDateTime"] > changed["lastModifiedDateTime"]
    assert len(device.commands) == 2
    azure.intune.check_in()
    assert len(device.commands) == 2


def test_macos_judges_what_it_is_given(azure: AzureLab, call: Client, new_mac: NewMac) -> None:
    mac = new_mac(person="ignores")
    device = azure.intune.enrol(mac)
    group = azure.graph.directory.add_group("VPN", [device.directory_id])
    for number, content in enumerate((b"no profile", samples.packed(samples.profile() | {"PayloadScope": "User"}))):
        made = call("POST", PLACE, body(content, displayName=str(number)), 201)
        call("POST", f"{PLACE}/{made['id']}/assign", to(group))
        assert call("GET", f"{PLACE}/{made['id']}/deviceStatuses")["value"][0]["status"] == "error"
    assert mac.installed_profiles() == []


def test_variables_are_filled_in_where_their_case_is_right(azure: AzureLab, call: Client, new_mac: NewMac) -> None:
    mac = new_mac(person="ignores")
    device = azure.intune.enrol(mac)
    profile = samples.profile()
    profile["PayloadDisplayName"] = "{{serialnumber}} {{deviceid}} {{SerialNumber}}"
    made = call("POST", PLACE, body(samples.packed(profile)), 201)
    call("POST", f"{PLACE}/{made['id']}/assign", to(azure.graph.directory.add_group("VPN", [device.directory_id])))
    azure.intune.check_in()
    assert mac.installed_profiles()[0]["display_name"] == f"{mac.serial} {device.id} {{{{SerialNumber}}}}"
    assert base64.b64decode(call("GET", f"{PLACE}/{made['id']}")["payload"]) == samples.packed(profile)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"@odata.type": "#microsoft.graph.macOSGeneralDeviceConfiguration"}, "abstract class"),
        ({"scope": "System"}, "property 'scope' does not exist"),
        ({"payload": "no base64!"}, "Edm.Binary"),
        ({"payload": base64.b64encode(bytes(1_000_001)).decode()}, "too large"),
        ({"payloadFileName": "vpn.plist"}, ".mobileconfig or .xml"),
        ({"deploymentChannel": "both"}, "appleDeploymentChannel"),
        ({"displayName": ""}, "displayName is required"),
        ({"description": 5}, "Edm.String"),
    ],
)
def test_what_intune_has_no_place_for_is_refused(
    azure: AzureLab, call: Client, change: dict[str, Any], said: str
) -> None:
    code, message = call.error("POST", PLACE, body(**change))
    assert code == "BadRequest" and said in message
    assert not azure.intune.configurations


def test_the_channel_is_known_to_the_beta_alone_and_stays(azure: AzureLab, call: Client) -> None:
    old = PLACE.replace("/beta", "/v1.0")
    assert "'deploymentChannel' does not exist" in call.error("POST", old, body())[1]
    content = body()
    del content["deploymentChannel"]
    made = call("POST", old, content, 201)
    assert "deploymentChannel" not in made
    assert call("GET", f"{PLACE}/{made['id']}")["deploymentChannel"] == "userChannel"
    assert "cannot be changed" in call.error("PATCH", f"{PLACE}/{made['id']}", body())[1]
    assert "abstract class" in call.error("PATCH", f"{PLACE}/{made['id']}", {"description": "untyped"})[1]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"assignments": {}},
        {"assignments": [{"groupId": "x"}]},
        {"assignments": [{"target": {"@odata.type": "#microsoft.graph.serialNumberTarget"}}]},
        {"assignments": [{"target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "x"}}]},
        to("GROUP", "GROUP"),
        to("GROUP") | {"mode": "add"},
        {"assignments": [to("GROUP")["assignments"][0] | {"intent": "apply"}]},
    ],
)
def test_an_assignment_has_a_target_that_there_is(azure: AzureLab, call: Client, given: dict[str, Any]) -> None:
    group = azure.graph.directory.add_group("VPN")
    made = call("POST", PLACE, body(), 201)
    call.error("POST", f"{PLACE}/{made['id']}/assign", json.loads(json.dumps(given).replace("GROUP", group)))
    assert call.all(f"{PLACE}/{made['id']}/assignments") == [1]


def test_groups_in_groups_count_and_exclusion_wins(azure: AzureLab, call: Client) -> None:
    directory = azure.graph.directory
    devices: list[ManagedDevice] = [azure.intune.enrol(name=f"mac-{number}") for number in range(3)]
    inner = directory.add_group("Inner", [each.directory_id for each in devices[:2]])
    outer = directory.add_group("Outer", [inner, directory.add("user", "Anna", userPrincipalName="anna@lab.example")])
    directory.members[inner].add(outer)  # a circle
    listed = call("GET", f"/v1.0/groups/{outer}/transitiveMembers?$select=id,deviceId&$top=999")["value"]
    assert sorted(item["@odata.type"].rpartition(".")[2] for item in listed) == ["device", "device", "group", "user"]
    assert {item.get("deviceId") for item in listed} == {None, *(each.entra_device_id for each in devices[:2])}
    place = f"{PLACE}/{call('POST', PLACE, body(), 201)['id']}"
    excluded = to(directory.add_group("No", [devices[0].directory_id]), kind="exclusionGroupAssignmentTarget")
    call("POST", f"{place}/assign", {"assignments": to(outer)["assignments"] + excluded["assignments"]})
    (configuration,) = azure.intune.configurations.values()
    assert [azure.intune.reaches(configuration, each) for each in devices] == [False, True, False]
    everybody = {"assignments": [{"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}]}
    call("POST", f"{place}/assign", everybody)
    assert all(azure.intune.reaches(configuration, each) for each in devices)


def test_macs_are_found_by_serial_number_and_listed_by_pages(azure: AzureLab, call: Client) -> None:
    for number in range(7):
        azure.intune.enrol(name=f"mac-{number}", serial_number=f"C0'{number}", registered=number != 3)
    azure.intune.enrol(name="phone", system="iOS", serial_number="C0'1")
    azure.graph.page_size = 3
    pages, *found = call.all(
        f"{DEVICES}?$filter=operatingSystem eq 'macOS'&$select=serialNumber,azureADDeviceId&$top=50"
    )
    assert pages == 3 and [each["serialNumber"] for each in found] == [f"C0'{number}" for number in range(7)]
    assert found[0].keys() == {"id", "serialNumber", "azureADDeviceId"}
    assert found[3]["azureADDeviceId"] == "00000000-0000-0000-0000-000000000000"
    _pages, *found = call.all(f"{DEVICES}?$filter=serialNumber eq 'c0''1'")
    assert [each["deviceName"] for each in found] == ["mac-1", "phone"] and found[0]["udid"] is None
    for query in (
        "$filter=serialNumber eq 'a' or serialNumber eq 'b'",
        "$orderby=deviceName",
        "$top=0",
        "$select=uuid",
    ):
        call.error("GET", f"{DEVICES}?{query}")
    link = call("GET", DEVICES)["@odata.nextLink"]
    call("GET", link)
    call.error("GET", link)  # each is good once, and for its own list
    call.error("GET", call("GET", DEVICES)["@odata.nextLink"].replace("managedDevices", "deviceConfigurations"))


def test_who_may_call(azure: AzureLab, call: Client) -> None:
    call.token = ""
    assert call.error("GET", DEVICES, status=401)[0] == "InvalidAuthenticationToken"
    call.token = azure.authority.issue()
    assert "Invalid audience" in call.error("GET", DEVICES, status=401)[1]
    call.token = azure.authority.issue(aud=azure.graph.url, lifetime=-1)
    assert "expired" in call.error("GET", DEVICES, status=401)[1]
    call.token = azure.authority.issue(aud=azure.graph.url)
    device = azure.intune.enrol(name="mac")
    group = azure.graph.directory.add_group("VPN", [device.directory_id])
    azure.graph.roles = {"DeviceManagementConfiguration.Read.All", "GroupMember.Read.All"}
    assert call.all(PLACE) == [1]
    code, message = call.error("POST", PLACE, body(), status=403)
    assert code == "Forbidden" and "following scopes: DeviceManagementConfiguration.ReadWrite.All - " in message
    assert call.error("GET", DEVICES, status=403)[0] == "Forbidden"
    # Without leave to read devices a member is shown without what tells which it is.
    (member,) = call("GET", f"/v1.0/groups/{group}/transitiveMembers")["value"]
    assert (member["id"], member["deviceId"]) == (device.directory_id, None)
    azure.graph.roles = set()
    assert call.error("GET", f"/v1.0/groups/{group}", status=403)[0] == "Authorization_RequestDenied"


def test_what_there_is_not(azure: AzureLab, call: Client) -> None:
    assert "segment" in call.error("GET", "/v1.0/deviceManagement/macs")[1]
    assert "segment" in call.error("GET", "/beta/x/deviceManagement/managedDevices")[1]
    call.error("PUT", f"{PLACE}/1", body(), status=405)
    assert call.error("GET", "/v1.0/groups/no-guid")[0] == "Request_BadRequest"
    missing = "/v1.0/groups/5d4c2f1b-0000-4000-8000-000000000000"
    assert call.error("GET", missing, status=404)[0] == "Request_ResourceNotFound"
    assert "valid JSON" in call.error("POST", PLACE, ["a list"])[1]


def test_a_bad_day(azure: AzureLab, call: Client) -> None:
    azure.faults.add(f"GET {PLACE}", graph.throttled(7))
    azure.faults.add(f"GET {PLACE}", graph.unavailable())
    azure.faults.add(f"GET {PLACE}", graph.redirect("https://elsewhere.example/"))
    assert call.error("GET", PLACE, status=429)[0] == "TooManyRequests"
    assert call.error("GET", PLACE, status=503)[0] == "serviceNotAvailable"
    assert call("GET", PLACE, status=302) is None
    azure.faults.add(f"POST {PLACE}", faults.reset(served=True), math.inf)
    with pytest.raises(requests.ConnectionError):
        call("POST", PLACE, body(), 201)
    assert len(azure.intune.configurations) == 1  # done, and nobody was told


def test_a_token_for_graph_comes_from_azure_identity(azure: AzureLab, call: Client, monkeypatch: Any) -> None:
    identity = pytest.importorskip(
        "azure.identity", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
    )
    for name, value in azure.environment().items():
        monkeypatch.setenv(name, value)
    credential = identity.ClientSecretCredential(
        azure.tenant, azure.client_id, azure.client_secret, authority=azure.url, disable_instance_discovery=True
    )
    call.token = credential.get_token(f"{azure.graph.url}/.default").token
    assert call("GET", DEVICES)["value"] == []
