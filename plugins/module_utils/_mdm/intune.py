# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: Microsoft Intune, by Microsoft Graph.

Sources: microsoftgraph/microsoft-graph-docs-contrib (macOSCustomConfiguration, deviceConfiguration: assign,
deviceConfigurationDeviceStatus, managedDevice, group: transitiveMembers) and MicrosoftDocs/memdocs
(custom-settings-macos). docs/fidelity-mdm.md has them call by call.

Intune assigns to groups of Entra ID, and to nothing smaller. So somebody makes the groups and says which of them may be
used. A profile for one Mac wants a group whose only member is that Mac; a shared one reaches the groups that its Macs
are in. Nobody is ever put into a group here.

A profile of ours is found by its type and its name. Intune keeps it byte by byte. The channel of the device, which a
System profile needs, can be chosen by the beta of the API alone, and only when a profile is made.
"""

from __future__ import annotations

import base64
import binascii
import plistlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .._azure.errors import AzureError
from .._azure.graph import SignIn
from .._documents import read_property_list
from .._errors import UserVpnError, shown
from . import comparing
from .errors import LostAnswerError, MdmError, RefusedError
from .forms import BEGINNING, ending, found_by_name, moment, word
from .http import Answer, Bearer, Http
from .interface import Capabilities, Device, Held, ListedCertificate, Profile, Report, Scope, Target

TYPE = "#microsoft.graph.macOSCustomConfiguration"
GROUP = "#microsoft.graph.groupAssignmentTarget"
PROFILES = "/beta/deviceManagement/deviceConfigurations"
DEVICES = "/v1.0/deviceManagement/managedDevices"
GROUPS = "/v1.0/groups"
CHANNEL = "deviceChannel"
LARGEST = 1_000_000  # bytes of a profile (memdocs, custom-settings-macos)
ONE_BY_ONE = 10  # so many Macs are asked for by their serial numbers; more are looked for among all Macs
PAGE = 999  # the most that a group shows at once
MOST_PAGES = 1000
_UNREGISTERED = "00000000-0000-0000-0000-000000000000"

_ALL = "operatingSystem eq 'macOS'"
_FIELDS = (
    "id,serialNumber,azureADDeviceId,deviceName,osVersion,lastSyncDateTime,userPrincipalName,operatingSystem,"
    "managementAgent"
)
# Our options that are the sign-in's, as that calls them.
_OF_AZURE = {
    "tenant": "tenant",
    "client_id": "client_id",
    "client_secret": "secret",
    "x509_certificate_path": "x509_certificate_path",
    "auth_source": "auth_source",
    "cloud_environment": "cloud_environment",
}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONFIGURE = "DeviceManagementConfiguration.ReadWrite.All"
# What a status means (complianceStatus in the Graph documentation), and what there is to say of it.
_FAILED = {
    "error": "an error, of which Graph does not tell the reason: see the Mac's device configuration in Intune",
    "nonCompliant": "the profile is not in force",
    "conflict": "another profile of Intune says otherwise",
    "notApplicable": "the profile is none for this Mac",
}


@dataclass(frozen=True)
class _Members:
    """Who is in a group, also by groups in it: devices by their ids of Entra ID, and how many others."""

    devices: frozenset[str] = frozenset()
    others: int = 0


class Intune:
    """One tenant. `groups` are the object ids of those that profiles may be assigned to."""

    NAME = "Intune"
    CAPABILITIES = Capabilities(
        finds_by_serial=True,
        reads_content=True,
        reads_version=False,
        per_mac_profile=True,
        shared_profile=True,
        lists_certificates=False,
        inventory=True,
        keeps_profile=True,
    )

    def __init__(self, http: Http, sign_in: SignIn, groups: Sequence[str], mask: Callable[[str], None]) -> None:
        self._http, self._sign_in, self._mask = http, sign_in, mask
        self._groups = list(dict.fromkeys(each.strip().lower() for each in groups))
        for group in self._groups:
            if not _GUID.fullmatch(group):
                raise UserVpnError(f"server.groups: {shown(group)} is not the object id of a group of Entra ID.")
        self._names: dict[str, str] | None = None  # of all profiles of this type, by id
        self._known: dict[str, _Members] = {}  # of the groups that may be used
        self._modified: dict[str, datetime] = {}  # when each profile was written, by Intune's clock

    @classmethod
    def connect(
        cls,
        given: Mapping[str, Any],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        mask: Callable[[str], None],
    ) -> Intune:
        """The sign-in is that of Azure, with all that this finds in the environment."""
        try:
            sign_in = SignIn({azure: given.get(ours) for ours, azure in _OF_AZURE.items()}, environment, say, mask)
        except UserVpnError as error:
            raise UserVpnError(f"{cls.NAME} cannot be asked: {_in_our_names(str(error))}") from None
        url = given.get("url") or environment.get("INTUNE_URL") or sign_in.url
        if not url:
            raise UserVpnError(
                f"{cls.NAME} cannot be asked: set server.url (or INTUNE_URL) to the https URL of Microsoft Graph in "
                "your cloud."
            )
        http = Http(
            cls.NAME,
            url,
            ca_file=given.get("ca_file") or "",
            say=say,
            environment=environment,
            api="Microsoft Graph",
        )
        return cls(http, sign_in, given.get("groups") or (), mask)

    # -- Macs -------------------------------------------------------------------------------------------------------

    def devices(self, numbers: Sequence[str]) -> list[Device]:
        """`or` is said to act as `and` in a filter (microsoft/Intune-PowerShell-SDK issue 109): one at a time."""
        wanted = {number.upper() for number in numbers}
        if len(wanted) > ONE_BY_ONE:
            found = self._macs(_ALL)
        else:
            found = [each for number in sorted(wanted) for each in self._macs(f"serialNumber eq {_quoted(number)}")]
        return [device for device in found if device.serial_number.upper() in wanted]

    def all_devices(self) -> list[Device]:
        """Of their groups those that may be used, by their names."""
        macs = self._macs(_ALL)
        named = [(self._called(group), self._of_ours(group).devices) for group in self._groups]
        return [replace(mac, groups=tuple(sorted(name for name, ids in named if mac.id in ids))) for mac in macs]

    def _macs(self, wanted: str) -> list[Device]:
        query = {"$filter": wanted, "$select": _FIELDS, "$top": str(PAGE)}
        found = self._pages("read its Macs", DEVICES, query, "DeviceManagementManagedDevices.Read.All")
        # Some filters are said to be ignored (microsoftgraph/microsoft-graph-docs-contrib issue 235).
        return [_device(each) for each in found if str(each.get("operatingSystem")).lower() == "macos"]

    def obstacle(self, device: Device, target: Target) -> str:
        if not self._groups:
            return "Intune assigns profiles to groups of Entra ID: set server.groups to the object ids of such groups."
        if device.id == device.reference:
            return "Entra ID does not know this Mac, so that no group can have it: register it there."
        if target.mac and not self._own_group(device.id):
            return (
                "Intune assigns to groups, and none of server.groups has this Mac as its only member: name one that "
                "has, or use SCEP with one profile for all."
            )
        if not any(device.id in self._of_ours(group).devices for group in self._groups):
            return "None of server.groups has this Mac as a member: put it into one."
        return ""

    # -- groups -----------------------------------------------------------------------------------------------------

    def _own_group(self, device: str) -> str:
        """The group whose only member is this device; empty when there is none."""
        alone = _Members(frozenset({device}))
        return next((group for group in self._groups if self._of_ours(group) == alone), "")

    def _of_ours(self, group: str) -> _Members:
        """Who is in a group that may be used, as it was when it was first looked at."""
        if group not in self._known:
            found = self._members(group)
            if found is None:
                raise MdmError(f"server.groups: Entra ID has no group with the object id {group}.")
            self._known[group] = found
        return self._known[group]

    def _called(self, group: str) -> str:
        what, query = "read the name of a group", {"$select": "id,displayName"}
        answer = self._call(what, "GET", f"{GROUPS}/{group}", "GroupMember.Read.All", params=query)
        return word(self._http.json(what, answer).get("displayName"))

    def _members(self, group: str) -> _Members | None:
        """Who is in a group now; None where there is no such group any more."""
        path = f"{GROUPS}/{group}/transitiveMembers"
        query = {"$select": "id,deviceId", "$top": str(PAGE)}
        devices, others = set(), 0
        try:
            for member in self._pages("read the members of a group", path, query, "GroupMember.Read.All"):
                kind = str(member.get("@odata.type")).rpartition(".")[2]
                if kind == "device":
                    if not member.get("deviceId"):  # only what may be read is shown (includes/limited-info.md)
                        raise MdmError(_lacks("read the devices of a group", "Device.Read.All"))
                    devices.add(str(member["deviceId"]).lower())
                else:
                    others += kind != "group"  # whose members are listed by themselves
        except RefusedError as error:
            if error.status != 404:
                raise
            return None
        return _Members(frozenset(devices), others)

    # -- profiles ---------------------------------------------------------------------------------------------------

    def held(self, target: Target) -> Held | None:
        number = found_by_name(self.NAME, self._all_names(), target)
        return self._read(number, target) if number else None

    def create(self, target: Target, profile: Profile) -> Held:
        content = _content(target, profile) | {"deploymentChannel": CHANNEL}
        try:
            answer = self._call("create a profile", "POST", PROFILES, _CONFIGURE, json=content, repeat=False)
            number = str(self._http.json("create a profile", answer).get("id") or "")
        except LostAnswerError:
            self._names = None
            found = self.held(target)
            if found is None:
                raise
            number = found.id
        if not _GUID.fullmatch(number):
            raise MdmError(f"{self.NAME} has answered a new profile without its id.")
        self._all_names()[number] = content["displayName"]
        held = self._read_back(number, target, profile)
        if held.scope != Scope():
            self.delete(held)
            raise RefusedError(f"{self.NAME} gave a new profile a scope that nobody asked for; it was deleted again.")
        return held

    def replace(self, held: Held, profile: Profile) -> Held:
        content = _content(held.target, profile)
        self._call("replace a profile", "PATCH", f"{PROFILES}/{held.id}", _CONFIGURE, json=content)
        self._all_names()[held.id] = content["displayName"]
        return self._read_back(held.id, held.target, profile)

    def assign(self, held: Held, devices: Collection[str]) -> Held:
        wanted = frozenset(devices)
        groups = self._chosen(held, wanted)
        assignments = [{"target": {"@odata.type": GROUP, "groupId": group}} for group in groups]
        place = f"{PROFILES}/{held.id}/assign"
        self._call("assign a profile", "POST", place, _CONFIGURE, json={"assignments": assignments})
        now = self._read(held.id, held.target)
        if now is None:
            raise RefusedError(f"{self.NAME} has lost a profile while it was assigned: run again.")
        alone = bool(held.target.mac)
        if now.scope == Scope(wanted) or (not alone and wanted <= now.scope.devices and not now.scope.others):
            return now
        if alone and now.scope != Scope():
            self._call("assign a profile", "POST", place, _CONFIGURE, json={"assignments": []})
        raise RefusedError(
            f"{self.NAME} shows another assignment of profile {held.id} than was asked for"
            f"{', which was taken back' if alone else ''}: see who changes it, or its groups, and run again."
        )

    def delete(self, held: Held) -> None:
        self._call("delete a profile", "DELETE", f"{PROFILES}/{held.id}", _CONFIGURE, accepted=(200, 204, 404))
        self._all_names().pop(held.id, None)

    def _chosen(self, held: Held, wanted: frozenset[str]) -> list[str]:
        """The groups by which a profile reaches these devices."""
        if not wanted:
            return []
        if held.target.mac:
            groups = [self._own_group(next(iter(wanted)))] if len(wanted) == 1 else []
            if not all(groups) or not groups:
                raise RefusedError("None of server.groups has this Mac as its only member.")
            return groups
        dropped = held.scope.devices - wanted
        assigned = [target["groupId"] for target in self._targets(held.id) if target["@odata.type"] == GROUP]
        members = {group: self._members(group) or _Members() for group in assigned}
        members |= {group: self._of_ours(group) for group in self._groups if group not in members}
        chosen: list[str] = []
        left = wanted
        for group, found in members.items():
            if found.devices & left and not found.devices & dropped:
                chosen.append(group)
                left -= found.devices
        if left and dropped:
            raise RefusedError(
                f"{self.NAME} assigns to groups, and these Macs share theirs with others that are to keep the profile: "
                "take them out of the group in Entra ID."
            )
        if left:
            raise RefusedError(f"{len(left)} of these Macs are in none of server.groups.")
        return chosen

    def _all_names(self) -> dict[str, str]:
        if self._names is None:
            query = {"$select": "id,displayName", "$top": str(PAGE)}
            found = self._pages("list its profiles", PROFILES, query, _CONFIGURE)
            self._names = {
                str(each.get("id")): str(each.get("displayName")) for each in found if each.get("@odata.type") == TYPE
            }
        return self._names

    def _read(self, number: str, target: Target) -> Held | None:
        what = "read a profile"
        try:
            content = self._http.json(what, self._call(what, "GET", f"{PROFILES}/{number}", _CONFIGURE))
        except RefusedError as error:
            if error.status != 404:
                raise
            return None
        if content.get("deploymentChannel") != CHANNEL:
            raise RefusedError(
                f"{self.NAME} holds profile {number} for another channel than the device's, which cannot be changed: "
                "delete it there."
            )
        self._modified[number] = moment(content.get("lastModifiedDateTime"))
        document = _document(content.get("payload"))
        return Held(
            number,
            target,
            str(content.get("displayName")),
            str(document.get("PayloadUUID") or ""),
            str(document.get("PayloadIdentifier") or ""),
            document,
            self._scope(number, target),
        )

    def _scope(self, number: str, target: Target) -> Scope:
        """Whom it reaches. Who else is in the groups of a shared profile is up to whoever keeps them."""
        devices: frozenset[str] = frozenset()
        others: list[str] = []
        for assigned in self._targets(number):
            kind = assigned["@odata.type"]
            if kind != GROUP:
                others.append(_words(kind))
                continue
            found = self._members(assigned["groupId"]) or _Members()
            devices |= found.devices
            if found.others and target.mac:
                others.append(f"{found.others} users")
        return Scope(devices, tuple(others))

    def _targets(self, number: str) -> list[dict[str, str]]:
        found = self._pages("read an assignment", f"{PROFILES}/{number}/assignments", {}, _CONFIGURE)
        targets = [each.get("target") for each in found]
        if not all(isinstance(each, Mapping) for each in targets):
            raise self._http.garbage("read an assignment")
        return [
            {"@odata.type": str(each.get("@odata.type")), "groupId": str(each.get("groupId") or "").lower()}
            for each in targets
            if isinstance(each, Mapping)
        ]

    def _read_back(self, number: str, target: Target, profile: Profile) -> Held:
        held = self._read(number, target)
        if held and held.version == profile.version and comparing.holds(held.document, profile.document):
            return held
        raise RefusedError(
            f"{self.NAME} does not show what was written into profile {number}: look at it there, and run again."
        )

    # -- how far they have come -------------------------------------------------------------------------------------

    def reports(self, delivered: Sequence[tuple[Device, Held]]) -> dict[str, Report]:
        found: dict[str, Report] = {}
        for number in dict.fromkeys(held.id for _device, held in delivered):
            statuses = self._statuses(number)
            for device, held in delivered:
                if held.id == number:
                    waits = Report("pending" if device.id in held.scope.devices else "queued")
                    found[device.id] = statuses.get(device.reference, waits)
        return found

    def _statuses(self, number: str) -> dict[str, Report]:
        """By the id of the managed device, which ends that of the status (microsoft-graph-docs issue 9230).

        A Mac can have one for each of its users; the worst counts.
        """
        found: dict[str, Report] = {}
        place = f"{PROFILES}/{number}/deviceStatuses"
        for status in self._pages("read how far its Macs are", place, {"$top": str(PAGE)}, _CONFIGURE):
            device = str(status.get("id")).rpartition("_")[2]
            report = self._report(number, status)
            before = found.get(device, report)
            found[device] = min(before, report, key=lambda each: ("failed", "pending", "installed").index(each.state))
        return found

    def _report(self, number: str, status: Mapping[str, Any]) -> Report:
        # What a Mac has said of an older version says nothing of this one.
        if moment(status.get("lastReportedDateTime")) < self._modified.get(number, BEGINNING):
            return Report("pending")
        state = str(status.get("status"))
        if state in ("compliant", "remediated"):
            return Report("installed")
        return Report("failed", _FAILED[state]) if state in _FAILED else Report("pending")

    def resend(self, device: Device, held: Held, *, check: bool) -> bool:
        """Intune asks its Macs again by itself."""
        return False

    def certificates(self, devices: Sequence[Device]) -> dict[str, list[ListedCertificate]]:
        """Graph lists those of Intune's own certificate profiles alone (managedDeviceCertificateState)."""
        return {}

    def close(self) -> None:
        """A token of Entra ID cannot be ended."""

    # -- calls ------------------------------------------------------------------------------------------------------

    def _pages(self, what: str, path: str, query: Mapping[str, str], leave: str) -> Iterator[Mapping[str, Any]]:
        """All of a list (concepts/paging.md): the link to the next page is taken as it is, but to no other host."""
        how: dict[str, Any] = {"params": query} if query else {}
        for _page in range(MOST_PAGES):
            content = self._http.json(what, self._call(what, "GET", path, leave, **how))
            found, link = content.get("value"), content.get("@odata.nextLink")
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise self._http.garbage(what)
            yield from found
            if link is None:
                return
            if not isinstance(link, str) or not link.startswith(f"{self._http.url}/"):
                raise self._http.garbage(what)
            path, how = link.removeprefix(self._http.url), {}
        raise self._http.garbage(what)

    def _call(self, what: str, method: str, path: str, leave: str, **how: Any) -> Answer:
        """`leave` is the application permission that it takes."""
        try:
            return self._http.call(what, method, path, auth=self._bearer(), **how)
        except RefusedError as error:
            if error.status == 403:
                raise RefusedError(_lacks(what, leave), 403) from None
            if error.status != 401:
                raise
        # It has ended early, or somebody has ended it.
        return self._http.call(what, method, path, auth=self._bearer(anew=True), **how)

    def _bearer(self, *, anew: bool = False) -> Bearer:
        try:
            token = self._sign_in.token(self._http.url, anew=anew)
        except AzureError as error:
            raise MdmError(f"{self.NAME} cannot be asked: {error}") from None
        self._mask(token)
        return Bearer(token)


