# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intune, which is a part of the lab's Azure (azure/graph.py, azure/intune.py), as the suite for MDMs uses a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..azure import AzureLab, faults
from ..azure.intune import Configuration, ManagedDevice
from ..azure.messages import Request, Response

if TYPE_CHECKING:
    from ..mac import Mac

PROFILES = "/beta/deviceManagement/deviceConfigurations"


class IntuneLab:
    """`azure`: the lab's Azure that it is a part of; without one, it has one of its own."""

    TYPE = "intune"
    NOTHING = "none of Microsoft Graph"
    NO_LOGIN = "Azure refused to let the identity sign in"
    REFUSED = "an error, of which Graph does not tell the reason: see the Mac's device configuration in Intune"
    LISTS_PROFILES = False
    ASLEEP = "pending"
    FOUND_BY = "serial number"
    UNKNOWN = "unknown device"
    WRONG_LOGIN: ClassVar[dict[str, str]] = {"client_id": "somebody"}
    PLACES: ClassVar[dict[str, str]] = {
        "macs": "GET /v1.0/deviceManagement/managedDevices",
        "profiles": f"GET {PROFILES}*",
        "new": f"POST {PROFILES}",
        "change": f"POST {PROFILES}/*/assign",
    }

    def __init__(self, folder: Path, azure: AzureLab | None = None) -> None:
        self.azure = azure or AzureLab(folder)
        self._own = azure is None
        self.groups: dict[str, str] = {}  # of each device, by its id: the group that has it alone
        self.faults = _Faults(self.azure)

    def __enter__(self) -> Self:
        if self._own:
            self.azure.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self.azure.__exit__(kind, error, trace)

    @property
    def server(self) -> dict[str, Any]:
        """The option `server`."""
        azure = self.azure
        login = {"tenant": azure.tenant, "client_id": azure.client_id, "client_secret": azure.client_secret}
        place = {"url": azure.graph.url, "cloud_environment": azure.url, "ca_file": str(azure.ca_file)}
        return {"type": self.TYPE, "groups": list(self.groups.values()), **place, **login}

    @property
    def environment(self) -> dict[str, str]:
        """For what the option does not say: who trusts the lab's Entra ID, and where it is."""
        names = ("AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy")
        found = self.azure.environment("none")
        return {name: found[name] for name in names}

    @property
    def client_secret(self) -> str:
        return self.azure.client_secret

    @property
    def secrets(self) -> set[str]:
        return self.azure.secrets

    @property
    def requests(self) -> list[Any]:
        return self.azure.requests

    @property
    def refusals(self) -> list[str]:
        return self.azure.graph.refusals

    @property
    def profiles(self) -> dict[str, Configuration]:
        return self.azure.intune.configurations

    @property
    def commands(self) -> list[str]:
        return [command for device in self.azure.intune.devices for command in device.commands]

    # -- what a test does -------------------------------------------------------------------------------------------

    def enrol(self, mac: Mac, *, reaches: str = "at once", serial_number: str = "", name: str = "") -> ManagedDevice:
        number = serial_number or mac.serial
        device = self.azure.intune.enrol(mac, reaches=reaches, serial_number=number, name=name or f"{mac.name}'s Mac")
        self.groups[device.id] = self.azure.graph.directory.add_group(f"Only {device.name}", [device.directory_id])
        return device

    def of(self, mac: Mac) -> ManagedDevice:
        return next(device for device in self.azure.intune.devices if device.mac is mac)

    def awake(self, device: ManagedDevice) -> None:
        device.reaches = "at once"
        self.azure.intune.check_in()

    def scopes(self) -> dict[str, set[str]]:
        """Name of each profile -> the names of the Macs that it reaches; "everybody" for more than Macs."""
        intune = self.azure.intune
        found = {}
        for profile in self.profiles.values():
            macs = {device.mac.name for device in intune.devices if device.mac and intune.reaches(profile, device)}
            wide = any("groupId" not in assignment["target"] for assignment in profile.assignments)
            found[str(profile.content["displayName"])] = {"everybody"} if wide else macs
        return found

    def calls(self, macs: int) -> int:
        """Of a run that changes nothing: two for the token, the list of profiles, a page of Macs; and for each of them
        its group, its profile, the assignment of that, the group again, and the status."""
        return 4 + 5 * macs

    def give_to_all(self, stored: Configuration) -> str:
        stored.assignments.append(
            {"id": "all", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
        )
        return "all devices"

    def give_to_sales(self, stored: Configuration) -> str:
        directory = self.azure.graph.directory
        members = [directory.add("user", "Anna"), *(device.directory_id for device in self.azure.intune.devices)]
        target = {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget",
            "groupId": directory.add_group("Sales", members),
        }
        stored.assignments.append({"id": "sales", "target": target})
        return f"1 users, {len(self.azure.intune.devices) - 1} other Macs"

    def take_back(self, stored: Configuration) -> None:
        stored.assignments = [each for each in stored.assignments if each["id"] not in ("all", "sales")]

    def answer(self, request: Request) -> Response:
        return self.azure.graph.handle(request)


class _Faults:
    """The faults of the lab's Azure, in the form that those of an MDM have."""

    def __init__(self, azure: AzureLab) -> None:
        self._azure = azure

    def add(self, match: str, answer: Callable[[Request], Response | None] | Response, times: float = 1) -> None:
        act = answer if callable(answer) else lambda _request: answer
        self._azure.faults.add(match, faults.Fault(match, before=act), times)

    def clear(self) -> None:
        self._azure.faults.clear()
