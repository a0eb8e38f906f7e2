# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles and identities for the lab's own tests, made with plistlib, cryptography and the openssl command."""

from __future__ import annotations

import copy
import datetime
import functools
import plistlib
import subprocess
import uuid
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PASSWORD = "pkcs12-Password-7"
IDENTIFIER = "com.example.uservpn"


@functools.cache
def key(_number: int = 0) -> rsa.RSAPrivateKey:
    """A key, made once per process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def certificate(name: str, issuer: str = "Root", days: int = 30) -> x509.Certificate:
    """A certificate; the name Root makes the CA."""
    now = datetime.datetime.now(datetime.UTC)
    is_root = name == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key(0 if is_root else 1).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.lower())]), critical=False)
    )
    return builder.sign(key(0), hashes.SHA256())


def der(found: x509.Certificate) -> bytes:
    """DER of a certificate."""
    return found.public_bytes(serialization.Encoding.DER)


@functools.cache
def identity(name: str = "mac-anna", *, modern: bool = False, password: str = PASSWORD) -> bytes:
    """PKCS#12 in the legacy form, or as OpenSSL 3 writes it by default."""
    if modern:
        encryption: Any = serialization.BestAvailableEncryption(password.encode())
    else:
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(password.encode())
        )
    return pkcs12.serialize_key_and_certificates(name.encode(), key(1), certificate(name), None, encryption)


def profile(name: str = "mac-anna", **changes: Any) -> dict[str, Any]:
    """A good profile as a dictionary: gateway root, identity, VPN. `changes` are put over its top level."""

    def payload(kind: str, suffix: str, **more: Any) -> dict[str, Any]:
        identifier = f"{IDENTIFIER}.{suffix}"
        return {
            "PayloadType": kind,
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, identifier)).upper(),
            "PayloadDisplayName": suffix,
            **more,
        }

    client = payload(
        "com.apple.security.pkcs12",
        f"identity.{name}",
        PayloadContent=identity(name),
        Password=PASSWORD,
        KeyIsExtractable=False,
    )
    association = {
        "EncryptionAlgorithm": "AES-256",
        "IntegrityAlgorithm": "SHA2-256",
        "DiffieHellmanGroup": 14,
        "LifeTimeInMinutes": 420,
    }
    ikev2 = {
        "RemoteAddress": "gateway.example.com",
        "RemoteIdentifier": "gateway.example.com",
        "LocalIdentifier": name,
        "AuthenticationMethod": "Certificate",
        "PayloadCertificateUUID": client["PayloadUUID"],
        "IKESecurityAssociationParameters": dict(association),
        "ChildSecurityAssociationParameters": {**association, "EncryptionAlgorithm": "AES-256-GCM"},
        "EnablePFS": 1,
    }
    vpn = payload("com.apple.vpn.managed", "vpn", VPNType="IKEv2", UserDefinedName="User VPN", IKEv2=ikev2)
    root = payload("com.apple.security.root", "root", PayloadContent=der(certificate("Root", "Root")))
    top = payload(
        "Configuration", "top", PayloadIdentifier=IDENTIFIER, PayloadScope="System", PayloadContent=[root, client, vpn]
    )
    return {**copy.deepcopy(top), **changes}


def packed(content: dict[str, Any]) -> bytes:
    """A profile as a file's content."""
    return plistlib.dumps(content)


def ikev2(content: dict[str, Any]) -> dict[str, Any]:
    """The IKEv2 dictionary of a profile."""
    found: dict[str, Any] = content["PayloadContent"][2]["IKEv2"]
    return found


def signed(raw: bytes, folder: Any) -> bytes:
    """CMS around a profile, made by the openssl command with the root's key."""
    (folder / "in").write_bytes(raw)
    (folder / "signer.pem").write_bytes(certificate("Root", "Root").public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key(0).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    command = [
        "openssl",
        "smime",
        "-sign",
        "-nodetach",
        "-binary",
        "-outform",
        "der",
        "-in",
        "in",
        "-signer",
        "signer.pem",
    ]
    return subprocess.run([*command, "-inkey", "key.pem"], cwd=folder, capture_output=True, check=True).stdout
