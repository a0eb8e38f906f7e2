# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: a whole profile, from what is wished for to the bytes of the file."""

from __future__ import annotations

import hashlib
import ipaddress
import plistlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .._x509 import certificates
from .._x509.certificates import Certificate
from .._x509.text import utc_text
from . import payloads
from .algorithms import choose
from .errors import ProfileError
from .identity import Identity
from .names import check_identifier, is_host_name, uuid_of
from .on_demand import OnDemand, build
from .scep import Enrolment
from .schema import IKEV2, PROXIES, Key, check_text, in_its_types, validate

NO_SETTINGS = "settings is empty: give the settings that profile_package or profile_package_info has returned."
_A_ROOT = "A gateway root of the settings"

DEAD_PEER_DETECTION = {"none": "None", "low": "Low", "medium": "Medium", "high": "High"}

# Keys that a user may not add to a dictionary, and what to do instead.
_BY_CERTIFICATE = "this VPN signs in by certificate"
_NO_PPK = "a User VPN configuration of Azure has no place for one"
NOT_IN_IKEV2 = {
    "RemoteAddress": "use server_address",
    "RemoteIdentifier": "use remote_identifier",
    "LocalIdentifier": "use local_identifier",
    "AuthenticationMethod": "use authentication",
    "ExtendedAuthEnabled": "use authentication",
    "PayloadCertificateUUID": "use macs[].identity",
    "ServerCertificateCommonName": "use server_certificate_common_name",
    "ServerCertificateIssuerCommonName": "use server_certificate_issuer_common_name",
    "IKESecurityAssociationParameters": "use algorithms or ipsec_policy",
    "ChildSecurityAssociationParameters": "use algorithms or ipsec_policy",
    "EnablePFS": "use algorithms or ipsec_policy",
    "IncludeAllNetworks": "use routing",
    "EnforceRoutes": "use enforce_routes",
    "ExcludeLocalNetworks": "use exclude_local_networks",
    "OnDemandEnabled": "use on_demand",
    "OnDemandRules": "use on_demand",
    "DeadPeerDetectionRate": "use dead_peer_detection",
    "AuthName": _BY_CERTIFICATE,
    "AuthPassword": _BY_CERTIFICATE,
    "Password": _BY_CERTIFICATE,
    "SharedSecret": _BY_CERTIFICATE,
    "PPK": _NO_PPK,
    "PPKIdentifier": _NO_PPK,
    "PPKMandatory": _NO_PPK,
}
_IN_EVERY_HAND = "whoever sees the profile would have it"
NOT_IN_PROXIES = {"HTTPProxyUsername": _IN_EVERY_HAND, "HTTPProxyPassword": _IN_EVERY_HAND}


@dataclass(frozen=True)
class Request:
    """What one profile shall be; the names and meanings are those of the module's options.

    `settings`: as read from a profile package; used are vpn_server, gateway_roots, dns_servers, routes and ikev2.
    `client_chain`: CA certificates of the client's chain in PEM form.
    """

    settings: Mapping[str, Any]
    identifier: str
    connection_name: str
    display_name: str | None = None
    organization: str | None = None
    description: str | None = None
    scope: str = "System"
    removal_disallowed: bool = False
    server_address: str | None = None
    remote_identifier: str | None = None
    local_identifier: str | None = None
    authentication: str = "certificate"
    server_certificate_common_name: str | None = None
    server_certificate_issuer_common_name: str | None = None
    algorithms: Any = None
    ipsec_policy: Any = None
    dead_peer_detection: str = "medium"
    routing: str = "split"
    enable_internet_security: bool | None = None
    enforce_routes: bool = False
    exclude_local_networks: bool = False
    on_demand: Mapping[str, Any] | None = None
    dns: Mapping[str, Any] | None = None
    proxies: Mapping[str, Any] | None = None
    ikev2: Mapping[str, Any] | None = None
    client_chain: tuple[bytes, ...] = ()
    macos: str | None = None

    @property
    def title(self) -> str:
        return self.display_name or self.connection_name


@dataclass(frozen=True)
class Profile:
    """The document, the bytes that hold it, and what the user should know about it.

    `certificates`: SHA-256 of all in it, sorted, as the keychain prints it.
    """

    document: dict[str, Any] = field(repr=False)
    content: bytes = field(repr=False)
    uuid: str
    certificates: tuple[str, ...]
    warnings: tuple[str, ...]


