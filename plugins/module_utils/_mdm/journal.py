# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what Macs were commanded, and what they have answered, for an MDM that tells neither.

Two files of lines, each a JSON object, and each of use without the other:

    record    what this collection has commanded; it appends a line before and after each command
    results   what Macs have answered; somebody's receiver appends each event of the webhook, as NanoMDM and MicroMDM
              send it (micromdm/nanomdm, service/webhook/event.json)

A command has a name of ours that says which profile of which Mac it is about, to which version it leads, and the how
manieth it is. So the answers alone tell the version that a Mac has, and a version that comes back has another name.

Whatever is in these files is somebody else's: lines that are none of these are passed over.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import stat
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import _files
from .._documents import read_json, read_property_list
from .._errors import UserVpnError, shown
from .forms import BEGINNING, moment, word

LONGEST_LINE = 4 << 20  # an answer to a command of ours has two kilobytes, a list of apps a megabyte
MOST_COMMANDS = 1000  # of one profile on one Mac that are kept
SENDING, QUEUED, NOT_NOW, DONE, FAILED = "sending", "queued", "not now", "done", "failed"
_ANSWERS = {"Acknowledged": DONE, "Error": FAILED, "CommandFormatError": FAILED, "NotNow": NOT_NOW}
_ANSWERED = (DONE, FAILED)
# What is worth to be read closer.
_MARKS = (b"user-vpn-", b"checkin_event", b'"Idle"')

_NAMESPACE = uuid.UUID("0f0f6d0c-3d0e-5b0b-8f6b-1d6f2c1e7a55")
_NO_VERSION = "none"
_NAME = re.compile(r"user-vpn-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-([1-9][0-9]{0,8})-([0-9A-Za-z-]{1,64})")
# A profile that is to be removed and is not there (fleetdm/fleet, pull request 10579).
_NOT_THERE = ("MDMClientError", 89)


@dataclass(frozen=True)
class Command:
    """One command. `version` is the PayloadUUID of the profile that it brings, empty where it takes one off."""

    subject: str  # which profile of which Mac
    number: int
    version: str = ""

    @classmethod
    def named(cls, name: str) -> Command | None:
        found = _NAME.fullmatch(name)
        if not found:
            return None
        return cls(found[1], int(found[2]), "" if found[3] == _NO_VERSION else found[3])

    @property
    def name(self) -> str:
        """Its CommandUUID, which may be any text (as Fleet's REFETCH-DEVICE-...); at most 127 characters in MySQL."""
        return f"user-vpn-{self.subject}-{self.number}-{self.version or _NO_VERSION}"


@dataclass(frozen=True)
class Known:
    """What is known of a command: its state, when that was, and what the Mac says where it has refused."""

    command: Command
    state: str
    at: datetime
    error: str = ""
    recorded: bool = False  # whether the record has it


@dataclass
class Mac:
    """What the check-ins of a Mac tell."""

    serial_number: str = ""
    name: str = ""
    macos: str = ""
    enrolled: datetime = BEGINNING  # what was commanded before is gone (micromdm/nanomdm, service/nanomdm: ClearQueue)
    left: datetime = BEGINNING
    seen: datetime = BEGINNING

    @property
    def managed(self) -> bool:
        return self.left == BEGINNING or self.left < self.enrolled


