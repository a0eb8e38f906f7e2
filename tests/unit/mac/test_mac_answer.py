# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a Mac says, and the sh that says it over stubs that print what macOS prints."""

from __future__ import annotations

import contextlib
import json
import plistlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import (
    KEYS,
    MacError,
    facts,
    read_answer,
)
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.shell import Exec

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


HARMFUL = "\x00\x07\x1b\x7f\x85\x0b\x0c\x1c\u2028\u2029\u202e\u2066\udc80\r\n\t"
many_digits = st.sampled_from(["9" * 5000, "-" + "9" * 5000, "٣", "1.5", "0x10", ""])
values = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=HARMFUL + "a=", max_size=20),
    many_digits,
    st.sampled_from([f"_computerlevel\t{UUID}\t&#{'9' * 5000};\t&#xD800;&#27;\tA &amp; B\t1", "ipsec0\t" + "9" * 5000]),
)
lines_of_any_kind = st.lists(st.tuples(st.sampled_from([*KEYS, "unknown", ""]), values), max_size=30)


@given(st.text() | lines_of_any_kind.map(lambda pairs: "\n".join(f"{key}={value}" for key, value in pairs)))
@settings(max_examples=300)
def test_no_answer_breaks_the_reader_and_nothing_harmful_comes_out(text: str) -> None:
    head = "macos_version=15.5\nuid=0\n"
    for answer in (text, head + text):
        with contextlib.suppress(MacError):
            seen = json.dumps(facts(read_answer(f"begin {MARK}\n{answer}\nend {MARK}\n", MARK)), ensure_ascii=False)
            seen.encode("utf-8")
            assert not set(seen) & set(HARMFUL)


@pytest.mark.parametrize("separator", ["\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\u2028", "\u2029", "\r"])
def test_a_name_forges_no_further_lines(separator: str) -> None:
    name = f"anna{separator}identity={'A' * 40}{separator}end {MARK}"
    state = read_answer(WHOLE.replace("console_user=anna", f"console_user={name}"), MARK)
    assert state.identities == {"6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112"}
    assert state.tunnels == (("ipsec0", "172.31.250.4"),)
    assert separator not in state.console_user


@pytest.mark.parametrize("key", ["uid", "macos_version"])
@pytest.mark.parametrize("number", ["9" * 5000, "٣", "-1", ""])
def test_what_is_no_number_counts_as_not_said(key: str, number: str) -> None:
    lines = [line for line in WHOLE.split("\n") if not line.startswith(f"{key}=")]
    lines.insert(2, f"{key}={number}")
    with pytest.raises(MacError, match="does not answer as a Mac does"):
        read_answer("\n".join(lines), MARK)


def test_what_is_said_twice_counts_as_first_said() -> None:
    twice = WHOLE.replace(f"end {MARK}", f"uid=501\nuser=eve\nunknown=x\nuid\n=\nend {MARK}")
    assert read_answer(twice, MARK) == read_answer(WHOLE, MARK)


def test_an_endless_answer_is_refused() -> None:
    with pytest.raises(MacError, match="more than 4194304 characters"):
        read_answer(WHOLE.replace("uid=0", "uid=0\n" + "named=" + "A" * 5_000_000), MARK)


def test_a_long_text_is_cut_and_a_name_stays_as_it_is() -> None:
    def user(name: str) -> str:
        return read_answer(WHOLE.replace("user=root", f"user={name}"), MARK).user

    assert user("x" * 5000) == "x" * 297 + "..."
    assert user("Ünï 👩‍💻 \N{NO-BREAK SPACE}x") == "Ünï 👩‍💻 \N{NO-BREAK SPACE}x"


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
    assert state.release.pane.endswith(pane)
    assert state.release.profiles_place.endswith(place)


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


def know(stubs: Path, tmp_path: Path, shown: bytes, first: Path = Path("/nowhere")) -> subprocess.CompletedProcess[str]:
    (tmp_path / "shown").write_bytes(shown)
    return subprocess.run(
        Exec("know", {"identifier": IDENTIFIER, "scope": "System", "check": 0, "uuid": "", "whole": ""}).command(MARK),
        input="\n",
        env={"PATH": f"{first}:{stubs}:/usr/bin:/bin", "HOME": str(tmp_path), "SHOWN": str(tmp_path / "shown")},
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


def test_a_line_feed_in_a_value_forges_no_further_line(stubs: Path, tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(
        "#!/bin/sh\nprintf 'anna\\nidentity=%s\\n' 6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112\n"
    )
    (tmp_path / "stat").chmod(0o755)
    done = know(stubs, tmp_path, b"", first=tmp_path)
    state = read_answer(done.stdout, MARK)
    assert (state.console_user, state.identities) == ("anna", frozenset())


def test_what_a_killed_run_staged_is_removed(stubs: Path, tmp_path: Path) -> None:
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    cache = tmp_path / "Library/Caches/vwan.user_vpn"
    (cache / "0123").mkdir(parents=True)
    (cache / "0123/left.mobileconfig").write_text("a private key")
    ended = subprocess.Popen(["true"])
    ended.wait()
    (cache / "0123.staged").write_text(f"{me}\n{ended.pid}\n")
    state = read_answer(know(stubs, tmp_path, b"").stdout, MARK)
    assert state.leftover == me
    assert not cache.exists()
    assert read_answer(know(stubs, tmp_path, b"").stdout, MARK).leftover == ""
