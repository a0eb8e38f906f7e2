# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Leave a process running for so many `seconds` that does nothing. A later exec sees whether it has outlived its
# connection, as what takes a staged profile away has to.

: "${seconds:?}"

act() {
  trap '' HUP PIPE
  (
    detach
    sleep "$seconds"
    : # or a shell may become the sleep, which bears no mark
  ) &
  say left "$!"
}
