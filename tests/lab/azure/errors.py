# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's error bodies, by the code users see in them.

Sources: Microsoft Learn "Common Azure deployment errors" and "Troubleshoot API errors in Azure Resource Manager";
for Microsoft.Network the public issues named beside each function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .messages import Response, front_door_json, service_json


class AzureError(Exception):
    """An answer with an error body. `service` chooses Microsoft.Network's layout, else the front door's."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Iterable[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        service: bool = True,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.details = [dict(item) for item in details]
        self.headers = dict(headers or {})
        self.service = service

    @property
    def content(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.service:
            error["details"] = self.details
        return {"error": error}

    def response(self) -> Response:
        write = service_json if self.service else front_door_json
        return write(self.status, self.content, self.headers)


def front_door(status: int, code: str, message: str, **headers: str) -> AzureError:
    """An error of Azure Resource Manager itself, before a resource provider sees the request."""
    return AzureError(status, code, message, headers=headers, service=False)


def authentication_failed(code: str, message: str, description: str, authority: str) -> AzureError:
    """401 with the challenge header that every ARM client understands (RFC 6750, section 3)."""
    challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{description}"'
    return AzureError(401, code, message, headers={"WWW-Authenticate": challenge}, service=False)


def authorization_failed(client: str, object_id: str, action: str, scope: str) -> AzureError:
    return front_door(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials.",
    )


def resource_not_found(kind: str, name: str, resource_group: str) -> AzureError:
    return front_door(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.Network/{kind}/{name}' under resource group '{resource_group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        **{"x-ms-failure-cause": "gateway"},
    )


def resource_group_not_found(name: str) -> AzureError:
    return front_door(
        404,
        "ResourceGroupNotFound",
        f"Resource group '{name}' could not be found.",
        **{"x-ms-failure-cause": "gateway"},
    )


def invalid_request(detail_code: str, detail: str) -> AzureError:
    """Microsoft.Network's answer to JSON that does not fit its types.

    Source of the form: MicrosoftLearning/AZ-700 issues 153 and 183, MSOpenTech/azure-xplat-cli issue 497.
    """
    return AzureError(
        400,
        "InvalidRequestFormat",
        "Cannot parse the request.",
        details=[{"code": detail_code, "message": detail}],
    )


def unknown_member(member: str, kind: str, path: str) -> AzureError:
    return invalid_request(
        "InvalidJson", f"Could not find member '{member}' on object of type '{kind}'. Path '{path}'."
    )


def wrong_value(value: object, kind: str, path: str) -> AzureError:
    return invalid_request("InvalidJson", f"Error converting value \"{value}\" to type '{kind}'. Path '{path}'.")


def certificate_expired(configuration_id: str, certificate: str) -> AzureError:
    """Source of code and sentence: Azure-Samples/azuresandbox issue 191."""
    return AzureError(
        400,
        "VpnServerConfigurationCertificateExpired",
        f"Vpn server configuration {configuration_id} certificate {certificate} is expired. "
        "Please remove this certificate and retry.",
    )


def certificate_invalid(configuration_id: str, certificate: str) -> AzureError:
    """The code is a guess (docs/fidelity-azure.md): no public report shows one for unreadable certificate data."""
    return AzureError(
        400,
        "VpnServerConfigurationCertificateInvalid",
        f"Data for certificate {certificate} of Vpn server configuration {configuration_id} is invalid.",
    )


def invalid_reference(reference: str, referrer: str) -> AzureError:
    return AzureError(
        400,
        "InvalidResourceReference",
        f"Resource {reference} referenced by resource {referrer} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
    )


def another_operation(operation_url: str) -> AzureError:
    """Source: pulumi/pulumi-azure-native issue 1024, Azure-Samples/azuresandbox issue 51."""
    return AzureError(
        409,
        "AnotherOperationInProgress",
        "Another operation on this or dependent resource is in progress. "
        f"To retrieve status of the operation use uri: {operation_url}",
    )


def precondition_failed(sent: str, current: str, resource_id: str) -> AzureError:
    return AzureError(
        412,
        "PreconditionFailed",
        "Precondition failed.",
        details=[
            {
                "code": "PreconditionFailedEtagMismatch",
                "message": f"Etag provided in if-match header {sent} does not match etag {current} of resource "
                f"{resource_id} in NRP data store.",
            }
        ],
    )
