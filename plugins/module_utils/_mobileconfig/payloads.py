# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the payloads of a profile, one plain function each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._errors import shown
from .names import file_name, uuid_of

if TYPE_CHECKING:
    from .._x509.certificates import Certificate
    from .algorithms import Algorithms, Association
    from .identity import Identity
    from .on_demand import OnDemand
    from .scep import Enrolment

Payload = dict[str, Any]

ROOT = "com.apple.security.root"
CA = "com.apple.security.pkcs1"
IDENTITY = "com.apple.security.pkcs12"
SCEP = "com.apple.security.scep"
VPN = "com.apple.vpn.managed"

CLEARTEXT = "Cleartext"


def common(kind: str, identifier: str, display_name: str) -> Payload:
    """What every payload has; its UUID is made from its identifier, so the two move together."""
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": uuid_of(identifier),
        "PayloadDisplayName": display_name,
    }


def ca_certificate(kind: str, identifier: str, certificate: Certificate) -> Payload:
    """A certificate without a key: a gateway root (ROOT) or a CA of the client's chain (CA)."""
    name = shown(certificate.common_name or certificate.subject or "CA")
    return common(kind, f"{identifier}.{certificate.sha256}", name) | {
        "PayloadContent": certificate.der,
        "PayloadCertificateFileName": file_name(name, ".cer"),
    }


def client_identity(identifier: str, identity: Identity) -> Payload:
    """Certificate and key. All names move with the certificate: Macs have kept an old identity under an old name."""
    name = f"{identity.certificate.common_name} {identity.certificate.sha1[:8]}"
    return common(IDENTITY, f"{identifier}.{identity.certificate.sha256}", name) | {
        "PayloadContent": identity.pkcs12,
        "PayloadCertificateFileName": file_name(name, ".p12"),
        "Password": identity.password,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }


SIGNING = 1  # of "Key Usage"; encryption would be 4, and some CAs give either only (Apple schema)


def scep(identifier: str, enrolment: Enrolment) -> Payload:
    """The way to a certificate. Its names move with what it says, and with nothing else: a Mac that is given another
    one enrols anew. The challenge does not count: it only lets in who has no certificate yet."""
    content: Payload = {
        "URL": enrolment.url,
        "Subject": [[list(pair) for pair in part] for part in enrolment.subject],
        "Keysize": enrolment.key_size,
        "Key Type": "RSA",
        "Key Usage": SIGNING,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }
    further = {
        "Name": enrolment.name,
        "CAFingerprint": enrolment.fingerprint,
        "SubjectAltName": enrolment.alternative_name,
    }
    content |= {key: value for key, value in further.items() if value}
    name = f"{identifier}.{uuid_of(repr(sorted(content.items())))}"
    secret = {"Challenge": enrolment.challenge} if enrolment.challenge else {}
    return common(SCEP, name, f"SCEP {enrolment.common_name}") | {"PayloadContent": content | secret}


def without_private_part(payload: Payload) -> Payload:
    """A payload as everybody may know it. PKCS#12 bytes are salted anew at each packing, so the certificate stands in
    for them."""
    if payload["PayloadType"] == IDENTITY:
        fingerprint = payload["PayloadIdentifier"].rpartition(".")[2]
        return {key: value for key, value in payload.items() if key != "Password"} | {"PayloadContent": fingerprint}
    if payload["PayloadType"] == SCEP:
        content = {key: value for key, value in payload["PayloadContent"].items() if key != "Challenge"}
        return payload | {"PayloadContent": content}
    return payload


def vpn(identifier: str, name: str, ikev2: Payload, dns: Payload | None, proxies: Payload) -> Payload:
    """The connection as System Settings shows it. Its names never move, so that it is updated in place."""
    payload = common(VPN, identifier, name) | {"VPNType": "IKEv2", "UserDefinedName": name, "IKEv2": ikev2}
    return payload | {key: value for key, value in (("DNS", dns), ("Proxies", proxies)) if value}


def ikev2_addresses(address: str, remote_identifier: str, local_identifier: str) -> Payload:
    return {
        "RemoteAddress": address,
        "RemoteIdentifier": remote_identifier,
        "LocalIdentifier": local_identifier,
    }


def ikev2_authentication(
    method: str, identity_uuid: str, server_name: str | None, server_issuer: str | None
) -> Payload:
    """Plain certificate authentication, or EAP-TLS with the same certificate.

    CertificateType stays away: its default is RSA, and naming it would make ServerCertificateIssuerCommonName
    mandatory and bind the gateway's signature too (Apple schema).
    """
    keys: Payload = {
        "AuthenticationMethod": "Certificate",
        "PayloadCertificateUUID": identity_uuid,
        "ExtendedAuthEnabled": int(method == "eap_tls"),
    }
    if method == "eap_tls":
        keys["TLSMinimumVersion"] = "1.2"
    if server_name:
        keys["ServerCertificateCommonName"] = server_name
    if server_issuer:
        keys["ServerCertificateIssuerCommonName"] = server_issuer
    return keys


def ikev2_algorithms(choice: Algorithms) -> Payload:
    """Both dictionaries in full: a Mac then proposes exactly this, on every macOS and at every rekey."""
    return {
        "IKESecurityAssociationParameters": _association(choice.ike),
        "ChildSecurityAssociationParameters": _association(choice.child),
        "EnablePFS": int(choice.pfs),
    }


def _association(association: Association) -> Payload:
    return {
        "EncryptionAlgorithm": association.encryption,
        "IntegrityAlgorithm": association.integrity,
        "DiffieHellmanGroup": association.dh_group,
        "LifeTimeInMinutes": association.lifetime_minutes,
    }


def ikev2_routing(routing: str, enforce_routes: bool, exclude_local_networks: bool) -> Payload:
    """`split` leaves the routes to the gateway's traffic selectors; `full` sends everything into the tunnel."""
    keys: Payload = {"IncludeAllNetworks": int(routing == "full")}
    if enforce_routes:
        keys["EnforceRoutes"] = 1
    if routing == "full" or exclude_local_networks:
        keys["ExcludeLocalNetworks"] = int(exclude_local_networks)
    return keys


def ikev2_on_demand(on_demand: OnDemand) -> Payload:
    if not on_demand.rules:
        return {"OnDemandEnabled": 0}
    return {"OnDemandEnabled": int(on_demand.enabled), "OnDemandRules": list(on_demand.rules)}


def dns(wish: Mapping[str, Any], gateway_servers: list[str]) -> Payload | None:
    """The DNS dictionary, or None when nothing is wished for; ServerAddresses is mandatory in it (Apple schema)."""
    given = {key: value for key, value in wish.items() if value not in (None, [], "", False, CLEARTEXT)}
    if not given:
        return None
    keys: Payload = {
        "DNSProtocol": given.get("protocol", CLEARTEXT),
        "ServerAddresses": list(given.get("servers") or gateway_servers),
    }
    for option, key in (("domain_name", "DomainName"), ("server_url", "ServerURL"), ("server_name", "ServerName")):
        if option in given:
            keys[key] = given[option]
    if given.get("search_domains"):
        keys["SearchDomains"] = list(given["search_domains"])
    if given.get("match_domains"):
        keys["SupplementalMatchDomains"] = list(given["match_domains"])
        keys["SupplementalMatchDomainsNoSearch"] = int(bool(given.get("match_domains_only")))
    return keys
