# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure Resource Manager's front door and, behind it, the part of Microsoft.Network that a P2S User VPN needs.

A request passes the checks in the order in which ARM makes them: token, api-version, subscription, permission,
resource group, resource, body. What the lab does not model is answered with 501 `LabNotModelled`, never guessed.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

from . import errors, packages, server_configurations
from .authority import Authority
from .blobs import Blobs
from .errors import AzureError
from .messages import Request, Response, front_door_json, service_json
from .operations import Operations, Plan
from .state import KINDS, Client, Profile, Resource, Subscription
from .storage import Storage

Json = dict[str, Any]

# Versions of Microsoft.Network with VpnServerConfiguration. The defaults of the SDK releases are among them:
# 28.0 2024-03-01, 28.1 2024-05-01, 29.0 2024-07-01, 30.0 2024-10-01, 30.2 2025-05-01, 31.0 2025-07-01,
# 32.0 2025-09-01, 33.0 2026-01-01, 33.1 2026-03-01.
API_VERSIONS = (
    *("2019-08-01", "2019-09-01", "2019-11-01", "2019-12-01"),
    *("2020-03-01", "2020-04-01", "2020-05-01", "2020-06-01", "2020-07-01", "2020-08-01", "2020-11-01"),
    *("2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01"),
    *("2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01", "2022-11-01"),
    *("2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01", "2023-09-01", "2023-11-01"),
    *("2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01", "2024-10-01"),
    *("2025-01-01", "2025-03-01", "2025-05-01", "2025-07-01", "2025-09-01"),
    *("2026-01-01", "2026-03-01"),
)
_LIST_SECRETS_SINCE = "2024-10-01"  # the first SDK that has listRadiusSecrets, 30.0, speaks this version
_AUTHENTICATION_METHODS = ("EAPTLS", "EAPMSCHAPv2")


@dataclass(frozen=True)
class _Target:
    """Where a path points, below the subscription."""

    group: str | None = None
    kind: str | None = None
    name: str | None = None
    action: str | None = None


@dataclass
class Call:
    """One authorised call with what its handler needs."""

    request: Request
    plan: Plan
    api_version: str
    resource: Resource

    def json(self) -> Any:
        return body_of(self.request)


