# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names what a page of the built site would load from elsewhere. Links for people are none."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_ELSEWHERE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_IN_CSS = re.compile(r"(?:@import\s+|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
# What a browser fetches by itself. A link does so by what it is (its `rel`).
_FETCHED = {"src", "srcset", "poster", "data"}
_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "manifest"}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        fetched = [value for name, value in given.items() if name in _FETCHED]
        if tag == "link" and _RELATIONS & set(given.get("rel", "").lower().split()):
            fetched.append(given.get("href", ""))
        self.found += [value for value in fetched if _ELSEWHERE.match(value)]
        self.found += _IN_CSS.findall(given.get("style", ""))


def loaded(text: str) -> list[str]:
    """What a page in HTML loads from elsewhere, its own styles included."""
    page = _Page()
    page.feed(text)
    return page.found + [
        name for style in re.findall(r"(?s)<style.*?</style>", text) for name in _IN_CSS.findall(style)
    ]


def faults(site: Path) -> Iterator[str]:
    for path in sorted(site.rglob("*.html")):
        yield from (f"{path.relative_to(site)} loads {name}" for name in loaded(path.read_text(encoding="utf-8")))
    for path in sorted(site.rglob("*.css")):
        found = _IN_CSS.findall(path.read_text(encoding="utf-8"))
        yield from (f"{path.relative_to(site)} loads {name}" for name in found)


def main(site: Path) -> int:
    if not (site / "index.html").exists():
        print(f"{site} holds no site.")
        return 1
    found = list(faults(site))
    print("\n".join(found) or f"The site is in {site}/index.html")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
