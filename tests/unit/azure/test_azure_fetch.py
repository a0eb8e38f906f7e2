# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link of an hour: when it is tried again, and that nothing shows it. Real servers are in the integration tests."""

from __future__ import annotations

import io
import socket
from email.message import Message
from urllib.error import HTTPError

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import fetch
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.errors import AzureError
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.operations import Wait

SIGNATURE = "pl4nted"


@pytest.mark.parametrize(
    "url",
    [
        f"http://blob.example/p.zip?sig={SIGNATURE}",
        f"https:///p.zip?sig={SIGNATURE}",
        f"https://blob.example/a b?sig={SIGNATURE}",
        f"https://blob.example/a\r\nHost: other?sig={SIGNATURE}",
        f"https://blob.example/p.zip?sig={SIGNATURE}\n",
        f"https://[blob.example/p.zip?sig={SIGNATURE}",
        f"ftp://blob.example/?sig={SIGNATURE}",
        "",
    ],
)
def test_what_is_no_https_url_is_not_asked_and_not_shown(url: str) -> None:
    with pytest.raises(AzureError, match=r"^Azure's answer holds no https URL") as caught:
        fetch.fetch(url, Wait(60, print, sleep=pytest.fail))
    assert SIGNATURE not in str(caught.value)


def test_a_host_that_takes_no_connection_is_tried_again_and_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    pauses: list[float] = []
    with socket.socket() as taken:  # nobody listens there, and nobody else takes the port
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}/p.zip?sig={SIGNATURE}"
        with pytest.raises(AzureError, match=r"cannot be downloaded from 127\.0\.0\.1: no connection") as caught:
            fetch.fetch(url, Wait(60, print, clock=lambda: 0.0, sleep=pauses.append))
    assert pauses == [fetch.PAUSE * attempt for attempt in range(1, fetch.TRIES)]
    assert SIGNATURE not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (302, False), (400, False), (403, False), (407, False), (511, False),
        (404, True), (408, True), (429, True), (500, True), (503, True),
    ],
)  # fmt: skip
def test_which_answers_are_worth_another_try(status: int, again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(*_arguments: object) -> bytes:
        asked.append(status)
        raise HTTPError("https://blob.example", status, "", Message(), io.BytesIO(b"<Error><Code>Cause</Code></Error>"))

    monkeypatch.setattr(fetch, "_get", answer)
    with pytest.raises(AzureError, match="Cause"):
        fetch.fetch("https://blob.example/p.zip", Wait(60, print, clock=lambda: 0.0, sleep=lambda _seconds: None))
    assert len(asked) == (fetch.TRIES if again else 1)
