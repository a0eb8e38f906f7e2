# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entra ID: instance discovery, OpenID metadata, the token endpoint; and a managed identity's endpoint.

Sources: Microsoft Learn "Microsoft identity platform and the OAuth 2.0 client credentials flow", "Microsoft Entra
authentication and authorization error codes", "How to use managed identities for App Service"
(REST endpoint reference), "Workload identity federation", "Authenticate against Azure resources with Azure Arc-enabled
servers".
"""

from __future__ import annotations

import base64
import datetime
import json
import secrets
import time
import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .messages import Request, Response, front_door_json

STORAGE = "https://storage.azure.com"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class LoginError(Exception):
    """An OAuth error with Entra's AADSTS number."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.number, self.text = status, error, number, text

    def response(self) -> Response:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        description = (
            f"AADSTS{self.number}: {self.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        )
        content = {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        return front_door_json(self.status, content)


class Authority:
    """One tenant with one application. `tokens` maps each token issued to its claims."""

    def __init__(self, url: str, audience: str) -> None:
        self.url = url
        self.audience = audience
        self.resources = {audience, STORAGE}  # what there are tokens for
        self.tenant = str(uuid.uuid4())
        self.client_id = str(uuid.uuid4())
        self.object_id = str(uuid.uuid4())
        self.client_secret = "lab~" + secrets.token_urlsafe(30)
        self.certificate: x509.Certificate | None = None
        self.identity_header = secrets.token_hex(16)
        self.arc_key = secrets.token_hex(32)
        self.arc_key_file = "/var/opt/azcmagent/tokens/5d4c2f1b-0000-4000-8000-000000000000.key"
        self.federation = Federation()
        self.token_lifetime = 3599
        self.tokens: dict[str, dict[str, Any]] = {}

    def handle(self, request: Request) -> Response:
        parts = [part for part in request.path.split("/") if part]
        try:
            if request.path in ("/msi/token", "/arc/token"):
                return self._managed_identity(request) if request.path == "/msi/token" else self._arc(request)
            if parts == ["common", "discovery", "instance"]:
                return self._instance_discovery(request)
            if parts[1:] == ["v2.0", ".well-known", "openid-configuration"]:
                return self._metadata(request, parts[0])
            if parts[1:] == ["oauth2", "v2.0", "token"]:
                return self._token(request, parts[0])
        except LoginError as error:
            return error.response()
        return Response(404, b"Not Found", {"Content-Type": "text/plain"})

    def issue(self, *, lifetime: int | None = None, **claims: Any) -> str:
        """Make a token of JWT shape. Its signature is random: ARM here looks tokens up."""
        now = int(time.time())
        lifetime = self.token_lifetime if lifetime is None else lifetime
        content = {
            "aud": self.audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": self.client_id,
            "oid": self.object_id,
            "tid": self.tenant,
            "ver": "1.0",
        } | claims
        parts = [json.dumps({"typ": "JWT", "alg": "RS256"}).encode(), json.dumps(content).encode()]
        token = ".".join(_encode(part) for part in [*parts, secrets.token_bytes(64)])
        self.tokens[token] = content
        return token

    def _instance_discovery(self, request: Request) -> Response:
        _method(request, "GET")
        return front_door_json(
            200,
            {
                "tenant_discovery_endpoint": f"{self.url}/{self.tenant}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [],
            },
        )

    def _metadata(self, request: Request, tenant: str) -> Response:
        _method(request, "GET")
        self._check_tenant(tenant)
        root = f"{self.url}/{tenant}"
        return front_door_json(
            200,
            {
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
                "tenant_region_scope": None,
                "cloud_instance_name": "localhost",
            },
        )

    def _token(self, request: Request, tenant: str) -> Response:
        _method(request, "POST")
        self._check_tenant(tenant)
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise LoginError(400, "invalid_request", 900144, "The request body must be form encoded.")
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        for name in ("client_id", "scope", "grant_type"):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                raise LoginError(400, "invalid_request", 900144, text)
        if form["grant_type"] != "client_credentials":
            text = f"The app requested an unsupported grant type '{form['grant_type']}'."
            raise LoginError(400, "unsupported_grant_type", 70003, text)
        if form["client_id"] != self.client_id:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory '{tenant}'."
            raise LoginError(400, "unauthorized_client", 700016, text)
        self._check_credential(form, tenant)
        audience = self._check_scope(form["scope"])
        lifetime = self.token_lifetime
        content = {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}
        return front_door_json(200, content | {"access_token": self.issue(aud=audience)})

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() != self.tenant:
            text = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            raise LoginError(400, "invalid_request", 90002, text)

    def _check_credential(self, form: dict[str, str], tenant: str) -> None:
        if form.get("client_assertion_type") == ASSERTION_TYPE:
            self._check_assertion(form.get("client_assertion", ""), tenant)
        elif "client_secret" not in form:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise LoginError(401, "invalid_client", 7000218, text)
        elif form["client_secret"] != self.client_secret:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{self.client_id}'."
            )
            raise LoginError(401, "invalid_client", 7000215, text)

    def _check_assertion(self, assertion: str, tenant: str) -> None:
        """RFC 7523 with the header that Entra asks for: PS256 or RS256, the certificate named by its thumbprint."""
        refused = LoginError(
            401,
            "invalid_client",
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        )
        try:
            head, claims, signature = assertion.split(".")
            header, content = json.loads(_decode(head)), json.loads(_decode(claims))
            signed, given = f"{head}.{claims}".encode(), _decode(signature)
        except ValueError:
            raise LoginError(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from None
        if content.get("iss") != self.client_id:
            return self.federation.check(header, content, signed, given)
        if self.certificate is None or not _names(header, self.certificate):
            raise refused
        key = self.certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise refused
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if header.get("alg") == "PS256":
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        try:
            key.verify(given, signed, scheme, hashes.SHA256())
        except InvalidSignature:
            raise refused from None
        if content.get("sub") != self.client_id:
            raise LoginError(401, "invalid_client", 700021, "Client assertion application identifier doesn't match.")
        if not str(content.get("aud", "")).startswith(f"{self.url}/{tenant}/"):
            raise LoginError(401, "invalid_client", 700211, "Client assertion audience is not the token endpoint.")
        if float(content.get("exp", 0)) < time.time():
            raise LoginError(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")
        return None

    def _check_scope(self, scope: str) -> str:
        """The resource that a token is wanted for."""
        wanted = [item for item in scope.split() if item not in ("openid", "profile", "offline_access")]
        name = wanted[0].removesuffix("/.default") if len(wanted) == 1 else ""
        if len(wanted) != 1 or not wanted[0].endswith("/.default"):
            text = f"The provided value for the input parameter scope '{scope}' is not valid."
            raise LoginError(400, "invalid_scope", 1002012, text)
        resource = self._resource(name)
        if resource is None:
            text = f"The resource principal named {name} was not found in the tenant named Lab."
            raise LoginError(400, "invalid_resource", 500011, text)
        return resource

    def _resource(self, wanted: str) -> str | None:
        """A resource as its tokens name it, or None where there are none for it."""
        return {each.rstrip("/"): each for each in self.resources}.get(wanted.rstrip("/"))

    def _managed_identity(self, request: Request) -> Response:
        """The App Service form: IDENTITY_ENDPOINT, header X-IDENTITY-HEADER, api-version 2019-08-01."""
        _method(request, "GET")
        query = {name: values[0] for name, values in request.parameters.items()}
        if request.headers.get("x-identity-header") != self.identity_header:
            return front_door_json(401, {"statusCode": 401, "message": "Unauthorized."})
        if query.get("api-version") != "2019-08-01" or "resource" not in query:
            return front_door_json(400, {"statusCode": 400, "message": "api-version or resource is missing."})
        resource = self._resource(query["resource"])
        if resource is None:
            return front_door_json(400, {"statusCode": 400, "message": "The resource was not found in the tenant."})
        expires = str(int(time.time()) + self.token_lifetime)
        content = {"access_token": self.issue(aud=resource), "expires_on": expires, "resource": query["resource"]}
        return front_door_json(200, content | {"token_type": "Bearer", "client_id": self.client_id})

    def _arc(self, request: Request) -> Response:
        """The agent of Azure Arc: who can read the file that it names, may have a token."""
        _method(request, "GET")
        query = {name: values[0] for name, values in request.parameters.items()}
        if request.headers.get("metadata", "").lower() != "true" or query.get("api-version") != "2020-06-01":
            return front_door_json(400, {"error": "invalid_request", "error_description": "Metadata or api-version."})
        resource = self._resource(query.get("resource", ""))
        if resource is None:
            return front_door_json(400, {"error": "invalid_resource", "error_description": "The resource is unknown."})
        if request.headers.get("authorization") != f"Basic {self.arc_key}":
            answer = front_door_json(401, {"error": "unauthorized"})
            return replace(answer, headers=answer.headers | {"WWW-Authenticate": f"Basic realm={self.arc_key_file}"})
        content = {"access_token": self.issue(aud=resource), "expires_in": str(self.token_lifetime)}
        content |= {"resource": query["resource"]}
        return front_door_json(200, content | {"token_type": "Bearer"})


class Federation:
    """A federated credential of the application, and the platform whose tokens it takes instead of a secret."""

    issuer = "https://issuer.example/tenant/"
    subject = "system:serviceaccount:jobs:user-vpn"
    audience = "api://AzureADTokenExchange"

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self.made: set[str] = set()

    def token(self, *, lifetime: int = 3600, **claims: Any) -> str:
        """A token as the platform leaves it in the file that AZURE_FEDERATED_TOKEN_FILE names."""
        now = int(time.time())
        content = {"iss": self.issuer, "sub": self.subject, "aud": [self.audience], "iat": now, "nbf": now}
        content |= {"exp": now + lifetime} | claims
        parts = [json.dumps({"alg": "RS256", "kid": "lab", "typ": "JWT"}).encode(), json.dumps(content).encode()]
        signed = ".".join(_encode(part) for part in parts)
        token = f"{signed}.{_encode(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        self.made.add(token)
        return token

    def check(self, header: dict[str, Any], content: dict[str, Any], signed: bytes, signature: bytes) -> None:
        """The numbers: "Microsoft Entra authentication and authorization error codes", AADSTS700211 and on."""
        said = "No matching federated identity record found for presented assertion"
        if content.get("iss") != self.issuer:
            raise LoginError(401, "invalid_client", 700211, f"{said} issuer '{content.get('iss')}'.")
        try:
            self._key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise LoginError(401, "invalid_client", 50013, "Assertion failed signature validation.") from None
        if header.get("alg") != "RS256":
            raise LoginError(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
        if content.get("sub") != self.subject:
            raise LoginError(401, "invalid_client", 700213, f"{said} subject '{content.get('sub')}'.")
        if self.audience not in content.get("aud", []):
            raise LoginError(401, "invalid_client", 700212, f"{said} audience '{content.get('aud')}'.")
        if not float(content.get("nbf", 0)) <= time.time() < float(content.get("exp", 0)):
            raise LoginError(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")


def _method(request: Request, wanted: str) -> None:
    if request.method != wanted:
        raise LoginError(405, "invalid_request", 900561, f"The endpoint only accepts {wanted} requests.")


def _names(header: dict[str, Any], certificate: x509.Certificate) -> bool:
    """Compare thumbprints; MSAL pads their base64, RFC 7515 does not."""
    for name, kind in {"x5t": hashes.SHA1(), "x5t#S256": hashes.SHA256()}.items():
        if str(header.get(name, "")).rstrip("=") == _encode(certificate.fingerprint(kind)):
            return True
    return False


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
