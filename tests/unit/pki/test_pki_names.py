# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client names: what can be used, and what a person is told about the others."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._pki._base import PkiError
from ansible_collections.vwan.user_vpn.plugins.module_utils._pki.requests import (
    ClientRequest,
    parse_clients,
    suggestion,
    unusable,
)
from ansible_collections.vwan.user_vpn.tests.unit.pki.pki_tools import Pki

ALLOWED = set(string.ascii_letters + string.digits + ".-")


def refused(*names: str, known: tuple[str, ...] = ()) -> dict[str, str]:
    return unusable([ClientRequest(name) for name in names], known)


@given(st.one_of(st.text(max_size=80), st.text(alphabet=sorted(ALLOWED), max_size=70)))
@settings(max_examples=300, deadline=None)
def test_a_name_that_passes_is_safe_everywhere(name: str) -> None:
    reason = refused(name).get(name)
    if reason is None:
        assert 1 <= len(name) <= 64
        assert set(name) <= ALLOWED
        assert name[0].isalnum()
        assert name[-1].isalnum()
        assert ".." not in name
    else:
        assert reason.isprintable()
        assert len(reason) < 600
        assert refused(suggestion(name)) == {}


@pytest.mark.parametrize("name", ["a", "mac-01", "MAC.example.com", "1", "a--b", "x" * 64, "C02XK1ABJG5J"])
def test_names_that_can_be_used(name: str) -> None:
    assert refused(name) == {}


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("", "mac-01"),
        ("mac 01", "mac-01"),
        ("mac_01", "mac-01"),
        ("büro", "buro"),
        ("anna@example.com", "anna-example.com"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b", "a-b"),
        ("a\\b", "a-b"),
        ("..", "mac-01"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("mac-01.", "mac-01"),
        ("a..b", "a.b"),
        ("mac-01\n", "mac-01"),
        ("mac\x00", "mac"),
        ("٣", "mac-01"),
        ("x" * 300, "x" * 64),
    ],
)
def test_names_that_cannot(name: str, instead: str) -> None:
    reason = refused(name)[name]
    assert reason.endswith(f"give this client another name, for example {instead}.")
    assert reason.isprintable()


def test_each_of_two_equal_names_fails() -> None:
    assert list(refused("mac-01", "MAC-01", "mac-02")) == ["mac-01", "MAC-01"]
    assert "occurs 2 times" in refused("mac-01", "mac-01")["mac-01"]


def test_capitals_do_not_make_another_client() -> None:
    assert "existing client mac-01" in refused("Mac-01", known=("mac-01",))["Mac-01"]
    assert refused("mac-01", known=("mac-01",)) == {}


@pytest.mark.parametrize("san", ["", "with space", "ümlaut", "a@b", "x" * 254, "*.example.com"])
def test_other_dns_names_are_checked_too(san: str) -> None:
    reason = unusable(parse_clients([{"name": "mac-01", "sans": ["ok.example.com", san]}]), ())["mac-01"]
    assert "is no DNS name; correct or remove it" in reason


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"nmae": "x"}, "unknown key nmae; known are name, sans"),
        ({"name": "x", "common_name": 7}, "common_name .* must be a string"),
        ({"name": "x", "san_type": ["dns"]}, "san_type .* must be a string"),
        ({"sans": []}, "or a dictionary with the key name"),
        ({"name": None}, "or a dictionary with the key name"),
        (["mac-01"], "or a dictionary with the key name"),
        ({"name": "x", "sans": "y"}, "sans .* must be a list"),
        ({"name": "x", "pkcs12_password": "y"}, "unknown key pkcs12_password"),
    ],
)
def test_items_that_are_no_clients(item: Any, words: str) -> None:
    with pytest.raises(PkiError, match=words):
        parse_clients([item])


def refused_common_name(common_name: str, **more: str) -> str:
    client = {"name": "mac-01", "common_name": common_name} | more
    return unusable(parse_clients([client]), ()).get("mac-01", "")


