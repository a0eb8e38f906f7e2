# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: waiting for Azure, always with a limit and never in silence.

The SDK starts a long-running operation; we do its waiting. The SDK's own poller would sleep 30 seconds where Azure
names no time, has no limit, and loses the result of an operation that carries it in its status alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .._documents import read_json
from . import errors
from .errors import AzureError, retry_after

POLL_SECONDS = 5.0  # between two questions, where Azure names no time
ZERO_SECONDS = 1.0  # where it names zero
SAY_FROM = 2.0  # a shorter wait is not worth a line
SAY_SECONDS = 30.0  # between two lines for whoever is watching
LEAST_SECONDS = 3.0  # that an answer gets, however little is left
BROKEN_POLLS = 5  # answers in a row that may be lost or garbled before we give up

_FINAL = ("succeeded", "failed", "canceled", "cancelled")


class Wait:
    """The patience for one call: `limit` seconds in all, a line when it gets long and every half minute from then."""

    def __init__(
        self,
        limit: float,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit, self._say, self._clock, self._sleep = limit, say, clock, sleep
        self.begin("answer")

    def anew(self, what: str) -> Wait:
        """As much patience again, for something that takes several calls."""
        wait = Wait(self._limit, self._say, self._clock, self._sleep)
        wait.begin(what)
        return wait

    def begin(self, what: str) -> None:
        """A new call, with its whole time before it. `what` completes "waiting for Azure to ..."."""
        self.what, self._because = what, ""
        self._start = self._clock()
        self._said: float | None = None

    def within(self, seconds: float) -> float:
        """The time that one step of `seconds` may take by now; AzureError when the limit is over."""
        left = self._limit - (self._clock() - self._start)
        if left <= 0:
            raise self._over()
        return min(seconds, max(left, LEAST_SECONDS))

    def _over(self) -> AzureError:
        cause = f" ({self._because})" if self._because else ""
        return AzureError(
            f"Azure took more than {self._limit:.0f} seconds to {self.what}{cause}; it may still end well. Run again "
            "later, or with a larger wait_timeout.",
            "Timeout",
        )

    def pause(self, seconds: float, because: str = "") -> None:
        """Sleep; AzureError at once when that would go beyond the limit. `because` is Azure's word for the cause."""
        self._because = because
        now = self._clock()
        if now - self._start + seconds > self._limit:
            raise self._over()
        worth_a_line = self._said is None or now - self._said >= SAY_SECONDS
        if worth_a_line and now - self._start + seconds >= SAY_FROM:
            self._say(f"waiting for Azure to {self.what} ({now - self._start:.0f} s so far)")
            self._said = now
        self._sleep(seconds)


class Started:
    """What we give the SDK as its polling method: it takes the first answer and says that there is nothing to poll."""

    def __init__(self) -> None:
        self.client: Any = None
        self.response: Any = None

    def initialize(self, client: Any, initial_response: Any, deserialization_callback: Any) -> None:
        self.client, self.response = client, initial_response.http_response

    def run(self) -> None:
        pass

    def status(self) -> str:
        return "Succeeded"

    def finished(self) -> bool:
        return True

    def resource(self) -> None:
        pass


def finish(first: Any, get: Callable[[str], Any], wait: Wait) -> Any:
    """The JSON result of the operation that the HTTP answer `first` has started; None when it has none.

    `get` fetches a URL with the SDK's pipeline. Azure names the way in headers (Azure Resource Manager, "Track
    asynchronous Azure operations"): Azure-AsyncOperation leads to a status, Location to 202 and at last the result.
    Either may be missing, both may be there. The result of a status is its properties.output.
    """
    status_url = first.headers.get("Azure-AsyncOperation") or first.headers.get("Operation-Location")
    location = first.headers.get("Location")
    if status_url:
        final = _poll(status_url, first, get, wait, _state_is_final)
        body = parsed(final, wait.what)
        _raise_if_failed(body, wait.what)
        if first.request.method == "POST" and location:
            result = parsed(_poll(location, None, get, wait, _is_result), wait.what)
            if result:
                return result
        return _member(body, "properties", "output")
    if first.status_code == 202 and location:
        return parsed(_poll(location, first, get, wait, _is_result), wait.what)
    if first.status_code == 202:
        raise AzureError(
            f"Azure accepted the request to {wait.what}, but does not say where to ask for the result; run again.",
            "BrokenAnswer",
        )
    if first.request.method != "POST" and not _resource_is_final(first):
        body = parsed(_poll(first.request.url, first, get, wait, _resource_is_final), wait.what)
        state = str(_member(body, "properties", "provisioningState") or "")
        if state.lower() in _FINAL[1:]:
            raise errors.refused(wait.what, state, "")
        return body
    return parsed(first, wait.what)


def seconds_until_next(asked: float | None) -> float:
    """How long to wait before asking again: as Azure asks, else as we think right."""
    return POLL_SECONDS if asked is None else asked or ZERO_SECONDS


def parsed(response: Any, what: str) -> Any:
    """The JSON of an answer; None for an empty body or `null`."""
    text = response.text().strip()
    try:
        return read_json(text) if text else None
    except ValueError:
        raise AzureError(
            f"Azure's answer to the request to {what} is not complete JSON; run again, and look for a proxy that "
            "changes answers.",
            "BrokenAnswer",
        ) from None


def _poll(url: str, before: Any, get: Callable[[str], Any], wait: Wait, done: Callable[[Any], bool]) -> Any:
    """Ask `url` until its answer is `done`. A lost or garbled answer is asked for again: a GET changes nothing."""
    pause, broken = (retry_after(before) if before is not None else None) or 0.0, 0
    while True:
        if pause:
            wait.pause(pause)
        try:
            answer = get(url)
            if done(answer):
                return answer
            broken, asked = 0, retry_after(answer)
        except AzureError as error:
            broken, asked = broken + error.unclear, error.retry_after
            if not (error.unclear or error.status == 429) or broken >= BROKEN_POLLS:
                raise
        pause = seconds_until_next(asked)


def _state_is_final(response: Any) -> bool:
    body = parsed(response, "tell how far it is")
    if response.status_code == 202 or body is None:
        return False
    state = _member(body, "status")
    if state is None:
        raise AzureError("Azure's answer about a running operation names no status; run again.", "BrokenAnswer")
    return str(state).lower() in _FINAL


def _is_result(response: Any) -> bool:
    if response.status_code == 202:
        return False
    parsed(response, "give the result")
    return True


def _resource_is_final(response: Any) -> bool:
    state = _member(parsed(response, "tell how far it is"), "properties", "provisioningState")
    return state is None or str(state).lower() in _FINAL


def _raise_if_failed(body: Any, what: str) -> None:
    state = str(_member(body, "status"))
    if state.lower() != "succeeded":
        code, message = errors.details(body)
        raise errors.refused(what, code or state, message)


def _member(body: Any, *names: str) -> Any:
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body
