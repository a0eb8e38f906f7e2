# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""server_configuration_info and connection_health_info against the lab's Azure."""

from __future__ import annotations

import base64
import gzip
import json
import math
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import client
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.configurations import GOOD_POLICY
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults
from ansible_collections.vwan.user_vpn.tests.lab.azure.faults import Fault
from ansible_collections.vwan.user_vpn.tests.lab.azure.lab import public_cert_data
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Response

INFO = "server_configuration_info"
HEALTH = "connection_health_info"
WAN_ID = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualWans/wan1"


def test_one_configuration_with_gateways_and_hubs(
    azure: AzureLab, macs: Any, run: Run, make_root: Callable[..., bytes]
) -> None:
    pem = make_root()
    macs.properties["vpnClientRootCertificates"] = [{"name": "b", "publicCertData": base64.b64encode(pem).decode()}]
    macs.properties["vpnClientRevokedCertificates"] = [{"name": "lost", "thumbprint": "ab" * 20}]
    result = run.ok(INFO, vpn_server_configuration="MACS")
    (found,) = result["configurations"]
    assert result["changed"] is False
    assert found["id"] == macs.id
    assert (found["vpn_protocols"], found["vpn_authentication_types"]) == (["IkeV2"], ["Certificate"])
    assert found["ipsec_policy"] == GOOD_POLICY
    assert (found["usable_by_macs"], found["advice"]) == (False, [])  # nobody can connect with its certificates
    assert "no root with which a client could sign in: b is broken" in found["problems"][0]
    assert [(root["status"], root["subject"]) for root in found["roots"]] == [("broken", "CN=P2SRootCert")]
    assert found["roots"][0]["public_cert_data"] == "".join(pem.decode().splitlines()[1:-1])
    assert found["revoked"] == [{"name": "lost", "thumbprint": "AB" * 20}]
    (gateway,) = found["gateways"]
    assert (gateway["name"], gateway["hub"], gateway["client_address_pools"]) == ("gw1", "hub1", ["172.31.250.0/24"])
    assert gateway["enable_internet_security"] is False
    assert azure.writes == []


@pytest.mark.parametrize("days", [-400, 0, 400])
def test_the_clocks_are_compared(azure: AzureLab, macs: Any, run: Run, days: int) -> None:
    azure.set_clock(datetime.now(UTC) + timedelta(days=days))
    assert abs(run.ok(INFO, vpn_server_configuration="macs")["clock_skew"] + days * 86_400) <= 60


@pytest.mark.parametrize("date", [None, "", "today", "Sat, 28 Nov 99999999 01:01:05 GMT", "Sat, 28 Nov 2026 01:01:05"])
def test_without_a_date_nothing_is_compared(date: str | None) -> None:
    clock = client.Clock()
    clock.compare(date)
    assert clock.skew is None


def test_without_gateways_one_request_is_enough(azure: AzureLab, macs: Any, run: Run) -> None:
    (found,) = run.ok(INFO, vpn_server_configuration=macs.id, gateways=False, check=True)["configurations"]
    assert found["gateways"] == []
    assert [record.method for record in azure.arm_requests] == ["GET"]


def test_an_id_in_another_subscription_is_not_mistaken_for_ours(azure: AzureLab, macs: Any, run: Run) -> None:
    foreign = macs.id.replace(azure.subscription_id, "00000000-0000-0000-0000-000000000000")
    assert "another subscription" in run.fails(INFO, vpn_server_configuration=foreign)


def test_all_of_a_group_of_a_wan_of_a_gateway(azure: AzureLab, macs: Any, run: Run) -> None:
    azure.add_server_configuration("another")

    def names(**arguments: Any) -> list[str]:
        return [found["name"] for found in run.ok(INFO, **arguments)["configurations"]]

    assert names() == ["another", "macs"]
    assert names(virtual_wan="wan1") == ["macs"]
    assert names(p2s_vpn_gateway="gw1") == ["macs"]
    assert names(virtual_wan="wan1", vpn_server_configuration="another") == ["another"]
    # a name that is empty is none, and the gateway wins
    assert names(virtual_wan="", vpn_server_configuration="", p2s_vpn_gateway="") == ["another", "macs"]
    assert names(virtual_wan="no such wan", vpn_server_configuration="another", p2s_vpn_gateway="gw1") == ["macs"]
    assert azure.writes == []


