# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener: TLS by its own CA, hosts apart, nonsense survived, nothing secret in the records."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults
from ansible_collections.vwan.user_vpn.tests.lab.azure.messages import Request
from ansible_collections.vwan.user_vpn.tests.lab.azure.operations import Plan


def send(azure: AzureLab, data: bytes) -> bytes:
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    plain = socket.create_connection(("127.0.0.1", azure.port), timeout=5)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_openssl_accepts_the_certificate(azure: AzureLab) -> None:
    for name, option in (("localhost", "-verify_hostname"), ("127.0.0.1", "-verify_ip")):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{azure.port}", "-CAfile", str(azure.ca_file)]
        command += ["-verify_return_error", option, name]
        done = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=20)
        assert "Verify return code: 0 (ok)" in done.stdout, done.stderr


def test_strangers_do_not_trust_it(azure: AzureLab) -> None:
    plain = socket.create_connection(("127.0.0.1", azure.port), timeout=5)
    with plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_it_listens_on_loopback_only(azure: AzureLab) -> None:
    listening = azure._listener._server.socket.getsockname()
    assert listening[0] == "127.0.0.1"


def test_bodies_end_lines_as_the_service_does(world: SimpleNamespace) -> None:
    azure = world.azure
    token = azure.authority.issue()
    request = (
        f"GET {world.used.id}?api-version=2024-05-01 HTTP/1.1\r\nHost: localhost:{azure.port}\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    head, _blank, body = send(azure, request.encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body.startswith(b'{\r\n  "name": "config1",\r\n  "id": ')


def test_a_reset_is_a_reset(azure: AzureLab) -> None:
    """The kernel says that the connection was reset (Python's ssl shows the same as an end)."""
    azure.faults.add("* *", faults.reset())
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    plain = socket.create_connection(("127.0.0.1", azure.port), timeout=5)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{azure.port}\r\n\r\n".encode())
        waiting = select.poll()
        waiting.register(connection, 0)
        assert waiting.poll(5000)[0][1] & select.POLLHUP
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def test_hosts_are_apart(azure: AzureLab, raw: Any) -> None:
    """ARM does not answer on the blob store's host, nor the other way round, nor anything on a third."""
    arm = f"/subscriptions/{azure.subscription_id}"
    assert raw("GET", f"https://127.0.0.1:{azure.port}{arm}", token=None)[0] == 404
    blob = azure.blobs.put(b"zip").replace("127.0.0.1", "localhost")
    assert raw("GET", blob, version=None, token=None)[0] == 404
    answer = send(azure, b"GET / HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421")


def test_records_hold_no_secret(world: SimpleNamespace, raw: Any) -> None:
    azure = world.azure
    url = azure.blobs.put(b"zip")
    raw("GET", url, version=None, token=None)
    raw("GET", world.used.id)
    assert azure.authority.tokens
    text = repr([(record, record.headers) for record in azure.requests])
    assert not [secret for secret in azure.secrets if secret in text]


METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"])
PIECES = st.one_of(
    st.sampled_from(["subscriptions", "SUB", "resourceGroups", "rg-vpn", "providers", "Microsoft.Network"]),
    st.sampled_from(["virtualWans", "wan1", "vpnServerConfigurations", "config1", "p2svpnGateways", "locations"]),
    st.sampled_from(["generateVpnProfile", "operations", "operationResults", "listRadiusSecrets", "%2e%2e", ""]),
    st.sampled_from(["oauth2", "v2.0", "token", "metadata", "endpoints", "ü"]),
)
# Half of the paths lead to a resource, else few would come behind the front door.
PATHS = st.one_of(
    st.lists(PIECES, max_size=10),
    st.lists(PIECES, max_size=4).map(
        lambda rest: ["subscriptions", "SUB", "resourceGroups", "rg-vpn", "providers", "Microsoft.Network", *rest]
    ),
)
BODIES = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"null", b"[]", b"{}", b"7", b'{"properties":7}', b'{"tags":[]}'])
)


@pytest.fixture(scope="module")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> AzureLab:
    azure = AzureLab(tmp_path_factory.mktemp("azure"))
    azure.add_virtual_wan("wan1")
    azure.add_hub("hub1", "wan1")
    azure.add_server_configuration("config1")
    azure.add_p2s_gateway("gw1", "hub1", "config1")
    return azure


@settings(max_examples=100, deadline=None)
@given(method=METHODS, pieces=PATHS, query=st.text(max_size=20), body=BODIES)
def test_nonsense_gets_an_answer(
    small_world: AzureLab, method: str, pieces: list[str], query: str, body: bytes
) -> None:
    """Whatever arrives, the lab answers with some error of Azure's and never crashes."""
    azure = small_world
    path = "/" + "/".join(pieces).replace("SUB", azure.subscription_id)
    headers = {"authorization": f"Bearer {azure.authority.issue()}", "content-type": "application/json"}
    for given_query in (query, "api-version=2024-05-01"):
        request = Request(method, f"localhost:{azure.port}", path, given_query, headers, body)
        response = azure._guarded(request, Plan())
        assert 200 <= response.status < 600
    assert azure.crashes == []
