# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How two answers differ is found and named; equal ones are silent; nothing that names anybody is kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import (
    KNOWN,
    LINES,
    SHAPES,
    SPOKE,
    TOLD,
    Form,
)
from ansible_collections.vwan.user_vpn.tests.conformance import half, transcript
from ansible_collections.vwan.user_vpn.tests.conformance.compare import UNENDED, Heard, Hiding, differences
from ansible_collections.vwan.user_vpn.tests.conformance.half import HalfError, Said
from ansible_collections.vwan.user_vpn.tests.conformance.transcript import Entry, Transcript, TranscriptError

MARK = "0123456789abcdef"
PLAIN = Heard(0, ("SHA-1 hash: AA", "  1) name"), ())
lines = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20), max_size=4)
heards = st.builds(
    lambda status, out, err, effects: Heard(status, tuple(out), tuple(err), tuple(effects)),
    st.integers(0, 255),
    lines,
    lines,
    lines,
)


@pytest.mark.parametrize("compare", [LINES, SHAPES, KNOWN, SPOKE, TOLD])
@given(heard=heards)
@settings(max_examples=30, deadline=None)
def test_equal_ones_are_silent(compare: str, heard: Heard) -> None:
    assert differences(Form("x", "x", compare), heard, heard) == []


@pytest.mark.parametrize(
    ("double", "said"),
    [
        (Heard(1, PLAIN.out), ["the exit code is 0 on the Mac, 1 on the double"]),
        (Heard(0, (), PLAIN.out), ["the Mac says it on standard output, the double on standard error"]),
        (Heard(0, PLAIN.out, ("warning",)), ["the double alone says something on standard error"]),
        (Heard(0), ["the Mac alone says something on standard output"]),
        (Heard(0, ("SHA-1 hash: AA", "   1) name")), ["a column has moved in line 2 of standard output"]),
        (Heard(0, (*PLAIN.out, "more")), ["the double says 1 line more on standard output"]),
        (Heard(0, PLAIN.out[:1]), ["the Mac says 1 line more on standard output"]),
        (
            Heard(0, ("SHA-1 hash: BB", "  1) name")),
            ["line 1 of standard output is 'SHA-1 hash: AA' on the Mac, 'SHA-1 hash: BB' on the double"],
        ),
        (
            Heard(2, (), ("security: illegal option -- Z", "Usage: x")),
            [
                "the double refuses what the Mac takes",
                "the exit code is 0 on the Mac, 2 on the double",
                "the Mac says it on standard output, the double on standard error",
            ],
        ),
        (Heard(0, PLAIN.out, (), ("-rw------- new",)), ["only the double does this to files: -rw------- new"]),
        (Heard(0, (*PLAIN.out, UNENDED)), ["the double says 1 line more on standard output"]),
    ],
)
def test_each_difference_has_its_name(double: Heard, said: list[str]) -> None:
    assert differences(Form("x", "x"), PLAIN, double) == said


def test_shapes_bear_other_numbers_and_no_other_columns() -> None:
    form = Form("x", "x", SHAPES)
    mac = Heard(
        0, ("2026-11-28 01:02:03 +0000 defaults[700:7000]", '  1) ABCDEF0123456789ABCDEF0123456789ABCDEF01 "A name"')
    )
    other = Heard(0, ("2025-01-01 00:00:00 +0000 defaults[1:2]", '  9) 0000000000000000000000000000000000000000 "B"'))
    assert differences(form, mac, other) == []
    moved = Heard(0, (other.out[0], " " + other.out[1]))
    assert differences(form, mac, moved) == ["a column has moved in line 2 of standard output"]


def test_what_the_double_prints_the_mac_must_know() -> None:
    form = Form("x", "x", KNOWN)
    mac = Heard(0, ("lo0: flags=8049<UP> mtu 16384", "\tinet 127.0.0.1 netmask 0xff000000", "en5: flags=1<UP> mtu 1"))
    assert differences(form, mac, Heard(0, ("\tinet 10.0.0.1 netmask 0xffffff00",))) == []
    (told,) = differences(form, mac, Heard(0, ("\t inet 10.0.0.1 netmask 0xffffff00",)))
    assert told.startswith("the Mac has no line like") and told.endswith("a column has moved")
    (told,) = differences(form, mac, Heard(0, ("\tether 02:00",)))
    assert "ether" in told and "moved" not in told


# -- hiding ------------------------------------------------------------------------------------------------------------


