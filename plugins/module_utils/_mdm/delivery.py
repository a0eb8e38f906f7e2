# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what to ask an MDM for, so that each Mac has its profile, or has it no more.

A profile is made without a scope and gets one when its content was read back; a content with one Mac's key is written
only where the scope is that Mac. So whoever is killed between two calls leaves nothing that reaches somebody else, and
the next run goes on from what it finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import _files
from .._errors import UserVpnError, shown
from .._mobileconfig import completing, payloads
from .._mobileconfig.reading import read_profile
from .._mobileconfig.stored import SIZE_LIMIT, Stored
from . import comparing
from .errors import MdmError, RefusedError, UnknownDeviceError
from .interface import Device, Held, ListedCertificate, Profile, Report, Scope, Server, Target

POLL_SECONDS = 5.0
LONGEST_POLL_SECONDS = 30.0
SAY_SECONDS = 30.0


@dataclass(frozen=True)
class Wish:
    """One Mac, and the profile that it is to have; none where it is to have none."""

    host: str
    serial_number: str = ""
    udid: str = ""
    profile: Profile | None = None
    shared: bool = False
    problem: str = ""


@dataclass
class Entry:
    """What has come of one Mac."""

    host: str
    state: str = ""
    failed: bool = False
    changed: bool = False
    msg: str = ""
    error: str = ""
    serial_number: str = ""
    device: str = ""
    last_seen: str = ""
    macos_version: str = ""
    wanted_version: str = ""
    shown_version: str = ""
    on_mac: bool = False  # whether there is any version of it, as far as the server tells
    previous_version: str = ""
    certificates: list[ListedCertificate] | None = None  # None where they were not asked for

    def told(self) -> dict[str, Any]:
        told = asdict(self)
        if self.certificates is None:
            del told["certificates"]
        return told


@dataclass
class Means:
    """What a run has beside its wishes."""

    say: Callable[[str], None]
    warn: Callable[[str], None]
    check: bool = False
    seconds: float = 0.0  # to wait until all have come as far as they can
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class _Job:
    """One profile of the server's, and the Macs that it concerns."""

    target: Target
    profile: Profile | None
    macs: list[tuple[Entry, Device]] = field(default_factory=list)
    held: Held | None = None
    before: str = ""  # the version that the server held

    @property
    def devices(self) -> frozenset[str]:
        return frozenset(device.id for _entry, device in self.macs)


def read(path: Path) -> Profile:
    """A rendered profile from its file; UserVpnError when it cannot be delivered by an MDM."""
    stored = Stored.of(_files.read(path, SIZE_LIMIT))
    told = read_profile(stored.raw, str(path))
    document = stored.document or {}
    if completing.unfinished(document):
        raise UserVpnError("Its private key is on the Mac, which completes the profile: an MDM cannot deliver it.")
    if told.scope != "System":
        raise UserVpnError(f"Its scope is {told.scope}, and an MDM delivers to the device: set scope to System.")
    kinds = {each.get("PayloadType") for each in document.get("PayloadContent", ()) if isinstance(each, Mapping)}
    secret = payloads.IDENTITY in kinds
    return Profile(told.identifier, told.uuid, told.display_name, document, stored.raw, secret)


def deliver(server: Server, wishes: Sequence[Wish], means: Means) -> list[Entry]:
    """Let each Mac have the profile that it is to have; MdmError when the server cannot be asked at all."""
    entries, known = _known(server, wishes)
    jobs: dict[Target, _Job] = {}
    for wish, entry, device in known:
        if (profile := wish.profile) is None:
            raise ValueError("nothing to deliver")
        is_shared = wish.shared and server.CAPABILITIES.shared_profile
        target = Target(profile.identifier, "" if is_shared else _number(server, device))
        if flaw := server.obstacle(device, target):
            _fail(entry, flaw)
            continue
        job = jobs.setdefault(target, _Job(target, profile))
        if job.profile is profile or job.profile == profile:
            job.macs.append((entry, device))
        else:
            _fail(entry, "It shares a profile with others, and theirs is another one: give it another identifier.")
    _each(jobs.values(), lambda job: _present(server, job, means))
    _conclude(server, list(jobs.values()), means, "installed", resend=True)
    return entries


