# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small PKI of the tests' own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASSWORD = "open Sesame 1"
DAY = timedelta(days=1)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def key_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class Pki:
    """Keys and certificates; every certificate gets the next serial number."""

    def __init__(self) -> None:
        self.leaf_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ca_key = ec.generate_private_key(ec.SECP256R1())
        self._serial = 1000
        self.root = self.ca("Client Root")
        self.intermediate = self.ca("Client Issuing CA", issuer="Client Root")
        self.gateway_root = self.ca("Gateway Root G1")
        self.second_gateway_root = self.ca("Gateway Root G2")

    def ca(self, common_name: str, issuer: str | None = None, not_after: timedelta = 900 * DAY) -> x509.Certificate:
        return self.certificate(common_name, key=self.ca_key, issuer=issuer or common_name, ca=True, end=not_after)

    def client(self, common_name: str = "mac-01", **rules: Any) -> x509.Certificate:
        return self.certificate(common_name, **{"sans": [common_name], "clients": True, **rules})

    def certificate(
        self,
        common_name: str,
        *,
        key: Any = None,
        issuer: str = "Client Root",
        ca: bool = False,
        sans: Iterable[str] = (),
        other_names: Iterable[x509.GeneralName] = (),
        clients: bool = False,
        servers: bool = False,
        signs: bool | None = None,
        start: timedelta = -2 * DAY,
        end: timedelta = 300 * DAY,
    ) -> x509.Certificate:
        self._serial += 1
        now = datetime.now(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common_name))
            .issuer_name(name(issuer))
            .public_key((key or self.leaf_key).public_key())
            .serial_number(self._serial)
            .not_valid_before(min(now + start, now + end - DAY))
            .not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        names = [*map(x509.DNSName, sans), *other_names]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH] * clients + [ExtendedKeyUsageOID.SERVER_AUTH] * servers
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if signs is not None:
            usage = x509.KeyUsage(signs, False, not signs, False, False, False, False, False, False)
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.ca_key, SHA256())

    def pkcs12(
        self,
        certificate: x509.Certificate | None,
        *,
        key: Any = None,
        cas: Iterable[x509.Certificate] = (),
        password: str = PASSWORD,
        legacy: bool = True,
    ) -> bytes:
        # Few rounds: what is tested is the form, not its strength.
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(100)
        if legacy:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(SHA1())
        else:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(SHA256())
        return pkcs12.serialize_key_and_certificates(
            b"test", key or self.leaf_key, certificate, list(cas) or None, builder.build(password.encode())
        )


def of_mac(result: dict[str, Any], host: str = "mac-01") -> dict[str, Any]:
    """What a task has told of one Mac, with what it has told of all."""
    entry: dict[str, Any] = result.get("macs", {}).get(host, {})
    told = {name: value for name, value in result.items() if name != "macs"}
    return entry | told | {"failed": result["failed"] or entry.get("failed", False)}


def root_entry(certificate: x509.Certificate) -> dict[str, str]:
    return {"pem": pem(certificate).decode(), "subject": certificate.subject.rfc4514_string()}