class Arm:
    """Everything under /subscriptions, and /metadata/endpoints."""

    def __init__(
        self, url: str, subscription: Subscription, authority: Authority, blobs: Blobs, storage: Storage
    ) -> None:
        self.url = url
        self.subscription = subscription
        self.authority = authority
        self.blobs = blobs
        self.storage = storage
        self.write_sessions: Callable[[list[Json]], bytes] = as_list
        self.operations = Operations(url, subscription.id)
        self.permissions: list[str] = ["*"]
        self.page_size = 0
        self.returns_radius_secrets = False
        self.registered: list[str] = []
        self._last_package = datetime(2026, 1, 1)
        self._actions: dict[tuple[str, str], Callable[[Call], Response]] = {
            ("virtualwans", "generatevpnprofile"): self._wan_profile,
            ("virtualwans", "vpnserverconfigurations"): self._wan_configurations,
            ("p2svpngateways", "generatevpnprofile"): self._gateway_profile,
            ("p2svpngateways", "getp2svpnconnectionhealth"): self._health,
            ("p2svpngateways", "getp2svpnconnectionhealthdetailed"): self._sessions,
            ("p2svpngateways", "disconnectp2svpnconnections"): self._disconnect,
            ("p2svpngateways", "reset"): self._reset,
            ("vpnserverconfigurations", "listradiussecrets"): self._list_secrets,
        }

    # --- the front door ----------------------------------------------------------------------------------------

    def handle(self, request: Request, plan: Plan) -> Response:
        try:
            response = self._handle(request, plan)
        except AzureError as error:
            response = error.response()
        kind = "reads" if request.method in ("GET", "HEAD") else "writes"
        response.headers.setdefault(f"x-ms-ratelimit-remaining-subscription-{kind}", "1199")
        response.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
        response.headers.setdefault("x-ms-correlation-request-id", str(uuid.uuid4()))
        return response

    def _handle(self, request: Request, plan: Plan) -> Response:
        if request.path == "/metadata/endpoints":
            return self._metadata(_api_version(request))
        self._authenticate(request)
        version = _api_version(request)
        parts = [unquote(part) for part in request.path.split("/")[1:]]
        if parts[0].lower() != "subscriptions" or len(parts) < 2 or not all(parts):
            raise errors.front_door(404, "InvalidResourceType", "The resource type could not be found.")
        self._check_subscription(parts[1])
        rest = parts[2:]
        lower = [part.lower() for part in rest]
        if lower[:2] == ["providers", "microsoft.network"]:
            if lower[2:] == ["register"] and request.method == "POST":
                return self._register()
            if not lower[2:]:
                return self._provider()
            if len(rest) == 6 and lower[2] == "locations":
                return self._poll(request, version, *lower[3:6])
        return self._resource_call(request, plan, version, self._target(rest))

    def _metadata(self, version: str) -> Response:
        """The endpoint from which tools learn a cloud's addresses; it needs no token."""
        login = {"loginEndpoint": self.authority.url + "/", "audiences": [self.authority.audience]}
        old = {"galleryEndpoint": "", "graphEndpoint": "", "portalEndpoint": "", "authentication": login}
        if version < "2019-05-01":
            return front_door_json(200, old)
        new = {
            "name": "AzureLab",
            "resourceManager": self.url + "/",
            "authentication": login | {"tenant": "common", "identityProvider": "AAD"},
            "suffixes": {"storage": "core.windows.net"},
        }
        return front_door_json(200, [new])

    def _authenticate(self, request: Request) -> None:
        """Codes: Microsoft Learn "Troubleshoot API errors", challenge: RFC 6750."""
        root = f"{self.authority.url}/{self.authority.tenant}"
        header = request.headers.get("authorization")
        if header is None:
            text = "Authentication failed. The 'Authorization' header is missing."
            described = "The authentication failed because of missing 'Authorization' header."
            raise errors.authentication_failed("AuthenticationFailed", text, described, root)
        scheme, _blank, token = header.partition(" ")
        claims = self.authority.tokens.get(token)
        if scheme != "Bearer" or claims is None:
            text = "The access token is invalid."
            raise errors.authentication_failed("InvalidAuthenticationToken", text, text, root)
        if claims["exp"] <= time.time():
            text = "The access token expiry UTC time is earlier than current UTC time."
            raise errors.authentication_failed("ExpiredAuthenticationToken", text, text, root)
        if claims["aud"].rstrip("/") != self.authority.audience.rstrip("/"):
            text = f"The access token has been obtained for wrong audience or resource '{claims['aud']}'."
            raise errors.authentication_failed("InvalidAuthenticationTokenAudience", text, text, root)
        if claims["tid"] != self.authority.tenant:
            text = f"The access token is from the wrong issuer '{claims['iss']}'."
            raise errors.authentication_failed("InvalidAuthenticationTokenTenant", text, text, root)

    def _check_subscription(self, given: str) -> None:
        if given.lower() == self.subscription.id:
            return
        try:
            uuid.UUID(given)
        except ValueError:
            text = f"The provided subscription identifier '{given}' is malformed or invalid."
            raise errors.front_door(400, "InvalidSubscriptionId", text) from None
        raise errors.front_door(404, "SubscriptionNotFound", f"The subscription '{given}' could not be found.")

    def _allow(self, action: str, scope: str) -> None:
        if any(fnmatchcase(action.lower(), allowed.lower()) for allowed in self.permissions):
            return
        authority = self.authority
        raise errors.authorization_failed(authority.client_id, authority.object_id, action, scope)

    def _register(self) -> Response:
        self._allow("Microsoft.Network/register/action", f"/subscriptions/{self.subscription.id}")
        self.registered.append("Microsoft.Network")
        return self._provider()

    def _provider(self) -> Response:
        identifier = f"/subscriptions/{self.subscription.id}/providers/Microsoft.Network"
        return front_door_json(
            200, {"id": identifier, "namespace": "Microsoft.Network", "registrationState": "Registered"}
        )

    def _poll(self, request: Request, version: str, location: str, leaf: str, operation_id: str) -> Response:
        """A poll. It needs a right of its own (taskcluster/taskcluster PR 8594, MicrosoftDocs/azure-docs issue 111535),
        below the subscription: a role assigned to a resource group only does not give it.
        """
        _only_method(request, "GET")
        names = {"operations": "operations", "operationresults": "operationResults"}
        if leaf in names:
            scope = f"/subscriptions/{self.subscription.id}/providers/Microsoft.Network/locations/{location}"
            self._allow(f"Microsoft.Network/locations/{names[leaf]}/read", f"{scope}/{names[leaf]}/{operation_id}")
        if leaf == "operations":
            return self.operations.status(operation_id)
        if leaf == "operationresults":
            return self.operations.outcome(operation_id, version)
        raise errors.front_door(404, "InvalidResourceType", f"The resource type '{leaf}' could not be found.")

    # --- resources ---------------------------------------------------------------------------------------------

    def _target(self, rest: list[str]) -> _Target:
        """Take `[resourceGroups/G/]providers/Microsoft.Network/KIND[/NAME[/ACTION]]` apart."""
        group = None
        if not rest:
            return _Target()
        if rest[0].lower() == "resourcegroups":
            group, rest = (rest[1] if len(rest) > 1 else None), rest[2:]
            if not rest:
                return _Target(group)
        if len(rest) < 3 or rest[0].lower() != "providers":
            raise errors.front_door(404, "InvalidResourceType", "The resource type could not be found.")
        if rest[1].lower() != "microsoft.network":
            text = f"The resource namespace '{rest[1]}' is invalid."
            raise errors.front_door(404, "InvalidResourceNamespace", text)
        return _Target(group, rest[2], *rest[3:5]) if len(rest) <= 5 else _Target(group, "/".join(rest[2:]))

    def _resource_call(self, request: Request, plan: Plan, version: str, target: _Target) -> Response:
        if target.kind is None:
            return self._group_or_subscription(request, target)
        kind = KINDS.get(target.kind.lower())
        if kind is None:
            text = (
                f"The resource type '{target.kind}' could not be found in the namespace 'Microsoft.Network' for api "
                f"version '{version}'. The supported api-versions are '{','.join(API_VERSIONS)}'."
            )
            raise errors.front_door(404, "InvalidResourceType", text)
        if version not in API_VERSIONS:
            text = (
                f"No registered resource provider found for location 'westeurope' and API version '{version}' for "
                f"type '{kind}'. The supported api-versions are '{', '.join(API_VERSIONS)}'. The supported locations "
                "are 'westeurope, northeurope'."
            )
            raise errors.front_door(400, "NoRegisteredProviderFound", text)
        if target.name is None:
            return self._list(request, kind, target.group)
        if target.group is None:
            raise errors.front_door(404, "InvalidResourceType", "The resource type could not be found.")
        return self._one(request, plan, version, kind, target)

    def _group_or_subscription(self, request: Request, target: _Target) -> Response:
        _only_method(request, "GET")
        identifier = f"/subscriptions/{self.subscription.id}"
        if target.group is None:
            self._allow("Microsoft.Resources/subscriptions/read", identifier)
            content = {"id": identifier, "subscriptionId": self.subscription.id, "displayName": "Lab"}
            return front_door_json(200, content | {"state": "Enabled", "tenantId": self.authority.tenant})
        self._allow(
            "Microsoft.Resources/subscriptions/resourceGroups/read", f"{identifier}/resourceGroups/{target.group}"
        )
        group = self.subscription.group(target.group)
        if group is None:
            raise errors.resource_group_not_found(target.group)
        content = {"id": f"{identifier}/resourceGroups/{group.name}", "name": group.name, "location": group.location}
        return front_door_json(
            200,
            content | {"type": "Microsoft.Resources/resourceGroups", "properties": {"provisioningState": "Succeeded"}},
        )

    def _list(self, request: Request, kind: str, group: str | None) -> Response:
        _only_method(request, "GET")
        scope = f"/subscriptions/{self.subscription.id}"
        scope += f"/resourceGroups/{group}" if group is not None else ""
        self._allow(f"Microsoft.Network/{kind}/read", scope)
        if group is not None and self.subscription.group(group) is None:
            raise errors.resource_group_not_found(group)
        found = [self._shown(resource) for resource in self.subscription.of_kind(kind, group)]
        start = int(request.parameters.get("$skiptoken", ["0"])[0])
        content: Json = {"value": found}
        if self.page_size:
            content["value"] = found[start : start + self.page_size]
            if start + self.page_size < len(found):
                version = _api_version(request)
                token = start + self.page_size
                content["nextLink"] = f"{self.url}{request.path}?api-version={version}&$skiptoken={token}"
        return service_json(200, content)

    def _one(self, request: Request, plan: Plan, version: str, kind: str, target: _Target) -> Response:
        group_name, name = target.group or "", target.name or ""
        scope = self.subscription.id_of(kind, group_name, name)
        verb = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}.get(request.method, "action")
        right = f"Microsoft.Network/{kind}/" + (verb if target.action is None else f"{target.action}/{verb}")
        self._allow(right, scope)
        group = self.subscription.group(group_name)
        if group is None:
            raise errors.resource_group_not_found(group_name)
        resource = self.subscription.get(kind, group_name, name)
        if target.action is None and request.method == "PUT":
            if kind != "vpnServerConfigurations":
                raise _not_modelled(f"PUT of {kind}")
            return self._put(request, plan, version, self.subscription.id_of(kind, group.name, name))
        if resource is None:
            if target.action is None and request.method == "DELETE":
                return Response(204)
            raise errors.resource_not_found(kind, name, group_name)
        call = Call(request, plan, version, resource)
        if target.action is not None:
            return self._action(call, target.action)
        if request.method == "GET":
            _advance(resource)
            return service_json(200, self._shown(resource), {"ETag": resource.etag})
        if request.method == "PATCH":
            return self._patch(call)
        if request.method == "DELETE":
            return self._delete(call)
        raise _not_allowed(request.method)

    def _shown(self, resource: Resource) -> Json:
        if resource.kind == "vpnServerConfigurations":
            gateways = self.subscription.gateways_using(resource)
            return server_configurations.shown(resource, gateways, with_secrets=self.returns_radius_secrets)
        return resource.document()

    def _put(self, request: Request, plan: Plan, version: str, identifier: str) -> Response:
        """Create or replace; the answer is the resource in state Updating, with Azure-AsyncOperation only."""
        document = body_of(request)
        if document is None:
            raise errors.front_door(400, "InvalidRequestContent", "The request content was invalid: it is empty.")
        current = self.subscription.by_id(identifier)
        _check_preconditions(request, current, identifier)
        location, tags, properties = server_configurations.accepted(document, current, identifier)
        if current is not None and current.operation is not None and current.operation.look() == "InProgress":
            raise errors.another_operation(self.operations.url(current.operation, version))
        resource = current
        if resource is None:
            group, name = identifier.split("/")[4], identifier.rsplit("/", maxsplit=1)[-1]
            resource = self.subscription.add("vpnServerConfigurations", group, name, location, properties)
        resource.properties, resource.tags = properties, tags
        resource.touch()
        operation = self.operations.start(resource.location, plan, ended=_finish(resource))
        resource.operation = operation
        shown = self._shown(resource)
        status = 201 if current is None else 200
        return self.operations.accepted(operation, version, recorded="async", status=status, body=shown)

    def _patch(self, call: Call) -> Response:
        """Tags only: at once for a configuration, as an operation for a gateway."""
        document = _members(call.json(), {"tags"})
        resource = call.resource
        resource.tags = dict(document.get("tags") or {})
        resource.touch()
        if resource.kind != "p2sVpnGateways":
            return service_json(200, self._shown(resource), {"ETag": resource.etag})
        operation = self.operations.start(resource.location, call.plan, output=lambda: self._shown(resource))
        return self.operations.accepted(operation, call.api_version, recorded="both")

    def _delete(self, call: Call) -> Response:
        resource = call.resource
        if resource.kind != "vpnServerConfigurations":
            raise _not_modelled(f"DELETE of {resource.kind}")
        if self.subscription.gateways_using(resource):
            raise _not_modelled("DELETE of a configuration in use")
        _check_preconditions(call.request, resource, resource.id)
        self.subscription.remove(resource)
        operation = self.operations.start(resource.location, call.plan)
        return self.operations.accepted(operation, call.api_version, recorded="both")

    # --- actions -----------------------------------------------------------------------------------------------

    def _action(self, call: Call, action: str) -> Response:
        kind = call.resource.kind
        if kind == "vpnServerConfigurations" and action.lower() == "configurationpolicygroups":
            _only_method(call.request, "GET")
            return service_json(200, {"value": call.resource.properties.get("configurationPolicyGroups", [])})
        handler = self._actions.get((kind.lower(), action.lower()))
        if handler is None:
            raise _not_modelled(f"{call.request.method} {kind}/{action}")
        _only_method(call.request, "POST")
        return handler(call)

    def _wan_profile(self, call: Call) -> Response:
        content = _members(call.json(), {"vpnServerConfigurationResourceId", "authenticationMethod"})
        reference = content.get("vpnServerConfigurationResourceId") or ""
        configuration = self.subscription.by_id(reference)
        if configuration is None or configuration.kind != "vpnServerConfigurations":
            raise errors.invalid_reference(reference, call.resource.id)
        gateways = [
            gateway
            for gateway in self.subscription.gateways_of_wan(call.resource)
            if self.subscription.configuration_of(gateway) is configuration
        ]
        if not gateways:
            # The code is a guess (docs/fidelity-azure.md): no public report shows the real one.
            text = f"Vpn server configuration {reference} is not associated with virtual wan {call.resource.id}."
            raise AzureError(400, "VpnServerConfigurationNotAssociatedWithVirtualWan", text)
        wan = call.resource.profile or Profile("")
        # Microsoft's article on global and hub profiles: a global one names the certificate of one hub only.
        roots = (gateways[0].profile or Profile("")).roots
        routes = sorted({route for gateway in gateways for route in (gateway.profile or Profile("")).routes})
        profile = Profile(wan.vpn_server, roots, routes, wan.vnet_name, wan.vnet_id, wan.extra_elements, wan.generation)
        return self._profile(call, profile, configuration, gateways, content)

    def _gateway_profile(self, call: Call) -> Response:
        content = _members(call.json(), {"authenticationMethod"})
        configuration = self.subscription.configuration_of(call.resource)
        if configuration is None:
            raise errors.invalid_reference("vpnServerConfiguration", call.resource.id)
        return self._profile(call, call.resource.profile or Profile(""), configuration, [call.resource], content)

    def _profile(
        self, call: Call, profile: Profile, configuration: Resource, gateways: list[Resource], content: Json
    ) -> Response:
        method = content.get("authenticationMethod") or "EAPTLS"
        if method not in _AUTHENTICATION_METHODS:
            raise errors.wrong_value(method, "AuthenticationMethod", "authenticationMethod")
        pools = [pool for gateway in gateways for pool in _pools(gateway)]
        if not pools:
            text = "VpnClientAddressPool is not specified."
            raise AzureError(400, "VpnClientAddressPoolNotSpecified", text)
        lifetime = call.plan.sas_lifetime

        def make() -> Json:
            package = packages.build(
                profile, configuration, gateways, pools=pools, authentication_method=method, when=self._moment()
            )
            return {"profileUrl": self.blobs.put(package, lifetime)}

        operation = self.operations.start(call.resource.location, call.plan, output=make)
        return self.operations.accepted(operation, call.api_version, recorded="both")

    def _moment(self) -> datetime:
        """Now, but later than the last package by what a ZIP can tell apart: no two packages are alike."""
        now = datetime.now(UTC).replace(tzinfo=None)
        self._last_package = max(now, self._last_package + timedelta(seconds=2))
        return self._last_package

    def _wan_configurations(self, call: Call) -> Response:
        """Those in use by a gateway of this WAN; recorded with Location only."""
        _members(call.json(), set())
        wan = call.resource

        def find() -> Json:
            found: list[str] = []
            for gateway in self.subscription.gateways_of_wan(wan):
                configuration = self.subscription.configuration_of(gateway)
                if configuration is not None and configuration.id not in found:
                    found.append(configuration.id)
            return {"vpnServerConfigurationResourceIds": found}

        operation = self.operations.start(wan.location, call.plan, output=find)
        return self.operations.accepted(operation, call.api_version, recorded="location")

    def _health(self, call: Call) -> Response:
        """The whole gateway, with totals and addresses: no names, as the model has none."""
        _members(call.json(), set())
        gateway = call.resource

        def measure() -> Json:
            if gateway.count_clients:
                gateway.clients = gateway.count_clients()
            document = self._shown(gateway)
            document["properties"]["vpnClientConnectionHealth"] = {
                "vpnClientConnectionsCount": len(gateway.clients),
                "allocatedIpAddresses": [client.address for client in gateway.clients],
                "totalIngressBytesTransferred": sum(client.ingress_bytes for client in gateway.clients),
                "totalEgressBytesTransferred": sum(client.egress_bytes for client in gateway.clients),
            }
            return document

        operation = self.operations.start(gateway.location, call.plan, output=measure)
        return self.operations.accepted(operation, call.api_version, recorded="both")

    def _sessions(self, call: Call) -> Response:
        """Write who is connected into the blob that the caller names.

        Sources: azure-rest-api-specs, P2SVpnConnectionHealthRequest; the form of the file: the query in Microsoft
        Learn, "Monitor Virtual WAN P2S connections", and captured files. One object a connection configuration.
        """
        content = _members(call.json(), {"outputBlobSasUrl", "vpnUserNamesFilter"})
        target = urlsplit(content.get("outputBlobSasUrl") or "")
        wanted = content.get("vpnUserNamesFilter") or []
        gateway = call.resource

        def put() -> Json:
            if gateway.count_clients:
                gateway.clients = gateway.count_clients()
            those = [client for client in gateway.clients if not wanted or client.user_name in wanted]
            body = self.write_sessions(_session_file(gateway, those))
            headers = {"x-ms-version": "2024-11-04", "x-ms-blob-type": "BlockBlob"}
            request = Request("PUT", target.netloc, target.path, target.query, headers, body)
            answer = self.storage.handle(request)
            if answer.status != 201:
                raise AzureError(
                    400, "InvalidSasUrl", f"The blob cannot be written: {answer.headers['x-ms-error-code']}."
                )
            return {"sasUrl": content["outputBlobSasUrl"]}

        operation = self.operations.start(gateway.location, call.plan, output=put)
        return self.operations.accepted(operation, call.api_version, recorded="both")

    def _disconnect(self, call: Call) -> Response:
        content = _members(call.json(), {"vpnConnectionIds"})
        wanted = set(content.get("vpnConnectionIds") or [])
        gateway = call.resource
        for client in [client for client in gateway.clients if client.connection_id in wanted]:
            if gateway.end_client:
                gateway.end_client(client.connection_id)
        gateway.clients = [client for client in gateway.clients if client.connection_id not in wanted]
        operation = self.operations.start(gateway.location, call.plan)
        return self.operations.accepted(operation, call.api_version, recorded="both")

    def _reset(self, call: Call) -> Response:
        gateway = call.resource
        gateway.clients = []
        operation = self.operations.start(gateway.location, call.plan, output=lambda: self._shown(gateway))
        return self.operations.accepted(operation, call.api_version, recorded="both")

    def _list_secrets(self, call: Call) -> Response:
        if call.api_version < _LIST_SECRETS_SINCE:
            text = f"The request url {self.url}{call.request.path} is not found."
            raise AzureError(404, "HttpResourceNotFound", text)
        return service_json(200, {"value": server_configurations.radius_secrets(call.resource)})