def test_nothing_that_names_anybody_is_kept() -> None:
    hiding = Hiding({"AA" * 20: "<sha1 of the root>"}, ("Mac-7",), "anna")
    said = (
        'keychain: "/private/var/folders/ab/vwan.user_vpn.conformance.AbCdEfGh/files/a"\n'
        + "AA" * 20
        + "\nuid=501(anna) on mac-7 at 20.30.40.50\nIOPlatformUUID = 6005052A-3A34-59E3-815F-5CEBBA3097EB\n"
        "/Users/bob/x\nannabel"
    ).encode()
    assert hiding.lines(said) == (
        'keychain: "$work/files/a"',
        "<sha1 of the root>",
        "uid=501(<user>) on <name> at <public address>",
        "IOPlatformUUID = <UUID>",
        "/Users/<name>/x",
        "annabel",
        UNENDED,
    )


def test_what_became_of_files() -> None:
    before = {"stays": "-rw-r--r--", "goes": "-rw-r--r--", "changes": "-rw-r--r--"}
    after = {"stays": "-rw-r--r--", "changes": "-rw-------", "comes": "drwx------"}
    effects = Hiding().heard(Form("x", "x"), Said(0, b"", b"", after), before).effects
    assert effects == ("-rw------- changes", "drwx------ comes", "no more goes")


# -- what comes back from a Mac ----------------------------------------------------------------------------------------


def answer(*, sizes: str, content: bytes, head: str = "hide=anna\naccount=admin\nabsent 3\nform 0\n") -> bytes:
    return f"banner\nbegin {MARK}\n{head}sizes\n{sizes}bytes\n {content.hex(' ')}\nend {MARK}\nlate\n".encode()


def test_streams_come_back_to_the_byte() -> None:
    out, listing = b"a\0b\xff\n\n", b"total 8\n-rw-r--r--@ 1 a staff 0 Nov 28 15:00 file\n"
    sizes = f"       {len(out)} 0.out\n 0 0.err\n 2 0.status\n {len(listing)} 0.ls\n 99 total\n"
    # In the order of `wc`'s lines.
    read = half.read(answer(sizes=sizes, content=out + b"7\n" + listing), MARK)
    assert read.said == {0: Said(7, out, b"", {"file": "-rw-r--r--"})}
    assert (read.names, read.account, read.absent) == (["anna"], "admin", {3})


@pytest.mark.parametrize(
    "output",
    [
        b"",
        f"begin {MARK}\nform 0\n".encode(),
        f"begin {MARK}\nend {MARK}\n".encode(),
        answer(sizes=" 1 0.out\n", content=b"abc"),
        answer(sizes=" 1 0.out\n", content=b"a"),
        answer(sizes=" 1 0.out\n 0 0.err\n 1 0.ls\n 1 0.status\n", content=b"abx"),
        answer(sizes="", content=b"").replace(b"bytes\n ", b"bytes\n zz"),
    ],
)
def test_half_an_answer_is_none(output: bytes) -> None:
    with pytest.raises(HalfError):
        half.read(output, MARK)


# -- transcripts -------------------------------------------------------------------------------------------------------


@given(mac=heards, double=heards, verdict=st.sampled_from(["same", "told", "differs"]))
@settings(max_examples=50, deadline=None)
def test_a_transcript_is_read_as_it_was_written(mac: Heard, double: Heard, verdict: str) -> None:
    reasons = ("it differs", "twice") if verdict == "differs" else ()
    entries = [
        Entry("one: form", "echo a\necho b", mac, double if verdict == "differs" else None, verdict, reasons),
        Entry("two", "true", verdict="skipped", reasons=("it needs a person",)),
    ]
    written = Transcript({"release": "15.5", "build": "24F74"}, entries, ("+ files: x",))
    read = transcript.read(written.text())
    assert (read.facts, read.entries) == (written.facts, entries)
    assert read.text() == Transcript(written.facts, entries).text()
    assert read.settled() == (set() if verdict == "differs" else {"one: form"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "release: fifteen\n",
        "release: 15.5\n? x\n! same\n",
        "release: 15.5\n? x\n$ x\n= 0\n",
        "release: 15.5\n? x\n$ x\n= 0\n! good\n",
        "release: 15.5\n? x\n$ x\n= 0\n! skipped: why\n",
        "release: 15.5\n? x\n$ x\n! same\n",
        "release: 15.5\n? x\n$ x\n= 0\nstray\n! same\n",
        "release: 15.5\n? x\n$ x\n= zero\n! same\n",
    ],
)
def test_what_is_no_transcript_is_refused(text: str) -> None:
    with pytest.raises(TranscriptError):
        transcript.read(text)


def test_of_lines_only_what_is_compared_is_kept() -> None:
    said = Said(0, b'address : 10.1.2.3\naddress : 10.1.2.4\n "Corp"\n', b"", {})
    assert Hiding().heard(Form("x", "x", KNOWN), said, {}).out == ("address : <address>", ' "..."')
    assert Hiding().heard(Form("x", "x", SHAPES), said, {}).out == ("address : <address>",) * 2 + (' "..."',)
    assert Hiding().heard(Form("x", "x"), said, {}).out == ("address : 10.1.2.3", "address : 10.1.2.4", ' "Corp"')
