# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""strongSwan's own view of a tunnel, for the tests to check against."""

from __future__ import annotations

import re
import time
from collections.abc import Callable


def raw_sa(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The newest IKE_SA and its newest CHILD_SA in `swanctl --list-sas --raw`, each with its values.

    A line is 'list-sa event {NAME {key=value key=[value] child-sas {NAME {key=value} NAME {key=value}}}}'.
    """
    lines = [line.partition("child-sas {") for line in text.splitlines() if line.startswith("list-sa event")]
    ike, children = max(((_values(ike), children) for ike, _unused, children in lines), key=_age)
    return ike, max((_values(child) for child in re.findall(r"{(.*?)}", children)), key=lambda c: int(c["uniqueid"]))


def _values(text: str) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)=\[?([^\s{}\[\]]+)", text))


def _age(entry: tuple[dict[str, str], str]) -> int:
    return int(entry[0]["uniqueid"])


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
