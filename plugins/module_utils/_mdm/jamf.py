# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: Jamf Pro, by its Classic API (profiles) and its Jamf Pro API (Macs, commands, tokens).

Sources: developer.jamf.com (client credentials, computers-inventory, mdm/commands, changelog); for the Classic API's
profiles, which are hardly documented, what others have found (grahampugh/jamf-upload,
deploymenttheory/terraform-provider-jamfpro, jamf/terraform-provider-jamfplatform). docs/fidelity-mdm.md has them, call
by call.

A profile of ours is found by the end of its name. Its description has the version that it was written from. The server
gives it a PayloadIdentifier and a PayloadUUID of its own, which have to stay, or else Macs keep the old one beside the
new one.
"""

from __future__ import annotations

import contextlib
import plistlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from .._documents import read_property_list, read_xml
from .._errors import UserVpnError, shown
from .._secrets import names_secret
from .._x509.text import bare, is_thumbprint
from . import comparing
from .errors import LostAnswerError, MdmError, RefusedError
from .forms import date_of, dictionaries, ending, found_by_name, moment, moment_text, part, word
from .http import Answer, Bearer, Http
from .interface import Capabilities, Device, Held, ListedCertificate, Profile, Report, Scope, Target

PROFILES = "/JSSResource/osxconfigurationprofiles"
# Newest first: v4 came with Jamf Pro 11.30, and older ones go some time after they are deprecated (its changelog).
INVENTORIES = ("/api/v4/computers-inventory", "/api/v3/computers-inventory", "/api/v1/computers-inventory")
TOKENS = ("/api/v1/oauth/token", "/api/oauth/token")  # the second in older releases
WAYS = (("client_id", "client_secret"), ("username", "password"))  # to log in
SECTIONS = ("GENERAL", "HARDWARE", "OPERATING_SYSTEM", "CONFIGURATION_PROFILES")
ALL_SECTIONS = (*SECTIONS, "USER_AND_LOCATION", "GROUP_MEMBERSHIPS")
BATCH = 100  # Macs in one question
COMMANDS = 500  # in one answer
MOST_PAGES = 1000
READ_BACKS = 5  # a cluster's other node may be late (jamf-upload)
READ_BACK_SECONDS = 1.0
EARLY = timedelta(seconds=10)  # before its end a token is renewed

_MOST_ELEMENTS, _DEEPEST = 300_000, 16
_PROFILE = "os_x_configuration_profile"
_DESCRIPTION = re.compile(r"Version ([0-9A-Za-z-]{1,64}), kept by vwan\.user_vpn\.")
# What a scope can reach beside single Macs.
_GROUPS = ("computer_groups", "buildings", "departments", "jss_users", "jss_user_groups")


class Jamf:
    """One Jamf Pro server."""

    NAME = "Jamf Pro"
    CAPABILITIES = Capabilities(
        finds_by_serial=True,
        reads_content=True,
        reads_version=False,
        per_mac_profile=True,
        shared_profile=True,
        lists_certificates=True,
        inventory=True,
        keeps_profile=False,
    )

    def __init__(self, http: Http, login: Mapping[str, str], mask: Callable[[str], None]) -> None:
        """`login` has client_id and client_secret, or username and password."""
        self._http, self._login, self._mask = http, login, mask
        self._token, self._ends = "", datetime.min.replace(tzinfo=UTC)
        self._names: dict[str, str] | None = None  # of all profiles, by id
        self._clock = datetime.min.replace(tzinfo=UTC)  # the server's, at its last answer
        self._replaced: dict[str, datetime] = {}  # after when, by that clock

    @classmethod
    def connect(
        cls,
        given: Mapping[str, Any],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        mask: Callable[[str], None],
    ) -> Jamf:
        """What is not given is looked for in the environment, as JAMF_<OPTION>."""

        def value(option: str) -> str:
            return str(given.get(option) or environment.get(f"JAMF_{option.upper()}") or "")

        # A way that is given in the task wins over one of the environment.
        named = [way for way in WAYS if any(given.get(option) for option in way)] or WAYS
        login = next(({o: value(o) for o in way} for way in named if all(map(value, way))), None)
        missing = [option for option in ("url",) if not value(option)]
        if login is None:
            missing += [option for option in named[0] if not value(option)]
        if login is None or missing:
            names = " and ".join(f"server.{option} (or JAMF_{option.upper()})" for option in missing)
            raise UserVpnError(f"{cls.NAME} cannot be asked: set {names}.")
        for option in filter(names_secret, login):
            mask(value(option))
        http = Http(cls.NAME, value("url"), ca_file=value("ca_file"), say=say, environment=environment)
        return cls(http, login, mask)

    # -- Macs -------------------------------------------------------------------------------------------------------

    def devices(self, numbers: Sequence[str]) -> list[Device]:
        found: list[Device] = []
        for batch in _batches(numbers):
            wanted = ",".join(map(_quoted, batch))
            found += map(_device, self._inventory(SECTIONS, filter=f"hardware.serialNumber=in=({wanted})"))
        return found

    def all_devices(self) -> list[Device]:
        return list(map(_device, self._inventory(ALL_SECTIONS)))

    def resend(self, device: Device, held: Held, *, check: bool) -> bool:
        """Jamf Pro has no such call."""
        return False

    def certificates(self, devices: Sequence[Device]) -> dict[str, list[ListedCertificate]]:
        """The section says nothing of an issuer (developer.jamf.com, ComputerCertificate)."""
        found: dict[str, list[ListedCertificate]] = {}
        for batch in _batches(devices):
            wanted = ",".join(_quoted(device.serial_number) for device in batch)
            for record in self._inventory(("CERTIFICATES",), filter=f"hardware.serialNumber=in=({wanted})"):
                held = (_certificate(each) for each in dictionaries(record.get("certificates")))
                found[word(record.get("id"))] = [each for each in held if each]
        return found

    def _inventory(self, sections: Sequence[str], **query: str) -> Iterator[Mapping[str, Any]]:
        for path in INVENTORIES:
            try:
                yield from self._pages("read its Macs", path, BATCH, section=list(sections), **query)
                return
            except RefusedError as error:
                if error.status != 404 or path == INVENTORIES[-1]:
                    raise

    def obstacle(self, device: Device, target: Target) -> str:
        return ""

    # -- profiles ---------------------------------------------------------------------------------------------------

    def held(self, target: Target) -> Held | None:
        number = found_by_name(self.NAME, self._all_names(), target)
        return self._read(number, target) if number else None

    def create(self, target: Target, profile: Profile) -> Held:
        document = _document(_general(target, profile), scope=())
        try:
            answer = self._classic("create a profile", "POST", "/id/0", document, repeat=False)
            number = _text(self._xml(answer, _PROFILE), "id")
        except LostAnswerError:
            self._names = None
            found = self.held(target)
            if found is None:
                raise
            number = found.id
        if not number.isdecimal():
            raise MdmError(f"{self.NAME} has answered a new profile without its id.")
        self._all_names()[number] = _name(target, profile)
        held = self._read_back(number, target, lambda held: comparing.holds(held.document, profile.document))
        if held.scope != Scope():
            self.delete(held)
            raise RefusedError(f"{self.NAME} gave a new profile a scope that nobody asked for; it was deleted again.")
        return held

    def replace(self, held: Held, profile: Profile) -> Held:
        kept = {"PayloadIdentifier": held.identifier, "PayloadUUID": held.document.get("PayloadUUID")}
        general = _general(held.target, profile, kept)
        # "Newly Assigned" would leave out all that have an older one; it always reads back as that.
        SubElement(general, "redeploy_on_update").text = "All"
        self._replaced[held.id] = self._clock
        self._classic("replace a profile", "PUT", f"/id/{held.id}", _document(general))
        self._all_names()[held.id] = _name(held.target, profile)
        return self._read_back(
            held.id,
            held.target,
            lambda now: now.version == profile.version and comparing.holds(now.document, profile.document),
        )

    def assign(self, held: Held, devices: Collection[str]) -> Held:
        self._classic("set the scope of a profile", "PUT", f"/id/{held.id}", _document(scope=devices))
        return self._read_back(held.id, held.target, lambda now: now.scope == Scope(frozenset(devices)))

    def delete(self, held: Held) -> None:
        self._classic("delete a profile", "DELETE", f"/id/{held.id}", accepted=(200, 204, 404))
        self._all_names().pop(held.id, None)

    def _all_names(self) -> dict[str, str]:
        if self._names is None:
            root = self._xml(self._classic("list its profiles", "GET", ""), f"{_PROFILE}s")
            self._names = {_text(each, "id"): _text(each, "name") for each in root.iter(_PROFILE)}
        return self._names

    def _read(self, number: str, target: Target) -> Held | None:
        try:
            answer = self._classic("read a profile", "GET", f"/id/{number}")
        except RefusedError as error:
            if error.status == 404:
                return None
            raise
        root = self._xml(answer, _PROFILE)
        general, scope = root.find("general"), root.find("scope")
        if general is None or scope is None:
            raise self._http.garbage("read a profile")
        try:
            document = read_property_list(_text(general, "payloads").encode())
        except ValueError:
            document = {}
        if not isinstance(document, dict):
            document = {}
        version = _DESCRIPTION.search(_text(general, "description"))
        return Held(
            number,
            target,
            _text(general, "name"),
            version[1] if version else "",
            str(document.get("PayloadIdentifier") or _text(general, "uuid")),
            document,
            _scope(scope),
        )

    def _read_back(self, number: str, target: Target, expected: Callable[[Held], bool]) -> Held:
        for attempt in range(READ_BACKS):
            held = self._read(number, target)
            if held and expected(held):
                return held
            self._http.sleep(READ_BACK_SECONDS * attempt)
        raise RefusedError(
            f"{self.NAME} does not show what was written into profile {number}: look at its content and its scope "
            "there, and run again."
        )

    # -- commands ---------------------------------------------------------------------------------------------------

    def reports(self, delivered: Sequence[tuple[Device, Held]]) -> dict[str, Report]:
        by_identifier: dict[str, set[str]] = {}
        for device, held in delivered:
            by_identifier.setdefault(held.identifier, set()).add(device.reference)
        latest: dict[str, Mapping[str, Any]] = {}
        for batch in _batches(sorted(by_identifier)):
            latest |= self._latest(batch, set().union(*(by_identifier[identifier] for identifier in batch)))
        found = {}
        for device, held in delivered:
            command, replaced = latest.get(device.reference), self._replaced.get(held.id)
            if command and (replaced is None or moment(command.get("dateSent")) >= replaced):
                found[device.id] = _report(command)
            else:
                there = replaced is None and held.identifier in (device.profiles or ())
                found[device.id] = Report("installed" if there else "queued")
        return found

    def _latest(self, identifiers: Collection[str], wanted: set[str]) -> dict[str, Mapping[str, Any]]:
        """The last command about these profiles, for each of these Macs."""
        latest: dict[str, Mapping[str, Any]] = {}
        names = ",".join(map(_quoted, identifiers))
        question = f"profileIdentifier=in=({names});command=in=(INSTALL_PROFILE,REMOVE_PROFILE)"
        pages = self._pages(
            "read its commands", "/api/v2/mdm/commands", COMMANDS, filter=question, sort="dateSent:desc"
        )
        for command in pages:
            client = command.get("client")
            reference = str(client.get("managementId")) if isinstance(client, Mapping) else ""
            latest.setdefault(reference, command)
            if wanted <= latest.keys():
                break
        return latest

    # -- calls ------------------------------------------------------------------------------------------------------

    def _pages(self, what: str, path: str, size: int, **query: Any) -> Iterator[Mapping[str, Any]]:
        """All results of a list (developer.jamf.com, "Pagination": page from 0, page-size, totalCount)."""
        seen = 0
        for page in range(MOST_PAGES):
            parameters = query | {"page": page, "page-size": size}
            answer = self._call(what, "GET", path, params=parameters, headers={"Accept": "application/json"})
            try:
                content = answer.json()
                total, results = int(content["totalCount"]), content["results"]
                if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
                    raise ValueError("no results")
            except (ValueError, KeyError, TypeError):
                raise self._http.garbage(what) from None
            yield from results
            seen += len(results)
            if seen >= total or not results:
                return

    def _classic(self, what: str, method: str, path: str, document: Element | None = None, **how: Any) -> Answer:
        headers = {"Accept": "application/xml"}
        if document is not None:
            headers["Content-Type"] = "application/xml"
            how["data"] = tostring(document, encoding="utf-8", xml_declaration=True)
        return self._call(what, method, f"{PROFILES}{path}", headers=headers, **how)

    def _xml(self, answer: Answer, tag: str) -> Element:
        try:
            root = read_xml(answer.content.decode("utf-8-sig").strip(), _MOST_ELEMENTS, _DEEPEST)
        except ValueError:
            root = Element("")
        if root.tag != tag:
            raise self._http.garbage("answer about profiles")
        return root

    def _call(self, what: str, method: str, path: str, **how: Any) -> Answer:
        try:
            return self._dated(self._http.call(what, method, path, auth=self._bearer(), **how))
        except RefusedError as error:
            if error.status == 403:
                raise RefusedError(f"{error} The account lacks a privilege: docs/mdm.md lists them.", 403) from None
            if error.status != 401:
                raise
        self._token = ""  # it has ended early, or somebody has ended it
        return self._dated(self._http.call(what, method, path, auth=self._bearer(), **how))

    def _dated(self, answer: Answer) -> Answer:
        self._clock = date_of(answer)
        return answer

    def _bearer(self) -> Bearer:
        if not self._token or datetime.now(UTC) >= self._ends:
            self._token, lasts = self._log_in()
            self._mask(self._token)
            self._ends = datetime.now(UTC) + max(lasts - EARLY, lasts / 2)
        return Bearer(self._token)

    def _log_in(self) -> tuple[str, timedelta]:
        try:
            if "client_id" in self._login:
                return self._client_credentials()
            return self._user_token()
        except RefusedError as error:
            if error.status not in (400, 401, 403):
                raise
            way = (
                "server.client_id and server.client_secret"
                if "client_id" in self._login
                else "server.username and server.password"
            )
            raise MdmError(
                f"{self.NAME} ({self._http.host}) refuses the login (HTTP status {error.status}): check {way}."
            ) from None

    def _client_credentials(self) -> tuple[str, timedelta]:
        """developer.jamf.com, "Client Credentials"."""
        form = {
            "client_id": self._login["client_id"],
            "client_secret": self._login["client_secret"],
            "grant_type": "client_credentials",
        }
        for path in TOKENS:
            try:
                answer = self._http.call("log in", "POST", path, data=form, headers={"Accept": "application/json"})
                break
            except RefusedError as error:
                if error.status != 404 or path == TOKENS[-1]:
                    raise
        try:
            content = answer.json()
            return _token(content["access_token"]), timedelta(seconds=min(float(content["expires_in"]), 86400.0))
        except (ValueError, KeyError, TypeError):
            raise self._http.garbage("log in") from None

    def _user_token(self) -> tuple[str, timedelta]:
        """developer.jamf.com, "Jamf Pro API Overview", Bearer Tokens: Basic, and the end as a time of the server's."""
        auth = (self._login["username"].encode(), self._login["password"].encode())
        answer = self._http.call(
            "log in", "POST", "/api/v1/auth/token", auth=auth, headers={"Accept": "application/json"}
        )
        try:
            content = answer.json()
            lasts = moment(content["expires"]) - date_of(answer)
            return _token(content["token"]), min(max(lasts, timedelta(0)), timedelta(days=1))
        except (ValueError, KeyError, TypeError):
            raise self._http.garbage("log in") from None

    def close(self) -> None:
        if self._token:
            token, self._token = self._token, ""
            with contextlib.suppress(UserVpnError):
                self._http.call("log out", "POST", "/api/v1/auth/invalidate-token", auth=Bearer(token))


