# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the gateway roots of a profile package.

A gateway root signs the certificate with which the VPN gateway shows itself to a Mac. It is Microsoft's; it is not
the client root that one uploads to Azure. The package carries it as base64 of DER in VpnSettings.xml and as a file
VpnServerRoot.cer* in DER; other forms are read, too, since people convert them.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._x509 import certificates
from .._x509.certificates import Certificate
from .errors import PackageError


def read(content: bytes, where: str) -> Certificate:
    """The one certificate in an element of VpnSettings.xml or in a file of the package."""
    root = certificates.find_one(content)
    if root is None:
        raise PackageError(
            f"The gateway root in {where} is not one X.509 certificate; generate and download the package again."
        )
    return root


def union(roots: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Each root once, in an order that does not depend on where it was found."""
    return tuple(sorted(set(roots), key=lambda root: root.sha256))
