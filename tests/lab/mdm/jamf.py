# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jamf Pro, as far as its Classic API and its Jamf Pro API are known. The source stands beside each route.

What is known of its profiles is what others have found out; where two sources differ or none exists, the lab takes what
is harder for its client:

* it gives each new profile an identifier of its own, which is its general/uuid, its PayloadIdentifier and its
  PayloadUUID (jamf-upload; jamf/terraform-provider-jamfplatform#154), and gives each payload an identifier and a
  display name of its own, with references that follow;
* a replacement with another PayloadUUID or PayloadIdentifier leaves the old profile on the Macs as a ghost
  (Jamf-Concepts/jamf-cli#129);
* it adds keys, leaves out empty ones, orders payloads by type, and strips signatures (same);
* redeploy_on_update always reads back "Newly Assigned" (deploymenttheory/terraform-provider-jamfpro#185);
* a name exists once: 409 (rtrouton, "Jamf Pro API" posts; any client's handling of "Duplicate name").
"""

from __future__ import annotations

import base64
import json
import plistlib
import re
import secrets
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, parse_qsl

from ..azure.messages import Request, Response
from ..keychain import Item
from .base import Denied, Enrolled, MdmLab, Refusal

CLASSIC = "/JSSResource/osxconfigurationprofiles"
SECTIONS = {
    "GENERAL", "HARDWARE", "CONFIGURATION_PROFILES", "OPERATING_SYSTEM", "USER_AND_LOCATION", "GROUP_MEMBERSHIPS",
    "CERTIFICATES",
}  # fmt: skip
GENERAL = {
    "name", "description", "category", "site", "distribution_method", "user_removable", "level", "payloads",
    "redeploy_on_update",
}  # fmt: skip
GROUPS = ("buildings", "departments", "computer_groups", "jss_users", "jss_user_groups")
PRIVILEGES = {
    "Create macOS Configuration Profiles",
    "Read macOS Configuration Profiles",
    "Update macOS Configuration Profiles",
    "Delete macOS Configuration Profiles",
    "Read Computers",
    "View MDM command information in Jamf Pro API",
}


@dataclass
class Stored:
    """A configuration profile."""

    id: str
    name: str
    description: str
    uuid: str
    document: dict[str, Any]
    computers: set[str] = field(default_factory=set)
    all_computers: bool = False
    groups: list[str] = field(default_factory=list)
    stale: int = 0  # how many reads still show what was before the last write
    older: Stored | None = None


@dataclass
class Command:
    """An MDM command of Jamf's."""

    computer: str
    kind: str
    profile: str
    identifier: str
    raw: bytes = b""
    state: str = "PENDING"
    error: str = ""
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed: datetime | None = None


class JamfLab(MdmLab):
    """`token_seconds` is how long tokens last; `release` which inventories there are."""

    TYPE = "jamf"
    NOTHING = "none of Jamf Pro"
    NO_LOGIN = "refuses the login"
    REFUSED = "The profile could not be installed."
    LISTS_PROFILES = True
    WRONG_LOGIN: ClassVar[dict[str, str]] = {"client_id": "somebody"}
    PLACES: ClassVar[dict[str, str]] = {
        "token": "POST /api/*/token",
        "macs": "GET /api/*/computers-inventory",
        "profiles": "GET /JSSResource/*",
        "new": "POST /JSSResource/*",
        "change": "PUT /JSSResource/*",
    }

    def __init__(self, folder: Path, *, release: tuple[int, int] = (11, 30)) -> None:
        super().__init__(folder)
        self.release = release
        self.client_id, self.client_secret = str(uuid.uuid4()), secrets.token_urlsafe(48)
        self.username, self.password = "api-user", secrets.token_urlsafe(12)
        self.token_seconds = 1200.0
        self.privileges = set(PRIVILEGES)
        self.tokens: dict[str, datetime] = {}
        self.secrets: list[str] = []  # every token that was ever given out
        self.profiles: dict[str, Stored] = {}
        self.commands: list[Command] = []
        self.stale_reads = 0
        self._number = 0

    @property
    def server(self) -> dict[str, str]:
        """The option `server`."""
        login = {"client_id": self.client_id, "client_secret": self.client_secret}
        return {"type": self.TYPE, "url": self.url, "ca_file": str(self.ca_file), **login}

    # -- what a test does -------------------------------------------------------------------------------------------

    def awake(self, record: Enrolled) -> None:
        """The Mac is switched on, and does what waits for it."""
        record.reaches = "at once"
        for command in list(self.commands):
            if command.computer == record.id and command.state in {"PENDING", "NOT_NOW"}:
                self._carry_out(command)

    def scopes(self) -> dict[str, set[str]]:
        """Name of each profile -> the names of the Macs that it reaches; "everybody" for more than Macs."""
        return {
            stored.name: {"everybody"}
            if stored.all_computers or stored.groups
            else {self.enrolled[number].mac.name for number in stored.computers}
            for stored in self.profiles.values()
        }

    def calls(self, macs: int) -> int:
        """Of a run that changes nothing: one question for each Mac's profile, and a handful for all."""
        return macs + 5

    def give_to_all(self, stored: Stored) -> str:
        stored.all_computers = True
        return "all computers"

    def give_to_sales(self, stored: Stored) -> str:
        stored.groups.append("Everybody in Sales")
        return "Everybody in Sales"

    def take_back(self, stored: Stored) -> None:
        stored.all_computers, stored.groups = False, []

    # -- requests ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        routes = {
            # developer.jamf.com, "Client Credentials"
            "POST /api/v1/oauth/token": self._oauth_token,
            # developer.jamf.com, "Jamf Pro API Overview", Bearer Tokens
            "POST /api/v1/auth/token": self._user_token,
        }
        route = routes.get(f"{request.method} {request.path}")
        if route:
            return route(request)
        self._authorize(request)
        if request.path == "/api/v1/auth/invalidate-token" and request.method == "POST":
            # 204; 401 for one that has ended (scripts of many administrators)
            del self.tokens[_bearer(request)]
            return Response(204)
        versions = ("v1", "v3", "v4") if self.release >= (11, 30) else ("v1", "v3")
        if request.method == "GET" and request.path in {f"/api/{v}/computers-inventory" for v in versions}:
            return self._inventory(request, request.path.split("/")[2])
        if request.method == "GET" and request.path == "/api/v2/mdm/commands":
            return self._mdm_commands(request)
        if request.path == CLASSIC or request.path.startswith(f"{CLASSIC}/id/"):
            return self._classic(request)
        raise Refusal(_html(404, "Not Found"), "no such route")

    def _oauth_token(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise Refusal(_json({"error": "invalid_request"}, 400), "the token's request has another content type")
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        if set(form) != {"client_id", "client_secret", "grant_type"} or form["grant_type"] != "client_credentials":
            raise Refusal(_json({"error": "invalid_request"}, 400), "the token's request has other fields")
        if (form["client_id"], form["client_secret"]) != (self.client_id, self.client_secret):
            return _json({"error": "invalid_client"}, 401)
        token, _ends = self._token()
        return _json(
            {
                "access_token": token,
                "scope": "api-role:2",
                "token_type": "Bearer",
                "expires_in": int(self.token_seconds),
            }
        )

    def _user_token(self, request: Request) -> Response:
        given = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        if given != f"{self.username}:{self.password}":
            return _json({"httpStatus": 401, "errors": []}, 401)
        token, ends = self._token()
        return _json({"token": token, "expires": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z")})

    def _token(self) -> tuple[str, datetime]:
        token = f"eyJ{secrets.token_urlsafe(300)}"
        self.secrets.append(token)
        self.tokens[token] = ends = datetime.now(UTC) + timedelta(seconds=self.token_seconds)
        return token, ends

    def _authorize(self, request: Request) -> None:
        ends = self.tokens.get(_bearer(request))
        if ends is None or ends < datetime.now(UTC):
            raise Denied(_json({"httpStatus": 401, "errors": [{"code": "INVALID_TOKEN", "description": ""}]}, 401))

    def _require(self, privilege: str, classic: bool = False) -> None:
        if privilege not in self.privileges:
            error = {"httpStatus": 403, "errors": [{"code": "INVALID_PRIVILEGE", "description": "Forbidden"}]}
            raise Denied(_html(403, "Unauthorized") if classic else _json(error, 403))

    # -- inventory --------------------------------------------------------------------------------------------------

    def _inventory(self, request: Request, version: str) -> Response:
        """developer.jamf.com, "Return paginated Computer Inventory records"; fields as in jamf-pro-sdk's models.

        v4 has lastCheckIn where older ones have lastContactTime (changelog of 11.30); 11.29 has added uuid to profiles.
        """
        self._require("Read Computers")
        query = parse_qs(request.query, strict_parsing=True)
        if not set(query) <= {"section", "page", "page-size", "sort", "filter"}:
            raise Refusal(_json({"errors": [{"code": "INVALID_FIELD"}]}, 400), "unknown query parameter")
        sections = set(query.get("section", ["GENERAL"]))
        if not sections <= SECTIONS:
            raise Refusal(_json({"errors": [{"code": "INVALID_FIELD"}]}, 400), "unknown section")
        records = sorted(self.enrolled.values(), key=lambda record: record.name)
        if "filter" in query:
            found = re.fullmatch(r'hardware\.serialNumber=in=\(("[^"]*"(?:,"[^"]*")*)\)', query["filter"][0])
            if not found:
                raise Refusal(_json({"errors": [{"code": "INVALID_FILTER"}]}, 400), f"filter {query['filter'][0]}")
            wanted = {text.lower() for text in re.findall('"([^"]*)"', found[1])}
            records = [record for record in records if record.serial_number.lower() in wanted]
        return _page([self._computer(record, sections, version) for record in records], query)

    def _computer(self, record: Enrolled, sections: set[str], version: str) -> dict[str, Any]:
        seen = _iso(record.last_seen)
        profiles = [
            {
                "id": str(number),
                "username": None,
                "lastInstalled": seen,
                "removable": False,
                "displayName": name,
                "profileIdentifier": identifier,
            }
            for number, (identifier, name) in enumerate(record.inventory.items(), start=1)
        ]
        parts = {
            "general": {
                "name": record.name,
                "platform": "Mac",
                "remoteManagement": {"managed": record.managed},
                "mdmCapable": {"capable": True, "capableUsers": []},
                "managementId": record.management_id,
                "lastCheckIn" if version == "v4" else "lastContactTime": seen,
            },
            "hardware": {"serialNumber": record.serial_number, "make": "Apple", "appleSilicon": True},
            "configurationProfiles": profiles,
            "operatingSystem": {"name": "macOS", "version": record.mac.release.version},
            "userAndLocation": {"username": record.user},
            "groupMemberships": [{"groupId": "1", "groupName": name, "smartGroup": True} for name in record.groups],
            "certificates": [_certificate(item) for item in record.certificates],
        }
        asked = {
            "general": "GENERAL",
            "hardware": "HARDWARE",
            "configurationProfiles": "CONFIGURATION_PROFILES",
            "operatingSystem": "OPERATING_SYSTEM",
            "userAndLocation": "USER_AND_LOCATION",
            "groupMemberships": "GROUP_MEMBERSHIPS",
            "certificates": "CERTIFICATES",
        }
        shown = {name: part if asked[name] in sections else None for name, part in parts.items()}
        return {"id": record.id, "udid": record.mac.hardware_uuid, **shown}

    # -- commands ---------------------------------------------------------------------------------------------------

    def _mdm_commands(self, request: Request) -> Response:
        """developer.jamf.com, "Get information about mdm commands made by Jamf Pro": a filter is required."""
        self._require("View MDM command information in Jamf Pro API")
        query = parse_qs(request.query, strict_parsing=True)
        if not set(query) <= {"page", "page-size", "sort", "filter"}:
            raise Refusal(_json({"errors": [{"code": "INVALID_FIELD"}]}, 400), "unknown query parameter")
        text = query.get("filter", [""])[0]
        found = re.fullmatch(r'profileIdentifier=in=\(("[^"]+"(?:,"[^"]+")*)\);command=in=\(([A-Z_,]+)\)', text)
        if not found or query.get("sort") != ["dateSent:desc"]:
            raise Refusal(_json({"errors": [{"code": "INVALID_FILTER"}]}, 400), f"filter {text}")
        identifiers, kinds = set(re.findall('"([^"]+)"', found[1])), set(found[2].split(","))
        commands = [each for each in self.commands if each.identifier in identifiers and each.kind in kinds]
        commands.sort(key=lambda command: command.sent, reverse=True)
        return _page([self._command(command) for command in commands], query)

    def _command(self, command: Command) -> dict[str, Any]:
        shown = {
            "uuid": command.uuid,
            "dateSent": _iso(command.sent),
            "dateCompleted": _iso(command.completed or datetime.fromtimestamp(0, UTC)),
            "client": {
                "managementId": self.enrolled[command.computer].management_id,
                "clientType": "COMPUTER",
            },
            "commandState": command.state,
            "commandType": command.kind,
            "profileId": int(command.profile),
        }
        if command.error:
            shown["commandError"] = {
                "errorCode": 4001,
                "errorDomain": "MCInstallationErrorDomain",
                "errorLocalizedDescription": command.error,
                "errorEnglishDescription": command.error,
            }
        return shown

    def _send(self, command: Command) -> None:
        self.commands.append(command)
        self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        record = self.enrolled[command.computer]
        if record.reaches == "never" or not record.managed:
            return
        if record.reaches == "not now":
            command.state = "NOT_NOW"
            return
        if command.kind == "REMOVE_PROFILE":
            record.mac.remove_profile(command.identifier)
            self.report(record)
        else:
            command.error = self.install(record, command.raw)
        command.state, command.completed = "ERROR" if command.error else "ACKNOWLEDGED", datetime.now(UTC)

    # -- profiles ---------------------------------------------------------------------------------------------------

    def _classic(self, request: Request) -> Response:
        """The Classic API: developer.jamf.com/jamf-pro/reference/osxconfigurationprofiles."""
        action = {"GET": "Read", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}.get(request.method, "")
        self._require(f"{action} macOS Configuration Profiles", classic=True)
        if request.headers.get("accept") != "application/xml":
            raise Refusal(_html(406, "Not Acceptable"), "the Classic API is asked for another form")
        number = request.path.removeprefix(f"{CLASSIC}/id/")
        if request.path == CLASSIC:
            return self._list()
        if request.method == "POST":
            return self._create(self._body(request))
        stored = self.profiles.get(number)
        if stored is None:
            return _html(404, "The server has not found anything matching the request URI")
        if request.method == "PUT":
            return self._update(stored, self._body(request))
        return self._read(stored) if request.method == "GET" else self._delete(stored)

    def _delete(self, stored: Stored) -> Response:
        """Whether deleting alone takes a profile off its Macs is not documented: here it does not."""
        del self.profiles[stored.id]
        return _xml(_made(stored.id), 200)

    def _list(self) -> Response:
        root = ET.Element("os_x_configuration_profiles")
        ET.SubElement(root, "size").text = str(len(self.profiles))
        for stored in self.profiles.values():
            entry = ET.SubElement(root, "os_x_configuration_profile")
            ET.SubElement(entry, "id").text, ET.SubElement(entry, "name").text = stored.id, stored.name
        return _xml(root, 200)

    def _body(self, request: Request) -> ET.Element:
        if request.headers.get("content-type") != "application/xml":
            raise Refusal(_html(415, "Unsupported Media Type"), "a profile comes in another content type")
        root = ET.fromstring(request.body)
        if root.tag != "os_x_configuration_profile" or not {each.tag for each in root} <= {"general", "scope"}:
            raise Refusal(_html(400, "Bad Request"), f"unknown element in {root.tag}")
        unknown = {each.tag for each in root.findall("general/*")} - GENERAL
        unknown |= {each.tag for each in root.findall("scope/*")} - {
            "all_computers",
            "all_jss_users",
            "computers",
            *GROUPS,
        }
        if unknown:
            raise Refusal(_html(400, "Bad Request"), f"unknown elements {unknown}")
        return root

    def _payloads(self, general: ET.Element) -> dict[str, Any]:
        text = general.findtext("payloads") or ""
        if not text.startswith("<?xml") or "<!DOCTYPE plist" not in text:
            # PixarAnimationStudios/ruby-jss#97
            raise Refusal(_html(409, "Error: Unable to update the database"), "payloads without the plist preamble")
        document: dict[str, Any] = plistlib.loads(text.encode())
        if document.get("PayloadScope", "System") != "System":
            # deploymenttheory/terraform-provider-jamfpro#274
            raise Refusal(_html(409, "Error: Invalid level"), "PayloadScope does not agree with level")
        return document

    def _create(self, root: ET.Element) -> Response:
        general = root.find("general")
        name = general.findtext("name") if general is not None else None
        if general is None or not name:
            raise Refusal(_html(409, "Error: Name is required"), "a profile without a name")
        if any(stored.name == name for stored in self.profiles.values()):
            return _html(409, "Error: Duplicate name")
        self._number += 1
        number, own = str(self._number), str(uuid.uuid4()).upper()
        document = _rewritten(self._payloads(general) | {"PayloadIdentifier": own, "PayloadUUID": own}, name)
        stored = Stored(number, name, general.findtext("description") or "", own, document)
        self.profiles[number] = stored
        self._scope(stored, root.find("scope"))
        stored.stale = 0
        return _xml(_made(number), 201)

    def _update(self, stored: Stored, root: ET.Element) -> Response:
        general = root.find("general")
        older = Stored(
            stored.id, stored.name, stored.description, stored.uuid, stored.document, set(stored.computers),
            stored.all_computers, list(stored.groups),
        )  # fmt: skip
        stored.older, stored.stale = older, self.stale_reads
        if general is not None:
            name = general.findtext("name") or stored.name
            if any(other.name == name and other is not stored for other in self.profiles.values()):
                return _html(409, "Error: Duplicate name")
            document = self._payloads(general)
            if document["PayloadUUID"] != stored.uuid:  # another profile, for the server and for the Macs
                document["PayloadIdentifier"] = document["PayloadUUID"]
            stored.name, stored.description = name, general.findtext("description") or ""
            stored.document = _rewritten(document, name)
            stored.uuid = str(document["PayloadUUID"])
            if general.findtext("redeploy_on_update") == "All":
                for number in sorted(stored.computers):
                    self._send(self._installing(stored, number))
        self._scope(stored, root.find("scope"))
        return _xml(_made(stored.id), 201)

    def _scope(self, stored: Stored, scope: ET.Element | None) -> None:
        if scope is None:
            return
        before = set(stored.computers)
        stored.all_computers = scope.findtext("all_computers") == "true"
        stored.groups = [each.findtext("name") or "" for each in scope.findall("computer_groups/computer_group")]
        stored.computers = {each.findtext("id") or "" for each in scope.findall("computers/computer")}
        if not stored.computers <= self.enrolled.keys():
            stored.computers = before
            raise Refusal(_html(409, "Error: Problem with computer in scope"), "an unknown computer in the scope")
        for number in sorted(stored.computers - before):
            self._send(self._installing(stored, number))
        for number in sorted(before - stored.computers):
            self._send(Command(number, "REMOVE_PROFILE", stored.id, str(stored.document["PayloadIdentifier"])))

    def _installing(self, stored: Stored, number: str) -> Command:
        """With payload variables filled in (Jamf Pro documentation, "Payload Variables for Configuration Profiles")."""
        identifier = str(stored.document["PayloadIdentifier"])
        raw = plistlib.dumps(stored.document).replace(b"$SERIALNUMBER", self.enrolled[number].serial_number.encode())
        return Command(number, "INSTALL_PROFILE", stored.id, identifier, raw)

    def _read(self, stored: Stored) -> Response:
        """The elements and their order: a profile as jamf/terraform-provider-jamfplatform and jamf-upload read one."""
        if stored.stale and stored.older:
            stored.stale -= 1
            stored = stored.older
        root = ET.Element("os_x_configuration_profile")
        general = ET.SubElement(root, "general")
        for name, text in {
            "id": stored.id,
            "name": stored.name,
            "description": stored.description,
            "distribution_method": "Install Automatically",
            "user_removable": "false",
            "level": "System",
            "uuid": stored.uuid,
            "redeploy_on_update": "Newly Assigned",
            "payloads": plistlib.dumps(stored.document).decode(),
        }.items():
            ET.SubElement(general, name).text = text
        scope = ET.SubElement(root, "scope")
        ET.SubElement(scope, "all_computers").text = str(stored.all_computers).lower()
        ET.SubElement(scope, "all_jss_users").text = "false"
        computers = ET.SubElement(scope, "computers")
        for number in sorted(stored.computers):
            entry = ET.SubElement(computers, "computer")
            ET.SubElement(entry, "id").text, ET.SubElement(entry, "name").text = number, self.enrolled[number].name
        for kind in GROUPS:
            element = ET.SubElement(scope, kind)
            if kind == "computer_groups":
                for name in stored.groups:
                    ET.SubElement(ET.SubElement(element, "computer_group"), "name").text = name
        for kind in ("limitations", "exclusions"):
            ET.SubElement(scope, kind)
        ET.SubElement(root, "self_service")
        return _xml(root, 200)


def _rewritten(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What Jamf Pro makes of a profile."""
    content = []
    new = {payload["PayloadUUID"]: str(uuid.uuid5(uuid.NAMESPACE_OID, payload["PayloadUUID"])).upper()
           for payload in document["PayloadContent"]}  # fmt: skip
    for payload in sorted(document["PayloadContent"], key=lambda each: str(each["PayloadType"])):
        own = new[payload["PayloadUUID"]]
        kept = {key: value for key, value in payload.items() if value not in ("", {}, [])}
        changed = kept | {"PayloadUUID": own, "PayloadIdentifier": own, "PayloadDisplayName": payload["PayloadType"]}
        content.append(_followed(changed, new) | {"PayloadOrganization": "Lab"})
    return document | {"PayloadContent": content, "PayloadDisplayName": name, "PayloadRemovalDisallowed": True}


def _followed(value: Any, new: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: new.get(inner, inner) if key == "PayloadCertificateUUID" else _followed(inner, new)
                for key, inner in value.items()}  # fmt: skip
    return value


def _certificate(item: Item) -> dict[str, Any]:
    """developer.jamf.com, ComputerCertificate: these fields, in these forms; nothing tells the issuer.

    How a name of several parts is written is not documented: as here, or in another order.
    """
    certificate = item.certificate
    not_before, not_after = certificate.not_valid_before, certificate.not_valid_after
    short = {"common_name": "CN", "organization_name": "O", "organizational_unit_name": "OU", "country_name": "C"}
    parts = [(part["type"].native, part["value"].native) for rdn in certificate.subject.chosen for part in rdn]
    return {
        "commonName": item.common_name,
        "identity": item.key is not None,
        "expirationDate": _iso(not_after),
        "username": "",
        "lifecycleStatus": "ACTIVE",
        "certificateStatus": "EXPIRED" if not_after < datetime.now(UTC) else "ISSUED",
        "subjectName": ",".join(f"{short.get(kind, kind)}={value}" for kind, value in parts),
        "serialNumber": f"{certificate.serial_number:x}",
        "sha1Fingerprint": item.sha1.lower(),
        "issuedDate": _iso(not_before),
    }


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _page(results: list[dict[str, Any]], query: dict[str, list[str]]) -> Response:
    page, size = int(query.get("page", ["0"])[0]), int(query.get("page-size", ["100"])[0])
    return _json({"totalCount": len(results), "results": results[page * size : (page + 1) * size]})


def _made(number: str) -> ET.Element:
    root = ET.Element("os_x_configuration_profile")
    ET.SubElement(root, "id").text = number
    return root


def _json(content: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _xml(root: ET.Element, status: int) -> Response:
    content = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(status, content, {"Content-Type": "application/xml"})


def _html(status: int, text: str) -> Response:
    """The Classic API's errors are pages."""
    page = f"<html><head><title>Status page</title></head><body><p>{text}</p><p>Technical details.</p></body></html>"
    return Response(status, page.encode(), {"Content-Type": "text/html"})


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
