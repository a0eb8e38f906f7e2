# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ioreg: the registry entry with the serial number.

Source: man ioreg; the entry as many public scripts parse it (`ioreg -rd1 -c IOPlatformExpertDevice`).
"""

from __future__ import annotations

import getopt

from ..calls import Call

ENTRY = """+-o J314sAP  <class IOPlatformExpertDevice, id 0x10000023d, registered, matched, active, \
busy 0 (0 ms), retain 35>
    {{
      "manufacturer" = <"Apple Inc.">
      "compatible" = <"J314sAP","MacBookPro18,3","AppleARM">
      "IOPlatformUUID" = "{uuid}"
      "IOPlatformSerialNumber" = "{serial}"
      "model" = <"MacBookPro18,3">
      "device_type" = <"bootrom">
      "name" = <"device-tree">
    }}

"""


async def run(call: Call) -> int:
    try:
        options, operands = getopt.getopt(call.args, "rd:c:lw:k:")
    except getopt.GetoptError as error:
        return call.refuse(str(error), f"ioreg: invalid option -- {error.opt}\n")
    found = dict(options)
    if operands or "-r" not in found or found.get("-c") != "IOPlatformExpertDevice":
        return call.refuse("the lab knows -rd1 -c IOPlatformExpertDevice only", "usage: ioreg [-abfilrtx] [-c class]\n")
    call.out(ENTRY.format(uuid=call.mac.hardware_uuid, serial=call.mac.serial))
    return 0
