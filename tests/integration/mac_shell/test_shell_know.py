# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""know: everything in one answer, and what an earlier run has left."""

from __future__ import annotations

import base64
import itertools
import os
import plistlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.evidence import left
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import asked
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec
from ansible_collections.vwan.user_vpn.tests.integration.lab import lab_samples as samples
from ansible_collections.vwan.user_vpn.tests.integration.mac_shell.shells import MARK, Shell, until

NewShell = Callable[..., Shell]
EARLIER = MARK[::-1]


def vpn(name: str, on_demand: int | None) -> dict[str, Any]:
    """A second VPN payload beside that of the sample."""
    payload = dict(samples.profile()["PayloadContent"][2])
    ikev2 = dict(payload["IKEv2"])
    if on_demand is not None:
        ikev2["OnDemandEnabled"] = on_demand
    identifier = f"{samples.IDENTIFIER}.{name}"
    uuid = f"00000000-0000-0000-0000-{abs(hash(name)) % 10**12:012}"
    return payload | {"UserDefinedName": name, "IKEv2": ikev2, "PayloadIdentifier": identifier, "PayloadUUID": uuid}


def test_everything_that_later_decisions_need(each: Shell) -> None:
    mac = each.mac
    mac.push_profile(samples.packed(samples.profile()))
    mac.push_profile(samples.packed(samples.profile(PayloadIdentifier="com.other", PayloadUUID="B" * 8)))
    mac.tunnel = {"interface": "ipsec0", "address": "172.16.0.2"}
    mac.foreign_tunnel = {"interface": "ipsec1", "address": "192.168.77.9"}
    answer = each.run("know")
    assert (answer.code, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"begin {MARK}\n")
    assert answer.stdout.endswith(f"end {MARK}\n")
    state = answer.state
    (profile,) = state.profiles
    assert (profile.uuid, profile.scope, profile.connections) == (
        samples.profile()["PayloadUUID"], "System", (("User VPN", False),),
    )  # fmt: skip
    assert profile.verification_state == "unsigned"
    assert profile.install_date.endswith("+0000")
    assert (state.user, state.uid, state.console_user) == ("root", 0, "anna")
    assert (state.macos_version, state.build, state.serial_number) == ("15.5", "24F74", mac.serial)
    assert (state.enrolled_by_mdm, state.enrolled_by_dep) == (False, False)
    assert state.certificates == {item["sha1"] for item in mac.keychain("system")}
    assert state.fingerprints == {item["sha256"] for item in mac.keychain("system")}
    assert state.identities == {item["sha1"] for item in mac.keychain("system") if item["has_key"]}
    assert set(state.tunnels) == {("ipsec0", "172.16.0.2"), ("ipsec1", "192.168.77.9")}
    assert (state.vpnutil, state.has_key, state.leftover, state.stage) == (False, False, "", "")
    assert answer.one("path") == str(mac.bin)
    assert not each.left()
    # The private key and its password are in what `profiles show` prints, and in nothing else.
    assert samples.PASSWORD not in answer.stdout


def test_certificates_of_identities_are_told_as_they_are_where_that_is_wished(each: Shell) -> None:
    each.mac.push_profile(samples.packed(samples.profile()))
    items = each.mac.keychains["system"]
    identities = [item for item in items if item.key]
    assert 0 < len(identities) < len(items)
    plain, whole = each.run("know"), each.run("know", whole=1)
    assert [base64.b64decode(text) for text in whole.state.whole] == [item.der for item in identities]
    assert plain.state.whole == () and plain.state.identities == whole.state.identities
    assert (plain.state.certificates, plain.state.fingerprints) == (whole.state.certificates, whole.state.fingerprints)


def test_an_enrolled_mac_says_how(new_shell: NewShell) -> None:
    state = new_shell(mdm=True).run("know").state
    assert (state.enrolled_by_mdm, state.mdm_user_approved, state.enrolled_by_dep) == (True, True, True)


@pytest.mark.parametrize("seated", [None, "loginwindow", "_mbsetupuser"])
def test_nobody_sits_at_the_login_window(new_shell: NewShell, seated: str | None) -> None:
    shell = new_shell(console_user=seated, users=("anna", "loginwindow", "_mbsetupuser"))
    answer = shell.run("know", scope="User")
    assert answer.one("console_user") == ""
    assert answer.state.console_user == ""
    # There is no user whose keychain could be looked at.
    assert not shell.starts("security")


