# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: an overview of the fleet as HTML.

Whatever is shown goes through the escaping of Jinja. What the browser runs or applies is our own two files, and the
page names their hashes: its policy (Content Security Policy Level 3) lets it run and load nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # ansible-test imports this where ansible-core's own packages are not
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

FOLDER = Path(__file__).parent
#: Rows that a browser lays out at once. The others are there, and wait for a button, a search, or the printer.
MOST = 250


def render(overview: Mapping[str, Any]) -> str:
    """The page of an overview; the same bytes for the same overview."""
    return _template().render(overview)


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = (_own(name) for name in ("page.css", "page.js"))
    environment.globals |= {
        "style": style,
        "script": script,
        "most": MOST,
        "policy": (
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
    }
    return environment.get_template("page.html.j2")


def _own(name: str) -> str:
    """A file of ours as it stands between its tags."""
    return "\n" + (FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
