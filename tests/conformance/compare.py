# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Mac said, without what names it; and how two of them differ, each difference by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.evidence import redact
from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import KNOWN, SHAPES, SPOKE, TOLD, Form
from ansible_collections.vwan.user_vpn.plugins.module_utils._text import cleaned

from .half import TIMED_OUT, Said

OUT, ERR = "standard output", "standard error"
#: Stands behind a last line that has no line feed.
UNENDED = "\\ no line feed at the end"
LINES_SHOWN = 400
_REFUSAL = re.compile(
    r"illegal option|unknown option|unrecognized option|invalid option|usage:|unknown command|unknown word",
    re.IGNORECASE,
)
_SHAPES = (
    (re.compile(r"\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\b", re.IGNORECASE), "<UUID>"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?[+-]\d{4}|Z)?"), "<date>"),
    (re.compile(r"\b0x[0-9A-F]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b[0-9A-F]{32,}\b", re.IGNORECASE), "<hash>"),
    (re.compile(r"<(?:name|user|public address|hardware address|gateway)>"), "<name>"),
    (re.compile(r'"[^"]*"'), '"..."'),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), "<address>"),
    (re.compile(r"\d+"), "0"),
)
_UUID = _SHAPES[0][0]
# The folder of a run, by whichever of its paths.
_WORK = re.compile(r"[^\s\"'=(]*/vwan\.user_vpn\.conformance\.\w{6,}")


@dataclass(frozen=True)
class Heard:
    """What one form said, fit to be shown: exit code, lines of both streams, and what became of files."""

    status: int
    out: tuple[str, ...] = ()
    err: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hiding:
    """What goes from all that one Mac says: literal texts with what stands for each, and names."""

    symbols: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    user: str = ""

    def lines(self, content: bytes) -> tuple[str, ...]:
        """The lines of a stream."""
        if not content:
            return ()
        text = _WORK.sub("$work", content.decode("utf-8", "surrogateescape"))
        for literal in sorted(self.symbols, key=len, reverse=True):
            text = text.replace(literal, self.symbols[literal])
        if len(self.user) > 1:
            text = re.sub(rf"(?<!\w){re.escape(self.user)}(?!\w)", "<user>", text)
        ended = text.endswith("\n")
        lines = [cleaned(line, keep="\t") for line in text.removesuffix("\n").split("\n")]
        shown = redact("\n".join(lines), self.names).split("\n")
        if len(shown) > LINES_SHOWN:
            shown = [*shown[:LINES_SHOWN], f"... and {len(shown) - LINES_SHOWN} lines more"]
        shown = [_UUID.sub("<UUID>", line) for line in shown]
        return tuple(shown if ended else [*shown, UNENDED])

    def heard(self, form: Form, said: Said, before: Mapping[str, str]) -> Heard:
        """One answer, of whose lines only what is compared is kept; `before` are the files when the form began."""
        out, err = self.lines(said.out), self.lines(said.err)
        if form.compare in (SHAPES, KNOWN):
            out, err = tuple(map(shape, out)), tuple(map(shape, err))
        if form.compare == KNOWN:
            out, err = tuple(dict.fromkeys(out)), tuple(dict.fromkeys(err))
        return Heard(said.status, out, err, tuple(_effects(before, said.files)))


def _effects(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield f"{after[name]} {name}" if name in after else f"no more {name}"


def shape(line: str) -> str:
    """A line without what differs from Mac to Mac; blanks stay as they are."""
    for pattern, word in _SHAPES:
        line = pattern.sub(word, line)
    return line


def differences(form: Form, mac: Heard, double: Heard) -> list[str]:
    """Where a double does not do what the Mac did; one sentence each."""
    if form.compare == TOLD:
        return []
    return [
        *_codes(mac, double),
        *_streams(mac, double),
        *(_lines(form, mac, double) if form.compare != SPOKE else ()),
        *_files(mac.effects, double.effects),
    ]


def _codes(mac: Heard, double: Heard) -> Iterator[str]:
    refused_there, refused_here = (any(_REFUSAL.search(line) for line in (*h.err, *h.out)) for h in (mac, double))
    if refused_here and not refused_there and mac.status != double.status:
        yield "the double refuses what the Mac takes"
    if refused_there and not refused_here and mac.status != double.status:
        yield "the Mac refuses what the double takes"
    if mac.status != double.status:
        late = " (it was ended: it took too long)" if TIMED_OUT in (mac.status, double.status) else ""
        yield f"the exit code is {mac.status} on the Mac, {double.status} on the double{late}"


def _streams(mac: Heard, double: Heard) -> Iterator[str]:
    if mac.out and not mac.err and double.err and not double.out:
        yield f"the Mac says it on {OUT}, the double on {ERR}"
    elif mac.err and not mac.out and double.out and not double.err:
        yield f"the Mac says it on {ERR}, the double on {OUT}"
    else:
        for name, there, here in ((OUT, mac.out, double.out), (ERR, mac.err, double.err)):
            if bool(there) != bool(here):
                yield f"the {'Mac' if there else 'double'} alone says something on {name}"


def _lines(form: Form, mac: Heard, double: Heard) -> Iterator[str]:
    for name, there, here in ((OUT, mac.out, double.out), (ERR, mac.err, double.err)):
        if not there or not here:
            continue  # told already
        if form.compare == KNOWN:
            known = {shape(line) for line in there}
            strange = dict.fromkeys(line for line in here if shape(line) not in known)
            yield from (
                f"the Mac has no line like {line!r} of the double on {name}{_near(line, there)}" for line in strange
            )
        else:
            yield from _one_by_one(name, there, here, shapes=form.compare == SHAPES)


def _near(line: str, others: Iterable[str]) -> str:
    """Whether only blanks are different."""
    words = shape(line).split()
    return ": a column has moved" if any(shape(other).split() == words for other in others) else ""


def _one_by_one(name: str, there: tuple[str, ...], here: tuple[str, ...], *, shapes: bool) -> Iterator[str]:
    if len(there) != len(here):
        more, side = (len(there) - len(here), "Mac") if len(there) > len(here) else (len(here) - len(there), "double")
        yield f"the {side} says {more} {'line' if more == 1 else 'lines'} more on {name}"
    for number, (left, right) in enumerate(zip_longest(there, here), 1):
        if left is None or right is None:
            return
        if left == right or (shapes and shape(left) == shape(right)):
            continue
        if left.split() == right.split() or (shapes and shape(left).split() == shape(right).split()):
            yield f"a column has moved in line {number} of {name}"
        else:
            yield f"line {number} of {name} is {left!r} on the Mac, {right!r} on the double"
        if len(there) != len(here):
            return  # what follows is shifted


def _files(there: tuple[str, ...], here: tuple[str, ...]) -> Iterator[str]:
    yield from (f"only the Mac does this to files: {effect}" for effect in there if effect not in here)
    yield from (f"only the double does this to files: {effect}" for effect in here if effect not in there)