def withdraw(server: Server, identifier: str, wishes: Sequence[Wish], means: Means) -> list[Entry]:
    """Let no Mac of these have the profile of this name any more."""
    entries, known = _known(server, wishes)
    jobs = _of_name(server, identifier, known)
    for _wish, entry, _device in known:
        entry.state = "removed"
    _each(jobs, lambda job: _absent(server, job, means))
    held = [job for job in jobs if job.held]
    _conclude(server, held, means, "removed")
    _each(held, lambda job: _forget(server, job, means))
    for wish, entry in zip(wishes, entries, strict=True):
        if entry.state == "unknown_device":
            _clear(server, Target(identifier, _number(server, wish)), entry, means)
    return entries


def look(
    server: Server, identifier: str, wishes: Sequence[Wish], means: Means, *, certificates: bool = False
) -> list[Entry]:
    """How far the profile of this name has come on each Mac; `absent` where the server holds none for it. With
    `certificates`, also those that its last inventory lists."""
    entries, known = _known(server, wishes)
    jobs = _of_name(server, identifier, known)

    def find(job: _Job) -> None:
        job.held = held = server.held(job.target)
        if held and not job.target.mac:
            job.macs = [
                mac for mac in job.macs if mac[1].id in held.scope.devices or held.identifier in (mac[1].profiles or ())
            ]

    for _wish, entry, _device in known:
        entry.state = "absent"
    _each(jobs, find)
    _conclude(server, [job for job in jobs if job.held], means, "installed")
    if certificates:
        _list_certificates(server, entries, {entry.host: device for _wish, entry, device in known}, means)
    return entries


def _list_certificates(server: Server, entries: Iterable[Entry], devices: Mapping[str, Device], means: Means) -> None:
    found: dict[str, list[ListedCertificate]] = {}
    try:
        if devices and server.CAPABILITIES.lists_certificates:
            found = server.certificates(list(devices.values()))
    except MdmError as error:
        means.warn(f"It is not known which certificates the Macs have: {error}")
    for entry in entries:
        entry.certificates = found.get(devices[entry.host].id, []) if entry.host in devices else []


def _of_name(server: Server, identifier: str, known: Sequence[tuple[Wish, Entry, Device]]) -> list[_Job]:
    """What there can be of this name for these Macs: a profile of its own for each, and one that they share."""
    macs = [(entry, device) for _wish, entry, device in known]
    own = [_Job(Target(identifier, _number(server, device)), None, [(entry, device)]) for entry, device in macs]
    shared = [_Job(Target(identifier), None, macs)] if macs and server.CAPABILITIES.shared_profile else []
    return own + shared


# -- who is meant ---------------------------------------------------------------------------------------------------


def _known(server: Server, wishes: Sequence[Wish]) -> tuple[list[Entry], list[tuple[Wish, Entry, Device]]]:
    """An entry for each wish, and those whose Macs the server knows."""
    numbers = [_number(server, wish) for wish in wishes if not wish.problem and _number(server, wish)]
    found: dict[str, list[Device]] = {}
    for device in server.devices(sorted(set(numbers))) if numbers else ():
        found.setdefault(_number(server, device).upper(), []).append(device)
    named = [number.upper() for number in numbers]
    entries, known = [], []
    for wish in wishes:
        entry = Entry(wish.host, serial_number=wish.serial_number)
        entry.wanted_version = wish.profile.version if wish.profile else ""
        entries.append(entry)
        devices = found.get(_number(server, wish).upper(), [])
        if flaw := wish.problem or _unfit(server, wish):
            _fail(entry, flaw)
        elif flaw := _unknown(server, wish, devices, named):
            _fail(entry, flaw, state="unknown_device")
        else:
            device = devices[0]
            entry.device, entry.last_seen, entry.macos_version = device.name, device.last_seen, device.macos
            known.append((wish, entry, device))
    return entries, known


def _number(server: Server, mac: Wish | Device) -> str:
    """What the server finds this Mac by."""
    return mac.serial_number if server.CAPABILITIES.finds_by_serial else mac.udid


def _unfit(server: Server, wish: Wish) -> str:
    profile = wish.profile
    if profile and profile.secret and (wish.shared or not server.CAPABILITIES.per_mac_profile):
        return (
            f"A private key is in this profile, and {server.NAME} would bring it to other Macs as well: use SCEP, by "
            "which the key is made on the Mac."
        )
    return ""