def test_the_scope_of_the_user_is_asked_as_that_user(shell: Shell) -> None:
    shell.mac.person = "ignores"
    shell.mac.download(samples.packed(samples.profile(PayloadScope="User")), "anna")
    shell.mac.approve()
    answer = shell.run("know", scope="User")
    assert [start.argv[4:] for start in shell.starts("profiles", "show")] == [["-all", "-output", "stdout-xml"]]
    asked = shell.starts("security")
    assert {(start.user, start.home, start.argv[-1]) for start in asked} == {
        ("anna", shell.home("anna"), "login.keychain-db")
    }
    assert [profile.scope for profile in answer.state.profiles] == ["User"]
    assert answer.state.certificates == {item["sha1"] for item in shell.mac.keychain("anna")} != set()


def test_without_root_one_sees_ones_own(shell: Shell) -> None:
    answer = shell.run("know", scope="User", user="anna")
    assert (answer.state.user, answer.state.privileged) == ("anna", False)
    assert [start.argv[1:] for start in shell.starts("profiles", "show")] == [
        ["show", "-type", "configuration", "-output", "stdout-xml"]
    ]
    assert not shell.starts("sudo")


EXPECTED = {"User VPN": False, "Second": True, "Third": False}


@pytest.mark.parametrize("order", itertools.permutations(range(5), 5) if os.environ.get("USER_VPN_SOAK") else [
    (0, 1, 2, 3, 4), (2, 3, 0, 1, 4), (2, 0, 3, 4, 1), (3, 2, 1, 4, 0), (4, 3, 2, 1, 0),
])  # fmt: skip
def test_each_vpn_counts_once_wherever_its_payload_stands(shell: Shell, order: tuple[int, ...]) -> None:
    """Root, identity and three VPNs, of which one has On Demand, and one has it switched off."""
    content = [*samples.profile()["PayloadContent"], vpn("Second", 1), vpn("Third", 0)]
    shell.mac.push_profile(samples.packed(samples.profile(PayloadContent=[content[place] for place in order])))
    (profile,) = shell.run("know").state.profiles
    assert len(profile.connections) == 3
    assert dict(profile.connections) == EXPECTED


@pytest.mark.parametrize("first", [True, False])
def test_an_on_demand_switch_of_no_vpn_counts_for_none(shell: Shell, first: bool) -> None:
    items = [
        {"PayloadType": "a", "PayloadContent": {"OnDemandEnabled": 1}},
        {"PayloadType": "b", "PayloadContent": {"UserDefinedName": "VPN", "IKEv2": {"EnablePFS": 1}}},
    ]
    shown = {
        "ProfileIdentifier": samples.IDENTIFIER,
        "ProfileUUID": "A",
        "ProfileItems": items if first else items[::-1],
    }
    shell.mac.fail("profiles", 0, out=plistlib.dumps({"_computerlevel": [shown]}).decode())
    (profile,) = shell.run("know").state.profiles
    assert profile.connections == (("VPN", False),)


@pytest.mark.parametrize("nothing", ["plist+text", "plist", "text", "nothing"])
def test_a_mac_without_a_profile(shell: Shell, nothing: str) -> None:
    shell.mac.show_nothing = nothing
    state = shell.run("know").state
    assert state.profiles == ()


@pytest.mark.parametrize(
    ("code", "out", "said"),
    [
        (1, "profiles: needs root privileges\nmore\n", "profiles: needs root privileges"),
        (0, "profiles: something else\n", "profiles: something else"),
        (7, "", "exit status 7"),
        (7, "There are no configuration profiles installed\n", "exit status 7"),
    ],
)  # fmt: skip
def test_what_profiles_complains_about_is_passed_on(shell: Shell, code: int, out: str, said: str) -> None:
    shell.mac.fail("profiles", code, out=out)
    assert shell.run("know").one("profiles_error") == said


@pytest.mark.parametrize(
    ("place", "mode", "found"),
    [("opt/homebrew/bin", 0o755, "1"), ("usr/local/bin", 0o755, "1"), ("opt/homebrew/bin", 0o644, "")],
)
def test_vpnutil_is_looked_for_where_homebrew_puts_it(shell: Shell, place: str, mode: int, found: str) -> None:
    folder = shell.mac.disk / place
    folder.mkdir(parents=True)
    (folder / "vpnutil").write_text("#!/bin/sh\n")
    (folder / "vpnutil").chmod(mode)
    answer = shell.run("know")
    assert "".join(answer.all("vpnutil")) == found


