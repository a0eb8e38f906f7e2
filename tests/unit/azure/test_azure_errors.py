# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the errors of azure-identity, of az and of TLS become: a sentence that says what to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._azure import errors, fetch, tls
from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.tests.integration.second_tools import openssl

core = pytest.importorskip("azure.core.exceptions", reason="the Azure SDK is not installed")

TRACE = (
    " Trace ID: 11111111-2222-3333-4444-555555555500 Correlation ID: 66666666-7777-8888-9999-000000000000 Timestamp: "
    "2026-11-28 10:00:00Z"
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith("CA_BUNDLE") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def caused(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


def of_cli(stderr: str, shown: str = "") -> Exception:
    """As azure-identity raises it when az has failed (azure/identity/_credentials/azure_cli.py)."""
    return caused(
        core.ClientAuthenticationError(message=shown or stderr), subprocess.CalledProcessError(1, ["az"], "", stderr)
    )


def told(error: Exception) -> str:
    return str(errors.explain(error, "do it"))


# --- what az says itself


def test_what_az_advises_is_told_in_full() -> None:
    command = 'az login --tenant "t.example" --scope "https://management.core.windows.net//.default"'
    message = told(
        of_cli(
            "WARNING: a new release is there\nERROR: AADSTS50076: Due to a configuration change made by your "
            f"administrator, you must use multi-factor authentication to access 'x'.{TRACE}\n"
            f"Interactive authentication is needed. Please run:\n{command}\n"
        )
    )
    assert "(AADSTS50076): AADSTS50076: Due to a configuration change" in message
    assert message.endswith(f"What to do: az says: Interactive authentication is needed. Please run: {command}.")
    assert "Trace" not in message and "2026-11-28" not in message and "WARNING" not in message


def test_a_long_command_of_a_claims_challenge_is_not_cut() -> None:
    claims = "eyJ" + "a1" * 400
    message = told(core.ClientAuthenticationError(message=f"To authenticate please run: az login --claims {claims}"))
    assert claims in message


def test_what_azure_identity_hides_of_az_is_shown() -> None:
    said = "ERROR: The refresh token of 'anna' has gone. Please run 'az login --tenant t' to set up an account."
    message = told(of_cli(said, "Please run 'az login' to set up an account"))
    assert "The refresh token of 'anna' has gone. Please run 'az login --tenant t'" in message
    assert "AZURE_CLIENT_SECRET" in message


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        ("50076", "a second factor is asked for"),
        ("50079", "a second factor is asked for"),
        ("50158", "a second factor is asked for"),
        ("700082", "the login has ended: run `az login`"),
        ("70043", "the login has ended: run `az login`"),
        ("50173", "the login has ended: run `az login`"),
        ("700024", "AZURE_FEDERATED_TOKEN_FILE"),
        ("50027", "AZURE_FEDERATED_TOKEN_FILE"),
        ("700213", "compare its issuer, subject and audience"),
        ("53003", "conditional access"),
        ("530003", "conditional access"),
        ("50020", "az login --tenant"),
    ],
)
def test_numbers_of_entra_say_what_to_do(number: str, advice: str) -> None:
    """Without a word of az on the lines below, and with those that azure-identity adds for developers."""
    for text in (
        f"Authentication failed: AADSTS{number}: Something. More.{TRACE}",
        f"AADSTS{number}: Something. More.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 2026-11-28 10:00:00Z",
        f"AADSTS{number}: Something. More.{TRACE}\nTo mitigate this issue, please refer to https://aka.ms/x",
    ):
        message = told(core.ClientAuthenticationError(message=text))
        assert f"(AADSTS{number}): AADSTS{number}: Something. More. What to do: " in message
        assert advice in message
        assert "Trace" not in message and "aka.ms" not in message


def test_a_slow_az_names_the_option() -> None:
    late = subprocess.TimeoutExpired(["az"], 60)
    message = told(caused(core.ClientAuthenticationError(message="Failed to invoke the Azure CLI"), late))
    assert "gave no token within 60 seconds: set cli_timeout" in message


@pytest.mark.parametrize("text", ["Azure CLI not found on path", "Please run 'az login' to set up an account"])
def test_no_login_at_all_names_the_variables(text: str) -> None:
    message = told(core.ClientAuthenticationError(message=text))
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "az login"):
        assert name in message


def test_no_managed_identity() -> None:
    text = "ManagedIdentityCredential authentication unavailable, no response from the IMDS endpoint."
    assert "see that this machine has a managed identity" in told(core.ClientAuthenticationError(message=text))


# --- Azure Arc

