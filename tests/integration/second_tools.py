# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading results with openssl, which knows nothing of our code."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class SeenIdentity:
    text: str
    sha1: str
    chains_to_root: bool
    legacy_encryption: bool


def openssl(*arguments: str, stdin: bytes = b"", secret: str = "") -> bytes:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed; it reads our certificates as a second tool (apt-get install openssl)")
    done = subprocess.run(
        ["openssl", *arguments],
        input=stdin,
        env={"SECRET": secret, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def read_identity(pkcs12: bytes, password: str, root: Path) -> SeenIdentity:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "identity.p12"
        file.write_bytes(pkcs12)
        common = ["pkcs12", "-in", str(file), "-passin", "env:SECRET"]
        leaf = openssl(*common, "-legacy", "-nokeys", "-clcerts", secret=password)
        key = openssl(*common, "-legacy", "-nocerts", "-nodes", secret=password)
        assert b"PRIVATE KEY" in key
        described = subprocess.run(
            ["openssl", *common, "-legacy", "-info", "-noout"],
            env={"SECRET": password, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=True,
        ).stderr.decode()
        certificate = Path(scratch) / "leaf.pem"
        certificate.write_bytes(leaf)
        text = openssl("x509", "-in", str(certificate), "-noout", "-text").decode()
        sha1 = openssl("x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha1").decode()
        verified = openssl("verify", "-purpose", "sslclient", "-CAfile", str(root), str(certificate)).decode()
    return SeenIdentity(
        text=text,
        sha1=sha1.partition("=")[2].replace(":", "").strip(),
        chains_to_root=verified.strip().endswith("OK"),
        legacy_encryption="pbeWithSHA1And3-KeyTripleDES-CBC" in described
        and "PBES2" not in described
        and "MAC: sha1" in described,
    )


def make_signer(folder: Path) -> dict[str, str]:
    """A self-signed certificate to sign profiles with, made by openssl."""
    certificate, key = folder / "signer.pem", folder / "signer.key"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Profile Signer", "-days", "30",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    return {"certificate": str(certificate), "key": str(key)}
