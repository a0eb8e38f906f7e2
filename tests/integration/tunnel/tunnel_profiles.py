# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny builder of .mobileconfig files in the documented form, and the algorithm pairs that both sides know.

It stands for any renderer: the lab takes bytes. It knows what the tests vary and nothing more.
"""

from __future__ import annotations

import plistlib
import uuid
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat, pkcs12

from ansible_collections.vwan.user_vpn.tests.lab.tunnel.authority import Identity

PASSWORD = "only-for-the-lab"
SERVER = "wan.lab0123456789.vpn.azure.com"


@dataclass(frozen=True)
class Pair:
    """What Azure is told and what the Mac is told, for one choice of algorithms."""

    policy: dict[str, Any]
    ike: dict[str, Any]
    child: dict[str, Any]
    pfs: int = 1


def _pair(
    ike_cipher: str, integrity: str, group: str, pfs: str, *, apple: tuple[str, int], child: str = "AES-256-GCM"
) -> Pair:
    policy = {
        "saLifeTimeSeconds": 27000,
        "saDataSizeKilobytes": 102400000,
        "ipsecEncryption": "GCMAES256" if child == "AES-256-GCM" else "AES256",
        "ipsecIntegrity": "GCMAES256" if child == "AES-256-GCM" else "SHA256",
        "ikeEncryption": ike_cipher,
        "ikeIntegrity": integrity,
        "dhGroup": group,
        "pfsGroup": pfs,
    }
    common = {"IntegrityAlgorithm": f"SHA2-{integrity[3:]}", "DiffieHellmanGroup": apple[1]}
    return Pair(
        policy,
        {"EncryptionAlgorithm": apple[0], "LifeTimeInMinutes": 470, **common},
        {"EncryptionAlgorithm": child, "LifeTimeInMinutes": 440, **common},
        int(pfs != "None"),
    )


PAIRS = {
    "modp2048": _pair("AES256", "SHA256", "DHGroup14", "PFS14", apple=("AES-256", 14)),
    "ecp384": _pair("GCMAES256", "SHA384", "ECP384", "ECP384", apple=("AES-256-GCM", 20)),
    "ecp384_cbc": _pair("AES256", "SHA384", "ECP384", "ECP384", apple=("AES-256", 20)),
    "ecp256": _pair("GCMAES256", "SHA256", "ECP256", "ECP256", apple=("AES-256-GCM", 19)),
    # All that a Mac proposes whose VPN was set up in System Settings (strongSwan documentation, interop/ios).
    "by_hand": _pair("AES256", "SHA256", "DHGroup14", "None", apple=("AES-256", 14), child="AES-256"),
}


def build_profile(
    client: Identity,
    *,
    gateway_roots: list[bytes],
    pair: Pair = PAIRS["modp2048"],
    eap: bool = False,
    password: str = PASSWORD,
    dns: dict[str, Any] | None = None,
    **ikev2: Any,
) -> bytes:
    """Further keyword arguments are keys of the IKEv2 dictionary; None takes a key out."""
    name = client.certificate.subject.rdns[0].rfc4514_string().removeprefix("CN=")
    identity = _payload("com.apple.security.pkcs12", client.sha1)
    identity |= {"PayloadContent": _pkcs12(client, password), "Password": PASSWORD, "KeyIsExtractable": False}
    authorities = [
        _payload("com.apple.security.root", str(n)) | {"PayloadContent": r} for n, r in enumerate(gateway_roots)
    ]
    authorities += [
        _payload("com.apple.security.pkcs1", ca.sha1) | {"PayloadContent": ca.der}
        for ca in (client.parent.intermediates if client.parent else [])
    ]
    settings: dict[str, Any] = {
        "RemoteAddress": SERVER,
        "RemoteIdentifier": SERVER,
        "LocalIdentifier": name,
        "AuthenticationMethod": "Certificate",
        "ExtendedAuthEnabled": int(eap),
        "PayloadCertificateUUID": identity["PayloadUUID"],
        "IKESecurityAssociationParameters": pair.ike,
        "ChildSecurityAssociationParameters": pair.child,
        "EnablePFS": pair.pfs,
        **({"TLSMinimumVersion": "1.2"} if eap else {}),
        **ikev2,
    }
    vpn = _payload("com.apple.vpn.managed", "vpn") | {
        "VPNType": "IKEv2",
        "UserDefinedName": "Lab",
        "IKEv2": {key: value for key, value in settings.items() if value is not None},
        **({"DNS": dns} if dns else {}),
    }
    return plistlib.dumps(
        _payload("Configuration", "") | {"PayloadScope": "System", "PayloadContent": [*authorities, identity, vpn]}
    )


def _payload(kind: str, suffix: str) -> dict[str, Any]:
    identifier = f"example.vpn.{suffix}".rstrip(".")
    unique = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{kind}/{identifier}")).upper()
    return {"PayloadType": kind, "PayloadVersion": 1, "PayloadIdentifier": identifier, "PayloadUUID": unique}


def _pkcs12(client: Identity, password: str) -> bytes:
    """The form every macOS reads: PBE-SHA1-3DES, SHA-1 MAC."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2048)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(password.encode())
    )
    assert not isinstance(encryption, BestAvailableEncryption)
    return pkcs12.serialize_key_and_certificates(b"client", client.key, client.certificate, None, encryption)
