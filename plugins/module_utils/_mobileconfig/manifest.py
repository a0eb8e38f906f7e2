# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the manifest of an export folder, one entry per host, for any MDM.

    {"version": 1, "profiles": {"<host>": {"host", "serial_number", "identifier", "profile_uuid", "certificate_sha1",
                                           "certificate_not_after", "delivery", "file", "sha256"}}}

It may name hosts of other runs, which stay. Several may run at once.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _files
from .._documents import read_json
from .._errors import shown
from .._text import cleaned
from .._x509.text import bare
from .errors import ProfileError

VERSION = 1
NAME = "manifest.json"
SIZE_LIMIT = 16_000_000  # of 25,000 Macs


@dataclass(frozen=True)
class Change:
    """What becomes of a manifest: whether it is another one, and the entries that are others, one line per key."""

    changed: bool
    before: list[str]
    after: list[str]


def update(path: Path, news: Mapping[str, Mapping[str, Any]], *, add: bool = True, check: bool = False) -> Change:
    """Make the entries of these hosts hold these fields, in one write; with `check` it is not written.

    What is not named stays as it is, and so does a serial number that is known already when there is none to offer.
    Without `add` only hosts that have an entry get the fields. The folder must exist, unless `check`.
    """
    if not news:
        return Change(False, [], [])
    with _held(path, check):
        old = _read(path)
        new = old | {host: _entry(old, host, fields) for host, fields in news.items() if add or host in old}
        content = _document(new)
        changed = new != {} and _files.would_write(path, content)
        if changed and not check:
            _files.write_atomic(path, content)
    others = [host for host in news if old.get(host) != new.get(host)]
    return Change(changed, _lines(old, others), _lines(new, others))


def take_out(path: Path, certificates: Collection[str], *, check: bool = False) -> list[str]:
    """Delete every profile with one of these client certificates (SHA-1, upper-case hex), file and entry.

    Returns the hosts whose profiles these are. With `check` nothing is deleted.
    """
    if not path.exists():
        return []
    with _held(path, check):
        profiles = _read(path)
        hosts = _holders(profiles, certificates)
        files = [_file(path, host, profiles[host]) for host in hosts]
        if hosts and not check:
            # The files first: whoever is killed here finds the entries again.
            for file in files:
                _files.delete(file)
            _files.write_atomic(path, _document({name: e for name, e in profiles.items() if name not in hosts}))
    return hosts


@contextlib.contextmanager
def _held(path: Path, check: bool) -> Iterator[None]:
    """While nobody else changes this manifest. Its lock is a file of its own, since it is itself replaced."""
    with contextlib.nullcontext() if check else _files.locked(path.with_name(f".{path.name}.lock")):
        yield


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


def _lines(profiles: Mapping[str, dict[str, Any]], hosts: Collection[str]) -> list[str]:
    return [f"{host}.{key} = {value!r}" for host in hosts for key, value in sorted(profiles.get(host, {}).items())]


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
