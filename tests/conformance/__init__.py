# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's doubles of macOS held against a real Mac: `make conformance MAC=user@host`. See docs/conformance.md.

forms        what is run, in order
materials    the files that forms work on
half         the half that runs on a Mac, in sh, and its answer
sides        the ways to a Mac: ssh, this machine, the lab
run          one run over both
compare      what differs
transcript   the text that is kept
pages        what docs/fidelity*.md say of each point
"""
