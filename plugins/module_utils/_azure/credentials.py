# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: from options and environment to one named credential of azure-identity.

Names and order are those of azure.azcollection: an option first, then the environment, then the default profile of the
credential file, then the Azure CLI. A chain that tries everything would be slower, and its errors would speak of things
nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from .. import _files
from .._documents import read_json
from .._errors import UserVpnError, shown
from .._x509 import bounds, forms
from . import credential_file
from .clouds import Cloud
from .errors import HOW_TO_SIGN_IN, AzureError
from .sdk import load

PROFILE_LIMIT = 4 << 20  # of the Azure CLI; some kilobytes for each hundred subscriptions
TOKEN_LIMIT = 1 << 16  # a federated token has one or two kilobytes
CLI_TIMEOUT = 60  # seconds; the 10 of azure-identity are too few for some (Azure/azure-sdk-for-python issue 37167)

AUTH_SOURCES = ("auto", "cli", "credential_file", "env", "msi", "service_principal", "workload_identity")

# option -> environment variables, azure.azcollection's name first, azure-identity's second
ENVIRONMENT = {
    "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    "x509_certificate_path": ("AZURE_X509_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"),
    "profile": ("AZURE_PROFILE",),
    "auth_source": ("ANSIBLE_AZURE_AUTH_SOURCE",),
    "cloud_environment": ("AZURE_CLOUD_ENVIRONMENT",),
}
CERTIFICATE_PASSWORD = "AZURE_CLIENT_CERTIFICATE_PASSWORD"  # noqa: S105 - the name of a variable
SECRET_VARIABLES = (*ENVIRONMENT["secret"], CERTIFICATE_PASSWORD)
FEDERATION_FILE = "AZURE_FEDERATED_TOKEN_FILE"

_WHO = ("client_id", "secret", "x509_certificate_path")  # any of these describes somebody who signs in
_IDENTITY = ("tenant", *_WHO)


@dataclass(frozen=True)
class Login:
    """Who signs in, and how: `kind` is secret, certificate, workload_identity, msi or cli."""

    kind: str
    tenant: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    certificate: str = ""
    password: str = field(default="", repr=False)
    token_file: str = ""
    cli_timeout: int = CLI_TIMEOUT