def _in_our_names(text: str) -> str:
    for ours, azure in _OF_AZURE.items():
        text = re.sub(rf"(?<![\w.]){azure}(?= \(| is | must |: )", f"server.{ours}", text)
    return text


# -- what goes out --------------------------------------------------------------------------------------------------


def _content(target: Target, profile: Profile) -> dict[str, str]:
    payload = plistlib.dumps(profile.document)
    if len(payload) > LARGEST:
        raise RefusedError(f"The profile has {len(payload)} bytes, and Intune takes {LARGEST} at most.")
    return {
        "@odata.type": TYPE,
        "displayName": f"{profile.display_name}{ending(target)}",
        "description": "Kept by vwan.user_vpn.",
        "payloadName": profile.display_name,
        "payloadFileName": f"{profile.identifier}.mobileconfig",
        "payload": base64.b64encode(payload).decode("ascii"),
    }


def _quoted(text: str) -> str:
    """A string in a filter (OData 4.01, URL conventions): an apostrophe is written twice."""
    return "'" + text.replace("'", "''") + "'"


def _lacks(what: str, leave: str) -> str:
    return f"Intune does not let the application {what}: give it the application permission {leave}, with consent."


# -- what comes in --------------------------------------------------------------------------------------------------


def _device(record: Mapping[str, Any]) -> Device:
    """Its id is that of Entra ID, by which groups know it, or else Intune's own, by which statuses do."""
    number, registered = word(record.get("id")), word(record.get("azureADDeviceId")).lower()
    return Device(
        id=registered if registered not in ("", _UNREGISTERED) else number,
        serial_number=word(record.get("serialNumber")),
        name=word(record.get("deviceName")),
        macos=word(record.get("osVersion")).partition(" ")[0],  # without a build
        last_seen=word(record.get("lastSyncDateTime")),
        user=word(record.get("userPrincipalName")),
        managed="mdm" in word(record.get("managementAgent")).lower(),  # not so: jamf, which Intune only hears of
        reference=number,
    )


def _document(payload: Any) -> Mapping[str, Any]:
    try:
        document = read_property_list(base64.b64decode(str(payload or "")))
    except (ValueError, binascii.Error):
        return {}
    return document if isinstance(document, Mapping) else {}


def _words(kind: str) -> str:
    """`#microsoft.graph.allDevicesAssignmentTarget` -> `all devices`."""
    name = kind.rpartition(".")[2].removesuffix("AssignmentTarget")
    return shown(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
