# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clouds and credentials: what options and environment mean. No SDK, no network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, call

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import clouds, credentials, names, proxies
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.credentials import Login
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError

OPTIONS = {"tenant": "t", "client_id": "c", "secret": "s"}
ENVIRONMENT = {"AZURE_TENANT_ID": "et", "AZURE_CLIENT_ID": "ec", "AZURE_CLIENT_SECRET": "es"}
OTHER_NAMES = {"AZURE_TENANT": "et", "AZURE_CLIENT_ID": "ec", "AZURE_SECRET": "es"}


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        (OPTIONS, {}, Login("secret", "t", "c", "s")),
        (OPTIONS, ENVIRONMENT, Login("secret", "t", "c", "s")),
        ({}, ENVIRONMENT, Login("secret", "et", "ec", "es")),
        ({}, OTHER_NAMES, Login("secret", "et", "ec", "es")),
        ({"client_id": "c", "secret": "s"}, ENVIRONMENT, Login("secret", "et", "c", "s")),
        ({**OPTIONS, "auth_source": "env"}, ENVIRONMENT, Login("secret", "et", "ec", "es")),
        (OPTIONS, {"ANSIBLE_AZURE_AUTH_SOURCE": "cli"}, Login("cli", "t")),
        ({"auth_source": "cli"}, ENVIRONMENT, Login("cli", "et")),
        ({"auth_source": "msi"}, {}, Login("msi")),
        ({"auth_source": "msi", "client_id": "c"}, ENVIRONMENT, Login("msi", client_id="c")),
        ({}, {}, Login("cli")),
        ({}, {"AZURE_TENANT_ID": "et"}, Login("cli", "et")),
        ({"secret": ""}, ENVIRONMENT, Login("secret", "et", "ec", "es")),
        # an option wins over the environment, whichever kind it is
        ({"secret": "s"}, {**ENVIRONMENT, "AZURE_X509_CERTIFICATE_PATH": "/nowhere"}, Login("secret", "et", "ec", "s")),
        ({}, {**ENVIRONMENT, "AZURE_X509_CERTIFICATE_PATH": "/nowhere"}, Login("secret", "et", "ec", "es")),
    ],
)
def test_logins(options: dict[str, Any], environment: dict[str, str], expected: Login) -> None:
    assert credentials.choose(options, environment) == expected


def test_a_certificate_and_its_password(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.touch()
    environment = {**ENVIRONMENT, "AZURE_CLIENT_CERTIFICATE_PASSWORD": "p"}
    login = credentials.choose({"x509_certificate_path": str(path)}, environment)
    assert login == Login("certificate", "et", "ec", certificate=str(path), password="p")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"client_id": "c"}, "tenant and secret or x509_certificate_path missing"),
        ({"secret": "very-secret"}, "tenant and client_id missing"),
        ({"auth_source": "service_principal"}, "no service principal is given"),
        ({"auth_source": "env"}, "no service principal is given"),
        ({"auth_source": "magic"}, "must be one of"),
        ({**OPTIONS, "secret": None, "x509_certificate_path": "/nowhere.pem"}, "no file /nowhere.pem"),
    ],
)
def test_half_a_login_is_an_error(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserVpnError, match=expected) as caught:
        credentials.choose(options, {})
    assert "very-secret" not in str(caught.value)


def test_a_login_hides_its_secrets() -> None:
    assert "hush" not in repr(Login("secret", "t", "c", "hush", password="hush"))


FILE = Login("certificate", "t", "c", certificate="/f")


