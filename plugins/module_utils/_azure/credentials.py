# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: from options and environment to one named credential of azure-identity.

Names and order are those of azure.azcollection: an option first, then the environment, then the Azure CLI. A chain
that tries everything would be slower, and its errors would speak of things nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _files
from .._documents import read_json
from .._errors import UserVpnError
from .._x509 import bounds, forms
from .clouds import Cloud
from .sdk import load

PROFILE_LIMIT = 4 << 20  # of the Azure CLI; some kilobytes for each hundred subscriptions

AUTH_SOURCES = ("auto", "cli", "env", "msi", "service_principal")

# option -> environment variables, azure.azcollection's name first, azure-identity's second
ENVIRONMENT = {
    "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    "x509_certificate_path": ("AZURE_X509_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"),
    "auth_source": ("ANSIBLE_AZURE_AUTH_SOURCE",),
    "cloud_environment": ("AZURE_CLOUD_ENVIRONMENT",),
}
CERTIFICATE_PASSWORD = "AZURE_CLIENT_CERTIFICATE_PASSWORD"  # noqa: S105 - the name of a variable
SECRET_VARIABLES = (*ENVIRONMENT["secret"], CERTIFICATE_PASSWORD)


@dataclass(frozen=True)
class Login:
    """Who signs in, and how: `kind` is secret, certificate, msi or cli."""

    kind: str
    tenant: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    certificate: str = ""
    password: str = field(default="", repr=False)


def setting(name: str, options: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """An option, or else the first of its environment variables that is set, or else an empty string."""
    values = [options.get(name), *(environment.get(variable) for variable in ENVIRONMENT[name])]
    return next((str(value) for value in values if value), "")


def choose(options: Mapping[str, Any], environment: Mapping[str, str]) -> Login:
    """The login that the options and the environment describe. UserVpnError when they describe half of one."""
    source = setting("auth_source", options, environment) or "auto"
    if source not in AUTH_SOURCES:
        raise UserVpnError(f"auth_source is {source!r}; it must be one of {', '.join(AUTH_SOURCES)}.")
    if source == "env":
        options = {}
    tenant = setting("tenant", options, environment)
    client_id = setting("client_id", options, environment)
    if source == "cli":
        return Login("cli", tenant=tenant)
    if source == "msi":
        return Login("msi", client_id=client_id)
    login = _service_principal(tenant, client_id, options, environment)
    if login:
        return login
    if source == "auto":
        return Login("cli", tenant=tenant)
    raise UserVpnError(
        f"auth_source is {source}, but no service principal is given: set tenant, client_id and secret (or "
        "x509_certificate_path), or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET in the environment."
    )


def _service_principal(
    tenant: str, client_id: str, options: Mapping[str, Any], environment: Mapping[str, str]
) -> Login | None:
    """A service principal, if one is described. An option wins over whatever the environment holds."""
    secret = setting("secret", options, environment)
    certificate = setting("x509_certificate_path", options, environment)
    if options.get("secret"):
        certificate = ""
    elif certificate and (options.get("x509_certificate_path") or not secret):
        secret = ""
    elif secret:
        certificate = ""
    if not (client_id or secret or certificate):
        return None
    missing = [name for name, value in (("tenant", tenant), ("client_id", client_id)) if not value]
    if not (secret or certificate):
        missing.append("secret or x509_certificate_path")
    if missing:
        raise UserVpnError(
            f"The service principal is described in part only: {' and '.join(missing)} missing. Set it as an option or "
            "in the environment; a managed identity needs auth_source: msi, the Azure CLI's login auth_source: cli."
        )
    if certificate and not Path(certificate).expanduser().is_file():
        raise UserVpnError(f"x509_certificate_path: there is no file {certificate}.")
    return Login(
        "secret" if secret else "certificate",
        tenant=tenant,
        client_id=client_id,
        secret=secret,
        certificate=certificate and str(Path(certificate).expanduser()),
        password=environment.get(CERTIFICATE_PASSWORD, "") if certificate else "",
    )


def credential(login: Login, cloud: Cloud, transport: Any = None) -> Any:
    """The azure-identity credential for a login. Nothing is sent yet. `transport` is azure-core's; the CLI has none."""
    if login.tenant and not re.fullmatch(r"[A-Za-z0-9.-]+", login.tenant):
        raise UserVpnError("tenant must be the directory's id or one of its domain names.")  # and not the secret
    identity = load("azure.identity")
    if login.kind == "cli":
        return identity.AzureCliCredential(tenant_id=login.tenant)
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


def subscription(options: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The subscription's id: option, environment, or the Azure CLI's default subscription."""
    found = setting("subscription_id", options, environment) or _cli_subscription(environment)
    if not found:
        raise UserVpnError(
            "No subscription is given: set subscription_id or AZURE_SUBSCRIPTION_ID, or choose one with "
            "`az account set --subscription ...`."
        )
    return found


def _cli_subscription(environment: Mapping[str, str]) -> str:
    """The default in the Azure CLI's azureProfile.json, a JSON file with a byte order mark."""
    folder = Path(environment.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser()
    try:
        profile = read_json(_files.read(folder / "azureProfile.json", PROFILE_LIMIT))
        return next((str(entry["id"]) for entry in profile["subscriptions"] if entry.get("isDefault")), "")
    except (UserVpnError, ValueError, KeyError, TypeError, AttributeError):
        return ""
