# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clouds and credentials: what options and environment mean. No SDK, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, call

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import (
    clouds,
    credentials,
    errors,
    names,
    proxies,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure.credentials import Login
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError

OPTIONS = {"tenant": "t", "client_id": "c", "secret": "s"}
ENVIRONMENT = {"AZURE_TENANT_ID": "et", "AZURE_CLIENT_ID": "ec", "AZURE_CLIENT_SECRET": "es"}
OTHER_NAMES = {"AZURE_TENANT": "et", "AZURE_CLIENT_ID": "ec", "AZURE_SECRET": "es"}
POD = {"AZURE_TENANT_ID": "et", "AZURE_CLIENT_ID": "ec", "AZURE_FEDERATED_TOKEN_FILE": "/token"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account without any file of Azure's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".azure").mkdir(parents=True)
    return tmp_path / "home"


def signs_in(options: Mapping[str, Any], environment: Mapping[str, str]) -> Login:
    return credentials.choose(credentials.settings(options, environment))


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
        # a token that a platform has left in a file, where there is neither secret nor certificate
        ({}, POD, Login("workload_identity", "et", "ec", token_file="/token")),
        ({"client_id": "c"}, POD, Login("workload_identity", "et", "c", token_file="/token")),
        ({"auth_source": "env"}, POD, Login("workload_identity", "et", "ec", token_file="/token")),
        ({}, {**POD, **ENVIRONMENT}, Login("secret", "et", "ec", "es")),
        (
            {"auth_source": "workload_identity"},
            {**POD, **ENVIRONMENT},
            Login("workload_identity", "et", "ec", token_file="/token"),
        ),
        ({"auth_source": "service_principal"}, {**POD, **ENVIRONMENT}, Login("secret", "et", "ec", "es")),
        ({}, {"AZURE_FEDERATED_TOKEN_FILE": "/token"}, Login("cli")),
        ({"cli_timeout": 99}, {}, Login("cli", cli_timeout=99)),
        ({"auth_source": "cli", "cli_timeout": 99}, {}, Login("cli", cli_timeout=99)),
    ],
)
def test_logins(options: dict[str, Any], environment: dict[str, str], expected: Login) -> None:
    assert signs_in(options, environment) == expected


FILE_WITH_PROFILES = """
[default]
subscription_id=ds
client_id=dc
tenant=dt
secret=d%(secret)s

[macs]
subscription_id = ms
client_id: mc
tenant = mt
x509_certificate_path = /nowhere.pem
secret = m=s:1
cloud_environment = AzureChinaCloud

[DEFAULT]
client_id=other

[half]
subscription_id=hs
client_id=hc

[person]
subscription_id=ps
ad_user=anna@example.com
password=pl4nted
"""
DEFAULT = Login("secret", "dt", "dc", "d%(secret)s")
MACS = Login("secret", "mt", "mc", "m=s:1")