@pytest.mark.parametrize(
    ("login", "wanted"),
    [
        (Login("cli", "t"), lambda **_hosts: call.AzureCliCredential(tenant_id="t")),
        (Login("msi"), lambda **_hosts: call.ManagedIdentityCredential(client_id=None, transport="T")),
        (Login("msi", client_id="c"), lambda **_hosts: call.ManagedIdentityCredential(client_id="c", transport="T")),
        (Login("secret", "t", "c", "s"), lambda **hosts: call.ClientSecretCredential("t", "c", "s", **hosts)),
        (FILE, lambda **hosts: call.CertificateCredential("t", "c", certificate_data=b"in /f", password=None, **hosts)),
        (
            replace(FILE, password="p"),
            lambda **hosts: call.CertificateCredential("t", "c", certificate_data=b"in /f", password="p", **hosts),
        ),
    ],
)
@pytest.mark.parametrize("cloud", ["AzureUSGovernment", "https://arm.example"])
def test_what_the_sdk_is_given(login: Login, wanted: Any, cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, found = MagicMock(), clouds.find(cloud, {})
    monkeypatch.setattr(credentials, "load", lambda _module: identity)
    monkeypatch.setattr(credentials._files, "read", lambda path, _limit: f"in {path}".encode())
    credentials.credential(login, found, "T")
    # The public directory knows nothing of clouds that are not its own.
    hosts = {"authority": found.authority, "disable_instance_discovery": not found.known, "transport": "T"}
    assert identity.mock_calls == [wanted(**hosts)]


def test_subscription(tmp_path: Path) -> None:
    environment = {"AZURE_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(UserVpnError, match="az account set"):
        credentials.subscription({}, environment)
    (tmp_path / "azureProfile.json").write_text("not json")
    with pytest.raises(UserVpnError, match="subscription_id"):
        credentials.subscription({}, environment)
    profile = {"subscriptions": [{"id": "a", "isDefault": False}, {"id": "b", "isDefault": True}]}
    (tmp_path / "azureProfile.json").write_text(json.dumps(profile), "utf-8-sig")
    assert credentials.subscription({}, environment) == "b"
    assert credentials.subscription({}, {**environment, "AZURE_SUBSCRIPTION_ID": "c"}) == "c"
    assert credentials.subscription({"subscription_id": "d"}, {**environment, "AZURE_SUBSCRIPTION_ID": "c"}) == "d"


def test_clouds() -> None:
    government = clouds.find("azureusgovernment", {})
    assert government.resource_manager == "https://management.usgovcloudapi.net"
    assert government.scope == "https://management.core.usgovcloudapi.net/.default"
    assert government.authority == "https://login.microsoftonline.us"
    own = clouds.find("https://arm.example:8443/", {"AZURE_AUTHORITY_HOST": "login.example"})
    assert (own.resource_manager, own.scope) == ("https://arm.example:8443", "https://arm.example:8443/.default")
    assert (own.authority, own.known) == ("https://login.example", False)
    assert clouds.find("https://arm.example", {}).authority == "https://login.microsoftonline.com"


@pytest.mark.parametrize(
    "value",
    [
        "http://arm.example",
        "AzureGermanCloud",
        "https://",
        "https://u@arm.example",
        "https://pl4nted/s3cret@arm.example",
        "https://user:pl4nted#s3cret@arm.example",
        "https://a/?x=1",
        "https://a:b",
        "",
    ],
)
def test_a_cloud_is_a_name_or_an_https_url(value: str) -> None:
    with pytest.raises(UserVpnError, match="cloud_environment must be one of AzureCloud") as caught:
        clouds.find(value, {})
    assert "pl4nted" not in str(caught.value)


@pytest.mark.parametrize(
    "variable", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
)
@pytest.mark.parametrize(
    "value",
    [
        *(f"http://user:pl4nted{sign}s3cret@proxy.example:8080" for sign in "#/?\\[] \t\n"),
        *(f"user:12{sign}pl4nted@proxy.example:8080" for sign in "#/?"),
        "http://pl4nted#s3cret@proxy.example",
        "http:/user:pl4nted@proxy.example",
        "pl4nted://user:s3cret@proxy.example",
        "http://user:pl4nted@proxy.example:65536",
        "http://user:pl4nted@proxy.example:x",
        "http://user:pl4nted@",
        "http://user:pl4nted@proxy.example/path",
        "http://user:pl4nted@proxy.example?x",
        "http://user:pl4nted@müller.example",
    ],
)
def test_a_malformed_proxy_is_named_and_not_quoted(variable: str, value: str) -> None:
    with pytest.raises(
        UserVpnError, match=rf"^{variable} is no URL of the form http://user:password@host:port;"
    ) as caught:
        proxies.check({variable: value})
    assert "pl4nted" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy.example:8080",
        "proxy.example:8080",
        "//proxy.example",
        " http://proxy_1.example/ ",
        "https://DOMAIN%5Cuser:p%23ss@proxy.example:3128/",
        "HTTP://user:p@ss%@10.0.0.1:80",
        "http://[2001:db8::1]:8080",
        "socks5h://user:pass@proxy.example:1080",
        "",
        " ",
    ],
)
def test_proxies_as_libraries_take_them(value: str) -> None:
    proxies.check({"HTTPS_PROXY": value, "no_proxy": "#", "OTHER": "#"})


def test_an_authority_needs_https() -> None:
    with pytest.raises(UserVpnError, match="AZURE_AUTHORITY_HOST"):
        clouds.find("https://arm.example", {"AZURE_AUTHORITY_HOST": "http://login.example"})


def test_resource_ids() -> None:
    text = "/subscriptions/S/resourcegroups/G/providers/Microsoft.Network/p2svpnGateways/N"
    assert names.parse(text) == ("S", "G", "N")
    assert names.last(text) == "N"
    for wrong in ("", None, "N", "/subscriptions/S", "/a/S/b/G/c/d/e/f"):
        with pytest.raises(UserVpnError, match="unknown form"):
            names.parse(wrong)
