# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thumbprint is one thing, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._errors import UserVpnError
from ansible_collections.vwan.user_vpn.plugins.module_utils._x509.text import bare, is_thumbprint, thumbprint

PLAIN = "00FF34AC918BD6E2F0A7715C0D43E8B92A6C51D7"
PAIRS = [PLAIN[at : at + 2] for at in range(0, 40, 2)]
BETWEEN = " :-\t\n\r\u00a0\u00ad\u2007\u2009\u200b\u200e\u200f\u2010\u2011\u2013\u202f\u202a\u202c\u2066\u2069\ufeff"


@pytest.mark.parametrize(
    "written",
    [
        PLAIN,
        PLAIN.lower(),
        "\u200e" + " ".join(PAIRS).lower(),  # Windows, copied from the window
        ":".join(PAIRS),  # openssl, Firefox, Keychain
        " ".join(PAIRS),  # Safari, Chrome on a Mac
        "-".join(PAIRS),
        "\ufeff" + PLAIN + "\r\n",  # a file of Windows
        "\u00a0".join(PAIRS),
        "\u200f" + PLAIN + "\u200f",
    ],
)
def test_every_way_to_write_it(written: str) -> None:
    assert thumbprint(written, "revoked") == bare(written) == PLAIN
    assert is_thumbprint(written)


@given(
    st.lists(st.text(BETWEEN, max_size=3), min_size=41, max_size=41), st.lists(st.booleans(), min_size=40, max_size=40)
)
def test_anything_may_stand_between(between: list[str], lower: list[bool]) -> None:
    digits = [digit.lower() if small else digit for digit, small in zip(PLAIN, lower, strict=True)]
    written = between[0] + "".join(digit + gap for digit, gap in zip(digits, between[1:], strict=True))
    assert thumbprint(written, "revoked") == PLAIN


@given(st.text())
def test_other_text_is_told_in_one_printable_line(text: str) -> None:
    try:
        assert len(thumbprint(text, "revoked")) == 40
    except UserVpnError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 2000
        assert "revoked" in str(error)


@pytest.mark.parametrize("written", ["", PLAIN[:-1], PLAIN + "0", "\ufb00" + PLAIN[2:], "\x00" + PLAIN, "mac-042"])
def test_what_is_none(written: str) -> None:
    assert not is_thumbprint(written)
    with pytest.raises(UserVpnError, match="no SHA-1 thumbprint"):
        thumbprint(written, "revoked")


def test_a_sha256_is_called_by_its_name() -> None:
    with pytest.raises(UserVpnError, match="is a SHA-256 fingerprint"):
        thumbprint(":".join(["ab"] * 32), "revoked")
