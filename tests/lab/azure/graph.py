# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft Graph: who may call, what a call may ask, pages, errors; and of Entra ID groups and their members.

Sources, all in microsoftgraph/microsoft-graph-docs-contrib: concepts/errors.md (form of errors), throttling.md,
paging.md, api-reference group-get and group-list-transitivemembers. Codes and sentences are those of public reports,
named beside them. What Intune answers is in intune.py.
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from .authority import Authority
from .faults import Fault
from .messages import Request, Response, front_door_json

Json = dict[str, Any]
QUERY = {"$select", "$filter", "$top", "$skiptoken"}
DEFAULT_ROLES = (
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "GroupMember.Read.All",
    "Device.Read.All",
)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class GraphError(Exception):
    """An answer with an error body. Intune's own errors have JSON in their message: the form 3 of its services."""

    def __init__(self, status: int, code: str, message: str, *, intune: bool = False, **headers: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.intune, self.headers = status, code, message, intune, headers

    def response(self) -> Response:
        request_id = str(uuid.uuid4())
        message = _of_intune(self.message, request_id) if self.intune else self.message
        inner = {"date": _date(), "request-id": request_id, "client-request-id": request_id}
        content = {"error": {"code": self.code, "message": message, "innerError": inner}}
        return front_door_json(self.status, content, {"request-id": request_id} | self.headers)


def _of_intune(message: str, activity: str) -> str:
    """Source of the form: jseerden/IntuneBackupAndRestore issue 55, microsoft-graph-docs-contrib issue 4157."""
    shown = (
        f"{message} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: "
        f"{activity} - Url: https://fef.lab.manage.microsoft.com/DeviceConfiguration/StatelessService"
    )
    content = {
        "_version": 3,
        "Message": shown,
        "CustomApiErrorPhrase": "",
        "RetryAfter": None,
        "ErrorSourceService": "",
        "HttpHeaders": "{}",
    }
    return json.dumps(content, indent=2).replace("\n", "\r\n")


def _date() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp(moment: datetime) -> str:
    """A time as Graph writes it: seven digits behind the point."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"


def bad_request(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)


def no_property(name: str, kind: str) -> GraphError:
    """The sentence of Microsoft's OData library for a property that a type has not got."""
    return bad_request(
        f"The property '{name}' does not exist on type 'microsoft.graph.{kind}'. Make sure to only use property names "
        "that are defined by the type."
    )


def check_members(given: Mapping[str, Any], known: Iterable[str], kind: str) -> None:
    """Refuse what a type has not got."""
    for name in given.keys() - set(known):
        raise no_property(name, kind)


# --- faults for AzureLab.faults --------------------------------------------------------------------------------


def throttled(retry_after: int | None = None) -> Fault:
    """429, with or without Retry-After. Source: almenscorner/IntuneCD issues 64 and 217 ('retry-after' was missing)."""
    return failing(429, "TooManyRequests", "Too many requests.", retry_after)


def unavailable(retry_after: int | None = None) -> Fault:
    return failing(503, "serviceNotAvailable", "The service is not available. Try again later.", retry_after)


def internal_error() -> Fault:
    """Source: microsoftgraph/powershell-intune-samples issue 89."""
    return failing(500, "InternalServerError", "An internal server error has occurred")


def failing(status: int, code: str, message: str, retry_after: int | None = None) -> Fault:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    error = GraphError(status, code, message, intune=True, **headers)
    return Fault(f"graph {status}", before=lambda request: error.response())


def redirect(location: str, status: int = 302) -> Fault:
    """Something in between sends the client somewhere else."""
    return Fault(f"graph {status}", before=lambda request: Response(status, b"", {"Location": location}))


# --- Graph -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One request, checked: the parts that its route names, its query, its JSON."""

    version: str
    path: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: Json

    def selected(self, items: Iterable[Json], known: Iterable[str], kind: str) -> list[Json]:
        """`$select`: the key and `@odata.type` always come along."""
        names = [name for name in self.query.get("$select", "").split(",") if name]
        for name in names:
            if name not in known:
                raise bad_request(f"Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.")
        keep = {"@odata.type", "id", *names}
        return [{name: item[name] for name in item if name in keep} if names else item for item in items]


@dataclass(frozen=True)
class Route:
    """`path` has one group for each part. `roles`: any of them will do. `query`: what may be asked for."""

    method: str
    path: str
    roles: tuple[str, ...]
    serve: Callable[[Call], Response]
    query: tuple[str, ...] = ()
    versions: tuple[str, ...] = ("v1.0", "beta")
    body: bool = False
    intune: bool = True


class Graph:
    """`roles`: the application's permissions. `page_size`: the most that a list answers at once."""

    def __init__(self, url: str, authority: Authority) -> None:
        self.url, self.authority = url, authority
        authority.resources.add(url)
        self.directory = Directory()
        self.roles = set(DEFAULT_ROLES)
        self.page_size = 1000
        self.refusals: list[str] = []  # what a client asked that has no place here
        self.routes: list[Route] = self._directory_routes()
        self._pages: dict[str, tuple[str, list[Json]]] = {}

    def handle(self, request: Request) -> Response:
        try:
            self._check_token(request)
            return self._serve(request)
        except GraphError as error:
            if error.status in (400, 405):
                self.refusals.append(f"{request.method} {request.path}: {error.message}")
            return error.response()

    def collection(self, call: Call, items: list[Json]) -> Response:
        """A list, a page of it at a time: concepts/paging.md. The token of the next page is nobody's business."""
        top = call.query.get("$top", "")
        if top and not re.fullmatch("[1-9][0-9]{0,3}", top):
            raise bad_request(f"Invalid value '{top}' for $top query option found.")
        size = min(int(top or self.page_size), self.page_size)
        content: Json = {"@odata.context": f"{self.url}/{call.version}/$metadata#{call.path}", "value": items[:size]}
        if items[size:]:
            token = secrets.token_urlsafe(24)
            self._pages[token] = (call.path, items[size:])
            query = urlencode({**call.query, "$skiptoken": token}, quote_via=quote, safe="$")
            content["@odata.nextLink"] = f"{self.url}/{call.version}/{call.path}?{query}"
        return front_door_json(200, content)

    # --- serving

    def _check_token(self, request: Request) -> None:
        """Source of the sentences: microsoftgraph/microsoft-graph-docs issue 16208, s1t5/mail-archiver issue 267."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        claims = self.authority.tokens.get(token)
        if not token:
            problem = "Access token is empty."
        elif claims is None:
            problem = "IDX14100: JWT is not well formed, there are no dots (.)."
        elif claims["exp"] < datetime.now(UTC).timestamp():
            problem = "Lifetime validation failed, the token is expired."
        elif claims["aud"] != self.url:
            problem = "Access token validation failure. Invalid audience."
        else:
            return
        raise GraphError(401, "InvalidAuthenticationToken", problem)

    def _serve(self, request: Request) -> Response:
        version, _slash, path = request.path.lstrip("/").partition("/")
        found = [(route, match) for route in self.routes if (match := re.fullmatch(route.path, path))]
        if version not in ("v1.0", "beta") or not any(version in route.versions for route, _match in found):
            raise bad_request(f"Resource not found for the segment '{path.rpartition('/')[2]}'.")
        route, match = next((pair for pair in found if pair[0].method == request.method), (None, None))
        if route is None or match is None:
            raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
        if not self.roles & set(route.roles):
            raise _forbidden(route)
        query = {name: values[-1] for name, values in request.parameters.items()}
        for name in query.keys() - {*route.query, *(["$skiptoken"] if "$top" in route.query else [])}:
            raise bad_request(f"Query option '{name}' is not allowed on this request.")
        body = _json(request) if route.body else {}
        call = Call(version, path, match.groups(), query, body)
        if "$skiptoken" in query:
            return self._next_page(call)
        return route.serve(call)

    def _next_page(self, call: Call) -> Response:
        path, items = self._pages.pop(call.query["$skiptoken"], ("", []))
        if path != call.path:
            raise bad_request("Skip token is not valid.")
        return self.collection(call, items)

    # --- the directory

    def _directory_routes(self) -> list[Route]:
        readers = ("GroupMember.Read.All", "Group.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All")
        return [
            Route("GET", "groups/([^/]+)", readers, self._group, ("$select",), intune=False),
            Route(
                "GET",
                "groups/([^/]+)/transitiveMembers",
                readers,
                self._members,
                ("$select", "$top"),
                intune=False,
            ),
        ]

    def _group(self, call: Call) -> Response:
        group = self._find_group(call)
        items = call.selected([group], ("id", "displayName", "description", "securityEnabled"), "group")
        return front_door_json(
            200, {"@odata.context": f"{self.url}/{call.version}/$metadata#groups/$entity"} | items[0]
        )

    def _members(self, call: Call) -> Response:
        """Without leave to read a kind of object only its id and type are shown (includes/limited-info.md)."""
        group = self._find_group(call)
        items = []
        for item in self.directory.members_of(group["id"]):
            shown = dict(item)
            if item["@odata.type"].endswith("device") and not self.roles & {"Device.Read.All", "Directory.Read.All"}:
                shown = {name: item[name] if name in ("@odata.type", "id") else None for name in item}
            items.append(shown)
        top = call.query.get("$top", "100")  # its own default; 999 is the most
        if not top.isdecimal() or not 0 < int(top) <= 999:
            raise GraphError(
                400, "Request_UnsupportedQuery", "Invalid page size specified: it has to be from 1 to 999."
            )
        known = ("id", "displayName", "deviceId", "userPrincipalName")
        paged = Call(call.version, call.path, call.parts, {**call.query, "$top": top}, call.body)
        return self.collection(paged, call.selected(items, known, "directoryObject"))

    def _find_group(self, call: Call) -> Json:
        (number,) = call.parts
        group = self.directory.objects.get(number)
        if group is None or not group["@odata.type"].endswith("group"):
            text = (
                f"Resource '{number}' does not exist or one of its queried reference-property objects are not present."
                if _GUID.fullmatch(number)
                else f"Invalid object identifier '{number}'."
            )
            code = "Request_ResourceNotFound" if _GUID.fullmatch(number) else "Request_BadRequest"
            raise GraphError(404 if _GUID.fullmatch(number) else 400, code, text)
        return group


@dataclass
class Directory:
    """Entra ID's groups, and who may be in them: objects by their object id."""

    objects: dict[str, Json] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str, **more: str) -> str:
        """A user, a device or a group; its object id."""
        number = str(uuid.uuid4())
        self.objects[number] = {"@odata.type": f"#microsoft.graph.{kind}", "id": number, "displayName": name} | more
        if kind == "group":
            self.members[number] = set()
        return number

    def add_group(self, name: str, members: Iterable[str] = ()) -> str:
        number = self.add("group", name, description="", securityEnabled="true")
        self.members[number].update(members)
        return number

    def members_of(self, group: str) -> list[Json]:
        """Also those of groups in it, and these groups; each once."""
        found: dict[str, Json] = {}
        waiting = [group]
        while waiting:
            for number in sorted(self.members[waiting.pop()]):
                if number not in found and number != group:
                    found[number] = self.objects[number]
                    if number in self.members:
                        waiting.append(number)
        return list(found.values())


def _forbidden(route: Route) -> GraphError:
    """Source: jseerden/IntuneBackupAndRestore issue 55 for Intune; concepts/permissions-reference for the directory."""
    if not route.intune:
        return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    message = (
        "Application is not authorized to perform this operation. Application must have one of the following scopes: "
        f"{', '.join(route.roles)}"
    )
    return GraphError(403, "Forbidden", message, intune=True)


def _json(request: Request) -> Json:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise bad_request("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise bad_request(
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid "
            "JSON format."
        )
    return content
