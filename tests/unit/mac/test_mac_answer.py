# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what mac.sh prints, and mac.sh itself over stubs that print what macOS prints."""

from __future__ import annotations

import contextlib
import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.plugin_utils._mac import MacError, facts, read_answer, script

MARK = "0123456789abcdef"
IDENTIFIER = "com.example.user-vpn"
UUID = "5C1D8A4E-6A0B-5D0F-9A53-0C6E0B8E9D11"
WHOLE = f"""Welcome to this Mac
begin {MARK}
path=/usr/bin:/bin
user=root
uid=0
console_user=anna
macos_version=15.5
build=24F74
serial_number=C02XK1ABJG5J
enrollment=Enrolled via DEP: No
enrollment=MDM enrollment: Yes (User Approved)
profile=_computerlevel\t{UUID}\t2026-11-20 09:14:38 +0000\tunsigned
certificate=DF3C24F9BFD666761B268073FE06D1CC8D4F82A4
identity=6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112
tunnel=ipsec0\t172.31.250.4
end {MARK}
bye
"""


def test_a_whole_answer() -> None:
    state = read_answer(WHOLE, MARK)
    profile = state.profile("System")
    assert profile is not None
    assert profile.uuid == UUID
    assert state.profile("User") is None
    seen = facts(state)
    assert seen["macos_version"] == "15.5"
    assert seen["serial_number"] == "C02XK1ABJG5J"
    assert seen["console_user"] == "anna"
    assert seen["privileged"] is True
    assert seen["enrolment"] == {"mdm": True, "user_approved": True, "dep": False}
    assert seen["tunnel"] == {"connected": True, "interface": "ipsec0", "address": "172.31.250.4", "others": []}
    assert seen["certificates"] == ["DF3C24F9BFD666761B268073FE06D1CC8D4F82A4"]


@pytest.mark.parametrize("length", range(0, len(WHOLE) - 6, 7))
def test_an_answer_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(MacError):
        read_answer(WHOLE[:length], MARK)


def test_an_answer_with_another_mark_is_refused() -> None:
    with pytest.raises(MacError):
        read_answer(WHOLE, "another")


def test_a_host_that_is_no_mac_is_named() -> None:
    with pytest.raises(MacError, match="does not answer as a Mac does"):
        read_answer(WHOLE.replace("macos_version=15.5", "macos_version="), MARK)


def test_what_profiles_complains_about_reaches_the_user() -> None:
    with pytest.raises(MacError, match="profiles: root privileges are required"):
        read_answer(
            WHOLE.replace(f"end {MARK}", f"profiles_error=profiles: root privileges are required\nend {MARK}"), MARK
        )


@given(st.text())
@settings(max_examples=60)
def test_no_answer_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(MacError):
        read_answer(f"begin {MARK}\n{text}\nend {MARK}\n", MARK)


@pytest.mark.parametrize(
    ("version", "pane", "place"),
    [
        ("11.7.10", "Profiles.prefPane", "System Preferences > Profiles"),
        ("12.7", "Profiles.prefPane", "System Preferences > Profiles"),
        ("13.6", "com.apple.Profiles-Settings.extension", "Privacy & Security > Profiles"),
        ("14.4", "com.apple.Profiles-Settings.extension", "Privacy & Security > Profiles"),
        ("15.5", "com.apple.Profiles-Settings.extension", "General > Device Management"),
        ("26.1", "com.apple.Profiles-Settings.extension", "General > Device Management"),
    ],
)
def test_the_settings_pane_of_each_release(version: str, pane: str, place: str) -> None:
    state = read_answer(WHOLE.replace("15.5", version), MARK)
    assert state.settings_pane.endswith(pane)
    assert state.settings_path.endswith(place)


def test_the_script_that_travels_is_the_script_without_its_comments() -> None:
    assert not any(line.lstrip().startswith("#") for line in script().splitlines())
    assert "know)" in script()


STUBS = {
    "stat": "echo anna",
    "sw_vers": r"printf 'ProductName:\t\tmacOS\nProductVersion:\t\t15.5\nBuildVersion:\t\t24F74\n'",
    "ioreg": """printf '    "IOPlatformSerialNumber" = "C02XK1ABJG5J"\\n'""",
    "security": "exit 44",
    "ifconfig": r"printf 'lo0:\n\tinet 127.0.0.1 \nipsec0:\n\tinet 10.9.8.7 --> 10.9.8.7\n'",
    "profiles": '[ "$1" = status ] || cat "$SHOWN"',
}


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stubs")
    for name, body in STUBS.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return folder


