# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles that somebody else may have written: what is taken of them, and what is refused."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig import view
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.errors import ProfileError
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.profile import Profile
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.reading import read_profile
from ansible_collections.vwan.user_vpn.plugins.module_utils._mobileconfig.stored import Stored

Render = Callable[..., Profile]


def written(document: Any, **changed: Any) -> bytes:
    return plistlib.dumps({**document, **changed}, skipkeys=True)


def test_what_is_taken(render: Render) -> None:
    profile = render(display_name="Example")
    found = read_profile(profile.content, "it")
    assert (found.identifier, found.uuid, found.scope, found.display_name) == (
        "com.example.uservpn",
        profile.uuid,
        "System",
        "Example",
    )


@pytest.mark.parametrize(
    ("name", "shown"), [("two\nlines\x85", "two?lines?"), ("x" * 200, "x" * 97 + "..."), (7, "7"), ([1], "[1]")]
)
def test_a_name_is_shown_on_one_line(render: Render, name: Any, shown: str) -> None:
    assert read_profile(written(render().document, PayloadDisplayName=name), "it").display_name == shown


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"PayloadScope": "Everybody"}, "no Mac would take"),
        ({"PayloadScope": ["System"]}, "no Mac would take"),
        ({"PayloadUUID": "two\nlines"}, "no Mac would take"),
        ({"PayloadUUID": "A" * 65}, "no Mac would take"),
        ({"PayloadUUID": ""}, "no Mac would take"),
        ({"PayloadUUID": 5}, "lacks"),
        ({"PayloadIdentifier": "two\nlines"}, "reverse-DNS"),
        ({"PayloadContent": {}}, "lacks"),
        ({"PayloadType": "x"}, "no configuration profile"),
    ],
)
def test_what_is_refused(render: Render, changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(ProfileError, match=expected):
        read_profile(written(render().document, **changed), "it")


def test_a_binary_one_is_refused(render: Render) -> None:
    content = plistlib.dumps(render().document, fmt=plistlib.FMT_BINARY)
    with pytest.raises(ProfileError, match="no configuration profile in XML"):
        read_profile(content, "it")
    assert view.lines(Stored.of(content))[1:] == ["(no configuration profile)"]


def test_the_diff_shows_lines_of_others_as_lines(render: Render) -> None:
    odd = {"a\nb\x9b": "c\nd", "long": "x" * 10_000, "data": b"\0", "list": [{"in": [1]}, 2]}
    seen = view.lines(Stored.of(written(render().document, **odd)))
    assert "a?b? = 'c\\nd'" in seen
    assert "list[0].in = [1]" in seen
    assert all(line.isprintable() and len(line) <= view.LONGEST_LINE for line in seen)
    many = written(render().document, **{f"key{number}": number for number in range(view.MOST_LINES + 100)})
    assert len(view.lines(Stored.of(many))) == view.MOST_LINES + 1
