# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what Azure or the way to it refused, in a sentence that says what to do.

The SDK's exceptions may carry URLs with signatures. Their texts go no further than this module; what is passed on
is the error's code and a message from which every query string has been cut.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

from .._documents import read_json
from .._errors import UserVpnError
from .._secrets import without_credentials
from . import tls
from .sdk import load

MESSAGE_LIMIT = 600
DETAILS_LIMIT = 10

HOW_TO_SIGN_IN = (
    "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH, or "
    "AZURE_FEDERATED_TOKEN_FILE) in the environment, or tenant, client_id and secret as options; or run `az login`; "
    "or, on a machine with a managed identity, set auth_source to msi"
)


class AzureError(UserVpnError):
    """A call to Azure failed. `code` is Azure's own word, `status` the HTTP status; either may be missing.

    `retry_after` is the number of seconds that Azure asks to wait, if it does.
    """

    def __init__(self, text: str, code: str = "", status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.retry_after = retry_after

    def hiding(self, secrets: Iterable[str]) -> AzureError:
        """The same error; what Azure has quoted of a request is not shown."""
        text = str(self)
        for secret in secrets:
            text = text.replace(secret, "********")
        return AzureError(text, self.code, self.status, self.retry_after)

    @property
    def busy(self) -> bool:
        """Azure has refused it for now: somebody else is changing the same thing, or there were too many calls."""
        return self.code in BUSY or self.status in (412, 429)

    @property
    def unclear(self) -> bool:
        """Whether Azure did it is not known: a server's fault, a lost connection, a garbled answer."""
        return self.status in (500, 502, 503, 504) or self.code in ("NoConnection", "BrokenAnswer")


BUSY = (
    "AnotherOperationInProgress",
    "Conflict",
    "RetryableError",
    "PreconditionFailed",
    "ReferencedResourceNotProvisioned",
    "TooManyRequests",
    "SubscriptionRequestsThrottled",
)

_PERMISSION = (
    "give the identity a role with this action on the resource group, as in the custom role of docs/azure.md; a new "
    "assignment needs a few minutes"
)
_EXPIRED_ROOT = (
    "an expired trusted root blocks every change of the configuration: run server_configuration with "
    "remove_expired_roots: true"
)
_API_VERSION = (
    "this cloud does not know the API version of the installed SDK: install another release of azure-mgmt-network, "
    "from 28 on"
)

_OTHER_DIRECTORY = "the account is of another directory: run `az login --tenant` with the right one, or check tenant"
_SECOND_FACTOR = (
    "a second factor is asked for, which only a person can give: run `az login` again, or sign in as a service "
    "principal"
)
_LOGIN_ENDED = "the login has ended: run `az login` again, or sign in as a service principal, which needs no person"
_FEDERATION = (
    "no federated credential of the application fits: compare its issuer, subject and audience with those of the token "
    "in AZURE_FEDERATED_TOKEN_FILE"
)
_POLICY = "a conditional access policy forbids this sign-in; ask those who keep the policy"

# Azure's code -> what to do. Sources: Microsoft Learn "Troubleshoot common Azure deployment errors",
# "Microsoft Entra authentication and authorization error codes", and reports of users of this service.
ADVICE = {
    "AuthorizationFailed": _PERMISSION,
    "LinkedAuthorizationFailed": _PERMISSION,
    "SubscriptionNotFound": "check subscription_id, the tenant, and cloud_environment",
    "InvalidSubscriptionId": "subscription_id must be the id, not the name, of a subscription",
    "ResourceGroupNotFound": (
        "check resource_group and subscription_id, or create the resource group; this collection creates none"
    ),
    "LocationNotAvailableForResourceType": "set location to one of these regions",
    "InvalidResourceLocation": "set location to where it lies already, or choose another name",
    "ResourceNotFound": "check the name, resource_group and subscription_id",
    "NotFound": "check the name, resource_group and subscription_id",
    "ParentResourceNotFound": "check the names, resource_group and subscription_id",
    "MissingSubscriptionRegistration": (
        "let an owner of the subscription run `az provider register --namespace Microsoft.Network`; this collection "
        "never registers anything by itself"
    ),
    "AnotherOperationInProgress": "wait until the other change of it or of its gateway has ended, then run again",
    "RetryableError": "run again in a few minutes",
    "PreconditionFailed": "somebody changed it at the same time; run again",
    "TooManyRequests": "Azure limits the number of calls; run again in some minutes",
    "SubscriptionRequestsThrottled": "Azure limits the number of calls; run again in some minutes",
    "VpnServerConfigurationCertificateExpired": _EXPIRED_ROOT,
    "VpnClientRootCertificateExpired": _EXPIRED_ROOT,
    "VpnClientAddressPoolNotSpecified": "give the P2S gateway a client address pool, then ask for the package again",
    "InvalidAuthenticationToken": "check tenant and cloud_environment, and sign in again",
    "InvalidAuthenticationTokenTenant": "the subscription belongs to another directory; check tenant",
    "ExpiredAuthenticationToken": "sign in again, and check the controller's clock",
    "RequestDisallowedByPolicy": "an Azure Policy forbids it; ask those who keep the policy",
    "ScopeLocked": "a lock protects the resource; remove it or ask its owner",
    "InvalidApiVersionParameter": _API_VERSION,
    "NoRegisteredProviderFound": _API_VERSION,
    # Entra ID
    "AADSTS50020": _OTHER_DIRECTORY,
    "AADSTS90072": _OTHER_DIRECTORY,
    "AADSTS50055": "the user's password has ended; set a new one, then run `az login`",
    "AADSTS50057": "the account is disabled; sign in as another one",
    "AADSTS50074": _SECOND_FACTOR,
    "AADSTS50076": _SECOND_FACTOR,
    "AADSTS50078": _SECOND_FACTOR,
    "AADSTS50079": _SECOND_FACTOR,
    "AADSTS50158": _SECOND_FACTOR,
    "AADSTS50132": _LOGIN_ENDED,
    "AADSTS50133": _LOGIN_ENDED,
    "AADSTS50173": _LOGIN_ENDED,
    "AADSTS70008": _LOGIN_ENDED,
    "AADSTS70043": _LOGIN_ENDED,
    "AADSTS700082": _LOGIN_ENDED,
    "AADSTS700084": _LOGIN_ENDED,
    "AADSTS50027": "what AZURE_FEDERATED_TOKEN_FILE holds is no whole token; let the platform write it anew",
    "AADSTS700024": (
        "the token in AZURE_FEDERATED_TOKEN_FILE, or what the certificate has signed, is not valid at this time: check "
        "the controller's clock, and let the platform write its token anew"
    ),
    "AADSTS70021": _FEDERATION,
    "AADSTS700211": _FEDERATION,
    "AADSTS700212": _FEDERATION,
    "AADSTS700213": _FEDERATION,
    "AADSTS7000112": "the application is disabled; let those who keep the directory enable it",
    "AADSTS700016": "check client_id and tenant",
    "AADSTS7000215": "the secret is wrong: use the secret's value, not its id",
    "AADSTS7000222": "the secret has expired; make a new one",
    "AADSTS700027": "the certificate is not one of the application's; upload it, or check x509_certificate_path",
    "AADSTS90002": "check tenant and cloud_environment",
    "AADSTS900023": "check tenant",
    "AADSTS50034": "check tenant",
    "AADSTS500011": "check cloud_environment",
    "AADSTS53000": _POLICY,
    "AADSTS53001": _POLICY,
    "AADSTS53003": _POLICY,
    "AADSTS530003": _POLICY,
}
_BY_STATUS = {
    401: ("InvalidAuthenticationToken", ADVICE["InvalidAuthenticationToken"]),
    403: ("Forbidden", _PERMISSION),
    404: ("NotFound", ADVICE["NotFound"]),
    407: ("ProxyAuthenticationRequired", "the proxy wants a login; put it into HTTPS_PROXY"),
    409: ("Conflict", ADVICE["AnotherOperationInProgress"]),
    412: ("PreconditionFailed", ADVICE["PreconditionFailed"]),
    429: ("TooManyRequests", ADVICE["TooManyRequests"]),
}


def scrub(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """A text on one line, of bearable length, without query strings, signatures and tokens."""
    text = " ".join(str(text)[: 10 * limit].split())
    text = without_credentials(text)
    text = re.sub(r"(?i)(?<![a-z])(sig|se|sp|st|sv|sr|skoid|sktid)=[^\s&\"'<>]+", r"\1=...", text)
    text = re.sub(r"(?i)\b(client_secret|client_assertion|password|bearer)([=: ]+)\S+", r"\1\2...", text)
    text = re.sub(r"\beyJ[\w-]+\.[\w.-]+", "...", text)  # a JSON web token
    return text if len(text) <= limit else f"{text[:limit]}..."


def refused(
    what: str,
    code: str,
    message: str,
    status: int | None = None,
    retry_after: float | None = None,
    *,
    advice: str = "",
) -> AzureError:
    """The error for a refusal that Azure put into words. `advice` is what is known better than by the code."""
    fallback = _BY_STATUS.get(status or 0, ("", ""))
    code = code or fallback[0] or (f"HTTP status {status}" if status else "no code")
    advice = advice or ADVICE.get(code) or fallback[1]
    if not advice and status and status >= 500:
        advice = "this is Azure's own trouble; run again in some minutes"
    said = f": {scrub(message).rstrip('.')}" if message else ""
    return AzureError(
        f"Azure refused to {what} ({code}){said}." + (f" What to do: {advice}." if advice else ""),
        code,
        status,
        retry_after,
    )


def from_response(response: Any, what: str, advice: Mapping[str, str] = MappingProxyType({})) -> AzureError:
    """The error in an HTTP answer of the management API, or of storage, which has its code in a header.

    `advice` is what to do by codes of that service.
    """
    code, message = details(_body(response))
    code = code or str(response.headers.get("x-ms-error-code") or "")
    status = int(response.status_code)
    return refused(what, code, message, status, retry_after(response), advice=advice.get(code, ""))


_SECONDS = re.compile("[0-9]{1,12}")


def retry_after(response: Any) -> float | None:
    """The seconds that Azure asks to wait, in any form that azure-core knows, or None."""
    for header in ("retry-after-ms", "x-ms-retry-after-ms"):
        if _SECONDS.fullmatch(str(response.headers.get(header) or "")):
            return float(response.headers[header]) / 1000
    text = str(response.headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (TypeError, ValueError, OverflowError):
        return None


def details(body: Any) -> tuple[str, str]:
    """Code and message of {"error": {"code", "message", "details": [...]}}, or of the inner object alone."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        error = body if isinstance(body, dict) else {}
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    inner = error.get("details")
    for detail in inner[:DETAILS_LIMIT] if isinstance(inner, list) else []:
        if isinstance(detail, dict) and detail.get("message") and str(detail["message"]) not in message:
            message = f"{message} {detail.get('code') or ''}: {detail['message']}".strip()
    return code, message


def _body(response: Any) -> Any:
    try:
        return read_json(response.text())
    except Exception:  # noqa: BLE001 - an unread, cut or foreign body: then the status must do
        return None


def unexpected(what: str, how: str = "") -> AzureError:
    """The error for an answer that is not what Azure documents."""
    return AzureError(
        f"Azure's answer to the request to {what} has an unexpected form{how}; run again, and look for a proxy that "
        "changes answers.",
        "BrokenAnswer",
    )


@contextmanager
def translated(what: str, advice: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Whatever the SDK raises inside comes out as AzureError, without its text, which may hold a signature."""
    try:
        yield
    except AzureError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises, its text may hold a signature
        raise explain(error, what, advice) from None


def explain(error: Exception, what: str, advice: Mapping[str, str] = MappingProxyType({})) -> AzureError:
    """An SDK exception in our words. The caller raises it `from None`: the original's text may hold a signature."""
    core = load("azure.core.exceptions")
    response = getattr(error, "response", None)
    agent = _arc_problem(error)
    if agent:
        return AzureError(f"No sign-in to Azure to {what}: {agent}.", "SignIn")
    if isinstance(error, core.ClientAuthenticationError) and (response is None or "AADSTS" in str(error)):
        return _not_signed_in(error, what)
    if isinstance(error, core.DecodeError):
        return AzureError(
            f"Azure's answer to the request to {what} is not complete JSON; run again, and look for a proxy that "
            "changes answers.",
            "BrokenAnswer",
        )
    if isinstance(error, core.HttpResponseError) and response is not None:
        return from_response(response, what, advice)
    if isinstance(error, core.AzureError):
        hint = _network_hint(error) or "the connection failed or broke off; check the network, and run again"
        return AzureError(f"Azure cannot be reached to {what}: {hint}.", "NoConnection")
    return unexpected(what, f" ({type(error).__name__})")


def _not_signed_in(error: Exception, what: str) -> AzureError:
    if isinstance(error.__cause__, AzureError):  # ours, wrapped by azure-identity: the limit was over
        return error.__cause__
    said = _said_by_cli(error)
    text = said or str(error).removeprefix("Authentication failed: ")
    code = re.search(r"AADSTS\d+", text)
    if code:
        # Entra's sentence. Behind it az says what to run; azure-identity has advice for developers there.
        sentence, further = _entra(text[code.start() :])
        advice = f"az says: {scrub(further, COMMAND_LIMIT)}" if said and further else ""
        return refused(f"let the identity sign in (to {what})", code[0], sentence, advice=advice.rstrip("."))
    hint = _network_hint(error)
    if hint and not said:
        return AzureError(f"Azure cannot be reached to sign in (to {what}): {hint}.", "NoConnection")
    advice = _missing(error, said)
    return AzureError(
        f"No sign-in to Azure to {what}: {scrub(text, COMMAND_LIMIT).rstrip('.')}."
        + (f" What to do: {advice}." if advice else ""),
        "SignIn",
    )


COMMAND_LIMIT = 1200  # of a text in which somebody is told what to run, with a claims challenge or so in it
_TRACES = re.compile(r"\s*\b(Trace ID|Correlation ID|Timestamp): *\S+( \d\d:\d\d:\d\d\S*)?")


def _entra(text: str) -> tuple[str, str]:
    """Entra's sentence, without the ids of its trace, and what follows on lines of its own."""
    sentence, _newline, further = _TRACES.sub("", text).strip().partition("\n")
    return sentence.strip(), " ".join(further.split())


def _said_by_cli(error: Exception) -> str:
    """What the Azure CLI itself wrote before it failed: azure-identity shows a sentence of its own instead."""
    ended = next((each for each in _chain(error) if isinstance(each, subprocess.CalledProcessError)), None)
    lines = str(ended.stderr or "").splitlines() if ended else []
    return "\n".join(line.removeprefix("ERROR: ") for line in lines if not line.startswith("WARNING: ")).strip()


def _missing(error: Exception, said: str) -> str:
    """What to do where nobody signs in at all."""
    late = next((each for each in _chain(error) if isinstance(each, subprocess.TimeoutExpired)), None)
    if late:
        return (
            f"the Azure CLI (az) gave no token within {late.timeout:.0f} seconds: set cli_timeout to more, or sign in "
            "without it"
        )
    text = str(error)
    if said or "Azure CLI" in text or "az login" in text:
        return HOW_TO_SIGN_IN
    if "ManagedIdentity" in text:
        return (
            "auth_source is msi, so see that this machine has a managed identity (the one of client_id, if that is "
            "set) and reaches its endpoint; elsewhere leave auth_source out"
        )
    return ""


def _arc_problem(error: BaseException) -> str:
    """What stands between us and the agent of Azure Arc, which proves by a file that we may ask it.

    Only members of the group himds may read the file (Microsoft Learn, "Authenticate against Azure resources with
    Azure Arc-enabled servers").
    """
    for each in _chain(error):
        if isinstance(each, OSError) and "azcmagent" in str(each.filename):
            hidden, path, reason = isinstance(each, PermissionError), each.filename, each.strerror
        elif found := re.search(r"The file path does not exist: (\S*azcmagent\S*)", str(each)):
            hidden, path, reason = True, found[1], ""  # how older releases see what lies in a folder closed to them
        else:
            continue
        if hidden:
            return (
                f"the Azure Arc agent of this machine lets only members of the group himds read {path}; add the "
                "account that runs Ansible with `sudo usermod -aG himds ...`, and log in anew"
            )
        return f"the Azure Arc agent of this machine named {path}, which cannot be read: {reason}"
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in found:
        found.append(each)
        yield each
        each = each.__cause__ or each.__context__


_NETWORK_HINTS = (
    (r"ProxyError|connect to proxy", "the proxy does not let it through{}; check HTTPS_PROXY and NO_PROXY"),
    (
        r"Name or service not known|NameResolution|getaddrinfo",
        "its name does not resolve{}; check DNS, cloud_environment and HTTPS_PROXY",
    ),
    (r"timed out", "no answer in time{}; check the firewall and HTTPS_PROXY"),
    (
        r"Connection|Errno|RemoteDisconnected",
        "the connection failed or broke off{}; check the network, and run again",
    ),
)


def _network_hint(error: Exception) -> str:
    """What stands between us and Azure, as far as the text of the SDK tells; empty when it tells nothing."""
    text = str(error)
    host = re.search(r"host='([^']+)'", text)
    where = f" ({host[1]})" if host else ""
    plain = next((hint.format(where) for pattern, hint in _NETWORK_HINTS if re.search(pattern, text)), "")
    return tls.problem(text, os.environ, where) or plain
