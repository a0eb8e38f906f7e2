# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages in Markdown, as a forge shows them: their headings, links and blocks."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs/index.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
#: What a reader comes across. A changelog names pages of the past, too.
PAGES = [
    *sorted(path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),
    *GUIDES,
    *sorted((ROOT / "roles").glob("*/README.md")),
    *sorted((ROOT / "tests").glob("**/README.md")),
]
_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: which page has it, its number there, its language, and its text without the indent."""

    page: Path
    number: int
    language: str
    text: str


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    for number, (_indent, language, text) in enumerate(_FENCED.findall(page.read_text(encoding="utf-8"))):
        if language in languages:
            yield Block(page, number, language, textwrap.dedent(text))


def prose(page: Path) -> str:
    """All but the fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> set[tuple[str, str]]:
    """The links into this tree: a path, which may be empty, and an anchor, which may be empty."""
    return set(_LINK.findall(_CODE.sub("", prose(page)))) - {("", "")}


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub names them."""
    found: Counter[str] = Counter()
    names = set()
    for title in _HEADING.findall(prose(page)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def dead(pages: Iterable[Path]) -> list[str]:
    """Links to a file or a heading that is not there, and links that only a reader of this tree could follow."""
    found = []
    for page in pages:
        for name, anchor in sorted(links(page)):
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
                found.append(f"{page.name}: {name}{anchor and '#'}{anchor}")
    return found


def reachable(start: Path) -> set[Path]:
    """The pages that links lead to from this one."""
    seen, todo = {start}, [start]
    while todo:
        page = todo.pop()
        further = {(page.parent / name).resolve() for name, _anchor in links(page) if name.endswith(".md")} - seen
        seen |= further
        todo += further
    return seen
