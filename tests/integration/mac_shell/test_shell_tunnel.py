# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connect and disconnect: who starts what, as whom, and what is said when nothing comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.lab import lab_samples as samples
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import Shell
from ansible_collections.vwan.user_vpn.tests.lab import Mac

NewShell = Callable[..., Shell]
VPN = "User VPN"
SESSION = f"nesessionmanager: [com.apple.networkextension:] NESMIKEv2VPNSession[Primary Tunnel:{VPN}:F6CF:(null)]"


def with_profile(shell: Shell, on_demand: list[dict[str, Any]] | None = None) -> Mac:
    profile = samples.profile()
    if on_demand:
        samples.ikev2(profile).update(OnDemandEnabled=1, OnDemandRules=on_demand)
    shell.mac.push_profile(samples.packed(profile))
    return shell.mac


@pytest.mark.parametrize("verb", ["connect", "disconnect"])
def test_what_is_so_already_starts_nothing(shell: Shell, verb: str) -> None:
    mac = with_profile(shell)
    mac.tunnel = {"interface": "ipsec0", "address": "172.16.0.2"} if verb == "connect" else None
    answer = shell.run(verb, how="vpnutil", name=VPN, limit=20)
    assert not shell.starts("vpnutil")
    assert (answer.all("stage"), answer.all("waiting")) == ([], [])


def test_vpnutil_runs_in_the_session_of_whoever_sits_there(new_shell: NewShell, words: tuple[str, ...]) -> None:
    shell = new_shell(words, vpnutil=True)
    mac = with_profile(shell)
    answer = shell.run("connect", how="vpnutil", name=VPN, limit=20)
    assert answer.state.tunnels == (("ipsec0", "172.16.0.2"),)
    (start,) = shell.starts("vpnutil")
    anna = mac.accounts["anna"]
    assert (start.argv[1:], start.user, start.session, start.home) == (
        ["start", VPN], "anna", anna.uid, shell.home("anna"),
    )  # fmt: skip
    answer = shell.run("disconnect", how="vpnutil", name=VPN, limit=20)
    assert answer.state.tunnels == ()
    assert shell.starts("vpnutil")[-1].argv[1:] == ["stop", VPN]


def test_what_somebody_has_installed_never_runs_as_root(new_shell: NewShell) -> None:
    shell = new_shell(vpnutil=True, console_user=None)
    mac = with_profile(shell)
    program = mac.disk / "opt/homebrew/bin/vpnutil"
    target = program.with_name("the-program")
    target.write_bytes((mac.bin / ".double").read_bytes())
    target.chmod(0o755)
    mac.own(target, "anna")  # the link itself is root's
    program.unlink()
    program.symlink_to(target)
    mac.own(program, "root")
    shell.run("connect", how="vpnutil", name=VPN, limit=20)
    assert {
        (start.user, start.home)
        for start in mac.starts
        if start.argv[-2:] == ["start", VPN] and start.argv[0] != "sudo"
    } <= {("anna", shell.home("anna"))}
    assert [start.argv[1:4] for start in shell.starts("sudo")] == [["-H", "-u", "anna"]]


def test_one_without_root_runs_it_herself(new_shell: NewShell) -> None:
    shell = new_shell(vpnutil=True)
    with_profile(shell)
    shell.run("connect", user="anna", how="vpnutil", name=VPN, limit=20)
    (start,) = shell.starts("vpnutil")
    assert (start.user, start.session) == ("anna", None)
    assert not shell.starts("sudo") + shell.starts("launchctl")


def test_vpnutil_that_does_not_know_the_name_is_believed_though_it_ends_with_0(new_shell: NewShell) -> None:
    shell = new_shell(vpnutil=True)
    with_profile(shell)
    answer = shell.run("connect", how="vpnutil", name="Another", limit=60)
    assert (answer.one("stage"), answer.one("message")) == ("refused", "Could not find Another")
    assert not answer.all("waiting")


def test_vpnutil_that_fails_is_believed(new_shell: NewShell) -> None:
    shell = new_shell(vpnutil=True)
    with_profile(shell)
    shell.mac.fail("vpnutil", 1, out="Usage: no\nmore\n")
    answer = shell.run("connect", how="vpnutil", name=VPN, limit=60)
    assert (answer.one("stage"), answer.one("message")) == ("refused", "Usage: no")


def test_a_shortcut_needs_somebody(new_shell: NewShell) -> None:
    shell = new_shell(console_user=None)
    answer = shell.run("connect", how="shortcut", name="VPN on", limit=60)
    assert answer.one("stage") == "no_console_user"
    assert not shell.starts("shortcuts")