def test_why_a_keychain_cannot_be_read_is_said(shell: Shell) -> None:
    said = "security: SecKeychainSearchCopyNext: The specified keychain could not be found."
    shell.mac.fail("security", 44, err=f"{said}\nmore\n")
    answer = shell.run("know")
    assert (answer.state.keychain_error, answer.state.certificates, answer.stderr) == (said, frozenset(), "")


@pytest.mark.parametrize("seated", ["anna", None])
def test_a_vpn_that_macos_has_lost_is_seen_where_vpnutil_is(new_shell: NewShell, seated: str | None) -> None:
    shell = new_shell(vpnutil=True, console_user=seated)
    shell.mac.push_profile(samples.packed(samples.profile()))
    uuid = samples.profile()["PayloadUUID"]
    assert shell.run("know", uuid=uuid).state.services == {"User VPN"}
    anna = shell.mac.accounts["anna"].uid if seated else None
    assert [(start.user, start.session) for start in shell.starts("vpnutil")] == [(seated or "root", anna)]
    shell.mac.dropped_services.add("User VPN")
    state = shell.run("know", uuid=uuid).state
    assert (state.services, bool(state.profiles)) == (frozenset(), True)
    # It takes a second: not for whoever has no profile in mind.
    assert shell.run("know").state.services is None
    assert len(shell.starts("vpnutil")) == 2


def test_an_interface_without_an_ipv4_address_and_another_programs_tunnel_are_none_of_ours(shell: Shell) -> None:
    shell.mac.fail(
        "ifconfig",
        0,
        out="ipsec0: flags=1\n\tinet6 fe80::1 prefixlen 64\nutun3: flags=1\n\tinet 10.1.1.1 --> 10.1.1.1\n"
        "ipsec12: flags=1\n\tinet 172.16.0.9 --> 172.16.0.9\nipsecx: flags=1\n\tinet 10.1.1.2 --> 10.1.1.2\n",
    )
    assert shell.run("know").state.tunnels == (("ipsec12", "172.16.0.9"),)


# -- what an earlier run has left ------------------------------------------------------------------------------------


