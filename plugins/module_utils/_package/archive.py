# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the few wanted members of a profile package, read into memory.

Azure writes a ZIP whose member names have backslashes and which has no directory entries: Info-ZIP's unzip warns and
ends with 1, `ansible.builtin.unarchive` fails, Python's `extractall` makes flat files with a backslash in the name.
So nothing is unpacked here. Names are split at both kinds of slash, and two kinds of members are read:
Generic/VpnSettings.xml and Generic/VpnServerRoot.cer* (`.cer`, `.cer_0`, `.cer_1`, ...), in a ZIP or in a folder that
somebody's tool has unzipped, well or badly. Without a Generic folder, VpnSettings.xml and the roots beside it are read
wherever they lie: people keep these files alone. Everything else is left alone; a package holds Windows programs, too.
"""

from __future__ import annotations

import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import _files
from .._errors import shown
from .errors import PackageError

# A real package is a few 100 KB, its XML about 2 KB, a root about 1 KB, and there are one or two.
PACKAGE_LIMIT = 16 << 20
SETTINGS_LIMIT = 1 << 20
ROOT_LIMIT = 1 << 16
ROOTS_LIMIT = 100
ENTRIES_LIMIT = 1000

IKEV2_ADVICE = (
    "The tunnel type of the User VPN configuration must include IKEv2 (IkeV2): "
    "set it, then generate and download the package again"
)

_SETTINGS = "vpnsettings.xml"
_DIRECTORY_ENTRY = b"PK\x01\x02"
_LOCAL_HEADER = 30  # bytes before a member's name (APPNOTE.TXT, 4.3.7)
_ROOT = re.compile(r"vpnserverroot\.cer\w*", re.ASCII)

# What zipfile and zlib raise for a broken archive; NotImplementedError is a RuntimeError, UnicodeError a ValueError.
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Members:
    """The content of VpnSettings.xml, and (file name, content) of each gateway root beside it."""

    settings: bytes
    roots: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class _Entry:
    parts: tuple[str, ...]
    read: Callable[[int], bytes]  # at most so many bytes

    @property
    def name(self) -> str:
        return shown("/".join(self.parts))

    @property
    def file(self) -> str:
        return self.parts[-1].lower()

    @property
    def folder(self) -> tuple[str, ...]:
        return tuple(part.lower() for part in self.parts[:-1])


def from_zip(content: bytes) -> Members:
    """The wanted members of a ZIP file; PackageError when it is none, is damaged, or is not to be trusted."""
    if not content:
        raise PackageError("The file is empty, not a profile package; download the package again.")
    if not content.startswith(b"PK"):
        raise PackageError(_not_a_zip(content))
    # Counted before zipfile makes an object of half a kilobyte of each entry of the directory.
    if content.count(_DIRECTORY_ENTRY) > ENTRIES_LIMIT:
        raise PackageError(
            f"The ZIP file has more than {ENTRIES_LIMIT} members, so it is no profile package; name another file."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _select(list(_zip_entries(archive)))
    except _BROKEN:
        raise PackageError("The ZIP file is damaged or incomplete; download the package again.") from None


def from_folder(path: Path) -> Members:
    """The wanted files of an unzipped package; `path` may hold it, be it, be its Generic folder, or hold just them."""
    return _select(list(_folder_entries(path)))


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    infos = archive.infolist()
    _refuse_overlaps(infos)
    for info in infos:
        parts = _parts(info.filename)
        if info.flag_bits & 0x1:
            raise PackageError(
                f"The member {shown(info.filename)} is encrypted, which Azure never does; download the package again."
            )
        if parts and not info.filename.endswith(("/", "\\")):
            yield _Entry(parts, partial(_read_member, archive, info))


def _refuse_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Members that share their bytes make much out of little; not every Python's zipfile refuses them."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise PackageError(
                f"The member {shown(info.filename)} lies in another one, which Azure never does; download the package "
                "again."
            )
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """At most `limit` bytes, counted as they come out: what the header says may be a lie."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA takes any memory that it is told to
        raise PackageError(
            f"The member {shown(info.filename)} is compressed in a way that Azure never uses; download the package "
            "again, or zip it without a special method."
        )
    with archive.open(info) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise PackageError(
            f"The member {shown(info.filename)} unpacks to more than {limit} bytes, which none of its kind does; "
            "download the package again."
        )
    return content


def _folder_entries(path: Path) -> Iterator[_Entry]:
    # Each name starts with that of the folder itself, so that the Generic folder alone is welcome, too.
    top = path.absolute()
    for file in _files_below(top):
        parts = (top.name, *_parts(file.relative_to(top).as_posix()))
        yield _Entry(parts, partial(_files.read, file))


def _files_below(top: Path) -> Iterator[Path]:
    """Every file; links to folders are not followed, pipes and devices are none."""
    waiting, count = [str(top)], 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    count += 1
                    if count > ENTRIES_LIMIT:
                        raise PackageError(
                            f"The folder holds more than {ENTRIES_LIMIT} files; name the folder of one profile package."
                        )
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file():
                        yield Path(entry.path)
        except OSError as error:
            raise PackageError(f"The folder {shown(folder)} cannot be read: {error.strerror}.") from None


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a member's name; PackageError for a name that leads out of the package."""
    plain = name.replace("\\", "/")
    parts = tuple(part for part in plain.split("/") if part not in ("", "."))
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or ".." in parts:
        raise PackageError(f"The package holds the unsafe name {shown(name)}, which Azure never writes; refused.")
    return parts


def _select(entries: list[_Entry]) -> Members:
    everywhere = [entry for entry in entries if entry.file == _SETTINGS]
    found = [entry for entry in everywhere if entry.folder[-1:] == ("generic",)] or everywhere
    if not found:
        raise PackageError(_no_settings(entries))
    if len(found) > 1:
        names = ", ".join(sorted(entry.name for entry in found)[:3])
        raise PackageError(f"More than one VpnSettings.xml is there ({names}); keep the one package that is meant.")
    settings = found[0]
    roots = [entry for entry in entries if entry.folder == settings.folder and _ROOT.fullmatch(entry.file)]
    roots = sorted(roots, key=lambda entry: entry.file)[: ROOTS_LIMIT + 1]  # one too many is enough to be refused
    return Members(
        settings.read(SETTINGS_LIMIT), tuple((shown(entry.parts[-1]), entry.read(ROOT_LIMIT)) for entry in roots)
    )


def _no_settings(entries: list[_Entry]) -> str:
    folders = sorted({shown(entry.parts[-2]) for entry in entries if len(entry.parts) > 1})
    if any(folder.lower() == "generic" for folder in folders):
        return "The Generic folder holds no VpnSettings.xml; generate and download the package again."
    found = f"only {', '.join(folders[:8])}" if folders else "nor any other"
    return f"The package has no Generic folder ({found}), and no VpnSettings.xml anywhere. {IKEV2_ADVICE}."


def _not_a_zip(content: bytes) -> str:
    start = content[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if b"<VpnProfile" in start:
        return "This is a VpnSettings.xml alone; name the ZIP file, or the folder in which this file and the root lie."
    if start.startswith(b"<"):
        return (
            "This is an HTML or XML page, not a ZIP file: the download link has probably expired (it lives about an "
            "hour) or was not copied whole; generate and download the package again."
        )
    return "This is not a ZIP file, so not a profile package; generate and download the package again."
