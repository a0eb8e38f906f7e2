# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What macOS does with a configuration profile: reads it, checks it, and takes it in or says why not.

Written from Apple's schema (apple/device-management, mdm/profiles: TopLevel, CommonPayloadKeys, com.apple.vpn.managed,
com.apple.security.*), edition of macOS 26, Apple's reference of macOS 27, and from public reports of what fails at
install. It shares no code with the collection: plists are read with plistlib, CMS and PKCS#12 with asn1crypto, keys are
opened with cryptography.

Unknown keys do not stop macOS. They are put into `mac.refusals`, because a key outside the schema is a mistake here.
"""

from __future__ import annotations

import dataclasses
import functools
import plistlib
import uuid
from typing import TYPE_CHECKING, Any

from asn1crypto import cms, pkcs12
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12 as pkcs12_keys
from cryptography.x509 import load_der_x509_certificate

from . import keychain

if TYPE_CHECKING:
    from .mac import Mac

VPN = "com.apple.vpn.managed"
PKCS12 = "com.apple.security.pkcs12"
ROOTS = ("com.apple.security.root", "com.apple.security.pkcs1", "com.apple.security.pem")
ENROLLED = ("com.apple.security.scep", "com.apple.security.acme")

# macOS says this of a service it cannot make, whatever the reason (trailofbits/algo issues 168, 1191, 14368).
NO_VPN = "The \u2018VPN Service\u2019 payload could not be installed. The VPN service could not be created."


class IngestionError(Exception):
    """macOS does not install the profile. The text is what the person sees, then what the lab knows of the reason."""

    def __init__(self, shown: str, reason: str) -> None:
        super().__init__(f"{shown} [{reason}]")
        self.shown, self.reason = shown, reason


def uuid_of(name: str) -> str:
    """A stable upper-case UUID for a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).upper()


# -- the schema -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of a payload: its kind, whether it must be there, its values, the first macOS that knows it."""

    kind: str
    required: bool = False
    values: tuple[Any, ...] = ()
    low: int | None = None
    high: int | None = None
    since: tuple[int, int] = (0, 0)


def _flags(*names: str, since: tuple[int, int] = (0, 0)) -> dict[str, Key]:
    return {name: Key("flag", since=since) for name in names}


def _booleans(*names: str) -> dict[str, Key]:
    return {name: Key("boolean") for name in names}