@dataclass
class Journal:
    """Both files, as far as they concern the Macs that are asked for. Either may be None."""

    record: Path | None
    results: Path | None
    macs: dict[str, Mac] = field(default_factory=dict)
    _known: dict[str, dict[str, Known]] = field(default_factory=dict)  # by subject, by name
    _lines: Lines | None = None
    _written: int | None = None  # the open record

    def load(self, udids: Sequence[str]) -> None:
        """Read what concerns these Macs; UserVpnError where a file cannot be read."""
        self.macs, self._known = {udid: Mac() for udid in udids}, {}
        if self.record and self.record.exists():
            for line in Lines(self.record, "server.record"):
                self._recorded(line)
        if self.results:
            self._lines = Lines(self.results, "server.results")
            self.refresh()

    def refresh(self) -> None:
        """Read what Macs have answered since."""
        for line in self._lines or ():
            if any(mark in line for mark in _MARKS):
                self._heard(line)

    def last(self, udid: str, identifier: str) -> Known | None:
        """The last command that counts: not one of before the Mac was enrolled anew."""
        mac = self.macs.get(udid, Mac())
        found = [known for known in self._all(subject(udid, identifier)) if known.at >= mac.enrolled]
        return found[-1] if found and mac.managed else None

    def next(self, udid: str, identifier: str, version: str) -> Command:
        """The command that leads to this version; one of that it is not known whether it was given is given again."""
        known = self._all(subject(udid, identifier))
        last = known[-1] if known else None
        if last and last.state == SENDING and last.command.version == version:
            return last.command
        return Command(subject(udid, identifier), last.command.number + 1 if last else 1, version)

    def is_recorded(self, command: Command) -> bool:
        known = self._known.get(command.subject, {}).get(command.name)
        return bool(known and known.recorded)

    def note(self, udid: str, command: Command, state: str) -> None:
        """Write down that a command is given, before (SENDING) and after (QUEUED)."""
        now = datetime.now(UTC)
        self._keep(Known(command, state, now, recorded=self.record is not None))
        if self.record is None:
            return
        line = json.dumps({"command_uuid": command.name, "state": state, "time": now.isoformat(), "udid": udid})
        if self._written is None:
            self._written = _open_to_append(self.record)
        os.write(self._written, f"{line}\n".encode())

    def close(self) -> None:
        if self._written is not None:
            os.fsync(self._written)
            os.close(self._written)
            self._written = None

    def _all(self, of: str) -> list[Known]:
        return sorted(self._known.get(of, {}).values(), key=lambda known: (known.command.number, known.at))

    def _keep(self, new: Known) -> None:
        """What Macs have answered counts more than what they were commanded, and what comes later more than before."""
        known = self._known.setdefault(new.command.subject, {})
        old = known.get(new.command.name)
        if old is None:
            known[new.command.name] = new
        elif (new.state in _ANSWERED, new.state == NOT_NOW, new.at) >= (
            old.state in _ANSWERED,
            old.state == NOT_NOW,
            old.at,
        ):
            known[new.command.name] = Known(
                new.command, new.state, new.at, new.error, recorded=new.recorded or old.recorded
            )
        if len(known) > MOST_COMMANDS:
            del known[next(iter(known))]

    def _recorded(self, line: bytes) -> None:
        told = _object(line)
        command = self._of_ours(told.get("udid"), told.get("command_uuid"))
        if command and told.get("state") in (SENDING, QUEUED):
            self._keep(Known(command, told["state"], moment(told.get("time")), recorded=True))

    def _of_ours(self, udid: Any, name: Any) -> Command | None:
        return Command.named(name) if isinstance(name, str) and isinstance(udid, str) and udid in self.macs else None

    def _heard(self, line: bytes) -> None:
        event = _object(line)
        at = moment(event.get("created_at"))
        answer, checkin = event.get("acknowledge_event"), event.get("checkin_event")
        told = answer if isinstance(answer, dict) else checkin if isinstance(checkin, dict) else {}
        udid = _enrolment(told)
        mac = self.macs.get(udid)
        if mac is None:
            return
        mac.seen = max(mac.seen, at)
        if told is checkin:
            _checked_in(mac, event.get("topic"), at, told)
        elif (command := self._of_ours(udid, told.get("command_uuid"))) and told.get("status") in _ANSWERS:
            self._keep(_answered(command, _ANSWERS[told["status"]], at, told.get("raw_payload")))


