# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the unit tests: the same key file is opened once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.vwan.user_vpn.tests.unit.keys import remembered_keys


@pytest.fixture(scope="session", autouse=True)
def _remembered_keys() -> Iterator[None]:
    with remembered_keys():
        yield