def setting(name: str, options: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """An option, or else the first of its environment variables that is set, or else an empty string."""
    values = [options.get(name), *(environment.get(variable) for variable in ENVIRONMENT[name])]
    return next((str(value) for value in values if value), "")


def settings(options: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """All that counts for signing in, by the names of the options; what nothing says is empty.

    Beside them `password` and `token_file`, which only the environment has. UserVpnError for a source that there is
    not, and for a profile that cannot be used.
    """
    source = setting("auth_source", options, environment) or "auto"
    if source not in AUTH_SOURCES:
        raise UserVpnError(f"auth_source is {shown(source)}; it must be one of {', '.join(AUTH_SOURCES)}.")
    own = {} if source == "env" else options
    found: dict[str, Any] = {
        name: setting(name, own if name in _IDENTITY else options, environment) for name in ENVIRONMENT
    }
    found |= {
        "auth_source": source,
        "password": environment.get(CERTIFICATE_PASSWORD, ""),
        "token_file": environment.get(FEDERATION_FILE, ""),
        "cli_timeout": options.get("cli_timeout") or CLI_TIMEOUT,
    }
    if own.get("secret") or (found["secret"] and not own.get("x509_certificate_path")):
        found["x509_certificate_path"] = ""  # an option wins over the environment, whichever of the two it is
    elif found["x509_certificate_path"]:
        found["secret"] = ""
    profile = _profile(own, environment, source, Path(options.get("credential_file") or credential_file.PLACE))
    if profile:
        found |= {name: profile.get(name, "") for name in _IDENTITY}
        found["x509_certificate_path"] = "" if found["secret"] else found["x509_certificate_path"]
        found |= {
            name: str(options.get(name) or profile.get(name) or found[name])
            for name in ("subscription_id", "cloud_environment")
        }
        found["auth_source"] = "service_principal"
    return found


def _profile(options: Mapping[str, Any], environment: Mapping[str, str], source: str, file: Path) -> Mapping[str, str]:
    """The profile of the credential file that counts; empty when none does."""
    if source not in ("auto", "credential_file", "env"):
        return {}
    path = file.expanduser()
    named = setting("profile", options, environment)
    if not (options.get("profile") or source == "credential_file"):
        if any(options.get(name) for name in _WHO):
            return {}
        if not (named or options.get("credential_file")):  # the default profile, where nobody asks for it
            described = any(setting(name, {}, environment) for name in _WHO)
            there = {} if described or source == "env" else credential_file.default(path)
            if not any(there.get(name) for name in _WHO):
                return {}
    return credential_file.read(path, named or credential_file.DEFAULT)


def choose(found: Mapping[str, Any]) -> Login:
    """The login that these settings describe. UserVpnError when they describe half of one."""
    source, tenant, client_id = found["auth_source"], found["tenant"], found["client_id"]
    if source == "cli":
        return Login("cli", tenant=tenant, cli_timeout=found["cli_timeout"])
    if source == "msi":
        return Login("msi", client_id=client_id)
    if source == "workload_identity":
        return _workload_identity(found)
    if any(found[name] for name in _WHO):
        return _service_principal(found)
    if source == "auto":
        return Login("cli", tenant=tenant, cli_timeout=found["cli_timeout"])
    raise UserVpnError(
        f"auth_source is {source}, but no service principal is given: set tenant, client_id and secret (or "
        "x509_certificate_path), or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (or "
        "AZURE_CLIENT_CERTIFICATE_PATH) in the environment."
    )


def _service_principal(found: Mapping[str, Any]) -> Login:
    """With a secret, a certificate, or the token that a platform has left in a file."""
    secret, certificate = found["secret"], found["x509_certificate_path"]
    if found["token_file"] and not (secret or certificate) and found["auth_source"] != "service_principal":
        return _workload_identity(found)
    missing = _missing(found)
    if not (secret or certificate):
        missing.append(f"{_called('secret')} or {_called('x509_certificate_path')}")
    if missing:
        raise UserVpnError(
            f"The service principal is described in part only: {' and '.join(missing)} missing. Set it as an option or "
            "in the environment; a managed identity needs auth_source: msi, the Azure CLI's login auth_source: cli."
        )
    if certificate and not Path(certificate).expanduser().is_file():
        raise UserVpnError(f"x509_certificate_path: there is no file {certificate}.")
    return Login(
        "secret" if secret else "certificate",
        tenant=found["tenant"],
        client_id=found["client_id"],
        secret=secret,
        certificate=certificate and str(Path(certificate).expanduser()),
        password=found["password"] if certificate else "",
    )


def _workload_identity(found: Mapping[str, Any]) -> Login:
    missing = [*_missing(found), *([] if found["token_file"] else [FEDERATION_FILE])]
    if missing:
        raise UserVpnError(
            f"The workload identity is described in part only: {' and '.join(missing)} missing. A pod or a pipeline "
            "with federated credentials has all of them in its environment."
        )
    return Login(
        "workload_identity", tenant=found["tenant"], client_id=found["client_id"], token_file=found["token_file"]
    )


def _missing(found: Mapping[str, Any]) -> list[str]:
    return [_called(name) for name in ("tenant", "client_id") if not found[name]]


def _called(name: str) -> str:
    """An option, and what azure-identity and every other Azure SDK call its variable."""
    return f"{name} ({ENVIRONMENT[name][-1]})"


def _federated_token(name: str) -> str:
    """Read anew each time: whoever has made the file renews it."""
    try:
        token = _files.read(Path(name).expanduser(), TOKEN_LIMIT).decode("ascii", "replace").strip()
    except UserVpnError as error:
        raise AzureError(f"{FEDERATION_FILE}: {error}", "SignIn") from None
    if not token:
        raise AzureError(f"{FEDERATION_FILE}: {name} is empty; let the platform write its token anew.", "SignIn")
    return token


def credential(login: Login, cloud: Cloud, transport: Any = None) -> Any:
    """The azure-identity credential for a login. Nothing is sent yet. `transport` is azure-core's; the CLI has none."""
    if login.tenant and not re.fullmatch(r"[A-Za-z0-9.-]+", login.tenant):
        raise UserVpnError("tenant must be the directory's id or one of its domain names.")  # and not the secret
    identity = load("azure.identity")
    if login.kind == "cli":
        return identity.AzureCliCredential(tenant_id=login.tenant, process_timeout=login.cli_timeout)
    if login.kind == "msi":
        return identity.ManagedIdentityCredential(client_id=login.client_id or None, transport=transport)
    # The public cloud's directory knows nothing of hosts that it does not run: do not ask it about them.
    hosts = {
        "authority": cloud.authority,
        "disable_instance_discovery": not cloud.known,
        "transport": transport,
    }
    if login.kind == "secret":
        return identity.ClientSecretCredential(login.tenant, login.client_id, login.secret, **hosts)
    if login.kind == "workload_identity":
        _federated_token(login.token_file)
        # WorkloadIdentityCredential is the same, but for the line's end that many a file has.
        token = partial(_federated_token, login.token_file)
        return identity.ClientAssertionCredential(login.tenant, login.client_id, token, **hosts)
    content = _files.read(Path(login.certificate), bounds.SECRET_FILE)
    forms.check_secret(content, f"x509_certificate_path: {login.certificate}")
    try:
        return identity.CertificateCredential(
            login.tenant, login.client_id, certificate_data=content, password=login.password or None, **hosts
        )
    except TypeError:  # of cryptography: a password that is missing, or one too many
        wrong = "has no password, so unset" if login.password else "has a password; set"
        raise UserVpnError(f"x509_certificate_path: {login.certificate} {wrong} {CERTIFICATE_PASSWORD}.") from None
    except ValueError:
        hint = f"{login.certificate} must hold the certificate and its RSA private key in PEM or PKCS#12 form"
        raise UserVpnError(
            f"x509_certificate_path: {hint}, and {CERTIFICATE_PASSWORD} its password if it has one."
        ) from None


def subscription(found: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The subscription's id: what the settings say, or the Azure CLI's default subscription."""
    chosen = str(found["subscription_id"] or _cli_subscription(environment))
    if not chosen:
        nobody = found["auth_source"] == "auto" and not any(found[name] for name in _WHO)
        hint = f" To sign in, {HOW_TO_SIGN_IN}." if nobody else ""
        raise UserVpnError(
            "No subscription is given: set subscription_id or AZURE_SUBSCRIPTION_ID, or choose one with "
            f"`az account set --subscription ...`.{hint}"
        )
    return chosen


def _cli_subscription(environment: Mapping[str, str]) -> str:
    """The default in the Azure CLI's azureProfile.json, a JSON file with a byte order mark."""
    folder = Path(environment.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser()
    try:
        profile = read_json(_files.read(folder / "azureProfile.json", PROFILE_LIMIT))
        return next((str(entry["id"]) for entry in profile["subscriptions"] if entry.get("isDefault")), "")
    except (UserVpnError, ValueError, KeyError, TypeError, AttributeError):
        return ""