def test_problems_and_advice(azure: AzureLab, run: Run, make_root: Callable[..., bytes]) -> None:
    azure.add_server_configuration("bad", protocols=("OpenVPN",), auth=("AAD",))
    azure.add_server_configuration("group24", roots=[make_root()], ipsec_policy={**GOOD_POLICY, "dhGroup": "DHGroup24"})
    bad, group24 = run.ok(INFO)["configurations"]
    assert bad["usable_by_macs"] is False
    assert ["add IKEv2" in problem for problem in bad["problems"]] == [True, False]
    assert "default IPsec policy" in bad["advice"][0]
    assert group24["usable_by_macs"] is True
    assert "DHGroup24 or PFS24" in group24["advice"][0] and "dhGroup DHGroup14" in group24["advice"][0]


def test_no_root_and_only_ended_ones(azure: AzureLab, macs: Any, run: Run, make_root: Callable[..., bytes]) -> None:
    def problems() -> list[str]:
        (found,) = run.ok(INFO, vpn_server_configuration="macs")["configurations"]
        assert found["usable_by_macs"] == (not found["problems"])
        return found["problems"]

    def trust(*roots: bytes) -> None:
        listed = [{"name": f"r{n}", "publicCertData": public_cert_data(root)} for n, root in enumerate(roots)]
        macs.properties["vpnClientRootCertificates"] = listed

    trust()
    assert ["trusts no root." in text and "server_configuration" in text for text in problems()] == [True]
    trust(make_root(days=-1), make_root("Other", days=-2))
    assert ["r0 is expired, r1 is expired" in text for text in problems()] == [True]
    trust(make_root(days=-1), make_root("Other"))
    assert problems() == []
    # The run that downloads a package says it, too; in check mode a real one might have uploaded the root by now.
    trust()
    arguments = {"virtual_wan": "wan1", "dest": "package.zip"}
    assert ["trusts no root" in text for text in run.ok("profile_package", **arguments)["warnings"]] == [True]
    warnings = run.ok("profile_package", check=True, **arguments)["warnings"]
    assert not any("trusts no root" in text for text in warnings)


def test_several_authentication_types_are_for_openvpn(
    azure: AzureLab, run: Run, make_root: Callable[..., bytes]
) -> None:
    def advice(**how: Any) -> list[str]:
        configuration = azure.add_server_configuration("macs", roots=[make_root()], ipsec_policy=GOOD_POLICY, **how)
        (found,) = run.ok(INFO, vpn_server_configuration=configuration.id)["configurations"]
        assert found["usable_by_macs"] is True
        return found["advice"]

    assert ["by Azure certificate alone" in text for text in advice(auth=("Certificate", "AAD"))] == [True]
    assert len(advice(auth=("Radius", "Certificate"), protocols=("IkeV2", "OpenVPN"))) == 1
    assert advice(auth=("Certificate",), protocols=("IkeV2", "OpenVPN")) == []


def test_a_radius_secret_is_never_returned(azure: AzureLab, run: Run) -> None:
    azure.add_server_configuration(
        "mixed",
        auth=("Certificate", "Radius"),
        radiusServers=[{"radiusServerAddress": "10.0.0.8", "radiusServerSecret": "a-radius-secret"}],
    )
    # an older API version does show it
    old = (
        b'{"name": "mixed", "id": "%s", "properties": {"radiusServerAddress": "10.0.0.9", "radiusServerSecret": "%s"}}'
    )
    resource_id = azure.subscription.id_of("vpnServerConfigurations", "rg-vpn", "mixed").encode()
    azure.faults.add("GET */vpnServerConfigurations/mixed", faults.body(old % (resource_id, b"a-radius-secret")))
    (found,) = run.ok(INFO, vpn_server_configuration="mixed")["configurations"]
    assert found["radius_servers"] == ["10.0.0.9"]
    assert "a-radius-secret" in azure.secrets  # which the fixture looks for in all that was returned


def test_who_is_connected(azure: AzureLab, macs: Any, run: Run) -> None:
    gateway = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    assert gateway is not None
    azure.add_hub("hub2", "wan1")
    azure.add_p2s_gateway("gw2", "hub2", "macs", roots=[])
    azure.connect_client(gateway, "172.31.250.5", ingress_bytes=10, egress_bytes=20)
    azure.connect_client(gateway, "172.31.250.4", ingress_bytes=1, egress_bytes=2)
    everyone = run.ok(HEALTH, check=True)
    assert (everyone["connections"], everyone["addresses"]) == (2, ["172.31.250.4", "172.31.250.5"])
    one, two = everyone["gateways"]
    assert (one["name"], one["hub"], one["ingress_bytes"], one["egress_bytes"]) == ("gw1", "hub1", 11, 22)
    assert (two["name"], two["connections"], two["addresses"]) == ("gw2", 0, [])
    alone = run.ok(HEALTH, p2s_vpn_gateway="gw2")
    assert (alone["connections"], alone["addresses"]) == (0, [])
    assert run.ok(HEALTH, p2s_vpn_gateway="")["connections"] == 2
    assert azure.writes == []


