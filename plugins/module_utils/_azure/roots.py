# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: trusted roots as Azure keeps them.

As `publicCertData`: base64 of the DER bytes, in one line, without BEGIN and END. It also accepts base64 of a whole PEM
file, answers `Succeeded`, and no client can ever connect (Azure/azure-cli issue 29123).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._x509 import certificates
from .._x509.certificates import Certificate


@dataclass(frozen=True)
class Stored:
    """A root as Azure keeps it. `certificate` is None when its data hold none; `broken` is one in a wrong form."""

    item: dict[str, Any]
    certificate: Certificate | None
    broken: bool

    @property
    def name(self) -> str:
        return str(self.item.get("name") or "")

    def status(self, now: datetime) -> str:
        if self.certificate is None:
            return "unreadable"
        if self.certificate.not_after <= now:
            return "expired"
        return "broken" if self.broken else "ok"


def from_azure(item: Any) -> Stored:
    """A member of vpnClientRootCertificates. Nothing in it is an error: it may have been there for years."""
    item = item if isinstance(item, dict) else {}
    data = str(item.get("publicCertData") or "")
    certificate = certificates.find_one(data.encode("utf-8", "replace"))
    broken = certificate is not None and "".join(data.split()) != certificate.public_cert_data
    return Stored(item, certificate, broken)
