# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what a profile package brought last, and the gateway roots that Macs trust by it.

While Microsoft moves its gateways to another root, a package names the new one and a gateway goes on with the old one
for weeks. So what an earlier package has named has to be remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from .._x509.text import utc_moment, utc_text
from .database import Place
from .store import GatewayRoot, Package, reading, writing

Settings = dict[str, Any]  # as _package tells them


def last_package(place: Place, name: str) -> Settings | None:
    """The settings that the package of this name brought last; None before the first."""
    with reading(place) as store:
        package, roots = store.package(name), store.gateway_roots(name)
    if package is None:
        return None
    told = [asdict(root) | {"not_after": utc_text(root.not_after)} for root in roots]
    return dict(package.settings) | {"digest": package.digest, "gateway_roots": told}


def remember_package(place: Place, name: str, settings: Mapping[str, Any], now: datetime, who: str) -> None:
    others = {key: value for key, value in settings.items() if key not in ("digest", "gateway_roots")}
    found = settings["gateway_roots"]
    roots = [GatewayRoot(**root | {"not_after": utc_moment(root["not_after"])}) for root in found]
    with writing(place, now, who) as store:
        store.set_package(Package(name, "", settings["digest"], others), roots)
