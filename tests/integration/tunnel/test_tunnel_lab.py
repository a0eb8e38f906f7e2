# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab keeps to itself: nothing stays behind, nothing secret is shown, the host does not notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.tunnel.conftest import Certificates
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PASSWORD, build_profile
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import namespaces
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Description, Gateway
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.native_client import NativeClient

# A lab in a process of its own, which then is killed: its daemons and namespaces stay behind.
ABANDONED = """
import os, signal, sys
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Description
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab

root = authority.new_root("root")
lab = TunnelLab()
lab.gateway(Description("gateway.example", root, (root.der,)))
lab.mac("mac1")
print(lab.name, flush=True)
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def traces(name: str) -> list[str]:
    """What the host still shows of a run: namespaces, folders, processes."""
    found = [path.name for folder in ("/run/netns", tempfile.gettempdir()) for path in Path(folder).glob(f"{name}*")]
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if name.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it has just ended
            continue
    return found


def run_abandoned(how: str) -> str:
    command = [sys.executable, "-c", ABANDONED, how]
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == (-signal.SIGKILL if how == "kill" else 0), done.stderr
    return done.stdout.strip()


def test_a_killed_run_is_cleaned_up_by_the_next() -> None:
    name = run_abandoned("kill")
    assert len(traces(name)) == 5  # two namespaces, two daemons, one folder
    namespaces.remove_leftovers()
    assert traces(name) == []


def test_a_run_that_forgets_to_close_is_closed_at_exit() -> None:
    assert traces(run_abandoned("exit")) == []


def test_two_labs_side_by_side_and_a_failure_inside(lab: TunnelLab, description: Description) -> None:
    with pytest.raises(ZeroDivisionError), TunnelLab() as other:
        other.gateway(description)
        assert other.mac("mac1").status() == "Invalid"
        _unused = 1 / 0
    assert traces(other.name) == []
    assert traces(lab.name)


def test_nothing_of_the_lab_is_in_the_hosts_network(mac: NativeClient, certificates: Certificates) -> None:
    before = host_network()
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der]))
    mac.connect()
    assert host_network() == before
    assert "ipsec" not in before
    assert "198.51.100" not in before
    assert not Path("/run/charon.vici").exists()


def test_no_secret_in_files_or_arguments(
    lab: TunnelLab, gateway: Gateway, mac: NativeClient, certificates: Certificates
) -> None:
    mac.install(build_profile(certificates.client, gateway_roots=[certificates.gateway_root.der], eap=True))
    assert mac.connect().connected
    key = certificates.client.key.private_numbers()
    size = key.p.bit_length() // 8
    secrets = [PASSWORD.encode(), key.p.to_bytes(size, "big"), key.q.to_bytes(size, "big")]
    secrets += [secret.hex(" ").upper().encode()[:45] for secret in secrets[1:]]
    files = [path for path in lab.folder.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert all(path.stat().st_mode & 0o077 == 0 for path in files if path.name not in ("charon-systemd", "swanctl"))
    arguments = [Path("/proc", pid, "cmdline") for pid in traces(lab.name) if pid.isdigit()]
    assert len(arguments) >= 2
    for path in files + arguments:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path
    assert lab.folder.stat().st_mode & 0o777 == 0o700


def host_network() -> str:
    """The host's interfaces (without counters and ages), addresses, routes and rules."""
    commands = (["ip", "-br", "address"], ["ip", "rule"], ["ip", "route", "show", "table", "all"])
    return "".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout for command in commands)