# -- what goes out --------------------------------------------------------------------------------------------------


def _name(target: Target, profile: Profile) -> str:
    return f"{profile.display_name}{ending(target)}"


def _general(target: Target, profile: Profile, kept: Mapping[str, Any] | None = None) -> Element:
    general = Element("general")
    for name, text in {
        "name": _name(target, profile),
        "description": f"Version {profile.version}, kept by vwan.user_vpn.",
        "distribution_method": "Install Automatically",
        "user_removable": "false",
        "level": "computer",
        "payloads": plistlib.dumps({**profile.document, **(kept or {})}).decode(),
    }.items():
        SubElement(general, name).text = text
    return general


def _document(general: Element | None = None, scope: Iterable[str] | None = None) -> Element:
    root = Element(_PROFILE)
    if general is not None:
        root.append(general)
    if scope is not None:
        element = SubElement(root, "scope")
        SubElement(element, "all_computers").text = "false"
        SubElement(element, "all_jss_users").text = "false"
        computers = SubElement(element, "computers")
        for number in sorted(scope):
            SubElement(SubElement(computers, "computer"), "id").text = number
        for name in _GROUPS:
            SubElement(element, name)
    return root


# -- what comes in --------------------------------------------------------------------------------------------------


def _device(record: Mapping[str, Any]) -> Device:
    general, hardware = part(record, "general"), part(record, "hardware")
    held = record.get("configurationProfiles")
    groups = record.get("groupMemberships")
    return Device(
        id=word(record.get("id")),
        serial_number=word(hardware.get("serialNumber")),
        name=word(general.get("name")),
        udid=word(record.get("udid")),
        macos=word(part(record, "operatingSystem").get("version")),
        last_seen=word(general.get("lastCheckIn") or general.get("lastContactTime")),
        user=word(part(record, "userAndLocation").get("username")),
        groups=tuple(sorted(word(each.get("groupName")) for each in dictionaries(groups))),
        managed=part(general, "remoteManagement").get("managed") is not False,
        profiles=frozenset(word(each.get("profileIdentifier")) for each in dictionaries(held)),
        reference=word(general.get("managementId")),
    )


