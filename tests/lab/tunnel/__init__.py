# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnel lab: a real strongSwan gateway configured as an Azure P2S gateway is, and Macs whose native client is a
real strongSwan initiator that knows nothing but the installed profile.

    from ansible_collections.vwan.user_vpn.tests.lab.tunnel.lab import TunnelLab

`requirements.missing()` says in one line what this machine lacks. docs/fidelity-tunnel.md says what the lab proves.
"""
