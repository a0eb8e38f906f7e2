# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forms work on: a root, an identity under it and a profile with both, made anew for each run and worth nothing.

Their hashes and texts are different in every run, so each has a name that stands for it in whatever a Mac says.
"""

from __future__ import annotations

import dataclasses
import datetime
import plistlib
import secrets
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import shell
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec

IDENTIFIER = "vwan.user_vpn.conformance"
ROOT, CLIENT = "vwan.user_vpn conformance root", "vwan.user_vpn conformance client"
# Nobody answers there (RFC 5737).
NOWHERE = "192.0.2.77"
RECORDED = Path(__file__).parent / "recorded"
PLIST = plistlib.dumps(
    {"a.b": {"c": [1, "two", True]}, "data": b"bytes", "date": datetime.datetime(2026, 1, 2, 3, 4, 5), "text": "words"}
)
CONFIG = b"[req]\ndistinguished_name = name\n[name]\ncommonName = Common Name\n[v3]\nsubjectAltName = DNS:a.example\n"


@dataclasses.dataclass(frozen=True)
class Materials:
    """Files by name; variables of the forms; what stands for what in the answers."""

    files: Mapping[str, bytes]
    variables: Mapping[str, str | int]
    symbols: Mapping[str, str]

    def named_in(self, commands: Iterable[str]) -> dict[str, bytes]:
        """The files that commands name; `%s.txt` names all recorded ones."""
        text = "\n".join(commands)
        every = {name for name in self.files if name.endswith(".txt") and "%s.txt" in text}
        return {name: content for name, content in self.files.items() if name in every or name in text}


def make() -> Materials:
    """All of it, anew."""
    password, keychain_password = secrets.token_hex(8), secrets.token_hex(8)
    root_key, client_key = (rsa.generate_private_key(65537, 2048) for _each in range(2))
    root = _certificate(ROOT, ROOT, root_key, root_key)
    client = _certificate(CLIENT, ROOT, client_key, root_key)
    legacy = _pkcs12(client, client_key, password, legacy=True)
    plain = _profile(root, legacy, password)
    signed = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(plain)
        .add_signer(client, client_key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [])
    )
    no_key = serialization.NoEncryption()
    files = {
        "root.cer": _der(root),
        "root.pem": _pem(root),
        "client.cer": _der(client),
        "client.pem": _pem(client),
        "client.key": client_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, no_key
        ),
        "client.p12": legacy,
        "pbes2.p12": _pkcs12(client, client_key, password, legacy=False),
        "plain.mobileconfig": plain,
        "signed.mobileconfig": signed,
        "sample.plist": PLIST,
        "no.plist": b"no plist\n",
        "req.cnf": CONFIG,
        **{f"{verb}.sh": shell.script(verb).encode() for verb in shell.VERBS},
        **{path.name: path.read_bytes() for path in sorted(RECORDED.glob("*.txt"))},
    }
    symbols = {password: "<password>", keychain_password: "<password of the keychain>"}
    for name, made in (("root", root), ("client", client)):
        for kind in (hashes.SHA1(), hashes.SHA256()):
            digest = made.fingerprint(kind).hex()
            symbols |= {digest.upper(): f"<{kind.name} of the {name}>", digest: f"<{kind.name} of the {name}>"}
        symbols[_pem(made).decode().strip()] = f"<PEM of the {name}>"
    return Materials(files, {"password": password, "keychain_password": keychain_password}, symbols)


def verb(called: str, sent: str = "", /, **arguments: str | int) -> str:
    """The command that runs a verb of ours, whose script lies there as CALLED.sh; `sent` is a file for its stdin."""
    words = " ".join(f"{key}={value}" for key, value in arguments.items())
    length = f'"$(($(wc -c < {sent})))"' if sent else str(len(Exec(called, {}).sent))
    return f'/bin/sh -c "$(cat {called}.sh)" mac mark=m length={length} {words}' + (f" < {sent}" if sent else "")


def _certificate(name: str, issuer: str, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    root = name == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
    )
    if not root:
        names = [x509.DNSName("conformance.example"), x509.RFC822Name("conformance@example.com")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        usage = [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pkcs12(client: x509.Certificate, key: rsa.RSAPrivateKey, password: str, *, legacy: bool) -> bytes:
    encryption: Any = serialization.BestAvailableEncryption(password.encode())
    if legacy:
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(password.encode())
        )
    return pkcs12.serialize_key_and_certificates(CLIENT.encode(), key, client, None, encryption)


def _profile(root: x509.Certificate, identity: bytes, password: str) -> bytes:
    """A whole profile whose VPN leads nowhere."""

    def payload(kind: str, suffix: str, **more: Any) -> dict[str, Any]:
        identifier = f"{IDENTIFIER}{suffix}"
        return {
            "PayloadType": kind,
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, identifier)).upper(),
            "PayloadDisplayName": "vwan.user_vpn conformance",
            **more,
        }

    there = payload("com.apple.security.pkcs12", ".identity", PayloadContent=identity, Password=password)
    algorithms = {
        "EncryptionAlgorithm": "AES-256-GCM",
        "IntegrityAlgorithm": "SHA2-256",
        "DiffieHellmanGroup": 14,
        "LifeTimeInMinutes": 480,
    }
    vpn = {
        "RemoteAddress": NOWHERE,
        "RemoteIdentifier": "nowhere.example",
        "LocalIdentifier": "conformance.example",
        "AuthenticationMethod": "Certificate",
        "PayloadCertificateUUID": there["PayloadUUID"],
        "ExtendedAuthEnabled": 0,
        "EnablePFS": 1,
        "IKESecurityAssociationParameters": algorithms,
        "ChildSecurityAssociationParameters": algorithms,
    }
    return plistlib.dumps(
        payload(
            "Configuration",
            "",
            PayloadScope="System",
            PayloadContent=[
                payload("com.apple.security.root", ".root", PayloadContent=_der(root)),
                there,
                payload(
                    "com.apple.vpn.managed", ".vpn", UserDefinedName="vwan.user_vpn conformance", VPNType="IKEv2",
                    IKEv2=vpn,
                ),
            ],
        )
    )  # fmt: skip


def _der(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


def _pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)
