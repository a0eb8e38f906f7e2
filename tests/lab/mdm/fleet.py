# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleet (fleetdm.com), as far as its REST API is documented. The source stands beside each route.

"rest-api" is docs/REST API/rest-api.md of fleetdm/fleet. Its members of answers are completed by what
getprimo/fleetdm-openapi-specs has recorded from Fleet 4.86. What is taken from Fleet's own code is named by its file.
Where two sources differ or none exists, the lab takes what is harder for its client:

* a profile's labels are replaced as a whole by each PATCH, and none means all hosts (fleetdm/fleet#49141;
  l-teles/terraform-provider-fleetdm, internal/fleetdm/mdm.go, against 4.90);
* what a host has is compared with what it is to have by a job of its own (server/service/apple_mdm.go,
  ReconcileAppleProfiles), so a write shows no effect until then. A new profile alone is pending at once (same file,
  NewMDMAppleConfigProfile). With `prompt` that job runs behind each write;
* a label that a profile has cannot be deleted (fleetdm/fleet#32073).
"""

from __future__ import annotations

import hashlib
import json
import plistlib
import re
import secrets
import uuid
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from ..azure.messages import Request, Response
from .base import Denied, Enrolled, MdmLab, Refusal

if TYPE_CHECKING:
    from ..mac import Mac

API = "/api/v1/fleet"
KINDS = ("labels_include_all", "labels_include_any", "labels_exclude_any")
# rest-api, "List hosts"; of its parameters those that narrow a list, and those that add to it.
HOSTS_QUERY = {
    "page", "per_page", "order_key", "order_direction", "query", "team_id", "populate_labels", "device_mapping",
    "profile_uuid", "profile_status", "mdm_enrollment_status", "connected_to_fleet", "populate_users",
}  # fmt: skip
STATUSES = ("verified", "verifying", "pending", "failed")
ROUTES = {
    ("GET", "/config"): "_config",
    ("GET", "/hosts"): "_list_hosts",
    ("GET", "/hosts/:id"): "_host",
    ("POST", "/hosts/:id/configuration_profiles/:profile_uuid/resend"): "_resend",
    ("GET", "/labels"): "_list_labels",
    ("POST", "/labels"): "_add_label",
    ("PATCH", "/labels/:id"): "_modify_label",
    ("GET", "/labels/:id/hosts"): "_hosts_of_label",
    ("DELETE", "/labels/id/:id"): "_delete_label",
    ("GET", "/configuration_profiles"): "_list_profiles",
    ("POST", "/configuration_profiles"): "_create",
    ("GET", "/configuration_profiles/:profile_uuid"): "_read",
    ("PATCH", "/configuration_profiles/:profile_uuid"): "_update",
    ("DELETE", "/configuration_profiles/:profile_uuid"): "_delete",
}
_VARIABLE = re.compile(r"\$(?:FLEET_VAR_(\w+)|\{FLEET_VAR_(\w+)\})")
_PER_HOST = {"HOST_HARDWARE_SERIAL", "HOST_UUID"}
_PROXY, _CHALLENGE, _RENEWAL = "CUSTOM_SCEP_PROXY_URL_", "CUSTOM_SCEP_CHALLENGE_", "SCEP_RENEWAL_ID"


@dataclass
class Label:
    """Of the kind "manual", which a list of hosts fills, or "dynamic", which a query does."""

    id: int
    name: str
    hosts: set[str] = field(default_factory=set)
    membership: str = "manual"
    kind: str = "regular"
    description: str = ""


@dataclass
class Stored:
    """A configuration profile. Its labels by their kind: names, which may be those of deleted ones."""

    uuid: str
    team: int
    raw: bytes
    labels: dict[str, list[str]] = field(default_factory=dict)
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))  # its content
    created: datetime = field(init=False)
    before: dict[str, list[str]] = field(default_factory=dict)  # its labels before a test has changed them

    def __post_init__(self) -> None:
        self.created = self.updated

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = plistlib.loads(self.raw)
        return found

    @document.setter
    def document(self, document: dict[str, Any]) -> None:
        self.raw = plistlib.dumps(document)

    @property
    def name(self) -> str:
        return str(self.document["PayloadDisplayName"])

    @property
    def identifier(self) -> str:
        return str(self.document["PayloadIdentifier"])


@dataclass
class Row:
    """How far a profile is on a host: a row of host_mdm_apple_profiles."""

    checksum: bytes
    identifier: str
    operation: str = "install"
    status: str = "pending"
    detail: str = ""
    raw: bytes = b""  # what waits for the host
    asked: bool = True  # whether a command is on its way


class FleetLab(MdmLab):
    """`tier` is "premium" or "free", `role` that of the token's user, `version` that of the server.

    `cas` are the custom SCEP proxies that somebody has set up: name -> challenge.
    """

    TYPE = "fleet"
    NOTHING = "none of Fleet"
    NO_LOGIN = "refuses the token"
    REFUSED = "The profile could not be installed."
    LISTS_PROFILES = False
    WRONG_LOGIN: ClassVar[dict[str, str]] = {"token": "somebody"}
    PLACES: ClassVar[dict[str, str]] = {
        "macs": f"GET {API}/hosts",
        "profiles": f"GET {API}/configuration_profiles*",
        "new": f"POST {API}/configuration_profiles",
        "change": f"PATCH {API}/labels/*",
    }

    def __init__(self, folder: Path, *, tier: str = "premium", version: tuple[int, int] = (4, 90)) -> None:
        super().__init__(folder)
        self.tier, self.version, self.role, self.team = tier, version, "maintainer", 0
        self.token = secrets.token_urlsafe(66)
        self.prompt = True
        self.cas: dict[str, str] = {}
        self.teams: dict[str, int] = {}  # of each host, by its id; 0 where nothing is said
        self.labels: dict[int, Label] = {6: Label(6, "All Hosts", set(), "dynamic", "builtin")}
        self.profiles: dict[str, Stored] = {}
        self.rows: dict[tuple[str, str], Row] = {}  # by the ids of host and profile
        self.commands: list[str] = []  # each that was sent: kind, host, identifier
        self._number = 100

    @property
    def server(self) -> dict[str, Any]:
        """The option `server`."""
        team = {"team_id": self.team} if self.team else {}
        return {"type": self.TYPE, "url": self.url, "token": self.token, "ca_file": str(self.ca_file), **team}

    @property
    def client_secret(self) -> str:
        return self.token

    @property
    def secrets(self) -> list[str]:
        return [self.token, *self.cas.values()]

    # -- what a test does -------------------------------------------------------------------------------------------

    def awake(self, record: Enrolled) -> None:
        """The Mac is switched on, and does what waits for it."""
        record.reaches = "at once"
        self._check_in(record)

    def scopes(self) -> dict[str, set[str]]:
        """Name of each profile -> the names of the Macs that it reaches; "everybody" for more than Macs."""
        return {
            stored.name: {record.mac.name for record in self.enrolled.values() if self._reaches(stored, record)}
            if stored.labels
            else {"everybody"}
            for stored in self.profiles.values()
        }

    def calls(self, macs: int) -> int:
        """Of a run that changes nothing: a page of Macs, the license, the list of profiles; and for each Mac its
        profile, what is in that, the hosts of its label, and the status."""
        return 3 + 4 * macs

    def give_to_all(self, stored: Stored) -> str:
        stored.before, stored.labels = stored.labels, {}
        return "all Macs"

    def give_to_sales(self, stored: Stored) -> str:
        label = self._new_label("Sales")
        label.hosts = set(self.enrolled)
        stored.before = stored.labels
        ours = [name for names in stored.labels.values() for name in names]
        stored.labels = {"labels_include_any": [*ours, "Sales"]}
        return "Sales"

    def take_back(self, stored: Stored) -> None:
        stored.labels = stored.before

    def label_of(self, stored: Stored) -> Label:
        """The one label that a profile has."""
        ((name,),) = stored.labels.values()
        return next(label for label in self.labels.values() if label.name == name)

    def reconcile(self) -> None:
        """The job that brings each host what it is to have, and takes away what it is not to have."""
        for record in self.enrolled.values():
            if not record.managed:
                continue
            wanted = {stored.uuid: stored for stored in self.profiles.values() if self._reaches(stored, record)}
            for stored in wanted.values():
                self._install(record, stored)
            for (host, profile), row in list(self.rows.items()):
                if host == record.id and profile not in wanted and not self._broken(profile):
                    self._remove(record, profile, row)
            self._check_in(record)

    def _broken(self, profile: str) -> bool:
        """A profile whose label was deleted: hosts keep it (rest-api, "List custom OS settings")."""
        stored, known = self.profiles.get(profile), {label.name for label in self.labels.values()}
        return stored is not None and any(name not in known for names in stored.labels.values() for name in names)

    # -- hosts and what they have -----------------------------------------------------------------------------------

    def _reaches(self, stored: Stored, record: Enrolled) -> bool:
        """rest-api, "Create custom OS setting"; one whose label was deleted is applied to no new host."""
        if self.teams.get(record.id, 0) != stored.team:
            return False
        has = {label.name for label in self.labels.values() if record.id in label.hosts or label.kind == "builtin"}
        every, some, none = (stored.labels.get(kind, []) for kind in KINDS)
        known = {label.name for label in self.labels.values()}
        return (
            all(name in has for name in every)
            and (not some or any(name in has for name in some))
            and not any(name in has or name not in known for name in none)
        )

    def _install(self, record: Enrolled, stored: Stored) -> None:
        checksum, row = hashlib.md5(stored.raw).digest(), self.rows.get((record.id, stored.uuid))
        if row and row.operation == "install" and row.checksum == checksum and row.asked:
            row.status = "verified" if row.status == "verifying" else row.status
            return
        raw = self._filled(stored, record)
        self.commands.append(f"InstallProfile {record.id} {stored.identifier}")
        self.rows[record.id, stored.uuid] = Row(checksum, stored.identifier, raw=raw)

    def _remove(self, record: Enrolled, profile: str, row: Row) -> None:
        if row.operation == "install":
            self.commands.append(f"RemoveProfile {record.id} {row.identifier}")
            self.rows[record.id, profile] = Row(row.checksum, row.identifier, "remove")

    def _check_in(self, record: Enrolled) -> None:
        """The host takes the commands that wait for it."""
        if record.reaches in ("never", "not now") or not record.managed:
            return
        for (host, profile), row in list(self.rows.items()):
            if host != record.id or row.status != "pending" or not row.asked:
                continue
            if row.operation == "remove":
                record.mac.remove_profile(row.identifier)
                self.report(record)
                del self.rows[host, profile]
                continue
            row.detail = self.install(record, row.raw)
            row.status, row.raw = "failed" if row.detail else "verifying", b""

    def _filled(self, stored: Stored, record: Enrolled) -> bytes:
        """articles, "Built-in variables": each is replaced as text, for each host."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name.startswith(_PROXY):
                text = f"{self.url}/mdm/scep/proxy/{record.mac.hardware_uuid}%2C{stored.uuid}%2C{name[len(_PROXY) :]}"
            elif name.startswith(_CHALLENGE):
                text = self.cas[name[len(_CHALLENGE) :]]
            else:
                text = {
                    "HOST_HARDWARE_SERIAL": record.serial_number,
                    "HOST_UUID": record.mac.hardware_uuid,
                    _RENEWAL: f"fleet-{stored.uuid}",
                }[name]
            return escape(text)

        return _VARIABLE.sub(value, stored.raw.decode()).encode()

    # -- requests ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        # rest-api, "Retrieve your API token"
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise Denied(_error(401, "Authentication required", "base", "Authentication required"))
        # articles/role-based-access.md: observers only read; GitOps only writes.
        if self.role == ("gitops" if request.method == "GET" else "observer"):
            raise Denied(_error(403, "Permission Denied", "base", "forbidden"))
        path = request.path.removeprefix(API)
        for (method, pattern), name in ROUTES.items():
            found = re.fullmatch(re.sub(r":\w+", "([0-9a-z-]+)", pattern), path)
            if found and method == request.method and request.path.startswith(API):
                response: Response = getattr(self, name)(request, *found.groups())
                if request.method != "GET" and response.status < 300 and self.prompt:
                    self.reconcile()
                return response
        raise Refusal(_error(404, "Resource Not Found", "base", "no such route"), "no such route")

    def _query(self, request: Request, allowed: set[str]) -> dict[str, str]:
        query = dict(parse_qsl(request.query, strict_parsing=bool(request.query)))
        if not set(query) <= allowed:
            raise Refusal(_error(400, "Bad request", "base", "unknown"), f"query {sorted(set(query) - allowed)}")
        return query

    def _config(self, request: Request) -> Response:
        """rest-api, "Get configuration", of which `license` is what matters here."""
        self._query(request, set())
        license_ = {"tier": self.tier, "device_count": 0, "expiration": "0001-01-01T00:00:00Z", "note": ""}
        return _json({"org_info": {"org_name": "Lab"}, "mdm": {"enabled_and_configured": True}, "license": license_})

    def _list_hosts(self, request: Request) -> Response:
        """rest-api, "List hosts"; without a page all come (server/service/transport.go, listOptionsFromRequest)."""
        query = self._query(request, HOSTS_QUERY)
        records = list(self.enrolled.values())
        if "query" in query:
            part = query["query"].strip().lower()
            records = [
                record
                for record in records
                if any(part in text.lower() for text in (record.name, record.serial_number, record.mac.hardware_uuid))
            ]
        if "team_id" in query:
            self._premium()
            records = [record for record in records if self.teams.get(record.id, 0) == int(query["team_id"])]
        if ("profile_uuid" in query) != ("profile_status" in query) or query.get("profile_status", "failed") not in (
            STATUSES
        ):
            raise Refusal(_error(400, "Bad request", "base", "profile_status"), "a profile without a status")
        if "profile_uuid" in query:
            wanted = {host for (host, profile), row in self.rows.items()
                      if profile == query["profile_uuid"] and row.status == query["profile_status"]}  # fmt: skip
            records = [record for record in records if record.id in wanted]
        if "page" in query:
            size = int(query.get("per_page", "20"))
            start = int(query["page"]) * size
            records = records[start : start + size]
        return _json({"hosts": [self._shown(record, query) for record in records]})

    def _shown(self, record: Enrolled, query: dict[str, str]) -> dict[str, Any]:
        team = self.teams.get(record.id, 0)
        shown: dict[str, Any] = {
            "id": int(record.id),
            "hostname": f"{record.mac.name}.local",
            "computer_name": record.name,
            "display_name": record.name,
            "uuid": record.mac.hardware_uuid,
            "platform": "darwin",
            "os_version": f"macOS {record.mac.release.version}",
            "hardware_serial": record.serial_number,
            "seen_time": _iso(record.last_seen),
            "team_id": team or None,
            "team_name": f"Team {team}" if team else None,
            "mdm": {
                "enrollment_status": "On (automatic)" if record.managed else "Off",
                "connected_to_fleet": record.managed,
                "name": "Fleet" if record.managed else "",
                "server_url": f"{self.url}/mdm/apple/mdm" if record.managed else "",
            },
        }
        if query.get("populate_labels") == "true":
            everybody = [{"id": 6, "name": "All Hosts", "label_type": "builtin", "label_membership_type": "dynamic"}]
            shown["labels"] = everybody + [
                {"id": 1000, "name": name, "label_type": "regular", "label_membership_type": "dynamic"}
                for name in record.groups
            ]
        if query.get("device_mapping") == "true":
            shown["device_mapping"] = [{"email": record.user, "source": "google_chrome_profiles"}]
        return shown

    def _host(self, request: Request, number: str) -> Response:
        """rest-api, "Get host": mdm.profiles has a row for each profile."""
        self._query(request, {"exclude_software", "exclude_fleet_maintained_policies"})
        record = self.enrolled.get(number)
        if record is None:
            return _not_found()
        shown = self._shown(record, {"populate_labels": "true"})
        shown["mdm"]["profiles"] = [
            {
                "profile_uuid": profile,
                "name": self.profiles[profile].name if profile in self.profiles else row.identifier,
                "status": row.status,
                "operation_type": row.operation,
                "scope": "device",
                "managed_local_account": "",
                "detail": row.detail,
            }
            for (host, profile), row in self.rows.items()
            if host == number
        ]
        return _json({"host": shown})

    def _resend(self, request: Request, number: str, profile: str) -> Response:
        """rest-api, "Resend custom OS setting"; not while it is pending (fleetdm/fleet#18212)."""
        self._query(request, set())
        row = self.rows.get((number, profile))
        if row is None:
            return _not_found()
        if row.status == "pending":
            raise Refusal(_error(409, "Validation Failed", "HostMDMProfile", "pending"), "a resend of what is pending")
        row.status, row.detail, row.asked = "pending", "", False
        return _json({}, 202)

    # -- labels -----------------------------------------------------------------------------------------------------

    def _list_labels(self, request: Request) -> Response:
        """rest-api, "List labels"."""
        self._query(request, {"include_host_counts", "order_key", "order_direction", "team_id"})
        return _json({"labels": [_label(label) for label in self.labels.values()]})

    def _add_label(self, request: Request) -> Response:
        """rest-api, "Add label": without a query, criteria or hosts a manual one that nobody has."""
        content = self._fields(request, {"name", "description", "query", "hosts", "host_ids", "platform", "criteria"})
        if not content.get("name"):
            raise Refusal(_error(422, "Validation Failed", "name", "missing required argument"), "no name")
        if any(label.name == content["name"] for label in self.labels.values()):
            return _error(409, "Resource Already Exists", "base", "Label already exists")
        if content.get("query") or content.get("criteria") or content.get("hosts"):
            raise Refusal(_error(422, "Validation Failed", "query", "not here"), "a label of another kind")
        label = self._new_label(content["name"], str(content.get("description") or ""))
        self._set_hosts(label, content.get("host_ids") or [])
        return _json({"label": _label(label) | {"host_ids": sorted(map(int, label.hosts)) or None}})

    def _new_label(self, name: str, description: str = "") -> Label:
        self._number += 1
        self.labels[self._number] = Label(self._number, name, description=description)
        return self.labels[self._number]

    def _modify_label(self, request: Request, number: str) -> Response:
        """rest-api, "Update label": host_ids replace what was there; of a manual one alone."""
        label = self.labels.get(int(number))
        content = self._fields(request, {"name", "description", "hosts", "host_ids"})
        if label is None:
            return _not_found()
        if label.membership != "manual" or "hosts" in content:
            text = "cannot provide a list of hosts for a dynamic label"
            raise Refusal(_error(422, "Validation Failed", "hosts", text), text)
        if content.get("host_ids") is not None:
            self._set_hosts(label, content["host_ids"])
        return _json({"label": _label(label) | {"host_ids": sorted(map(int, label.hosts))}})

    def _set_hosts(self, label: Label, numbers: Iterable[int]) -> None:
        hosts = {str(number) for number in numbers}
        if not hosts <= self.enrolled.keys():
            raise Refusal(_error(422, "Validation Failed", "host_ids", "unknown host"), "an unknown host")
        label.hosts = hosts

    def _hosts_of_label(self, request: Request, number: str) -> Response:
        """rest-api, "List label's hosts"; without a page all come, as of "List hosts"."""
        self._query(request, set())
        label = self.labels.get(int(number))
        if label is None:
            return _not_found()
        return _json({"hosts": [self._shown(self.enrolled[host], {}) for host in sorted(label.hosts, key=int)]})

    def _delete_label(self, request: Request, number: str) -> Response:
        """rest-api, "Delete label by ID"."""
        self._query(request, set())
        label = self.labels.get(int(number))
        if label is None:
            return _not_found()
        if any(label.name in names for stored in self.profiles.values() for names in stored.labels.values()):
            text = (
                "Couldn't delete. A configuration profile targets this label. Please delete the profile and try again."
            )
            raise Refusal(_error(422, "Validation Failed", "name", text), text)
        del self.labels[int(number)]
        return _json({})

    # -- profiles ---------------------------------------------------------------------------------------------------

    def _list_profiles(self, request: Request) -> Response:
        """rest-api, "List custom OS settings": those of no team, where none is named."""
        query = self._query(request, {"team_id", "page", "per_page"})
        if "team_id" in query:
            self._premium()
        team = int(query.get("team_id", "0"))
        found = [self._metadata(stored) for stored in self.profiles.values() if stored.team == team]
        windows = {"profile_uuid": f"w{uuid.uuid4()}", "team_id": team, "name": "Windows", "platform": "windows"}
        more = {"has_next_results": False, "has_previous_results": False}
        return _json({"profiles": [windows, *found], "meta": more})

    def _metadata(self, stored: Stored) -> dict[str, Any]:
        ids = {label.name: label.id for label in self.labels.values()}
        labels = {
            kind: [{"name": name, **({"id": ids[name]} if name in ids else {"broken": True})} for name in names]
            for kind, names in stored.labels.items()
            if names
        }
        return {
            "profile_uuid": stored.uuid,
            "team_id": stored.team,
            "name": stored.name,
            "platform": "darwin",
            "identifier": stored.identifier,
            "created_at": _iso(stored.created),
            "updated_at": _iso(stored.updated),
            "checksum": b64encode(hashlib.md5(stored.raw).digest()).decode(),
            **labels,
        }

    def _read(self, request: Request, number: str) -> Response:
        """rest-api, "Get or download custom OS setting"."""
        query = self._query(request, {"alt"})
        stored = self.profiles.get(number)
        if stored is None:
            return _not_found()
        if query.get("alt") == "media":
            return Response(200, stored.raw, {"Content-Type": "application/octet-stream"})
        return _json(self._metadata(stored))

    def _create(self, request: Request) -> Response:
        """rest-api, "Create custom OS setting": a form of several parts."""
        fields, raw = self._form(request, {"team_id", *KINDS})
        if raw is None:
            raise Refusal(_error(400, "Bad request", "base", "no file headers for profile"), "no profile")
        team = int(fields.get("team_id", ["0"])[0])
        if team:
            self._premium()
        stored = Stored(f"a{uuid.uuid4()}", team, raw, self._checked_labels(fields))
        self._validate(stored)
        self.profiles[stored.uuid] = stored
        for record in self.enrolled.values():  # NewMDMAppleConfigProfile: pending at once, sent by the job
            if record.managed and self._reaches(stored, record):
                self.rows[record.id, stored.uuid] = Row(b"", stored.identifier, asked=False)
        return _json({"profile_uuid": stored.uuid})

    def _update(self, request: Request, number: str) -> Response:
        """fleetdm/fleet#49141, in Fleet since 4.90: of Premium alone (terraform-provider-fleetdm)."""
        stored = self.profiles.get(number)
        if stored is None or self.version < (4, 90):
            return _not_found()
        self._premium()
        fields, raw = self._form(request, set(KINDS))
        labels = self._checked_labels(fields)
        if raw is not None:
            new = Stored(stored.uuid, stored.team, raw, labels)
            if new.identifier != stored.identifier:
                text = "The new profile must have the same PayloadIdentifier"
                raise Refusal(_error(400, "Bad request", "profile", text), text)
            self._validate(new)
            if raw != stored.raw:
                stored.raw, stored.updated = raw, datetime.now(UTC)
        stored.labels = labels
        return _json({})

    def _delete(self, request: Request, number: str) -> Response:
        """rest-api, "Delete custom OS setting"; hosts lose it (Batch-update: "Fleet will send a RemoveProfile")."""
        self._query(request, set())
        if number not in self.profiles:
            return _not_found()
        del self.profiles[number]
        return _json({})

    def _form(self, request: Request, allowed: set[str]) -> tuple[dict[str, list[str]], bytes | None]:
        kind = request.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data; boundary="):
            raise Refusal(_error(400, "Bad request", "base", "failed to parse multipart form"), "no multipart form")
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.body)
        fields: dict[str, list[str]] = {}
        raw = None
        for part in message.iter_parts():
            name, filename = part.get_param("name", header="content-disposition"), part.get_filename()
            content: bytes = part.get_payload(decode=True)
            if name == "profile" and filename and filename.endswith(".mobileconfig") and raw is None:
                raw = content
            elif name in allowed and filename is None:
                fields.setdefault(name, []).append(content.decode())
            else:
                raise Refusal(_error(400, "Bad request", "base", "unknown field"), f"field {name}")
        return fields, raw

    def _checked_labels(self, fields: dict[str, list[str]]) -> dict[str, list[str]]:
        """rest-api: by name, of Premium alone, not both kinds of including ones; all of them have to be there."""
        labels = {kind: fields[kind] for kind in KINDS if fields.get(kind)}
        if labels:
            self._premium()
        if KINDS[0] in labels and KINDS[1] in labels:
            text = 'For each profile, only one of "labels_include_all" or "labels_include_any" can be included.'
            raise Refusal(_error(400, "Bad request", "labels", text), text)
        known = {label.name for label in self.labels.values()}
        if any(name not in known for names in labels.values() for name in names):
            text = "some or all the labels provided don't exist"
            raise Refusal(_error(400, "Bad request", "base", text), text)
        return labels

    def _validate(self, stored: Stored) -> None:
        """server/service/apple_mdm.go, NewMDMAppleConfigProfile, and mdm_profiles.go for variables."""
        if len(stored.raw) > 1 << 20:
            raise Refusal(_error(413, "Payload too large", "base", "too large"), "a profile that is too large")
        document = stored.document
        if document.get("PayloadType") != "Configuration" or not document.get("PayloadDisplayName"):
            raise Refusal(_error(400, "Bad request", "base", "failed to parse config profile"), "no profile")
        for other in self.profiles.values():
            if other.uuid == stored.uuid or other.team != stored.team:
                continue
            if other.identifier == stored.identifier:
                text = "Couldn't add. A configuration profile with this identifier (PayloadIdentifier) already exists."
                raise Denied(_error(409, "Validation Failed", "profile", text))
            if other.name == stored.name:
                text = "Couldn't add. A configuration profile with this name already exists."
                raise Denied(_error(409, "Validation Failed", "profile", text))
        self._check_variables(stored)

    def _check_variables(self, stored: Stored) -> None:
        names = [found[1] or found[2] for found in _VARIABLE.finditer(stored.raw.decode())]
        if names:
            self._premium()
        of_ca = [name for name in names if name not in _PER_HOST]
        for name in of_ca:
            ca = name.removeprefix(_PROXY).removeprefix(_CHALLENGE)
            if name != _RENEWAL and (ca == name or ca not in self.cas):
                raise Denied(_error(400, "Bad request", "base", f"Fleet variable $FLEET_VAR_{name} does not exist."))
            if of_ca.count(name) > 1:
                text = f"Fleet variable $FLEET_VAR_{name} is already present in configuration profile."
                raise Denied(_error(400, "Bad request", "base", text))
        if not of_ca:
            return
        (scep,) = (
            each["PayloadContent"]
            for each in stored.document["PayloadContent"]
            if each["PayloadType"] == "com.apple.security.scep"
        )
        units = [value for part in scep["Subject"] for kind, value in part if kind == "OU"]
        fit = (
            str(scep.get("URL")).startswith(f"$FLEET_VAR_{_PROXY}")
            and str(scep.get("Challenge")).startswith(f"$FLEET_VAR_{_CHALLENGE}")
            and f"$FLEET_VAR_{_RENEWAL}" in units
        )
        if not fit:
            needed = (f"$FLEET_VAR_{_CHALLENGE}<CA_NAME>", f"$FLEET_VAR_{_PROXY}<CA_NAME>", f"$FLEET_VAR_{_RENEWAL}")
            text = f"SCEP profile for custom SCEP certificate authority requires: {', '.join(needed)} variables."
            raise Denied(_error(400, "Bad request", "base", text))

    def _premium(self) -> None:
        """Fleet's ErrMissingLicense."""
        if self.tier != "premium":
            raise Denied(_error(402, "Requires Fleet Premium license", "base", "Requires Fleet Premium license"))

    def _fields(self, request: Request, allowed: set[str]) -> dict[str, Any]:
        content = json.loads(request.body)
        if not isinstance(content, dict) or not set(content) <= allowed:
            raise Refusal(_error(400, "Bad request", "base", "unknown field"), f"fields {content}")
        return content

    def age(self, stored: Stored, seconds: float) -> None:
        """So long ago its content was written."""
        stored.updated -= timedelta(seconds=seconds)
        stored.created -= timedelta(seconds=seconds)

    def enrol(self, mac: Mac, *, reaches: str = "at once", serial_number: str = "", name: str = "") -> Enrolled:
        record = super().enrol(mac, reaches=reaches, serial_number=serial_number, name=name)
        self.teams[record.id] = self.team
        return record


def _label(label: Label) -> dict[str, Any]:
    return {
        "id": label.id,
        "name": label.name,
        "description": label.description,
        "query": "" if label.membership == "manual" else "SELECT 1;",
        "platform": "",
        "label_type": label.kind,
        "label_membership_type": label.membership,
        "display_text": label.name,
        "count": len(label.hosts),
        "host_ids": None,
        "team_id": None,
    }


def _json(content: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(content, indent=2).encode(), {"Content-Type": "application/json; charset=utf-8"})


def _error(status: int, message: str, name: str, reason: str) -> Response:
    """rest-api, "API errors"."""
    content = {"message": message, "errors": [{"name": name, "reason": reason}], "uuid": str(uuid.uuid4())}
    return _json(content, status)


def _not_found() -> Response:
    return _error(404, "Resource Not Found", "base", "not found in the datastore")


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