class Draft:
    """All of a profile that does not depend on the identity: made, and found faulty, without one.

    Raises ProfileError for a wish that cannot be met.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.identifier = check_identifier(request.identifier)
        if not request.connection_name:
            raise ProfileError("connection_name must not be empty: it is the name in System Settings > VPN.")
        for option in ("connection_name", "display_name", "organization", "description"):
            for problem in check_text(getattr(request, option) or "", option, lines=option == "description"):
                raise ProfileError(f"{option} {problem.text}.")
        settings = request.settings
        if not settings:
            raise ProfileError(NO_SETTINGS)
        if settings.get("ikev2") is False:
            raise ProfileError(
                "The profile package offers no IKEv2; add IKEv2 to the tunnel types of the User VPN configuration "
                "and download the package again."
            )
        self.server = _host("settings.vpn_server", settings.get("vpn_server"))
        self.address = _host("server_address", request.server_address or self.server)
        self.roots = _gateway_roots(settings)
        self.chain = [
            each for text in request.client_chain for each in certificates.read(text, "A file of client_chain")
        ]
        self.algorithms = choose(request.algorithms, request.ipsec_policy)
        self.on_demand: OnDemand = build(request.on_demand)
        self.dns = payloads.dns(request.dns or {}, _texts(settings, "dns_servers"))
        if self.dns is not None and not self.dns["ServerAddresses"]:
            raise ProfileError("dns needs servers: a Mac takes no DNS settings without them, and the package has none.")
        self.proxies = _in_apples_words("proxies", request.proxies, PROXIES, NOT_IN_PROXIES)
        self.further = _in_apples_words("ikev2", request.ikev2, IKEV2, NOT_IN_IKEV2)
        self.warnings = [*self.algorithms.warnings, *_expired(self.roots), *self._routing_warnings()]

    def profile(self, identity: Identity | Enrolment) -> Profile:
        """The profile, checked against Apple's schema; the same request and identity give the same bytes."""
        document = self._document(identity)
        doubts = identity.doubts(identity.local_identifier(self.request.local_identifier))
        warnings = [*self.warnings, *identity.warnings, *doubts, *_checked(document, self.request.macos)]
        content = plistlib.dumps(document, fmt=plistlib.FMT_XML, sort_keys=True)
        client = [identity.certificate] if identity.certificate else []
        certificates = {each.sha256 for each in (*self.roots, *self._chain_of(identity), *client)}
        return Profile(document, content, document["PayloadUUID"], tuple(sorted(certificates)), tuple(warnings))

    def uuid(self, identity: Identity | Enrolment) -> str:
        """The ProfileUUID alone. It depends on the certificate, and not on the PKCS#12."""
        return str(self._document(identity)["PayloadUUID"])

    def _document(self, identity: Identity | Enrolment) -> dict[str, Any]:
        """The profile as plistlib takes it: certificates first, since the VPN payload points at one of them."""
        request = self.request
        client = identity.payload(f"{self.identifier}.identity")
        content = [
            *(payloads.ca_certificate(payloads.ROOT, f"{self.identifier}.root", root) for root in self.roots),
            *(payloads.ca_certificate(payloads.CA, f"{self.identifier}.ca", ca) for ca in self._chain_of(identity)),
            client,
            payloads.vpn(
                f"{self.identifier}.vpn",
                request.connection_name,
                self._ikev2(identity.local_identifier(request.local_identifier), client["PayloadUUID"]),
                self.dns,
                self.proxies,
            ),
        ]
        document = {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": self.identifier,
            "PayloadDisplayName": request.title,
            "PayloadScope": request.scope,
            "PayloadRemovalDisallowed": request.removal_disallowed,
            "PayloadContent": content,
        }
        if request.organization:
            document["PayloadOrganization"] = request.organization
        if request.description:
            document["PayloadDescription"] = request.description
        return document | {"PayloadUUID": uuid_of(_canonical(document))}

    def _ikev2(self, local_identifier: str, identity_uuid: str) -> dict[str, Any]:
        request = self.request
        return {
            **payloads.ikev2_addresses(self.address, request.remote_identifier or self.server, local_identifier),
            **payloads.ikev2_authentication(
                request.authentication,
                identity_uuid,
                request.server_certificate_common_name,
                request.server_certificate_issuer_common_name,
            ),
            **payloads.ikev2_algorithms(self.algorithms),
            **payloads.ikev2_routing(request.routing, request.enforce_routes, request.exclude_local_networks),
            **payloads.ikev2_on_demand(self.on_demand),
            "DeadPeerDetectionRate": DEAD_PEER_DETECTION[request.dead_peer_detection],
            **self.further,
        }

    def _chain_of(self, identity: Identity | Enrolment) -> Iterable[Certificate]:
        """CA certificates of the client, each once, and none that stands among the roots already."""
        known = {root.der for root in self.roots}
        return _sorted(each for each in [*self.chain, *identity.intermediates] if each.der not in known)

    def _routing_warnings(self) -> list[str]:
        request = self.request
        routes = set(_texts(request.settings, "routes"))
        to_all = "0.0.0.0/0" in routes or {"0.0.0.0/1", "128.0.0.0/1"} <= routes
        if request.routing == "full":
            if request.enable_internet_security is False:
                return [
                    "routing is full, but the gateway does not let its clients out to the internet, so that traffic is "
                    "lost: set enableInternetSecurity of its connection configuration to true, and a default route in "
                    "the hub, or routing to split."
                ]
            if to_all or request.enable_internet_security:
                return []
            return [
                "routing is full, but the package lists no default route: traffic to the internet is lost unless the "
                "hub advertises 0.0.0.0/0 to its point-to-site users."
            ]
        if to_all:
            return [
                "routing is split, but the package lists the default route, so the gateway takes all traffic (forced "
                "tunnelling): set routing to full if that is meant, or else enableInternetSecurity of the gateway's "
                "connection configuration to false, and download the package again."
            ]
        servers = self.dns["ServerAddresses"] if self.dns else _texts(request.settings, "dns_servers")
        if not servers or (self.dns or {}).get("SupplementalMatchDomains"):
            return []
        return [
            f"{'dns' if self.dns else 'The package'} names the DNS servers {', '.join(servers[:3])}, but a Mac does "
            "not ask them while routing is split and dns has no match_domains: set match_domains in dns to the domains "
            "that they know ('' stands for all), or routing to full."
        ]


