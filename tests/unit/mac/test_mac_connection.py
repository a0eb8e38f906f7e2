# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way to connect, why a connection ended, and what of the log leaves the Mac."""

from __future__ import annotations

import datetime
import os
import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import read_answer
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.disconnects import (
    CAUSES,
    IKEV2,
    PHRASES,
    PLUGIN,
    explain,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Arguments, Exec
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.tunnel import (
    AUTO,
    NO_TUNNEL,
    WAYS,
    Wish,
    our_tunnel,
    plan,
    pools,
)

MARK = "0123456789abcdef"
IDENTIFIER = "com.example.user-vpn"
# Section "Disconnect codes" of the source names these, and no other.
PLUGIN_CODES = {2, 4, 5, 6, 7, 10, 12, *range(14, 19), *range(20, 31), 38}


def known(**changes: Any) -> dict[str, Any]:
    profile = {"uuid": "5C1D", "connection_names": ["Contoso VPN"], "on_demand": False} | changes.pop("profile", {})
    return {"macos_version": "15.5", "console_user": "anna", "vpnutil": False, "profile": profile} | changes


def how(wish: Wish, **changes: Any) -> str:
    return plan(wish, known(**changes)).how


def test_auto_takes_vpnutil_then_the_shortcut_then_on_demand() -> None:
    wish = Wish(shortcut="VPN on")
    assert how(wish, vpnutil=True, profile={"on_demand": True}) == "vpnutil"
    assert how(wish, profile={"on_demand": True}) == "shortcut"
    assert how(wish, profile={"on_demand": True}, console_user="") == "on_demand"
    assert how(wish, profile={"on_demand": True}, macos_version="11.7") == "on_demand"
    assert how(Wish(), profile={"on_demand": True}) == "on_demand"
    assert how(Wish()) == ""
    assert how(Wish(connect=False), profile={"on_demand": True}) == ""
    assert how(Wish(connect=False), vpnutil=True) == "vpnutil"


def test_what_on_demand_does_is_a_change_only_when_it_was_triggered() -> None:
    for wish, acts in ((Wish(), False), (Wish(probe="10.20.0.4"), True)):
        way = plan(wish, known(profile={"on_demand": True}))
        assert way.how == "on_demand"
        assert way.acts(wish) is acts
    assert plan(Wish(), known(vpnutil=True)).acts(Wish())


@pytest.mark.parametrize(
    ("wish", "changes", "words"),
    [
        (Wish(), {}, "give the profile On Demand rules, name a Shortcut"),
        (Wish(), {"macos_version": "12.7"}, "System Preferences > Network"),
        (Wish(connect=False), {}, "can stop 'Contoso VPN'"),
        (Wish(shortcut="VPN on"), {"console_user": ""}, "nobody is logged in"),
        (Wish(shortcut="VPN on"), {"macos_version": "11.7.10"}, "no Shortcuts"),
        (Wish(via="vpnutil"), {}, "vpnutil is not on this Mac"),
        (Wish(via="vpnutil"), {"vpnutil": True, "profile": {"connection_names": ["a", "b"]}}, "holds 2 VPNs"),
        (Wish(), {"vpnutil": True, "profile": {"connection_names": []}}, "no VPN that macOS shows"),
        (Wish(via="on_demand", connect=False), {}, "On Demand cannot disconnect"),
    ],
)
def test_no_way_is_one_sentence(wish: Wish, changes: dict[str, Any], words: str) -> None:
    way = plan(wish, known(**changes))
    assert way.how == ""
    assert words in way.reason


def test_a_mac_without_the_profile_has_no_way_to_connect() -> None:
    bare = {"vpnutil": True, "profile": {}, "macos_version": "15.5"}
    assert "not installed on this Mac: install it" in plan(Wish(), bare).reason
    shared = bare | {"console_user": "anna", "other_users": ["ben", "cleo"]}
    assert "not installed for anna, only for ben and cleo: install it" in plan(Wish(), shared).reason


wishes = st.builds(
    Wish,
    connect=st.booleans(),
    via=st.sampled_from(WAYS),
    connection_name=st.sampled_from(["", "Contoso VPN"]),
    shortcut=st.just("VPN on"),
    probe=st.sampled_from(["", "10.20.0.4", "files.example.com"]),
    by_hand=st.booleans(),
)
macs = st.fixed_dictionaries(
    {
        "macos_version": st.sampled_from(["11.7.10", "12.7", "15.5", "26.1", ""]),
        "console_user": st.sampled_from(["", "anna"]),
        "vpnutil": st.booleans(),
        "profile": st.just({})
        | st.fixed_dictionaries(
            {"connection_names": st.lists(st.text(min_size=1), max_size=2), "on_demand": st.booleans()}
        ),
    }
)


@given(wish=wishes, mac=macs)
def test_every_mac_gets_a_way_or_a_sentence(wish: Wish, mac: dict[str, Any]) -> None:
    way = plan(wish, mac)
    assert bool(way.how) != bool(way.reason)
    if way.how:
        assert wish.via in (AUTO, way.how)
        assert bool(way.name) == (way.how != "on_demand")
    else:
        assert way.reason.endswith(".")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"via": "shortcut"}, "name the Shortcut"),
        ({"shortcut": "-x"}, "starts without -"),
        ({"connection_name": "a\nb"}, "connection_name"),
        ({"probe": "-f"}, "probe"),
        ({"probe": "10.20.0.4; reboot"}, "probe"),
        ({"probe": "files example"}, "host name or an IPv4 address"),
        ({"probe": "2001:db8::1"}, "IPv4"),
    ],
)
def test_words_that_a_command_could_misread_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(UserVpnError, match=words):
        Wish(**options)  # type: ignore[arg-type]


