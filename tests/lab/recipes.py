# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as each recipe that Microsoft publishes makes them: root, client, and the file that is exported.

All are made with openssl, extension by extension; none of our own code has a part in them. Sources, all on Microsoft
Learn: "Generate and export certificates for User VPN connections" (PowerShell), "... using MakeCert", "... Linux -
OpenSSL", "... Linux - strongSwan", and "Configure a point-to-site connection ... using enterprise certificates" for
the demands on an enterprise CA. What New-SelfSignedCertificate writes is seen in the root of Azure's own API examples
(AZURES_OWN_ROOT); what AD CS writes, in its certificate extensions' reference ([MS-WCCE] 2.2.2.7.7).
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "exported-1"

# publicCertData of azure-rest-api-specs, VpnServerConfigurationPut: made in 2017, ended in 2018.
AZURES_OWN_ROOT = (
    "MIIC5zCCAc+gAwIBAgIQErQ0Hk4aDJxIA+Q5RagB+jANBgkqhkiG9w0BAQsFADAWMRQwEgYDVQQDDAtQMlNSb290Q2VydDAeFw0xNzEyMTQyMTA3"
    "MzhaFw0xODEyMTQyMTI3MzhaMBYxFDASBgNVBAMMC1AyU1Jvb3RDZXJ0MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArP7/NQXmW7cQ"
    "/ZR1mv3Y3I29Lt7HTOqzo/1KUOoVH3NItbQIRAQbwKy3UWrOFz4eGNX2GWtNRMdCyWsKeqy9Ltsdfcm1IbKXkl84DFeU/ZacXu4Dl3xX3gV5du4T"
    "LZjEowJELyur11Ea2YcjPRQ/FzAF9/hGuboS1HZQEPLx4FdUs9OxCYOtc0MxBCwLfVTTRqarb0Ne+arNYd4kCzIhAke1nOyKAJBda5ZL+VHy3S5S"
    "8qGlD46jm8HXugmAkUygS4oIIXOmj/1O9sNAi3LN60zufSzCmP8Rm/iUGX+DHAGGiXxwZOKQLEDaZXKqoHjMPP0XudmSWwOIbyeQVrLhkwIDAQAB"
    "ozEwLzAOBgNVHQ8BAf8EBAMCAgQwHQYDVR0OBBYEFEfeNU2trYxNLF9ONmuJUsT13pKDMA0GCSqGSIb3DQEBCwUAA4IBAQBmM6RJzsGGipxyMhim"
    "HKN2xlkejhVsgBoTAhOU0llW9aUSwINJ9zFUGgI8IzUFy1VG776fchHp0LMRmPSIUYk5btEPxbsrPtumPuMH8EQGrS+Rt4pD+78c8H1fEPkq5CmD"
    "l/PKu4JoFGv+aFcE+Od0hlILstIF10Qysf++QXDolKfzJa/56bgMeYKFiju73loiRM57ns8ddXpfLl792UVpRkFU62LNns6Y1LKTwapmUF4IvIuA"
    "Izd6LZNOQng64LAKXtKnViJ1JQiXwf4CEzhgvAti3/ejpb3U90hsrUcyZi6wBv9bZLcAJRWpz61JNYliM1d1grSwQDKGXNQE4xuN"
)

_WINDOWS = "-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -iter 2000"  # the wizard's TripleDES-SHA1
_WINDOWS_AES = "-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 -iter 2000"  # the wizard's AES256-SHA256
_OPENSSL = ""  # PBES2 with OpenSSL 3
# The obsolete authority key identifier that makecert writes, here without a key identifier in it.
_MAKECERT = "2.5.29.1=DER:30:00"


@dataclass(frozen=True)
class Recipe:
    """The extensions of root, issuing CA (if there is one) and client, one a line, and how the identity is exported.

    {name} stands for the client's common name. `tunnel`: whether the lab's gateway, which is strongSwan, takes the
    client; strongSwan looks for the name that a Mac sends among the alternative names, and has nothing else.
    """

    root: str
    client: str
    export: str
    issuing: str = ""
    root_name: str = "P2SRootCert"
    name: str = "mac-01"
    tunnel: bool = True


