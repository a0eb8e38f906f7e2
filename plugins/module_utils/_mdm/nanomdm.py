# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: NanoMDM.

Sources: micromdm/nanomdm (docs/operations-guide.md, docs/openapi.yaml, api, http/api, storage), and runs of the server
itself. docs/fidelity-mdm.md has them call by call.

NanoMDM takes commands for Macs by their UDIDs, and tells nobody which Macs there are, what it was given, or what has
come of it. So what a Mac is held to have is what the last command that is known of leads to: see `journal`.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._errors import UserVpnError, shown
from .._mobileconfig import payloads
from .._mobileconfig.scep import left_to_an_mdm
from .errors import MdmError, RefusedError, UnknownDeviceError
from .forms import BEGINNING, word
from .http import Answer, Http
from .interface import Capabilities, Device, Held, ListedCertificate, Profile, Report, Scope, Target
from .journal import DONE, FAILED, NOT_NOW, QUEUED, SENDING, Command, Journal, Known

USER = "nanomdm"  # its only one
MOST_NAMES = 100  # that are tried where the record was lost

_UDID = re.compile(r"[0-9A-Za-z-]{1,64}")
_RESULT = {"status", "no_push", "push_error", "command_error", "command_uuid", "request_type"}
# What the storages say of a command that is there (storage/kv, storage/mysql, storage/pgsql), and of a Mac that is not.
_THERE = ("command already exists", "Duplicate entry", "duplicate key value")
_NO_MAC = ("push data missing for id", "foreign key constraint")
_IN_FORCE = (QUEUED, NOT_NOW, DONE)

SILENT = (
    "NanoMDM tells nobody what Macs have answered: set server.results to the events of its webhook, or "
    "user_vpn_verify to ssh."
)
DOUBTFUL = (
    "NanoMDM was given this for this Mac before, and does not tell whether the Mac was given anything else since then: "
    "set server.record, so that it is written down here."
)