@pytest.mark.parametrize(
    ("options", "environment", "expected", "subscription", "cloud"),
    [
        ({"profile": "macs"}, {}, MACS, "ms", "AzureChinaCloud"),
        ({"profile": "macs"}, ENVIRONMENT | {"AZURE_SUBSCRIPTION_ID": "es"}, MACS, "ms", "AzureChinaCloud"),
        ({"profile": "macs", "client_id": "c", "secret": "s"}, POD, MACS, "ms", "AzureChinaCloud"),
        ({"profile": "macs", "subscription_id": "s", "cloud_environment": "x"}, {}, MACS, "s", "x"),
        ({}, {"AZURE_PROFILE": "macs"}, MACS, "ms", "AzureChinaCloud"),
        ({}, {**ENVIRONMENT, "AZURE_PROFILE": "macs"}, MACS, "ms", "AzureChinaCloud"),
        (OPTIONS, {"AZURE_PROFILE": "macs"}, Login("secret", "t", "c", "s"), "", ""),
        ({"auth_source": "env", "profile": "default"}, {"AZURE_PROFILE": "macs"}, MACS, "ms", "AzureChinaCloud"),
        ({"auth_source": "env"}, ENVIRONMENT, Login("secret", "et", "ec", "es"), "", ""),
        ({"auth_source": "credential_file"}, ENVIRONMENT, DEFAULT, "ds", ""),
        ({"auth_source": "credential_file", "profile": "macs"}, {}, MACS, "ms", "AzureChinaCloud"),
        ({}, {}, DEFAULT, "ds", ""),
        ({}, {"AZURE_SUBSCRIPTION_ID": "es", "AZURE_CLOUD_ENVIRONMENT": "e"}, DEFAULT, "ds", "e"),
        ({}, ENVIRONMENT, Login("secret", "et", "ec", "es"), "", ""),
        ({}, POD, Login("workload_identity", "et", "ec", token_file="/token"), "", ""),
        ({"auth_source": "cli"}, {}, Login("cli"), "", ""),
        ({"auth_source": "msi"}, {"AZURE_PROFILE": "macs"}, Login("msi"), "", ""),
    ],
)
def test_profiles_of_the_credential_file(
    home: Path, options: dict[str, Any], environment: dict[str, str], expected: Login, *, subscription: str, cloud: str
) -> None:
    (home / ".azure/credentials").write_text(FILE_WITH_PROFILES, "utf-8-sig")
    found = credentials.settings(options, environment)
    assert credentials.choose(found) == expected
    assert (found["subscription_id"], found["cloud_environment"]) == (subscription, cloud)


def test_a_credential_file_of_another_place(tmp_path: Path) -> None:
    file = tmp_path / "of the fleet"
    file.write_text(FILE_WITH_PROFILES)
    assert signs_in({"credential_file": str(file)}, ENVIRONMENT) == DEFAULT
    assert signs_in({"credential_file": str(file), "profile": "macs"}, {}) == MACS
    assert signs_in({"credential_file": str(file), **OPTIONS}, {}) == Login("secret", "t", "c", "s")
    assert signs_in({"credential_file": str(file), "auth_source": "env"}, {"AZURE_PROFILE": "macs"}) == MACS


@pytest.mark.parametrize(
    ("options", "content", "expected"),
    [
        ({"profile": "other"}, FILE_WITH_PROFILES, r"has no profile \[other\]; it has: default, macs, DEFAULT, half, "),
        (
            {"profile": "half"},
            FILE_WITH_PROFILES,
            r"The profile \[half\] of .* tenant and secret or x509_certificate_path",
        ),
        ({"profile": "person"}, FILE_WITH_PROFILES, "a user's name and password"),
        ({"auth_source": "credential_file"}, "", r"has no profile \[default\]; it has: none"),
        ({"profile": "macs"}, None, "credential_file: .*credentials cannot be read: No such file"),
        ({"credential_file": "/nowhere"}, None, "credential_file: /nowhere cannot be read"),
        ({}, "client_id=pl4nted", "credential_file: .* is no INI file"),
        ({}, "[default]\npl4nted", "is no INI file"),
        ({}, "[default]\nsecret=pl4nted\nsecret=pl4nted\n", "is no INI file"),
        ({}, "[default]\nsecret=pl4nted\n", r"The profile \[default\] of .* tenant and client_id missing"),
        ({}, b"[default]\nsecret=\xff\xfe", "is no INI file"),
    ],
)
def test_profiles_that_cannot_be_used(
    home: Path, options: dict[str, Any], content: str | bytes | None, expected: str
) -> None:
    if content is not None:
        (home / ".azure/credentials").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserVpnError, match=expected) as caught:
        signs_in(options, {})
    assert "pl4nted" not in str(caught.value)


def test_a_default_profile_of_somebody_elses_kind_is_left_alone(home: Path) -> None:
    for content in ("[default]\nsubscription_id=s\n", "[default]\nad_user=anna\npassword=x\n", "[macs]\nclient_id=c\n"):
        (home / ".azure/credentials").write_text(content)
        assert signs_in({}, {}) == Login("cli")


