# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests share: a lab, and a site in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ansible_collections.vwan.user_vpn.tests.integration.installed import Installed
    from ansible_collections.vwan.user_vpn.tests.integration.site import Site
    from ansible_collections.vwan.user_vpn.tests.lab import Lab

SOAK = bool(os.environ.get("USER_VPN_SOAK"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`soak` marks what is beyond the sample for which `make test` has the time.

    With arguments it means the cases of these parameters only.
    """
    for item in items:
        mark = item.get_closest_marker("soak")
        case = item.callspec.id if hasattr(item, "callspec") else ""
        if mark and not SOAK and (not mark.args or case.split("-")[0] in mark.args or case in mark.args):
            item.add_marker(
                pytest.mark.skip(reason="beyond the sample of make test: run make soak, or set USER_VPN_SOAK=1")
            )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    from ansible_collections.vwan.user_vpn.tests.lab import Lab

    folder = tmp_path / "lab"
    folder.mkdir()
    with Lab(folder) as lab:
        yield lab


@pytest.fixture
def site(tmp_path: Path, lab: Lab) -> Site:
    from ansible_collections.vwan.user_vpn.tests.integration.site import Site
    from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root

    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder, lab, [gateway_root("Synthetic Test Root").der])


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The collection as a user has it, built and installed once."""
    from ansible_collections.vwan.user_vpn.tests.integration import installed

    folder = tmp_path_factory.mktemp("user")
    return installed.install(installed.build(folder), folder)
