# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: calls to an MDM's API.

Every call has a time limit and a limit of tries. What the server asks to wait is waited. No redirect is followed: the
token would go with it. No message holds a token, what was sent, or more of an answer than a few plain words.
"""

from __future__ import annotations

import importlib
import logging
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._azure import proxies
from .._documents import read_json
from .._errors import UserVpnError, shown
from .errors import LostAnswerError, MdmError, RefusedError

CONNECT_SECONDS = 15.0
READ_SECONDS = 120.0
LIMIT_SECONDS = 600.0  # for one call with all its tries
TRIES = 5
PAUSE_SECONDS = 2.0  # before the second try, and twice as long before each one more
SAY_FROM = 10.0  # a shorter pause is not worth a line
ANSWER_LIMIT = 64 << 20
INSTALL = "pip install requests"

_HERE = ("localhost", "127.0.0.1", "::1")
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_UNTOUCHED = (429, 503)  # by RFC 6585 and RFC 9110, nothing was done yet
# A token, a key, a payload; and not the name of a variable of Fleet's.
_LONG_WORD = re.compile(r"(?<![^\s<>])(?!\$FLEET_VAR_)[^\s<>]{25,}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """The JSON object in it; ValueError when it is none."""
        found = read_json(self.content)
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found


class Bearer:
    """What `requests` asks for authentication. Without one it would look into ~/.netrc, and prefer what is there."""

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Http:
    """One server. `name` is what messages call it, `api` what answers there; `ca_file` has the CAs it is trusted by."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        ca_file: str,
        say: Callable[[str], None],
        environment: Mapping[str, str],
        api: str = "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.clock, self.sleep = name, clock, sleep
        self._api = api or name
        self.url = base_url(url)
        self.host = urlsplit(self.url).netloc
        self._say, self._ca_file = say, _ca_file(ca_file)
        proxies.check(environment)
        self._requests = _load()
        self._session = self._requests.Session()  # its cookies keep it at one node of a cluster
        self.calls = 0

    def call(
        self,
        what: str,
        method: str,
        path: str,
        *,
        auth: Any = None,
        repeat: bool = True,
        accepted: tuple[int, ...] = (200, 201, 202, 204),
        counts: Callable[[Answer], bool] = lambda _answer: False,
        **content: Any,
    ) -> Answer:
        """The answer. `what` completes "cannot ..." in a message; `content` is what `requests` takes.

        An answer with a status that is `accepted` is one, and so is whichever else `counts`.

        Without `repeat` it is only tried again while the server has done nothing yet; LostAnswerError when that is not
        known. RefusedError for another status than those that are accepted.
        """
        start, attempt = self.clock(), 0
        while True:
            attempt += 1
            pause = PAUSE_SECONDS * 2 ** (attempt - 1)
            try:
                answer = self._once(method, path, auth, content)
            except self._requests.RequestException as error:
                again, problem = self._failure(error)
                untouched = isinstance(error, self._requests.ConnectTimeout)
            else:
                if answer.status in accepted or counts(answer):
                    return answer
                again = answer.status in _AGAIN
                problem, untouched = self._refusal(answer), answer.status in _UNTOUCHED
                if not again:
                    raise RefusedError(f"{self.name} ({self.host}) cannot {what}: {problem}.", answer.status)
                pause = max(pause, _retry_after(answer.headers) or 0.0)
            late = self.clock() - start + pause > LIMIT_SECONDS
            if again and not repeat and not untouched:
                raise LostAnswerError(f"{self.name} ({self.host}) may have failed to {what}: {problem}.")
            if not again or late or attempt == TRIES:
                wait = f"; it asks to wait {pause:.0f} s" if late else ""
                raise MdmError(f"{self.name} ({self.host}) cannot {what}: {problem}{wait}.")
            if pause >= SAY_FROM:
                self._say(f"waiting {pause:.0f} s until {self.name} can {what}")
            self.sleep(pause)

    def json(self, what: str, answer: Answer) -> dict[str, Any]:
        """The JSON object in an answer. `what` completes "cannot ..." where it is none."""
        try:
            return answer.json()
        except ValueError:
            raise self.garbage(what) from None

    def garbage(self, what: str) -> MdmError:
        """What to raise for an answer that is not the server's."""
        return MdmError(
            f"{self.host} cannot {what}: what it answers is none of {self._api}; check server.url, and what stands in "
            "between."
        )

    def _once(self, method: str, path: str, auth: Any, content: dict[str, Any]) -> Answer:
        self.calls += 1
        # What the environment says of proxies and CAs counts, and never a .netrc.
        with self._session.request(
            method,
            f"{self.url}{path}",
            auth=auth or Bearer(),
            allow_redirects=False,
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            verify=self._ca_file or None,
            proxies=proxies.for_requests(),
            **content,
        ) as response:
            body = bytearray()
            for piece in response.iter_content(1 << 16):
                body += piece
                if len(body) > ANSWER_LIMIT:
                    raise self._requests.exceptions.ContentDecodingError("too large")
            return Answer(response.status_code, dict(response.headers), bytes(body))

    def _failure(self, error: Any) -> tuple[bool, str]:
        """Whether to try again, and what stands in the way; of the error's own text, the reason of TLS alone."""
        if isinstance(error, self._requests.exceptions.SSLError):
            found = re.search(r"certificate verify failed: (.+?)\.? \(_ssl", str(error))
            reason = shown(found[1]) if found else "TLS fails"
            return False, f"{reason}; set server.ca_file to a file with the CA of that server or proxy, in PEM form"
        if isinstance(error, self._requests.exceptions.ProxyError):
            return True, "the proxy in HTTPS_PROXY lets nothing through"
        if isinstance(error, self._requests.Timeout):
            return True, "no answer in time"
        if isinstance(error, self._requests.exceptions.ContentDecodingError):
            return False, "its answer is too large, or broken"
        return True, f"no connection, or it broke off; check server.url{proxies.advice({})}"

    def _refusal(self, answer: Answer) -> str:
        said = _said(answer)
        status = f"HTTP status {answer.status}{f' ({said})' if said else ''}"
        if 300 <= answer.status < 400:
            target = urlsplit(str(answer.headers.get("Location") or "")).hostname or "somewhere else"
            return f"{status} leads to {shown(target)}, and a token is sent nowhere else; correct server.url"
        if answer.status in (407, 511):
            return f"{status}; a proxy stands in the way: correct HTTPS_PROXY"
        return status