def _certificate(record: Mapping[str, Any]) -> ListedCertificate | None:
    """None for what is no identity, or has no thumbprint."""
    sha1 = bare(word(record.get("sha1Fingerprint")))
    if record.get("identity") is not True or not is_thumbprint(sha1):
        return None
    return ListedCertificate(
        sha1=sha1,
        serial=bare(word(record.get("serialNumber"))),
        common_name=word(record.get("commonName")),
        not_after=moment_text(record.get("expirationDate")),
        subject=word(record.get("subjectName")),
        not_before=moment_text(record.get("issuedDate")),
    )


def _scope(element: Element) -> Scope:
    others = [name.replace("_", " ") for name in ("all_computers", "all_jss_users") if _text(element, name) == "true"]
    for kind in _GROUPS:
        others += [
            f"{each.tag.replace('_', ' ')} {shown(_text(each, 'name'))}" for each in element.findall(f"{kind}/*")
        ]
    return Scope(frozenset(_text(each, "id") for each in element.findall("computers/computer")), tuple(others))


def _report(command: Mapping[str, Any]) -> Report:
    state = str(command.get("commandState"))
    if state == "ACKNOWLEDGED":
        return Report("removed" if command.get("commandType") == "REMOVE_PROFILE" else "installed")
    if state != "ERROR":
        return Report("pending")
    error = part(command, "commandError")
    said = error.get("errorLocalizedDescription") or error.get("errorEnglishDescription") or "no reason given"
    return Report("failed", shown(str(said), 300))


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _token(value: Any) -> str:
    """A token as it may stand in a header; ValueError for anything else."""
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]{1,8192}", value):
        raise ValueError("no token")
    return value


def _quoted(text: str) -> str:
    """A value in RSQL, which has double quotes, and a backslash before one inside."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch
