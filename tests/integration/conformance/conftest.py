# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the conformance run: one lab, whose Macs play the real ones, too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.vwan.user_vpn.tests.conformance.sides import Double, add_double
from ansible_collections.vwan.user_vpn.tests.lab import Lab

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab") / "lab") as lab:
        yield lab


@pytest.fixture(scope="module")
def new_mac(lab: Lab) -> Callable[..., Double]:
    """A Mac of the lab."""

    def make(release: str = "15.5") -> Double:
        return add_double(lab, release, f"lab-mac-{next(NUMBERS)}")

    return make
