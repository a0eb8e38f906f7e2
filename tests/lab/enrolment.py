# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Mac does with a SCEP payload: it makes a key, and has a certificate made for the name in the payload.

    authority = Authority(folder, "SCEP CA")
    mac.enrol = authority.enrol

The request is what Apple's payload says of it (com.apple.security.scep: Subject, SubjectAltName, Challenge, Keysize),
made by openssl. Here a CA signs it at once; scep.py sends the same request to a real SCEP server.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asn1crypto import pem

from .keychain import Item

_ALTERNATIVE = {"dNSName": "DNS", "rfc822Name": "email"}


def openssl(*words: str) -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60).stdout


def request(content: Mapping[str, Any], folder: Path) -> tuple[Path, Path]:
    """A new key and a signing request, in files; the challenge is an attribute of the request (RFC 8894, 3.3.2.1)."""
    key, csr, configuration = folder / "key.pem", folder / "csr.pem", folder / "request.cnf"
    names = [f"{n}.{kind} = {_quoted(value)}" for n, ((kind, value),) in enumerate(content["Subject"])]
    alternative = content.get("SubjectAltName", {})
    entries = [f"{_ALTERNATIVE[kind]}:{_quoted(value)}" for kind, value in alternative.items() if kind in _ALTERNATIVE]
    usage = content.get("Key Usage", 0)
    usages = [word for bit, word in ((1, "digitalSignature"), (4, "keyEncipherment")) if usage & bit]
    extensions = [f"subjectAltName = {','.join(entries)}"] if entries else []
    extensions += [f"keyUsage = {','.join(usages)}"] if usages else []
    challenge = _quoted(content.get("Challenge", ""))
    lines = [
        "[req]", "prompt = no", "string_mask = utf8only", "distinguished_name = name", "req_extensions = more",
        "attributes = attributes",
        "[name]", *names, "[more]", *(extensions or ["keyUsage = digitalSignature"]),
        "[attributes]", *([f"challengePassword = {challenge}"] if challenge else []),
    ]  # fmt: skip
    configuration.write_text("".join(f"{line}\n" for line in lines))
    bits = str(content.get("Keysize", 1024))
    openssl("genrsa", "-traditional", "-out", str(key), bits)
    openssl("req", "-new", "-key", str(key), "-config", str(configuration), "-out", str(csr))
    return key, csr


def _quoted(value: str) -> str:
    """In a file of openssl's, which has variables and comments."""
    return "".join(f"\\{mark}" if mark in "\\$#\"'" else mark for mark in value)


class Authority:
    """A CA that signs what Macs ask for; `root` is its certificate in a PEM file, and `days` how long others last."""

    def __init__(self, folder: Path, name: str, days: int = 365) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.days = folder, days
        self.root, self._key = folder / "root.pem", folder / "root.key"
        self._number = 0
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(self._key), "-out", str(self.root)),
            *("-subj", f"/CN={name}", "-days", "3650", "-addext", "basicConstraints=critical,CA:TRUE"),
        )

    def enrol(self, content: Mapping[str, Any]) -> Item:
        """A certificate for the name in a payload, with its key."""
        self._number += 1
        folder = self.folder / str(self._number)
        folder.mkdir()
        key, csr = request(content, folder)
        (folder / "usage.cnf").write_text("extendedKeyUsage = clientAuth\n")
        made = openssl(
            *("x509", "-req", "-in", str(csr), "-CA", str(self.root), "-CAkey", str(self._key), "-set_serial"),
            *(str(4096 + self._number), "-days", str(self.days), "-copy_extensions", "copy"),
            *("-extfile", str(folder / "usage.cnf")),
        )
        return item(made, key)


def item(certificate: bytes, key: Path) -> Item:
    """A keychain's item, of PEM."""
    (der,) = (each for _kind, _headers, each in pem.unarmor(certificate, multiple=True))
    return Item(der, key=openssl("rsa", "-in", str(key), "-traditional", "-outform", "DER"))
