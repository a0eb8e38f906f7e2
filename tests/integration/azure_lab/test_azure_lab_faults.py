# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: each does what its name says, to the SDK and on the wire."""

from __future__ import annotations

import http.client
import math
import urllib.error
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.azure import faults


@pytest.fixture
def core() -> Any:
    return pytest.importorskip(
        "azure.core.exceptions", reason="the Azure SDK is missing: make installs it, with requirements/test.txt"
    )


def read(sdk: Any, **options: Any) -> Any:
    return sdk.vpn_server_configurations.get("rg-vpn", "config1", **options)


GET = "GET */vpnServerConfigurations/config1"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.throttled(), (429, "SubscriptionRequestsThrottled")),
        (faults.conflict(), (409, "AnotherOperationInProgress")),
        (faults.etag_mismatch(), (412, "PreconditionFailed")),
        (faults.internal_error(), (500, "InternalServerError")),
        (faults.unavailable(), (503, "ServiceUnavailable")),
        (faults.forbidden(), (403, "AuthorizationFailed")),
        (faults.unauthorized(), (401, "ExpiredAuthenticationToken")),
        (faults.status(418, "Teapot", "short and stout"), (418, "Teapot")),
    ],
)
def test_error_answers(world: SimpleNamespace, sdk: Any, core: Any, fault: faults.Fault, expected: Any) -> None:
    world.azure.faults.add(GET, fault)
    with pytest.raises(core.HttpResponseError) as caught:
        read(sdk)
    assert (caught.value.status_code, caught.value.error.code) == expected
    assert read(sdk).name == "config1"  # once only
    assert [record.status for record in world.azure.arm_requests] == [expected[0], 200]
    assert world.azure.faults.unused == []


def test_retry_after_lets_the_sdk_repeat(world: SimpleNamespace, sdk: Any) -> None:
    world.azure.faults.add(GET, faults.throttled(retry_after=1), times=1)
    assert read(sdk, retry_total=2).name == "config1"
    assert [record.status for record in world.azure.arm_requests] == [429, 200]


@pytest.mark.parametrize("served", [False, True])
def test_a_reset_connection(world: SimpleNamespace, sdk: Any, core: Any, served: bool) -> None:
    world.azure.faults.add(GET, faults.reset(served=served))
    with pytest.raises(core.AzureError, match=r"reset|aborted"):
        read(sdk)
    assert [record.status for record in world.azure.arm_requests] == [0]


def test_a_put_that_was_served_though_the_connection_broke(world: SimpleNamespace, raw: Any) -> None:
    """The worst case for a client: the change has been made, the answer is lost."""
    world.azure.faults.add("put", faults.reset(served=True))
    document = world.used.document()
    document["properties"]["vpnClientRevokedCertificates"] = []
    with pytest.raises((ConnectionError, urllib.error.URLError, http.client.HTTPException)):
        raw("PUT", world.used.id, document)
    assert world.used.properties["vpnClientRevokedCertificates"] == []


def test_a_truncated_body(world: SimpleNamespace, raw: Any) -> None:
    url = world.azure.blobs.put(b"x" * 100_000)
    world.azure.faults.add("blob", faults.truncated())
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        raw("GET", url, version=None, token=None)
    assert raw("GET", url, version=None, token=None)[1] == b"x" * 100_000


def test_wrong_json(world: SimpleNamespace, sdk: Any, core: Any) -> None:
    world.azure.faults.add(GET, faults.wrong_json())
    with pytest.raises(core.DecodeError):
        read(sdk)


def test_a_proxy_s_page(world: SimpleNamespace, raw: Any) -> None:
    world.azure.faults.add("* *", faults.raw(407, b"<html>Proxy login</html>"), times=math.inf)
    assert raw("GET", world.used.id)[:2] == (407, b"<html>Proxy login</html>")
    world.azure.faults.clear()
    assert raw("GET", world.used.id)[0] == 200


def test_login_faults(world: SimpleNamespace, sdk: Any, core: Any) -> None:
    world.azure.faults.add("token", faults.body(b"", "text/html"))
    with pytest.raises((core.AzureError, ValueError, KeyError)):
        read(sdk)


def test_calls_see_the_request_before_it_is_served(world: SimpleNamespace, raw: Any) -> None:
    seen = []

    def colleague(request: Any) -> None:
        seen.append(request.method)
        world.used.touch()

    document, etag = world.used.document(), world.used.etag
    world.azure.faults.add(lambda request: request.method == "PUT", faults.call(colleague))
    assert raw("PUT", world.used.id, document, headers={"If-Match": etag})[0] == 412
    assert seen == ["PUT"]


def test_unused_faults_are_told(world: SimpleNamespace) -> None:
    world.azure.faults.add("blob", faults.truncated())
    assert world.azure.faults.unused == ["truncated"]
    with pytest.raises(AttributeError):
        faults.operation(pols=3).plan(world.azure.plan)  # type: ignore[misc]


def test_a_hidden_registration_is_seen(world: SimpleNamespace, raw: Any) -> None:
    """409 MissingSubscriptionRegistration makes the plain SDK client register the provider: a write.

    (Seen with both generations of the SDK; not repeated here, because it then sleeps for ten seconds.)
    """
    world.azure.faults.add(GET, faults.unregistered())
    assert raw("GET", world.used.id)[1]["error"]["code"] == "MissingSubscriptionRegistration"
    path = f"/subscriptions/{world.azure.subscription_id}/providers/Microsoft.Network/register"
    assert raw("POST", path, version="2016-02-01")[1]["registrationState"] == "Registered"
    assert [record.path for record in world.azure.writes] == [path]


def test_a_failed_put_leaves_its_mark(world: SimpleNamespace, raw: Any) -> None:
    world.azure.faults.add("put", faults.operation(polls=0, outcome="Failed", error_code="GatewayUpdateFailed"))
    _status, _content, headers = raw("PUT", world.used.id, world.used.document())
    _status, content, _headers = raw("GET", headers["Azure-AsyncOperation"], version=None)
    assert (content["status"], content["error"]["code"]) == ("Failed", "GatewayUpdateFailed")
    assert raw("GET", world.used.id)[1]["properties"]["provisioningState"] == "Failed"


def test_a_mistake_in_the_lab_is_not_the_client_s(world: SimpleNamespace, raw: Any) -> None:
    world.used.properties = None
    assert raw("GET", world.used.id)[0] == 500
    assert "AttributeError" in world.azure.crashes.pop()