KEY = "/var/opt/azcmagent/tokens/1.key"


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", KEY),
        caused(
            core.ClientAuthenticationError(message="no response from the IMDS endpoint"), PermissionError(13, "", KEY)
        ),
        core.ClientAuthenticationError(message=f"The key file path is invalid: The file path does not exist: {KEY}"),
    ],
)
def test_azure_arc_without_its_group(error: Exception) -> None:
    message = told(error)
    assert f"only members of the group himds read {KEY}" in message
    assert "usermod -aG himds" in message


def test_azure_arc_in_a_container_without_its_folder() -> None:
    message = told(FileNotFoundError(2, "No such file or directory", KEY))
    assert f"{KEY}, which cannot be read: No such file or directory" in message and "himds" not in message
    assert "unexpected form" in told(FileNotFoundError(2, "No such file or directory", "/other"))


# --- TLS

POOL = "HTTPSConnectionPool(host='x.example', port=443): Max retries exceeded with url: /a?sig=S (Caused by SSLError("
VERIFY = '(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1006)")))'


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("self-signed certificate in certificate chain", "set REQUESTS_CA_BUNDLE to a file"),
        ("self signed certificate", "set REQUESTS_CA_BUNDLE to a file"),
        ("unable to get local issuer certificate", "set REQUESTS_CA_BUNDLE to a file"),
        ("certificate has expired", "check the controller's clock"),
        ("certificate is not yet valid", "check the controller's clock"),
        ("Hostname mismatch, certificate is not valid for 'x.example'.", "another server answers"),
        ("Missing Authority Key Identifier", "ask those who keep the proxy"),
    ],
)
def test_openssls_reason_is_told(reason: str, advice: str) -> None:
    message = told(core.ServiceRequestError(POOL + "SSLCertVerificationError" + VERIFY.format(reason)))
    assert f"its TLS certificate is not trusted (x.example): {reason.rstrip('.')}; " in message
    assert advice in message
    assert "sig=" not in message


def test_what_is_set_already_is_not_advised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = core.ServiceRequestError(POOL + "SSLCertVerificationError" + VERIFY.format("self-signed certificate"))
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):  # the second wins
        monkeypatch.setenv(name, f"/etc/{name}.pem")
        message = told(error)
        assert f"{name} is /etc/{name}.pem, which lacks the CA" in message
        assert f"set {name}" not in message
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert (
        f"{tmp_path}, which lacks the CA that has signed it: add that CA there, in PEM form, and run `openssl rehash`"
        in (told(error))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")', "HTTPS_PROXY=http://"),
        (
            'SSLError(1, "[SSL: UNSAFE_LEGACY_RENEGOTIATION_DISABLED] unsafe legacy (_ssl.c:1)")',
            "TLS fails (x.example): un",
        ),
        (
            'SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2406)")',
            "EOF occurred in violation of protocol",
        ),
    ],
)
def test_other_faults_of_tls(text: str, expected: str) -> None:
    assert expected in told(core.ServiceRequestError(f"{POOL}{text}))"))


def test_a_proxy_that_is_set_is_not_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetch._failure(OSError("refused"))[1].endswith("or set HTTPS_PROXY")
    monkeypatch.setenv("https_proxy", "http://proxy.example:8080")
    assert fetch._failure(OSError("refused"))[1].endswith("pass *.blob.core.windows.net")


# --- the CA certificates of the environment


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=CA", "-out", str(path)]
    openssl("req", "-x509", *options)
    return path


@pytest.fixture
def bundles(ca: Path, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Files that somebody may take for one."""

    def make(kind: str) -> Path:
        path = tmp_path / kind
        contents: dict[str, Any] = {
            "empty": lambda: b"",
            "blank": lambda: b" \n",
            "der": lambda: openssl("x509", "-outform", "DER", "-in", str(ca)),
            "html": lambda: b"<html>not found</html>",
            "cut": lambda: ca.read_bytes()[:400],
            "good": ca.read_bytes,
            "text and good": lambda: b"My proxy\n" + ca.read_bytes(),
        }
        if kind == "folder":
            path.mkdir()
        elif kind != "missing":
            path.write_bytes(contents[kind]())
        return path

    return make


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("empty", "is empty"),
        ("blank", "is empty"),
        ("der", "is in DER form, and PEM is wanted: convert it with `openssl x509 -inform DER"),
        ("html", "holds no CA certificate in PEM form"),
        ("cut", "holds no CA certificate in PEM form"),
        ("missing", "cannot be read: No such file or directory"),
        ("good", ""),
        ("text and good", ""),
        ("folder", ""),
    ],
)
def test_a_bundle_that_cannot_be_used_is_named(
    bundles: Callable[[str], Path], variable: str, kind: str, expected: str
) -> None:
    path = bundles(kind)
    if not expected:
        return tls.check({variable: str(path)})
    with pytest.raises(UserVpnError, match=f"^{variable}: {path} {expected}"):
        tls.check({variable: str(path)})
    return tls.check({"OTHER": str(path), variable: ""})
