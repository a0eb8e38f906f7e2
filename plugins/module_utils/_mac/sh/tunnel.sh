# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# A part: start or stop the tunnel, and wait for what becomes of it. The verb's file says when it is `reached`.
#
#   how     vpnutil, shortcut or on_demand
#   name    of the VPN or of the shortcut
#   limit   seconds
#   others  addresses of tunnels that do not count
#   probe   an address behind the tunnel, or nothing

: "${how:?}" "${name?}" "${limit:?}" "${others?}" "${probe?}"

# Ask whoever can to start or stop it; false where that is refused.
order() {
  case $how in
    vpnutil)
      answer=$(run_vpnutil "$1" "$name" 2>&1) # it ends with 0 whatever came of it
      case $?$answer in
        0*'Could not find'* | [!0]*)
          say stage refused
          say message "$answer"
          return 1
          ;;
      esac
      ;;
    shortcut)
      if [ -z "$console" ]; then
        say stage no_console_user
        return 1
      fi
      # `shortcuts run` ends with 0 even for a shortcut that does not exist.
      answer=$(in_session "$console" shortcuts list 2>&1) || {
        say stage no_shortcuts
        say message "$answer"
        return 1
      }
      if ! printf '%s\n' "$answer" | grep -Fqx -- "$name"; then
        say stage no_shortcut
        return 1
      fi
      # In the background: a shortcut may stop to ask the person something, and is left to her then.
      (
        detach
        in_session "$console" shortcuts run "$name"
      ) &
      ;;
  esac
}

# False when the time was up before.
wait_until_reached() {
  end=$(($(date +%s) + limit))
  while ! reached; do
    now=$(date +%s)
    # Writing now and then is how a lost connection is noticed.
    say waiting "$((end - now))"
    if [ "$now" -ge "$end" ]; then return 1; fi
    if [ -n "$probe" ]; then ping -c 1 -t 1 "$probe" > /dev/null 2>&1; fi
    sleep 1
  done
}
