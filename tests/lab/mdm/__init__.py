# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MDM servers of the lab, one for each type, over its Macs.

    with JamfLab(folder) as mdm:
        mdm.enrol(mac)

What a server delivers is ingested by the Mac as macOS does with an MDM's profile. A server is strict: what its
documentation does not have is an error, and a test can look at `refusals`.
"""

from .base import Faults, MdmLab, Server
from .fleet import FleetLab
from .intune import IntuneLab
from .jamf import JamfLab
from .nanomdm import NanoMdmLab

__all__ = ["Faults", "FleetLab", "IntuneLab", "JamfLab", "MdmLab", "NanoMdmLab", "Server"]
