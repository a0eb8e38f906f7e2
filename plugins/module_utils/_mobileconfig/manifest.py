# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the manifest of an export folder, one entry per host, for any MDM.

    {"version": 1, "profiles": {"<host>": {"host", "serial_number", "identifier", "profile_uuid", "certificate_sha1",
                                           "certificate_not_after", "file", "sha256"}}}

Many hosts are rendered at once, each in a process of its own, and each changes only its own entry.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .. import _files
from .._documents import read_json
from .._errors import shown
from .._text import cleaned
from .._x509.text import bare
from .errors import ProfileError

VERSION = 1
SIZE_LIMIT = 16_000_000  # of 30,000 Macs


def update_entry(path: Path, host: str, fields: Mapping[str, Any], *, check: bool = False) -> bool:
    """Make the entry of `host` hold `fields`. Returns whether that changes the file; with `check` it is not written.

    What `fields` does not name stays as it is, and so does a serial number that is known already when `fields` has
    none to offer. The folder must exist, unless `check`.
    """
    if check:
        return _updated(path, host, fields)[1]
    # A lock file of its own: the manifest itself is replaced at each change, and a lock would go with the old one.
    with _files.locked(path.with_name(f".{path.name}.lock")):
        content, changed = _updated(path, host, fields)
        if changed:
            _files.write_atomic(path, content)
    return changed


def before_and_after(path: Path, host: str, fields: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The entry of `host` as it is (no lines if there is none) and as update_entry would make it, one line per key."""
    profiles = _read(path)
    entries = profiles.get(host, {}), _entry(profiles, host, fields)
    before, after = ([f"{host}.{key} = {value!r}" for key, value in sorted(entry.items())] for entry in entries)
    return before, after


def file_name(path: Path, dest: Path) -> str:
    """How the manifest `path` names the profile `dest`. ProfileError when that lies outside its folder."""
    try:
        return _files.name_within(path.parent, dest)
    except ValueError:
        raise ProfileError(
            f"The profile {dest} lies outside {path.parent}, the folder of the manifest: whoever is given that folder "
            "could not find it; give a dest in it."
        ) from None


def is_ours(folder: Path) -> bool:
    """Whether a folder holds profiles, manifests and nothing else, so that nobody misses the way into it."""
    try:
        with os.scandir(folder) as entries:
            return not folder.stat().st_mode & stat.S_ISVTX and all(map(_is_ours, (entry.name for entry in entries)))
    except OSError as error:
        raise ProfileError(f"The folder {folder} cannot be read: {error.strerror}.") from None


def _is_ours(name: str) -> bool:
    return name.endswith((".mobileconfig", ".json", ".json.lock", ".tmp")) or name == ".DS_Store"


def take_out(path: Path, certificates: Collection[str], *, check: bool = False) -> list[str]:
    """Delete every profile with one of these client certificates (SHA-1, upper-case hex), file and entry.

    Returns the hosts whose profiles these are. With `check` nothing is deleted.
    """
    if not path.exists():
        return []
    if check:
        profiles = _read(path)
        hosts = _holders(profiles, certificates)
        for host in hosts:
            _file(path, host, profiles[host])
        return hosts
    with _files.locked(path.with_name(f".{path.name}.lock")):
        profiles = _read(path)
        hosts = _holders(profiles, certificates)
        files = [_file(path, host, profiles[host]) for host in hosts]
        # The files first: whoever is killed here finds the entries again.
        for file in files:
            _files.delete(file)
        if hosts:
            _files.write_atomic(path, _document({name: e for name, e in profiles.items() if name not in hosts}))
    return hosts


def _file(path: Path, host: str, entry: Mapping[str, Any]) -> Path:
    """The profile of an entry. ProfileError when somebody has made it lead out of the folder."""
    name = str(entry.get("file") or f"{host}.mobileconfig")
    try:
        _files.name_within(path.parent, path.parent / name)
    except ValueError:
        raise ProfileError(
            f"{path} names the file {shown(name)} for {shown(host)}, which lies outside its folder, so nothing was "
            "deleted: correct or remove that entry."
        ) from None
    return path.parent / name


def _holders(profiles: Mapping[str, dict[str, Any]], certificates: Collection[str]) -> list[str]:
    return sorted(host for host, entry in profiles.items() if bare(str(entry.get("certificate_sha1"))) in certificates)


def _entry(profiles: Mapping[str, dict[str, Any]], host: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    known = profiles.get(host, {})
    serial_number = fields.get("serial_number") or known.get("serial_number")
    return {**known, **fields, "host": host, "serial_number": cleaned(serial_number, keep="")}


def _updated(path: Path, host: str, fields: Mapping[str, Any]) -> tuple[bytes, bool]:
    profiles = _read(path)
    content = _document({**profiles, host: _entry(profiles, host, fields)})
    return content, _files.would_write(path, content)


def _document(profiles: Mapping[str, dict[str, Any]]) -> bytes:
    return (json.dumps({"version": VERSION, "profiles": profiles}, indent=2, sort_keys=True) + "\n").encode()


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        document = read_json(_files.read(path, SIZE_LIMIT))
        version, profiles = document["version"], document["profiles"]
    except (ValueError, TypeError, KeyError):
        version, profiles = None, None
    if version != VERSION or not isinstance(profiles, dict) or not all(isinstance(e, dict) for e in profiles.values()):
        raise ProfileError(f"{path} is no manifest of this collection; move it away or name another file.")
    return profiles
