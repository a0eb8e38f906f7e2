#!/usr/bin/env python3
"""An inventory script, as people write it over whatever knows their Macs."""

import json
from pathlib import Path

known = json.loads((Path(__file__).resolve().parents[1] / "known.json").read_text())
hosts = known["user_vpn"]["hosts"]
print(json.dumps({"fleet": {"hosts": list(hosts)}, "_meta": {"hostvars": hosts}}))
