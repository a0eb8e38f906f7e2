# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transcript: what one release of macOS said, form by form, in a text that people read, diff and commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import Form

from .compare import Heard

#: Committed ones. What stands there, a real Mac has said; nothing else may.
FOLDER = Path(__file__).resolve().parents[1] / "lab/transcripts"

HEAD = """\
# What a Mac says to the command forms of the lab of vwan.user_vpn, written by `make conformance`. Please read it all
# before you hand it on: names, public addresses and whatever looks like key material were taken out.
#
# "?" the form, "$" its command, "1|" standard output, "2|" standard error, "+" what became of files, "=" the exit code,
# "double" what the lab's double says where that is something else, "!" the verdict: same, told (nothing to compare),
# differs, or skipped.
"""
SAME, TELLS, DIFFERS, SKIPPED = "same", "told", "differs", "skipped"
_MARKS = {"1| ": "out", "2| ": "err", "+ ": "effects"}
_FACT = re.compile(r"([a-z]+): (\S.*)")


class TranscriptError(Exception):
    """A text that is no transcript; the message says where."""


@dataclass(frozen=True)
class Entry:
    """One form: what the Mac said (None: it was skipped), what the double said, the verdict and its reasons."""

    name: str
    command: str
    mac: Heard | None = None
    double: Heard | None = None
    verdict: str = SAME
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """Facts (release, build, machine, how it was reached), and the entries in the order in which they ran."""

    facts: dict[str, str]
    entries: list[Entry] = field(default_factory=list)
    # What a look afterwards sees and the one before did not.
    left_behind: tuple[str, ...] = ()

    @property
    def release(self) -> str:
        """The version of macOS."""
        return self.facts.get("release", "")

    def settled(self) -> set[str]:
        """Names of the forms to which the Mac has given an answer that stands."""
        return {entry.name for entry in self.entries if entry.verdict in (SAME, TELLS)}

    def text(self) -> str:
        """All of it."""
        facts = "".join(f"{name}: {value}\n" for name, value in self.facts.items())
        left = "".join(f"# left behind: {line}\n" for line in self.left_behind or ("nothing",))
        return "\n".join([HEAD + left + facts, *(_block(entry) for entry in self.entries)])


def _block(entry: Entry) -> str:
    lines = [f"? {entry.name}", f"$ {entry.command.replace(chr(10), chr(10) + '$ ')}"]
    if entry.mac:
        lines += _said(entry.mac)
    if entry.double and entry.verdict == DIFFERS:
        lines += [f"double {line}" for line in _said(entry.double)]
    reasons = entry.reasons or ("",)
    lines += [f"! {entry.verdict}: {reason}" if reason else f"! {entry.verdict}" for reason in reasons]
    return "".join(f"{line}\n" for line in lines)


def _said(heard: Heard) -> list[str]:
    streams = ((mark, getattr(heard, name)) for mark, name in _MARKS.items())
    return [*(f"{mark}{line}" for mark, lines in streams for line in lines), f"= {heard.status}"]


def read(text: str) -> Transcript:
    """The transcript that this text is."""
    head, *blocks = re.split(r"^\? ", text, flags=re.MULTILINE)
    facts = dict(found.groups() for line in head.split("\n") if (found := _FACT.fullmatch(line)))
    if not re.fullmatch(r"\d+(?:\.\d+){0,2}", facts.get("release", "")):
        raise TranscriptError("it names no release")
    return Transcript(facts, [_entry(block) for block in blocks])


def _entry(block: str) -> Entry:
    name, *lines = block.rstrip("\n").split("\n")
    command = "\n".join(_taken(lines, "$ "))
    verdicts = [line.partition(": ") for line in _taken(lines, "! ")]
    double = _heard(_taken(lines, "double "), name)
    mac = _heard(lines, name)
    if not command or not verdicts or lines:
        raise TranscriptError(f"{name}: {lines[0] if lines else 'a command or a verdict is missing'}")
    kinds = {kind for kind, _colon, _reason in verdicts}
    if len(kinds) != 1 or not kinds <= {SAME, TELLS, DIFFERS, SKIPPED} or (mac is None) != (kinds == {SKIPPED}):
        raise TranscriptError(f"{name}: the verdict does not fit")
    reasons = tuple(reason for _kind, _colon, reason in verdicts if reason)
    return Entry(name, command, mac, double, kinds.pop(), reasons)


def _taken(lines: list[str], mark: str) -> list[str]:
    """Take out the lines with a mark."""
    found = [line for line in lines if line.startswith(mark)]
    lines[:] = [line for line in lines if not line.startswith(mark)]
    return [line.removeprefix(mark) for line in found]


def _heard(lines: list[str], name: str) -> Heard | None:
    streams = {word: tuple(_taken(lines, mark)) for mark, word in _MARKS.items()}
    codes = _taken(lines, "= ")
    if not codes and not any(streams.values()):
        return None
    if len(codes) != 1 or not codes[0].isdecimal():
        raise TranscriptError(f"{name}: the exit code is missing")
    return Heard(int(codes[0]), **streams)


def committed(folder: Path = FOLDER) -> list[Path]:
    """The transcripts of a folder."""
    return sorted(folder.glob("*.txt"))


def outdated(transcript: Transcript, forms: Iterable[Form]) -> list[str]:
    """Names of entries whose form is another now, or gone: what was said then answers a question that nobody asks."""
    commands = {form.name: form.command for form in forms}
    return [entry.name for entry in transcript.entries if commands.get(entry.name) != entry.command]


def verdict(form: Form, reasons: Sequence[str]) -> str:
    """The verdict over a form that both answered."""
    return DIFFERS if reasons else TELLS if form.compare == "told" else SAME
