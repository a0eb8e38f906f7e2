# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the rules a profile must keep before it is written.

The tables say, for every key this collection may write, what Apple's schema allows (apple/device-management,
mdm/profiles: TopLevel, CommonPayloadKeys, com.apple.security.root, .pkcs1, .pkcs12, .scep, com.apple.vpn.managed;
edition of macOS 26, and Apple's reference of macOS 27 for what has come since). A key that is not in a table is an
error: a Mac would ignore it without a word. Below the tables stand the combinations that no table can express.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .errors import ProfileError

OLDEST_MACOS = "11.0"
LONGEST_TEXT = 4000


@dataclass(frozen=True)
class Key:
    """What one key may hold.

    `since`: first macOS that reads it. `gone`: values that were legal once, with the first macOS without them; `new`:
    those that became legal, with the macOS in whose edition of the schema they first stand. `keys`: the table of a
    dictionary. `items`: what each element of an array is. `lines`: a text that may have several.
    """

    kind: type
    required: bool = False
    values: tuple[Any, ...] = ()
    low: int | None = None
    high: int | None = None
    since: str = ""
    gone: Mapping[Any, str] = field(default_factory=dict)
    new: Mapping[Any, str] = field(default_factory=dict)
    keys: Mapping[str, Key] | None = None
    items: Key | None = None
    lines: bool = False


@dataclass(frozen=True)
class Problem:
    """One broken rule. `level`: "error" (the Mac would refuse or misread it) or "warning" (legal, but unwise)."""

    level: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


TEXT = Key(str)
TEXTS = Key(list, items=TEXT)
FLAG = Key(int, values=(0, 1))
PORT = Key(int, low=0, high=65535)
_LARGEST = 2**31 - 1
_TLS_VERSION = Key(str, values=("1.0", "1.1", "1.2", "1.3"), new={"1.3": "27.0"})

# --- every payload (CommonPayloadKeys) ---------------------------------------------------------------------------
COMMON: dict[str, Key] = {
    "PayloadType": Key(str, required=True),
    "PayloadVersion": Key(int, required=True, values=(1,)),
    "PayloadIdentifier": Key(str, required=True),
    "PayloadUUID": Key(str, required=True),
    "PayloadDisplayName": TEXT,
    "PayloadDescription": Key(str, lines=True),
    "PayloadOrganization": TEXT,
}

# --- the profile itself (TopLevel) -------------------------------------------------------------------------------
TOP: dict[str, Key] = COMMON | {
    "PayloadType": Key(str, required=True, values=("Configuration",)),
    "PayloadContent": Key(list, required=True, items=Key(dict)),
    "PayloadScope": Key(str, values=("System", "User")),
    "PayloadRemovalDisallowed": Key(bool),
    "RemovalDate": Key(datetime),
    "DurationUntilRemoval": Key(float),
    "PayloadExpirationDate": Key(datetime),
    "TargetDeviceType": Key(int, low=0, high=6),
    "ConsentText": Key(dict),
}

# --- certificates (com.apple.security.*) -------------------------------------------------------------------------
CA_CERTIFICATE: dict[str, Key] = COMMON | {
    "PayloadContent": Key(bytes, required=True),
    "PayloadCertificateFileName": TEXT,
}
IDENTITY: dict[str, Key] = COMMON | {
    "PayloadContent": Key(bytes, required=True),
    "PayloadCertificateFileName": TEXT,
    # Optional in the schema; an empty password has two encodings, and Macs differ on them.
    "Password": Key(str, required=True),
    "AllowAllAppsAccess": Key(bool),
    "KeyIsExtractable": Key(bool),
}
# Of each name the schema allows a list of strings, too.
ALTERNATIVE_NAME: dict[str, Key] = {
    "rfc822Name": TEXT,
    "dNSName": TEXT,
    "uniformResourceIdentifier": TEXT,
    "ntPrincipalName": TEXT,
}
ENROLMENT: dict[str, Key] = {
    "URL": Key(str, required=True),
    "Name": TEXT,
    "Subject": Key(list, items=Key(list, items=Key(list, low=2, high=2, items=TEXT))),
    "SubjectAltName": Key(dict, keys=ALTERNATIVE_NAME),
    "Challenge": TEXT,
    # Its default is 1024, which Azure refuses.
    "Keysize": Key(int, required=True, values=(2048, 4096)),
    "Key Type": Key(str, values=("RSA",)),
    "Key Usage": Key(int, values=(0, 1, 4, 5)),
    "CAFingerprint": Key(bytes),
    "Retries": Key(int, low=0, high=_LARGEST),
    "RetryDelay": Key(int, low=0, high=_LARGEST),
    "KeyIsExtractable": Key(bool),
    "AllowAllAppsAccess": Key(bool),
}
SCEP: dict[str, Key] = COMMON | {"PayloadContent": Key(dict, required=True, keys=ENROLMENT)}

