# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redacting what a Mac has said: what must go, and what must stay to be of use."""

from __future__ import annotations

import base64
import plistlib
import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.answer import MacError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.evidence import NOBODY, read, redact, report

MARK = "0123456789abcdef"
noise = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)
# Not the words of the marks themselves, which a second pass would mark again, nor those that name nobody.
MARKS = "removed address hardware public gateway characters mail name string data URL PEM azure users library"
names = st.text(string.ascii_lowercase, min_size=4, max_size=12).filter(
    lambda name: name not in MARKS and name not in NOBODY
)
words = st.text(string.ascii_letters + string.digits + "!$%&*#?", min_size=8, max_size=30)


@given(before=noise, name=names, after=noise, upper=st.booleans())
@settings(max_examples=100, deadline=None)
def test_names_go(before: str, name: str, after: str, upper: bool) -> None:
    shown = name.upper() if upper else name
    text = redact(f"{before} {shown}'s Mac, /Users/{shown}/Library {after}", [name])
    assert f"{shown}'s" not in text
    assert f"/Users/{shown}" not in text


@given(before=noise, secret=st.binary(min_size=96, max_size=400), after=noise)
@settings(max_examples=100, deadline=None)
def test_key_material_goes_in_every_writing(before: str, secret: bytes, after: str) -> None:
    encoded = base64.b64encode(secret).decode()
    pem = f"-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----"
    for writing in (encoded, base64.urlsafe_b64encode(secret).decode(), secret.hex(), pem, pem[: len(pem) // 2]):
        text = redact(f"{before}\n| {writing}\n{after}")
        assert writing not in text
        assert encoded[20:60] not in text
        assert secret.hex()[20:60] not in text


@given(secret=st.binary(min_size=1, max_size=300), password=words, indent=st.sampled_from(["", "| ", "\t| \t"]))
@settings(max_examples=60, deadline=None)
def test_what_a_profile_holds_goes_even_if_it_were_there(secret: bytes, password: str, indent: str) -> None:
    plist = plistlib.dumps({"PayloadContent": secret, "Password": password, "ProfileUUID": "kept"}).decode()
    text = redact("\n".join(indent + line for line in plist.splitlines()))
    assert "<data>" not in text
    shown = plist.partition("<key>Password</key>")[2].partition("<string>")[2].partition("</string>")[0]
    assert f"<string>{shown}</string>" not in text or shown == "kept"
    assert "ProfileUUID" in text


@settings(deadline=None)
@given(password=words, key=st.sampled_from(["password", "Password", "shared secret", "SharedSecret", "passphrase"]))
def test_passwords_go(password: str, key: str) -> None:
    assume(password not in key)  # which stays
    for writing in (f"{key}: {password}", f"{key}={password}", f'"{key}" = "{password}";'):
        assert password not in redact(f"| {writing}")


@given(text=noise, name=names)
@settings(max_examples=100, deadline=None)
def test_redacting_twice_changes_nothing(text: str, name: str) -> None:
    once = redact(text, [name])
    assert redact(once, [name]) == once


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("wan.0a1b2c.vpn.azure.com", "<gateway>.vpn.azure.com"),
        ("nameserver[0] : 8.8.8.8", "nameserver[0] : <public address>"),
        ("inet 172.31.250.4 --> 172.31.250.4", "inet 172.31.250.4 --> 172.31.250.4"),
        ("inet6 2a01:4f8:c17::1 prefixlen 64", "inet6 <public address> prefixlen 64"),
        ("inet6 fe80::1%lo0", "inet6 fe80::1%lo0"),
        ("ether 3c:22:fb:00:11:22", "ether <hardware address>"),
        ("MDM server: https://mdm.example.com/a?b=c", "MDM server: <URL>"),
        ("anna.m@example.com", "<mail address>"),
        ("ProductVersion:\t\t15.5", "ProductVersion:\t\t15.5"),
        (
            "2026-11-23 01:14:38.123456+0100 0x1c423 nesessionmanager: x",
            "2026-11-23 01:14:38.123456+0100 0x1c423 nesessionmanager: x",
        ),
        ('  1) 6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112 "..."', '  1) 6A9F0C3B1D2E4F5061728394A5B6C7D8E9F00112 "..."'),
        ("profiles version: 11.04", "profiles version: 11.04"),
        (
            "/System/Library/Frameworks/NetworkExtension.framework/PlugIns/NEIKEv2Provider.appex",
            "/System/Library/Frameworks/NetworkExtension.framework/PlugIns/NEIKEv2Provider.appex",
        ),
    ],
)
def test_what_is_of_use_stays(said: str, shown: str) -> None:
    assert redact(said) == shown


def test_the_names_that_the_mac_gives_are_hidden_and_not_told() -> None:
    answer = f"banner of anna\nbegin {MARK}\nhide=anna\nhide=root\n? who\n$ id -un\n| anna\n| root\n= 0\nend {MARK}\n"
    hidden, seen = read(answer, MARK)
    assert hidden == ["anna", "root"]
    assert "hide=" not in seen
    text = report(answer, MARK, ["mac-1"])
    assert "| <name>\n| root\n= 0" in text
    assert "anna" not in text
    with pytest.raises(MacError):
        read(answer[:-6], MARK)


def test_odd_characters_move_no_cursor_and_make_no_lines() -> None:
    said = "| a\x1b[2J\tb\u202ec\x85? forged\u2028$ forged\r= 9"
    answer = f"begin {MARK}\nhide=anna\x85x\n? who\n$ id\n{said}\n= 0\nend {MARK}\n"
    text = report(answer, MARK)
    assert "| a?[2J\tb?c?? forged?$ forged?= 9\n= 0\n" in text
    assert read(answer, MARK)[0] == ["anna\x85x"]


@pytest.mark.parametrize(
    "text", ["a.", "a@", "a-", "1.", "a:", "://", "<key>", "-----BEGIN ", "password", "<data>", "/Users/"]
)
def test_no_text_takes_for_ever(text: str) -> None:
    lines = "".join(f"| {text * (1900 // len(text))}\n" for _line in range(100))
    report(f"begin {MARK}\n{lines}end {MARK}\n", MARK, ["anna"])


@pytest.mark.parametrize("more", ["".join(f"hide=a{number}\n" for number in range(1001)), "| x\n" * 50_001])
def test_a_mac_that_says_without_end_is_refused(more: str) -> None:
    with pytest.raises(MacError, match="says more than any does"):
        report(f"begin {MARK}\n{more}end {MARK}\n", MARK)


def test_a_thousand_names_are_hidden_wherever_they_stand() -> None:
    names = [f"name-{number}" for number in range(1000)]
    text = redact(
        "\n".join(f"NAME-{number} x{number}name-{number} name-{number}y name-{number}." for number in range(1000)),
        names,
    )
    assert text == "\n".join(f"<name> x{number}name-{number} name-{number}y <name>." for number in range(1000))
