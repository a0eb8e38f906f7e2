# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installed .mobileconfig as the Mac's IKEv2 client sees it.

Read from documented behaviour (apple/device-management, mdm/profiles: TopLevel, com.apple.vpn.managed,
com.apple.security.*); the code that writes profiles is not consulted. What a profile does not say gets Apple's default.
"""

from __future__ import annotations

import ipaddress
import plistlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.vwan.user_vpn.tests.lab.tunnel import algorithms
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError

_CERTIFICATE_PAYLOADS = ("com.apple.security.root", "com.apple.security.pkcs1", "com.apple.security.pem")
_DPD_MINUTES = {"None": 0, "Low": 30, "Medium": 10, "High": 1}
_TLS_VERSIONS = ("1.0", "1.1", "1.2")


class ProfileError(TunnelLabError):
    """macOS would not install this profile, or its client could not use it."""


@dataclass(frozen=True)
class SecurityAssociation:
    """One of the two algorithm dictionaries, with Apple's defaults filled in."""

    encryption: str = "AES-256"
    integrity: str = "SHA2-256"
    group: int = 14
    minutes: int = 1440


@dataclass(frozen=True)
class NativeProfile:
    """Everything the native client knows."""

    identifier: str
    name: str
    remote_address: str
    remote_identifier: str
    local_identifier: str
    server_name: str  # the name that must be in the server's certificate
    eap: bool
    client: Identity
    anchors: tuple[bytes, ...]  # self-signed certificates of the profile: trusted
    intermediates: tuple[bytes, ...]  # the others: they only help to build a chain
    ike: SecurityAssociation | None  # None: macOS offers its own list
    child: SecurityAssociation | None
    pfs: bool
    dpd_minutes: int
    mobike: bool
    redirect: bool
    mtu: int
    request_certificate: bool
    tls_minimum: str
    tls_maximum: str
    on_demand: bool
    on_demand_rules: tuple[Mapping[str, Any], ...]
    dns: Mapping[str, Any]

    @property
    def ike_proposals(self) -> list[str]:
        if self.ike is None:
            return list(algorithms.APPLE_DEFAULT_IKE)
        return [algorithms.apple_ike(self.ike.encryption, self.ike.integrity, self.ike.group)]

    @property
    def child_proposals(self) -> list[str]:
        """The first CHILD_SA never carries a group (RFC 7296, 1.2); with EnablePFS the rekeyings do."""
        child = self.child or self.ike  # the IKE set also serves the child SA when no child set is given
        if child is None:
            return list(algorithms.APPLE_DEFAULT_CHILD)
        return [algorithms.apple_child(child.encryption, child.integrity, child.group, pfs=self.pfs)]


Enrol = Callable[[Mapping[str, Any]], Identity]


def read_profile(data: bytes, enrol: Enrol | None = None) -> NativeProfile:
    """The one IKEv2 VPN of a profile. `data` is a property list, or one in CMS SignedData (a signed profile).

    `enrol` gets a certificate for the content of a SCEP payload.
    """
    payloads = _payloads(_plist(data))
    vpns = [payload for payload in payloads if payload.get("PayloadType") == "com.apple.vpn.managed"]
    if len(vpns) != 1 or vpns[0].get("VPNType") != "IKEv2":
        raise ProfileError("the profile must hold exactly one VPN payload of type IKEv2")
    vpn, ikev2 = vpns[0], vpns[0].get("IKEv2", {})
    certificates = [der for payload in payloads for der in _certificates(payload)]
    anchors = tuple(der for der in certificates if _is_self_signed(der))
    minimum, maximum = ikev2.get("TLSMinimumVersion", "1.0"), ikev2.get("TLSMaximumVersion", "1.2")
    if not {minimum, maximum} <= set(_TLS_VERSIONS):
        raise ProfileError("TLSMinimumVersion and TLSMaximumVersion are 1.0, 1.1 or 1.2")
    return NativeProfile(
        identifier=_plist(data)["PayloadIdentifier"],
        name=_required(vpn, "UserDefinedName"),
        remote_address=_required(ikev2, "RemoteAddress"),
        remote_identifier=_required(ikev2, "RemoteIdentifier"),
        local_identifier=_required(ikev2, "LocalIdentifier", may_be_empty=True),
        server_name=ikev2.get("ServerCertificateCommonName") or ikev2["RemoteIdentifier"],
        eap=_flag(ikev2, "ExtendedAuthEnabled"),
        client=_client_identity(ikev2, payloads, enrol),
        anchors=anchors,
        intermediates=tuple(der for der in certificates if der not in anchors),
        ike=_association(ikev2, "IKESecurityAssociationParameters"),
        child=_association(ikev2, "ChildSecurityAssociationParameters"),
        pfs=_flag(ikev2, "EnablePFS"),
        dpd_minutes=_DPD_MINUTES[ikev2.get("DeadPeerDetectionRate", "Medium")],
        mobike=not _flag(ikev2, "DisableMOBIKE"),
        redirect=not _flag(ikev2, "DisableRedirect"),
        mtu=int(ikev2.get("MTU", 1280)),
        request_certificate="ServerCertificateIssuerCommonName" in ikev2,
        tls_minimum=minimum,
        tls_maximum=maximum,
        on_demand=_flag(ikev2, "OnDemandEnabled"),
        on_demand_rules=tuple(ikev2.get("OnDemandRules", ())),
        dns=vpn.get("DNS", {}),
    )


