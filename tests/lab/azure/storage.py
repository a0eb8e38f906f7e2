# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One storage account's blob service: what a client needs to have Azure write a file into it.

Put Blob, Get Blob and Delete Blob of block blobs, and Get User Delegation Key; by an Entra token or a SAS. On a host
that is an address the account is the first part of the path, as with Microsoft's emulator.

Sources: Microsoft Learn, REST API of Blob Storage ("Put Blob", "Get Blob", "Delete Blob", "Get User Delegation Key",
"Create a user delegation SAS", "Create a service SAS", "Blob service error codes", "Specifying conditional headers for
Blob service operations", "Versioning for Azure Storage"), and "Authorize access to blobs using Microsoft Entra ID" for
the roles. The two lines for signed headers and parameters in what is signed, from version 2026-04-06 on, are those of
azure-storage-blob itself: the page of that version was not at hand.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from .authority import STORAGE, Authority
from .messages import Request, Response, storage_error

LONGEST_KEY = timedelta(days=7)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_VERSION = re.compile(r"20\d\d-\d\d-\d\d")
# What a permission of a SAS allows: by method.
_NEEDED = {"GET": "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}


class StorageError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


_FAILED = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
    "including the signature."
)


_CHANGED = "The condition specified using HTTP conditional header(s) is not met."
_MISMATCH = "This request is not authorized to perform this operation using this permission."


@dataclass
class _Delegation:
    """A user delegation key: who has got it, and for how long."""

    key: str
    fields: dict[str, str]


class Storage:
    """The account `name` with the containers that a test has made. `roles`: those of the lab's application."""

    def __init__(self, url: str, authority: Authority) -> None:
        self.name = "labstorage"
        self.url = f"{url}/{self.name}"
        self.authority = authority
        self.account_key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.containers: dict[str, dict[str, bytes]] = {}
        self.roles: set[str] = {"Storage Blob Data Contributor"}
        self.deleted: list[str] = []
        self.secrets: set[str] = set()
        self.ahead = timedelta()  # of this machine's clock: what was signed ends earlier
        self._delegations: list[_Delegation] = []

    def add_container(self, name: str) -> None:
        self.containers.setdefault(name, {})

    def add_blob(self, container: str, name: str, content: bytes = b"") -> None:
        self.containers[container][name] = content

    def sas_url(self, container: str, blob: str, permissions: str = "racw", lifetime: int = 3600) -> str:
        """The SAS URL of a blob as the portal makes it with the account's key: "Create a service SAS"."""
        now = datetime.now(UTC)
        fields = {
            "sp": permissions,
            "st": (now - timedelta(minutes=5)).strftime(_TIME),
            "se": (now + timedelta(seconds=lifetime)).strftime(_TIME),
            "spr": "https",
            "sv": "2024-11-04",
            "sr": "b",
        }
        signature = _signed(self.account_key, self._service_text(fields, f"/blob/{self.name}/{container}/{blob}"))
        self.secrets |= {signature, quote(signature, safe="")}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in (fields | {"sig": signature}).items())
        return f"{self.url}/{container}/{blob}?{query}"

    # --- serving

    def handle(self, request: Request) -> Response:
        try:
            return self._handle(request)
        except StorageError as error:
            return self._error(request, error)

    def _handle(self, request: Request) -> Response:
        version = request.headers.get("x-ms-version", "")
        query = {name: values[0] for name, values in request.parameters.items()}
        if not _VERSION.fullmatch(version or query.get("sv", "")):
            raise StorageError(400, "MissingRequiredHeader", "An HTTP header that's mandatory is not specified.")
        parts = request.path.split("/", 3)[2:]
        if request.method == "POST" and query.get("comp") == "userdelegationkey" and query.get("restype") == "service":
            return self._delegate(request)
        if len(parts) != 2 or not all(parts):
            raise StorageError(400, "InvalidUri", "The lab knows blobs in containers only.")
        container, blob = parts
        if request.method not in _NEEDED or query.get("comp") or query.get("restype"):
            raise StorageError(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
        if "sig" in query:
            self._check_sas(request, query, container, blob)
        else:
            self._check_token(request, "Storage Blob Data Contributor")
        if container not in self.containers:
            raise StorageError(404, "ContainerNotFound", "The specified container does not exist.")
        return self._blob_call(request, self.containers[container], blob)

    def _blob_call(self, request: Request, blobs: dict[str, bytes], name: str) -> Response:
        if request.method == "PUT":
            if request.headers.get("x-ms-blob-type") != "BlockBlob":
                raise StorageError(400, "MissingRequiredHeader", "x-ms-blob-type has to be BlockBlob in the lab.")
            if request.headers.get("if-none-match") == "*" and name in blobs:
                raise StorageError(409, "BlobAlreadyExists", "The specified blob already exists.")
            blobs[name] = request.body
            return Response(201, b"", self._headers(request) | {"ETag": _etag(request.body)})
        if name not in blobs:
            raise StorageError(404, "BlobNotFound", "The specified blob does not exist.")
        content = blobs[name]
        if request.method == "DELETE":
            self.deleted.append(name)
            del blobs[name]
            return Response(202, b"", self._headers(request))
        return self._content(request, content)

    def _content(self, request: Request, content: bytes) -> Response:
        headers = self._headers(request) | {
            "Content-Type": "application/octet-stream",
            "ETag": _etag(content),
            "Last-Modified": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "Accept-Ranges": "bytes",
            "x-ms-blob-type": "BlockBlob",
        }
        if request.headers.get("if-match", headers["ETag"]) not in ("*", headers["ETag"]):
            raise StorageError(412, "ConditionNotMet", _CHANGED)
        wanted = re.fullmatch(
            r"bytes=(\d+)-(\d*)", request.headers.get("x-ms-range") or request.headers.get("range", "")
        )
        if not wanted:
            return Response(200, content, headers)
        first, last = int(wanted[1]), int(wanted[2] or len(content))
        if first >= len(content):
            raise StorageError(416, "InvalidRange", "The range specified is invalid for the current size.")
        part = content[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        return Response(206, part, headers)

    # --- who may

    def _check_token(self, request: Request, role: str) -> dict[str, Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        claims = self.authority.tokens.get(token)
        if not token:
            raise StorageError(401, "NoAuthenticationInformation", _FAILED)
        if claims is None or claims["exp"] < datetime.now(UTC).timestamp():
            raise StorageError(401, "InvalidAuthenticationInfo", _FAILED)
        if claims["aud"] != STORAGE:
            raise StorageError(403, "AuthenticationFailed", _FAILED)
        if role not in self.roles:
            raise StorageError(403, "AuthorizationPermissionMismatch", _MISMATCH)
        return claims

    def _delegate(self, request: Request) -> Response:
        """Get User Delegation Key. Any role with generateUserDelegationKey will do; the lab has one."""
        claims = self._check_token(request, "Storage Blob Data Contributor")
        info = ElementTree.fromstring(request.body)
        if info.tag != "KeyInfo" or {child.tag for child in info} != {"Start", "Expiry"}:
            raise StorageError(400, "InvalidXmlDocument", "XML specified is not syntactically valid.")
        start, expiry = (info.findtext(name) or "" for name in ("Start", "Expiry"))
        lasts = datetime.strptime(expiry, _TIME) - datetime.strptime(start, _TIME)
        if not timedelta() < lasts <= LONGEST_KEY:
            raise StorageError(400, "InvalidXmlNodeValue", "The value for one of the XML nodes is not in the format.")
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.secrets.add(key)
        fields = {
            "SignedOid": claims["oid"],
            "SignedTid": claims["tid"],
            "SignedStart": start,
            "SignedExpiry": expiry,
            "SignedService": "b",
            "SignedVersion": request.headers["x-ms-version"],
        }
        self._delegations.append(_Delegation(key, fields))
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in (fields | {"Value": key}).items())
        xml = f'<?xml version="1.0" encoding="utf-8"?><UserDelegationKey>{inner}</UserDelegationKey>'
        return Response(
            200, b"\xef\xbb\xbf" + xml.encode(), self._headers(request) | {"Content-Type": "application/xml"}
        )

    def _check_sas(self, request: Request, query: dict[str, str], container: str, blob: str) -> None:
        if "authorization" in request.headers:
            raise StorageError(403, "AuthenticationFailed", _FAILED)
        self.secrets |= {query["sig"], quote(query["sig"], safe="")}
        now = (datetime.now(UTC) + self.ahead).strftime(_TIME)
        if not query.get("st", "") <= now < query.get("se", ""):
            raise StorageError(
                403, "AuthenticationFailed", _FAILED + " Signature not valid in the specified time frame."
            )
        resource = f"/blob/{self.name}/{container}/{blob}"
        if query.get("sr") != "b":
            raise StorageError(403, "AuthenticationFailed", _FAILED)
        if "skoid" in query:
            right = any(
                hmac.compare_digest(query["sig"], _signed(each.key, _delegation_text(query, resource)))
                for each in self._delegations
                if each.fields["SignedOid"] == query["skoid"] and each.fields["SignedStart"] == query.get("skt")
            )
        else:
            right = hmac.compare_digest(query["sig"], _signed(self.account_key, self._service_text(query, resource)))
        if not right:
            raise StorageError(403, "AuthenticationFailed", _FAILED + " Signature did not match.")
        if not set(_NEEDED[request.method]) & set(query.get("sp", "")):
            raise StorageError(403, "AuthorizationPermissionMismatch", _MISMATCH)

    def _service_text(self, query: dict[str, str], resource: str) -> str:
        """What a service SAS of version 2020-12-06 or later signs."""
        names = (
            "sp",
            "st",
            "se",
            "",
            "si",
            "sip",
            "spr",
            "sv",
            "sr",
            "sst",
            "ses",
            "rscc",
            "rscd",
            "rsce",
            "rscl",
            "rsct",
        )
        return "\n".join(query.get(name, "") if name else resource for name in names)

    # --- answers

    def _headers(self, request: Request) -> dict[str, str]:
        return {"x-ms-request-id": str(uuid.uuid4()), "x-ms-version": request.headers.get("x-ms-version", "2024-11-04")}

    def _error(self, request: Request, error: StorageError) -> Response:
        answer = storage_error(error.status, error.code, error.message)
        answer.headers["x-ms-version"] = self._headers(request)["x-ms-version"]
        if error.status == 401:
            answer.headers["WWW-Authenticate"] = (
                f"Bearer authorization_uri={self.authority.url}/{self.authority.tenant}/oauth2/authorize "
                f"resource_id={STORAGE}"
            )
        return answer


def _delegation_text(query: dict[str, str], resource: str) -> str:
    """What a user delegation SAS signs, by its version."""
    version = query.get("sv", "")
    names = ["sp", "st", "se", "", "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid"]
    if version >= "2025-07-05":
        names += ["skdutid", "sduoid"]
    names += ["sip", "spr", "sv", "sr", "sst", "ses"]
    if version >= "2026-04-06":
        names += ["srh", "srq"]
    names += ["rscc", "rscd", "rsce", "rscl", "rsct"]
    return "\n".join(query.get(name, "") if name else resource for name in names)


def _signed(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")).decode()


def _etag(content: bytes) -> str:
    return f'"0x{hashlib.sha256(content).hexdigest()[:15].upper()}"'