class NanoMdm:
    """One server. `journal` is what is known of its Macs."""

    NAME = "NanoMDM"
    CAPABILITIES = Capabilities(
        finds_by_serial=False,
        reads_content=False,
        reads_version=False,
        per_mac_profile=True,
        shared_profile=False,
        lists_certificates=False,
        inventory=False,
        keeps_profile=True,
    )

    def __init__(self, http: Http, api_key: str, journal: Journal) -> None:
        self._http, self._login, self._journal = http, (USER, api_key), journal
        self._profiles: dict[Target, Profile] = {}  # those that are to reach a Mac
        self._untold: dict[str, str] = {}  # by the name of a command, why its Mac was not told of it
        self._doubtful: set[str] = set()  # commands that were there before, and of which nothing is known

    @classmethod
    def connect(
        cls,
        given: Mapping[str, Any],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        mask: Callable[[str], None],
    ) -> NanoMdm:
        """What is not given is looked for in the environment, as NANOMDM_<OPTION>."""

        def value(option: str) -> str:
            return str(given.get(option) or environment.get(f"NANOMDM_{option.upper()}") or "")

        missing = [option for option in ("url", "api_key") if not value(option)]
        if missing:
            names = " and ".join(f"server.{option} (or NANOMDM_{option.upper()})" for option in missing)
            raise UserVpnError(f"{cls.NAME} cannot be asked: set {names}.")
        mask(value("api_key"))
        http = Http(cls.NAME, value("url"), ca_file=given.get("ca_file") or "", say=say, environment=environment)
        record, results = (
            Path(value(option)).expanduser() if value(option) else None for option in ("record", "results")
        )
        return cls(http, value("api_key"), Journal(record, results))

    # -- Macs -------------------------------------------------------------------------------------------------------

    def devices(self, numbers: Sequence[str]) -> list[Device]:
        """Each that can be the UDID of one: whether NanoMDM knows it, it tells when it is given a command."""
        udids = [udid for udid in numbers if _UDID.fullmatch(udid)]
        self._journal.load(udids)
        return [self._device(udid) for udid in udids]

    def _device(self, udid: str) -> Device:
        mac = self._journal.macs[udid]
        seen = mac.seen.isoformat(timespec="seconds").replace("+00:00", "Z") if mac.seen != BEGINNING else ""
        return Device(
            id=udid,
            serial_number=mac.serial_number,
            name=mac.name,
            udid=udid,
            macos=mac.macos,
            last_seen=seen,
            managed=mac.managed,
        )

    def all_devices(self) -> list[Device]:
        raise MdmError(
            f"{self.NAME} has no list of its Macs: name them in an inventory of your own, each with user_vpn_udid."
        )

    def resend(self, device: Device, held: Held, *, check: bool) -> bool:
        """Such a profile is given anew when it is to be written."""
        return False

    def certificates(self, devices: Sequence[Device]) -> dict[str, list[ListedCertificate]]:
        return {}

    def obstacle(self, device: Device, target: Target) -> str:
        return ""

    # -- profiles ---------------------------------------------------------------------------------------------------

    def held(self, target: Target) -> Held | None:
        """What the last command leads to. Where nobody has written down what there was, it may be anything."""
        last = self._journal.last(target.mac, target.identifier)
        if last is None:
            return None if self._journal.record else self._held(target, there=True)
        in_force = last.state in _IN_FORCE
        if last.command.version:
            return self._held(target, last.command.version if in_force else "", there=True)
        if last.state == DONE:
            return None
        return self._held(target, there=not in_force)

    def _held(self, target: Target, version: str = "", *, there: bool, name: str = "", already: bool = False) -> Held:
        scope = Scope(frozenset({target.mac} if there else ()))
        return Held(name, target, target.identifier, version, target.identifier, {}, scope, already)

    def create(self, target: Target, profile: Profile) -> Held:
        """It holds nothing by itself: what it is given is for a Mac."""
        self._profiles[target] = _filled(profile)
        return self._held(target, profile.version, there=False)

    def replace(self, held: Held, profile: Profile) -> Held:
        return self._command(held.target, _filled(profile))

    def assign(self, held: Held, devices: Collection[str]) -> Held:
        return self._command(held.target, self._profiles[held.target] if devices else None)

    def delete(self, held: Held) -> None:
        """A profile that no Mac has any more is nowhere."""

    def reports(self, delivered: Sequence[tuple[Device, Held]]) -> dict[str, Report]:
        self._journal.refresh()
        return {
            device.id: self._report(self._journal.last(device.id, held.target.identifier)) for device, held in delivered
        }

    def _report(self, last: Known | None) -> Report:
        if last is None or last.state == SENDING:
            return Report("absent", msg="" if self._journal.record else SILENT, final=self._journal.results is None)
        name, installs = last.command.name, bool(last.command.version)
        if last.state == DONE:
            return Report("installed" if installs else "removed")
        if last.state == FAILED:
            return Report("failed", last.error)
        msg = DOUBTFUL if name in self._doubtful else "" if self._journal.results else SILENT
        state = "queued" if installs and last.state != NOT_NOW else "pending"
        return Report(state, self._untold.get(name, ""), msg, final=self._journal.results is None)

    # -- commands ---------------------------------------------------------------------------------------------------

    def _command(self, target: Target, profile: Profile | None) -> Held:
        """Give the Mac a command to install this profile, or else to remove it."""
        journal, version = self._journal, profile.version if profile else ""
        unknown = journal.last(target.mac, target.identifier) is None
        command = journal.next(target.mac, target.identifier, version)
        for _attempt in range(MOST_NAMES):
            ours = journal.is_recorded(command)
            journal.note(target.mac, command, SENDING)
            fresh = self._enqueue(target.mac, command, _wanted(target, profile))
            # A name that NanoMDM knows and the record does not is one of before the record was begun, or lost.
            if fresh or ours or journal.record is None:
                break
            command = replace(command, number=command.number + 1)
        if not fresh:
            self._push(target.mac, command)
            if unknown and journal.record is None:
                self._doubtful.add(command.name)
        journal.note(target.mac, command, QUEUED)
        return self._held(target, version, there=bool(profile), name=command.name, already=not fresh)

    def _enqueue(self, udid: str, command: Command, wanted: Mapping[str, Any]) -> bool:
        """Whether the command is a new one. NanoMDM queues it even where it can then tell no Mac of it."""
        body = plistlib.dumps({"Command": dict(wanted), "CommandUUID": command.name})
        what, before = "give a Mac a command", self._http.calls
        headers = {"Content-Type": "application/xml"}
        told = self._call(what, "PUT", f"/v1/enqueue/{udid}", data=body, headers=headers)
        error = _error(told, "command_error")
        if any(words in error for words in _THERE):
            return self._http.calls - before > 1  # the answer to an earlier try of this call was lost
        if error:
            raise self._refused(udid, what, error)
        self._heed(udid, command, told)
        return True

    def _push(self, udid: str, command: Command) -> None:
        """Tell the Mac that there is something for it."""
        self._heed(udid, command, self._call("tell a Mac to come", "GET", f"/v1/push/{udid}"))

    def _heed(self, udid: str, command: Command, told: Mapping[str, Any]) -> None:
        error = _error(told, "push_error")
        if any(words in error for words in _NO_MAC):
            raise self._refused(udid, "", error)
        if error:
            self._untold[command.name] = f"{self.NAME} could not tell the Mac of it: {error}"

    def _refused(self, udid: str, what: str, error: str) -> RefusedError:
        if any(words in error for words in _NO_MAC):
            return UnknownDeviceError(
                f"{self.NAME} knows no Mac with the UDID {shown(udid)}: enrol it, or correct udid."
            )
        return RefusedError(f"{self.NAME} ({self._http.host}) cannot {what}: {error}.")

    def _call(self, what: str, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            answer = self._http.call(
                what, method, path, auth=self._login, accepted=(200, 207), counts=_is_result, **content
            )
        except RefusedError as error:
            if error.status == 401:
                raise MdmError(
                    f"{self.NAME} ({self._http.host}) refuses the login: correct server.api_key (or NANOMDM_API_KEY)."
                ) from None
            # It concerns no Mac, but the server, or what stands before it.
            raise MdmError(f"{error} Correct server.url.") from None
        told = _json(answer)
        if not _RESULT & told.keys():
            raise MdmError(f"{self.NAME} ({self._http.host}) cannot {what}: the answer is none of {self.NAME}.")
        return told

    def close(self) -> None:
        self._journal.close()


def _filled(profile: Profile) -> Profile:
    """The same, if nothing in it waits for an MDM to fill it in."""
    content = profile.document.get("PayloadContent")
    each_payload = content if isinstance(content, list) else ()
    enrolments = [each for each in each_payload if isinstance(each, dict) and each.get("PayloadType") == payloads.SCEP]
    if variables := left_to_an_mdm(enrolments):
        raise RefusedError(
            f"{NanoMdm.NAME} fills in no variables, and {shown(variables[0])} is one: write %SerialNumber%, which the "
            "Mac fills in."
        )
    return profile


def _wanted(target: Target, profile: Profile | None) -> dict[str, Any]:
    if profile:
        return {"RequestType": "InstallProfile", "Payload": profile.raw}
    return {"RequestType": "RemoveProfile", "Identifier": target.identifier}


def _json(answer: Answer) -> dict[str, Any]:
    try:
        return answer.json()
    except ValueError:
        return {}


def _is_result(answer: Answer) -> bool:
    """Whether it is NanoMDM that says 500: it does so where a command was not queued, and where no Mac was told."""
    return answer.status == 500 and bool(_RESULT & _json(answer).keys())


def _error(told: Mapping[str, Any], kind: str) -> str:
    """The first error of this kind, of the whole call or of a Mac."""
    status = told.get("status")
    each = [one for one in status.values() if isinstance(one, dict)] if isinstance(status, dict) else []
    return next((word(one[kind]).rstrip(".") for one in (told, *each) if one.get(kind)), "")
