# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the releases of macOS, and what differs between them. A new one is one more row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One release of macOS, from its first version on.

    pane            what `open` is given so that the pane with the downloaded profile comes up
    profiles_place  where the person finds that profile, in this macOS's own words
    vpn_place       where the person connects
    shortcuts       whether there is the command `shortcuts`

    Sources: for the panes the instructions of Addigy and of hwdsl2/setup-ipsec-vpn (docs/ikev2-howto.md); for the
    command Apple's Shortcuts User Guide, "Run shortcuts from the command line". No page tells of 27 in these; nothing
    says that it differs from 26.
    """

    major: int
    pane: str
    profiles_place: str
    vpn_place: str
    shortcuts: bool


_BY_PATH = "/System/Library/PreferencePanes/Profiles.prefPane"
_BY_URL = "x-apple.systempreferences:com.apple.Profiles-Settings.extension"

RELEASES = (
    Release(11, _BY_PATH, "System Preferences > Profiles", "System Preferences > Network", shortcuts=False),
    Release(12, _BY_PATH, "System Preferences > Profiles", "System Preferences > Network", shortcuts=True),
    Release(13, _BY_URL, "System Settings > Privacy & Security > Profiles", "System Settings > VPN", shortcuts=True),
    Release(14, _BY_URL, "System Settings > Privacy & Security > Profiles", "System Settings > VPN", shortcuts=True),
    Release(15, _BY_URL, "System Settings > General > Device Management", "System Settings > VPN", shortcuts=True),
    Release(26, _BY_URL, "System Settings > General > Device Management", "System Settings > VPN", shortcuts=True),
    Release(27, _BY_URL, "System Settings > General > Device Management", "System Settings > VPN", shortcuts=True),
)


def release(version: str) -> Release:
    """The row for a version such as `15.5`: the newest that is not above it; the newest of all for no version."""
    major = version.partition(".")[0]
    if not (major.isascii() and major.isdecimal() and len(major) < 5):
        return RELEASES[-1]
    known = [row for row in RELEASES if row.major <= int(major)]
    return known[-1] if known else RELEASES[0]