# --- VPN (com.apple.vpn.managed) ---------------------------------------------------------------------------------
SECURITY_ASSOCIATION: dict[str, Key] = {
    "EncryptionAlgorithm": Key(
        str,
        values=("AES-128", "AES-256", "AES-128-GCM", "AES-256-GCM", "ChaCha20Poly1305"),
        gone={"DES": "26.0", "3DES": "26.0"},
    ),
    "IntegrityAlgorithm": Key(
        str, values=("SHA2-256", "SHA2-384", "SHA2-512"), gone={"SHA1-96": "26.0", "SHA1-160": "26.0"}
    ),
    "DiffieHellmanGroup": Key(
        int, values=(14, 15, 16, 17, 18, 19, 20, 21, 31, 32), gone={1: "26.0", 2: "26.0", 5: "26.0"}
    ),
    "LifeTimeInMinutes": Key(int, low=10, high=1440),
    "PostQuantumKeyExchangeMethods": Key(list, since="26.0", high=7, items=Key(int, values=(0, 36, 37))),
}
ACTION_PARAMETER: dict[str, Key] = {
    "Domains": Key(list, required=True, items=TEXT),
    "DomainAction": Key(str, required=True, values=("ConnectIfNeeded", "NeverConnect")),
    "RequiredDNSServers": TEXTS,
    "RequiredURLStringProbe": TEXT,
}
ON_DEMAND_RULE: dict[str, Key] = {
    "Action": Key(str, required=True, values=("Connect", "Disconnect", "EvaluateConnection", "Ignore")),
    "ActionParameters": Key(list, items=Key(dict, keys=ACTION_PARAMETER)),
    "DNSDomainMatch": TEXTS,
    "DNSServerAddressMatch": TEXTS,
    "InterfaceTypeMatch": Key(str, values=("Ethernet", "WiFi", "Cellular")),
    "SSIDMatch": TEXTS,
    "URLStringProbe": TEXT,
}
IKEV2: dict[str, Key] = {
    "RemoteAddress": Key(str, required=True),
    "RemoteIdentifier": Key(str, required=True),
    "LocalIdentifier": Key(str, required=True),
    "AuthenticationMethod": Key(str, required=True, values=("None", "SharedSecret", "Certificate")),
    "PayloadCertificateUUID": TEXT,
    "CertificateType": Key(str, values=("RSA", "ECDSA256", "ECDSA384", "ECDSA521", "RSA-PSS")),
    "ServerCertificateIssuerCommonName": TEXT,
    "ServerCertificateCommonName": TEXT,
    "ExtendedAuthEnabled": FLAG,
    "AuthName": TEXT,
    "AuthPassword": TEXT,
    "SharedSecret": TEXT,
    "TLSMinimumVersion": _TLS_VERSION,
    "TLSMaximumVersion": _TLS_VERSION,
    "EnableCertificateRevocationCheck": FLAG,
    "OnDemandEnabled": FLAG,
    "OnDemandRules": Key(list, items=Key(dict, keys=ON_DEMAND_RULE)),
    "DeadPeerDetectionRate": Key(str, values=("None", "Low", "Medium", "High")),
    "DisableMOBIKE": FLAG,
    "DisableRedirect": FLAG,
    "UseConfigurationAttributeInternalIPSubnet": FLAG,
    "DisconnectOnIdle": FLAG,
    "DisconnectOnIdleTimer": Key(int, low=0, high=_LARGEST),
    "NATKeepAliveOffloadEnable": FLAG,
    "NATKeepAliveInterval": Key(int, low=20, high=_LARGEST),
    "EnablePFS": FLAG,
    "MTU": Key(int, low=1280, high=1400, since="11.0"),
    "IncludeAllNetworks": FLAG,
    "ExcludeLocalNetworks": FLAG,
    "EnforceRoutes": Key(int, values=(0, 1), since="11.0"),
    "ExcludeCellularServices": Key(int, values=(0, 1), since="13.3"),
    "ExcludeAPNs": Key(int, values=(0, 1), since="13.3"),
    "ExcludeDeviceCommunication": Key(int, values=(0, 1), since="14.4"),
    "PPK": Key(bytes, since="15.0"),
    "PPKIdentifier": Key(str, since="15.0"),
    "PPKMandatory": Key(int, values=(0, 1), since="15.0"),
    "EnforceStrictAlgorithmSelection": Key(int, values=(0, 1), since="15.5"),
    "AllowPostQuantumKeyExchangeFallback": Key(int, values=(0, 1), since="26.0"),
    "IKESecurityAssociationParameters": Key(dict, keys=SECURITY_ASSOCIATION),
    "ChildSecurityAssociationParameters": Key(dict, keys=SECURITY_ASSOCIATION),
}
DNS: dict[str, Key] = {
    "DNSProtocol": Key(str, required=True, values=("Cleartext", "HTTPS", "TLS"), since="11.0"),
    "ServerURL": Key(str, since="11.0"),
    "ServerName": Key(str, since="11.0"),
    "ServerAddresses": Key(list, required=True, items=TEXT),
    "SearchDomains": TEXTS,
    "DomainName": TEXT,
    "SupplementalMatchDomains": TEXTS,
    "SupplementalMatchDomainsNoSearch": FLAG,
}
PROXIES: dict[str, Key] = {
    "ProxyAutoConfigEnable": FLAG,
    "ProxyAutoConfigURLString": TEXT,
    "ProxyAutoDiscoveryEnable": FLAG,
    "HTTPEnable": FLAG,
    "HTTPProxy": TEXT,
    "HTTPPort": PORT,
    "HTTPProxyUsername": TEXT,
    "HTTPProxyPassword": TEXT,
    "HTTPSEnable": FLAG,
    "HTTPSProxy": TEXT,
    "HTTPSPort": PORT,
    "SupplementalMatchDomains": TEXTS,
}
VPN: dict[str, Key] = COMMON | {
    "VPNType": Key(str, required=True, values=("IKEv2",)),
    "VPNSubType": Key(str, values=("",)),
    "UserDefinedName": Key(str, required=True),
    "IKEv2": Key(dict, required=True, keys=IKEV2),
    "DNS": Key(dict, keys=DNS),
    "Proxies": Key(dict, keys=PROXIES),
}