def body_of(request: Request) -> Any:
    """The JSON of a request, or None without one."""
    if not request.body:
        return None
    kind = request.headers.get("content-type", "")
    if kind.split(";")[0].strip().lower() != "application/json":
        text = f"The content media type '{kind}' is not supported. Only 'application/json' is supported."
        raise errors.front_door(415, "UnsupportedMediaType", text)
    try:
        return json.loads(request.body)
    except ValueError as error:
        text = f"The request content was invalid and could not be deserialized: '{error}'."
        raise errors.front_door(400, "InvalidRequestContent", text) from None


def changes(request: Request) -> bool:
    """Would this request change something in Azure, if it succeeded?"""
    path = request.path.lower()
    if not path.startswith("/subscriptions/") or request.method in ("GET", "HEAD"):
        return False
    if request.method != "POST":
        return True
    return path.endswith(("/disconnectp2svpnconnections", "/reset", "/register", "/attach", "/detach"))


def _api_version(request: Request) -> str:
    values = request.parameters.get("api-version", [])
    if not values or not values[0]:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise errors.front_door(400, "MissingApiVersionParameter", text)
    version = values[0]
    if len(values) > 1 or not re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", version):
        text = (
            f"The api-version '{','.join(values)}' is invalid. The supported versions are '{','.join(API_VERSIONS)}'."
        )
        raise errors.front_door(400, "InvalidApiVersionParameter", text)
    return version