def _unknown(server: Server, wish: Wish, devices: Sequence[Device], named: Sequence[str]) -> str:
    """Why it is not known which Mac of the server's is meant; empty when it is."""
    by_serial = server.CAPABILITIES.finds_by_serial
    kind, option = ("serial number", "serial_number") if by_serial else ("UDID", "udid")
    number = _number(server, wish)
    if not number:
        return f"{server.NAME} finds a Mac by its {kind}: set {option}."
    named_so = f"the {kind} {shown(number)}"
    if named.count(number.upper()) > 1:
        return f"Several hosts have {named_so}: correct {option}."
    if not devices:
        return f"{server.NAME} knows no Mac with {named_so}: enrol it, or correct {option}."
    if len(devices) > 1:
        names = ", ".join(sorted(shown(device.name) for device in devices))
        return f"{server.NAME} knows {len(devices)} Macs with {named_so} ({names}): delete the old ones."
    if not devices[0].managed:
        return f"{server.NAME} does not manage the Mac with {named_so} any more: enrol it again."
    return ""


def _fail(entry: Entry, sentence: str, state: str = "failed") -> None:
    entry.state, entry.failed, entry.msg = state, True, sentence


# -- what is done ---------------------------------------------------------------------------------------------------


def _each(jobs: Iterable[_Job], do: Callable[[_Job], None]) -> None:
    """Do it for each; what one is refused is no fault of the others, and where the server is gone all end."""
    gone = ""
    for job in jobs:
        try:
            if gone:
                raise RefusedError(gone)
            do(job)
        except MdmError as error:
            gone = gone or ("" if isinstance(error, RefusedError) else str(error))
            for entry, _device in job.macs:
                _fail(entry, str(error), "unknown_device" if isinstance(error, UnknownDeviceError) else "failed")
            job.macs.clear()


def _present(server: Server, job: _Job, means: Means) -> None:
    profile, held = job.profile, server.held(job.target)
    if profile is None:
        raise ValueError("nothing to deliver")
    job.held, job.before = held, held.version if held else ""
    scope = held.scope if held else Scope()
    # A key reaches its Mac alone. A profile without one may be for others, too; and who has given it to groups keeps
    # its scope.
    wanted = job.devices if profile.secret else job.devices | scope.devices
    wide = _wide(profile, scope, wanted)
    kept = not profile.secret and bool(scope.others)
    same = held is not None and held.version == profile.version and _holds(server, held, profile)
    for entry, device in job.macs:
        entry.changed = not same or wide or (not kept and device.id not in scope.devices)
        entry.previous_version = job.before
    if wide:
        means.warn(_exposed(server, job, scope))
    if means.check:
        return
    if held is None:
        held = server.create(job.target, profile)
    if wide:
        held = server.assign(held, wanted & scope.devices)
    if not same and job.held:
        held = server.replace(held, profile)
        if _wide(profile, held.scope, wanted):
            means.warn(_exposed(server, job, held.scope))
    if not kept and held.scope != Scope(wanted):
        held = server.assign(held, wanted)
    job.held = held
    _unchanged_if_already(job)


def _holds(server: Server, held: Held, profile: Profile) -> bool:
    return not server.CAPABILITIES.reads_content or comparing.holds(held.document, profile.document)


def _unchanged_if_already(job: _Job) -> None:
    for entry, _device in job.macs:
        entry.changed = entry.changed and not (job.held and job.held.already)


def _wide(profile: Profile, scope: Scope, wanted: frozenset[str]) -> bool:
    """Whether a private key reaches others than these Macs."""
    return profile.secret and bool(scope.others or scope.devices - wanted)


def _exposed(server: Server, job: _Job, scope: Scope) -> str:
    more = len(scope.devices - job.devices)
    whom = ", ".join((*scope.others, *([f"{more} other Macs"] if more else [])))
    return (
        f"{server.NAME} let the profile of {job.macs[0][0].host} reach others as well ({whom}), with its private key: "
        "revoke its certificate, and see who may change profiles there."
    )


def _absent(server: Server, job: _Job, means: Means) -> None:
    job.held = held = server.held(job.target)
    if held is None:
        return
    job.before = held.version
    if not job.target.mac:
        job.macs = [mac for mac in job.macs if mac[1].id in held.scope.devices or _may_have(mac[1], held)]
        if held.scope.others:
            whom = ", ".join(held.scope.others)
            for entry, _device in job.macs:
                entry.msg = f"{server.NAME} gives the shared profile to {whom}: take this Mac out there."
            return
    left = held.scope.devices - job.devices if not job.target.mac else frozenset()
    for entry, device in job.macs:
        entry.changed = entry.changed or device.id in held.scope.devices or bool(held.scope.others)
        entry.previous_version = job.before
    if held.scope != Scope(left) and not means.check:
        job.held = server.assign(held, left)
        _unchanged_if_already(job)