class Lines:
    """The lines of a file on which somebody else goes on writing, and of the one that it was until it was rotated.

    Each walk yields what is new. A last line without its end is yielded, too, and once more when it has one.
    """

    def __init__(self, path: Path, option: str) -> None:
        self._path, self._option = path, option
        self._file, self._place = (0, 0), 0
        if not self._older().exists():
            self._require(path)

    def __iter__(self) -> Iterator[bytes]:
        try:
            state = self._path.stat()
        except OSError:
            return  # it is being rotated
        if (state.st_dev, state.st_ino) != self._file or state.st_size < self._place:
            if self._older().is_file():
                yield from self._read(self._older(), 0)
            self._file, self._place = (state.st_dev, state.st_ino), 0
        yield from self._read(self._path, self._place)

    def _older(self) -> Path:
        return Path(f"{self._path}.1")

    def _require(self, path: Path) -> None:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UserVpnError(f"{self._option}: {shown(str(path))} is no file: give one that has lines of JSON.")
        except OSError as error:
            raise self._unread(path, error) from None

    def _unread(self, path: Path, error: OSError) -> UserVpnError:
        reason = error.strerror or type(error).__name__
        return UserVpnError(f"{self._option}: {shown(str(path))} cannot be read ({reason}); correct the path.")

    def _read(self, path: Path, place: int) -> Iterator[bytes]:
        self._require(path)
        try:
            with path.open("rb") as file:
                file.seek(place)
                while line := file.readline(LONGEST_LINE):
                    whole, size = line.endswith(b"\n"), len(line)
                    while not whole and (more := file.readline(LONGEST_LINE)):
                        line, whole, size = b"", more.endswith(b"\n"), size + len(more)
                    if whole and path == self._path:
                        self._place += size
                    yield line
        except OSError as error:
            raise self._unread(path, error) from None


def subject(udid: str, identifier: str) -> str:
    """The profile of this identifier on this Mac."""
    return str(uuid.uuid5(_NAMESPACE, f"{udid}\n{identifier}"))


def _open_to_append(path: Path) -> int:
    """The file, which ends in a whole line; UserVpnError where it cannot be written."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _files.PRIVATE_FILE)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")
    except OSError as error:
        raise UserVpnError(
            f"server.record: {shown(str(path))} cannot be written ({error.strerror}); correct the path."
        ) from None
    return descriptor


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = read_json(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _enrolment(told: Mapping[str, Any]) -> str:
    """By what NanoMDM knows whoever has spoken: of the channel of a user it is more than the UDID of the Mac."""
    ids = told.get("ids")
    found = ids.get("id") if isinstance(ids, dict) else told.get("udid")
    return found if isinstance(found, str) else ""


def _checked_in(mac: Mac, topic: Any, at: datetime, told: Mapping[str, Any]) -> None:
    if topic == "mdm.Authenticate":
        document = _payload(told.get("raw_payload"))
        mac.enrolled = max(mac.enrolled, at)
        mac.serial_number = word(document.get("SerialNumber")) or mac.serial_number
        mac.name = word(document.get("DeviceName")) or mac.name
        mac.macos = word(document.get("OSVersion")) or mac.macos
    elif topic == "mdm.CheckOut":
        mac.left = max(mac.left, at)


def _answered(command: Command, state: str, at: datetime, raw: Any) -> Known:
    if state != FAILED:
        return Known(command, state, at)
    chain = _payload(raw).get("ErrorChain")
    first = chain[0] if isinstance(chain, list) and chain and isinstance(chain[0], dict) else {}
    domain, code = word(first.get("ErrorDomain")), first.get("ErrorCode")
    if not command.version and (domain, code) == _NOT_THERE:
        return Known(command, DONE, at)
    text = word(first.get("LocalizedDescription")) or word(first.get("USEnglishDescription")) or "it gives no reason"
    return Known(command, state, at, f"{domain} ({code}): {text}" if domain else text)


def _payload(raw: Any) -> Mapping[str, Any]:
    """What a Mac has sent, as the webhook has it."""
    try:
        document = read_property_list(base64.b64decode(raw, validate=True)) if isinstance(raw, str) else {}
    except (binascii.Error, ValueError):
        return {}
    return document if isinstance(document, Mapping) else {}
