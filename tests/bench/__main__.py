# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench` and `make bench-quick`: measure, and print or write one table.

    python -m ansible_collections.vwan.user_vpn.tests.bench [--quick | --all | CASE...] [--json] [--write]

A case is WHAT:MACS with WHAT site, peer, identities or waiting, and perhaps :fFORKS, :real or :postgresql behind it.
"""

from __future__ import annotations

import argparse
import json
import sys

from .cases import ALL_NAMES, NAMES, QUICK_NAMES, Case, Row, measure, say
from .table import Figures, data, markdown, write


def main() -> None:
    parser = argparse.ArgumentParser(description="What fleets cost.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"instead of: {NAMES}")
    parser.add_argument("--quick", action="store_true", help="a minute: the floor, and a run with nothing to do")
    parser.add_argument("--all", action="store_true", help="what takes an hour more")
    parser.add_argument("--json", action="store_true", help="print every single run as JSON")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    given = parser.parse_args()
    usual = QUICK_NAMES if given.quick else ALL_NAMES if given.all else NAMES
    try:
        cases = [Case.named(name) for name in given.cases or usual.split()]
    except ValueError as error:
        parser.error(str(error))
    rows: list[Row] = []
    failed = False
    for case in cases:
        try:
            rows += measure(case, quick=given.quick)
        except RuntimeError as error:  # what the others took an hour for is not lost
            say(f"{case.name} failed: {error}")
            failed = True
    figures = Figures(rows)
    if given.write and not failed:
        write(figures)
    print(json.dumps(data(figures), indent=1) if given.json else markdown(figures))
    sys.exit(failed)


if __name__ == "__main__":
    main()
