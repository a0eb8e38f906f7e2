# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Everything that later decisions need.
#
#   check   1: what an earlier run left is only told
#   whole   1, or nothing: the certificates of identities are told as they are
#   uuid    of the profile that the Mac should have, or nothing: once it is installed, a private key that lies here goes,
#           and its VPN is looked for

: "${check:?}" "${uuid?}" "${whole?}"

# What VPNs macOS has: the profile may be there without its service. Nothing on a Mac tells but vpnutil, in a second.
services() {
  if [ -n "$uuid" ] && [ -n "$(vpnutil_path)" ]; then say services "$(run_vpnutil list 2>&1 | tr '\n\t' '  ')"; fi
}

whole_identities() {
  printf '%s\n' "$listed" | awk -v wanted=" $(printf '%s\n' "$identities" | tr '\n' ' ')" '
    /^SHA-1 hash: / { ours = index(wanted, " " $NF " ") }
    /^-----BEGIN/ { text = "whole="; next }
    /^-----END/ { if (ours) print text; text = ""; next }
    text != "" { text = text $0 }
  '
}

act() {
  leftovers "$check"
  console=$(console_user)
  know
  [ -z "$whole" ] || whole_identities
  services
  if [ "$check" = 0 ] && [ -n "$uuid" ]; then served "$uuid"; fi
}
