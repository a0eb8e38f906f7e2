# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of macOS the lab knows, and how they differ.

Every difference a double depends on is a field here, so that a release is one row and a new one is one more row.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Release:
    """One release of macOS.

    Sources: version and build numbers are Apple's (support.apple.com/100100); the rules for PKCS#12 and trust are read
    from apple-oss-distributions/Security (tags 59754 for 11 up to 61901 for 26) and authd in the same repository. Of 27
    Apple has published the schema of profiles; builds are from public reports; all else is as in 26 (assumed).
    """

    version: str
    build: str
    darwin: str
    libressl: str
    # Where a person approves a profile: 'System Preferences' up to 12, 'System Settings' from 13 on.
    settings_app: str
    # True: the pane is opened by its path, False: by its URL.
    pane_by_path: bool

    @property
    def number(self) -> tuple[int, int]:
        """(major, minor), for comparisons."""
        major, _unused, minor = self.version.partition(".")
        return int(major), int(minor.partition(".")[0] or 0)

    @property
    def secpkcs12import(self) -> bool:
        """`security import -f pkcs12` goes through SecPKCS12Import, which knows PBES2 (Security 61439, macOS 15)."""
        return self.number >= (15, 0)

    @property
    def plutil_raw(self) -> bool:
        """`plutil -extract KEY raw` came with macOS 12."""
        return self.number >= (12, 0)

    @property
    def shortcuts(self) -> bool:
        """The `shortcuts` command came with macOS 12."""
        return self.number >= (12, 0)

    @property
    def authorizationdb_trust(self) -> bool:
        """Root may open the right com.apple.trust-settings.admin; authd protects it from macOS 15 on."""
        return self.number < (15, 0)

    @property
    def needs_payload_scope(self) -> bool:
        """26.1 refused network extension payloads without PayloadScope (paulmillr/encrypted-dns issue 190)."""
        return self.number >= (26, 1)

    @property
    def strict_algorithms(self) -> bool:
        """EnforceStrictAlgorithmSelection exists (com.apple.vpn.managed.yaml: macOS 15.5)."""
        return self.number >= (15, 5)

    @property
    def weak_algorithms_removed(self) -> bool:
        """DES, 3DES, SHA-1 and groups 1, 2, 5 are gone (com.apple.vpn.managed.yaml: removed in macOS 26)."""
        return self.number >= (26, 0)

    @property
    def eap_tls_1_3(self) -> bool:
        """TLS 1.3 for EAP-TLS: in Apple's reference of VPN.IKEv2 of 2026, not in the schema's edition of macOS 26."""
        return self.number >= (27, 0)

    @property
    def jq(self) -> bool:
        """/usr/bin/jq came with macOS 15."""
        return self.number >= (15, 0)


RELEASES: dict[str, Release] = {
    release.version: release
    for release in (
        Release("11.7", "20G817", "20.6.0", "2.8.3", "System Preferences", True),
        Release("12.7", "21G816", "21.6.0", "2.8.3", "System Preferences", True),
        Release("13.6", "22G120", "22.6.0", "3.3.6", "System Settings", False),
        Release("14.4", "23E214", "23.4.0", "3.3.6", "System Settings", False),
        Release("15.5", "24F74", "24.5.0", "3.3.6", "System Settings", False),
        Release("26.1", "25B78", "25.1.0", "3.3.6", "System Settings", False),
        Release("27.0", "26A428", "27.0.0", "3.3.6", "System Settings", False),
    )
}


def release(version: str) -> Release:
    """Return the row of `version`; another minor release of a known major one borrows that row's other facts."""
    if version in RELEASES:
        return RELEASES[version]
    major = version.partition(".")[0]
    for row in RELEASES.values():
        if row.version.partition(".")[0] == major:
            return dataclasses.replace(row, version=version)
    raise ValueError(f"the lab knows no macOS {version}; it knows {', '.join(RELEASES)}")