def _only_method(request: Request, method: str) -> None:
    if request.method != method:
        raise _not_allowed(request.method)


def _not_allowed(method: str) -> AzureError:
    text = f"The requested resource does not support http method '{method}'."
    return errors.front_door(405, "HttpMethodNotSupported", text)


def _not_modelled(what: str) -> AzureError:
    return errors.front_door(501, "LabNotModelled", f"The lab's Azure does not model {what}.")


def _members(content: Any, known: set[str]) -> Json:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise errors.invalid_request("InvalidJson", "The request body is not a JSON object.")
    for name in content:
        if name not in known:
            raise errors.unknown_member(name, "the request", name)
    return content


def _check_preconditions(request: Request, current: Resource | None, identifier: str) -> None:
    """If-Match and If-None-Match (RFC 9110). That Microsoft.Network honours them here is not documented."""
    wanted = request.headers.get("if-match")
    if wanted is not None:
        found = current.etag if current is not None else ""
        if current is None or wanted not in ("*", found):
            raise errors.precondition_failed(wanted, found, identifier)
    if request.headers.get("if-none-match") == "*" and current is not None:
        raise errors.precondition_failed("*", current.etag, identifier)


def _advance(resource: Resource) -> None:
    """A GET counts as a look: an operation whose client has died must end all the same."""
    if resource.operation is not None:
        resource.operation.look()


