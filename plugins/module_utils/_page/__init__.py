# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private to this collection: the fleet as one page, for people with a browser.

page.py puts what `_fleet.overview` has found into page.html.j2, together with page.css and page.js. The page holds all
that it needs, and loads nothing.
"""
