# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site that `make docs` builds: the guides of `docs`, as a forge shows them, and the reference by antsibull-docs.

The guides know nothing of the site. Their index becomes its menu, the name of a module or a role leads to its page, and
links out of `docs` lead to the reference or to the repository. Nothing is fetched while it is built: other projects'
pages are linked by plain URLs, so there are no inventories of intersphinx.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).resolve().parents[2]
ABOUT = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
ROLES = {path.name for path in (ROOT / "roles").iterdir()}
MODULES = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
GUIDES = {path.name for path in (ROOT / "docs").glob("*.md")}

project = f"{ABOUT['namespace']}.{ABOUT['name']}"
author = ABOUT["authors"][0]
copyright = f"2026, {author}"
release = version = ABOUT["version"]

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4  # as a forge makes them
nitpicky = True
highlight_language = "YAML+Jinja"
smartquotes = False

html_theme = "furo"
antsibull_ext_color_scheme = "none"  # static/site.css has the colours of the theme
html_title = f"{project} {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {"source_repository": ABOUT["repository"], "source_branch": "main", "source_directory": "docs/"}

# What antsibull-docs takes for granted of Ansible's own documentation.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
BUILTIN = re.compile(r"ansible_collections\.ansible\.builtin\.(\w+)")

FENCED_OR_LINK = r"^ *```.*?^ *```$|\[(?:[^]`]|`[^`]*`)*\]\([^)]*\)"
MENTIONED = re.compile(rf"({FENCED_OR_LINK})|((?i:roles? ))?`((?:vwan\.user_vpn\.)?)(\w+)`", re.MULTILINE | re.DOTALL)
# A link that is called as its file is; on the site as the page or the section is.
UNNAMED = re.compile(r"\[[\w-]+\.md\](?=\([\w-]+\.md[#)])")
# A block in a language, or in none.
FENCED = re.compile(r"^( *```)(.*?)(\n.*?^ *```)$", re.MULTILINE | re.DOTALL)
OUTWARDS = re.compile(r"\]\(\.\./([^)#\s]*)(#[^)\s]*)?\)")
# A table of the index: its first cell, and its rows, each of which begins with a link to a page.
SECTION = re.compile(r"^\| ([^|]+?) \| +\|\n\|[-|]+\|\n((?:\|.*\n?)+)", re.MULTILINE)
PAGE = re.compile(r"\[([^]]+)\]\(([^)#]+)(?:#[^)]*)?\)")
# What antsibull-docs writes: a heading that is a sentence, and a table of contents that the theme has beside the page.
HEADING = re.compile(r"^vwan\.user_vpn\.(\w+) (\w+) -- (.*)\n\++$", re.MULTILINE)
NAME = re.compile(r"^Vwan\.User_Vpn\n=+\n", re.MULTILINE)
REFERENCE = "Modules, roles, plugins"
CONTENTS = re.compile(r"^\.\. contents::\n(?: +:.*\n)+", re.MULTILINE)


def toctree(rows: Iterable[tuple[str, str]], *options: str) -> str:
    pages = [f"{title} <{file.removesuffix('.md') if file in GUIDES else 'reference/index'}>" for title, file in rows]
    return "\n".join(["", "```{toctree}", ":hidden:", *options, "", *pages, "```", ""])


def menu(index: str) -> Iterator[tuple[str, str]]:
    """What the tables of the index say of the menu: the name of a page, and what is to be added to it.

    A row is a page; the further pages that it names are below that one.
    """
    for caption, rows in SECTION.findall(index):
        named = [PAGE.findall(row) for row in rows.splitlines()]
        yield "index", toctree([first for first, *_further in named], f":caption: {caption}")
        for (_title, file), *further in named:
            if further:
                yield file.removesuffix(".md"), toctree(further)


MENU = list(menu((ROOT / "docs/index.md").read_text(encoding="utf-8")))


def mentioned(found: re.Match[str]) -> str:
    """A module is known by its name, unless a role has it, too; a role by that it is called one, or in full."""
    _as_it_is, role, full, name = found.groups()
    if name in ROLES and (role or (full and name not in MODULES)):
        return f"{role or ''}[`{full}{name}`](reference/{name}_role.rst)"
    if name in MODULES - ROLES and not role:
        return f"[`{full}{name}`](reference/{name}_module.rst)"
    return found[0]


def outwards(found: re.Match[str]) -> str:
    path, anchor = found[1], found[2] or ""
    if path == "README.md" and anchor == "#what-is-in-the-collection":
        return "](reference/index.rst)"
    if path.startswith("roles/"):
        return f"](reference/{path.split('/')[1]}_role.rst)"
    return f"]({ABOUT['repository']}/blob/main/{path}{anchor})"


def read(_app: Sphinx, name: str, source: list[str]) -> None:
    text = source[0]
    if name.startswith("reference/"):
        text = NAME.sub(f"{REFERENCE}\n{'=' * len(REFERENCE)}\n", CONTENTS.sub("", text))
        source[0] = HEADING.sub(lambda found: f"{found[1]} {found[2]}\n{'+' * len(found[0])}\n\n{found[3]}.", text)
        return
    text += "".join(added for page, added in MENU if page == name)
    text = FENCED.sub(lambda found: found[0] if found[2] else f"{found[1]}text{found[3]}", text)
    source[0] = UNNAMED.sub("[]", OUTWARDS.sub(outwards, MENTIONED.sub(mentioned, text)))


def ansible(
    _app: Sphinx, _environment: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.reference | None:
    """A link to Ansible's documentation, where something in it is meant."""
    target = str(node["reftarget"])
    if node["reftype"] == "envvar" and target.startswith("ANSIBLE_"):
        page = f"{LABELS['ansible_configuration_settings']}#envvar-{target}"
    elif target in LABELS:
        page = LABELS[target]
    elif found := BUILTIN.fullmatch(target):
        page = f"collections/ansible/builtin/{found[1]}.html"
    else:
        return None
    return nodes.reference("", "", text, internal=False, refuri=ANSIBLE + page)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", read)
    app.connect("missing-reference", ansible)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
