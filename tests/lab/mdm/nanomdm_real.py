# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NanoMDM itself, where it is at hand, in place of the lab's double of it.

`NANOMDM=/path/to/nanomdm`, or a `nanomdm` on the PATH. It listens on loopback alone, and without a push certificate it
speaks to nobody but the lab.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import plistlib
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..azure.messages import Request, Response
from .nanomdm import Core, NanoMdmLab, awaited

PASSED_ON = ("authorization", "content-type")


def executable() -> str:
    """Where it is; empty where it is not."""
    return os.environ.get("NANOMDM") or shutil.which("nanomdm") or ""


class Real:
    """The server, and the identity by which Macs speak to it: one for each, from an authority that it trusts."""

    def __init__(self, folder: Path, webhook: str, api_key: str, storage: str) -> None:
        self._folder, self._webhook, self._api_key, self._storage = folder, webhook, api_key, storage
        self._key = rsa.generate_private_key(65537, 2048)
        self._certificates: dict[str, x509.Certificate] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]

    def __enter__(self) -> Self:
        authority = self._folder / "devices.pem"
        authority.write_bytes(self._certificate("Devices", authority=True).public_bytes(serialization.Encoding.PEM))
        place = self._folder / "nanomdm"
        place.mkdir()
        options = ["-storage", self._storage, "-storage-dsn", str(place)]
        options += ["-storage-options", "enable_deprecated=1"] if self._storage == "file" else []
        command = [executable(), "-listen", f"127.0.0.1:{self._port}", "-ca", str(authority), *options]
        # The key is no argument, or every user of this machine could read it.
        environment = {"PATH": os.environ["PATH"], "NANOMDM_API": self._api_key, "NANOMDM_WEBHOOK_URL": self._webhook}
        with (self._folder / "nanomdm.log").open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        awaited(self._is_there)
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def api(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name in PASSED_ON}
        path = f"{request.path}?{request.query}" if request.query else request.path
        return self._call(request.method, path, request.body, headers)

    def mdm(self, document: dict[str, Any]) -> bytes:
        """Signed as Apple's protocol has it ("Pass an Identity Certificate Through a Proxy")."""
        body, udid = plistlib.dumps(document), document["UDID"]
        if udid not in self._certificates:
            self._certificates[udid] = self._certificate(udid)
        signature = (
            pkcs7.PKCS7SignatureBuilder()
            .set_data(body)
            .add_signer(self._certificates[udid], self._key, hashes.SHA256())
            .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
        )
        kind = "-checkin" if "MessageType" in document else ""
        headers = {
            "Mdm-Signature": base64.b64encode(signature).decode(),
            "Content-Type": f"application/x-apple-aspen-mdm{kind}",
        }
        answer = self._call("PUT", "/mdm", body, headers)
        if answer.status != 200:
            raise RuntimeError(f"NanoMDM answers {answer.status} to a Mac: {answer.body!r}")
        return answer.body

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() == "content-type"}
            return Response(answer.status, answer.read(), kept)

    def _is_there(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError((self._folder / "nanomdm.log").read_text("utf-8"))
        try:
            return self._call("GET", "/version", b"", {}).status == 200
        except OSError:
            return False

    def _certificate(self, common_name: str, *, authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Devices")])
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(issuer)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


class RealNanoMdmLab(NanoMdmLab):
    """It keeps its data in files."""

    storage = "filekv"

    def make_core(self, folder: Path) -> Core:
        return Real(folder, self.receiver.url, self.client_secret, self.storage)


class RealNanoMdmInMemory(RealNanoMdmLab):
    storage = "inmem"