def base_url(url: str) -> str:
    """The URL without a slash at its end; UserVpnError unless it is one of https, without anything secret.

    What does not leave this machine may be http: NanoMDM leaves TLS to a proxy before it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    odd = parts.username is not None or parts.query or parts.fragment or port == 0 or not url.strip().isprintable()
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    if not safe or not parts.hostname or odd or " " in url.strip():
        raise UserVpnError(
            "server.url has to be the https URL of the MDM without user, password and query, as in "
            "https://example.jamfcloud.com."
        )
    return url.strip().rstrip("/")


def _ca_file(path: str) -> str:
    if path:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
        except OSError:  # ssl.SSLError is one
            raise UserVpnError(f"server.ca_file: {shown(path)} holds no CA certificate in PEM form.") from None
        return str(Path(path))
    return ""


def _load() -> Any:
    # urllib3 logs the paths of requests, past Ansible.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)
    try:
        return importlib.import_module("requests")
    except ImportError as error:
        raise UserVpnError(
            f"The Python package requests is missing on the controller ({error.name} cannot be imported): {INSTALL}"
        ) from None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait (RFC 9110, 10.2.3), or None."""
    text = next((str(value).strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (TypeError, ValueError, OverflowError):
        return None


def _plain(text: str) -> str:
    """A message of Intune's has JSON inside, and in that the ids of a trace behind what is said."""
    try:
        inner = read_json(text.encode()).get("Message")
    except (ValueError, AttributeError):
        return text
    return str(inner or "").partition(" - Operation ID")[0]


def _said(answer: Answer) -> str:
    """A few plain words of an error: those of `errors[]` or `error` in JSON, or `Error: ...` of a page."""
    try:
        content = answer.json()
        error = content.get("errors") or content.get("error")
        first = error[0] if isinstance(error, list) and error else error
        words = (
            [first.get(name) for name in ("description", "reason", "message", "code")]
            if isinstance(first, dict)
            else []
        )
        text = _plain(str(next(filter(None, words), "")))
    except ValueError:
        found = re.search(r"<p>(Error: [^<]{1,200})</p>", answer.content[:4096].decode("utf-8", "replace"))
        text = found[1] if found else ""
    return shown(_LONG_WORD.sub("...", text).strip().rstrip("."), 200)
