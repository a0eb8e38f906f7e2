# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting the wanted members out of a ZIP file or a folder."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ansible_collections.vwan.user_vpn.plugins.module_utils._package import PackageError, archive, read_package
from ansible_collections.vwan.user_vpn.tests.lab.packages import (
    OPENVPN_FILES,
    WINDOWS_FILES,
    build_package,
    settings_xml,
    zip_like_azure,
)
from ansible_collections.vwan.user_vpn.tests.unit.package.samples import (
    NEW,
    NOW,
    OLD,
    checked_text,
    read,
    refusal,
    sha256s,
    write_tree,
)

XML = settings_xml([OLD.der])
GOOD = read(build_package([OLD.der])).settings()


def ordinary_zip(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP as any tool but Azure makes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return stream.getvalue()


def folder_refusal(path: Path) -> str:
    with pytest.raises(PackageError) as caught:
        read_package(path, now=NOW)
    text = checked_text(caught.value)
    assert text.startswith(str(path)) or str(path) in text
    return text


# --- what is tolerated


@pytest.mark.parametrize(
    "name",
    [
        "Generic\\VpnSettings.xml",
        "Generic/VpnSettings.xml",
        "generic/vpnsettings.XML",
        "GENERIC\\VPNSETTINGS.XML",
        "vpnclient (1)/Generic/VpnSettings.xml",
        "a\\b/Generic\\VpnSettings.xml",
        "./Generic//VpnSettings.xml",
        "..a/Generic/VpnSettings.xml",
    ],
)
def test_names_in_every_usual_spelling(name: str) -> None:
    assert read(ordinary_zip({name: XML})).settings() == GOOD


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_package_zipped_anew_with_directory_entries(compression: int) -> None:
    content = ordinary_zip(
        {
            "pkg/": b"",
            "pkg/Generic/": b"",
            "pkg/Generic/VpnSettings.xml": XML,
            "__MACOSX/pkg/Generic/._VpnSettings.xml": b"AppleDouble",
            "pkg/.DS_Store": b"Finder",
            "pkg\\OpenVPN\\": b"",
        },
        compression,
    )
    assert read(content).settings() == GOOD


@pytest.mark.parametrize(
    "names",
    [
        ["VpnServerRoot.cer"],
        ["VpnServerRoot.cer_0"],
        ["vpnserverroot.CER_0"],
        ["VpnServerRoot.cer", "VpnServerRoot.cer_1"],
        ["VpnServerRoot.cer_0", "VpnServerRoot.cer_1", "VpnServerRoot.cer_2"],
    ],
)
def test_root_files_by_every_known_name(names: list[str]) -> None:
    files = {"Generic\\VpnSettings.xml": settings_xml([])}
    files |= {f"Generic\\{name}": [OLD.der, NEW.der, OLD.der][number] for number, name in enumerate(names)}
    assert len(sha256s(read(zip_like_azure(files)))) == min(len(names), 2)


def test_other_members_are_never_read() -> None:
    members = {
        "Generic\\VpnSettings.xml": XML,
        "Generic\\VpnServerRoot.txt": b"not a certificate",
        "Generic\\Readme.cer": b"not a certificate",
        "Other\\VpnServerRoot.cer": b"not a certificate",
        "Other\\VpnSettings.xml": b"of another client",
        "VpnSettings.xml": b"of another client",
        "VpnServerRoot.cer": b"not a certificate",
        "Generic\\VpnServerRoot.cer\\x": b"not a certificate",
    }
    assert read(zip_like_azure(members | WINDOWS_FILES)).settings() == GOOD


def test_a_damaged_windows_file_does_no_harm() -> None:
    content = bytearray(build_package([OLD.der]))
    at = content.index(b"WindowsAmd64\\VpnClientSetupAmd64.exe") + 60
    content[at] ^= 0xFF
    with pytest.raises((zipfile.BadZipFile, zlib.error)):
        zipfile.ZipFile(io.BytesIO(content)).read("WindowsAmd64\\VpnClientSetupAmd64.exe")
    assert read(bytes(content)).settings() == GOOD


@pytest.mark.parametrize("top", ["", "vpnclient/", "deep/er/"])
def test_an_unzipped_folder(tmp_path: Path, top: str) -> None:
    files = {"Generic/VpnSettings.xml": XML, "Generic/VpnServerRoot.cer_0": OLD.der, "WindowsX86/a.exe": b"x"}
    write_tree(tmp_path, {top + name: content for name, content in files.items()})
    assert read_package(tmp_path, now=NOW).settings() == GOOD


def test_a_folder_with_backslashes_in_its_files_names(tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(build_package([OLD.der, NEW.der]))).extractall(tmp_path / "out")
    assert (tmp_path / "out" / "Generic\\VpnSettings.xml").is_file()
    for folder in (tmp_path, tmp_path / "out"):
        assert read_package(folder, now=NOW).settings() == read(build_package([OLD.der, NEW.der])).settings()


def test_the_generic_folder_itself(tmp_path: Path) -> None:
    write_tree(tmp_path / "generic", {"VpnSettings.xml": XML, "VpnServerRoot.cer": NEW.der})
    assert len(sha256s(read_package(tmp_path / "generic", now=NOW))) == 2


@pytest.mark.parametrize("top", ["", "vpn/", "repository/files/vpn/"])
@pytest.mark.parametrize("root", ["VpnServerRoot.cer", "VpnServerRoot.cer_0", "vpnserverroot.CER"])
def test_the_files_of_the_generic_folder_kept_alone(tmp_path: Path, top: str, root: str) -> None:
    files = {"README.md": b"how we do it", f"{top}VpnSettings.xml": settings_xml([]), f"{top}{root}": OLD.der}
    write_tree(tmp_path / "kept", files)
    assert read_package(tmp_path / "kept", now=NOW).settings() == GOOD
    assert read(ordinary_zip(files)).settings() == GOOD


def test_two_packages_kept_alone_are_not_one(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/VpnSettings.xml": XML, "b/VpnSettings.xml": XML})
    assert "More than one VpnSettings.xml" in folder_refusal(tmp_path)
    write_tree(tmp_path, {"Generic/VpnSettings.xml": XML})  # this one is Azure's
    assert read_package(tmp_path, now=NOW).settings() == GOOD


def test_a_zip_file_and_its_bytes_give_the_same(tmp_path: Path) -> None:
    file = tmp_path / "package.zip"
    file.write_bytes(build_package([OLD.der]))
    assert read_package(file, now=NOW) == read(file.read_bytes())
    assert [entry.name for entry in tmp_path.iterdir()] == ["package.zip"]  # nothing is unpacked


def test_a_pipe_in_the_folder_is_not_opened(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Generic/VpnSettings.xml": XML})
    os.mkfifo(tmp_path / "Generic" / "VpnServerRoot.cer")
    assert read_package(tmp_path, now=NOW).settings() == GOOD


# --- what is an error: no Generic folder


@pytest.mark.parametrize("types", ["OpenVPN", "SSTP", "SSTP,OpenVPN"])
def test_no_generic_folder_repeats_the_articles_advice(types: str) -> None:
    text = refusal(build_package([OLD.der], vpn_type=types))
    assert "no Generic folder" in text
    assert "WindowsAmd64" in text
    assert "tunnel type of the User VPN configuration must include IKEv2 (IkeV2)" in text
    assert "generate and download the package again" in text


def test_no_generic_folder_on_disk(tmp_path: Path) -> None:
    write_tree(tmp_path / "pkg", {name.replace("\\", "/"): content for name, content in OPENVPN_FILES.items()})
    text = folder_refusal(tmp_path / "pkg")
    assert "(only AzureVPN, OpenVPN)" in text
    assert "IKEv2" in text


def test_an_empty_zip_and_an_empty_folder(tmp_path: Path) -> None:
    assert "no Generic folder" in refusal(ordinary_zip({}))
    assert "no Generic folder" in folder_refusal(tmp_path)


def test_a_generic_folder_without_settings() -> None:
    text = refusal(zip_like_azure({"Generic\\VpnServerRoot.cer": OLD.der}))
    assert "The Generic folder holds no VpnSettings.xml" in text


def test_odd_folder_names_are_shown_printable_and_short() -> None:
    text = refusal(ordinary_zip({"\x1b[31mred/a": b"", "x" * 300 + "/a": b"", "\u202eevil/b": b""}))
    assert "?[31mred" in text
    assert "x" * 98 not in text


def test_two_packages_in_one(tmp_path: Path) -> None:
    members = {"one/Generic/VpnSettings.xml": XML, "two/generic/vpnsettings.xml": XML}
    text = refusal(ordinary_zip(members))
    assert "More than one VpnSettings.xml" in text
    assert "one/Generic/VpnSettings.xml, two/generic/vpnsettings.xml" in text
    write_tree(tmp_path, members)
    assert "More than one VpnSettings.xml" in folder_refusal(tmp_path)


def test_the_same_member_twice() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as target:
            target.writestr("Generic\\VpnSettings.xml", XML)
            target.writestr("Generic\\VpnSettings.xml", XML)
    assert "More than one VpnSettings.xml" in refusal(stream.getvalue())


# --- what is an error: not a ZIP, or a bad one


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b"\xef\xbb\xbf<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>",
        "\ufeff<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>".encode("utf-16"),
        "\ufeff<html><body>Sign in</body></html>".encode("utf-16-be"),
        b"\r\n  <html>",
    ],
)
def test_a_web_page_hints_at_an_expired_link(body: bytes) -> None:
    text = refusal(body)
    assert "HTML or XML page" in text
    assert "expired" in text


@pytest.mark.parametrize("body", [b'{"error": "x"}', b"\x7fELF", b"\0" * 100, b"\x1f\x8b\x08"])
def test_not_a_zip(body: bytes) -> None:
    assert "not a ZIP file" in refusal(body)


def test_an_empty_file() -> None:
    assert "empty" in refusal(b"")


def test_the_settings_file_alone(tmp_path: Path) -> None:
    (tmp_path / "VpnSettings.xml").write_bytes(XML)
    assert "a VpnSettings.xml alone" in folder_refusal(tmp_path / "VpnSettings.xml")
    assert "a VpnSettings.xml alone" in refusal(XML.decode().encode("utf-16"))


def test_every_truncation_is_refused() -> None:
    content = build_package([OLD.der], windows=False)
    for length in range(2, len(content), 7):
        assert "damaged or incomplete" in refusal(content[:length])


def test_damaged_content_fails_its_checksum() -> None:
    content = bytearray(build_package([OLD.der], windows=False))
    content[content.index(b"VpnSettings.xml") + 200] ^= 0x55
    assert "damaged or incomplete" in refusal(bytes(content))


def test_content_that_is_not_deflate() -> None:
    content = bytearray(build_package([OLD.der], windows=False))
    at = content.index(b"VpnSettings.xml") + len(b"VpnSettings.xml")
    content[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(zlib.error):
        zipfile.ZipFile(io.BytesIO(content)).read("Generic\\VpnSettings.xml")
    assert "damaged or incomplete" in refusal(bytes(content))


def test_an_encrypted_member() -> None:
    content = bytearray(build_package([OLD.der], windows=False))
    content[6] |= 1  # the local header's flags
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and the directory's
    text = refusal(bytes(content))
    assert "encrypted" in text
    assert "Generic\\VpnSettings.xml" in text


def test_a_compression_method_nobody_knows() -> None:
    content = bytearray(build_package([OLD.der], windows=False))
    content[8:10] = content[(at := content.index(b"PK\x01\x02")) + 10 : at + 12] = struct.pack("<H", 77)
    text = refusal(bytes(content))
    assert "The member Generic\\VpnSettings.xml is compressed in a way that Azure never uses" in text


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_method_that_azure_never_uses(method: int) -> None:
    assert "in a way that Azure never uses" in refusal(ordinary_zip({"Generic/VpnSettings.xml": XML}, method))


@pytest.mark.parametrize(
    "name",
    [
        "../Generic/VpnSettings.xml",
        "..\\evil.txt",
        "a/../../evil",
        "Generic\\..\\..\\evil",
        "/etc/passwd",
        "\\Windows\\evil",
        "\\\\server\\share",
        "C:\\evil",
        "c:evil",
    ],
)
def test_unsafe_names(name: str) -> None:
    text = refusal(ordinary_zip({"Generic/VpnSettings.xml": XML, name: b"x"}))
    assert "unsafe name" in text
    assert name in text


def test_an_unsafe_name_in_a_folder(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Generic\\VpnSettings.xml": XML, "..\\..\\evil": b"x"})
    assert "unsafe name" in folder_refusal(tmp_path)


# --- what is an error: too much


def peak(reading: Callable[[], str]) -> tuple[str, int]:
    """What comes of it, and the most memory that it took on the way."""
    tracemalloc.start()
    try:
        return reading(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = zip_like_azure({"Generic\\VpnSettings.xml": b" " * (16 << 20)})
    text, memory = peak(lambda: refusal(bomb))
    assert f"more than {archive.SETTINGS_LIMIT} bytes" in text
    assert memory < 8 * archive.SETTINGS_LIMIT


def test_a_root_of_a_megabyte_is_no_root() -> None:
    text, memory = peak(lambda: refusal(build_package([OLD.der], file_roots=[OLD.der + bytes(1 << 20)], windows=False)))
    assert "VpnServerRoot.cer_0 unpacks to more than 65536 bytes" in text
    assert memory < 4 << 20


@pytest.mark.parametrize("number", [1, 990])
def test_members_that_share_their_bytes(number: int) -> None:
    """One member of a megabyte, named in the directory again and again: 75 kB that were 1 GB."""
    packed = zip_like_azure({"Generic\\VpnSettings.xml": XML, "Generic\\VpnServerRoot.cer_0": bytes(1 << 20)})
    start, end = packed.rindex(b"PK\x01\x02"), packed.rindex(b"PK\x05\x06")
    entry, tail = packed[start:end], bytearray(packed[end:])
    more = b"".join(
        entry.replace(b".cer_0", b".cer_%d" % count)[:28]
        + struct.pack("<H", len(entry) - 46 + len(str(count)) - 1)
        + entry.replace(b".cer_0", b".cer_%d" % count)[30:]
        for count in range(1, number + 1)
    )
    tail[8:12] = struct.pack("<HH", number + 2, number + 2)
    tail[12:16] = struct.pack("<I", struct.unpack("<I", tail[12:16])[0] + len(more))
    content = packed[:end] + more + bytes(tail)
    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == number + 2
    text, memory = peak(lambda: refusal(content))
    assert "lies in another one, which Azure never does" in text
    assert memory < 4 << 20


def test_more_roots_than_any_gateway_has() -> None:
    """900 real roots took 963 MB."""
    many = [OLD.der] * (archive.ROOTS_LIMIT + 1)
    for content in (
        build_package([OLD.der], file_roots=many, windows=False),
        build_package(many, file_roots=[], windows=False),
    ):
        assert "more than 100 gateway roots" in refusal(content)
        assert read(build_package(many[1:], windows=False)).settings() == GOOD
    text, memory = peak(lambda: refusal(build_package([OLD.der], file_roots=many * 8, windows=False)))
    assert "more than 100 gateway roots" in text
    assert memory < 16 << 20


def test_a_bomb_that_lies_about_its_size() -> None:
    bomb = bytearray(zip_like_azure({"Generic\\VpnSettings.xml": XML + b" " * (8 << 20)}))
    size = struct.pack("<I", len(XML))
    at = bomb.index(b"PK\x01\x02")
    bomb[22:26] = bomb[at + 24 : at + 28] = size
    assert "damaged" in refusal(bytes(bomb))


def test_a_member_of_just_the_limit() -> None:
    padded = XML.replace(b"</VpnProfile>", b" " * (archive.SETTINGS_LIMIT - len(XML)) + b"</VpnProfile>")
    assert len(padded) == archive.SETTINGS_LIMIT
    assert read(zip_like_azure({"Generic\\VpnSettings.xml": padded})).settings() == GOOD
    assert "unpacks to more" in refusal(zip_like_azure({"Generic\\VpnSettings.xml": padded + b" "}))


def test_too_many_members(tmp_path: Path) -> None:
    many = {f"a/{number}": b"" for number in range(archive.ENTRIES_LIMIT + 1)}
    content = ordinary_zip(many, zipfile.ZIP_STORED)
    assert "more than 1000 members" in refusal(content)
    write_tree(tmp_path, many)
    assert "more than 1000 files" in folder_refusal(tmp_path)


def test_too_many_members_are_counted_before_there_is_an_object_for_each() -> None:
    content = ordinary_zip({f"{number}": b"" for number in range(50_000)}, zipfile.ZIP_STORED)
    text, memory = peak(lambda: refusal(content))
    assert "more than 1000 members" in text
    assert memory < 2 << 20


def test_too_many_folders(tmp_path: Path) -> None:
    for number in range(archive.ENTRIES_LIMIT + 1):
        (tmp_path / str(number)).mkdir()
    assert "more than 1000 files" in folder_refusal(tmp_path)


def test_a_pipe_in_place_of_a_package(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "package.zip")
    assert "it is no regular file" in folder_refusal(tmp_path / "package.zip")


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "package.zip"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse
    assert "larger than" in folder_refusal(file)


def test_a_huge_file_in_a_folder(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Generic/VpnSettings.xml": b" " * (archive.SETTINGS_LIMIT + 1)})
    assert "larger than" in folder_refusal(tmp_path)


# --- what is an error: the path


def test_nothing_there(tmp_path: Path) -> None:
    text = folder_refusal(tmp_path / "missing.zip")
    assert text.startswith(f"There is no profile package at {tmp_path / 'missing.zip'}: download it with ")


def test_unreadable(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything: run the tests as an ordinary user")
    file = tmp_path / "package.zip"
    file.write_bytes(build_package([OLD.der]))
    file.chmod(0)
    assert "Permission denied" in folder_refusal(file)
    folder = tmp_path / "folder"
    folder.mkdir(mode=0)
    assert "Permission denied" in folder_refusal(folder)


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(top: str) -> object:
        raise PermissionError(13, "Permission denied", top)

    monkeypatch.setattr(os, "scandir", scandir)
    assert f"The folder {tmp_path} cannot be read: Permission denied." in folder_refusal(tmp_path)


def test_the_error_names_the_path(tmp_path: Path) -> None:
    file = tmp_path / "package.zip"
    file.write_bytes(b"<html>")
    assert folder_refusal(file).startswith(f"{file}: This is an HTML or XML page")
