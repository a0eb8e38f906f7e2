# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages lead to each other, and name what there is."""

from __future__ import annotations

import re
import subprocess

from ansible_collections.vwan.user_vpn.plugins.module_utils._mac.disconnects import CAUSES, PHRASES
from ansible_collections.vwan.user_vpn.tests.lab import browser
from ansible_collections.vwan.user_vpn.tests.tools.pages import (
    GUIDES,
    INDEX,
    PAGES,
    ROOT,
    blocks,
    dead,
    links,
    reachable,
)
from ansible_collections.vwan.user_vpn.tests.tools.texts import speaking, texts

VARIABLE = re.compile(r"\buser_vpn_[a-z0-9_]+\b")
PLAYBOOK = re.compile(r"vwan\.user_vpn\.(site|renew|revoke|report|evidence|demo)\b")


def test_no_page_has_a_dead_link() -> None:
    assert dead(PAGES) == []


def test_the_index_leads_to_every_page() -> None:
    assert set(GUIDES) - reachable(INDEX) == set()
    assert set(PAGES) - reachable(ROOT / "README.md") <= {*ROOT.glob("tests/**/README.md")}


def test_every_picture_is_shown_and_is_of_the_current_page() -> None:
    pictures = set((ROOT / "docs/images").iterdir())
    assert {(page.parent / name).resolve() for page in GUIDES for name, _anchor in links(page)} >= pictures
    current = browser.digest().encode()
    old = [path.name for path in pictures if b"tEXtComment\0" + current not in path.read_bytes()]
    assert old == [], "`make pictures` takes them anew"


def test_the_pages_show_the_examples_as_they_are() -> None:
    """The whole file below its head, wherever a page shows more than a piece of it."""
    shown = [block.text for page in PAGES for block in blocks(page, "yaml")]
    for path in (ROOT / "examples").glob("*.yml"):
        text = re.sub(r"\A(?:(?:---|#.*|)\n)*", "", path.read_text())
        begin = "\n".join(text.splitlines()[:2])
        found = [each for each in shown if each.startswith(begin)]
        assert found and set(found) == {text}, path.name


def test_every_variable_that_a_page_names_is_read_somewhere() -> None:
    sources = [path for part in ("roles", "playbooks", "plugins") for path in (ROOT / part).rglob("*.[yp]*")]
    known = set(VARIABLE.findall("\n".join(path.read_text() for path in sources if path.suffix in (".yml", ".py"))))
    known |= {f"user_vpn_{name}" for name in settings()}
    named = {name for page in PAGES for name in VARIABLE.findall(page.read_text())}
    assert named - known == set()


#: What the plays of ours hand to each other.
INNER = {f"user_vpn_{name}" for name in ("began", "fleet", "revoked", "settings", "site_hosts")}


def test_every_variable_that_is_read_is_in_the_list() -> None:
    paths = [path for part in ("roles", "playbooks", "plugins") for path in (ROOT / part).rglob("*.[yp]*")]
    lines = [line for path in paths if path.suffix in (".yml", ".py") for line in path.read_text().splitlines()]
    read = {name for line in lines if not line.lstrip().startswith("#") for name in VARIABLE.findall(line)}
    listed = set(VARIABLE.findall((ROOT / "docs/variables.md").read_text()))
    assert read - listed - INNER == set()
    assert listed - read == set()


def settings() -> list[str]:
    from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.settings import DEFAULTS

    return list(DEFAULTS)


def test_every_playbook_that_a_page_names_is_there() -> None:
    named = {name for page in PAGES for name in PLAYBOOK.findall(page.read_text())}
    assert named
    assert {name for name in named if not (ROOT / f"playbooks/{name}.yml").exists()} == set()


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [targets] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in told.splitlines() if line.startswith("make ")} == set(targets.split())
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)[` ]", page.read_text())}
    assert named - set(targets.split()) == set()


#: What is said by ssh, and by Azure through its SDK.
OTHERS = {"Host key verification failed", "Permission denied", "Connection timed out", "changed"}
SAID = re.compile(r"`([^`]+)`")


def test_what_troubleshooting_quotes_is_said_by_our_code() -> None:
    known = " ".join(" ".join(text for path in speaking() for text in texts(path)).split())
    section = ""
    missing = []
    for line in (ROOT / "docs/troubleshooting.md").read_text().splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        cells = line.split(" | ")
        if line.startswith("| ") and section != "What Azure says":
            quoted = [part for found in SAID.findall(cells[0]) for part in found.split(" ... ")]
            missing += [text for text in quoted if text not in known and text not in OTHERS]
    assert missing == []


def test_troubleshooting_knows_every_reason_of_a_mac_s_log() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text()
    assert [phrase for phrase in PHRASES if f"`{phrase}`" not in page] == []
    remedies = {remedy for _meaning, remedy in CAUSES.values()}
    assert [remedy for remedy in remedies if remedy not in page] == []


#: The pages that lead through the tree; their code spans name files in it, from its root or from a folder of it.
HOUSE = ("architecture.md", "contributing.md")
FILE = re.compile(r"`([\w.]+(?:/[\w.*-]+)+/?)`")


def test_every_file_that_the_pages_of_the_house_name_is_there() -> None:
    named = {name for page in HOUSE for name in FILE.findall((ROOT / "docs" / page).read_text())}
    assert len(named) > 30
    places = (ROOT, ROOT / "plugins/module_utils")
    assert [name for name in sorted(named) if not any(any(place.glob(name.rstrip("/"))) for place in places)] == []
