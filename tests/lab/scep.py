# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real SCEP server, micromdm's of Debian's package scep, and a Mac that enrols from nothing but its profile.

The server listens on all addresses, so it has a network namespace of its own. The client is that of the same package;
what it sends is the request that a Mac makes, with alternative names (enrolment.py).

As a program, `python -m ...tests.lab.scep install` installs the package, as root on Debian.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.tests.lab.enrolment import request
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.requirements import apt_get, program

PACKAGE = "scep"
PORT = 2016
_GET = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=5).read())"


def missing() -> str:
    """One line that says what is missing and what to do about it; empty when the server can run."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "the SCEP server needs Linux and root, for a network namespace of its own: run this as root"
    absent = [name for name in ("scepserver", "scepclient", "ip", "nsenter", "unshare") if program(name) is None]
    if absent:
        return f"the SCEP server lacks {', '.join(absent)}: apt-get install {PACKAGE} iproute2"
    if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode != 0:
        return "the SCEP server may not make a network namespace (in a container: --cap-add SYS_ADMIN)"
    return ""


@dataclass(frozen=True)
class ScepServer:
    """`root` is a PEM file with the certificate of the CA, which is its own root."""

    url: str
    root: Path
    process: int

    @property
    def sha1(self) -> str:
        return hashlib.sha1(ssl.PEM_cert_to_DER_cert(self.root.read_text())).hexdigest()

    def inside(self, *command: str, folder: Path | None = None) -> bytes:
        """What a command says that runs where the server can be reached."""
        words = ["nsenter", f"--target={self.process}", "--net", *command]
        return subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=30).stdout

    def shown(self, url: str) -> bytes:
        """The certificate of the CA as the server shows it, in DER."""
        return self.inside(sys.executable, "-c", _GET, f"{url}?operation=GetCACert")

    def enrol(self, scep: Mapping[str, Any], filled_in: Mapping[str, str], folder: Path) -> Path | None:
        """As a Mac does with the content of a SCEP payload, in which the MDM has filled in its variables: a PEM file
        with the certificate, and the key beside it. None where the server refuses."""
        if "CAFingerprint" in scep and hashlib.sha1(self.shown(scep["URL"])).digest() != scep["CAFingerprint"]:
            return None
        folder.mkdir()
        request(_filled(scep, filled_in), folder)  # the client sends the one that it finds
        files = ("-private-key", str(folder / "key.pem"), "-certificate", str(folder / "certificate.pem"))
        with contextlib.suppress(subprocess.CalledProcessError):
            self.inside("scepclient", "-server-url", scep["URL"], *files, folder=folder)
        found = folder / "certificate.pem"
        return found if found.exists() else None


def _filled(value: Any, filled_in: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for variable, text in filled_in.items():
            value = value.replace(variable, text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(inner, filled_in) for key, inner in value.items()}
    return [_filled(inner, filled_in) for inner in value] if isinstance(value, list) else value


@contextlib.contextmanager
def scep_server(folder: Path, challenge: str) -> Iterator[ScepServer]:
    depot = folder / "depot"
    subprocess.run(
        ["scepserver", "ca", "-init", "-depot", str(depot), "-keySize", "2048", "-organization", "Lab"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    serve = f"ip link set lo up && exec scepserver -depot {depot} -port {PORT} -challenge '{challenge}' -allowrenew 0"
    with (folder / "scepserver.log").open("wb") as log:
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", serve], stdout=log, stderr=log)
        try:
            server = ScepServer(f"http://127.0.0.1:{PORT}/scep", depot / "ca.pem", process.pid)
            end = time.monotonic() + 30
            while True:
                with contextlib.suppress(subprocess.CalledProcessError):
                    server.shown(server.url)
                    break
                assert process.poll() is None and time.monotonic() < end, (folder / "scepserver.log").read_text()
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(10)


def install() -> str:
    """Install the Debian package, as root on Debian or a relative. Returns `missing()` afterwards."""
    if os.geteuid() == 0 and program("apt-get") and program("scepserver") is None:
        print(f"Installing Debian's package for the SCEP server (once): apt-get install {PACKAGE}", flush=True)
        if not apt_get("install", PACKAGE) and apt_get("update"):
            apt_get("install", PACKAGE)
    return missing()


if __name__ == "__main__":
    answer = install() if sys.argv[1:] == ["install"] else missing()
    print(answer or "the SCEP server has all it needs")
    sys.exit(1 if answer else 0)
