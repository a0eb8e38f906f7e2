# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""system_profiler: hardware and configuration profiles, slowly.

Source: man system_profiler (-json, -xml, data types); key names as public inventories read them.
"""

from __future__ import annotations

import asyncio
import json
import plistlib
from typing import Any

from ..calls import Call

SECONDS = 0.3


async def run(call: Call) -> int:
    forms = [word for word in call.args if word.startswith("-")]
    types = [word for word in call.args if not word.startswith("-")]
    known = {"SPHardwareDataType": _hardware, "SPConfigurationProfileDataType": _profiles}
    if len(types) != 1 or types[0] not in known or forms not in ([], ["-json"], ["-xml"]):
        return call.refuse("one known data type, -json or -xml", "Usage: system_profiler [-json] [-xml] [dataType1]\n")
    await asyncio.sleep(SECONDS)
    items = known[types[0]](call)
    if forms == ["-json"]:
        call.out(json.dumps({types[0]: items}, indent=2) + "\n")
    elif forms == ["-xml"]:
        call.out(plistlib.dumps([{"_dataType": types[0], "_items": items}]))
    elif types[0] == "SPHardwareDataType":
        call.out(
            "Hardware:\n\n    Hardware Overview:\n\n      Model Name: MacBook Pro\n"
            "      Model Identifier: MacBookPro18,3\n"
            f"      Serial Number (system): {call.mac.serial}\n      Hardware UUID: {call.mac.hardware_uuid}\n\n"
        )
    else:
        call.out("Profiles:\n\n" + "".join(f"    {item['_name']}:\n\n" for item in items))
    return 0


def _hardware(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "_name": "hardware_overview",
            "chip_type": "Apple M1 Pro",
            "machine_model": "MacBookPro18,3",
            "machine_name": "MacBook Pro",
            "platform_UUID": call.mac.hardware_uuid,
            "serial_number": call.mac.serial,
        }
    ]


def _profiles(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "_name": profile.content.get("PayloadDisplayName", profile.identifier),
            "spconfigprofile_profile_identifier": profile.identifier,
            "spconfigprofile_profile_uuid": profile.content["PayloadUUID"],
            "spconfigprofile_install_date": profile.installed_at.strftime("%Y-%m-%d %H:%M:%S +0000"),
            "spconfigprofile_verification_state": profile.verification,
            "spconfigprofile_install_source": "Manual" if profile.source == "manual" else "MDM",
            "spconfigprofile_RemovalDisallowed": "true" if profile.content.get("PayloadRemovalDisallowed") else "false",
        }
        for profile in call.mac.profiles
        if profile.user is None or profile.user == call.user.name
    ]