def _may_have(device: Device, held: Held) -> bool:
    return device.profiles is None or held.identifier in device.profiles


def _forget(server: Server, job: _Job, means: Means) -> None:
    """Delete what no Mac has any more."""
    gone = all(entry.state == "removed" for entry, _device in job.macs)
    if job.held and gone and (means.check or job.held.scope == Scope()):
        for entry, _device in job.macs:
            entry.changed = True
        if not means.check:
            server.delete(job.held)


def _clear(server: Server, target: Target, entry: Entry, means: Means) -> None:
    """What is held for a Mac that the server does not know goes, with the key in it."""
    entry.failed = False
    try:
        held = server.held(target) if target.mac else None
        entry.changed = held is not None
        if held and not means.check:
            server.delete(server.assign(held, ()) if held.scope != Scope() else held)
    except UnknownDeviceError:
        entry.changed = False
    except MdmError as error:
        _fail(entry, str(error))


# -- how far they have come -----------------------------------------------------------------------------------------


def _conclude(server: Server, jobs: Sequence[_Job], means: Means, goal: str, *, resend: bool = False) -> None:
    """Set the states, once or until all are where they are to be or have failed, as long as there is time.

    With `resend`, Macs that had failed before try again.
    """
    start, pause, said = means.clock(), POLL_SECONDS, -SAY_SECONDS
    while True:
        try:
            waiting = _states(server, jobs, goal, means) + (_resend(server, jobs, means) if resend else 0)
            resend = False
        except MdmError as error:
            for entry, _device in (mac for job in jobs for mac in job.macs):
                _fail(entry, f"It is not known how far it has come: {error}", entry.state or "queued")
            return
        spent = means.clock() - start
        if not waiting or means.check or spent + pause > means.seconds:
            return
        if spent - said >= SAY_SECONDS:
            macs = sum(len(job.macs) for job in jobs)
            means.say(f"{macs - waiting} of {macs} Macs are done ({spent:.0f} s so far)")
            said = spent
        means.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)


def _resend(server: Server, jobs: Sequence[_Job], means: Means) -> int:
    """Have those Macs try again that have refused what was there before this run; how many do."""
    again = 0
    for job in jobs:
        for entry, device in job.macs:
            refused = entry.state == "failed" and not entry.changed
            if refused and job.held and server.resend(device, job.held, check=means.check):
                entry.state, entry.failed, entry.changed, entry.error, entry.msg = "pending", False, True, "", ""
                again += 1
    return again


def _states(server: Server, jobs: Sequence[_Job], goal: str, means: Means) -> int:
    """Set the states. For how many Macs asking once more may tell another one."""
    waiting: set[str] = set()
    by_host: dict[str, list[tuple[Entry, Report, _Job, Device]]] = {}
    # A Mac has one profile of its own at most, and one that is shared.
    for own in (True, False):
        group = [job for job in jobs if bool(job.target.mac) is own]
        delivered = [(device, job.held) for job in group if job.held for _entry, device in job.macs]
        reports = server.reports(delivered) if delivered else {}
        for job in group:
            for entry, device in job.macs:
                report = _as_asked(reports.get(device.id, Report("queued")), goal, means.check and entry.changed)
                by_host.setdefault(entry.host, []).append((entry, report, job, device))
    for found in by_host.values():
        # Where two profiles are to go, that which is still there counts.
        entry, report, job, device = next((each for each in found if each[1].state != goal), found[0])
        entry.state, entry.error, entry.failed = report.state, report.error, report.state == "failed"
        if entry.failed or report.msg:
            entry.msg = report.msg or f"{server.NAME} says of this Mac: {report.error}"
        if entry.state not in (goal, "failed") and not report.final:
            waiting.add(entry.host)
        _show_version(entry, job, device)
    return len(waiting)


def _as_asked(report: Report, goal: str, predicted: bool) -> Report:
    """What a report means for what was asked."""
    if goal == "installed":
        return Report("queued") if predicted or report.state == "removed" else report
    if report.state in ("queued", "absent"):
        return Report("removed")  # it never came there
    return Report("pending") if report.state == "installed" else report


def _show_version(entry: Entry, job: _Job, device: Device) -> None:
    """Which version is there, as far as it is known. Of a Mac that was not reached since its profile was replaced, that
    can be any of those before."""
    held, installed = job.held, entry.state == "installed"
    entry.shown_version = held.version if held and installed else ""
    listed = held is not None and (bool(job.before) if device.profiles is None else held.identifier in device.profiles)
    entry.on_mac = installed or (listed and entry.state != "removed")
