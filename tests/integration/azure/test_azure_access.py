# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in, permissions, and every error that users may meet, against the lab's Azure."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.vwan.user_vpn.plugins.module_utils import _errors
from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import errors, sessions
from ansible_collections.vwan.user_vpn.tests.integration.azure.runs import Run
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab, faults

exceptions = pytest.importorskip("azure.core.exceptions", reason="the Azure SDK is not installed")

INFO = "server_configuration_info"
ROOT = Path(_errors.__file__).parents[2]  # of the collection
COLLECTIONS = ROOT.parents[2]


def sign_in_as(azure: AzureLab, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in azure.environment("secret"):
        monkeypatch.delenv(name, raising=False)
    for name, value in azure.environment(login).items():
        monkeypatch.setenv(name, value)


# --- signing in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "auth_source"),
    [
        ("secret", None),
        ("secret", "env"),
        ("secret", "service_principal"),
        ("certificate", "auto"),
        ("managed_identity", "msi"),
        ("workload_identity", None),
        ("workload_identity", "env"),
        ("workload_identity", "workload_identity"),
    ],
)
@pytest.mark.usefixtures("macs")
def test_logins_from_the_environment(
    login: str, auth_source: str | None, azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in_as(azure, login, monkeypatch)
    assert run.ok(INFO, **({"auth_source": auth_source} if auth_source else {}))["configurations"]


def test_login_by_options_alone(azure: AzureLab, macs: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in_as(azure, "none", monkeypatch)
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    monkeypatch.delenv("AZURE_CLOUD_ENVIRONMENT")
    common = {
        "subscription_id": azure.subscription_id,
        "tenant": azure.tenant,
        "client_id": azure.client_id,
        "cloud_environment": azure.url,
    }
    assert run.ok(INFO, secret=azure.client_secret, **common)["configurations"]
    assert run.ok(INFO, x509_certificate_path=str(azure.client_certificate()), **common)["configurations"]


def test_a_certificate_that_cannot_be_used_is_told_from_a_wrong_tenant(
    azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain, locked = azure.client_certificate(), tmp_path / "azure/locked.pem"
    key = serialization.load_pem_private_key(plain.read_bytes(), None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret-pw"),
    )
    start = plain.read_bytes().index(b"-----BEGIN CERTIFICATE")
    locked.write_bytes(sealed + plain.read_bytes()[start:])
    sign_in_as(azure, "certificate", monkeypatch)
    for name in ("AZURE_X509_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"):
        monkeypatch.delenv(name, raising=False)
    assert "has a password; set AZURE_CLIENT_CERTIFICATE_PASSWORD" in run.fails(INFO, x509_certificate_path=str(locked))
    assert "/proc/self/mem cannot be read" in run.fails(INFO, x509_certificate_path="/proc/self/mem")
    form = ["-v2", "aes256", "-iter", "100000", "-passout", "pass:x", "-outform", "DER"]
    modest = openssl("pkcs8", "-topk8", *form, "-in", str(plain))
    body = base64.encodebytes(modest.replace(bytes.fromhex("02030186a0"), bytes.fromhex("02037a1200"))).decode()
    label = "ENCRYPTED PRIVATE KEY-----\n"
    (tmp_path / "endless.pem").write_text(f"-----BEGIN {label}{body}-----END {label}")
    told = run.fails(INFO, x509_certificate_path=str(tmp_path / "endless.pem"))
    assert "x509_certificate_path: " in told and "wants its password hashed 8,000,000 times" in told
    for login in ({"x509_certificate_path": str(plain)}, {"secret": "s"}, {"auth_source": "cli"}):
        assert "tenant must be the directory's id" in run.fails(INFO, tenant="not a tenant!", **login)
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PASSWORD", "wrong")
    assert "has no password, so unset" in run.fails(INFO, x509_certificate_path=str(plain))
    assert "must hold the certificate and its RSA private key" in run.fails(INFO, x509_certificate_path=str(locked))
    assert azure.requests == []


def test_login_by_the_azure_cli(
    azure: AzureLab, macs: Any, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign_in_as(azure, "none", monkeypatch)
    azure.install_cli(tmp_path / "azure" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "azure" / "bin"), prepend=os.pathsep)
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    folder = tmp_path / "azure" / "dot-azure"
    folder.mkdir()
    profile = {"subscriptions": [{"id": "other"}, {"id": azure.subscription_id, "isDefault": True}]}
    (folder / "azureProfile.json").write_text(json.dumps(profile), "utf-8-sig")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(folder))
    assert run.ok(INFO)["configurations"]


def test_no_login_at_all(azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in_as(azure, "none", monkeypatch)
    monkeypatch.setenv("PATH", "/nonexistent")
    told = run.fails(INFO)
    assert "Azure CLI not found" in told
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "az login"):
        assert name in told
    assert "no service principal is given" in run.fails(INFO, auth_source="service_principal")
    assert "secret (AZURE_CLIENT_SECRET) or x509_cert" in run.fails(INFO, client_id="c", tenant="t")
    assert "AZURE_FEDERATED_TOKEN_FILE missing" in run.fails(INFO, auth_source="workload_identity")


def test_login_by_a_profile(
    azure: AzureLab, macs: Any, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign_in_as(azure, "none", monkeypatch)
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    monkeypatch.delenv("AZURE_CLOUD_ENVIRONMENT")
    monkeypatch.setenv("HOME", str(tmp_path / "azure/home"))
    (tmp_path / "azure/home/.azure").mkdir(parents=True)
    common = f"subscription_id={azure.subscription_id}\ntenant={azure.tenant}\nclient_id={azure.client_id}\n"
    common += f"cloud_environment={azure.url}\n"
    (tmp_path / "azure/home/.azure/credentials").write_text(
        f"[default]\n{common}secret=wrong\n[macs]\n{common}secret={azure.client_secret}\n"
        f"[file]\n{common}x509_certificate_path={azure.client_certificate()}\n"
    )
    assert "AADSTS7000215" in run.fails(INFO)
    assert run.ok(INFO, profile="macs")["configurations"]
    assert run.ok(INFO, profile="file")["configurations"]
    monkeypatch.setenv("AZURE_PROFILE", "macs")
    assert run.ok(INFO)["configurations"]
    (tmp_path / "azure/home/.azure/credentials").rename(tmp_path / "azure/elsewhere")
    assert run.ok(INFO, credential_file="azure/elsewhere", auth_source="credential_file")["configurations"]
    assert "credential_file: " in run.fails(INFO)


@pytest.mark.parametrize(
    ("claims", "code", "advice"),
    [
        ({"lifetime": -10}, "AADSTS700024", "check the controller's clock"),
        ({"sub": "repo:other/other:ref:refs/heads/main"}, "AADSTS700213", "compare its issuer, subject and audience"),
        ({"aud": ["api://other"]}, "AADSTS700212", "compare its issuer, subject and audience"),
        ({"iss": "https://other.example"}, "AADSTS700211", "compare its issuer, subject and audience"),
    ],
)
def test_entra_refuses_a_federated_token(
    claims: dict[str, Any], code: str, advice: str, *, azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in_as(azure, "workload_identity", monkeypatch)
    file = Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"])
    file.write_text(azure.authority.federation.token(**claims))
    told = run.fails(INFO)
    assert code in told and advice in told
    file.write_text("no token")
    assert "let the platform write it anew" in run.fails(INFO)
    file.unlink()
    assert f"AZURE_FEDERATED_TOKEN_FILE: {file} cannot be read" in run.fails(INFO)


def test_azure_arc(azure: AzureLab, macs: Any, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The agent's folder is where only its group may look; here it stands elsewhere, as root may read everything."""
    msal = pytest.importorskip("msal.managed_identity")
    sign_in_as(azure, "arc", monkeypatch)
    places = msal._supported_arc_platforms_and_their_prefixes
    folder = tmp_path / "azure/azcmagent/tokens"
    folder.mkdir(parents=True)
    monkeypatch.setitem(places, "linux", str(folder))
    key = folder / Path(azure.authority.arc_key_file).name
    assert f"{key}, which cannot be read: No such file" in run.fails(INFO, auth_source="msi")
    key.write_text(azure.authority.arc_key)
    assert run.ok(INFO, auth_source="msi")["configurations"]

    class Closed:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def stat(self, _path: object) -> None:
            raise PermissionError(13, "Permission denied", str(key))

    monkeypatch.setattr(msal, "os", Closed())
    told = run.fails(INFO, auth_source="msi")
    assert f"only members of the group himds read {key}" in told


@pytest.fixture
def az(azure: AzureLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sign_in_as(azure, "none", monkeypatch)
    azure.install_cli(tmp_path / "azure" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "azure" / "bin"), prepend=os.pathsep)


@pytest.mark.usefixtures("az", "macs")
def test_a_slow_azure_cli(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_AZ_SLEEPS", "600")
    assert "gave no token within 1 seconds: set cli_timeout to more" in run.fails(INFO, cli_timeout=1)
    monkeypatch.delenv("LAB_AZ_SLEEPS")
    assert run.ok(INFO)["configurations"]


@pytest.mark.usefixtures("az")
def test_what_the_azure_cli_advises(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft Learn, "Sign in with Azure CLI": what it prints where a second factor is wanted, and after 90 days."""
    command = 'az login --tenant "t.example" --scope "https://management.core.windows.net//.default"'
    monkeypatch.setenv(
        "LAB_AZ_SAYS",
        "ERROR: AADSTS50076: Due to a configuration change, you must use multi-factor authentication to access 'x'. "
        f"Trace ID: a Correlation ID: b Timestamp: 2026-11-28 10:00:00Z\nPlease run:\n{command}\n",
    )
    assert run.fails(INFO).endswith(f"What to do: az says: Please run: {command}.")
    monkeypatch.setenv("LAB_AZ_SAYS", "ERROR: AADSTS700082: The refresh token has expired due to inactivity.")
    assert "the login has ended: run `az login` again" in run.fails(INFO)
    monkeypatch.setenv("LAB_AZ_SAYS", f"ERROR: Run the command below to sign in.\n{command}")
    assert command in run.fails(INFO)


@pytest.mark.parametrize(
    ("options", "code", "advice"),
    [
        ({"secret": "not-the-secret"}, "AADSTS7000215", "the secret's value, not its id"),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, "AADSTS700016", "check client_id and tenant"),
    ],
)
def test_entra_refuses(options: dict[str, str], code: str, advice: str, azure: AzureLab, run: Run) -> None:
    message = run.fails(INFO, **options)
    assert code in message and advice in message
    assert "not-the-secret" not in message
    assert "Trace" not in message


def test_wrong_subscription_group_and_names(azure: AzureLab, macs: Any, run: Run) -> None:
    assert "check subscription_id" in run.fails(INFO, subscription_id="00000000-0000-0000-0000-000000000000")
    assert "check resource_group" in run.fails(INFO, resource_group="nowhere", vpn_server_configuration="macs")
    assert "check the name" in run.fails(INFO, vpn_server_configuration="nothing")


# --- permissions -------------------------------------------------------------------------------------------------


def documented_actions() -> list[str]:
    """The actions of the custom role in docs/azure.md."""
    text = (ROOT / "docs/azure.md").read_text("utf-8")
    (role,) = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "Actions" in block]
    return list(role["Actions"])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAUSE", "AGAIN", "READ_SECONDS"):
        monkeypatch.setattr(sessions, name, 0.01)


def use_all(azure: AzureLab, run: Run) -> Iterator[dict[str, Any]]:
    """Each module once, in the ways that need each permission."""
    gateway = azure.subscription.get("p2sVpnGateways", "rg-vpn", "gw1")
    assert gateway
    gateway.clients.clear()
    azure.connect_client(gateway, "172.31.250.4", "mac-01")
    azure.storage.add_container("sessions")
    place = {"storage_account": azure.storage.url, "container": "sessions"}
    yield run("profile_package", virtual_wan="wan1", dest="wan.zip", add_hub_roots=True)
    yield run("profile_package", virtual_wan="wan1", dest="wan.zip", check=True)
    yield run("connection_health_info")
    yield run("connection_info", **place)
    yield run("connections", **place, addresses=["172.31.250.4"])
    yield run("server_configuration", vpn_server_configuration="macs", revoked=[{"thumbprint": "A" * 40}])
    yield run("server_configuration", vpn_server_configuration="macs", purge_revoked=True)
    yield run("server_configuration", vpn_server_configuration="new", location="westeurope")
    yield run(INFO, virtual_wan="wan1")


@pytest.mark.usefixtures("quick")
def test_the_documented_role_is_enough(azure: AzureLab, macs: Any, run: Run) -> None:
    azure.grant(*documented_actions())
    for result in use_all(azure, run):
        assert not result["failed"], result["msg"]


@pytest.mark.usefixtures("quick")
def test_each_action_of_the_documented_role_is_needed(azure: AzureLab, macs: Any, run: Run) -> None:
    actions = documented_actions()
    for action in actions:
        azure.grant(*(other for other in actions if other != action))
        failed = next((result["msg"] for result in use_all(azure, run) if result["failed"]), "")
        assert "AuthorizationFailed" in failed and "custom role" in failed, action


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.forbidden("Microsoft.Network/vpnServerConfigurations/read"), "AuthorizationFailed"),
        (faults.unauthorized(), "controller's clock"),
        (faults.unregistered(), "az provider register --namespace Microsoft.Network"),
        (faults.raw(407, b"<html>"), "HTTPS_PROXY"),
        (faults.raw(403, b"<html>no</html>"), "Forbidden"),
        (faults.raw(200, b"<html>login</html>"), "proxy"),
        (faults.raw(200, b"[]", "application/json"), "run again"),
        (faults.status(400, "ScopeLocked", "Locked."), "lock"),
        (faults.status(418, "Teapot", "See https://x.example/a?sig=SECRET&se=1 for more."), "Teapot"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_each_error_says_what_to_do(fault: Any, expected: str, azure: AzureLab, macs: Any, run: Run) -> None:
    azure.faults.add("GET */vpnServerConfigurations/macs", fault, times=100)
    message = run.fails(INFO, vpn_server_configuration="macs")
    assert expected in message
    assert "SECRET" not in message and "<html>" not in message
    assert not any("register" in record.path for record in azure.requests), "nothing may be registered"


def test_a_foreign_certificate_is_not_trusted(
    azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch, make_root: Callable[..., bytes], tmp_path: Path
) -> None:
    other = tmp_path / "azure/other.pem"
    other.write_bytes(make_root())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    told = run.fails(INFO)
    assert "its TLS certificate is not trusted: " in told
    assert re.search(r"self.signed certificate|unable to get local issuer certificate", told)
    assert f"REQUESTS_CA_BUNDLE is {other}, which lacks the CA that has signed it" in told


def test_a_bundle_that_cannot_be_used(
    azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    der = tmp_path / "azure/ca.der"
    der.write_bytes(openssl("x509", "-outform", "DER", "-in", str(azure.ca_file)))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(der))
    assert f"REQUESTS_CA_BUNDLE: {der} is in DER form" in run.fails(INFO)
    der.write_bytes(b"")
    assert f"REQUESTS_CA_BUNDLE: {der} is empty" in run.fails(INFO)
    assert azure.requests == []


def test_signing_in_has_a_limit_too(azure: AzureLab, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://localhost:9")
    assert "more than 1 seconds" in run.fails(INFO, wait_timeout=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "HTTPSConnectionPool(host='x.example', port=443): Max retries exceeded with url: /a?sig=S (Caused by "
            "NameResolutionError('Failed to resolve'))",
            "its name does not resolve (x.example)",
        ),
        ("HTTPSConnectionPool(host='x.example', port=443): Cannot connect to proxy.", "check HTTPS_PROXY and NO_PROXY"),
        ("Connection to x.example timed out. (connect timeout=20)", "no answer in time"),
        ("('Connection aborted.', ConnectionResetError(104))", "the connection failed or broke off"),
    ],
)
def test_out_of_reach(text: str, expected: str) -> None:
    error = errors.explain(exceptions.ServiceRequestError(text), "do it")
    assert expected in str(error) and "sig" not in str(error)
    assert error.code == "NoConnection"


def test_a_cloud_without_tls_is_refused(azure: AzureLab, run: Run) -> None:
    assert "https URL" in run.fails(INFO, cloud_environment="http://localhost")
    assert azure.requests == []


# --- a real play -------------------------------------------------------------------------------------------------

PLAY = """
- hosts: all
  gather_facts: false
  module_defaults:
    group/vwan.user_vpn.azure:
      subscription_id: "{{ id }}"
      tenant: "{{ tenant }}"
      client_id: "{{ client }}"
      secret: "{{ lookup('env', 'THE_SECRET') }}"
      cloud_environment: "{{ url }}"
  environment: {AZURE_AUTHORITY_HOST: "{{ url }}", REQUESTS_CA_BUNDLE: "{{ ca }}"}
  tasks:
    - vwan.user_vpn.profile_package: {resource_group: rg-vpn, virtual_wan: wan1, dest: package.zip}
      become: true
    - vwan.user_vpn.server_configuration:
        resource_group: rg-vpn
        vpn_server_configuration: macs
        revoked: [{thumbprint: 0123456789ABCDEF0123456789ABCDEF01234567, name: "{{ inventory_hostname }}"}]
    - vwan.user_vpn.connection_health_info: {resource_group: rg-vpn}
    - vwan.user_vpn.server_configuration_info: {resource_group: rg-vpn}
      register: found
    - ansible.builtin.debug: {var: found}
    - vwan.user_vpn.profile_package: {resource_group: rg-vpn, virtual_wan: nowhere, dest: package.zip}
      ignore_errors: true
"""


@pytest.mark.soak
def test_a_play_at_full_verbosity_shows_no_secret_and_changes_once(
    azure: AzureLab, macs: Any, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    values = {
        "id": azure.subscription_id,
        "tenant": azure.tenant,
        "client": azure.client_id,
        "url": azure.url,
        "ca": str(azure.ca_file),
    }
    (tmp_path / "values.json").write_text(json.dumps(values))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "REQUESTS_"))}
    environment |= {
        "THE_SECRET": azure.client_secret,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible-tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "AZURE_CONFIG_DIR": str(tmp_path / "no-azure-cli"),
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-vvvvv", "--diff", "-i", "mac-1,", "-e", "@values.json"]
    changed = []
    for _unused in range(2):
        done = subprocess.run(
            [*command, "play.yml"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        output = done.stdout + done.stderr + (tmp_path / "ansible.log").read_text()
        assert not [secret for secret in azure.secrets if secret in output]
        changed.append(re.search(r"mac-1 .*changed=(\d+)", done.stdout)[1])
    assert changed == ["2", "0"]
