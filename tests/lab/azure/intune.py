# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intune: Graph's deviceManagement as far as custom profiles for Macs need it, over the lab's Macs.

    device = azure.intune.enrol(mac)
    group = azure.graph.directory.add_group("Macs", [device.directory_id])

Sources, in microsoftgraph/microsoft-graph-docs-contrib, api-reference v1.0 and beta: intune-deviceconfig-
macoscustomconfiguration (create, get, update, delete, list), intune-deviceconfig-deviceconfiguration-assign,
intune-deviceconfig-deviceconfigurationassignment-list, intune-deviceconfig-deviceconfigurationdevicestatus-list,
intune-devices-manageddevice-list; MicrosoftDocs/memdocs, custom-settings-macos (limit, variables, channel). What no
page says, and what public reports say instead, stands beside each part.
"""

from __future__ import annotations

import base64
import binascii
import plistlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .graph import Call, Graph, GraphError, Json, Route, bad_request, check_members, stamp
from .messages import Response, front_door_json

if TYPE_CHECKING:
    from ..mac import Mac

CUSTOM = "#microsoft.graph.macOSCustomConfiguration"
LARGEST = 1_000_000  # bytes of a profile: memdocs, custom-settings-macos
NOBODY = "00000000-0000-0000-0000-000000000000"
READ = ("DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All")
WRITE = READ[1:]
DEVICES = ("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All")

_READ_ONLY = ("id", "createdDateTime", "lastModifiedDateTime", "version")
_WRITABLE = ("@odata.type", "displayName", "description", "payloadName", "payloadFileName", "payload")
_ONLY_BETA = ("deploymentChannel", "roleScopeTagIds")  # of what the beta has more, what the lab knows
_TARGETS = {
    "#microsoft.graph.groupAssignmentTarget": "groupId",
    "#microsoft.graph.exclusionGroupAssignmentTarget": "groupId",
    "#microsoft.graph.allDevicesAssignmentTarget": "",
    "#microsoft.graph.allLicensedUsersAssignmentTarget": "",
}


@dataclass
class ManagedDevice:
    """A device as Intune knows it.

    `reaches` is what it does when it is told to come: "at once", "never" (it is switched off), "not now" (it is
    locked), "refuses" (it installs nothing).
    """

    id: str
    name: str
    serial_number: str
    entra_device_id: str
    directory_id: str  # the object of the directory that a group has as its member; empty for none
    user: str
    system: str = "macOS"
    system_version: str = "15.5"
    agent: str = "mdm"
    mac: Mac | None = None
    reaches: str = "at once"
    seen: datetime = field(default_factory=lambda: datetime.now(UTC))
    delivered: dict[str, tuple[int, str]] = field(default_factory=dict)  # configuration -> version, PayloadIdentifier
    statuses: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # configuration -> status, when reported
    commands: list[str] = field(default_factory=list)  # `InstallProfile X`, `RemoveProfile X`

    @property
    def managed(self) -> bool:
        return self.agent == "mdm"

    @managed.setter
    def managed(self, value: bool) -> None:
        self.agent = "mdm" if value else "unknown"


@dataclass
class Configuration:
    """A profile as Intune keeps it."""

    id: str
    content: Json
    created: datetime
    modified: datetime
    version: int = 1
    assignments: list[Json] = field(default_factory=list)

    @property
    def payload(self) -> bytes:
        return base64.b64decode(str(self.content["payload"]))

    @property
    def document(self) -> Json:
        """The profile in it; somebody may put another one into its place."""
        content: Json = plistlib.loads(self.payload)
        return content

    @document.setter
    def document(self, value: Json) -> None:
        self.content["payload"] = base64.b64encode(plistlib.dumps(value)).decode()

    def shown(self, version: str) -> Json:
        hidden = () if version == "beta" else _ONLY_BETA
        return {
            "id": self.id,
            "createdDateTime": stamp(self.created),
            "lastModifiedDateTime": stamp(self.modified),
            "version": self.version,
        } | {name: value for name, value in self.content.items() if name not in hidden}


class Intune:
    """`prompt`: Macs that are on the network check in before anybody is told how far they are."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.devices: list[ManagedDevice] = []
        self.configurations: dict[str, Configuration] = {}
        self.prompt = True
        graph.routes += self._routes()

    # --- what a test does and reads

    def enrol(self, mac: Mac | None = None, *, registered: bool = True, **more: Any) -> ManagedDevice:
        """A Mac of the lab's is managed from now on; without one, a device that is only a name.

        `registered`: whether Entra ID knows the device as well, as it mostly does; groups have only those.
        """
        name = more.pop("name", mac.name if mac else "device")
        entra = str(uuid.uuid4()) if registered else NOBODY
        number = self.graph.directory.add("device", name, deviceId=entra) if registered else ""
        facts = {"serial_number": mac.serial if mac else "", "system_version": mac.release.version if mac else "15.5"}
        device = ManagedDevice(
            id=str(uuid.uuid4()),
            name=name,
            entra_device_id=entra,
            directory_id=number,
            user=f"user-{len(self.devices)}@lab.example",
            mac=mac,
            **(facts | more),
        )
        self.devices.append(device)
        return device

    def check_in(self) -> None:
        """Every device that is on the network asks what it is to do, and does it."""
        reached = {key: self._reached(each) for key, each in self.configurations.items()}
        for device in self.devices:
            if device.reaches in ("at once", "refuses"):
                self._check_in(device, {key for key, devices in reached.items() if device.id in devices})

    def named(self, display_name: str) -> Configuration:
        """The only configuration of that name."""
        (found,) = (each for each in self.configurations.values() if each.content["displayName"] == display_name)
        return found

    def reaches(self, configuration: Configuration, device: ManagedDevice) -> bool:
        return device.id in self._reached(configuration)

    def _reached(self, configuration: Configuration) -> set[str]:
        """The devices in its scope. Exclusion wins over inclusion (memdocs, device-profile-assign)."""
        included: set[str] = set()
        excluded: set[str] = set()
        for assignment in configuration.assignments:
            target = assignment["target"]
            kind = target["@odata.type"]
            if kind.endswith("allDevicesAssignmentTarget"):
                included |= {device.id for device in self.devices}
            elif "groupId" in target:
                members = {item["id"] for item in self.graph.directory.members_of(target["groupId"])}
                found = {device.id for device in self.devices if device.directory_id in members}
                included |= set() if "exclusion" in kind else found
                excluded |= found if "exclusion" in kind else set()
        return included - excluded

    # --- what macOS does

    def _check_in(self, device: ManagedDevice, meant: set[str]) -> None:
        device.seen = datetime.now(UTC)
        for key in device.delivered.keys() - meant:
            _version, identifier = device.delivered.pop(key)
            device.statuses.pop(key, None)
            # What another configuration has put into its place stays.
            if identifier and identifier not in {name for _version, name in device.delivered.values()}:
                device.commands.append(f"RemoveProfile {identifier}")
                if device.mac:
                    device.mac.remove_profile(identifier)
        for key in meant:
            configuration = self.configurations[key]
            if device.delivered.get(key, (0, ""))[0] != configuration.version:
                self._deliver(device, configuration)
            status, _when = device.statuses[key]
            device.statuses[key] = (status, datetime.now(UTC))

    def _deliver(self, device: ManagedDevice, configuration: Configuration) -> None:
        """InstallProfile, at every change of the configuration, whatever has changed."""
        raw = _filled_in(configuration.payload, device)
        identifier = _identifier(raw)
        device.commands.append(f"InstallProfile {identifier}")
        problem = "refused" if device.reaches == "refuses" else ""
        if device.mac and not problem:
            problem = self._install(device.mac, raw, str(configuration.content.get("deploymentChannel")))
        device.delivered[configuration.id] = (configuration.version, "" if problem else identifier)
        device.statuses[configuration.id] = ("error" if problem else "compliant", datetime.now(UTC))

    @staticmethod
    def _install(mac: Mac, raw: bytes, channel: str) -> str:
        from ..ingestion import IngestionError

        try:
            if channel == "deviceChannel" and plistlib.loads(raw).get("PayloadScope") == "User":
                return "a profile of the user's on the device channel"
            mac.push_profile(raw)
        except (IngestionError, plistlib.InvalidFileException, ValueError) as error:
            mac.ingestion_errors.append(str(error))
            return str(error)
        return ""

    # --- routes

    def _routes(self) -> list[Route]:
        place = "deviceManagement/deviceConfigurations"
        listed = ("$select", "$top")
        return [
            Route("GET", "deviceManagement/managedDevices", DEVICES, self._managed, (*listed, "$filter")),
            Route("GET", place, READ, self._list, listed),
            Route("POST", place, WRITE, self._create, body=True),
            Route("GET", f"{place}/([^/]+)", READ, self._get, ("$select",)),
            Route("PATCH", f"{place}/([^/]+)", WRITE, self._update, body=True),
            Route("DELETE", f"{place}/([^/]+)", WRITE, self._delete),
            Route("GET", f"{place}/([^/]+)/assignments", READ, self._assignments, listed),
            Route("POST", f"{place}/([^/]+)/assign", WRITE, self._assign, body=True),
            Route("GET", f"{place}/([^/]+)/deviceStatuses", READ, self._statuses, listed),
        ]

    def _managed(self, call: Call) -> Response:
        """The lab knows two filters. Others are said to be ignored, and `or` to mean `and`.

        Sources: microsoftgraph/microsoft-graph-docs-contrib issue 235, microsoft/Intune-PowerShell-SDK issue 109.
        """
        devices = list(self.devices)
        wanted = call.query.get("$filter", "")
        if wanted:
            found = re.fullmatch(r"(serialNumber|operatingSystem) eq '((?:[^']|'')*)'", wanted)
            if not found:
                raise bad_request("Invalid filter clause: the lab knows `serialNumber eq` and `operatingSystem eq`.")
            value = found[2].replace("''", "'")
            attribute = {"serialNumber": "serial_number", "operatingSystem": "system"}[found[1]]
            devices = [each for each in devices if getattr(each, attribute).lower() == value.lower()]
        items = [_managed(each) for each in devices]
        return self.graph.collection(call, call.selected(items, _managed(_ANY), "managedDevice"))

    def _list(self, call: Call) -> Response:
        items = [each.shown(call.version) for each in self.configurations.values()]
        return self.graph.collection(call, call.selected(items, _known(call), "deviceConfiguration"))

    def _get(self, call: Call) -> Response:
        configuration = self._find(call)
        (item,) = call.selected([configuration.shown(call.version)], _known(call), "deviceConfiguration")
        return front_door_json(200, self._entity(call) | item)

    def _create(self, call: Call) -> Response:
        content = {name: value for name, value in self._checked(call).items() if name not in _READ_ONLY}
        for name in ("displayName", "payloadName", "payloadFileName", "payload"):
            if not content.get(name):
                raise _refused(f"{name} is required")
        now = datetime.now(UTC)
        defaults: Json = {"@odata.type": CUSTOM, "description": None}
        # Which channel a configuration of v1.0 gets, no page says: the lab takes the one that would be wrong.
        defaults["deploymentChannel"] = "userChannel"
        configuration = Configuration(str(uuid.uuid4()), defaults | content, now, now)
        self.configurations[configuration.id] = configuration
        return front_door_json(201, self._entity(call) | configuration.shown(call.version))

    def _update(self, call: Call) -> Response:
        """`version` and `lastModifiedDateTime` move at every write. The channel stays what it was (memdocs)."""
        configuration = self._find(call)
        content = {name: value for name, value in self._checked(call).items() if name not in _READ_ONLY}
        channel = configuration.content["deploymentChannel"]
        if content.get("deploymentChannel", channel) != channel:
            raise _refused("deploymentChannel cannot be changed")
        configuration.content.update(content)
        configuration.version += 1
        configuration.modified = datetime.now(UTC)
        return front_door_json(200, self._entity(call) | configuration.shown(call.version))

    def _delete(self, call: Call) -> Response:
        del self.configurations[self._find(call).id]
        return Response(204)

    def _assignments(self, call: Call) -> Response:
        configuration = self._find(call)
        items = [
            {"@odata.type": "#microsoft.graph.deviceConfigurationAssignment"} | each
            for each in configuration.assignments
        ]
        return self.graph.collection(call, call.selected(items, ("id", "target"), "deviceConfigurationAssignment"))

    def _assign(self, call: Call) -> Response:
        """The body is the whole set: microsoftgraph/powershell-intune-samples issue 154 (it "overwrites the group")."""
        configuration = self._find(call)
        check_members(call.body, ("assignments",), "assign")
        given = call.body.get("assignments")
        if not isinstance(given, list):
            raise bad_request("Parameter 'assignments' is required.")
        targets = [self._target(each) for each in given]
        if len({str(sorted(target.items())) for target in targets}) != len(targets):
            raise _refused("a target is assigned twice")
        configuration.assignments = [
            {"id": f"{configuration.id}_{target.get('groupId') or uuid.uuid4()}", "target": target}
            for target in targets
        ]
        kind = {"@odata.type": "#microsoft.graph.deviceConfigurationAssignment"}
        return front_door_json(200, {"value": [kind | each for each in configuration.assignments]})

    def _target(self, assignment: Any) -> Json:
        if not isinstance(assignment, dict) or not isinstance(assignment.get("target"), dict):
            raise bad_request("An assignment has a target.")
        check_members(assignment, ("@odata.type", "id", "target"), "deviceConfigurationAssignment")
        target = dict(assignment["target"])
        kind = str(target.get("@odata.type", ""))
        kind = kind if kind.startswith("#") else f"#{kind}"
        if kind not in _TARGETS:
            raise bad_request("Cannot create an abstract class.")
        known = _TARGETS[kind]
        check_members(target, ("@odata.type", known), kind.rpartition(".")[2])
        # Whether Intune looks groups up at this point is not known; the lab does.
        if known and str(target.get(known)) not in self.graph.directory.members:
            raise _refused("there is no such group")
        return target | {"@odata.type": kind}

    def _statuses(self, call: Call) -> Response:
        """Form of the id, and `System account`: microsoftgraph/microsoft-graph-docs issue 9230."""
        configuration = self._find(call)
        if self.prompt:
            self.check_in()
        items = []
        for device in self.devices:
            if configuration.id not in device.statuses:
                continue
            status, when = device.statuses[configuration.id]
            item = {
                "id": f"{uuid.uuid5(uuid.NAMESPACE_DNS, device.user)}_{configuration.id}_{device.id}",
                "deviceDisplayName": device.name,
                "userName": "System account",
                "deviceModel": None,
                "complianceGracePeriodExpirationDateTime": "9999-12-31T23:59:59.9999999Z",
                "status": status,
                "lastReportedDateTime": stamp(when),
                "userPrincipalName": "System account",
            }
            items.append(item | ({"platform": 0} if call.version == "beta" else {}))
        known = items[0] if items else ("id", "status", "lastReportedDateTime")
        return self.graph.collection(call, call.selected(items, known, "deviceConfigurationDeviceStatus"))

    # --- inside

    def _find(self, call: Call) -> Configuration:
        found = self.configurations.get(call.parts[0])
        if found is None:
            raise GraphError(404, "ResourceNotFound", "Resource not found", intune=True)
        return found

    def _entity(self, call: Call) -> Json:
        place = f"{self.graph.url}/{call.version}/$metadata#deviceManagement/deviceConfigurations/$entity"
        return {"@odata.context": place}

    @staticmethod
    def _checked(call: Call) -> Json:
        if call.body.get("@odata.type") != CUSTOM:
            raise bad_request("Cannot create an abstract class.")
        check_members(call.body, _known(call), "macOSCustomConfiguration")
        for name, value in call.body.items():
            if name not in ("version", "roleScopeTagIds") and not isinstance(value, str):
                raise bad_request(f"Cannot convert the literal '{value}' to the expected type 'Edm.String'.")
        if not re.fullmatch(r".+\.(mobileconfig|xml)", str(call.body.get("payloadFileName", "vpn.xml"))):
            raise _refused("payloadFileName has to end in .mobileconfig or .xml")
        if call.body.get("deploymentChannel", "deviceChannel") not in ("deviceChannel", "userChannel"):
            raise bad_request("Cannot convert the value of deploymentChannel to type 'appleDeploymentChannel'.")
        try:
            payload = base64.b64decode(call.body.get("payload", ""), validate=True)
        except binascii.Error:
            raise bad_request("Cannot convert the value of payload to the expected type 'Edm.Binary'.") from None
        if len(payload) > LARGEST:
            raise _refused("the payload is too large")
        return call.body


