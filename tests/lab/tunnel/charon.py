# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real charon in one network namespace, driven over its own vici socket.

The daemon is Debian's `charon-systemd`, started as a plain process: own strongswan.conf by STRONGSWAN_CONF, an empty
/run and an own /etc/hosts by a mount namespace, so it never meets a strongSwan of the host. Keys and certificates
reach it through the socket; no key is written to a file or stands on a command line.

ESP is always served by kernel-libipsec: it works on every kernel (also where ESP, GCM or the xfrm modules are absent,
as in many containers), and gives the tunnel an interface of its own, `ipsec0`, as macOS does.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.vwan.user_vpn.tests.lab.tunnel import requirements
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.errors import TunnelLabError
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.namespaces import Namespace

TUNNEL_INTERFACE = "ipsec0"

_PLUGINS = (
    "random nonce x509 openssl aes gcm sha1 sha2 hmac kdf gmp pem pkcs1 pkcs8 pubkey revocation constraints "
    "kernel-libipsec kernel-netlink socket-default vici resolve eap-identity eap-tls"
)

# signature_authentication: Apple's client signs with PKCS#1 v1.5 and SHA-1 (libreswan/libreswan#1450, strongSwan
# discussion 1408), and Azure sends no HASH_ALG notify (MicrosoftDocs/azure-docs#32421, #104181): both ends keep to the
# classic AUTH method.
# cert_cache: a certificate of an earlier handshake must not help a later one.
# The marks keep IKE and ESP packets out of the tunnel when the gateway announces 0.0.0.0/0.
_CONFIGURATION = """
charon {{
  load = {plugins}
  threads = 16
  dos_protection = no
  half_open_timeout = 10
  signature_authentication = no
  multiple_authentication = no
  cert_cache = no
  install_virtual_ip_on = {interface}
  follow_redirects = {follow_redirects}
  retransmit_timeout = 0.5
  retransmit_base = 1.4
  retransmit_tries = 4
  close_ike_on_child_failure = yes
  journal {{
    default = -1
  }}
  filelog {{
    lab {{
      path = {log}
      default = 1
      flush_line = yes
    }}
    certificates {{
      path = {certificate_log}
      default = -1
      asn = {certificate_level}
      ike_name = yes
      flush_line = yes
    }}
  }}
  tls {{
    version_min = {tls_minimum}
    version_max = {tls_maximum}
  }}
  plugins {{
    vici {{
      socket = unix://{socket}
    }}
    resolve {{
      file = {resolver}
      resolvconf {{
        path = /nonexistent
      }}
    }}
    kernel-libipsec {{
      allow_peer_ts = yes
    }}
    kernel-netlink {{
      fwmark = !0x42
    }}
    socket-default {{
      fwmark = 0x42
    }}
  }}
}}
"""

# "15[ASN] <name|7> text", "<7>" before a configuration is chosen.
_DUMP = re.compile(r"(\d+)\[ASN\] <(?:.*\|)?(\d+)> (.*)")
_DUMP_SIZE = re.compile(r"=> (\d+) bytes")
_DUMP_ROW = re.compile(r" *\d+: (.{1,48})")

_DEFAULTS = {"follow_redirects": "yes", "tls_minimum": "1.2", "tls_maximum": "1.2"}

# Stays one process (each step execs the next), so that its PID is charon's.
_START = 'umask 077; mount -t tmpfs tmpfs /run && mount --bind "$1" /etc/hosts && exec "$2"'


