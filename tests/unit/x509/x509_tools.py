# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by openssl, for the tests of this folder."""

from __future__ import annotations

import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

SCRATCH = tempfile.TemporaryDirectory(prefix="x509-")
FOLDER = Path(SCRATCH.name)


def openssl(command: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *command.split()], input=stdin, capture_output=True, check=False, cwd=FOLDER)
    assert done.returncode == 0, f"openssl {command}: {done.stderr.decode()}"
    return done.stdout


def key(kind: str = "RSA:2048", number: int = 0) -> Path:
    """A private key in PEM: `RSA:bits`, `EC:curve`, or another algorithm of openssl's."""
    place = FOLDER / f"{kind.replace(':', '-')}-{number}.key"
    algorithm, _colon, size = kind.partition(":")
    option = {"RSA": f"-pkeyopt rsa_keygen_bits:{size}", "EC": f"-pkeyopt ec_paramgen_curve:{size}"}.get(algorithm, "")
    if not place.exists():
        openssl(f"genpkey -algorithm {algorithm} {option} -out {place}")
    return place


@lru_cache(maxsize=256)
def certificate(
    extensions: str = "basicConstraints=critical,CA:TRUE",
    *,
    name: str = "root",
    kind: str = "RSA:2048",
    issuer: str = "",
    digest: str = "sha256",
    days: int = 300,
    more: str = "",
) -> bytes:
    """A certificate in PEM, signed by itself or by the CA of the name `issuer` (which has the key number 1)."""
    config = FOLDER / "openssl.cnf"
    config.write_text(f"[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN={name}\n[v3]\n{extensions}\n")
    request = FOLDER / "request.pem"
    openssl(f"req -new -key {key(kind)} -config {config} -out {request}")
    signer = f"-signkey {key(kind)}"
    if issuer:
        ca = FOLDER / "issuer.pem"
        ca.write_bytes(authority(issuer))
        signer = f"-CA {ca} -CAkey {key(number=1)} -CAcreateserial"
    return openssl(f"x509 -req -{digest} -in {request} {signer} -days {days} -extfile {config} -extensions v3 {more}")


@lru_cache
def authority(name: str) -> bytes:
    config = FOLDER / "authority.cnf"
    config.write_text(
        f"[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=v3\n[dn]\nCN={name}\n[v3]\nbasicConstraints=CA:TRUE\n"
    )
    return openssl(f"req -x509 -new -key {key(number=1)} -days 300 -config {config}")