TOP = {
    "PayloadType": Key("string", True, ("Configuration",)),
    "PayloadVersion": Key("integer", True, (1,)),
    "PayloadIdentifier": Key("string", True),
    "PayloadUUID": Key("string", True),
    "PayloadContent": Key("array", True),
    "PayloadDisplayName": Key("string"),
    "PayloadDescription": Key("string"),
    "PayloadOrganization": Key("string"),
    "PayloadScope": Key("string", values=("System", "User")),
    **_booleans("PayloadRemovalDisallowed"),
    "RemovalDate": Key("date"),
    "DurationUntilRemoval": Key("real"),
    "PayloadExpirationDate": Key("date"),
    "TargetDeviceType": Key("integer", low=0, high=6),
    "ConsentText": Key("dictionary"),
}
COMMON = {
    "PayloadType": Key("string", True),
    "PayloadVersion": Key("integer", True, (1,)),
    "PayloadIdentifier": Key("string", True),
    "PayloadUUID": Key("string", True),
    "PayloadDisplayName": Key("string"),
    "PayloadDescription": Key("string"),
    "PayloadOrganization": Key("string"),
}
CERTIFICATE = {"PayloadContent": Key("data", True), "PayloadCertificateFileName": Key("string")}
PAYLOADS: dict[str, dict[str, Key]] = {
    PKCS12: {
        **CERTIFICATE,
        "Password": Key("string"),
        **_booleans("AllowAllAppsAccess", "KeyIsExtractable"),
    },
    **dict.fromkeys(ROOTS, CERTIFICATE),
    **{name: {"PayloadContent": Key("dictionary", True)} for name in ENROLLED[:1]},
    "com.apple.security.acme": {
        "DirectoryURL": Key("string", True),
        "ClientIdentifier": Key("string", True),
        "KeyType": Key("string", True, ("RSA", "ECSECPrimeRandom")),
        "KeySize": Key("integer", True),
        "HardwareBound": Key("boolean", True),
        "Subject": Key("array", True),
        "SubjectAltName": Key("dictionary"),
        "UsageFlags": Key("integer"),
        "ExtendedKeyUsage": Key("array"),
        **_booleans("Attest", "KeyIsExtractable", "AllowAllAppsAccess"),
    },
    VPN: {
        "VPNType": Key("string", True, ("VPN", "L2TP", "IPSec", "IKEv2", "AlwaysOn", "TransparentProxy")),
        "VPNSubType": Key("string"),
        "UserDefinedName": Key("string", True),
        "VendorConfig": Key("dictionary"),
        "IKEv2": Key("dictionary"),
        "DNS": Key("dictionary"),
        "Proxies": Key("dictionary"),
        "IPv4": Key("dictionary"),
    },
}
IKEV2 = {
    "RemoteAddress": Key("string", True),
    "RemoteIdentifier": Key("string", True),
    "LocalIdentifier": Key("string", True),
    "AuthenticationMethod": Key("string", True, ("None", "SharedSecret", "Certificate")),
    "PayloadCertificateUUID": Key("string"),
    "CertificateType": Key("string", values=("RSA", "ECDSA256", "ECDSA384", "ECDSA521", "RSA-PSS")),
    "ServerCertificateIssuerCommonName": Key("string"),
    "ServerCertificateCommonName": Key("string"),
    "AuthName": Key("string"),
    "AuthPassword": Key("string"),
    "SharedSecret": Key("string"),
    "Password": Key("string"),
    "TLSMinimumVersion": Key("string", values=("1.0", "1.1", "1.2", "1.3")),
    "TLSMaximumVersion": Key("string", values=("1.0", "1.1", "1.2", "1.3")),
    "OnDemandRules": Key("array"),
    "DeadPeerDetectionRate": Key("string", values=("None", "Low", "Medium", "High")),
    "DisconnectOnIdleTimer": Key("integer", low=0),
    "NATKeepAliveInterval": Key("integer", low=20),
    "MTU": Key("integer", low=1280, high=1400, since=(11, 0)),
    "PPK": Key("data", since=(15, 0)),
    "PPKIdentifier": Key("string", since=(15, 0)),
    "IKESecurityAssociationParameters": Key("dictionary"),
    "ChildSecurityAssociationParameters": Key("dictionary"),
    **_flags(
        "ExtendedAuthEnabled", "EnableCertificateRevocationCheck", "OnDemandEnabled", "DisableMOBIKE",
        "DisableRedirect", "UseConfigurationAttributeInternalIPSubnet", "DisconnectOnIdle",
        "NATKeepAliveOffloadEnable", "EnablePFS", "IncludeAllNetworks", "ExcludeLocalNetworks",
    ),
    **_flags("EnforceRoutes", since=(11, 0)),
    **_flags("ExcludeCellularServices", "ExcludeAPNs", since=(13, 3)),
    **_flags("ExcludeDeviceCommunication", since=(14, 4)),
    **_flags("PPKMandatory", since=(15, 0)),
    **_flags("EnforceStrictAlgorithmSelection", since=(15, 5)),
    **_flags("AllowPostQuantumKeyExchangeFallback", since=(26, 0)),
}  # fmt: skip
ENCRYPTION = ("DES", "3DES", "AES-128", "AES-256", "AES-128-GCM", "AES-256-GCM", "ChaCha20Poly1305")
INTEGRITY = ("SHA1-96", "SHA1-160", "SHA2-256", "SHA2-384", "SHA2-512")
GROUPS = (1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 31, 32)
ASSOCIATION = {
    "EncryptionAlgorithm": Key("string", values=ENCRYPTION),
    "IntegrityAlgorithm": Key("string", values=INTEGRITY),
    "DiffieHellmanGroup": Key("integer", values=GROUPS),
    "LifeTimeInMinutes": Key("integer", low=10, high=1440),
    "PostQuantumKeyExchangeMethods": Key("array", since=(26, 0)),
}
REMOVED_IN_26 = ("DES", "3DES", "SHA1-96", "SHA1-160", 1, 2, 5)
# Strength of a cipher in bits, for EnforceStrictAlgorithmSelection; whether CBC counts as weaker than GCM at the same
# key length is not documented, so it does not here.
BITS = {"DES": 56, "3DES": 112, "AES-128": 128, "AES-128-GCM": 128}
DNS = {
    "DNSProtocol": Key("string", True, ("Cleartext", "HTTPS", "TLS")),
    "ServerAddresses": Key("array", True),
    "SearchDomains": Key("array"),
    "DomainName": Key("string"),
    "SupplementalMatchDomains": Key("array"),
    "SupplementalMatchDomainsNoSearch": Key("flag"),
    "ServerURL": Key("string"),
    "ServerName": Key("string"),
    "PayloadCertificateUUID": Key("string", since=(13, 0)),
}
RULE = {
    "Action": Key("string", True, ("Connect", "Disconnect", "EvaluateConnection", "Ignore", "Allow")),
    "ActionParameters": Key("array"),
    "DNSDomainMatch": Key("array"),
    "DNSServerAddressMatch": Key("array"),
    "InterfaceTypeMatch": Key("string", values=("Ethernet", "WiFi", "Cellular")),
    "SSIDMatch": Key("array"),
    "URLStringProbe": Key("string"),
}
PARAMETER = {
    "Domains": Key("array", True),
    "DomainAction": Key("string", True, ("ConnectIfNeeded", "NeverConnect")),
    "RequiredDNSServers": Key("array"),
    "RequiredURLStringProbe": Key("string"),
}
PROXIES = {
    "ProxyAutoConfigURLString": Key("string"),
    "HTTPProxy": Key("string"),
    "HTTPPort": Key("integer", low=0, high=65535),
    "HTTPProxyUsername": Key("string"),
    "HTTPProxyPassword": Key("string"),
    "HTTPSProxy": Key("string"),
    "HTTPSPort": Key("integer", low=0, high=65535),
    "SupplementalMatchDomains": Key("array"),
    **_flags("ProxyAutoConfigEnable", "ProxyAutoDiscoveryEnable", "HTTPEnable", "HTTPSEnable"),
}


