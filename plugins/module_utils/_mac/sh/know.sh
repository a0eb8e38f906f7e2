# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Everything that later decisions need.
#
#   check   1: what an earlier run left is only told
#   uuid    of the profile that the Mac should have, or nothing: a private key that lies here goes once it is installed

: "${check:?}" "${uuid?}"

act() {
  leftovers "$check"
  console=$(console_user)
  know
  if [ "$check" = 0 ] && [ -n "$uuid" ]; then served "$uuid"; fi
}