def identity_of(name: str) -> str:
    """How an identifier goes onto the wire: an address, a user name with @, or (everything else) an FQDN.

    A distinguished name also goes out as FQDN text (strongSwan docs, interop/appleIkev2Profile).
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f"{'rfc822' if '@' in name else 'fqdn'}:{name}"
    return name


def _plist(data: bytes) -> dict[str, Any]:
    try:
        profile = plistlib.loads(data if data[:1] in b"<b" else _cms_content(data))
    except (ValueError, TypeError, plistlib.InvalidFileException) as error:
        raise ProfileError("this is no configuration profile") from error
    if not isinstance(profile, dict) or profile.get("PayloadType") != "Configuration":
        raise ProfileError("the top level of a profile has PayloadType Configuration")
    return profile


def _cms_content(data: bytes) -> bytes:
    from asn1crypto import cms

    content = cms.ContentInfo.load(data)["content"]["encap_content_info"]["content"]
    return bytes(content.native)


def _payloads(profile: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    payloads = profile.get("PayloadContent")
    if not isinstance(payloads, list):
        raise ProfileError("the profile has no PayloadContent")
    return payloads


def _certificates(payload: Mapping[str, Any]) -> list[bytes]:
    """The DER of a certificate payload (none for other payloads). Certificates inside a PKCS#12 are not used."""
    if payload.get("PayloadType") not in _CERTIFICATE_PAYLOADS:
        return []
    content = payload["PayloadContent"]
    if content.startswith(b"-----"):
        from cryptography.hazmat.primitives.serialization import Encoding

        return [certificate.public_bytes(Encoding.DER) for certificate in x509.load_pem_x509_certificates(content)]
    return [content]


def _is_self_signed(der: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject == certificate.issuer


def _client_identity(ikev2: Mapping[str, Any], payloads: list[Mapping[str, Any]], enrol: Enrol | None) -> Identity:
    """AuthenticationMethod Certificate: PayloadCertificateUUID names an identity payload of this very profile."""
    if ikev2.get("AuthenticationMethod") != "Certificate":
        raise ProfileError("the lab's Mac authenticates with AuthenticationMethod Certificate only")
    wanted = ikev2.get("PayloadCertificateUUID")
    found = [payload for payload in payloads if payload.get("PayloadUUID") == wanted]
    if wanted and len(found) == 1 and found[0].get("PayloadType") == "com.apple.security.scep" and enrol:
        return enrol(found[0]["PayloadContent"])
    if not wanted or len(found) != 1 or found[0].get("PayloadType") != "com.apple.security.pkcs12":
        raise ProfileError("The 'VPN Service' payload could not be installed: PayloadCertificateUUID does not resolve")
    try:
        password = found[0].get("Password", "").encode()
        key, certificate, _unused = pkcs12.load_key_and_certificates(found[0]["PayloadContent"], password)
    except ValueError as error:
        raise ProfileError("The 'VPN Service' payload could not be installed: the PKCS#12 does not open") from error
    if not isinstance(key, rsa.RSAPrivateKey) or certificate is None:
        raise ProfileError("the PKCS#12 must hold one certificate with its RSA key")
    return Identity(certificate, key)


def _association(ikev2: Mapping[str, Any], name: str) -> SecurityAssociation | None:
    given = ikev2.get(name)
    if given is None:
        return None
    default = SecurityAssociation()
    association = SecurityAssociation(
        encryption=given.get("EncryptionAlgorithm", default.encryption),
        integrity=given.get("IntegrityAlgorithm", default.integrity),
        group=given.get("DiffieHellmanGroup", default.group),
        minutes=given.get("LifeTimeInMinutes", default.minutes),
    )
    try:
        algorithms.apple_ike(association.encryption, association.integrity, association.group)
    except KeyError as error:
        raise ProfileError(f"{name} names {error.args[0]!r}, which macOS 26 does not know") from error
    if not 10 <= association.minutes <= 1440:
        raise ProfileError(f"{name} names a LifeTimeInMinutes outside 10 to 1440")
    return association


def _required(values: Mapping[str, Any], key: str, *, may_be_empty: bool = False) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise ProfileError(f"the VPN payload must have the text {key}")
    return value


def _flag(values: Mapping[str, Any], key: str) -> bool:
    """Booleans and the documented integers 0 and 1 are both in use."""
    return bool(values.get(key, 0))
