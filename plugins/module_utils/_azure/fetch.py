# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: fetch a package from the one-hour URL that Azure hands out.

Whoever has the URL has the package, so it is used at once, never stored, never shown, and no error names more than
its host. The standard library does it: no log of ours or of a library sees the URL, and Azure's token stays out.
"""

from __future__ import annotations

import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._package.archive import PACKAGE_LIMIT
from . import proxies, tls
from .errors import AzureError
from .operations import Wait
from .sdk import load

PIECE = 64 * 1024
TRIES = 4
PAUSE = 2.0
TIMEOUT = 60.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Blob storage never redirects; what does is a proxy's login page."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


def fetch(url: str, wait: Wait) -> bytes:
    """The bytes behind `url`; AzureError, which does not hold the URL, when they cannot be had.

    A lost connection, a cut body, a server's fault and a blob that is not there yet are tried again.
    """
    host = _host(url)
    opener = urllib.request.build_opener(
        proxies.handler(), urllib.request.HTTPSHandler(context=_trust()), _NoRedirect()
    )
    attempt = 0
    while True:
        attempt += 1
        try:
            return _get(opener, url, wait)
        except urllib.error.HTTPError as error:
            with error:
                again, problem = _refusal(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            again, problem = _failure(error)
        if not again or attempt == TRIES:
            raise AzureError(f"The package cannot be downloaded from {host}: {problem}.", "Download") from None
        wait.pause(PAUSE * attempt)


def _get(opener: urllib.request.OpenerDirector, url: str, wait: Wait) -> bytes:
    content = bytearray()
    with opener.open(url, timeout=wait.within(TIMEOUT)) as response:  # proxies come from the environment
        declared = response.headers.get("Content-Length") or ""
        while len(content) <= PACKAGE_LIMIT and (piece := response.read1(PIECE)):
            content += piece
            wait.within(TIMEOUT)  # a server that sends a byte now and then has a limit, too
    if len(content) > PACKAGE_LIMIT:
        raise AzureError(f"The package is larger than {PACKAGE_LIMIT >> 20} MB, which no package is.", "Download")
    if re.fullmatch("[0-9]{1,12}", declared) and len(content) != int(declared):
        raise http.client.IncompleteRead(b"")
    return bytes(content)


def _trust() -> ssl.SSLContext:
    """The certificates that the Azure SDK trusts, too: those of its `requests`."""
    _variable, bundle = tls.bundle(os.environ)
    try:
        if bundle and Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle or load("certifi").where())
    except OSError:
        raise AzureError(f"The CA certificates in {bundle or 'the package certifi'} cannot be read.") from None


def _host(url: str) -> str:
    """The host of an https URL. The URL itself must not get into a message."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname and not any(ord(sign) <= 32 for sign in url):
            return parts.hostname
    except ValueError:
        pass
    raise AzureError("Azure's answer holds no https URL for the package; run again.", "BrokenAnswer")


def _refusal(error: urllib.error.HTTPError) -> tuple[bool, str]:
    """Whether to try again, and what storage says (Microsoft Learn, "Status and error codes" of Blob Storage)."""
    try:
        body = error.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        body = ""
    found = re.search(r"<Code>(\w+)</Code>", body)
    code = found[1] if found else f"HTTP status {error.code}"
    if error.code == 403:
        return False, f"{code}; the link is good for an hour by Azure's clock: check the controller's, and run again"
    if error.code in (407, 511) or 300 <= error.code < 400:
        return (
            False,
            f"{code}; a proxy stands in the way: let it pass *.blob.core.windows.net{proxies.advice(os.environ)}",
        )
    if error.code == 404:
        return True, f"{code}; the package is not there, run again"
    return error.code >= 500 or error.code in (408, 429), f"{code}; run again in some minutes"


def _failure(error: Exception) -> tuple[bool, str]:
    """Whether to try again, and what stands in the way."""
    reason = getattr(error, "reason", error)
    broken = tls.problem(str(reason), os.environ) if isinstance(reason, ssl.SSLError) else ""
    if broken:
        return not isinstance(reason, ssl.SSLCertVerificationError), broken
    if isinstance(error, http.client.IncompleteRead):
        return True, "the connection broke off; run again"
    what = "no answer in time" if isinstance(reason, TimeoutError) else "no connection"
    return True, f"{what}; let firewall and proxy pass *.blob.core.windows.net{proxies.advice(os.environ)}"