def _is(value: Any, kind: str) -> bool:
    if kind in ("flag", "boolean"):  # both forms are in use in working profiles
        return isinstance(value, bool) or value in (0, 1)
    if kind == "integer":  # trailofbits/algo writes <real>1</real> for a version
        return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)
    kinds: dict[str, Any] = {"string": str, "array": list, "dictionary": dict, "data": bytes, "real": int | float}
    return isinstance(value, kinds[kind]) if kind in kinds else hasattr(value, "isoformat")


class _Check:
    """Checks dictionaries against tables of keys, for one Mac."""

    def __init__(self, mac: Mac) -> None:
        self.mac = mac

    def keys(self, found: dict[str, Any], table: dict[str, Key], where: str, shown: str) -> None:
        """Check required keys, kinds, values; note unknown keys. A key newer than this macOS is ignored."""
        for name, key in table.items():
            if name not in found:
                if key.required:
                    raise IngestionError(shown, f"{where}: {name} is missing")
                continue
            if key.since <= self.mac.release.number:
                self._value(found[name], key, f"{where}: {name}", shown)
            if key.kind in ("flag", "boolean") and isinstance(found[name], bool) != (key.kind == "boolean"):
                self.mac.refused(["profile", where, name], "Apple's schema has this flag in the other type")
        for name in found.keys() - table.keys():
            self.mac.refused(["profile", where, name], "this key is not in Apple's schema")

    @staticmethod
    def _value(value: Any, key: Key, where: str, shown: str) -> None:
        if not _is(value, key.kind):
            raise IngestionError(shown, f"{where} is not of type {key.kind}")
        if key.values and value not in key.values:
            raise IngestionError(shown, f"{where} may not be {value!r}")
        if (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
            raise IngestionError(shown, f"{where} is out of range: {value}")


# -- reading --------------------------------------------------------------------------------------------------------


def open_profile(mac: Mac, raw: bytes) -> tuple[dict[str, Any], str]:
    """Return a profile's dictionary and 'verified' or 'unsigned'; IngestionError if it is no profile."""
    shown = "The profile could not be read." if mac.release.pane_by_path else "Invalid Profile"
    plain, verification = (raw, "unsigned") if _looks_like_plist(raw) else _signed(mac, raw, shown)
    try:
        content = plistlib.loads(plain)
    except Exception as error:
        raise IngestionError(shown, f"not a property list: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise IngestionError(shown, "not a dictionary")
    check = _Check(mac)
    check.keys(content, TOP, "profile", shown)
    for payload in content["PayloadContent"]:
        if not isinstance(payload, dict):
            raise IngestionError(shown, "a payload is not a dictionary")
        kind = payload.get("PayloadType")
        if kind not in PAYLOADS:
            raise IngestionError(shown, f"the lab knows no payload {kind!r}")
        check.keys(payload, {**COMMON, **PAYLOADS[kind]}, str(kind), shown)
    for name in ("PayloadUUID", "PayloadIdentifier"):
        values = [content[name], *(payload[name] for payload in content["PayloadContent"])]
        if len(set(values)) != len(values):
            raise IngestionError(shown, f"{name} is not unique in the profile")
    return content, verification


def _looks_like_plist(raw: bytes) -> bool:
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<!DOCTYPE", b"<plist", b"bplist00"))


def _signed(mac: Mac, raw: bytes, shown: str) -> tuple[bytes, str]:
    """Unwrap CMS SignedData. A signer whose chain this Mac does not trust leaves the profile 'unsigned'."""
    try:
        plain, signer, others = unwrap(raw)
    except (ValueError, TypeError, KeyError, InvalidSignature) as error:
        raise IngestionError(shown, f"neither a property list nor a good CMS signature: {error}") from error
    pool = [*others, *(item for items in mac.keychains.values() for item in items)]
    trusted = set().union(*mac.trusted.values())
    return plain, "verified" if keychain.verdict(signer, pool, trusted, "basic") is None else "unsigned"


def unwrap(raw: bytes) -> tuple[bytes, keychain.Item, list[keychain.Item]]:
    """Return content, signer and all certificates of CMS SignedData whose signature is good; ValueError otherwise."""
    outer = cms.ContentInfo.load(raw, strict=True)
    if outer["content_type"].native != "signed_data":
        raise ValueError("not signed data")
    signed = outer["content"]
    plain = signed["encap_content_info"]["content"].native
    pool = [keychain.Item(choice.chosen.dump()) for choice in signed["certificates"]]
    info = signed["signer_infos"][0]
    wanted = info["sid"].chosen
    serial = wanted["serial_number"].native
    signer = next(item for item in pool if item.certificate.serial_number == serial)
    algorithms: dict[str, hashes.HashAlgorithm] = {
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    algorithm = algorithms[info["digest_algorithm"]["algorithm"].native]
    data = plain
    if info["signed_attrs"]:
        digest = hashes.Hash(algorithm)
        digest.update(plain)
        attributes = {attribute["type"].native: attribute["values"] for attribute in info["signed_attrs"]}
        if attributes["message_digest"][0].native != digest.finalize():
            raise ValueError("the message digest is wrong")
        data = info["signed_attrs"].untag().dump()
    key = load_der_x509_certificate(signer.der).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("the lab checks RSA signatures only")
    key.verify(info["signature"].native, data, padding.PKCS1v15(), algorithm)
    return plain, signer, pool


def scope(content: dict[str, Any], source: str) -> str:
    """Return 'System' or 'User'.

    Absent means User by hand (ProfileCreator/ProfileManifests Configuration.plist); a device channel installs for the
    device.
    """
    return str(content.get("PayloadScope", "User" if source == "manual" else "System"))


# -- taking in ------------------------------------------------------------------------------------------------------


def ingest(mac: Mac, content: dict[str, Any], source: str) -> list[tuple[keychain.Item, dict[str, Any]]]:
    """Return what the profile's certificate payloads put into the keychain; IngestionError with macOS's text if not."""
    payloads = content["PayloadContent"]
    items = [
        (_certificate(mac, payload), payload) for payload in payloads if payload["PayloadType"] in (PKCS12, *ROOTS)
    ]
    identities = {payload["PayloadUUID"] for item, payload in items if item.key}
    identities |= {payload["PayloadUUID"] for payload in payloads if payload["PayloadType"] in ENROLLED}
    for payload in payloads:
        if payload["PayloadType"] == VPN:
            _vpn(mac, content, payload, identities, source)
    scep = [payload for payload in payloads if payload["PayloadType"] == ENROLLED[0]]
    # At each installation anew, also of the same profile (fleetdm/fleet#42757).
    return [*items, *((mac.enrol(payload["PayloadContent"]), payload) for payload in scep if mac.enrol)]


def _certificate(mac: Mac, payload: dict[str, Any]) -> keychain.Item:
    name = payload.get("PayloadDisplayName", payload["PayloadIdentifier"])
    shown = f"The \u2018{name}\u2019 payload could not be installed."
    if payload["PayloadType"] == PKCS12:
        return _identity(mac, payload, shown)
    data = payload["PayloadContent"]
    is_pem = data.lstrip().startswith(b"-----BEGIN")
    if is_pem != (payload["PayloadType"] == ROOTS[2]):
        raise IngestionError(shown, f"{payload['PayloadType']} holds the wrong one of PEM and DER")
    try:
        found = keychain.certificates(data)
    except ValueError as error:
        raise IngestionError(shown, f"no certificate: {error}") from error
    if len(found) != 1:
        raise IngestionError(shown, "more than one certificate")
    return keychain.Item(found[0])


def _identity(mac: Mac, payload: dict[str, Any], shown: str) -> keychain.Item:
    """Open a PKCS#12 payload.

    A closed part of macOS. Documented: one certificate only (com.apple.security.pkcs12.yaml); reported: what OpenSSL 3
    writes by default fails as a wrong password (trailofbits/algo 14558, hwdsl2/setup-ipsec-vpn 1580), so does an empty
    password (zeroc-ice/ice 6489). Whether 15 and later take PBES2 here is unknown, so the lab refuses it everywhere.
    """
    password = payload.get("Password", "")
    try:
        facts = pkcs12_facts(payload["PayloadContent"])
    except (ValueError, TypeError) as error:
        raise IngestionError(shown, f"not PKCS#12: {error}") from error
    if not password or not password.isascii():
        raise IngestionError(shown, "the password is empty or not ASCII")
    if facts.modern:
        raise IngestionError(NO_VPN, f"wrong password: this PKCS#12 uses {facts.modern}")
    try:
        item = open_pkcs12(payload["PayloadContent"], password)
    except ValueError as error:
        raise IngestionError(NO_VPN, f"wrong password: {error}") from error
    if facts.certificates > 1 or len(item) > 1:
        # iOS refuses, a Mac took it (trailofbits/algo 828): against the schema, so on record.
        mac.refused(["profile", PKCS12], "the PKCS#12 holds more than one certificate")
    leaf = item[0]
    leaf.access = ("*",) if payload.get("AllowAllAppsAccess") else keychain.VPN_PROVIDERS
    leaf.extractable = bool(payload.get("KeyIsExtractable", True))
    return leaf


@dataclasses.dataclass(frozen=True)
class Pkcs12Facts:
    """How a PKCS#12 file is protected: '' for the legacy form, else the name of the newer algorithm in it."""

    modern: str
    pbes2: tuple[str, ...]
    mac: str
    certificates: int


def pkcs12_facts(data: bytes) -> Pkcs12Facts:
    """Read the algorithms of a PKCS#12 file without its password. Source of the legacy set: Security 59754 to 61123."""
    pfx = pkcs12.Pfx.load(data, strict=True)
    digest = pfx["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native if pfx["mac_data"] else "none"
    schemes: list[str] = []
    kdfs: list[str] = []
    count = 0

    def scheme(algorithm: Any) -> None:
        name = algorithm["algorithm"].native
        schemes.append(name)
        if name == "pbes2":
            parameters = algorithm["parameters"]
            kdf = parameters["key_derivation_func"]
            prf = kdf["parameters"]["prf"]["algorithm"].native if kdf["algorithm"].native == "pbkdf2" else "?"
            kdfs.append(f"{parameters['encryption_scheme']['algorithm'].native}/{kdf['algorithm'].native}/{prf}")

    for part in pfx.authenticated_safe:
        if part["content_type"].native == "encrypted_data":
            scheme(part["content"]["encrypted_content_info"]["content_encryption_algorithm"])
            continue
        for bag in pkcs12.SafeContents.load(part["content"].native):
            if bag["bag_id"].native == "pkcs8_shrouded_key_bag":
                scheme(bag["bag_value"]["encryption_algorithm"])
            count += bag["bag_id"].native == "cert_bag"
    legacy = all(name.startswith(("pkcs12_sha1_", "pkcs12_pbe")) or name.startswith("pkcs12") for name in schemes)
    modern = "" if legacy and digest == "sha1" else ", ".join([*kdfs, f"a MAC with {digest}"])
    return Pkcs12Facts(modern, tuple(kdfs), digest, count)


def open_pkcs12(data: bytes, password: str) -> list[keychain.Item]:
    """Return leaf (with its key) and other certificates of a PKCS#12 file; ValueError for a wrong password."""
    return [dataclasses.replace(item) for item in _open_pkcs12(data, password)]


@functools.lru_cache(maxsize=64)  # checking an RSA key takes longer than all the rest of a profile
def _open_pkcs12(data: bytes, password: str) -> list[keychain.Item]:
    store = pkcs12_keys.load_pkcs12(data, password.encode("utf-8"))
    if store.key is None or store.cert is None:
        raise ValueError("no identity in it")
    der = serialization.Encoding.DER
    key = store.key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    leaf = keychain.Item(store.cert.certificate.public_bytes(der), key)
    return [leaf, *(keychain.Item(more.certificate.public_bytes(der)) for more in store.additional_certs)]


def _vpn(mac: Mac, content: dict[str, Any], payload: dict[str, Any], identities: set[str], source: str) -> None:
    check = _Check(mac)
    if payload["VPNType"] == "AlwaysOn":
        raise IngestionError(NO_VPN, "VPNType AlwaysOn is not for macOS (trailofbits/algo 14368)")
    if payload["VPNType"] != "IKEv2":
        raise IngestionError(NO_VPN, "the lab knows IKEv2 only")
    if payload.get("VPNSubType"):
        raise IngestionError(NO_VPN, "IKEv2 takes no VPNSubType")
    if mac.release.needs_payload_scope and source == "manual" and "PayloadScope" not in content:
        raise IngestionError(NO_VPN, "PayloadScope is missing (paulmillr/encrypted-dns 190, 26.1 and later)")
    ikev2 = payload.get("IKEv2")
    if not isinstance(ikev2, dict):
        raise IngestionError(NO_VPN, "the dictionary IKEv2 is missing")
    check.keys(ikev2, IKEV2, "IKEv2", NO_VPN)
    for name in ("IKESecurityAssociationParameters", "ChildSecurityAssociationParameters"):
        _association(mac, ikev2.get(name, {}), name)
    _authentication(mac, ikev2, identities)
    _on_demand(check, ikev2)
    if mac.release.strict_algorithms and ikev2.get("EnforceStrictAlgorithmSelection"):
        _strict(ikev2)
    if ("PPK" in ikev2) != ("PPKIdentifier" in ikev2):
        raise IngestionError(NO_VPN, "PPK and PPKIdentifier belong together")
    if "DNS" in payload:
        _dns(check, payload["DNS"])
    if "Proxies" in payload:
        _proxies(check, payload["Proxies"])
    if "IPv4" in payload:
        check.keys(payload["IPv4"], _flags("OverridePrimary"), "IPv4", NO_VPN)


def _association(mac: Mac, found: dict[str, Any], where: str) -> None:
    _Check(mac).keys(found, ASSOCIATION, where, NO_VPN)
    for name in ("EncryptionAlgorithm", "IntegrityAlgorithm", "DiffieHellmanGroup"):
        if mac.release.weak_algorithms_removed and found.get(name) in REMOVED_IN_26:
            raise IngestionError(NO_VPN, f"{where}: {name} {found[name]} was removed in macOS 26")


def _authentication(mac: Mac, ikev2: dict[str, Any], identities: set[str]) -> None:
    eap = bool(ikev2.get("ExtendedAuthEnabled"))
    versions = {ikev2.get(name) for name in ("TLSMinimumVersion", "TLSMaximumVersion")}
    if "1.3" in versions and not mac.release.eap_tls_1_3:
        raise IngestionError(NO_VPN, "TLS 1.3 is in no schema before macOS 27")
    reference = ikev2.get("PayloadCertificateUUID")
    if reference is not None and reference not in identities:
        raise IngestionError(NO_VPN, "PayloadCertificateUUID names no identity of this profile (trailofbits/algo 168)")
    if ikev2["AuthenticationMethod"] == "Certificate" and reference is None:
        raise IngestionError(NO_VPN, "AuthenticationMethod Certificate without PayloadCertificateUUID")
    if eap and ikev2["AuthenticationMethod"] == "None" and reference is None and "AuthName" not in ikev2:
        raise IngestionError(NO_VPN, "EAP without identity or AuthName")
    if "CertificateType" in ikev2 and "ServerCertificateIssuerCommonName" not in ikev2:
        # The schema asks for it; a Mac did not enforce it (jim-lake/VPNStatus, macOS 26).
        mac.refused(["profile", "IKEv2"], "CertificateType without ServerCertificateIssuerCommonName")
    if not eap:
        for name in ("AuthName", "AuthPassword", "TLSMinimumVersion", "TLSMaximumVersion"):
            if name in ikev2:
                mac.refused(["profile", "IKEv2", name], "an EAP key without ExtendedAuthEnabled")


def _on_demand(check: _Check, ikev2: dict[str, Any]) -> None:
    rules = ikev2.get("OnDemandRules", [])
    if rules and not ikev2.get("OnDemandEnabled"):
        check.mac.refused(["profile", "OnDemandRules"], "OnDemandRules without OnDemandEnabled")
    for rule in rules:
        check.keys(rule, RULE, "OnDemandRules", NO_VPN)
        if ("ActionParameters" in rule) != (rule["Action"] == "EvaluateConnection"):
            raise IngestionError(NO_VPN, "ActionParameters belong to EvaluateConnection")
        for parameter in rule.get("ActionParameters", []):
            check.keys(parameter, PARAMETER, "ActionParameters", NO_VPN)
            if parameter["DomainAction"] != "ConnectIfNeeded" and len(parameter) > 2:
                raise IngestionError(NO_VPN, "RequiredDNSServers and probes belong to ConnectIfNeeded")


def _strict(ikev2: dict[str, Any]) -> None:
    """EnforceStrictAlgorithmSelection: no DES, 3DES, group below 14, no IKE cipher weaker than the child's."""
    ike = ikev2.get("IKESecurityAssociationParameters", {})
    child = ikev2.get("ChildSecurityAssociationParameters", ike)
    for found in (ike, child):
        if found.get("EncryptionAlgorithm") in {"DES", "3DES"} or found.get("DiffieHellmanGroup", 14) < 14:
            raise IngestionError(NO_VPN, "EnforceStrictAlgorithmSelection refuses these algorithms")
    strength = [BITS.get(found.get("EncryptionAlgorithm", "AES-256"), 256) for found in (ike, child)]
    if strength[0] < strength[1]:
        raise IngestionError(NO_VPN, "EnforceStrictAlgorithmSelection: the IKE cipher is weaker than the child's")


def _dns(check: _Check, dns: dict[str, Any]) -> None:
    check.keys(dns, DNS, "DNS", NO_VPN)
    wanted = {"HTTPS": "ServerURL", "TLS": "ServerName"}.get(dns["DNSProtocol"])
    if wanted and wanted not in dns:
        raise IngestionError(NO_VPN, f"DNSProtocol {dns['DNSProtocol']} needs {wanted}")
    if not dns.get("ServerURL", "https://").startswith("https://"):
        raise IngestionError(NO_VPN, "ServerURL needs the scheme https")


def _proxies(check: _Check, proxies: dict[str, Any]) -> None:
    check.keys(proxies, PROXIES, "Proxies", NO_VPN)
    for name in ("HTTP", "HTTPS"):
        if f"{name}Proxy" in proxies and f"{name}Port" not in proxies:
            raise IngestionError(NO_VPN, f"{name}Proxy needs {name}Port")
