# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for operations, and errors, with answers made by hand. No SDK, no network."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import errors, operations
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.errors import AzureError
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.operations import Wait, finish

SAS = "https://x.blob.core.windows.net/a/b.zip?st=2026&se=2026&sr=b&sp=r&sv=1&sig=abc%2Bdef%3D&fileExtension=.zip"


class Headers(dict[str, str]):
    """Case does not matter."""

    def get(self, name: str, default: Any = None) -> Any:
        return next((value for key, value in self.items() if key.lower() == name.lower()), default)

    def __getitem__(self, name: str) -> str:
        return str(self.get(name))


@dataclass
class Answer:
    status_code: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    raw: str | None = None

    def __post_init__(self) -> None:
        self.headers = Headers(self.headers)
        self.request = SimpleNamespace(method=self.method, url="https://arm/resource")

    def text(self) -> str:
        return self.raw if self.raw is not None else json.dumps(self.body, indent=2).replace("\n", "\r\n")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.said: list[str] = []

    def wait(self, limit: float = 600) -> Wait:
        wait = Wait(limit, self.said.append, lambda: self.now, self.sleep)
        wait.begin("generate the package")
        return wait

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def play(first: Answer, *then: Answer | Exception, limit: float = 600) -> tuple[Any, Clock, list[str]]:
    clock, asked, answers = Clock(), [], list(then)

    def get(url: str) -> Answer:
        asked.append(url)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    result = finish(first, get, clock.wait(limit))
    assert answers == []
    return result, clock, asked


STATUS = {"Azure-AsyncOperation": "https://arm/status"}
LOCATION = {"LOCATION": "https://arm/result"}
BUSY = Answer(body={"status": "InProgress"})
DONE = Answer(body={"status": "Succeeded", "properties": {"output": {"profileUrl": "from status"}}})
RESULT = {"profileUrl": "from location"}


def test_at_once() -> None:
    assert play(Answer(200, RESULT))[0] == RESULT


def test_both_headers_null_body_and_crlf() -> None:
    result, _clock, asked = play(Answer(202, None, {**STATUS, **LOCATION}), BUSY, DONE, Answer(200, RESULT))
    assert result == RESULT
    assert asked == ["https://arm/status", "https://arm/status", "https://arm/result"]


def test_location_alone() -> None:
    result, clock, _asked = play(
        Answer(202, None, {**LOCATION, "retry-after": "10"}), Answer(202), Answer(202, raw=""), Answer(200, RESULT)
    )
    assert (result, clock.slept) == (RESULT, [10, 5, 5])


def test_status_alone_carries_the_result() -> None:
    assert play(Answer(202, None, STATUS), DONE)[0] == {"profileUrl": "from status"}


def test_an_empty_result_falls_back_to_the_status() -> None:
    assert play(Answer(202, None, {**STATUS, **LOCATION}), DONE, Answer(204, raw=""))[0] == {
        "profileUrl": "from status"
    }


def test_a_put_is_followed_by_its_state() -> None:
    updating, done = (
        {"properties": {"provisioningState": "Updating"}},
        {"properties": {"provisioningState": "Succeeded"}},
    )
    result, _clock, asked = play(
        Answer(201, updating, method="PUT"), Answer(200, updating, method="PUT"), Answer(200, done, method="PUT")
    )
    assert (result, asked) == (done, ["https://arm/resource"] * 2)
    with pytest.raises(AzureError, match="Failed"):
        play(Answer(201, updating, method="PUT"), Answer(200, {"properties": {"provisioningState": "Failed"}}))


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_failures_come_with_status_200(state: str) -> None:
    body = {"status": state, "error": {"code": "VpnClientAddressPoolNotSpecified", "message": "No pool."}}
    with pytest.raises(AzureError, match="give the P2S gateway a client address pool") as caught:
        play(Answer(202, None, STATUS), BUSY, Answer(200, body))
    assert caught.value.code == "VpnClientAddressPoolNotSpecified"


def test_accepted_without_a_way_to_the_result() -> None:
    with pytest.raises(AzureError, match="does not say where"):
        play(Answer(202))


def test_lost_and_garbled_polls_are_asked_for_again_but_not_for_ever() -> None:
    lost, garbled = AzureError("lost", "NoConnection"), Answer(200, raw='{"status": "Succ')
    result, _clock, _asked = play(Answer(202, None, STATUS), lost, garbled, BUSY, lost, lost, lost, lost, DONE)
    assert result
    with pytest.raises(AzureError, match="not complete JSON"):
        play(Answer(202, None, STATUS), *[garbled] * 5)
    with pytest.raises(AzureError, match="gone"):
        play(Answer(202, None, STATUS), AzureError("gone", "NotFound", 404))