def test_the_table_holds_the_published_codes_and_no_others() -> None:
    assert {code for domain, code in CAUSES if domain == PLUGIN} == PLUGIN_CODES
    assert {code for domain, code in CAUSES if domain == IKEV2} == {3}
    assert set(PHRASES.values()) <= set(CAUSES)
    for meaning, remedy in CAUSES.values():
        assert meaning[0].islower() or meaning.startswith("macOS")
        assert not meaning.endswith(".")
        assert not remedy.endswith(".")


@given(
    domain=st.from_regex(r"[A-Za-z0-9]{1,20}ErrorDomain[A-Za-z0-9]{,20}", fullmatch=True),
    code=st.integers(-(10**12) + 1, 10**12 - 1),
)
def test_a_code_without_a_published_meaning_is_told_as_it_is(domain: str, code: int) -> None:
    assume((domain, code) not in CAUSES)
    assert f"{domain} {code}, whose meaning is not published" in explain(f"{domain} {code}")


@given(st.sampled_from(sorted(CAUSES)))
def test_the_same_number_differs_by_domain(key: tuple[str, int]) -> None:
    domain, code = key
    assert explain(f"{domain} {code}").startswith(CAUSES[key][0])
    assert explain(f"NEVPNConnectionErrorDomainIPSec {code}") != explain(f"{domain} {code}")


@given(st.text() | st.just("DOMAIN " + "9" * 5000))
def test_no_text_breaks_the_explanation(text: str) -> None:
    assert "\n" not in explain(text)


STUBS = {
    "stat": "echo anna",
    "id": "case $1 in -u) echo 0 ;; *) echo root ;; esac",
    "sw_vers": r"printf 'ProductName:\t\tmacOS\nProductVersion:\t\t15.5\nBuildVersion:\t\t24F74\n'",
    "ioreg": ":",
    "security": "exit 44",
    "ifconfig": "cat up 2> /dev/null || :",
    "profiles": '[ "$1" = status ] || cat shown',
    "log": 'printf "%s\\n" "$@" > asked; cat log.txt',
    "ping": 'echo "$@" >> pings; printf "ipsec0:\\n\\tinet 10.9.8.7 --> 10.9.8.7\\n" > up',
    "launchctl": 'shift 2; exec "$@"',
    "sudo": 'shift 3; exec "$@"',
    # Running one waits for somebody who writes to `asks`: a dialog on the screen.
    "shortcuts": "case $1 in list) echo 'VPN on' ;; *) touch runs; cat asks ;; esac",
}
PROFILE = {
    "_computerlevel": [
        {
            "ProfileIdentifier": IDENTIFIER,
            "ProfileUUID": "5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11",
            "ProfileItems": [
                {"PayloadType": "com.apple.security.root", "PayloadContent": {"PayloadContent": b"x"}},
                {
                    "PayloadType": "com.apple.vpn.managed",
                    "PayloadContent": {"UserDefinedName": "A & B", "IKEv2": {"OnDemandEnabled": 1, "EnablePFS": 1}},
                },
                {
                    "PayloadType": "com.apple.vpn.managed",
                    "PayloadContent": {"UserDefinedName": "Plain", "IKEv2": {"OnDemandEnabled": 0, "EnablePFS": 1}},
                },
            ],
        },
        {
            "ProfileIdentifier": "com.other",
            "ProfileUUID": "OTHER",
            "ProfileItems": [{"PayloadContent": {"UserDefinedName": "Other", "IKEv2": {"OnDemandEnabled": True}}}],
        },
    ]
}