PAYLOADS: dict[str, dict[str, Key]] = {
    "com.apple.security.root": CA_CERTIFICATE,
    "com.apple.security.pkcs1": CA_CERTIFICATE,
    "com.apple.security.pkcs12": IDENTITY,
    "com.apple.security.scep": SCEP,
    "com.apple.vpn.managed": VPN,
}
IDENTITY_TYPES = ("com.apple.security.pkcs12", "com.apple.security.scep", "com.apple.security.acme")


def in_its_types(values: Mapping[str, Any], table: Mapping[str, Key]) -> dict[str, Any]:
    """Values as people and templates write them, as Apple's schema has them: flags and numbers are whole numbers."""
    return {
        name: _number(value) if name in table and table[name].kind is int else value for name, value in values.items()
    }


def _number(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and _DIGITS.fullmatch(value)):
        return int(value)
    return value


_DIGITS = re.compile("[0-9]{1,9}")


def validate(document: Any, macos: str | None = None) -> list[Problem]:
    """Every broken rule of a profile, read as plistlib reads it; an empty list means none.

    `macos` is the version of the Mac it is meant for, such as "14.7.1"; without it the profile must suit every macOS
    from 11 on. Raises ProfileError for a version that is none or is too old, and for nothing else.
    """
    version = _version(macos) if macos else None
    if version is not None and version < _version(OLDEST_MACOS):
        raise ProfileError(f"macOS {macos} is too old: these profiles need macOS 11 or later.")
    return list(_document(document, version))


def _document(document: Any, macos: tuple[int, ...] | None) -> Iterator[Problem]:
    yield from _check(document, Key(dict, keys=TOP), "profile", macos)
    if not isinstance(document, Mapping):
        return
    if "PayloadScope" not in document:
        yield Problem("warning", "PayloadScope", "is missing; macOS 26.1 and later have refused such profiles")
    payloads = document.get("PayloadContent")
    payloads = [each for each in payloads if isinstance(each, Mapping)] if isinstance(payloads, list) else []
    for index, payload in enumerate(payloads):
        where = f"PayloadContent[{index}]"
        kind = payload.get("PayloadType")
        table = PAYLOADS.get(kind) if isinstance(kind, str) else None
        if table is None:
            yield Problem("error", f"{where}.PayloadType", f"{_shown(kind)} is no payload of this collection")
            continue
        yield from _check(payload, Key(dict, keys=table), where, macos)
        if table is IDENTITY:
            yield from _identity(payload, where)
        if table is SCEP and isinstance(payload.get("PayloadContent"), Mapping):
            yield from _extractable(payload["PayloadContent"], f"{where}.PayloadContent")
        if table is VPN:
            for name, rules in (("IKEv2", _ikev2), ("DNS", _dns), ("Proxies", _proxies)):
                if isinstance(payload.get(name), Mapping):
                    yield from rules(payload[name], f"{where}.{name}", payloads)
    yield from _unique([document, *payloads])


