# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile of ours is found again by what its name ends in."""

from __future__ import annotations

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.errors import RefusedError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.forms import found_by_name
from ansible_collections.vwan.user_vpn.plugins.module_utils._mdm.interface import Target

OURS = Target("com.example.user-vpn", "C02XK1ABJG5J")
NAMES = {
    "1": "VPN [com.example.user-vpn]",
    "2": "VPN [com.example.user-vpn C02XK1ABJG5J]",
    "3": "VPN [com.example.user-vpn C02XK1ABJG5K]",
}


def test_it_is_found_whatever_stands_before() -> None:
    assert found_by_name("Jamf Pro", NAMES, OURS) == "2"
    assert found_by_name("Jamf Pro", NAMES, Target("com.example.user-vpn")) == "1"
    assert not found_by_name("Jamf Pro", {}, OURS)


def test_several_are_for_a_person_to_judge() -> None:
    again = NAMES | {"4": "Renamed [com.example.user-vpn C02XK1ABJG5J]"}
    with pytest.raises(RefusedError, match=r"Jamf Pro holds 2 profiles whose names end in .* delete all but one"):
        found_by_name("Jamf Pro", again, OURS)