@given(st.one_of(st.text(max_size=70), st.text(alphabet=[*sorted(ALLOWED), "@", "\\", "_", "+"], max_size=70)))
@settings(max_examples=300, deadline=None)
def test_a_common_name_that_passes_is_one_that_azure_documents(common_name: str) -> None:
    reason = refused_common_name(common_name)
    if reason or not common_name:
        assert reason.isprintable()
        assert len(reason) < 600
        return
    user, at, domain = common_name.rpartition("@")
    if not at:
        domain, _backslash, user = common_name.partition("\\")
    assert 1 <= len(common_name) <= 64
    assert set(domain) <= ALLOWED
    assert set(user) <= ALLOWED | {"_", "+"}
    assert domain[0].isalnum()
    assert domain[-1].isalnum()


@pytest.mark.parametrize(
    "common_name",
    [
        "mac-01@red.example.com",
        "a@b",
        "anna.example_2+vpn@red.com",
        "RED\\mac-01",
        "red.com\\anna",
        "anna",
        "a--b@red.com",
    ],
)
def test_common_names_that_can_be_used(common_name: str) -> None:
    assert refused_common_name(common_name) == ""


@pytest.mark.parametrize(
    "common_name",
    [
        "mac-01@", "@red.com", "a@b@c", "mac-01@red..com", "mac 01@red.com", "mac-01@red.com\n", "mac-01@-red.com",
        "RED\\", "\\mac", "A\\B\\C", "anna@büro.de", "CN=x,O=y", "a/b@red.com", "'; rm -rf /'@red.com", "a@red.com\x00",
        ".a@red.com",
    ],
)  # fmt: skip
def test_common_names_that_cannot(common_name: str) -> None:
    reason = refused_common_name(common_name)
    assert "of the client mac-01 cannot be used: it must be user@domain" in reason
    assert reason.isprintable()


def test_a_common_name_that_no_certificate_takes() -> None:
    assert "has 65 characters, and 64 are the most" in refused_common_name(f"mac-01@{'x' * 58}")
    assert refused_common_name(f"mac-01@{'x' * 57}") == ""


def test_by_what_a_mac_introduces_itself() -> None:
    assert refused_common_name("mac-01@red.com", san_type="email") == ""
    assert "give it one of the form user@domain, or set san_type to dns" in refused_common_name(
        "mac-01", san_type="email"
    )
    assert "set it to dns or email" in refused_common_name("mac-01@red.com", san_type="mail")
    (request,) = parse_clients([{"name": "mac-01", "common_name": "mac-01@red.com", "sans": ["b"]}])
    assert (request.subject, request.names) == ("mac-01@red.com", ("mac-01", "b"))
    (request,) = parse_clients([{"name": "mac-01", "common_name": "mac-01@red.com", "san_type": "email"}])
    assert request.names == ("mac-01@red.com",)


def test_of_a_supplied_certificate_the_common_name_may_be_any() -> None:
    client = {"name": "mac-01", "common_name": "Anna Example (Büro)", "pkcs12_source": "/x.p12"}
    assert unusable(parse_clients([client]), ()) == {}


def test_a_name_for_a_user_group_is_a_common_name() -> None:
    for name in ("anna@red.com", "RED\\anna"):
        assert "(user@domain, for Azure's user groups, is a common_name)" in refused(name)[name]
    assert "common_name" not in refused("mac_01")["mac_01"]


def test_a_number_is_a_name() -> None:
    assert parse_clients([7, {"name": 8}]) == [ClientRequest("7"), ClientRequest("8")]


def test_one_bad_name_fails_alone(rooted: Pki) -> None:
    bad = ["bad name", "mac-02", "MAC-02", "x" * 300]
    for check in (True, False):
        outcome = rooted.issue("mac-01", *bad, {"name": "mac-03", "pkcs12_source": "/nowhere"}, check=check)
        assert outcome.failures == sorted([*bad, "mac-03"])
        assert outcome.entries["mac-01"].changed
        assert "/nowhere cannot be read" in outcome.entries["mac-03"].msg
        assert all(re.search(r"(set|give) ", outcome.entries[name].msg) for name in bad)
    assert {c.name for c in rooted.certificates() if c.kind == "client"} == {"mac-01"}
    assert list(outcome.diff()[1]) == ["mac-01"]