# --- one value against its rule ----------------------------------------------------------------------------------
def _check(value: Any, key: Key, where: str, macos: tuple[int, ...] | None) -> Iterator[Problem]:
    if not _is_a(value, key):
        yield Problem("error", where, f"must be {_KIND_NAMES[key.kind]}")
        return
    if macos is not None and key.since and macos < _version(key.since):
        yield Problem("warning", where, f"is read by macOS {key.since} and later only")
    if isinstance(value, str):
        yield from check_text(value, where, lines=key.lines)
    yield from _check_value(value, key, where, macos)
    if isinstance(value, list) and key.items is not None:
        for index, item in enumerate(value):
            yield from _check(item, key.items, f"{where}[{index}]", macos)
    if isinstance(value, Mapping) and key.keys is not None:
        yield from _check_keys(value, key.keys, "" if where == "profile" else where, macos)


def _check_keys(
    value: Mapping[Any, Any], table: Mapping[str, Key], where: str, macos: tuple[int, ...] | None
) -> Iterator[Problem]:
    prefix = f"{where}." if where else ""
    for name, rule in table.items():
        if name in value:
            yield from _check(value[name], rule, prefix + name, macos)
        elif rule.required:
            yield Problem("error", prefix + name, "is required")
    for name in value:
        if name not in table:
            yield Problem("error", f"{prefix}{name}", "is no key that a Mac reads here")


def _check_value(value: Any, key: Key, where: str, macos: tuple[int, ...] | None) -> Iterator[Problem]:
    if key.values and value not in key.values:
        gone = key.gone.get(value) if isinstance(value, str | int) else None
        if gone is None:
            yield Problem("error", where, f"{_shown(value)} is not one of {', '.join(map(repr, key.values))}")
        elif macos is not None and macos < _version(gone):
            yield Problem("warning", where, f"{_shown(value)} is gone in macOS {gone}")
        else:
            yield Problem("error", where, f"{_shown(value)} is gone in macOS {gone}")
    new = key.new.get(value) if isinstance(value, str | int) else None
    if new and (macos is None or macos < _version(new)):
        yield Problem("warning", where, f"{_shown(value)} stands in Apple's schema from macOS {new} on only")
    size = len(value) if isinstance(value, list) else value
    if key.low is not None and size < key.low:
        yield Problem("error", where, f"{_shown(value)} is less than {key.low}")
    if key.high is not None and size > key.high:
        yield Problem("error", where, f"{_shown(value)} is more than {key.high}")


# What XML 1.0 cannot hold, and plistlib therefore refuses or writes unreadably; and what a Mac's tools, which print one
# name a line, would make two of, or a terminal obey.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_CONTROL_AND_BREAKS = re.compile(f"{_CONTROL.pattern[:-1]}\t\n]")


def check_text(value: str, where: str, *, lines: bool = False) -> Iterator[Problem]:
    """What is wrong with a text; `lines`: whether it may have several."""
    if (_CONTROL if lines else _CONTROL_AND_BREAKS).search(value):
        yield Problem("error", where, "holds a control character, such as a line break or a tab")
    if len(value) > LONGEST_TEXT:
        yield Problem("error", where, f"is longer than {LONGEST_TEXT} characters")


def _is_a(value: Any, key: Key) -> bool:
    if key.kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if key.kind is dict:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    return isinstance(value, key.kind)


_KIND_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    float: "a real number",
    bytes: "data",
    list: "an array",
    dict: "a dictionary",
    datetime: "a date",
}


def _shown(value: Any) -> str:
    """Short enough for a message, and never a byte of data."""
    if isinstance(value, str | int | float):
        return repr(value[:60] if isinstance(value, str) else value)
    return f"a value of type {type(value).__name__}"