def stage_by_hand(shell: Shell, note: str, owner: str = "anna") -> Path:
    """What a killed run leaves: the profile in the person's folder, and the note in root's own."""
    profile = shell.mac.home(shell.mac.accounts[owner]) / f"Library/Caches/vwan.user_vpn/{EARLIER}/a.mobileconfig"
    profile.parent.mkdir(parents=True)
    profile.write_text("a private key")
    folder = shell.mac.home(shell.mac.accounts["root"]) / "Library/Caches/vwan.user_vpn"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{EARLIER}.staged").write_text(note)
    return profile


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process with our mark among its arguments, as a run that still waits."""
    with subprocess.Popen(
        ["/bin/sh", "-c", "read -r line", "mac", f"mark={EARLIER}", "length=1"], stdin=subprocess.PIPE
    ) as child:
        yield child
        child.kill()


def test_what_a_dead_run_left_goes_at_once_and_is_said_once(each: Shell) -> None:
    profile = stage_by_hand(each, f"anna\n{2**22 + 1}\n")
    first = each.run("know")
    assert (first.state.leftover, first.state.stuck) == ("anna", False)
    assert not profile.exists()
    assert not each.left()
    assert [(start.user, start.home) for start in each.starts("sudo")] == [("root", each.home("root"))]
    assert each.run("know").state.leftover == ""


def test_check_mode_only_says_so(shell: Shell) -> None:
    profile = stage_by_hand(shell, f"anna\n{2**22 + 1}\n")
    assert shell.run("know", check=1).state.leftover == "anna"
    assert profile.exists()
    assert shell.run("look", check=1).state.leftover == "anna"
    assert profile.exists()
    assert shell.run("look", check=0).state.leftover == "anna"
    assert not shell.left()


def test_a_run_that_still_waits_keeps_its_profile(shell: Shell, sleeper: subprocess.Popen[bytes]) -> None:
    profile = stage_by_hand(shell, f"anna\n{sleeper.pid}\n")
    assert shell.run("know").state.leftover == ""
    assert profile.exists()


def test_what_a_run_has_left_running_keeps_its_profile(shell: Shell, sleeper: subprocess.Popen[bytes]) -> None:
    """The exec itself has ended."""
    profile = stage_by_hand(shell, f"anna\n{2**22 + 1}\n{sleeper.pid}\n")
    assert shell.run("know").state.leftover == ""
    assert profile.exists()


def test_another_process_with_the_number_of_the_dead_one_keeps_nothing(shell: Shell) -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "read -r line", "mac", f"mark={MARK}", "x"], stdin=subprocess.PIPE
    ) as other:
        profile = stage_by_hand(shell, f"anna\n{other.pid}\n")
        assert shell.run("know").state.leftover == "anna"
        assert not profile.exists()
        other.kill()


def test_each_run_that_is_dead_is_told_and_its_file_goes(shell: Shell, sleeper: subprocess.Popen[bytes]) -> None:
    profile = stage_by_hand(shell, f"anna\n{2**22 + 1}\n")
    for number, process in ((1, 2**22 + 1), (2, sleeper.pid)):
        another = profile.parents[1] / f"{number}/b.mobileconfig"
        another.parent.mkdir()
        another.write_text("a private key")
        note = shell.mac.home(shell.mac.accounts["root"]) / f"Library/Caches/vwan.user_vpn/{number}.staged"
        note.write_text(f"anna\n{process}\n")
    assert shell.run("know").all("leftover") == ["anna"] * 3  # the sleeper bears another mark
    assert not shell.left()


def test_a_dead_run_of_whose_end_nobody_took_note_keeps_nothing(shell: Shell) -> None:
    """A zombie answers `kill -0`; in a container that can take seconds."""
    with subprocess.Popen(["/bin/sh", "-c", "exit", "mac", f"mark={EARLIER}", "length=1"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        profile = stage_by_hand(shell, f"anna\n{zombie.pid}\n")
        assert shell.run("know").state.leftover == "anna"
        assert not profile.exists()


@pytest.mark.parametrize("note", ["", "\n"])
def test_a_note_that_was_never_written_in_full_just_goes(shell: Shell, note: str) -> None:
    folder = shell.mac.home(shell.mac.accounts["root"]) / "Library/Caches/vwan.user_vpn"
    folder.mkdir(parents=True)
    (folder / f"{EARLIER}.staged").write_text(note)
    shell.run("know", check=1)
    assert shell.left()
    answer = shell.run("know")
    assert (answer.all("leftover"), answer.stderr) == ([], "")
    assert not shell.left()


def test_what_cannot_be_removed_is_said(shell: Shell) -> None:
    stage_by_hand(shell, f"gone\n{2**22 + 1}\n")
    state = shell.run("know").state
    assert (state.leftover, state.stuck, state.swept) == ("gone", True, False)
    assert "gone" in state.stuck_by
    assert shell.run("know").state.stuck


# -- the ways in -----------------------------------------------------------------------------------------------------


def test_nothing_waits_for_an_end_of_its_input(each: Shell) -> None:
    for verb in ("know", "remove", "disconnect", "look", "change", "csr", "drop_key"):
        assert each.run(verb, ends=False).stdout.endswith(f"end {MARK}\n"), verb


def test_what_lives_after_its_exec_is_found(each: Shell) -> None:
    """As the module mac_evidence looks for it, to see whether a Mac lets it live."""

    def run(verb: str, mark: str, **given: str | int) -> str:
        there = Exec(verb, given, asked() if verb == "evidence" else b"")
        with each.lab.process(each.mac, [*each.words, *there.command(mark)[1:]]) as child:
            return child.communicate(there.sent, timeout=60)[0].decode()

    said = run("linger", EARLIER, seconds=30)
    assert said.startswith(f"begin {EARLIER}\n")
    assert said.endswith(f"end {EARLIER}\n")
    number = left(said, EARLIER)
    topic = "? reaching the Mac: processes that outlive their connection\n"
    for run_mark, found in ((EARLIER, "1\n= 0"), (MARK, "0\n= 1")):
        answer = run("evidence", MARK, minutes=1, left=number, run=run_mark)
        assert answer.partition(topic)[2].partition("\n| ")[2].startswith(f"{found}\n")
    os.killpg(os.getpgid(int(number)), signal.SIGKILL)
    until(lambda: "\n| 0\n" in run("evidence", MARK, minutes=1, left=number, run=EARLIER).partition(topic)[2][:200])