def test_a_limit_and_a_line_every_half_minute() -> None:
    clock = Clock()
    wait = clock.wait(limit=100)
    with pytest.raises(AzureError, match="more than 100 seconds to generate the package") as caught:
        while True:
            wait.pause(5)
    assert caught.value.code == "Timeout"
    assert clock.now == 100
    assert clock.said == [f"waiting for Azure to generate the package ({n} s so far)" for n in (0, 30, 60, 90)]


def test_a_step_gets_what_is_left_but_never_too_little() -> None:
    clock = Clock()
    wait = clock.wait(limit=100)
    assert wait.within(60) == 60
    clock.now = 50
    assert wait.within(60) == 50
    clock.now = 99
    assert wait.within(60) == operations.LEAST_SECONDS
    clock.now = 100
    with pytest.raises(AzureError, match="more than 100 seconds to generate the package"):
        wait.within(60)


def test_short_waits_are_silent_and_each_call_has_its_own_limit() -> None:
    clock = Clock()
    wait = clock.wait(limit=3)
    wait.pause(0.5)
    assert clock.said == []
    wait.begin("another")
    wait.pause(3)
    assert wait.anew("more").pause(3) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"x-ms-retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert errors.retry_after(Answer(headers=headers)) == expected


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < (errors.retry_after(Answer(headers={"Retry-After": later})) or 0) <= 60
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    assert errors.retry_after(Answer(headers={"Retry-After": past})) == 0


# --- errors ------------------------------------------------------------------------------------------------------


def test_no_signature_passes() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"
    text = errors.scrub(f"GET {SAS} failed, sig=abc Authorization: Bearer {token} client_secret=hush '{SAS}'")
    for secret in ("abc", "def", token, "hush"):
        assert secret not in text
    assert "x.blob.core.windows.net/a/b.zip" in text


@given(st.text(), st.text(alphabet="abcDEF123%", min_size=8, max_size=40))
def test_no_query_passes_whatever_is_around(around: str, signature: str) -> None:
    text = errors.scrub(f"{around} https://h.example/p?code={signature}&x=y {around}")
    if signature not in around:
        assert signature not in text
    assert len(text) <= errors.MESSAGE_LIMIT + 3
    assert "\n" not in text


@settings(max_examples=30, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)))
def test_any_error_body_has_a_code_and_a_message(body: Any) -> None:
    for candidate in (body, {"error": body}, {"error": {"code": body, "message": body, "details": body}}):
        code, message = errors.details(candidate)
        assert isinstance(str(errors.refused("do it", code, message, 500)), str)


def test_details_are_added_once() -> None:
    inner = {"code": "A", "message": "More."}
    body = {"error": {"code": "Outer", "message": "All.", "details": [inner, inner, {"code": "B", "message": "All."}]}}
    assert errors.details(body) == ("Outer", "All. A: More.")


def test_advice_by_code_then_by_status() -> None:
    assert "az provider register" in str(errors.refused("x", "MissingSubscriptionRegistration", "", 409))
    assert "run again in some minutes" in str(errors.refused("x", "Strange", "", 503))
    assert "custom role" in str(errors.refused("x", "", "", 403))
    assert str(errors.refused("x", "Strange", "Why not.", 418)) == "Azure refused to x (Strange): Why not."


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (700016, "client_id"), (7000215, "not its id"), (7000222, "expired"), (700027, "x509_certificate_path"),
        (90002, "tenant"), (900023, "tenant"), (50034, "tenant"), (500011, "cloud_environment"), (53003, "policy"),
    ],
)  # fmt: skip
def test_what_to_do_when_entra_refuses(number: int, advice: str) -> None:
    """Numbers of "Microsoft Entra authentication and authorization error codes"."""
    assert advice in str(errors.refused("sign in", f"AADSTS{number}", "")).partition("What to do: ")[2]


@pytest.mark.parametrize(
    ("code", "status", "busy", "unclear"),
    [
        ("", 409, True, False),
        ("", 412, True, False),
        ("", 429, True, False),
        ("AnotherOperationInProgress", None, True, False),
        ("SubscriptionRequestsThrottled", 429, True, False),
        ("MissingSubscriptionRegistration", 409, False, False),  # no waiting helps
        ("ScopeLocked", 409, False, False),
        ("Canceled", 409, False, False),  # the end of an operation, too
        ("", 404, False, False),
        ("InternalServerError", 500, False, True),
        ("", 503, False, True),
        ("InternalServerError", None, False, False),  # the end of an operation
    ],
)
def test_what_may_pass(code: str, status: int | None, busy: bool, unclear: bool) -> None:
    error = errors.refused("x", code, "", status)
    assert (error.busy, error.unclear) == (busy, unclear)
