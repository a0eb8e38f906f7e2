# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, switched on per request.

    azure.faults.add("PUT */vpnServerConfigurations/*", faults.conflict())
    azure.faults.add("POST */generateVpnProfile", faults.slow(polls=5), times=2)
    azure.faults.add("blob", faults.truncated())

A match is `METHOD PATH` with the shell's wildcards (case does not count), one of the names in `NAMES`, or a function
that takes the request. Faults are tried in the order of adding; the first that matches and is not used up acts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .errors import AzureError, authentication_failed, front_door, precondition_failed
from .messages import Request, Response
from .operations import Plan

Match = str | Callable[[Request], bool]

NAMES = {
    "token": "POST */oauth2/v2.0/token",
    "discovery": "GET */.well-known/openid-configuration",
    "blob": "* /vpnprofileimmutable/*",
    "generate": "POST */generatevpnprofile",
    "put": "PUT */providers/microsoft.network/*",
    "poll": "GET */locations/*/operation*/*",
    "status": "GET */locations/*/operations/*",
    "result": "GET */locations/*/operationresults/*",
    "health": "POST */getp2svpnconnectionhealth",
}

CLOSED = Response(0)  # no answer at all: the connection is reset


@dataclass
class Fault:
    """`before` may answer in place of the service; `plan` bends the operation; `after` bends the answer."""

    name: str
    before: Callable[[Request], Response | None] | None = None
    plan: Callable[[Plan], None] | None = None
    after: Callable[[Response], Response] | None = None


@dataclass
class _Entry:
    match: Match
    fault: Fault
    left: float
    used: int = field(default=0)


class Faults:
    """The faults switched on now."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()

    def add(self, match: Match, fault: Fault, times: float = 1) -> None:
        """Switch a fault on for the next `times` requests that match (`math.inf`: for all)."""
        self._entries.append(_Entry(match, fault, times))

    def clear(self) -> None:
        self._entries.clear()

    @property
    def unused(self) -> list[str]:
        """Names of the faults that never acted: a test that expects a fault can insist on this being empty."""
        return [entry.fault.name for entry in self._entries if not entry.used]

    def take(self, request: Request) -> Fault | None:
        with self._lock:
            for entry in self._entries:
                if entry.left >= 1 and _matches(entry.match, request):
                    entry.left -= 1
                    entry.used += 1
                    return entry.fault
        return None


def _matches(match: Match, request: Request) -> bool:
    if callable(match):
        return match(request)
    pattern = NAMES.get(match, match).lower()
    return fnmatchcase(f"{request.method} {request.path}".lower(), pattern)


# --- answers in place of the service ---------------------------------------------------------------------------


def status(code: int, error: str, message: str, *, retry_after: int | None = None) -> Fault:
    """Any error in ARM's form."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return _answer(f"status {code}", AzureError(code, error, message, headers=headers))


def throttled(retry_after: int | None = None) -> Fault:
    """429, with or without Retry-After. Source: Microsoft Learn "Throttling Resource Manager requests"."""
    message = (
        "Number of 'write' requests for the subscription exceeded the limit of '1200' for time interval '01:00:00'. "
        "Please try again later."
    )
    return status(429, "SubscriptionRequestsThrottled", message, retry_after=retry_after)


def conflict() -> Fault:
    """409: somebody else's operation on the same resource is under way."""
    return status(409, "AnotherOperationInProgress", "Another operation on this or dependent resource is in progress.")


def etag_mismatch() -> Fault:
    """412: the resource has changed since it was read."""
    return _answer("412", precondition_failed('W/"old"', 'W/"new"', "the resource"))


def internal_error() -> Fault:
    return status(500, "InternalServerError", "An error occurred.")


def unavailable(retry_after: int | None = None) -> Fault:
    return status(503, "ServiceUnavailable", "The service is temporarily unavailable.", retry_after=retry_after)


def forbidden(action: str = "Microsoft.Network/virtualWans/read") -> Fault:
    message = (
        f"The client 'lab' with object id 'lab' does not have authorization to perform action '{action}' over scope "
        "'/subscriptions/lab' or the scope is invalid. If access was recently granted, please refresh your credentials."
    )
    return _answer("403", front_door(403, "AuthorizationFailed", message))


def unauthorized() -> Fault:
    """401: the token has expired on its way."""
    message = "The access token expiry UTC time is earlier than current UTC time."
    return _answer("401", authentication_failed("ExpiredAuthenticationToken", message, message, "https://localhost"))


def unregistered() -> Fault:
    """409 MissingSubscriptionRegistration, which tempts the SDK into registering the provider by itself."""
    message = (
        "The subscription is not registered to use namespace 'Microsoft.Network'. "
        "See https://aka.ms/rps-not-found for how to register subscriptions."
    )
    return _answer("unregistered", front_door(409, "MissingSubscriptionRegistration", message))


def raw(code: int, body: bytes, content_type: str = "text/html") -> Fault:
    """Any bytes: the page of a proxy, for example."""
    return Fault(f"raw {code}", before=lambda request: Response(code, body, {"Content-Type": content_type}))


def reset(*, served: bool = False) -> Fault:
    """The connection is reset; `served=True` after the service has done its work, else before."""
    if served:
        return Fault("reset after", after=lambda response: CLOSED)
    return Fault("reset before", before=lambda request: CLOSED)


def delay(seconds: float) -> Fault:
    """The answer comes late."""
    return call(lambda request: time.sleep(seconds))


def call(function: Callable[[Request], object]) -> Fault:
    """Run a function when the request has arrived, before it is served: to kill the client, to change state."""

    def run(request: Request) -> None:
        function(request)

    return Fault("call", before=run)


# --- answers bent ----------------------------------------------------------------------------------------------


def truncated(share: float = 0.5) -> Fault:
    """The connection ends in the middle of the body that Content-Length has announced."""

    def cut(response: Response) -> Response:
        response.cut = int(len(response.body) * share)
        return response

    return Fault("truncated", after=cut)


def body(content: bytes, content_type: str | None = None) -> Fault:
    """Status and headers as they were, another body: wrong JSON, an empty body, damaged bytes."""

    def replace(response: Response) -> Response:
        response.body = content
        if content_type is not None:
            response.headers["Content-Type"] = content_type
        return response

    return Fault("body", after=replace)


def wrong_json() -> Fault:
    return body(b'{"name": "cut in the mid')


# --- operations bent -------------------------------------------------------------------------------------------


def operation(**settings: object) -> Fault:
    """Bend the operation that the request starts: any fields of `operations.Plan`."""

    def change(plan: Plan) -> None:
        for name, value in settings.items():
            if not hasattr(plan, name):
                raise AttributeError(f"an operation's plan has no {name}")
            setattr(plan, name, value)

    return Fault("operation", plan=change)


def slow(polls: int = 5, retry_after: int | None = 0) -> Fault:
    return operation(polls=polls, retry_after=retry_after)


def failed(code: str = "InternalServerError", message: str = "An error occurred.") -> Fault:
    return operation(outcome="Failed", error_code=code, error_message=message)


def cancelled() -> Fault:
    return operation(outcome="Canceled")


def expired_sas() -> Fault:
    """The package's URL is already too old when it is handed out."""
    return operation(sas_lifetime=-60)


def _answer(name: str, error: AzureError) -> Fault:
    return Fault(name, before=lambda request: error.response())
