# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How calls are made again, with operations made by hand. The real SDK is in the integration tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.client import Azure, Clock
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.errors import AzureError
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.operations import Wait

BUSY = AzureError("too many calls", "TooManyRequests", 429, retry_after=60)


class Calls:
    """An Azure that answers as it is told to, on a clock of its own."""

    def __init__(self, *answers: str | AzureError) -> None:
        self.answers, self.now, self.said = list(answers), 0.0, list[str]()
        wait = Wait(100, self.said.append, lambda: self.now, self.sleep)
        self.azure = Azure(SimpleNamespace(things=SimpleNamespace(get=self.get)), "S", wait, Clock())

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def get(self, *_arguments: str, cls: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, AzureError):
            raise answer
        return cls(SimpleNamespace(http_response=SimpleNamespace(text=lambda: answer)), None, None)


def test_each_call_has_all_its_time_and_is_called_by_its_name() -> None:
    calls = Calls(BUSY, '{"id": 1}', BUSY, '{"id": 2}')
    assert calls.azure.read("read one", "things.get", "a") == {"id": 1}
    assert calls.azure.read("read the other", "things.get", "b") == {"id": 2}
    assert calls.now == 120
    assert calls.said == [f"waiting for Azure to {what} (0 s so far)" for what in ("read one", "read the other")]


def test_a_call_is_not_made_again_for_ever_nor_where_that_is_of_no_use() -> None:
    calls = Calls(BUSY, BUSY)
    with pytest.raises(AzureError, match=r"more than 100 seconds to read one \(TooManyRequests\)"):
        calls.azure.read("read one", "things.get")
    with pytest.raises(AzureError, match="gone"):
        Calls(AzureError("gone", "NotFound", 404)).azure.read("read one", "things.get")


@pytest.mark.parametrize("answer", ["[]", "", "null", '"x"'])
def test_what_is_no_resource_is_no_answer(answer: str) -> None:
    with pytest.raises(AzureError, match="the request to read one has an unexpected form"):
        Calls(answer).azure.read("read one", "things.get")
