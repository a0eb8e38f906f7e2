# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
#
# What one real Mac can say to the open points of docs/fidelity-macos.md, without changing anything on it.
#
#   minutes   of the log
#   left      the process that an exec before, over a connection that has ended, has left running (see linger.sh)
#   run       the mark of that exec
#
# On stdin three lines for each form of ../forms.py: its name, where it applies, its command.
#
# The answer: first hide=NAME lines (what the controller takes out of all that follows), then for each command a line
# "? name", "$ command", its output behind "| ", and "= exit status". What profiles hold never leaves the Mac: it is
# counted here.

: "${minutes:?}" "${left:?}" "${run:?}"

see() {
  printf '? %s\n$ %s\n' "$1" "$2"
  seen=$(eval "$2" 2>&1 < /dev/null)
  status=$?
  printf '%s\n' "$seen" | tail -n 400 | sed 's/^/| /'
  printf '= %s\n' "$status"
}

act() {
  names
  input | while read -r name && read -r where && read -r form; do
    if [ -z "$where" ] || (eval "$where") > /dev/null 2>&1 < /dev/null; then see "$name" "$form"; fi
  done
}
