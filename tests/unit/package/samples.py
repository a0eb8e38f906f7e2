# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the profile package share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._package import (
    PackageError,
    ProfilePackage,
    read_package_bytes,
)
from ansible_collections.vwan.user_vpn.tests.lab.packages import gateway_root

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD = gateway_root("Synthetic Test Root Old")
NEW = gateway_root("Synthetic Test Root New")


def read(content: bytes) -> ProfilePackage:
    return read_package_bytes(content, now=NOW)


def refusal(content: bytes) -> str:
    """The text of the PackageError with which these bytes are refused."""
    with pytest.raises(PackageError) as caught:
        read(content)
    return checked_text(caught.value)


def checked_text(error: PackageError) -> str:
    """The text of an error, after a look at its form: one printable line of one or two sentences."""
    text = str(error)
    assert text.isprintable()
    assert text[0].isupper() or text[0] == "/"
    assert text.endswith(".")
    assert len(text) < 600
    return text


def sha256s(package: ProfilePackage) -> list[str]:
    return [root["sha256"] for root in package.settings()["gateway_roots"]]


def write_tree(folder: Path, members: Mapping[str, bytes]) -> Path:
    """The members as files below `folder`; a backslash in a name stays in the file's name."""
    for name, content in members.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def warnings(content: bytes) -> Iterator[str]:
    for warning in read(content).warnings:
        assert warning.isprintable()
        assert warning.endswith(".")
        yield warning
