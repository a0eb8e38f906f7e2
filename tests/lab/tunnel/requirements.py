# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tunnel lab needs from the machine: `missing()` says what is not there, `install()` gets it on Debian.

As a program, `python requirements.py` prints what is missing (exit 1), `python requirements.py install` installs it.
`make test` and `make demo` do.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

APT_PACKAGES = (
    "charon-systemd",  # the daemon
    "strongswan-swanctl",  # swanctl, and the vici plugin
    "libcharon-extra-plugins",  # kernel-libipsec, eap-tls, eap-identity
    "libstrongswan-standard-plugins",  # openssl: the ECP groups and AES-GCM
    "iproute2",
    "iputils-ping",
)
PIP_PACKAGE = "vici"  # strongSwan's own client for its control socket, pure Python (requirements/demo.txt)

_PROGRAMS = ("charon-systemd", "swanctl", "ip", "ping", "nsenter", "unshare")
_PLUGIN_FOLDER = Path("/usr/lib/ipsec/plugins")
_PLUGINS = ("kernel-libipsec", "eap-tls", "eap-identity", "openssl", "vici", "resolve", "revocation")
_UNIT = "strongswan.service"


def missing() -> str:
    """One line that says what is missing and what to do about it; empty when the lab can run."""
    return next((reason for check in (_privileges, _software, _kernel) if (reason := check())), "")


def program(name: str) -> str | None:
    """Where a program is; root's own folders count even when PATH (of a sudo, of a service) leaves them out."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin")


def install() -> str:
    """Install the Debian packages that are missing, as root on Debian or a relative. Returns `missing()` afterwards.

    Debian starts and enables strongSwan's service on installation. The lab runs its own daemons, so the unit is masked
    while apt works, and disabled afterwards; a service that was there before is left as it was.
    """
    if os.geteuid() == 0 and program("apt-get") and _absent():
        print(f"Installing Debian's packages for the tunnel lab (once): apt-get install {' '.join(APT_PACKAGES)}")
        print("strongSwan's service stays disabled; the lab starts daemons of its own.", flush=True)
        fresh = program("charon-systemd") is None
        if fresh:
            _systemctl("mask", _UNIT)
        try:
            if not apt_get("install", *APT_PACKAGES) and apt_get("update"):
                apt_get("install", *APT_PACKAGES)
        finally:
            if fresh:
                _systemctl("unmask", _UNIT)
                _systemctl("disable", _UNIT)
    return missing()


def _privileges() -> str:
    if not sys.platform.startswith("linux"):
        return "the tunnel lab needs Linux network namespaces"
    if os.geteuid() != 0:
        return "the tunnel lab needs root (network namespaces): run this as root"
    return ""


def _software() -> str:
    if absent := _absent():
        return f"the tunnel lab lacks {', '.join(absent)}: apt-get install {' '.join(APT_PACKAGES)}"
    if importlib.util.find_spec("vici") is None:
        return f"the tunnel lab lacks the Python package vici: pip install {PIP_PACKAGE}"
    return ""


def _kernel() -> str:
    if not Path("/dev/net/tun").exists():
        return "the tunnel lab lacks /dev/net/tun: modprobe tun (in a container: --device /dev/net/tun)"
    trial = ["unshare", "--net", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    if subprocess.run(trial, check=False, capture_output=True).returncode != 0:
        return "the tunnel lab may not make namespaces (in a container: --cap-add NET_ADMIN --cap-add SYS_ADMIN)"
    return ""


def _absent() -> list[str]:
    """Programs and strongSwan plugins that are not installed."""
    plugins = [name for name in _PLUGINS if not (_PLUGIN_FOLDER / f"libstrongswan-{name}.so").exists()]
    return [name for name in _PROGRAMS if program(name) is None] + [f"the {name} plugin" for name in plugins]


def apt_get(command: str, *packages: str) -> bool:
    """Never asks, never waits long for a network that is not there."""
    options = ["--yes", "--no-install-recommends", "-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=120"]
    done = subprocess.run(
        ["apt-get", "-qq", command, *options, *packages],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # missing() says what is still not there
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NOWARNINGS": "yes"},
    )
    return done.returncode == 0


def _systemctl(*arguments: str) -> None:
    """Through the running systemd, else on its files alone (a container may show a systemd that does not answer)."""
    for environment in ({}, {"SYSTEMD_OFFLINE": "1"}) if program("systemctl") else ():
        command = ["systemctl", *arguments]
        if subprocess.run(command, check=False, capture_output=True, env={**os.environ, **environment}).returncode == 0:
            return


if __name__ == "__main__":
    answer = install() if sys.argv[1:] == ["install"] else missing()
    print(answer or "the tunnel lab has all it needs")
    sys.exit(1 if answer else 0)