def _in_apples_words(
    option: str, wish: Mapping[str, Any] | None, table: Mapping[str, Key], refused: Mapping[str, str]
) -> dict[str, Any]:
    """Keys that the user gives by Apple's names. ProfileError for one that has its place elsewhere, or none."""
    given = in_its_types(wish or {}, table)
    taken = [f"{name} ({reason})" for name, reason in refused.items() if name in given]
    if taken:
        raise ProfileError(f"{option} may not set {', '.join(taken)}.")
    return given


def _canonical(document: Mapping[str, Any]) -> str:
    """A digest of what a profile means, as against how it happens to be encoded.

    Password and challenge are left out altogether: everybody may see the UUID, and a digest over them would let them
    test guesses against it.
    """
    content = [payloads.without_private_part(payload) for payload in document["PayloadContent"]]
    try:
        written = plistlib.dumps({**document, "PayloadContent": content}, sort_keys=True)
    except (TypeError, ValueError, OverflowError):
        return ""  # no property list at all; the schema, which is asked next, says which key it is
    return hashlib.sha256(written).hexdigest()


def _checked(document: dict[str, Any], macos: str | None) -> list[str]:
    """The warnings of the schema; ProfileError when it finds errors."""
    problems = validate(document, macos)
    errors = [str(problem) for problem in problems if problem.level == "error"]
    if errors:
        more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
        raise ProfileError(f"A Mac would not take this profile: {'; '.join(errors[:3])}{more}.")
    return [f"{problem}." for problem in problems]


def _gateway_roots(settings: Mapping[str, Any]) -> list[Certificate]:
    roots = [
        certificate
        for root in _listed(settings, "gateway_roots")
        for certificate in certificates.read(_pem(root), _A_ROOT)
    ]
    if not roots:
        raise ProfileError(
            "The settings hold no gateway root, so a Mac could not tell the gateway from an impostor; download the "
            "profile package again."
        )
    return _sorted(roots)


def _pem(root: Any) -> bytes:
    return str(root.get("pem", "") if isinstance(root, Mapping) else "").encode("utf-8", "replace")


def _sorted(certificates: Iterable[Certificate]) -> list[Certificate]:
    """Each once, in an order that depends on nothing but the certificates."""
    return sorted({each.der: each for each in certificates}.values(), key=lambda each: each.sha256)


def _expired(roots: list[Certificate]) -> list[str]:
    """An expired root is said, never dropped: whoever dropped it silently would lock Macs out on a wrong clock."""
    now = datetime.now(UTC)
    return [
        f"The gateway root {root.subject} has expired on {utc_text(root.not_after)}; it is in the profile all the "
        "same. Download the profile package again to see whether Azure has replaced it."
        for root in roots
        if root.not_after <= now
    ]


def _host(name: str, value: Any) -> str:
    """A host name or an IP address."""
    text = str(value or "")
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not is_host_name(text):
            raise ProfileError(f"{name} must be a host name or an IP address, not {text!r}.") from None
    return text


def _texts(settings: Mapping[str, Any], name: str) -> list[str]:
    return [str(value) for value in _listed(settings, name)]


def _listed(settings: Mapping[str, Any], name: str) -> list[Any]:
    found = settings.get(name) or []
    if not isinstance(found, list):
        raise ProfileError(f"settings.{name} must be a list, as profile_package_info returns it.")
    return found
