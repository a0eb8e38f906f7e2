# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/fidelity*.md and the forms, in step: which form settles a point, and on which releases one has.

A table with a last column "settled by" names forms there, each in backticks; `base64: *` means all that start so.
Behind a name stand the releases whose transcripts settle it; this module, run by `python -m`, writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.forms import Form

from .forms import FORMS
from .transcript import Transcript, committed, outdated, read

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = tuple(DOCS / name for name in ("fidelity-macos.md", "fidelity-tunnel.md"))
COLUMN = "settled by"
OPEN = re.compile(r"only a real Mac can settle|question")
_CELLS = re.compile(r"(?<!\\)\|")
_NAMED = re.compile(r"`([^`]+)`(?: \((?:\d+(?:\.\d+)*(?:, )?)+\))?")
BY_HAND = "by hand"
NOTHING_OPEN = "nothing is open"


@dataclass(frozen=True)
class Row:
    """One point of a page: what it is, what is open in it, what settles that."""

    point: str
    open: str
    settled_by: str

    @property
    def by_form(self) -> str:
        """The part that names forms; behind it may stand what is done by hand."""
        return self.settled_by.partition(BY_HAND)[0]

    def named(self) -> list[str]:
        """Names of forms, and families of them."""
        return [found[1] for found in _NAMED.finditer(self.by_form)]


def rows(text: str) -> Iterator[Row]:
    """The points of a page's tables that say what settles them."""
    header: list[str] = []
    for line in text.split("\n"):
        cells = [cell.strip() for cell in _CELLS.split(line)[1:-1]] if line.startswith("|") else []
        if not cells:
            header = []
        elif not header:
            header = cells
        elif header[-1] == COLUMN and set("".join(cells)) - set("-: "):
            opened = [cell for name, cell in zip(header, cells, strict=True) if OPEN.fullmatch(name)]
            yield Row(cells[0], "".join(opened), cells[-1])


def meant(name: str, forms: Iterable[Form] = FORMS) -> list[Form]:
    """The forms that a name stands for."""
    start = name.removesuffix("*")
    return [form for form in forms if form.name == name or (start != name and form.name.startswith(start))]


def problems(text: str, forms: Sequence[Form] = FORMS) -> list[str]:
    """What is not as it should be on a page; one sentence each."""
    found = []
    for row in rows(text):
        names = row.named()
        found += [f"{row.point}: there is no form {name}" for name in names if not meant(name, forms)]
        settled = names or row.settled_by.startswith(BY_HAND)
        if row.open and not settled:
            found.append(f"{row.point}: something is open, and nothing settles it")
        if not row.open and not names and row.settled_by != NOTHING_OPEN:
            found.append(
                f"{row.point}: nothing is open, so the last cell says `{NOTHING_OPEN}`, or which form proves it"
            )
    return found


def unnamed(texts: Iterable[str], forms: Sequence[Form] = FORMS) -> list[str]:
    """Names of forms that no page speaks of."""
    spoken = {form.name for text in texts for row in rows(text) for name in row.named() for form in meant(name, forms)}
    return [form.name for form in forms if form.name not in spoken]


def releases(name: str, transcripts: Iterable[Transcript], forms: Sequence[Form] = FORMS) -> list[str]:
    """The releases on which a form, or all of a family that applied there, has been answered."""
    wanted = {form.name for form in meant(name, forms)}
    found = []
    for transcript in transcripts:
        settled = transcript.settled() - set(outdated(transcript, forms))
        asked = {entry.name for entry in transcript.entries if entry.mac} & wanted
        if asked and asked <= settled:
            found.append(transcript.release)
    return sorted(found, key=lambda release: [int(part) for part in release.split(".")])


def written(text: str, transcripts: Sequence[Transcript], forms: Sequence[Form] = FORMS) -> str:
    """The page with what the transcripts have settled."""

    def named(match: re.Match[str]) -> str:
        found = releases(match[1], transcripts, forms)
        return f"`{match[1]}`" + (f" ({', '.join(found)})" if found else "")

    for row in rows(text):
        new = _NAMED.sub(named, row.by_form) + row.settled_by[len(row.by_form) :]
        text = text.replace(f"| {row.settled_by} |", f"| {new} |")
    return text


def main() -> None:
    """Write what the committed transcripts have settled."""
    transcripts = [read(path.read_text(encoding="utf-8")) for path in committed()]
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8"), transcripts), encoding="utf-8")


if __name__ == "__main__":
    main()
