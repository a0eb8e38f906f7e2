# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: profiles in a file, as azure.azcollection keeps them.

An INI file with a section for each profile, and in it subscription_id, tenant, client_id, secret and so on, named as
the options are.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from .. import _files
from .._errors import UserVpnError, shown

PLACE = "~/.azure/credentials"
DEFAULT = "default"
FILE_LIMIT = 1 << 20


def read(path: Path, profile: str) -> Mapping[str, str]:
    """What a profile says. UserVpnError when it is not there, or does not describe somebody who signs in by itself."""
    sections = _sections(path)
    if profile not in sections:
        there = ", ".join(map(shown, sections)) or "none"
        raise UserVpnError(f"profile: {path} has no profile [{shown(profile)}]; it has: {there}.")
    found, where = sections[profile], f"The profile [{shown(profile)}] of {path}"
    missing = [name for name in ("tenant", "client_id") if not found.get(name)]
    if not (found.get("secret") or found.get("x509_certificate_path")):
        if found.get("ad_user"):
            raise UserVpnError(
                f"{where} signs in with a user's name and password, which nothing can where a second factor is asked "
                "for: make a service principal, and put tenant, client_id and secret there."
            )
        missing.append("secret or x509_certificate_path")
    if missing:
        raise UserVpnError(f"{where} is described in part only: {' and '.join(missing)} missing.")
    return found


def default(path: Path) -> Mapping[str, str]:
    """What the default profile says; empty when there is none."""
    return _sections(path).get(DEFAULT, {}) if path.is_file() else {}


def _sections(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(_files.read(path, FILE_LIMIT).decode("utf-8-sig"))
    except UserVpnError as error:
        raise UserVpnError(f"credential_file: {error}") from None
    except (configparser.Error, UnicodeDecodeError):  # their texts quote lines, and so secrets
        raise UserVpnError(
            f"credential_file: {path} is no INI file, with [profile] and lines of the form client_id = ... below it."
        ) from None
    return {name: dict(parser[name]) for name in parser.sections()}