HEAD = "nesessionmanager: [com.apple.networkextension:]"
SESSION = f"{HEAD} NESMIKEv2VPNSession[Primary Tunnel:of & anna:F6CF:(null)]"
REFUSED = "status changed to disconnected, last stop reason Plugin initiated"


@pytest.fixture
def mac(tmp_path: Path) -> Path:
    for name, body in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "shown").write_bytes(plistlib.dumps(PROFILE))
    (tmp_path / "log.txt").touch()
    return tmp_path


def run(mac: Path, verb: str, **given: str | int) -> str:
    arguments: Arguments = {"identifier": IDENTIFIER, "scope": "System"} | given
    return subprocess.run(
        Exec(verb, arguments).command(MARK),
        input="\n",
        cwd=mac,
        env={"PATH": f"{mac}:/usr/bin:/bin", "HOME": str(mac)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


def connect(mac: Path, **given: str | int) -> str:
    return run(
        mac, "connect", **({"how": "on_demand", "name": "", "limit": 0, "vpn": "", "others": "", "probe": ""} | given)
    )


def test_the_vpns_of_our_profile_and_their_on_demand_are_read(mac: Path) -> None:
    profile = read_answer(run(mac, "know", check=1, uuid="", whole=""), MARK).profile()
    assert profile is not None
    assert profile.connections == (("A & B", True), ("Plain", False))
    assert profile.as_dict()["on_demand"] is True


def test_of_the_log_only_the_last_reason_leaves_the_mac(mac: Path) -> None:
    (mac / "log.txt").write_text(
        f"{SESSION} at gateway.example.com: Error Domain=NEVPNConnectionErrorDomainPlugin Code=21 anna's name\n"
        f'{SESSION} secret: Error Domain=IKEv2ProviderDisconnectionErrorDomain Code=3 "(null)" UserInfo={{who=anna}}\n'
        f"{SESSION} something else of gateway.example.com\n"
    )
    answer = connect(mac)
    state = read_answer(answer, MARK)
    assert state.disconnect == "IKEv2ProviderDisconnectionErrorDomain 3"
    assert not any(word in answer for word in ("gateway.example", "secret", "anna's", "who="))
    asked = (mac / "asked").read_text().splitlines()
    assert asked[:3] == ["show", "--last", "5m"]
    assert 'subsystem == "com.apple.networkextension"' in asked


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_reason_in_words_is_understood(mac: Path, phrase: str) -> None:
    (mac / "log.txt").write_text(f"{SESSION}: status changed to disconnected, last stop reason {phrase}\n")
    state = read_answer(connect(mac), MARK)
    assert state.disconnect == phrase
    assert explain(state.disconnect).startswith(CAUSES[PHRASES[phrase]][0])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        # another company's VPN, and another IKEv2 VPN whose name begins like ours
        ([f"{HEAD} NESMVPNSession[Primary Tunnel:of & anna:F6CF:(null)]: {REFUSED}"], ""),
        ([f"{HEAD} NESMIKEv2VPNSession[Primary Tunnel:of & anna 2:F6CF:(null)]: {REFUSED}"], ""),
        # an error of something else, after our own reason
        (
            [
                f"{SESSION}: status changed to disconnected, last stop reason Server is not responding",
                f"{SESSION} cannot read: Error Domain=NSPOSIXErrorDomain Code=2",
                f"{SESSION} cannot read: Error Domain=NEConfigurationErrorDomain Code=9",
            ],
            "Server is not responding",
        ),
        # somebody stopped it: the page names both phrases for that, and not which line has which
        (
            [
                f"{SESSION}: status changed to connecting",
                f"{SESSION}: status changed to connected",
                f"{SESSION}: {REFUSED}",
            ],
            "",
        ),
        (
            [
                f"{SESSION}: status changed to disconnected, last stop reason Stop command received",
                f"{SESSION}: {REFUSED}",
            ],
            "",
        ),
        (
            [
                f"{SESSION}: {REFUSED}",
                f"{SESSION}: status changed to disconnected, last stop reason Stop command received",
            ],
            "",
        ),
        # a stop, then a new attempt that is refused
        (
            [
                f"{SESSION}: status changed to connected",
                f"{SESSION}: {REFUSED}",
                f"{SESSION}: status changed to connecting",
                f"{SESSION}: {REFUSED}",
            ],
            "Plugin initiated",
        ),
        # an attempt under way says nothing yet
        (
            [
                f"{SESSION}: status changed to disconnected, last stop reason Server is not responding",
                f"{SESSION}: status changed to connecting",
            ],
            "Server is not responding",
        ),
    ],
)
def test_only_what_ended_an_attempt_of_our_vpn_counts(mac: Path, lines: list[str], reason: str) -> None:
    (mac / "log.txt").write_text("\n".join([*lines, ""]))
    answer = connect(mac, vpn="of & anna")
    assert read_answer(answer, MARK).disconnect == reason


