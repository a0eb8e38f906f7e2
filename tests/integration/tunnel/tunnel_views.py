# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""strongSwan's own view of a tunnel, for the tests to check against."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

CHILD = re.compile(r"{([^{}]+)}")


def raw_sa(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The newest IKE_SA and its newest CHILD_SA in `swanctl --list-sas --raw`, each with its values.

    In the middle of a renewal strongSwan lists an IKE_SA that has handed its children to one not listed yet: such an
    IKE_SA counts last, and without any child the second dictionary is empty. A line is
    'list-sa event {NAME {key=value key=[value] child-sas {NAME {key=value} NAME {key=value}}}}'.
    """
    lines = [line.partition("child-sas {") for line in text.splitlines() if line.startswith("list-sa event")]
    found = [(_values(ike), [_values(child) for child in CHILD.findall(children)]) for ike, _unused, children in lines]
    ike, listed = max(found, key=lambda entry: (bool(entry[1]), int(entry[0]["uniqueid"])))
    return ike, max(listed, key=lambda child: int(child["uniqueid"]), default={})


def _values(text: str) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)=\[?([^\s{}\[\]]+)", text))


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
