# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what Azure or the way to it refused, in a sentence that says what to do.

The SDK's exceptions may carry URLs with signatures. Their texts go no further than this module; what is passed on
is the error's code and a message from which every query string has been cut.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

from .._documents import read_json
from .._errors import UserVpnError
from .._secrets import without_credentials
from .sdk import load

MESSAGE_LIMIT = 600
DETAILS_LIMIT = 10


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
    "an expired trusted root blocks every change of the configuration: run server_configuration_certificates with "
    "remove_expired_roots: true"
)
_API_VERSION = (
    "this cloud does not know the API version of the installed SDK: install another release of azure-mgmt-network, "
    "from 28 on"
)

# Azure's code -> what to do. Sources: Microsoft Learn "Troubleshoot common Azure deployment errors",
# "Microsoft Entra authentication and authorization error codes", and reports of users of this service.
ADVICE = {
    "AuthorizationFailed": _PERMISSION,
    "LinkedAuthorizationFailed": _PERMISSION,
    "SubscriptionNotFound": "check subscription_id, the tenant, and cloud_environment",
    "InvalidSubscriptionId": "subscription_id must be the id, not the name, of a subscription",
    "ResourceGroupNotFound": "check resource_group and subscription_id",
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
    "AADSTS700016": "check client_id and tenant",
    "AADSTS7000215": "the secret is wrong: use the secret's value, not its id",
    "AADSTS7000222": "the secret has expired; make a new one",
    "AADSTS700027": "the certificate is not one of the application's; upload it, or check x509_certificate_path",
    "AADSTS90002": "check tenant and cloud_environment",
    "AADSTS900023": "check tenant",
    "AADSTS50034": "check tenant",
    "AADSTS500011": "check cloud_environment",
    "AADSTS53003": "a conditional access policy forbids this sign-in; ask those who keep the policy",
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


def scrub(text: str) -> str:
    """A text on one line, of bearable length, without query strings, signatures and tokens."""
    text = " ".join(str(text)[: 10 * MESSAGE_LIMIT].split())
    text = without_credentials(text)
    text = re.sub(r"(?i)\b(sig|se|sp|st|sv|sr|skoid|sktid)=[^\s&\"'<>]+", r"\1=...", text)
    text = re.sub(r"(?i)\b(client_secret|client_assertion|password|bearer)([=: ]+)\S+", r"\1\2...", text)
    text = re.sub(r"\beyJ[\w-]+\.[\w.-]+", "...", text)  # a JSON web token
    return text if len(text) <= MESSAGE_LIMIT else f"{text[:MESSAGE_LIMIT]}..."


def refused(
    what: str, code: str, message: str, status: int | None = None, retry_after: float | None = None
) -> AzureError:
    """The error for a refusal that Azure put into words."""
    fallback = _BY_STATUS.get(status or 0, ("", ""))
    code = code or fallback[0] or (f"HTTP status {status}" if status else "no code")
    advice = ADVICE.get(code) or fallback[1]
    if not advice and status and status >= 500:
        advice = "this is Azure's own trouble; run again in some minutes"
    said = f": {scrub(message).rstrip('.')}" if message else ""
    return AzureError(
        f"Azure refused to {what} ({code}){said}." + (f" What to do: {advice}." if advice else ""),
        code,
        status,
        retry_after,
    )


def from_response(response: Any, what: str) -> AzureError:
    """The error in an HTTP answer of the management API."""
    code, message = details(_body(response))
    return refused(what, code, message, int(response.status_code), retry_after(response))


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


def explain(error: Exception, what: str) -> AzureError:
    """An SDK exception in our words. The caller raises it `from None`: the original's text may hold a signature."""
    core = load("azure.core.exceptions")
    response = getattr(error, "response", None)
    if isinstance(error, core.ClientAuthenticationError) and (response is None or "AADSTS" in str(error)):
        return _not_signed_in(error, what)
    if isinstance(error, core.DecodeError):
        return AzureError(
            f"Azure's answer to the request to {what} is not complete JSON; run again, and look for a proxy that "
            "changes answers.",
            "BrokenAnswer",
        )
    if isinstance(error, core.HttpResponseError) and response is not None:
        return from_response(response, what)
    if isinstance(error, core.AzureError):
        hint = _network_hint(error) or "the connection failed or broke off; check the network, and run again"
        return AzureError(f"Azure cannot be reached to {what}: {hint}.", "NoConnection")
    return unexpected(what, f" ({type(error).__name__})")


def _not_signed_in(error: Exception, what: str) -> AzureError:
    if isinstance(error.__cause__, AzureError):  # ours, wrapped by azure-identity: the limit was over
        return error.__cause__
    text = str(error).removeprefix("Authentication failed: ")
    code = re.search(r"AADSTS\d+", text)
    if code:
        # Entra's sentence, without the trace ids and the advice for developers that follow it
        sentence = re.split(r" Trace ID:|\r|\n", text[code.start() :])[0]
        return refused(f"let the identity sign in (to {what})", code[0], sentence)
    hint = _network_hint(error)
    if hint:
        return AzureError(f"Azure cannot be reached to sign in (to {what}): {hint}.", "NoConnection")
    return AzureError(f"No sign-in to Azure to {what}: {scrub(text).rstrip('.')}.", "SignIn")


_NETWORK_HINTS = (
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "its TLS certificate is not trusted{}; behind a proxy with its own CA set REQUESTS_CA_BUNDLE",
    ),
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
    return next((hint.format(where) for pattern, hint in _NETWORK_HINTS if re.search(pattern, text)), "")
