# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of forms is whole and sound sh, and the pages of fidelity name every form, as the transcripts have it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac import shell
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import LINES, READING, Form, asked
from ansible_collections.vwan.user_vpn.tests.conformance import half, materials, pages, transcript
from ansible_collections.vwan.user_vpn.tests.conformance.compare import Heard
from ansible_collections.vwan.user_vpn.tests.conformance.forms import FORMS, OPENSSL
from ansible_collections.vwan.user_vpn.tests.conformance.transcript import Entry, Transcript
from ansible_collections.vwan.user_vpn.tests.lab.commands import openssl

SCRIPTS = {
    "forms": half.forms_script(list(enumerate(FORMS)), {"a": b"content"}, {}).text,
    "look": half.look_script("0" * 16).text,
}
PAGE = "| what | only a real Mac can settle | settled by |\n|---|---|---|\n| a \\| b | all | {} |\n"


def test_names_are_their_own() -> None:
    assert [name for name, number in Counter(form.name for form in FORMS).items() if number > 1] == []
    for form in FORMS:
        assert not set(form.name) & set("`|*()\n"), form.name
        assert not form.ask or form.name.startswith("guided: "), form.name


def test_the_evidence_asks_forms_of_the_same_list() -> None:
    assert set(READING) <= set(FORMS)
    lines = asked().decode().split("\n")
    assert lines[::3][:-1] == [form.name for form in READING]
    assert lines[2::3] == [form.command for form in READING]
    assert not any(form.ask for form in READING)


def test_options_of_openssl_are_all_asked() -> None:
    """Of the other doubles the integration tests record which options are asked."""
    for name in openssl.FLAGS:
        (form,) = [form for form in OPENSSL if form.name == f"openssl: options of {name}"]
        for option in (*openssl.FLAGS[name], *openssl.VALUES[name]):
            assert f"'{option}'" in form.command or f"'{option} " in form.command, option


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_half_of_a_mac_is_sound_sh(name: str) -> None:
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is missing; requirements/test.txt brings it")
    # Forms are texts in quotes here, and are checked one by one.
    command = [program, "--shell=sh", "--exclude=SC2016,SC2034,SC2329", "-"]
    done = subprocess.run(command, input=SCRIPTS[name], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("words", [("/bin/sh", "-n"), ("/bin/bash", "--posix", "-n")], ids=["sh", "bash"])
def test_forms_are_read_by_each_shell(words: tuple[str, ...]) -> None:
    if not Path(words[0]).exists():
        pytest.skip(f"this host has no {words[0]}; any Linux distribution's package bash brings it")
    texts = [*SCRIPTS.values(), "".join(f"{{ {form.where or ':'}\n}}\n{{ {form.command}\n}}\n" for form in FORMS)]
    for text in texts:
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_forms_are_sound_sh() -> None:
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is missing; requirements/test.txt brings it")
    # Each a function of its own; variables come from elsewhere, and `cd` alone is where it should be.
    text = "".join(f"form_{number}() {{\n{form.command}\n}}\n" for number, form in enumerate(FORMS))
    text = "\n".join((shell.FOLDER / "forms.sh").read_text().split("\n")[4:]) + text
    command = [program, "--shell=sh", "--severity=warning", "--exclude=SC2154,SC2034,SC2164", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_what_is_sent_is_new_each_time() -> None:
    one, two = materials.make(), materials.make()
    assert one.variables["password"] != two.variables["password"]
    assert set(one.files) == set(two.files)
    assert one.files["client.key"] != two.files["client.key"]
    assert set(one.named_in(["cat root.cer"])) == {"root.cer"}
    assert set(one.named_in(["%s.txt"])) == {path.name for path in materials.RECORDED.glob("*.txt")}


# -- the pages ---------------------------------------------------------------------------------------------------------


def test_pages_and_forms_are_in_step() -> None:
    transcripts = [transcript.read(path.read_text(encoding="utf-8")) for path in transcript.committed()]
    texts = [page.read_text(encoding="utf-8") for page in pages.PAGES]
    for text in texts:
        assert list(pages.rows(text))
        assert pages.problems(text) == []
        assert pages.written(text, transcripts) == text, "run tests/conformance/pages.py"
    assert pages.unnamed(texts) == []


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("`form`", []),
        ("`family: *`; by hand: look", []),
        ("by hand: look", []),
        ("", ["a \\| b: something is open, and nothing settles it"]),
        ("nothing is open", ["a \\| b: something is open, and nothing settles it"]),
        ("`no form`", ["a \\| b: there is no form no form"]),
        ("`no family: *`", ["a \\| b: there is no form no family: *"]),
        ("`form` (15.5, 26.1)", []),
        ("by hand: `no form`", []),
    ],
)
def test_a_page_out_of_step_is_noticed(cell: str, told: list[str]) -> None:
    forms = [Form("form", "true"), Form("family: one", "true"), Form("family: two", "true")]
    assert pages.problems(PAGE.format(cell), forms) == told


def test_a_row_in_which_nothing_is_open_says_so() -> None:
    page = PAGE.replace("| all |", "| |")
    assert pages.problems(page.format("nothing is open")) == []
    assert pages.problems(page.format("by hand: look")) != []


def test_a_form_that_no_page_names_is_noticed() -> None:
    forms = [Form("form", "true"), Form("family: one", "true")]
    assert pages.unnamed([PAGE.format("`form`")], forms) == ["family: one"]


def test_a_point_closes_when_a_transcript_settles_it() -> None:
    forms = [Form("form", "true", LINES), Form("family: one", "true"), Form("family: two", "true")]
    heard = Heard(0, ("x",))

    def said(release: str, **verdicts: str) -> Transcript:
        names = {"form": "form", "one": "family: one", "two": "family: two"}
        entries = [
            Entry(names[name], "true", None if verdict == "skipped" else heard, None, verdict)
            for name, verdict in verdicts.items()
        ]
        return Transcript({"release": release}, entries)

    page = PAGE.format("`form`, `family: *`; by hand: `form`")
    transcripts = [
        said("26.1", form="same", one="same", two="skipped"),
        said("15.5", form="told", one="same", two="differs"),
        said("9.1", form="differs", one="same", two="told"),
    ]
    closed = pages.written(page, transcripts, forms)
    assert closed == PAGE.format("`form` (15.5, 26.1), `family: *` (9.1, 26.1); by hand: `form`")
    assert pages.problems(closed, forms) == []
    assert pages.written(closed, transcripts, forms) == closed
    # A form that has changed is open again.
    assert pages.written(closed, transcripts, [Form("form", "false"), *forms[1:]]).count("15.5") == 0
    assert pages.written(closed, [], forms) == page
