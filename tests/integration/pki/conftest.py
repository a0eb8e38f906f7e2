# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the PKI's unit tests; what is here takes longer."""

from __future__ import annotations

from ansible_collections.vwan.user_vpn.tests.integration.pki.playbooks import runs
from ansible_collections.vwan.user_vpn.tests.unit.pki.conftest import pki, quick, rooted

__all__ = ["pki", "quick", "rooted", "runs"]