def test_a_certificate_and_its_password(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.touch()
    environment = {**ENVIRONMENT, "AZURE_CLIENT_CERTIFICATE_PASSWORD": "p"}
    login = signs_in({"x509_certificate_path": str(path)}, environment)
    assert login == Login("certificate", "et", "ec", certificate=str(path), password="p")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"client_id": "c"},
            r"tenant \(AZURE_TENANT_ID\) and secret \(AZURE_CLIENT_SECRET\) or x509_certificate_path "
            r"\(AZURE_CLIENT_CERTIFICATE_PATH\) missing",
        ),
        ({"secret": "very-secret"}, r"tenant \(AZURE_TENANT_ID\) and client_id \(AZURE_CLIENT_ID\) missing"),
        ({"auth_source": "service_principal"}, "no service principal is given"),
        (
            {"auth_source": "workload_identity"},
            r"tenant \(AZURE_TENANT_ID\) and client_id \(AZURE_CLIENT_ID\) and AZURE_FEDERATED_TOKEN_FILE missing",
        ),
        ({"auth_source": "env"}, "no service principal is given"),
        ({"auth_source": "magic"}, "must be one of"),
        ({**OPTIONS, "secret": None, "x509_certificate_path": "/nowhere.pem"}, "no file /nowhere.pem"),
    ],
)
def test_half_a_login_is_an_error(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserVpnError, match=expected) as caught:
        signs_in(options, {})
    assert "very-secret" not in str(caught.value)


def test_a_login_hides_its_secrets() -> None:
    assert "hush" not in repr(Login("secret", "t", "c", "hush", password="hush"))


FILE = Login("certificate", "t", "c", certificate="/f")


@pytest.mark.parametrize(
    ("login", "wanted"),
    [
        (Login("cli", "t"), lambda **_hosts: call.AzureCliCredential(tenant_id="t", process_timeout=60)),
        (
            Login("cli", cli_timeout=99),
            lambda **_hosts: call.AzureCliCredential(tenant_id="", process_timeout=99),
        ),
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


def test_a_federated_token_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, file = MagicMock(), tmp_path / "token"
    monkeypatch.setattr(credentials, "load", lambda _module: identity)
    login = Login("workload_identity", "t", "c", token_file=str(file))
    government = clouds.find("AzureUSGovernment", {})
    for content, expected in (
        (None, "cannot be read: No such file"),
        (" \n", "is empty"),
        ("x" * 70_000, "is larger than"),
    ):
        if content is not None:
            file.write_text(content)
        with pytest.raises(UserVpnError, match=f"AZURE_FEDERATED_TOKEN_FILE: {file} {expected}"):
            credentials.credential(login, government, "T")
    assert identity.mock_calls == []
    file.write_text("first\n")
    credentials.credential(login, government, "T")
    ((name, (tenant, client, token), hosts),) = identity.mock_calls
    assert (name, tenant, client) == ("ClientAssertionCredential", "t", "c")
    assert hosts == {"authority": government.authority, "disable_instance_discovery": False, "transport": "T"}
    file.write_text("second")
    assert token() == "second"
    file.unlink()
    with pytest.raises(errors.AzureError, match="AZURE_FEDERATED_TOKEN_FILE"):
        token()


def test_subscription(tmp_path: Path) -> None:
    def subscription(options: dict[str, Any], **more: str) -> str:
        environment = {"AZURE_CONFIG_DIR": str(tmp_path), **more}
        return credentials.subscription(credentials.settings(options, environment), environment)

    with pytest.raises(UserVpnError, match="az account set") as caught:
        subscription({})
    assert "AZURE_SUBSCRIPTION_ID" in str(caught.value) and "AZURE_CLIENT_SECRET" in str(caught.value)
    (tmp_path / "azureProfile.json").write_text("not json")
    with pytest.raises(UserVpnError, match="subscription_id") as caught:
        subscription(OPTIONS)
    assert "To sign in" not in str(caught.value)
    profile = {"subscriptions": [{"id": "a", "isDefault": False}, {"id": "b", "isDefault": True}]}
    (tmp_path / "azureProfile.json").write_text(json.dumps(profile), "utf-8-sig")
    assert subscription({}) == "b"
    assert subscription({}, AZURE_SUBSCRIPTION_ID="c") == "c"
    assert subscription({"subscription_id": "d"}, AZURE_SUBSCRIPTION_ID="c") == "d"


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
