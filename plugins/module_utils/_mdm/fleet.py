# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: Fleet (fleetdm.com), by its REST API.

Sources: docs/REST API/rest-api.md of fleetdm/fleet; for what came after it (PATCH of a profile, Fleet 4.90), its
changelog, its server code, and l-teles/terraform-provider-fleetdm. docs/fidelity-mdm.md has them call by call.

A profile reaches the hosts of a team that have its labels, and with no label all of them. So each profile of ours has a
label of its own, which holds the Macs that are to have it and is filled by nobody else. The label is there, and empty,
before the profile is sent; whom it reaches is the label's list of hosts from then on. An edit replaces a profile's
labels as a whole, so they are sent again with each. The call that replaces all profiles of a team is never made.

Fleet keeps a profile byte by byte, and knows it by its PayloadIdentifier, which exists once in a team. So a profile for
one Mac has the serial number behind the identifier.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .._documents import read_property_list
from .._errors import UserVpnError, shown
from . import comparing
from .errors import LostAnswerError, MdmError, RefusedError
from .forms import BEGINNING, date_of, dictionaries, ending, moment, part, word
from .http import Answer, Bearer, Http
from .interface import Capabilities, Device, Held, ListedCertificate, Profile, Report, Scope, Target

API = "/api/v1/fleet"
PROFILES = "/configuration_profiles"
PAGE = 500
MOST_PAGES = 1000
ONE_BY_ONE = 10  # so many Macs are asked for one at a time; more are looked for in lists
LARGEST = 1 << 20  # bytes of a profile (MaxProfileSize in Fleet's code)
# Every 30 seconds Fleet compares what its Macs have with what they are to have. Until then, a status that it shows may
# be that of the content before.
CYCLE = timedelta(seconds=60)
KINDS = ("labels_include_all", "labels_include_any", "labels_exclude_any")
OURS = KINDS[0]  # of the three, the one that is there the longest
STATUSES = {"verified": "installed", "verifying": "installed", "failed": "failed", "pending": "pending"}
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


