# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in to the lab as azure-identity does it, and what Entra and ARM say to a bad login."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab

SDK = "the Azure SDK is missing: make installs it, with requirements/test.txt"
KNOWN = {"disable_instance_discovery": True}


@pytest.fixture
def identity(azure: AzureLab, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = pytest.importorskip("azure.identity", reason=SDK)
    for name, value in azure.environment("none").items():
        monkeypatch.setenv(name, value)
    return module


def scope(azure: AzureLab) -> str:
    return f"{azure.url}/.default"


def test_client_secret(azure: AzureLab, identity: Any) -> None:
    credential = identity.ClientSecretCredential(azure.tenant, azure.client_id, azure.client_secret, **KNOWN)
    token = credential.get_token(scope(azure)).token
    assert azure.authority.tokens[token]["appid"] == azure.client_id
    assert [str(record) for record in azure.requests] == [
        f"GET /{azure.tenant}/v2.0/.well-known/openid-configuration 200",
        f"POST /{azure.tenant}/oauth2/v2.0/token 200",
    ]
    assert token in azure.secrets


def test_client_certificate(azure: AzureLab, identity: Any) -> None:
    path = azure.environment("certificate")["AZURE_CLIENT_CERTIFICATE_PATH"]
    credential = identity.CertificateCredential(azure.tenant, azure.client_id, path, **KNOWN)
    assert credential.get_token(scope(azure)).token in azure.authority.tokens


def test_a_certificate_that_the_application_does_not_have(azure: AzureLab, identity: Any, tmp_path: Path) -> None:
    azure.client_certificate()
    other = AzureLab(tmp_path / "other")
    path = other.client_certificate()
    credential = identity.CertificateCredential(azure.tenant, azure.client_id, str(path), **KNOWN)
    with pytest.raises(Exception, match="AADSTS700027"):
        credential.get_token(scope(azure))


def test_managed_identity(azure: AzureLab, identity: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in azure.environment("managed_identity").items():
        monkeypatch.setenv(name, value)
    token = identity.ManagedIdentityCredential().get_token(scope(azure)).token
    assert token in azure.authority.tokens


def test_cli(azure: AzureLab, identity: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.install_cli(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    token = identity.AzureCliCredential().get_token(scope(azure)).token
    assert token in azure.authority.tokens
    assert azure.requests == []


def test_the_cli_takes_documented_options_only(azure: AzureLab, tmp_path: Path) -> None:
    command = azure.install_cli(tmp_path / "bin")
    for arguments, code in (
        (["account", "get-access-token", "--resource", azure.url], 0),
        (["account", "get-access-token", "--resource", "https://elsewhere"], 1),
        (["account", "get-access-token", "--loud"], 2),
        (["group", "list"], 2),
    ):
        done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"client_secret": "wrong"}, 7000215),
        ({"client_id": "00000000-0000-0000-0000-000000000001"}, 700016),
        ({"tenant_id": "00000000-0000-0000-0000-000000000001"}, 90002),
    ],
)
def test_refused_logins(azure: AzureLab, identity: Any, change: dict[str, str], number: int) -> None:
    given = {"tenant_id": azure.tenant, "client_id": azure.client_id, "client_secret": azure.client_secret} | change
    credential = identity.ClientSecretCredential(**given, **KNOWN)
    with pytest.raises(Exception, match=f"AADSTS{number}|Unable to get authority"):
        credential.get_token(scope(azure))
    assert azure.authority.tokens == {}


def test_another_cloud_s_scope_is_refused(azure: AzureLab, identity: Any) -> None:
    credential = identity.ClientSecretCredential(azure.tenant, azure.client_id, azure.client_secret, **KNOWN)
    with pytest.raises(Exception, match="AADSTS500011"):
        credential.get_token("https://management.azure.com/.default")


def test_arm_refuses_tokens(azure: AzureLab, raw: Any) -> None:
    path = f"/subscriptions/{azure.subscription_id}"
    expired = azure.authority.issue(lifetime=-5)
    audience = azure.authority.issue(aud="https://vault.azure.net")
    tenant = azure.authority.issue(tid="another")
    for token, code in (
        (None, "AuthenticationFailed"),
        ("nonsense", "InvalidAuthenticationToken"),
        (expired, "ExpiredAuthenticationToken"),
        (audience, "InvalidAuthenticationTokenAudience"),
        (tenant, "InvalidAuthenticationTokenTenant"),
    ):
        status, content, headers = raw("GET", path, token=token)
        assert (status, content["error"]["code"]) == (401, code)
        assert headers["WWW-Authenticate"].startswith('Bearer authorization_uri="https://localhost:')


def test_what_tools_ask_a_cloud(azure: AzureLab, raw: Any) -> None:
    status, content, _headers = raw("GET", "/metadata/endpoints", version="2022-09-01", token=None)
    assert (status, content[0]["authentication"]["audiences"]) == (200, [azure.url])
    status, content, _headers = raw("GET", "/metadata/endpoints", version="2015-01-01", token=None)
    assert content["authentication"]["loginEndpoint"] == f"{azure.url}/"
    status, content, _headers = raw("GET", "/common/discovery/instance", version="1.0", token=None)
    assert azure.tenant in content["tenant_discovery_endpoint"]
