# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Start the tunnel; tunnel.sh says with what.
#
#   vpn   the name of the one VPN whose lines in the log count, or nothing

: "${vpn?}"

reached() { [ -n "$(tunnels "$others")" ]; }

# Why the last connection of our VPN ended. Of the log, which names people and servers, only error codes and fixed phrases
# go out. A session that was up, or that somebody stopped, may end as "Plugin initiated", too: no gateway refused it.
explain() {
  [ "$(id -u)" = 0 ] || return 0
  # What this run did not start itself may have failed before it began.
  case $how$probe in
    on_demand) set -- --last "$((limit / 60 + 5))m" ;;
    *) set -- --start "$began" ;;
  esac
  log show "$@" --style compact --predicate 'subsystem == "com.apple.networkextension"' 2>&1 | VPN=$vpn awk '
    /^log: / { refusal = refusal ? refusal : $0; next }
    !/NESMIKEv2VPNSession\[/ || (ENVIRON["VPN"] != "" && !index($0, ":" ENVIRON["VPN"] ":")) { next }
    /status changed to connecting/ { up = 0; stopped = 0 }
    /status changed to connected/ { up = 1; found = "" }
    match($0, /Domain=(NEVPNConnectionErrorDomainPlugin|IKEv2ProviderDisconnectionErrorDomain) Code=-?[0-9]+/) {
      found = substr($0, RSTART + 7, RLENGTH - 7)
      sub(/Code=/, "", found)
    }
    match($0, /status changed to disconnected, last stop reason [A-Z][A-Za-z, -]+$/) {
      reason = substr($0, RSTART + 49)
      if (reason == "Stop command received") { stopped = 1; found = "" }
      else if (reason != "Plugin initiated" || !(up || stopped)) found = reason
    }
    END { if (found != "") print "disconnect=" found; else if (refusal != "") print "message=" refusal }
  '
}

act() {
  console=$(console_user)
  began=$(date '+%Y-%m-%d %H:%M:%S')
  if ! reached && order start; then wait_until_reached || explain; fi
  know
}