def test_what_this_run_started_is_looked_for_since_then(mac: Path) -> None:
    connect(mac, how="shortcut", name="VPN on", vpn="of & anna")
    asked = (mac / "asked").read_text().splitlines()
    assert asked[:2] == ["show", "--start"]
    began = datetime.datetime.strptime(asked[2], "%Y-%m-%d %H:%M:%S")
    assert datetime.timedelta(0) <= datetime.datetime.now() - began < datetime.timedelta(minutes=1)


def test_a_tunnel_that_is_not_ours_is_not_waited_for(mac: Path) -> None:
    (mac / "up").write_text("ipsec0:\n\tinet 192.168.77.9 --> 192.168.77.9\n")
    answer = connect(mac, limit=20, others="192.168.77.9 192.168.77.10", probe="10.20.0.4")
    assert read_answer(answer, MARK).tunnels == (("ipsec0", "10.9.8.7"),)
    assert (mac / "pings").exists()


def test_our_tunnel_is_told_by_its_address() -> None:
    others = [{"interface": "ipsec1", "address": "172.16.1.9"}]
    tunnel = {"connected": True, "interface": "ipsec0", "address": "192.168.77.9", "others": others}
    assert our_tunnel(tunnel, [])[0]["interface"] == "ipsec0"
    assert our_tunnel(tunnel, pools(["172.16.0.0/24", "172.16.1.0/24"])) == (
        {"connected": True, "interface": "ipsec1", "address": "172.16.1.9"},
        ["192.168.77.9"],
    )
    assert our_tunnel(tunnel, pools(["10.0.0.0/8"])) == (NO_TUNNEL, ["192.168.77.9", "172.16.1.9"])
    assert our_tunnel(NO_TUNNEL, []) == (NO_TUNNEL, [])
    with pytest.raises(UserVpnError, match=r"address_pools: .* give networks"):
        pools(["172.16.0.1/24"])


def test_a_vpn_set_up_by_hand_needs_a_name() -> None:
    bare = {"vpnutil": True, "profile": {}, "macos_version": "15.5"}
    assert "connection_name" in plan(Wish(by_hand=True), bare).reason
    assert plan(Wish(by_hand=True, connection_name="By hand"), bare).how == "vpnutil"


def test_the_probe_is_sent_until_the_tunnel_is_up_and_not_again(mac: Path) -> None:
    assert read_answer(connect(mac, limit=20, probe="10.20.0.4"), MARK).tunnels == (("ipsec0", "10.9.8.7"),)
    assert read_answer(connect(mac, limit=20, probe="10.20.0.4"), MARK).tunnels == (("ipsec0", "10.9.8.7"),)
    assert (mac / "pings").read_text() == "-c 1 -t 1 10.20.0.4\n"
    assert not (mac / "asked").exists()


def test_a_shortcut_that_asks_the_person_does_not_hold_up_the_run(mac: Path) -> None:
    os.mkfifo(mac / "asks")
    try:
        state = read_answer(connect(mac, how="shortcut", name="VPN on", limit=2), MARK)
        assert state.tunnels == ()
        assert state.stage == ""
        assert (mac / "runs").exists()
    finally:
        os.close(os.open(mac / "asks", os.O_RDWR | os.O_NONBLOCK))
    assert read_answer(connect(mac, how="shortcut", name="VPN", limit=2), MARK).stage == "no_shortcut"
