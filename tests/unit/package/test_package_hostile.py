# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the bytes: a valid result or a PackageError, never anything else."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.vwan.user_vpn.plugins.module_utils._package import PackageError, ProfilePackage, read_package
from ansible_collections.vwan.user_vpn.tests.lab.packages import build_package, settings_xml, zip_like_azure
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import NOW, OLD, checked_text, read

XML = settings_xml([OLD.der], dns=["10.20.0.4"])
ZIP = build_package([OLD.der], windows=False)

hostile = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def survives(reading: Callable[[], ProfilePackage]) -> None:
    try:
        package = reading()
    except PackageError as error:
        checked_text(error)
        return
    found = package.settings()
    json.dumps(found, ensure_ascii=False).encode()
    assert found["vpn_server"].isascii()
    assert found["gateway_roots"]
    assert all(warning.isprintable() for warning in package.warnings)


@st.composite
def mutations(draw: st.DrawFn, good: bytes) -> bytes:
    """`good` with a few bytes replaced, removed or inserted."""
    content = bytearray(good)
    for _number in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(content)


@hostile
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda tail: b"PK\x03\x04" + tail))
@example(b"PK")
@example(b"PK\x05\x06" + b"\0" * 18)
@example(b"PK\x05\x06" + b"\xff" * 18)
def test_random_bytes(content: bytes) -> None:
    survives(lambda: read(content))


@hostile
@given(mutations(ZIP))
def test_a_mutated_zip(content: bytes) -> None:
    survives(lambda: read(content))


@hostile
@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_a_zip_whose_directory_is_mutated(offset: int, patch: bytes) -> None:
    at = ZIP.index(b"PK\x01\x02") + offset
    survives(lambda: read(ZIP[:at] + patch + ZIP[at + len(patch) :]))


@hostile
@given(mutations(XML))
def test_mutated_xml(xml: bytes) -> None:
    survives(lambda: read(zip_like_azure({"Generic\\VpnSettings.xml": xml})))


@hostile
@given(
    st.sampled_from([b"VpnServer", b"VpnType", b"Routes", b"Auth", b"VnetName", b"CustomDnsServers", b"string"]),
    st.text(max_size=40),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_any_text_in_any_element(name: bytes, text: str, encoding: str) -> None:
    before, opening, rest = XML.partition(b"<" + name + b">")
    after = rest[rest.index(b"</" + name) :]
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace")
    xml = (before + opening + escaped + after).decode().encode(encoding)
    survives(lambda: read(zip_like_azure({"Generic\\VpnSettings.xml": xml})))


@hostile
@given(mutations(OLD.der) | mutations(OLD.pem))
def test_a_mutated_root(root: bytes) -> None:
    survives(lambda: read(build_package([OLD.der], file_roots=[root], windows=False)))


parts = st.sampled_from(["Generic", "generic", "VpnSettings.xml", "VpnServerRoot.cer", "..", ".", "", "C:", "\\", "x"])
names = st.lists(parts | st.text(max_size=5), min_size=1, max_size=5).flatmap(
    lambda chosen: st.sampled_from("/\\").map(lambda slash: slash.join(chosen))
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@hostile
@given(st.lists(st.tuples(names, st.sampled_from([XML, OLD.der, b"", b"x"])), max_size=4, unique_by=lambda x: x[0]))
def test_random_member_names(members: list[tuple[str, bytes]]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, content in members:
            target.writestr(zipfile.ZipInfo(name.encode("utf-8", "replace").decode()), content)
    survives(lambda: read(stream.getvalue()))


file_names = names.filter(
    lambda name: (
        "\0" not in name
        and all(part not in ("", ".", "..") for part in name.split("/"))
        and not any("\ud800" <= character <= "\udfff" for character in name)
    )
)


@settings(hostile, max_examples=30)
@given(st.lists(st.tuples(file_names, st.sampled_from([XML, OLD.der, b"", b"x"])), max_size=4))
def test_random_folders(members: list[tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in members:
            file = Path(folder, name)
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            except OSError:
                continue  # a file where a folder should be, or the other way round
        survives(lambda: read_package(Path(folder), now=NOW))


def test_a_file_name_that_is_not_utf_8(tmp_path: Path) -> None:
    Path(tmp_path, "b\udcff").mkdir()
    Path(tmp_path, "b\udcff", "a\udcff").write_bytes(b"x")
    survives(lambda: read_package(tmp_path, now=NOW))
