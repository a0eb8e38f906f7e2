# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Take the profile away, and a private key that lies here for it.

act() {
  case $scope in
    User) set -- -type configuration -user "$(console_user)" -identifier "$identifier" -forced ;;
    *) set -- -identifier "$identifier" -forced ;;
  esac
  if answer=$(profiles remove "$@" 2>&1); then drop_key; else say message "$answer"; fi
  know
}
