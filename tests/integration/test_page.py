# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's page in a real browser: what people do with it. How it is made: tests/unit/fleet/test_fleet_page.py."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.report import report
from ansible_collections.vwan.user_vpn.tests.lab import browser, sample_fleet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.skipif(bool(browser.missing()), reason=browser.missing()),
    pytest.mark.xdist_group("browser"),
]
MACS = 300  # some more than are laid out at once
CONTRAST = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((c) => linear(c / 255))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = channels(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *:not(script)")]
    .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => {
      const style = getComputedStyle(e);
      const [a, b] = [light(channels(e instanceof SVGElement ? style.fill : style.color)), light(behind(e))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 30)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.started() as running:
        yield running


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("page"), browser.page(MACS))


@pytest.fixture
def view(chromium: Browser, file: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page. Nothing but the file may be asked for, and neither script nor policy may complain."""
    asked: list[str] = []
    complaints: list[str] = []
    contexts = []

    def open_(path: Path = file, **context: Any) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1360, "height": 900}, **context))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert {url for url in asked if not re.fullmatch(r"file:.*\.html|data:,", url)} == set()
    assert complaints == []


def write(folder: Path, html: str) -> Path:
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def rows(page: Page, column: int = 0) -> list[str]:
    """The texts of a column, of the rows that are seen."""
    script = "(rows, column) => rows.filter((r) => r.checkVisibility()).map((r) => r.cells[column].textContent)"
    found: list[str] = page.locator("#table > tbody > tr[data-status]").evaluate_all(script, column)
    return found


def head(page: Page, title: str) -> Any:
    return page.locator("#table > thead th").filter(has_text=re.compile(f"^{re.escape(title)}$"))


def column(page: Page, title: str) -> list[str]:
    return rows(page, page.locator("#table > thead th").all_text_contents().index(title))


def test_sorting(view: Callable[..., Page]) -> None:
    page = view()
    assert rows(page) == sorted(rows(page))
    page.get_by_role("button", name="Show the other rows, too").click()
    assert len(rows(page)) == MACS
    for title, kind in (("On Mac", int), ("Days left", int), ("macOS", lambda v: [int(n) for n in v.split(".")])):
        head(page, title).get_by_role("button").click()
        assert head(page, title).get_attribute("aria-sort") == "ascending"
        found = column(page, title)
        known = [text for text in found if text]
        assert known == sorted(known, key=kind)
        assert found[len(known) :] == [""] * (MACS - len(known))  # what has nothing there comes last
        head(page, title).get_by_role("button").click()
        assert head(page, title).get_attribute("aria-sort") == "descending"
        assert [text for text in column(page, title) if text] == sorted(known, key=kind, reverse=True)
        assert column(page, title)[len(known) :] == [""] * (MACS - len(known))
    assert page.locator("#table > thead [aria-sort]").count() == 1


def test_searching(view: Callable[..., Page]) -> None:
    page = view()
    shown = page.locator("#shown")
    assert shown.text_content() == f"{MACS} of {MACS}"
    assert len(rows(page)) == 250
    page.get_by_label("Search").fill("ANNA current")
    found = rows(page)
    assert found and all("anna" in name for name in found)
    assert set(column(page, "Status")) == {"current"}
    assert shown.text_content() == f"{len(found)} of {MACS}"
    page.get_by_label("Search").fill("nobody has this")
    assert (rows(page), shown.text_content()) == ([], f"0 of {MACS}")
    page.get_by_role("button", name="Show all").click()
    assert len(rows(page)) == 250
    page.get_by_role("button", name=re.compile(r"^\d+ behind$")).click()
    assert set(column(page, "Status")) == {"behind"}
    page.get_by_role("button", name=re.compile(r"^Show these \d+: never delivered$")).click()
    assert set(column(page, "Status")) == {"never delivered"}
    assert page.get_by_role("button", name=re.compile("never delivered$")).first.get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.id") == "macs"


def test_by_keyboard_alone(view: Callable[..., Page]) -> None:
    page = view()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the Macs"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("mac-tok-lena-029")
    assert rows(page) == ["mac-tok-lena-029"]
    page.keyboard.press("Tab")  # Show all
    page.keyboard.press("Tab")  # the region that scrolls
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert head(page, "Mac").get_attribute("aria-sort") == "descending"
    for _column in range(page.locator("#table > thead th").count()):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    history = page.get_by_role("table", name="Certificates of mac-tok-lena-029")
    assert "stolen, ticket 4711" in str(history.text_content())
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.keyboard.press("Enter")
    assert history.count() == 0


def test_by_day_and_by_night(view: Callable[..., Page]) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = view(color_scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.locator("#table tbody th button").first.click()
        assert page.evaluate(CONTRAST) == []  # WCAG 2.2, 1.4.3: at least 4.5 to 1
    day, night = (sum(map(int, re.findall(r"\d+", ground))) for ground in grounds)
    assert day > 600 and night < 120


def test_on_paper(view: Callable[..., Page]) -> None:
    """All rows that fit, in black on white also by night; nothing that only a screen has."""
    page = view(color_scheme="dark")
    page.emulate_media(media="print")
    assert len(rows(page)) == MACS
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_label("Search").is_visible()
    assert page.evaluate(
        "document.querySelector('.scroll').scrollHeight <= document.querySelector('.scroll').clientHeight + 1"
    )
    assert page.evaluate(CONTRAST) == []
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") > 3
    page.emulate_media(media="screen")
    page.get_by_label("Search").fill("anna")
    page.emulate_media(media="print")
    assert rows(page) and all("anna" in name for name in rows(page))


def test_without_scripts_the_table_is_whole(view: Callable[..., Page]) -> None:
    assert view(java_script_enabled=False).locator("#table > tbody > tr:visible").count() == MACS


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "__proto__"])
def test_a_hostile_name_stays_text(view: Callable[..., Page], tmp_path: Path, name: str) -> None:
    told = sample_fleet.told(3)
    told["clients"] = {f"{each}{name}": client | {"serial_number": name} for each, client in told["clients"].items()}
    for each in (*told["events"], *told["certificates"]):
        each |= {key: f"{each[key]}{name}" for key in ("client", "name", "who", "reason") if key in each}
    told["clients"][name] = next(iter(told["clients"].values()))
    told["events"][0]["client"] = name
    page = view(write(tmp_path, report(told, "html", fleet=name, configuration=name)))
    assert page.locator("h1").text_content() == f"User VPN of {name}"
    assert sorted(rows(page)) == sorted(told["clients"])
    assert set(column(page, "Serial number")) == {name}
    for button in page.locator("#table tbody th button").all():
        button.click()
    assert page.locator("tr.history td:nth-child(4)").all_text_contents()[0].endswith(name)
    page.get_by_label("Search").fill(name)
    assert len(rows(page)) == 4
    assert page.locator("img").count() == 0


def test_nothing_but_the_page_itself_can_be_asked_for(chromium: Browser, file: Path) -> None:
    """A script that got in would not run, and nothing would be loaded."""
    page = chromium.new_page()
    page.goto(file.as_uri())
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    page.evaluate(
        """(url) => {
          window.seen = [];
          document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
          fetch(url).catch(() => 0);
          for (const tag of ["img", "script"])
            document.body.append(Object.assign(document.createElement(tag), { src: url }));
          document.body.append(Object.assign(document.createElement("script"), { textContent: "window.got = 1" }));
        }""",
        f"http://127.0.0.1:{listening.getsockname()[1]}/x",
    )
    page.wait_for_function("seen.length >= 4")
    seen = page.evaluate("[seen.sort(), window.got === undefined]")
    page.close()
    assert seen == [["connect-src", "img-src", "script-src-elem", "script-src-elem"], True]
    with listening, pytest.raises(BlockingIOError):  # nobody has called
        listening.accept()
