# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one-hour blob store that holds generated packages.

It answers on another host name than ARM, as `*.blob.core.windows.net` does. Whoever has the URL may read, nobody
logs in: a bearer token that arrives here has been sent to the wrong place, and the lab notes it.

Source of path and query: recording `test_p2s_vpn_client_generate` in Azure/azure-cli-extensions. Source of the
errors: Microsoft Learn "Blob service error codes", "Create a service SAS".
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
import uuid
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote

from .messages import Request, Response, storage_error

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass
class Blob:
    path: str
    content: bytes
    signature: str
    start: str
    expiry: str


class Blobs:
    """Blobs by path. `leaks` names the requests that carried a bearer token."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stored: dict[str, Blob] = {}
        self.secrets: set[str] = set()
        self.leaks: list[str] = []

    def put(self, content: bytes, lifetime: int = 3600) -> str:
        """Store a package under a new name; return its SAS URL, good for `lifetime` seconds from now."""
        path = f"/vpnprofileimmutable/{uuid.uuid4()}/vpnprofile/{uuid.uuid4()}/vpnclientconfiguration.zip"
        expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=lifetime)
        start = expiry - datetime.timedelta(hours=1)
        signature = b64encode(secrets.token_bytes(32)).decode()
        blob = Blob(path, content, signature, start.strftime(_TIME), expiry.strftime(_TIME))
        self.stored[path] = blob
        quoted = quote(signature, safe="")
        url = (
            f"{self.url}{path}?sv=2018-03-28&sr=b&sig={quoted}&st={quote(blob.start, safe='')}"
            f"&se={quote(blob.expiry, safe='')}&sp=r&fileExtension=.zip"
        )
        self.secrets.update((signature, quoted, url))
        return url

    def handle(self, request: Request) -> Response:
        if "authorization" in request.headers:
            self.leaks.append(f"{request.method} {request.path}")
            return storage_error(
                403, "AuthenticationFailed", _NOT_AUTHENTICATED, "Bearer tokens are not accepted here."
            )
        if request.method not in ("GET", "HEAD"):
            return storage_error(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        blob = self.stored.get(request.path)
        if blob is None:
            return storage_error(404, "BlobNotFound", "The specified blob does not exist.")
        digest = b64encode(hashlib.md5(blob.content, usedforsecurity=False).digest()).decode()
        headers = {
            "Content-Type": "application/zip",
            "Content-MD5": digest,
            "Accept-Ranges": "bytes",
            "ETag": f'"0x{digest.encode().hex()[:15].upper()}"',
            "x-ms-blob-type": "BlockBlob",
            "x-ms-version": "2018-03-28",
        }
        return Response(200, blob.content, headers)

    def _refusal(self, request: Request) -> Response | None:
        """Check the signature before anything else: without one, no anonymous caller learns what exists."""
        query = {name: values[0] for name, values in request.parameters.items()}
        if "sig" not in query:
            return storage_error(404, "ResourceNotFound", "The specified resource does not exist.")
        blob = self.stored.get(request.path)
        if blob is None:
            return None
        signed = (query.get("sig"), query.get("st"), query.get("se"), query.get("sp"), query.get("sr"))
        if signed != (blob.signature, blob.start, blob.expiry, "r", "b"):
            return storage_error(403, "AuthenticationFailed", _NOT_AUTHENTICATED, "Signature did not match.")
        now = datetime.datetime.now(datetime.UTC).strftime(_TIME)
        if not blob.start <= now < blob.expiry:
            detail = f"Signature not valid in the specified time frame: Start [{blob.start}] - Expiry [{blob.expiry}]"
            return storage_error(403, "AuthenticationFailed", _NOT_AUTHENTICATED, f"{detail} - Current [{now}]")
        return None


_NOT_AUTHENTICATED = (
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
    "including the signature."
)