class Fleet:
    """One Fleet server. `team` is the id of the team that the Macs are in; 0 for those that are in none."""

    NAME = "Fleet"
    CAPABILITIES = Capabilities(
        finds_by_serial=True,
        reads_content=True,
        reads_version=False,
        per_mac_profile=True,
        shared_profile=True,
        lists_certificates=False,
        inventory=True,
        keeps_profile=False,  # one for a single Mac has another identifier
    )

    def __init__(self, http: Http, token: str, team: int) -> None:
        self._http, self._token, self._team = http, token, team
        self._teams: dict[str, int] = {}  # of each Mac that was looked at, by its id
        self._tier: str | None = None
        self._found: dict[str, str] | None = None  # the profiles for Macs, by their PayloadIdentifier
        self._labels: dict[str, dict[str, dict[str, str]]] = {}  # of each profile: kind -> name -> id
        self._own: dict[str, str] | None = None  # the labels that nothing but a list of Macs fills: name -> id
        self._clock = BEGINNING  # Fleet's, at its last answer
        self._replaced: dict[
            str, datetime
        ] = {}  # of each profile that had another content before, when it got this one
        self._edited: set[str] = set()  # those that this run has replaced
        self._moved: set[tuple[str, str]] = set()  # a profile and a Mac that was seen to be told of its content

    @classmethod
    def connect(
        cls,
        given: Mapping[str, Any],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        mask: Callable[[str], None],
    ) -> Fleet:
        """What is not given is looked for in the environment, under the names that Fleet's own tools have."""
        url = str(given.get("url") or environment.get("FLEET_URL") or "")
        token = str(given.get("token") or environment.get("FLEET_API_TOKEN") or "").strip()
        named = {"server.url (or FLEET_URL)": url, "server.token (or FLEET_API_TOKEN)": token}
        missing = [option for option, value in named.items() if not value]
        if missing:
            raise UserVpnError(f"{cls.NAME} cannot be asked: set {' and '.join(missing)}.")
        if not _TOKEN.fullmatch(token):
            raise UserVpnError("server.token holds signs that no API token of Fleet has.")
        mask(token)
        http = Http(cls.NAME, url, ca_file=str(given.get("ca_file") or ""), say=say, environment=environment)
        return cls(http, token, int(given.get("team_id") or 0))

    # -- Macs -------------------------------------------------------------------------------------------------------

    def devices(self, numbers: Sequence[str]) -> list[Device]:
        """A query finds parts of serial numbers, names and addresses as well: what comes is compared."""
        wanted = {number.upper() for number in numbers}
        queries = [{"query": number} for number in sorted(wanted)] if len(wanted) <= ONE_BY_ONE else [{}]
        found = {device.id: device for query in queries for device in self._macs(**query)}
        return [device for device in found.values() if device.serial_number.upper() in wanted]

    def all_devices(self) -> list[Device]:
        """With the labels that somebody has made as groups."""
        return list(self._macs(populate_labels="true", device_mapping="true"))

    def _macs(self, **query: str) -> Iterator[Device]:
        for host in self._hosts("read its Macs", "/hosts", **query):
            if host.get("platform") == "darwin":
                device = _device(host)
                self._teams[device.id] = _number(host.get("team_id"))
                yield device

    def obstacle(self, device: Device, target: Target) -> str:
        if self._license() == "free":
            return (
                "Fleet Free gives a profile to all of its Macs: it takes Fleet Premium, where a label says which Mac "
                "has it."
            )
        team = self._teams.get(device.id, self._team)
        if team != self._team:
            return (
                f"This Mac is in {_named(team)}, and a profile of {_named(self._team)} does not reach it: set "
                f"server.team_id to {team}, or move the Mac."
            )
        return ""

    def _license(self) -> str:
        """The tier: `free` or `premium`, empty for an account that may not read it."""
        if self._tier is None:
            what = "read its license"
            try:
                found = self._http.json(what, self._call(what, "GET", "/config")).get("license")
            except RefusedError as error:
                if error.status != 403:
                    raise
                found = {}
            self._tier = word(found.get("tier")) if isinstance(found, Mapping) else ""
        return self._tier

    # -- profiles ---------------------------------------------------------------------------------------------------

    def held(self, target: Target) -> Held | None:
        number = self._all_profiles().get(_identifier(target))
        return self._read(number, target) if number else None

    def create(self, target: Target, profile: Profile) -> Held:
        content = _upload(target, profile)
        self._empty_label(target)
        fields = [("team_id", str(self._team))] if self._team else []
        form = _form([*fields, (OURS, _label_name(target))], content)
        try:
            answer = self._call("create a profile", "POST", PROFILES, files=form, repeat=False)
            number = word(self._http.json("create a profile", answer).get("profile_uuid"))
        except LostAnswerError:
            self._found = None
            found = self.held(target)
            if found is None:
                raise
            number = found.id
        if not number:
            raise MdmError(f"{self.NAME} has answered a new profile without its id.")
        self._all_profiles()[_identifier(target)] = number
        held = self._read_back(number, target, profile)
        if held.scope != Scope():
            self.delete(held)
            raise RefusedError(f"{self.NAME} gave a new profile a scope that nobody asked for; it was deleted again.")
        return held

    def replace(self, held: Held, profile: Profile) -> Held:
        """Its labels are sent again, since those that are left out are taken off, and with none all Macs have it."""
        labels, content = self._labels[held.id], _upload(held.target, profile)
        gone = [name for names in labels.values() for name, number in names.items() if not number]
        if gone == [_label_name(held.target)] and sum(map(len, labels.values())) == 1:
            labels = {OURS: {gone[0]: self._empty_label(held.target)}}
        elif gone:
            raise RefusedError(f"{self.NAME} has lost the label {gone[0]} of profile {held.id}: give it another there.")
        self._edited.add(held.id)
        self._patch("replace a profile", held.id, labels, content)
        return self._read_back(held.id, held.target, profile)

    def assign(self, held: Held, devices: Collection[str]) -> Held:
        wanted, name = frozenset(devices), _label_name(held.target)
        label = self._labels[held.id].get(OURS, {}).get(name) or self._own_label(held.target)
        ours = {OURS: {name: label}}
        if self._members(label) != wanted:
            self._fill(label, wanted)
        if self._labels[held.id] != ours:
            self._patch("scope a profile", held.id, ours)
        now = self._read(held.id, held.target)
        if now is None:
            raise RefusedError(f"{self.NAME} has lost a profile while it was scoped: run again.")
        if now.scope != Scope(wanted):
            if held.target.mac and now.scope.devices:
                self._fill(label, ())
            raise RefusedError(
                f"{self.NAME} shows another scope of profile {held.id} than was asked for: see who changes it, or its "
                "label, and run again."
            )
        return now

    def delete(self, held: Held) -> None:
        """The label goes last: Fleet refuses to delete one that a profile has."""
        labels = self._labels.pop(held.id, {}).get(OURS, {})
        self._call("delete a profile", "DELETE", f"{PROFILES}/{held.id}", accepted=(200, 204, 404))
        self._all_profiles().pop(_identifier(held.target), None)
        if number := labels.get(_label_name(held.target)):
            self._call("delete a label", "DELETE", f"/labels/id/{number}", accepted=(200, 204, 404))
            self._own = None

    def _patch(
        self, what: str, number: str, labels: Mapping[str, Collection[str]], content: tuple[str, bytes] | None = None
    ) -> None:
        form = _form([(kind, name) for kind in KINDS for name in labels.get(kind, ())], content)
        try:
            self._call(what, "PATCH", f"{PROFILES}/{number}", files=form)
        except RefusedError as error:
            if error.status not in (404, 405):
                raise
            raise RefusedError(
                f"{self.NAME} ({self._http.host}) cannot {what}: it can since Fleet 4.90; upgrade it, or delete the "
                "profile there.",
                error.status,
            ) from None

    def _all_profiles(self) -> dict[str, str]:
        if self._found is None:
            self._found = {
                word(each.get("identifier")): word(each.get("profile_uuid"))
                for each in self._list("list its profiles", PROFILES, "profiles", self._of_team())
                if each.get("platform") == "darwin"
            }
        return self._found

    def _read(self, number: str, target: Target) -> Held | None:
        what, place = "read a profile", f"{PROFILES}/{number}"
        try:
            answer = self._call(what, "GET", place)
            content = self._call(what, "GET", place, params={"alt": "media"}).content
        except RefusedError as error:
            if error.status != 404:
                raise
            return None
        record = self._http.json(what, answer)
        if record.get("profile_uuid") != number:
            raise self._http.garbage(what)
        written = moment(record.get("updated_at"))
        edited = number in self._edited or written > moment(record.get("created_at"))
        self._replaced[number] = written if edited else BEGINNING
        self._labels[number] = {kind: found for kind in KINDS if (found := _names(record.get(kind)))}
        document = _document(content)
        return Held(
            number,
            target,
            word(record.get("name")),
            str(document.get("PayloadUUID") or ""),
            str(document.get("PayloadIdentifier") or ""),
            document,
            self._scope(number, target),
        )

    def _read_back(self, number: str, target: Target, profile: Profile) -> Held:
        held = self._read(number, target)
        if held and held.version == profile.version and comparing.holds(held.document, profile.document):
            return held
        raise RefusedError(
            f"{self.NAME} does not show what was written into profile {number}: look at it there, and run again."
        )

    # -- whom a profile reaches -------------------------------------------------------------------------------------

    def _scope(self, number: str, target: Target) -> Scope:
        labels, name = self._labels[number], _label_name(target)
        included, excluded = labels.get(KINDS[0], {}) | labels.get(KINDS[1], {}), labels.get(KINDS[2], {})
        own = included.pop(name, None)
        devices = self._members(own) if own else frozenset()
        if own is not None and not included and not excluded:
            return Scope(devices)
        if not target.mac:  # whoever has given it to other labels knows whom these hold
            devices = frozenset(device for device, team in self._teams.items() if team == self._team)
        return Scope(devices, (*included, *(f"all but {each}" for each in excluded)) or ("all Macs",))

    def _empty_label(self, target: Target) -> str:
        """The id of the label of this profile, which nobody has."""
        label = self._own_label(target)
        if self._members(label):
            self._fill(label, ())
            if self._members(label):
                raise RefusedError(f"{self.NAME} keeps Macs in label {label}: see who puts them there, and run again.")
        return label

    def _own_label(self, target: Target) -> str:
        """The id of the label of this profile, which is made where there is none."""
        what, name = "make a label", _label_name(target)
        if number := self._all_labels().get(name):
            return number
        content = {"name": name, "description": "Kept by vwan.user_vpn; nobody else may fill it."}
        try:
            answer = self._call(what, "POST", "/labels", json=content, repeat=False)
            number = word(part(self._http.json(what, answer), "label").get("id"))
        except LostAnswerError:
            self._own = None
            number = self._all_labels().get(name, "")
        if not number:
            raise MdmError(f"{self.NAME} has answered a new label without its id.")
        self._all_labels()[name] = number
        return number

    def _all_labels(self) -> dict[str, str]:
        if self._own is None:
            found = self._list("list its labels", "/labels", "labels", {"include_host_counts": "false"})
            manual = [each for each in found if each.get("label_membership_type") == "manual"]
            self._own = {word(each.get("name")): word(each.get("id")) for each in manual}
        return self._own

    def _members(self, label: str) -> frozenset[str]:
        """All at once, so that none is missed between two pages."""
        hosts = self._list("read the Macs of a label", f"/labels/{label}/hosts", "hosts", {})
        return frozenset(word(host.get("id")) for host in hosts)

    def _fill(self, label: str, devices: Collection[str]) -> None:
        """Exactly these Macs are to have the label; who had it before has it no more."""
        content = {"host_ids": sorted(int(device) for device in devices)}
        self._call("set the Macs of a label", "PATCH", f"/labels/{label}", json=content)

    # -- how far they have come -------------------------------------------------------------------------------------

    def reports(self, delivered: Sequence[tuple[Device, Held]]) -> dict[str, Report]:
        found: dict[str, Report] = {}
        for number in dict.fromkeys(held.id for _device, held in delivered):
            macs = [device.id for device, held in delivered if held.id == number]
            found |= self._one_by_one(number, macs) if len(macs) <= ONE_BY_ONE else self._by_lists(number, macs)
        return found

    def _one_by_one(self, number: str, macs: Sequence[str]) -> dict[str, Report]:
        found = {}
        for device in macs:
            what = "read how far a Mac is"
            answer = self._call(what, "GET", f"/hosts/{device}", params={"exclude_software": "true"})
            rows = part(part(self._http.json(what, answer), "host"), "mdm").get("profiles")
            row = next((each for each in dictionaries(rows) if each.get("profile_uuid") == number), None)
            if row is not None:
                found[device] = self._as_of_now(number, device, _report(row))
        return found

    def _by_lists(self, number: str, macs: Sequence[str]) -> dict[str, Report]:
        """Of many Macs, who has which status; of those that failed, each tells its reason."""
        wanted, found, failed = set(macs), {}, []
        for status, state in STATUSES.items():
            query = {**self._of_team(), "profile_uuid": number, "profile_status": status}
            for host in self._hosts("read how far its Macs are", "/hosts", **query):
                device = word(host.get("id"))
                if device in wanted and state == "failed":
                    failed.append(device)
                elif device in wanted:
                    found[device] = self._as_of_now(number, device, Report(state))
        return found | self._one_by_one(number, failed)

    def _as_of_now(self, number: str, device: str, report: Report) -> Report:
        """What a Mac has done with the content before says nothing of this one."""
        if report.state == "pending":
            self._moved.add((number, device))
        elif self._clock - self._replaced.get(number, BEGINNING) < CYCLE and (number, device) not in self._moved:
            return Report("pending")
        return report

    def resend(self, device: Device, held: Held, *, check: bool) -> bool:
        if not check:
            self._call("resend a profile", "POST", f"/hosts/{device.id}{PROFILES}/{held.id}/resend")
        return True

    def certificates(self, devices: Sequence[Device]) -> dict[str, list[ListedCertificate]]:
        """Fleet lists them without a thumbprint (Get host's certificates)."""
        return {}

    def close(self) -> None:
        """The token of an API-only user does not end with a session."""

    # -- calls ------------------------------------------------------------------------------------------------------

    def _of_team(self) -> dict[str, str]:
        return {"team_id": str(self._team)} if self._team else {}

    def _hosts(self, what: str, path: str, **query: str) -> Iterator[Mapping[str, Any]]:
        """By pages of the size that is asked for; the last one has less."""
        for page in range(MOST_PAGES):
            parameters = {**query, "order_key": "id", "page": str(page), "per_page": str(PAGE)}
            found = self._list(what, path, "hosts", parameters)
            yield from found
            if len(found) < PAGE:
                return
        raise self._http.garbage(what)

    def _list(self, what: str, path: str, key: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """A list; all of it where no page is asked for (listOptionsFromRequest in Fleet's code)."""
        found = self._http.json(what, self._call(what, "GET", path, params=query)).get(key)
        known = dictionaries(found)
        numbered = key == "profiles" or all(isinstance(each.get("id"), int) for each in known)
        if not isinstance(found, list) or len(known) != len(found) or not numbered:
            raise self._http.garbage(what)
        return known

    def _call(self, what: str, method: str, path: str, **how: Any) -> Answer:
        try:
            answer = self._http.call(what, method, f"{API}{path}", auth=Bearer(self._token), **how)
        except RefusedError as error:
            if error.status == 401:
                raise MdmError(
                    f"{self.NAME} ({self._http.host}) refuses the token (HTTP status 401): check server.token."
                ) from None
            if error.status == 402:
                raise RefusedError(f"{error} That takes Fleet Premium.", 402) from None
            if error.status == 403:
                raise RefusedError(f"{error} The account lacks a role: docs/mdm.md names it.", 403) from None
            raise
        self._clock = date_of(answer)
        return answer


# -- what goes out --------------------------------------------------------------------------------------------------


def _identifier(target: Target) -> str:
    """By which Fleet, and Macs, know the profile."""
    return ".".join(part for part in (target.identifier, target.mac) if part)


def _label_name(target: Target) -> str:
    return f"vwan.user_vpn{ending(target)}"


def _upload(target: Target, profile: Profile) -> tuple[str, bytes]:
    """A profile as a file: how that is called, and its content."""
    names = {
        "PayloadIdentifier": _identifier(target),
        "PayloadDisplayName": f"{profile.display_name}{ending(target)}",  # which exists once in a team, too
    }
    content = plistlib.dumps({**profile.document, **names})
    if len(content) > LARGEST:
        raise RefusedError(f"The profile has {len(content)} bytes, and Fleet takes {LARGEST} at most.")
    return f"{_identifier(target)}.mobileconfig", content


def _form(fields: Sequence[tuple[str, str]], content: tuple[str, bytes] | None = None) -> list[tuple[str, Any]]:
    """A multipart form, as `requests` takes one; a field that has several values is there several times."""
    form: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields]
    return [*form, ("profile", (*content, "application/x-apple-aspen-config"))] if content else form


