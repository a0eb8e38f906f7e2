# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Mac that a real gateway does not let in: the site playbook names the cause, which macOS does not know itself.

What the gateway's own log says is the truth.
"""

from __future__ import annotations

import base64
import plistlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vwan.user_vpn.tests.integration.site import Run, Site
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.test_tunnel_site import (  # noqa: F401: fixtures
    azure,
    macs,
    site,
)
from ansible_collections.vwan.user_vpn.tests.integration.tunnel.tunnel_profiles import PAIRS
from ansible_collections.vwan.user_vpn.tests.lab import Lab, Mac
from ansible_collections.vwan.user_vpn.tests.lab.azure import AzureLab
from ansible_collections.vwan.user_vpn.tests.lab.azure.state import Resource
from ansible_collections.vwan.user_vpn.tests.lab.tunnel import authority
from ansible_collections.vwan.user_vpn.tests.lab.tunnel.gateway import Gateway

pytest.importorskip("azure.mgmt.network", reason="the Azure SDK is not installed in this environment")
