# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels between the listener and the parts of the lab's Azure: one request, one response."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    """One HTTP request, read whole. Header names are in lower case."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The query as name (lower case, as ARM compares them) -> values."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name.lower(), []).append(value)
        return found


@dataclass
class Response:
    """One HTTP response. `cut` makes the connection end after so many bytes of the body."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


def service_json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A body as Microsoft.Network writes it: indented, CRLF.

    Source: the recordings of Azure/azure-cli-extensions, src/virtual-wan. `null` is those four bytes.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False).replace("\n", "\r\n")
    return _json(status, text, headers)


def front_door_json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A body as Azure Resource Manager itself and Entra ID write it: on one line."""
    return _json(status, json.dumps(content, separators=(",", ":"), ensure_ascii=False), headers)


def storage_error(status: int, code: str, message: str, detail: str = "") -> Response:
    """An error of the storage service, in its XML, with the byte order mark that it sends.

    Source: Microsoft Learn, "Status and error codes" of Blob Storage.
    """
    request_id = str(uuid.uuid4())
    text = f"{message}\nRequestId:{request_id}\nTime:{datetime.now(UTC).isoformat()}"
    extra = f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" if detail else ""
    xml = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{text}</Message>{extra}</Error>'
    headers = {"Content-Type": "application/xml", "x-ms-error-code": code, "x-ms-request-id": request_id}
    return Response(status, b"\xef\xbb\xbf" + xml.encode(), headers)


def _json(status: int, text: str, headers: Mapping[str, str] | None) -> Response:
    kept = {"Content-Type": "application/json; charset=utf-8"} | dict(headers or {})
    return Response(status, text.encode(), kept)