def know(stubs: Path, tmp_path: Path, shown: bytes) -> subprocess.CompletedProcess[str]:
    (tmp_path / "shown").write_bytes(shown)
    return subprocess.run(
        ["/bin/sh", "-c", script(), "mac", MARK, "know", IDENTIFIER, "System", "1"],
        input="\n",
        env={"PATH": f"{stubs}:/usr/bin:/bin", "HOME": str(tmp_path), "SHOWN": str(tmp_path / "shown")},
        capture_output=True,
        text=True,
        check=True,
    )


def shown_profile(identifier: str, uuid: str, **more: Any) -> dict[str, Any]:
    secret = {
        "PayloadType": "com.apple.security.pkcs12",
        "PayloadContent": {"Password": "top-secret", "PayloadContent": b"secret bytes"},
    }
    return {
        "ProfileIdentifier": identifier,
        "ProfileUUID": uuid,
        "ProfileInstallDate": "2026-11-20 09:14:38 +0000",
        "ProfileVerificationState": "unsigned",
        "ProfileItems": [secret | {"ProfileIdentifier": IDENTIFIER, "ProfileUUID": "not this one"}],
    } | more


def test_only_our_profile_and_no_secret_leaves_the_mac(stubs: Path, tmp_path: Path) -> None:
    shown = {
        "_computerlevel": [shown_profile("com.other", "OTHER"), shown_profile(IDENTIFIER, UUID)],
        "anna": [shown_profile(IDENTIFIER, "ANNAS")],
    }
    done = know(stubs, tmp_path, plistlib.dumps(shown))
    assert done.stderr == ""
    assert "top-secret" not in done.stdout
    assert "c2VjcmV0" not in done.stdout  # base64 of "secret"
    state = read_answer(done.stdout, MARK)
    assert [(profile.scope, profile.uuid) for profile in state.profiles] == [("System", UUID), ("User", "ANNAS")]
    assert state.tunnels == (("ipsec0", "10.9.8.7"),)


hostile = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30) | st.sampled_from(
    ["</dict>", "<dict>", "a\nb", "</string>\n<key>ProfileUUID</key>\n<string>FORGED</string>", "end " + MARK]
)


@given(description=hostile, name=hostile)
@settings(max_examples=15, deadline=None)
def test_hostile_texts_in_other_profiles_forge_nothing(
    stubs: Path, tmp_path_factory: pytest.TempPathFactory, description: str, name: str
) -> None:
    shown = {
        "_computerlevel": [
            shown_profile("com.other", "OTHER", ProfileDescription=description, ProfileDisplayName=name),
            shown_profile(IDENTIFIER, UUID, ProfileDescription=description),
        ]
    }
    done = know(stubs, tmp_path_factory.mktemp("mac"), plistlib.dumps(shown))
    assert [profile.uuid for profile in read_answer(done.stdout, MARK).profiles] == [UUID]


@pytest.mark.parametrize(
    "nothing",
    [
        b"",
        plistlib.dumps({}),
        b"There are no configuration profiles installed in the system domain\n",
        plistlib.dumps({"_computerlevel": []}),
    ],
)
def test_a_mac_without_profiles(stubs: Path, tmp_path: Path, nothing: bytes) -> None:
    assert read_answer(know(stubs, tmp_path, nothing).stdout, MARK).profiles == ()


def test_what_a_killed_run_staged_is_removed(stubs: Path, tmp_path: Path) -> None:
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    cache = tmp_path / "Library/Caches/vwan.user_vpn"
    (cache / "profiles").mkdir(parents=True)
    (cache / "profiles/left.mobileconfig").write_text("a private key")
    ended = subprocess.Popen(["true"])
    ended.wait()
    (cache / "staged").write_text(f"{me}\t{ended.pid}\n")
    state = read_answer(know(stubs, tmp_path, b"").stdout, MARK)
    assert state.leftover == me
    assert not cache.exists()
    assert read_answer(know(stubs, tmp_path, b"").stdout, MARK).leftover == ""
