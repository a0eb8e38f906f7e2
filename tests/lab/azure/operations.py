# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations: what starts them, what a poll answers, how they end.

Source: Microsoft Learn "Track asynchronous Azure operations", and the recorded traffic in
Azure/azure-cli-extensions (src/virtual-wan, recordings `test_p2s_vpn_client_generate`,
`test_azure_vpn_server_config_multi_auth`) and Azure/azure-powershell (`TestP2SCortexCRUD`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import AzureError, front_door
from .messages import Response, service_json

_QUICK = "20"  # milliseconds


@dataclass
class Plan:
    """How the next operation behaves. `AzureLab.plan` holds the defaults, a fault changes a copy.

    `headers`: `both`, `location`, `async`, `direct` (the result at once, 200), or None for what was recorded
    of the operation. `polls`: how many polls find it unfinished. `retry_after`: seconds, or None to send none (then
    the SDK waits its own interval, 30 s by default). 0 is the lab's quick time: Retry-After has no fractions, and the
    SDK takes 0 for absent, so `x-ms-retry-after-ms` says it, a header of other Azure services that azure-core obeys.
    """

    headers: str | None = None
    polls: int = 1
    retry_after: int | None = 0
    outcome: str = "Succeeded"
    error_code: str = "InternalServerError"
    error_message: str = "An error occurred."
    sas_lifetime: int = 3600


@dataclass
class Operation:
    """One operation under way. `output` makes the result when it ends, `ended` tells the resource about it."""

    id: str
    location: str
    plan: Plan
    output: Callable[[], Any] | None
    ended: Callable[[str], None] | None
    status: str = "InProgress"
    result: Any = None

    def look(self) -> str:
        """Someone looks: count it, end the operation when its time has come, return its status."""
        if self.status != "InProgress":
            return self.status
        if self.plan.polls > 0:
            self.plan.polls -= 1
            return self.status
        self.status = self.plan.outcome
        if self.status == "Succeeded" and self.output is not None:
            self.result = self.output()
        if self.ended is not None:
            self.ended(self.status)
        return self.status

    def error(self) -> dict[str, Any]:
        if self.status == "Canceled":
            return {"code": "Canceled", "message": "Operation was canceled.", "details": []}
        return {"code": self.plan.error_code, "message": self.plan.error_message, "details": []}


class Operations:
    """All operations of the subscription, by their id."""

    def __init__(self, arm_url: str, subscription_id: str) -> None:
        self._root = f"{arm_url}/subscriptions/{subscription_id}/providers/Microsoft.Network/locations"
        self._all: dict[str, Operation] = {}

    def start(
        self,
        location: str,
        plan: Plan,
        *,
        output: Callable[[], Any] | None = None,
        ended: Callable[[str], None] | None = None,
    ) -> Operation:
        operation = Operation(str(uuid.uuid4()), location, plan, output, ended)
        self._all[operation.id] = operation
        if plan.headers == "direct":
            plan.polls = 0
            operation.look()
        return operation

    def accepted(
        self, operation: Operation, api_version: str, *, recorded: str, status: int = 202, body: Any = None
    ) -> Response:
        """The first answer: 202 with `null`, or the resource with 200 or 201; the headers say where to look."""
        if operation.status == "Succeeded":
            if operation.result is not None:
                return service_json(200, operation.result)
            return service_json(200 if status == 202 else status, body)
        if operation.status != "InProgress":
            error = operation.error()
            raise AzureError(400, error["code"], error["message"])
        return service_json(status, body, self._headers(operation, api_version, recorded))

    def url(self, operation: Operation, api_version: str, leaf: str = "operations") -> str:
        return f"{self._root}/{operation.location}/{leaf}/{operation.id}?api-version={api_version}"

    def status(self, operation_id: str) -> Response:
        """GET of Azure-AsyncOperation. A failed operation answers 200 as well: the news is in the body."""
        operation = self._find(operation_id)
        content: dict[str, Any] = {"status": operation.look()}
        if content["status"] == "Succeeded" and operation.result is not None:
            content["properties"] = {"output": operation.result}
        elif content["status"] in ("Failed", "Canceled"):
            content["error"] = operation.error()
        headers = self._pace(operation) if content["status"] == "InProgress" else {}
        return service_json(200, content, headers)

    def outcome(self, operation_id: str, api_version: str) -> Response:
        """GET of Location: 202 `null` until it ends, then the result itself, or the error with its own status."""
        operation = self._find(operation_id)
        status = operation.look()
        if status == "InProgress":
            return service_json(202, None, self._headers(operation, api_version, "location"))
        if status != "Succeeded":
            error = operation.error()
            raise AzureError(409 if status == "Canceled" else 400, error["code"], error["message"])
        if operation.result is None:
            return Response(204)
        return service_json(200, operation.result)

    def _find(self, operation_id: str) -> Operation:
        operation = self._all.get(operation_id.lower())
        if operation is None:
            raise front_door(404, "OperationNotFound", f"The operation '{operation_id}' could not be found.")
        return operation

    def _headers(self, operation: Operation, api_version: str, recorded: str) -> dict[str, str]:
        style = operation.plan.headers or recorded
        headers = self._pace(operation)
        if style in ("both", "async"):
            headers["Azure-AsyncOperation"] = self.url(operation, api_version)
            headers["Azure-AsyncNotification"] = "Enabled"
        if style in ("both", "location"):
            headers["Location"] = self.url(operation, api_version, "operationResults")
        return headers

    @staticmethod
    def _pace(operation: Operation) -> dict[str, str]:
        seconds = operation.plan.retry_after
        if seconds is None:
            return {}
        return {"Retry-After": str(seconds)} if seconds else {"x-ms-retry-after-ms": _QUICK}
