# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's and Apple's names of algorithms, as strongSwan proposals.

Azure: vpnClientIpsecPolicies of the REST API (azure-rest-api-specs, Microsoft.Network). Apple: com.apple.vpn.managed,
IKEv2, IKESecurityAssociationParameters (apple/device-management). strongSwan: its list of IKEv2 cipher suites.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError

# What the documented default of a Virtual WAN P2S gateway is (articles/virtual-wan/point-to-site-ipsec.md).
VIRTUAL_WAN_DEFAULT: Mapping[str, Any] = {
    "saLifeTimeSeconds": 27000,
    "saDataSizeKilobytes": 102400000,
    "ipsecEncryption": "GCMAES256",
    "ipsecIntegrity": "GCMAES256",
    "ikeEncryption": "AES256",
    "ikeIntegrity": "SHA256",
    "dhGroup": "DHGroup24",
    "pfsGroup": "PFS24",
}

_AZURE_ENCRYPTION = {
    "AES128": "aes128",
    "AES192": "aes192",
    "AES256": "aes256",
    "GCMAES128": "aes128gcm16",
    "GCMAES256": "aes256gcm16",
}
_AZURE_INTEGRITY = {"SHA256": "sha256", "SHA384": "sha384"}
_AZURE_GROUP = {
    "DHGroup14": "modp2048",
    "DHGroup2048": "modp2048",
    "DHGroup24": "modp2048s256",
    "ECP256": "ecp256",
    "ECP384": "ecp384",
}
_AZURE_PFS = {
    "None": "",
    "PFS14": "modp2048",
    "PFS2048": "modp2048",
    "PFS24": "modp2048s256",
    "ECP256": "ecp256",
    "ECP384": "ecp384",
}

_APPLE_ENCRYPTION = {
    "AES-128": "aes128",
    "AES-256": "aes256",
    "AES-128-GCM": "aes128gcm16",
    "AES-256-GCM": "aes256gcm16",
    "ChaCha20Poly1305": "chacha20poly1305",
}
_APPLE_INTEGRITY = {"SHA2-256": "sha256", "SHA2-384": "sha384", "SHA2-512": "sha512"}
_APPLE_GROUP = {
    14: "modp2048",
    15: "modp3072",
    16: "modp4096",
    17: "modp6144",
    18: "modp8192",
    19: "ecp256",
    20: "ecp384",
    21: "ecp521",
    31: "curve25519",
    32: "curve448",
}

# What a Mac (macOS 14 and later) offers when the profile names no algorithms (libreswan/libreswan#1450,
# hwdsl2/setup-ipsec-vpn#1486).
APPLE_DEFAULT_IKE = (
    "aes256gcm16-prfsha256-ecp256",
    "aes256gcm16-prfsha256-modp2048",
    "aes256-sha256-ecp256",
    "aes256-sha256-modp2048",
)
APPLE_DEFAULT_CHILD = ("aes256gcm16", "aes256-sha256")


def azure_ike(policy: Mapping[str, Any]) -> str:
    encryption = _azure(policy, "ikeEncryption", _AZURE_ENCRYPTION)
    integrity = _azure(policy, "ikeIntegrity", _AZURE_INTEGRITY)
    return _ike(encryption, integrity, _azure(policy, "dhGroup", _AZURE_GROUP))


def azure_child(policy: Mapping[str, Any]) -> str:
    encryption = _azure(policy, "ipsecEncryption", _AZURE_ENCRYPTION)
    if _is_aead(encryption) and policy.get("ipsecIntegrity") != policy.get("ipsecEncryption"):
        raise TunnelLabError("ipsecEncryption and ipsecIntegrity of an Azure policy must name the same GCM algorithm")
    integrity = "" if _is_aead(encryption) else _azure(policy, "ipsecIntegrity", _AZURE_INTEGRITY)
    # PFSMM: the group of the main mode once more.
    groups = {**_AZURE_PFS, "PFSMM": _azure(policy, "dhGroup", _AZURE_GROUP)}
    return _join(encryption, integrity, _azure(policy, "pfsGroup", groups))


def apple_ike(encryption: str, integrity: str, group: int) -> str:
    return _ike(_apple(encryption, _APPLE_ENCRYPTION), _apple(integrity, _APPLE_INTEGRITY), _apple(group, _APPLE_GROUP))


def apple_child(encryption: str, integrity: str, group: int, *, pfs: bool) -> str:
    cipher = _apple(encryption, _APPLE_ENCRYPTION)
    hash_name = "" if _is_aead(cipher) else _apple(integrity, _APPLE_INTEGRITY)
    return _join(cipher, hash_name, _apple(group, _APPLE_GROUP) if pfs else "")


def _ike(encryption: str, integrity: str, group: str) -> str:
    # With an AEAD cipher the integrity algorithm serves as PRF (hwdsl2/setup-ipsec-vpn#1486), otherwise as both.
    return _join(encryption, f"prf{integrity}" if _is_aead(encryption) else integrity, group)


def _is_aead(encryption: str) -> bool:
    return "gcm" in encryption or "poly1305" in encryption


def _join(*parts: str) -> str:
    return "-".join(part for part in parts if part)


def _azure(policy: Mapping[str, Any], field: str, names: Mapping[str, str]) -> str:
    value = str(policy.get(field))
    if value not in names:
        raise TunnelLabError(f"the lab's gateway knows no {field} {value!r}; it knows {', '.join(names)}")
    return names[value]


def _apple(value: Any, names: Mapping[Any, str]) -> str:
    """Apple's value as strongSwan's, KeyError for one that macOS 26 does not know."""
    return names[value]
