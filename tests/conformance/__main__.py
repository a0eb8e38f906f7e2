# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make conformance MAC=user@host`: one real Mac against the lab's doubles, into .conformance/RELEASE.txt.

Ends with 0 when nothing differs, 1 when something does or is left on the Mac, 2 when there is no answer.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from .forms import FORMS
from .half import HalfError
from .run import conduct, double_of, facts
from .sides import Real, is_terminal
from .transcript import DIFFERS, SKIPPED

ROOT = Path(__file__).resolve().parents[2]


def main(words: list[str]) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="make conformance")
    parser.add_argument("mac", help="user@host, a host of your ssh configuration, or localhost")
    parser.add_argument("--guided", choices=["yes", "no"], default="yes", help="no: nobody is asked for anything")
    parser.add_argument("--folder", type=Path, default=ROOT / ".conformance", help="where the transcript goes")
    parser.add_argument("--only", default="", help="only forms whose name starts so; they may need what others leave")
    given = parser.parse_args(words)
    forms = [form for form in FORMS if form.name.startswith(given.only)]
    asking = given.guided == "yes" and is_terminal()
    try:
        real = Real.reached(given.mac, ask=asking)
        about = facts(real)
        print(f"macOS {about['release']} ({about['build']}), {'with' if real.has_root else 'without'} root", flush=True)
        with double_of(about["release"]) as double:
            transcript = conduct(real, double, forms=forms, guided=_person if asking else None)
    except HalfError as error:
        print(f"{given.mac}: {error}", file=sys.stderr)
        return 2
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / (f"part-{transcript.release}.txt" if given.only else f"{transcript.release}.txt")
    path.write_text(transcript.text(), encoding="utf-8")
    for entry in transcript.entries:
        for reason in entry.reasons:
            print(f"{entry.verdict}: {entry.name}: {reason}")
    for line in transcript.left_behind:
        print(f"left behind, or changed meanwhile: {line}")
    counts = Counter(entry.verdict for entry in transcript.entries)
    print(", ".join(f"{number} {verdict}" for verdict, number in counts.items()))
    print(f"{path}\nPlease read it before you hand it on; docs/conformance.md says where it belongs.")
    if counts[SKIPPED]:
        print("What was skipped is named above, with what it needs.")
    return 1 if counts[DIFFERS] or transcript.left_behind else 0


def _person(ask: str) -> bool:
    print(f"\n  {ask}", flush=True)
    return input("  Enter: go on; n: leave out what needs a person > ").strip().lower() not in {"n", "no"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
