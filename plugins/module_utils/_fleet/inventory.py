# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: what an MDM knows, as hosts of an inventory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from .._mdm.interface import Device
from .naming import first_of


def hosts_of(devices: Iterable[Device], called: str, *, unmanaged: bool) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The variables of each host, by its name, and what to warn of. `called` is `name` or `serial_number`."""
    found = [device for device in devices if device.serial_number and (device.managed or unmanaged)]
    serials = Counter(device.serial_number.upper() for device in found)
    twice = sorted({device.serial_number for device in found if serials[device.serial_number.upper()] > 1})
    single = [device for device in found if device.serial_number not in twice]
    names = Counter(device.name for device in single)
    hosts = {}
    for device in sorted(single, key=lambda device: device.serial_number):
        by_name = called == "name" and device.name and names[device.name] == 1
        hosts[device.name if by_name else device.serial_number] = {
            "user_vpn_serial_number": device.serial_number,
            "mdm_id": device.id,
            "mdm_name": device.name,
            "mdm_udid": device.udid,
            "mdm_macos": device.macos,
            "mdm_last_seen": device.last_seen,
            "mdm_user": device.user,
            "mdm_groups": list(device.groups),
        }
    sentence = f"The MDM knows several Macs with one serial number, and they are left out: {first_of(twice)}."
    return hosts, [sentence] if twice else []
