# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's own emulator of storage, in place of the lab's blob service, where somebody has installed it.

Source: npm's package azurite, its README ("HTTPS setup", "OAuth configuration", "Customized storage accounts").
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .messages import Request, Response
from .storage import Storage

PROGRAM = "azurite-blob"
WHY = f"{PROGRAM} is not on the PATH: with node, `npm install --global azurite` makes this run"


def is_there() -> bool:
    return bool(shutil.which(PROGRAM) and shutil.which("node"))


class Azurite(Storage):
    """The account `labstorage` in azurite: what Azure writes goes there over TLS, and nothing is served here."""

    def handle(self, request: Request) -> Response:
        answer = self.send(request.method, f"{request.path}?{request.query}", request.headers, request.body)
        return Response(answer.status, answer.body, {"x-ms-error-code": "", **answer.headers})

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Response:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trust)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return Response(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            connection.close()

    def listening_on(self, port: int, ca_file: Path) -> None:
        self.port, self.trust = port, ssl.create_default_context(cafile=ca_file)
        self.url = f"https://127.0.0.1:{port}/{self.name}"

    @property
    def blobs(self) -> list[str]:
        """The names of all blobs in the container `sessions`."""
        token = self.authority.issue(aud="https://storage.azure.com")
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2024-11-04"}
        answer = self.send("GET", f"/{self.name}/sessions?restype=container&comp=list", headers)
        return re.findall("<Name>([^<]*)</Name>", answer.body.decode())


@contextmanager
def started(storage: Storage, folder: Path) -> Iterator[Azurite]:
    """azurite with the lab's certificate, the account of `storage`, and an empty container `sessions`.

    folder  of the lab's Azure, with its CA and its certificate
    """
    azurite = Azurite("", storage.authority)
    certificate = str(folder / "server.pem")
    command = [PROGRAM, "--blobHost", "127.0.0.1", "--blobPort", "0", "--cert", certificate, "--key", certificate]
    command += ["--oauth", "basic", "--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    environment = os.environ | {"AZURITE_ACCOUNTS": f"{azurite.name}:{azurite.account_key}"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            said = ""
            while not (port := re.search(r"successfully listens on https://127\.0\.0\.1:([0-9]+)", said)):
                line = process.stdout.readline()
                assert line, f"azurite has ended: {said}"
                said += line
            azurite.listening_on(int(port[1]), folder / "ca.pem")
            token = azurite.authority.issue(aud="https://storage.azure.com")
            headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2024-11-04", "Content-Length": "0"}
            made = azurite.send("PUT", f"/{azurite.name}/sessions?restype=container", headers)
            assert made.status == 201, made
            yield azurite
        finally:
            process.terminate()
