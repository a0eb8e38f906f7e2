# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser without a window, for the fleet's page: a Chromium of the machine, driven by Playwright.

`missing()` says in one line what is not there, `install()` gets it on Debian. As a program, `python browser.py install`
does, `python browser.py pictures FOLDER` takes the pictures that the documentation shows, and
`python browser.py measure MACS` says how long a page of so many Macs takes.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
APT_PACKAGES = ("chromium", "fonts-dejavu-core")
MACS = 120  # of the pictures


def program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def missing() -> str:
    """One line that says what is missing and what to do about it; empty when there is a browser."""
    if importlib.util.find_spec("playwright") is None:
        return "the fleet's page is opened where Playwright is: make browser"
    if program() is None:
        return f"the fleet's page is opened where there is a Chromium: apt-get install {' '.join(APT_PACKAGES)}"
    return ""


def install() -> str:
    """Install Debian's Chromium if there is no other, as root on Debian. Returns `missing()` afterwards."""
    if program() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        command = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *APT_PACKAGES]
        print(f"Installing Debian's packages for the browser (once): {' '.join(command)}", flush=True)
        for each in (["apt-get", "-qq", "update"], command):
            subprocess.run(
                each,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # missing() says what is still not there
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NOWARNINGS": "yes"},
            )
    return missing()


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox does not work for root, as in a container; what it opens is our page.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def page(macs: int) -> str:
    """The page of a fleet on paper."""
    from ansible_collections.vwan.user_vpn.plugins.module_utils._fleet.report import report
    from ansible_collections.vwan.user_vpn.tests.lab import sample_fleet

    told, connected, run = sample_fleet.told(macs), sample_fleet.connected(macs), sample_fleet.run(macs)
    return report(told, "html", connected, run=run, fleet="Contoso", configuration="macs")


def digest() -> str:
    """Of the page that the pictures are of, as it is now."""
    return hashlib.sha256(page(MACS).encode()).hexdigest()


def noted(picture: bytes) -> bytes:
    """A PNG that says which page it is of: a comment before its last chunk, which is always the same twelve bytes."""
    comment = b"tEXtComment\0" + digest().encode()
    chunk = struct.pack(">I", len(comment) - 4) + comment + struct.pack(">I", zlib.crc32(comment))
    return picture[:-12] + chunk + picture[-12:]


def pictures(folder: Path) -> None:
    """What the documentation shows: the top of the page by day, its table by night."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, started() as browser:
        file = Path(scratch) / "report.html"
        file.write_text(page(MACS), encoding="utf-8")
        view = browser.new_page(viewport={"width": 1280, "height": 960}, color_scheme="light")
        view.goto(file.as_uri())
        (folder / "report.png").write_bytes(noted(view.screenshot()))
        view = browser.new_page(viewport={"width": 1280, "height": 560}, color_scheme="dark")
        view.goto(file.as_uri())
        view.get_by_label("Search").fill("26.1 current")
        view.get_by_role("button", name="Days left").click()
        view.locator("#table tbody th button:visible").first.click()
        view.evaluate("document.getElementById('macs').scrollIntoView()")
        (folder / "report-macs.png").write_bytes(noted(view.screenshot()))


def measure(macs: int) -> None:
    """How long it takes until the page has been painted, and until it is again after what people do with it.

    Seconds that passed; and of these, the seconds of CPU that the page's main thread had.
    """
    painted = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    with tempfile.TemporaryDirectory() as scratch, started() as browser:
        file = Path(scratch) / "report.html"
        begun = time.monotonic()
        file.write_text(page(macs), encoding="utf-8")
        print(f"{'made':20} {time.monotonic() - begun:5.2f} s  {file.stat().st_size / 1e6:.1f} MB for {macs} Macs")
        view = browser.new_page(viewport={"width": 1440, "height": 900})
        session = view.context.new_cdp_session(view)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def busy() -> float:
            told = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
            return float(told["TaskDuration"])

        for what, do in (
            ("opened", lambda: view.goto(file.as_uri())),
            ("searched", lambda: view.fill("#find", "anna")),
            ("all shown again", lambda: view.click("[type=reset]")),
            ("sorted", lambda: view.click("#table > thead th:nth-child(3) button")),
        ):
            begun, before = time.monotonic(), busy() if what != "opened" else 0.0
            do()
            view.evaluate(painted)
            print(f"{what:20} {time.monotonic() - begun:5.2f} s  {busy() - before:5.2f} s of CPU")


if __name__ == "__main__":
    if sys.argv[1:2] == ["pictures"]:
        pictures(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["measure"]:
        measure(int(sys.argv[2]))
    else:
        answer = install() if sys.argv[1:] == ["install"] else missing()
        print(answer or "there is a browser")
        sys.exit(1 if answer else 0)