RECIPES = {
    # New-SelfSignedCertificate -Type Custom -KeyUsageProperty Sign -KeyUsage CertSign; the client with -DnsName and
    # -TextExtension 2.5.29.37. Neither has basic constraints.
    "PowerShell": Recipe(
        root="keyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash",
        client="extendedKeyUsage=clientAuth\nsubjectAltName=DNS:{name}\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid",
        export=_WINDOWS,
    ),
    "PowerShell, AES": Recipe(
        root="keyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash",
        client="extendedKeyUsage=clientAuth\nsubjectAltName=DNS:{name}",
        export=_WINDOWS_AES,
    ),
    # makecert -sky exchange -r, then -sky exchange -in: no usage, no constraints, no alternative name.
    "makecert": Recipe(root=_MAKECERT, client=_MAKECERT, export=_WINDOWS, tunnel=False),
    # openssl req -x509 (the usual openssl.cnf), then openssl x509 -req -extfile.
    "OpenSSL": Recipe(
        root="subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always,issuer\nbasicConstraints=critical,CA:true",
        client="subjectAltName=DNS:{name}\nextendedKeyUsage=clientAuth",
        export=_OPENSSL,
        root_name="VPN CA",
    ),
    # pki --self --ca, then pki --issue --san --flag clientAuth.
    "strongSwan's pki": Recipe(
        root="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash",
        client="authorityKeyIdentifier=keyid\nsubjectAltName=DNS:{name}\nextendedKeyUsage=clientAuth",
        export=_OPENSSL,
        root_name="VPN CA",
    ),
    # AD CS, two tiers; a copy of the template User, with clientAuth first, as the guide demands. The names are those
    # that such a template takes from the directory.
    "enterprise CA": Recipe(
        root="keyUsage=digitalSignature,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE\n"
        "subjectKeyIdentifier=hash\n1.3.6.1.4.1.311.21.1=DER:02:01:00",
        issuing="1.3.6.1.4.1.311.21.1=DER:02:01:00\nsubjectKeyIdentifier=hash\n"
        "1.3.6.1.4.1.311.20.2=ASN1:BMPSTRING:SubCA\nkeyUsage=digitalSignature,keyCertSign,cRLSign\n"
        "basicConstraints=critical,CA:TRUE\nauthorityKeyIdentifier=keyid\n"
        "crlDistributionPoints=URI:ldap:///CN=Corp%20Root%2CCN=CDP?certificateRevocationList",
        client="keyUsage=critical,digitalSignature,keyEncipherment\n"
        "extendedKeyUsage=clientAuth,emailProtection,1.3.6.1.4.1.311.10.3.4\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid\n"
        "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:{name},email:{name}",
        export=_WINDOWS_AES,
        root_name="Corp Root",
        name="anna@corp.example",
    ),
    # The same by the template Computer: the name is that of the machine, and serverAuth comes along.
    "enterprise CA, computer": Recipe(
        root="keyUsage=digitalSignature,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE\n"
        "subjectKeyIdentifier=hash",
        client="keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth,serverAuth\n"
        "subjectAltName=DNS:{name}",
        export=_WINDOWS,
        root_name="Corp Root",
        name="mac-01.corp.example",
    ),
}


@dataclass(frozen=True)
class Made:
    """Files: certificates and keys in PEM, the exported identity with its whole path."""

    recipe: Recipe
    root: Path
    root_key: Path
    chain: Path | None
    client: Path
    client_key: Path
    pfx: Path

    def twin(self, folder: Path) -> Path:
        """A root of the same name and key that says CA:TRUE. strongSwan takes no CA without that (x509_cert.c,
        issued_by), while Azure takes what Microsoft's recipes make."""
        return _root(self.recipe.root_name, "basicConstraints=critical,CA:TRUE", folder, key=self.root_key)


def make(recipe: Recipe, folder: Path, password: str = PASSWORD) -> Made:
    """Everything of a recipe, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key = _key(folder / "root.key")
    root = _root(recipe.root_name, recipe.root, folder, key=root_key)
    issuer, issuer_key, chain = root, root_key, None
    if recipe.issuing:
        issuer_key = _key(folder / "issuing.key")
        issuer = chain = _issued(f"{recipe.root_name} Issuing", recipe.issuing, issuer_key, root, root_key)
    client_key = _key(folder / "client.key")
    client = _issued(recipe.name, recipe.client.format(name=recipe.name), client_key, issuer, issuer_key)
    path = folder / "path.pem"
    path.write_bytes(b"".join(each.read_bytes() for each in (chain, root) if each))
    pfx = folder / "client.pfx"
    _openssl(
        f"pkcs12 -export {recipe.export} -in {client} -inkey {client_key} -certfile {path} "
        f"-passout pass:{password} -out {pfx}"
    )
    return Made(recipe, root, root_key, chain, client, client_key, pfx)


def _root(name: str, extensions: str, folder: Path, *, key: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "root.pem"
    config = folder / "root.cnf"
    config.write_text(
        f"[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=v3\n[dn]\nCN={name}\n[v3]\n{extensions}\n"
    )
    _openssl(f"req -x509 -new -sha256 -key {key} -days 3650 -config {config} -out {place}")
    return place


def _issued(name: str, extensions: str, key: Path, issuer: Path, issuer_key: Path) -> Path:
    place = key.with_suffix(".pem")
    config = key.with_suffix(".cnf")
    config.write_text(f"[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN={name}\n[v3]\n{extensions}\n")
    request = key.with_suffix(".csr")
    _openssl(f"req -new -key {key} -config {config} -out {request}")
    _openssl(
        f"x509 -req -sha256 -in {request} -CA {issuer} -CAkey {issuer_key} -CAcreateserial -days 365 "
        f"-extfile {config} -extensions v3 -out {place}"
    )
    return place


def _key(place: Path) -> Path:
    _openssl(f"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {place}")
    return place


def _openssl(command: str) -> None:
    done = subprocess.run(["openssl", *command.split()], capture_output=True, check=False)
    assert done.returncode == 0, f"openssl {command}: {done.stderr.decode()}"