def test_why_shortcuts_cannot_be_listed_is_said(shell: Shell) -> None:
    shell.mac.fail("shortcuts", 1, err="Error: The helper is not running.\nmore\n")
    answer = shell.run("connect", how="shortcut", name="VPN on", limit=60)
    assert (answer.one("stage"), answer.one("message")) == ("no_shortcuts", "Error: The helper is not running.")


@pytest.mark.parametrize("name", ["VPN", "VPN on at work", "VPN o.", "-v"])
def test_a_shortcut_goes_by_its_whole_name(shell: Shell, name: str) -> None:
    shell.mac.shortcuts["VPN on"] = lambda mac: mac.connect(VPN)
    answer = shell.run("connect", how="shortcut", name=name, limit=60)
    assert answer.one("stage") == "no_shortcut"
    assert not shell.starts("shortcuts", "run")


def test_a_shortcut_connects(each: Shell) -> None:
    with_profile(each)
    each.mac.shortcuts["VPN on"] = lambda mac: mac.connect(VPN)
    answer = each.run("connect", how="shortcut", name="VPN on", limit=20)
    assert answer.state.tunnels == (("ipsec0", "172.16.0.2"),)
    assert {(start.user, start.session, start.home) for start in each.starts("shortcuts")} == {
        ("anna", each.mac.accounts["anna"].uid, each.home("anna"))
    }


def test_a_probe_is_what_on_demand_waits_for(shell: Shell) -> None:
    with_profile(shell, [{"Action": "Connect"}])
    answer = shell.run("connect", how="on_demand", limit=20, probe="10.20.0.4")
    assert answer.state.tunnels == (("ipsec0", "172.16.0.2"),)
    assert [start.argv for start in shell.starts("ping")] == [["ping", "-c", "1", "-t", "1", "10.20.0.4"]]


def test_without_a_probe_nothing_is_sent(shell: Shell) -> None:
    with_profile(shell, [{"Action": "Connect"}])
    answer = shell.run("connect", how="on_demand", limit=0)
    assert answer.state.tunnels == ()
    assert not shell.starts("ping")
    assert len(answer.all("waiting")) == 1


def test_a_tunnel_of_another_vpn_is_neither_ours_nor_waited_for(shell: Shell) -> None:
    mac = with_profile(shell, [{"Action": "Connect"}])
    mac.foreign_tunnel = {"interface": "ipsec1", "address": "192.168.77.9"}
    answer = shell.run("connect", how="on_demand", limit=20, others="192.168.77.9 192.168.77.10", probe="10.20.0.4")
    assert len(answer.state.tunnels) == 2
    mac.disconnect(VPN)
    answer = shell.run("disconnect", how="on_demand", limit=20, others="192.168.77.9")
    assert answer.all("waiting") == []


def test_a_disconnect_waits_until_it_is_down(new_shell: NewShell) -> None:
    shell = new_shell(vpnutil=True)
    mac = with_profile(shell)
    mac.tunnel = {"interface": "ipsec0", "address": "172.16.0.2"}
    mac.fail("vpnutil", 0)
    answer = shell.run("disconnect", how="vpnutil", name=VPN, limit=2)
    assert answer.state.tunnels == (("ipsec0", "172.16.0.2"),)
    assert len(answer.all("waiting")) >= 2


@pytest.mark.parametrize(
    ("how", "probe", "period"),
    [("on_demand", "", ["--last", "5m"]), ("on_demand", "10.1.1.1", "--start"), ("vpnutil", "", "--start")],
)
def test_the_reason_is_looked_for_since_it_can_have_happened(
    new_shell: NewShell, how: str, probe: str, period: list[str] | str
) -> None:
    shell = new_shell(vpnutil=True)
    mac = with_profile(shell)
    mac.fail("vpnutil", 0)
    mac.log_lines = [f"{SESSION}: status changed to disconnected, last stop reason Server is not responding"]
    answer = shell.run("connect", how=how, name=VPN, limit=0, vpn=VPN, probe=probe)
    assert answer.one("disconnect") == "Server is not responding"
    (asked,) = shell.starts("log")
    assert asked.argv[2 : 4 if isinstance(period, list) else 3] == (period if isinstance(period, list) else [period])


def test_why_the_log_cannot_be_read_is_said(new_shell: NewShell) -> None:
    shell = new_shell(vpnutil=True)
    with_profile(shell).fail("vpnutil", 0)
    shell.mac.fail("log", 64, err="log: Could not open local log store: Permission denied\nmore\n")
    answer = shell.run("connect", how="vpnutil", name=VPN, limit=0, vpn=VPN)
    assert (answer.all("disconnect"), answer.stderr) == ([], "")
    assert answer.one("message") == "log: Could not open local log store: Permission denied"


def test_without_root_there_is_no_log_to_look_into(shell: Shell) -> None:
    with_profile(shell)
    answer = shell.run("connect", user="anna", how="on_demand", limit=0)
    assert answer.code == 0
    assert not shell.starts("log")