def _finish(resource: Resource) -> Callable[[str], None]:
    """The end of a PUT: its state, and a new etag (as recorded: the one in the PUT's answer does not last)."""

    def ended(status: str) -> None:
        resource.properties["provisioningState"] = "Succeeded" if status == "Succeeded" else "Failed"
        resource.touch()
        resource.operation = None

    return ended


def _pools(gateway: Resource) -> list[str]:
    found: list[str] = []
    for item in gateway.properties.get("p2SConnectionConfigurations", []):
        found += item.get("properties", {}).get("vpnClientAddressPool", {}).get("addressPrefixes", [])
    return found


def _session_file(gateway: Resource, clients: list[Client]) -> list[Json]:
    """An object for each connection configuration; in it, by user, the connections."""
    found = []
    for configuration in gateway.properties["p2SConnectionConfigurations"]:
        users: dict[str, list[Json]] = {}
        for client in clients:
            users.setdefault(client.user_name, []).append(
                {
                    "VpnConnectionId": client.connection_id,
                    "VpnConnectionDuration": int((datetime.now(UTC) - client.since).total_seconds()),
                    "VpnConnectionTime": client.since.strftime("%Y-%m-%dT%H:%M:%S"),
                    "PublicIpAddress": client.public_address,
                    "PrivateIpAddress": client.address,
                    "UserName": client.user_name,
                    "MaxBandwidth": 0,
                    "EgressPacketsTransferred": 0,
                    "EgressBytesTransferred": client.egress_bytes,
                    "IngressPacketsTransferred": 0,
                    "IngressBytesTransferred": client.ingress_bytes,
                    "MaxPacketsPerSecond": 0,
                }
            )
        found.append(
            {
                "P2SConnectionConfigurationResourceId": configuration["id"],
                "UserNameVpnConnectionHealths": [
                    {"UserName": name, "VpnConnectionHealths": connections} for name, connections in users.items()
                ],
            }
        )
    return found


def as_list(entries: list[Json]) -> bytes:
    """The file as one list."""
    return json.dumps(entries, indent=2).encode()


def as_lines(entries: list[Json]) -> bytes:
    """The file as several tools expect it: an object a line, with a byte order mark."""
    return b"\xef\xbb\xbf" + "".join(json.dumps(entry) + "\r\n" for entry in entries).encode()
