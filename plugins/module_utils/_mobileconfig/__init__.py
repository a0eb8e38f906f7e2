# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: one Mac's configuration profile for IKEv2, from settings, an identity and wishes.

    package settings + identity + Request -> profile.render() -> Profile -> the bytes of a .mobileconfig

Nothing in here knows Ansible, Azure, or where an identity comes from. Facts about keys and values rest on Apple's
schema (github.com/apple/device-management, mdm/profiles), facts about policies on Microsoft's articles.
"""

from __future__ import annotations