@pytest.mark.parametrize("headers", ["direct", "location", "async", "both"])
def test_health_comes_by_every_way(headers: str, azure: AzureLab, macs: Any, run: Run) -> None:
    azure.faults.add("health", faults.operation(headers=headers))
    gateway = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    assert gateway is not None
    azure.connect_client(gateway, "172.31.250.5")
    assert run.ok(HEALTH, p2s_vpn_gateway="gw1")["connections"] == 1


@pytest.mark.parametrize("module", ["server_configuration", "profile_package", INFO])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"virtual_wan": "wan1", "resource_group": ""}, "missing required arguments: resource_group"),
        ({"virtual_wan": "wan1", "resource_group": " "}, "resource_group is empty"),
        ({"virtual_wan": "wan1", "resource_group": "../x"}, "resource_group must be the name alone"),
        ({"p2s_vpn_gateway": " "}, "p2s_vpn_gateway is empty"),
        ({"virtual_wan": "\t"}, "virtual_wan is empty"),
        ({"virtual_wan": "a/b c?x"}, "virtual_wan must be the name alone"),
        ({"virtual_wan": ".."}, "virtual_wan must be the name alone"),
        ({"virtual_wan": "wan1", "vpn_server_configuration": " "}, "vpn_server_configuration is empty"),
        ({"virtual_wan": "wan1", "vpn_server_configuration": "/subscriptions/x"}, "must be a name, or a resource id"),
        ({"virtual_wan": "wan1", "vpn_server_configuration": WAN_ID}, "must be a name, or a resource id"),
    ],
)
def test_names_that_no_resource_has(
    module: str, options: dict[str, str], expected: str, azure: AzureLab, run: Run
) -> None:
    dest = {"dest": "package.zip"} if module == "profile_package" else {}
    assert expected in run.fails(module, **options, **dest)
    assert "p2s_vpn_gateway is empty" in run.fails(HEALTH, p2s_vpn_gateway=" ")
    assert azure.requests == []


# --- answers that are not what Azure documents -------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [faults.unavailable(), faults.raw(503, b""), faults.raw(503, b"<html>"), faults.unavailable(retry_after=0)],
    ids=["json", "empty", "html", "Retry-After"],
)
def test_a_list_that_comes_at_the_second_try_is_read(fault: Any, azure: AzureLab, macs: Any, run: Run) -> None:
    azure.faults.add("GET */vpnServerConfigurations", fault)
    azure.faults.add("GET */p2svpnGateways", fault)
    assert [found["name"] for found in run.ok(INFO)["configurations"]] == ["macs"]
    assert [found["name"] for found in run.ok(HEALTH)["gateways"]] == ["gw1"]
    assert azure.faults.unused == []


USES = {
    "configuration": ("GET */vpnServerConfigurations/macs", INFO, {"vpn_server_configuration": "macs"}),
    "trust": (
        "GET */vpnServerConfigurations/macs",
        "server_configuration",
        {"vpn_server_configuration": "macs", "revoked": [{"thumbprint": "A" * 40}]},
    ),
    "package": (
        "GET */vpnServerConfigurations/macs",
        "profile_package",
        {"vpn_server_configuration": "macs", "virtual_wan": "wan1", "dest": "package.zip"},
    ),
    "gateway": ("GET */p2svpnGateways/gw1", "profile_package", {"p2s_vpn_gateway": "gw1", "dest": "package.zip"}),
    "configurations": ("GET */vpnServerConfigurations", INFO, {}),
    "gateways": ("GET */p2svpnGateways", HEALTH, {}),
    "health": ("health", HEALTH, {"p2s_vpn_gateway": "gw1"}),
    "in use": ("POST */virtualWans/wan1/vpnServerConfigurations", INFO, {"virtual_wan": "wan1"}),
}
WRONG = {
    "configuration": [b"{}", b"[]", b"null", b'{"id": 5, "properties": {}}', b'{"id": "/subscriptions/x"}'],
    "configurations": [b"[]", b'{"value": [1]}', b'{"value": "ab"}', b'{"value": {"a": 1}}', b'{"value": [{}]}'],
    "health": [b'{"properties": {"vpnClientConnectionHealth": {"vpnClientConnectionsCount": %s}}}' % odd for odd in
               (b'"x"', b"[1]", b"NaN", b"1e999")],
    "in use": [b'{"vpnServerConfigurationResourceIds": 5}', b'{"vpnServerConfigurationResourceIds": ["x"]}'],
}  # fmt: skip
WRONG |= {"trust": WRONG["configuration"], "package": WRONG["configuration"], "gateway": WRONG["configuration"]}
WRONG |= {"gateways": WRONG["configurations"]}


