# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the folder of profiles, and the names in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .. import _files
from .._errors import shown
from .errors import ProfileError

SUFFIX = ".mobileconfig"
LONGEST_NAME = 200  # bytes; file systems take 255, some of which a temporary file needs


def file_of(folder: Path, host: str) -> Path:
    """The profile of this host; ProfileError for one after whom no file can be named."""
    name = f"{host}{SUFFIX}"
    if not host or any(sign in name for sign in "/\0") or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        raise ProfileError(
            f"No file in {folder} can be named after the host {shown(host)!r}: call it otherwise in the inventory, "
            "without slashes, and not too long."
        )
    return folder / name


def prepare(folder: Path, *, check: bool) -> str:
    """Make the folder, or see that none but us replaces what lies in it. Returns a warning, or an empty text.

    One that holds profiles only is closed to other accounts, which is the warning; any other is the user's, and so is
    whom to let into it, as long as not everybody may put another profile in the place of ours.
    """
    if not check:
        _files.make_folder(folder)
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise ProfileError(f"Nothing can be written into the folder {folder}: give yourself access, or name another.")
    if not _files.too_open(folder, below=False) or not _is_ours(folder):
        _files.check_folder_for(folder / "profiles")
        return ""
    if not check:
        _files.tighten(folder)
    return (
        f"Other accounts had access to {folder}, where profiles with private keys lie; "
        f"{'a real run takes that away' if check else 'that was taken away'}."
    )


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds profiles, manifests and nothing else, so that nobody misses the way into it."""
    try:
        with os.scandir(folder) as entries:
            return not folder.stat().st_mode & stat.S_ISVTX and all(_is_profile(entry.name) for entry in entries)
    except OSError as error:
        raise ProfileError(f"The folder {folder} cannot be read: {error.strerror}.") from None


def _is_profile(name: str) -> bool:
    return name.endswith((SUFFIX, ".json", ".json.lock", ".tmp")) or name == ".DS_Store"
