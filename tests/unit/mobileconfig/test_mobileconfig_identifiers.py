# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identifier of a profile: what Apple takes, as far as it can be a file's name and a word on a Mac."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.names import check_identifier

SAFE = set(string.ascii_letters + string.digits + "._- ")


@pytest.mark.parametrize(
    "identifier",
    [
        "com.example.user-vpn",
        "com.contoso.user_vpn",
        "Contoso-VPN",
        "Contoso VPN",
        "uservpn",
        "donut.local.37CA79B1-FC6A-421F-960A-90F91FC983BE",
        "x" * 200,
        "com.example..vpn-",
    ],
)
def test_identifiers_that_macs_have(identifier: str) -> None:
    assert check_identifier(identifier) == identifier


@pytest.mark.parametrize(
    "identifier",
    ["", " ", "-rf", ".hidden", "..", "a/b", "../x", "a b ", "a\nb", "a\n", "a$(id)", "a`id`", "a\"b", "a'b", "a;b",
     "a&b", "a<b", "a\\b", "büro", "x" * 201, "a\x00", "a*"],
)  # fmt: skip
def test_identifiers_that_would_be_no_name_of_a_file(identifier: str) -> None:
    with pytest.raises(ProfileError, match=r"cannot be used.*reverse-DNS name, as in com\.example\.user-vpn") as caught:
        check_identifier(identifier)
    assert str(caught.value).isprintable()


@given(st.text())
def test_what_passes_is_one_plain_word(text: str) -> None:
    try:
        identifier = check_identifier(text)
    except ProfileError:
        return
    assert set(identifier) <= SAFE
    assert identifier[0].isalnum()
    assert identifier == identifier.strip()
