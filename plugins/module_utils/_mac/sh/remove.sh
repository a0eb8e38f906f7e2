# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Take the profile away, and a private key that lies here for it.

# Of the scope User: from each account that has it.
remove() {
  case $scope in
    User)
      read_profiles | sed -n "s/^profile=\([^$tab]*\)$tab.*/\1/p" | while read -r owner; do
        profiles remove -type configuration -user "$owner" -identifier "$identifier" -forced 2>&1 || echo "exit status $?"
      done
      ;;
    *) profiles remove -identifier "$identifier" -forced 2>&1 || echo "exit status $?" ;;
  esac
}

act() {
  answer=$(remove)
  case $answer in *'exit status '*) say message "$answer" ;; *) drop_key ;; esac
  know
}