def _known(call: Call) -> Iterable[str]:
    return (*_READ_ONLY, *_WRITABLE, *(_ONLY_BETA if call.version == "beta" else ()))


def _refused(reason: str) -> GraphError:
    """What Intune says of a value that it does not take is not documented; that it says no is."""
    return GraphError(400, "BadRequest", f"An error has occurred: the lab says {reason}", intune=True)


def _identifier(raw: bytes) -> str:
    try:
        return str(plistlib.loads(raw).get("PayloadIdentifier", ""))
    except (plistlib.InvalidFileException, ValueError, AttributeError):
        return ""


def _filled_in(payload: bytes, device: ManagedDevice) -> bytes:
    """memdocs, custom-settings-macos: case counts, and what is not known is sent as it stands."""
    values = {"serialnumber": device.serial_number, "deviceid": device.id, "deviceName": device.name}
    for name, value in values.items():
        payload = payload.replace(b"{{%s}}" % name.encode(), value.encode())
    return payload


_ANY = ManagedDevice("", "", "", "", "", "")


def _managed(device: ManagedDevice) -> Json:
    """What a list shows: `udid` is null there, whatever it is (its description in the SDKs)."""
    user = device.user.partition("@")[0]
    return {
        "id": device.id,
        "userId": str(uuid.uuid5(uuid.NAMESPACE_DNS, device.user)),
        "deviceName": device.name,
        "managedDeviceOwnerType": "company",
        "enrolledDateTime": "2026-01-05T08:00:00Z",
        "lastSyncDateTime": stamp(device.seen),
        "operatingSystem": device.system,
        "complianceState": "compliant",
        "managementAgent": device.agent,
        "osVersion": device.system_version,
        "azureADRegistered": bool(device.directory_id),
        "deviceEnrollmentType": "appleBulkWithUser",
        "emailAddress": device.user,
        "azureADDeviceId": device.entra_device_id,
        "deviceRegistrationState": "registered" if device.directory_id else "notRegistered",
        "isSupervised": True,
        "isEncrypted": True,
        "userPrincipalName": device.user,
        "model": "MacBook Pro",
        "manufacturer": "Apple",
        "serialNumber": device.serial_number,
        "userDisplayName": user,
        "managedDeviceName": f"{user}_{device.system}",
        "udid": None,
    }