def _named(team: int) -> str:
    return f"the team {team}" if team else "no team"


# -- what comes in --------------------------------------------------------------------------------------------------


def _device(host: Mapping[str, Any]) -> Device:
    mdm = part(host, "mdm")
    labels = [each for each in dictionaries(host.get("labels")) if each.get("label_type") != "builtin"]
    users = [word(each.get("email")) for each in dictionaries(host.get("device_mapping"))]
    return Device(
        id=word(host.get("id")),
        serial_number=word(host.get("hardware_serial")),
        name=word(host.get("computer_name") or host.get("hostname")),
        udid=word(host.get("uuid")),
        macos=word(host.get("os_version")).removeprefix("macOS ").split(" ")[0],
        last_seen=word(host.get("seen_time")),
        user=next(filter(None, users), ""),
        groups=tuple(sorted(word(each.get("name")) for each in labels)),
        # "On (manual)", "On (automatic)", "Off", "Pending"
        managed=word(mdm.get("enrollment_status")).startswith("On") and mdm.get("connected_to_fleet") is not False,
    )


def _names(labels: Any) -> dict[str, str]:
    """Name and id of each; no id for one that was deleted (`broken`)."""
    return {word(each.get("name")): "" if each.get("broken") else word(each.get("id")) for each in dictionaries(labels)}


def _report(row: Mapping[str, Any]) -> Report:
    state = STATUSES.get(str(row.get("status")), "pending")
    if state == "failed":
        return Report("failed", shown(str(row.get("detail") or "no reason given"), 300))
    if row.get("operation_type") == "remove":
        return Report("removed" if state == "installed" else "pending")
    return Report(state)


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = read_property_list(content)
    except ValueError:
        return {}
    return document if isinstance(document, Mapping) else {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
