# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: reads the VPN client profile package that Azure generates.

A package is a ZIP file, or a folder in which it was unzipped. What a Mac needs of it is Generic/VpnSettings.xml and
the gateway roots. Plain Python: it knows nothing of Ansible, writes nothing and unpacks nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import _files
from .._errors import UserVpnError
from .._x509.certificates import Certificate
from .._x509.text import utc_text
from . import archive, checks, roots, vpnsettings
from .errors import PackageError
from .vpnsettings import VpnSettings

__all__ = ["PackageError", "ProfilePackage", "read_package", "read_package_bytes"]


@dataclass(frozen=True)
class ProfilePackage:
    """A package with which a Mac can connect."""

    vpn: VpnSettings
    gateway_roots: tuple[Certificate, ...]
    warnings: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of what matters to a Mac: equal for two downloads of the same settings.

        Azure generates a new ZIP with new member times at each request, in either generation of the XML. The order of
        routes, pools and types says nothing; that of DNS servers does. The network's name and id and elements nobody
        knows are left out, because no Mac has to be configured anew for them.
        """
        canonical = {
            "vpn_server": self.vpn.vpn_server.lower(),
            "vpn_types": sorted({name.lower() for name in self.vpn.vpn_types}),
            "auth": self.vpn.auth.lower(),
            "routes": sorted(self.vpn.routes),
            "client_address_pools": sorted(self.vpn.client_address_pools),
            "dns_servers": self.vpn.dns_servers,
            "gateway_roots": [root.sha256 for root in self.gateway_roots],
        }
        return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()

    def settings(self) -> dict[str, Any]:
        """Everything as plain data, ready for JSON."""
        return {
            "vpn_server": self.vpn.vpn_server,
            "vpn_types": list(self.vpn.vpn_types),
            "auth": self.vpn.auth,
            "routes": list(self.vpn.routes),
            "client_address_pools": list(self.vpn.client_address_pools),
            "dns_servers": list(self.vpn.dns_servers),
            "vnet_name": self.vpn.vnet_name,
            "vnet_id": self.vpn.vnet_id,
            "gateway_roots": [
                {
                    "subject": root.subject,
                    "sha1": root.sha1,
                    "sha256": root.sha256,
                    "not_after": utc_text(root.not_after),
                    "pem": root.pem,
                }
                for root in self.gateway_roots
            ],
            "ikev2": checks.has_ikev2(self.vpn),
            "kind": checks.kind(self.vpn.vpn_server),
            "digest": self.digest,
            "unknown_elements": {name: list(texts) for name, texts in self.vpn.unknown.items()},
        }


def read_package(path: Path, *, now: datetime | None = None) -> ProfilePackage:
    """The package in a ZIP file or a folder; PackageError, which names the path, when no Mac could use it.

    `now` is the time against which the gateway roots' end is held.
    """
    if not path.exists():
        raise PackageError(
            f"There is no profile package at {path}: download it with profile_package, or in the portal (User VPN "
            "configurations, Download virtual WAN user VPN profile, authentication type EAPTLS), and put it there."
        )
    try:
        if path.is_dir():
            return _read(archive.from_folder(path), now)
        return read_package_bytes(_files.read(path, archive.PACKAGE_LIMIT), now=now)
    except PackageError as error:
        raise PackageError(f"{path}: {error}") from None
    except UserVpnError as error:  # from _files, which names the path itself
        raise PackageError(str(error)) from None


def read_package_bytes(content: bytes, *, now: datetime | None = None) -> ProfilePackage:
    """The package in the bytes of a ZIP file; PackageError when no Mac could use it."""
    return _read(archive.from_zip(content), now)


def _read(members: archive.Members, now: datetime | None) -> ProfilePackage:
    vpn = vpnsettings.parse(members.settings)
    checks.refuse_unusable(vpn)
    if len(vpn.ca_certs) > archive.ROOTS_LIMIT or len(members.roots) > archive.ROOTS_LIMIT:
        raise PackageError(
            f"The package holds more than {archive.ROOTS_LIMIT} gateway roots, where Azure has one or two; download "
            "the package again."
        )
    from_xml = [roots.read(text.encode(), vpnsettings.NAME) for text in vpn.ca_certs]
    from_files = [roots.read(content, f"Generic/{name}") for name, content in members.roots]
    gateway_roots = roots.union([*from_xml, *from_files])
    if not gateway_roots:
        raise PackageError(
            "The package holds no gateway root, neither in Generic/VpnSettings.xml nor as Generic/VpnServerRoot.cer; "
            "generate and download the package again."
        )
    warnings = checks.find_warnings(vpn, from_xml, from_files, now or datetime.now(UTC))
    return ProfilePackage(vpn, gateway_roots, warnings)
