# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As which kind of name a Mac sends a text, and what Azure's user groups read in a common name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.kinds import kind_of, plain, split


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mac-01", "DNS"),
        ("mac-01.example.com", "DNS"),
        ("192.0.2", "DNS"),
        ("192.0.2.17.", "DNS"),
        ("192.0.2.256", "DNS"),
        ("12345", "DNS"),
        ("192.0.2.17", "IP"),
        ("2001:db8::17", "IP"),
        ("anna@example.com", "e-mail"),
        ("192.0.2.17@example.com", "e-mail"),
    ],
)
def test_as_what_a_mac_sends_a_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("common_name", "parts"),
    [
        ("mac-01@red.com", ("mac-01", "red.com")),
        ("RED\\mac-01", ("mac-01", "RED")),
        ("mac-01", ("", "")),
        ("", ("", "")),
        ("a@b@c", ("a@b", "c")),
        ("RED\\anna@blue.com", ("RED\\anna", "blue.com")),
        ("RED\\", ("", "")),
        ("mac-01@", ("mac-01", "")),
    ],
)
def test_user_and_domain(common_name: str, parts: tuple[str, str]) -> None:
    assert split(common_name) == parts


@given(st.text())
def test_any_text_has_a_kind(text: str) -> None:
    assert kind_of(plain(text)) == kind_of(text)
    user, domain = split(text)
    assert len(user) + len(domain) <= len(text)