# --- combinations ------------------------------------------------------------------------------------------------
def _unique(payloads: list[Mapping[str, Any]]) -> Iterator[Problem]:
    for name in ("PayloadIdentifier", "PayloadUUID"):
        values = [each[name] for each in payloads if isinstance(each.get(name), str)]
        for value, times in Counter(value.upper() for value in values).items():
            if times > 1:
                yield Problem("error", name, f"{_shown(value)} is used {times} times in one profile")


def _identity(payload: Mapping[str, Any], where: str) -> Iterator[Problem]:
    password = payload.get("Password")
    if isinstance(password, str) and (not password or not password.isascii()):
        yield Problem("error", f"{where}.Password", "must be plain ASCII and not empty")
    yield from _extractable(payload, where)


def _extractable(payload: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if payload.get("KeyIsExtractable", True) is True:
        yield Problem("warning", f"{where}.KeyIsExtractable", "is true, so the private key can be exported again")


def _ikev2(ikev2: Mapping[str, Any], where: str, payloads: list[Mapping[str, Any]]) -> Iterator[Problem]:
    yield from _authentication(ikev2, where, payloads)
    yield from _on_demand(ikev2, where)
    yield from _algorithms(ikev2, where)
    yield from _routing(ikev2, where)
    if ("PPK" in ikev2) != ("PPKIdentifier" in ikev2):
        yield Problem("error", f"{where}.PPK", "and PPKIdentifier come together or not at all")


def _authentication(ikev2: Mapping[str, Any], where: str, payloads: list[Mapping[str, Any]]) -> Iterator[Problem]:
    if ikev2.get("AuthenticationMethod") != "Certificate":
        yield Problem("error", f"{where}.AuthenticationMethod", "must be Certificate, the one this VPN uses")
        return
    identities = [
        each.get("PayloadUUID")
        for each in payloads
        if isinstance(each.get("PayloadType"), str) and each["PayloadType"] in IDENTITY_TYPES
    ]
    if ikev2.get("PayloadCertificateUUID") not in identities or ikev2.get("PayloadCertificateUUID") is None:
        yield Problem("error", f"{where}.PayloadCertificateUUID", "must name an identity payload of this profile")
    if "CertificateType" in ikev2 and "ServerCertificateIssuerCommonName" not in ikev2:
        yield Problem("error", f"{where}.CertificateType", "needs ServerCertificateIssuerCommonName beside it")
    for name in sorted({"SharedSecret", "AuthName", "AuthPassword"} & set(ikev2)):
        yield Problem("error", f"{where}.{name}", "has no place beside a certificate")
    if ikev2.get("ExtendedAuthEnabled"):
        lowest, highest = ikev2.get("TLSMinimumVersion"), ikev2.get("TLSMaximumVersion", "1.2")
        if lowest not in ("1.2", "1.3"):
            yield Problem("error", f"{where}.TLSMinimumVersion", "must be 1.2 or 1.3 with EAP-TLS")
        elif isinstance(highest, str) and highest < lowest:
            yield Problem("error", f"{where}.TLSMaximumVersion", f"is {highest} and less than TLSMinimumVersion")
    else:
        for name in sorted({"TLSMinimumVersion", "TLSMaximumVersion"} & set(ikev2)):
            yield Problem("error", f"{where}.{name}", "is for EAP-TLS, which is off")


_MATCH_KEYS = {"DNSDomainMatch", "DNSServerAddressMatch", "InterfaceTypeMatch", "SSIDMatch", "URLStringProbe"}
_CONNECT_IF_NEEDED_ONLY = {"RequiredDNSServers", "RequiredURLStringProbe"}


def _on_demand(ikev2: Mapping[str, Any], where: str) -> Iterator[Problem]:
    rules = ikev2.get("OnDemandRules")
    if not isinstance(rules, list):
        if ikev2.get("OnDemandEnabled"):
            yield Problem("error", f"{where}.OnDemandEnabled", "is 1 without OnDemandRules")
        return
    where = f"{where}.OnDemandRules"
    if "OnDemandEnabled" not in ikev2:
        yield Problem("error", where, "need OnDemandEnabled beside them")
    rules = [rule for rule in rules if isinstance(rule, Mapping)]
    if not rules or _MATCH_KEYS & set(rules[-1]):
        yield Problem("error", where, "must end with a rule that has no match keys, for all other networks")
    for index, rule in enumerate(rules):
        here = f"{where}[{index}]"
        if index < len(rules) - 1 and not _MATCH_KEYS & set(rule):
            yield Problem("warning", here, "matches every network, so the rules behind it are never read")
        if (rule.get("Action") == "EvaluateConnection") != ("ActionParameters" in rule):
            yield Problem("error", here, "must have ActionParameters with EvaluateConnection, and only then")
        if "SSIDMatch" in rule and rule.get("InterfaceTypeMatch", "WiFi") != "WiFi":
            yield Problem("warning", here, "names Wi-Fi networks on an interface that is none, so it never matches")
        parameters = rule.get("ActionParameters")
        for parameter in parameters if isinstance(parameters, list) else []:
            if (
                isinstance(parameter, Mapping)
                and parameter.get("DomainAction") != "ConnectIfNeeded"
                and _CONNECT_IF_NEEDED_ONLY & set(parameter)
            ):
                yield Problem("error", here, "may probe only with DomainAction ConnectIfNeeded")


# The order in which EnforceStrictAlgorithmSelection compares ciphers; whether CBC counts as equal to GCM of the same
# key length is not documented, so it does not count here.
_STRENGTH = {"AES-128": 1, "AES-128-GCM": 2, "AES-256": 3, "AES-256-GCM": 4, "ChaCha20Poly1305": 4}


def _algorithms(ikev2: Mapping[str, Any], where: str) -> Iterator[Problem]:
    ike, child = (ikev2.get(f"{name}SecurityAssociationParameters") for name in ("IKE", "Child"))
    if not isinstance(ike, Mapping) or not isinstance(child, Mapping):
        yield Problem("warning", where, "leaves algorithms to the Mac's defaults, which change between releases")
        return
    if ikev2.get("EnablePFS") and "DiffieHellmanGroup" not in child:
        yield Problem("error", f"{where}.EnablePFS", "needs DiffieHellmanGroup in ChildSecurityAssociationParameters")
    if ikev2.get("EnforceStrictAlgorithmSelection"):
        ciphers = [each.get("EncryptionAlgorithm", "AES-256") for each in (ike, child)]
        strengths = [_STRENGTH.get(cipher, 0) if isinstance(cipher, str) else 0 for cipher in ciphers]
        if strengths[0] < strengths[1]:
            yield Problem(
                "error", f"{where}.EnforceStrictAlgorithmSelection", "needs an IKE cipher as strong as the child's"
            )


def _routing(ikev2: Mapping[str, Any], where: str) -> Iterator[Problem]:
    everything, routes = ikev2.get("IncludeAllNetworks"), ikev2.get("EnforceRoutes")
    if ikev2.get("ExcludeLocalNetworks") and not everything and not routes:
        yield Problem(
            "warning", f"{where}.ExcludeLocalNetworks", "has an effect with IncludeAllNetworks or EnforceRoutes only"
        )
    if everything and routes:
        yield Problem("warning", f"{where}.EnforceRoutes", "is ignored beside IncludeAllNetworks")


# Which key each protocol needs, and no other one reads.
_ENCRYPTED_DNS = {"HTTPS": "ServerURL", "TLS": "ServerName"}


def _dns(dns: Mapping[str, Any], where: str, _payloads: list[Mapping[str, Any]]) -> Iterator[Problem]:
    for protocol, name in _ENCRYPTED_DNS.items():
        if (dns.get("DNSProtocol") == protocol) != (name in dns):
            yield Problem("error", f"{where}.{name}", f"goes with DNSProtocol {protocol}, and only with that")
    url = dns.get("ServerURL")
    if isinstance(url, str) and not url.startswith("https://"):
        yield Problem("error", f"{where}.ServerURL", "must begin with https://")


# A proxy, what it needs beside it, and what makes a Mac use it.
_PROXIES = (
    ("ProxyAutoConfigURLString", (), "ProxyAutoConfigEnable"),
    ("HTTPProxy", ("HTTPPort",), "HTTPEnable"),
    ("HTTPSProxy", ("HTTPSPort",), "HTTPSEnable"),
)


def _proxies(proxies: Mapping[str, Any], where: str, _payloads: list[Mapping[str, Any]]) -> Iterator[Problem]:
    for name, beside, switch in _PROXIES:
        for other in beside:
            if (name in proxies) != (other in proxies):
                yield Problem("error", f"{where}.{name}", f"and {other} come together or not at all")
        if (name in proxies) != (proxies.get(switch) == 1):
            yield Problem("error", f"{where}.{name}", f"goes with {switch} 1, and only with that")


def _version(text: str) -> tuple[int, ...]:
    parts = str(text).split(".")
    if not 1 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        raise ProfileError(f"macos must be a version such as 26.1, not {text!r}.")
    numbers = [int(part) for part in parts]
    return tuple(numbers + [0] * (4 - len(numbers)))