@pytest.mark.parametrize(("use", "answer"), [(use, answer) for use, answers in WRONG.items() for answer in answers])
def test_a_wrong_answer_is_an_error_and_changes_nothing(
    use: str, answer: bytes, azure: AzureLab, macs: Any, run: Run
) -> None:
    match, module, arguments = USES[use]
    azure.plan.headers = "direct"
    azure.faults.add(match, faults.body(answer, "application/json"), times=math.inf)
    assert "run again" in run.fails(module, **arguments)
    assert azure.faults.unused == []
    assert azure.writes == []


def packed(content: bytes) -> Fault:
    """A body that is unpacked on arrival."""

    def replace(response: Response) -> Response:
        response.body = gzip.compress(content)
        response.headers |= {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return response

    return Fault("packed", after=replace)


def headed(name: str, value: str) -> Fault:
    def add(response: Response) -> Response:
        response.headers[name] = value
        return response

    return Fault(name, after=add)


ENDLESS = {
    "too deep": faults.body(b"[" * 100_000),
    "too deep, and whole": faults.body(b'{"id": ' * 500 + b"1" + b"}" * 500),
    "5,000 digits": faults.body(b'{"id": %s}' % (b"9" * 5000)),
    "half a character": faults.body(b'{"id": "\\ud800"}'),
    "too large in number": faults.body(b'{"id": [' + b"[]," * 700_000 + b"1]}"),
    "too large": faults.body(b'{"id": "%s"}' % (b"x" * (5 << 20))),
    "too large when unpacked": packed(b'{"id": "%s"}' % (b"x" * (50 << 20))),
}


@pytest.mark.parametrize("kind", ["application/json; charset=none", "application/json", "text/html", ""])
@pytest.mark.parametrize("answer", [b'{"id": "\xe4"}', '{"id": "ä"}'.encode("utf-16"), b"\xff\xfe", b"\0"])
def test_an_answer_in_another_encoding(answer: bytes, kind: str, azure: AzureLab, macs: Any, run: Run) -> None:
    match, module, arguments = USES["trust"]
    azure.faults.add(match, faults.body(answer, kind), times=math.inf)
    assert "run again" in run.fails(module, **arguments)
    assert azure.writes == []


@pytest.mark.parametrize("endless", ENDLESS)
@pytest.mark.parametrize("use", ["trust", "configurations", "health", "in use"])
def test_an_answer_without_end_is_an_error(use: str, endless: str, azure: AzureLab, macs: Any, run: Run) -> None:
    match, module, arguments = USES[use]
    azure.plan.headers = "direct"
    azure.faults.add(match, ENDLESS[endless], times=math.inf)
    tracemalloc.start()
    try:
        message = run.fails(module, **arguments)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()
    assert "run again" in message
    assert ("it is larger than any" in message) is endless.startswith("too large")
    assert azure.writes == []


def test_a_list_without_end_is_an_error(azure: AzureLab, macs: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAGES_LIMIT", 20)
    page = {"value": [], "nextLink": f"{azure.url}/subscriptions/{azure.subscription_id}/next?api-version=1"}
    body = faults.body(json.dumps(page).encode(), "application/json")
    azure.faults.add("GET */vpnServerConfigurations", body, times=math.inf)
    azure.faults.add("GET */next", faults.raw(200, json.dumps(page).encode(), "application/json"), times=math.inf)
    assert "it has no end" in run.fails(INFO)


@pytest.mark.parametrize("value", ["9" * 5000, "\u00b2", "-1", "nan", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_a_pause_without_end_is_an_error_or_none(value: str, azure: AzureLab, macs: Any, run: Run) -> None:
    azure.faults.add("health", headed("Retry-After", value))
    azure.faults.add("poll", headed("Retry-After", value))
    result = run(HEALTH, p2s_vpn_gateway="gw1", wait_timeout=20)
    assert not result["failed"] or "more than 20 seconds" in result["msg"] or "run again" in result["msg"]


def test_a_configuration_without_all_its_parts_is_not_put_back(azure: AzureLab, macs: Any, run: Run) -> None:
    azure.faults.add("GET */vpnServerConfigurations/macs", faults.body(b'{"id": "%s"}' % macs.id.encode()))
    wish = {"vpn_server_configuration": "macs", "revoked": [{"thumbprint": "A" * 40}]}
    assert "unexpected form" in run.fails("server_configuration", **wish)
    assert azure.writes == []


def test_a_gateway_without_configuration(azure: AzureLab, macs: Any, run: Run) -> None:
    gateway = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    assert gateway is not None
    gateway.properties.pop("vpnServerConfiguration")
    assert "has no User VPN configuration" in run.fails(INFO, p2s_vpn_gateway="gw1")
