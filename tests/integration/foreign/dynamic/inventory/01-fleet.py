#!/usr/bin/env python
# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory script, as people write it over whatever knows their Macs."""

import json
from pathlib import Path

known = json.loads((Path(__file__).resolve().parents[1] / "known.json").read_text())
hosts = known["user_vpn"]["hosts"]
print(json.dumps({"fleet": {"hosts": list(hosts)}, "_meta": {"hostvars": hosts}}))