class Daemon:
    """A running charon. `folder` becomes its private folder (socket, log, resolver file)."""

    def __init__(self, namespace: Namespace, folder: Path, *, records_certificates: bool = False) -> None:
        self.namespace = namespace
        self._certificate_level = "3" if records_certificates else "-1"
        self._folder = folder
        self._socket = folder / "vici"
        self._log = folder / "log"
        self._certificate_log = folder / "certificates"
        self._settings = dict(_DEFAULTS)
        folder.mkdir(mode=0o700)
        self.set_hosts({})
        self._write_configuration()
        # Copies, because Debian's AppArmor profiles bind the programs at their own paths to /etc and /run.
        self._swanctl = self._copy("swanctl")
        self._process = self._start(self._copy("charon-systemd"))

    def pause(self) -> None:
        """From now on the daemon is there and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def vici(self) -> Iterator[Any]:
        """A session of strongSwan's own Python package; one per use, so that threads do not meet."""
        import vici

        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self._socket))
            yield vici.Session(connection)

    def swanctl(self, *arguments: str) -> str:
        """What strongSwan's own tool says about this daemon, for example `--list-sas --raw`."""
        done = subprocess.run(
            [str(self._swanctl), *arguments, "--uri", f"unix://{self._socket}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise TunnelLabError(f"swanctl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def change_settings(self, **settings: str) -> None:
        """Change values of strongswan.conf that profiles speak about (TLS versions, redirects)."""
        if self._settings != {**_DEFAULTS, **settings}:
            self._settings = {**_DEFAULTS, **settings}
            self._write_configuration()
            with self.vici() as session:
                session.reload_settings()

    def set_hosts(self, names: Mapping[str, str]) -> None:
        """The host names (and their addresses) this machine can resolve."""
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in names.items())]
        # Written in place: the daemon holds a bind mount of this very file.
        _write(self._folder / "hosts", "\n".join(lines) + "\n")

    def pushed_dns(self) -> list[str]:
        """The DNS servers the gateway has pushed, in the order of arrival."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self._folder / "resolver").read_text(encoding="utf-8").splitlines()
            return [line.split()[1] for line in lines if line.startswith("nameserver ")]
        return []

    def log_size(self) -> int:
        """A mark for `log_since`."""
        return self._log.stat().st_size

    def log_since(self, mark: int = 0) -> list[str]:
        with self._log.open("rb") as log:
            log.seek(mark)
            return log.read().decode("utf-8", "replace").splitlines()

    def presented_certificates(self) -> dict[str, list[bytes]]:
        """The certificates peers have shown, DER in the order shown, by the unique id of the IKE_SA.

        No command of vici gives them. With `records_certificates` charon dumps what its ASN.1 parser reads (level 3:
        public data only, private keys have a level of their own), marked with the IKE_SA it was read for.
        """
        shown: dict[str, list[bytes]] = {}
        lengths: dict[str, int] = {}
        for line in self._certificate_log.read_text(encoding="utf-8", errors="replace").splitlines():
            found = _DUMP.match(line)
            if not found:
                continue
            thread, unique_id, text = found.groups()
            if text == "L0 - x509:":
                lengths[thread] = 0  # the next dump of this thread is a whole certificate
            elif lengths.get(thread) == 0 and (size := _DUMP_SIZE.match(text)):
                lengths[thread] = int(size[1])
                shown.setdefault(unique_id, []).append(b"")
            elif lengths.get(thread) and (row := _DUMP_ROW.match(text)):
                shown[unique_id][-1] += bytes.fromhex(row[1])
                if len(shown[unique_id][-1]) >= lengths[thread]:
                    del lengths[thread]
        return shown

    def _write_configuration(self) -> None:
        text = _CONFIGURATION.format(
            plugins=_PLUGINS,
            interface=TUNNEL_INTERFACE,
            log=self._log,
            certificate_log=self._certificate_log,
            certificate_level=self._certificate_level,
            socket=self._socket,
            resolver=self._folder / "resolver",
            **self._settings,
        )
        _write(self._folder / "strongswan.conf", text)

    def _copy(self, program: str) -> Path:
        source = requirements.program(program)
        if source is None:
            raise TunnelLabError(requirements.missing() or f"{program} is not installed")
        return Path(shutil.copy(source, self._folder / program))

    def _start(self, program: Path) -> subprocess.Popen[bytes]:
        _write(self._log, "")
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _START, "sh"]
        _write(self._folder / "stderr", "")
        with (self._folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                self.namespace.argv(*command, str(self._folder / "hosts"), str(program)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "STRONGSWAN_CONF": str(self._folder / "strongswan.conf")},
                start_new_session=True,  # a Ctrl-C in the terminal ends the run, and the run ends the daemon
            )
        deadline = time.monotonic() + 15
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), self.vici() as session:
                session.version()
                return process
            time.sleep(0.02)
        process.kill()
        said = (self._folder / "stderr").read_text(errors="replace") + "\n".join(self.log_since()[-5:])
        raise TunnelLabError(f"charon did not start in {self.namespace.name}: {said.strip()}")


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
