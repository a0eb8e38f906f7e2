# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# A part: everything that later decisions need, of the profile `identifier` in the keychain and among the profiles of a
# `scope` (System or User). `profiles show` holds private keys, so its output is reduced here.

: "${identifier:?}" "${scope:?}"
keys="$HOME/Library/Application Support/vwan.user_vpn"
key="$keys/$identifier.key"

# One line for each installed profile with our identifier, out of the plist that `profiles show` prints: what it is,
# then name and On Demand switch of each VPN in it.
# Depth 1 holds the scopes (_computerlevel or a user's name), depth 3 the profiles, depth 5 their payloads.
our_profiles() {
  awk -v wanted="$identifier" '
    { gsub(/^[ \t]+|[ \t\r]+$/, "") }
    /^<(dict|array)>$/ {
      depth++
      if (depth == 3) { split("", field); services = "" }
      if (depth == 5) { service = ""; demand = 0 }
      next
    }
    /^<\/dict>$/ {
      if (depth == 5 && service != "") services = services "\t" service "\t" demand
      if (depth == 3 && field["ProfileIdentifier"] == wanted)
        printf "profile=%s\t%s\t%s\t%s%s\n", scope, field["ProfileUUID"], field["ProfileInstallDate"], \
          field["ProfileVerificationState"], services
      depth--; next
    }
    /^<\/array>$/ { depth--; next }
    /^<key>.*<\/key>$/ { key = substr($0, 6, length($0) - 11); if (depth == 1) scope = key; next }
    /^<string>.*<\/string>$/ {
      if (depth == 3) field[key] = substr($0, 9, length($0) - 17)
      if (depth > 4 && key == "UserDefinedName") service = substr($0, 9, length($0) - 17)
    }
    /^(<integer>1<\/integer>|<true\/>)$/ { if (depth > 4 && key == "OnDemandEnabled") demand = 1 }
  '
}

show_profiles() {
  shown=$(profiles show -type configuration "$@" -output stdout-xml 2>&1)
  status=$?
  case $shown in
    *'<plist'*) printf '%s\n' "$shown" | our_profiles ;;
    '' | *'no configuration profiles'*) [ "$status" = 0 ] || say profiles_error "exit status $status" ;;
    *) say profiles_error "$shown" ;;
  esac
}

# Of the scope User root sees what all accounts have, whoever is at the screen; others see their own.
read_profiles() {
  case $scope in
    User)
      if [ "$(id -u)" != 0 ]; then show_profiles
      else show_profiles -all | grep -v "^profile=_computerlevel$tab"; fi
      ;;
    *) show_profiles ;;
  esac
}

read_keychain() {
  case $scope in
    User) [ -z "$console" ] || as_user "$console" security "$@" login.keychain-db ;;
    *) security "$@" /Library/Keychains/System.keychain ;;
  esac
}

# Not part of macOS: github.com/Timac/VPNStatus. PATH of an ssh command lacks the folders of Homebrew.
vpnutil_path() {
  for file in "$(command -v vpnutil)" /opt/homebrew/bin/vpnutil /usr/local/bin/vpnutil; do
    if [ -x "$file" ]; then
      printf '%s' "$file"
      return
    fi
  done
}

# Somebody installed it, so it runs as that user at most, never as root.
run_vpnutil() {
  program=$(vpnutil_path)
  if [ -n "$console" ]; then in_session "$console" "$program" "$@"
  else as_user "$(stat -L -f %Su "$program")" "$program" "$@"; fi
}

# The native client's tunnels: ipsecN with an address, but none of those OTHERS. Other programs have utunN.
tunnels() {
  ifconfig | awk -v others=" ${1-} " '
    /^[^ \t]/ { interface = $1; sub(/:$/, "", interface) }
    /^[ \t]+inet / { if (interface ~ /^ipsec[0-9]+$/ && !index(others, " " $2 " ")) printf "tunnel=%s\t%s\n", interface, $2 }
  '
}

# `whole` is not empty where the keychain's certificates are to be listed as they are.
know() {
  console=$(console_user)
  say path "$PATH"
  say user "$(id -un)"
  say uid "$(id -u)"
  [ ! -e "$key" ] || say key 1
  say console_user "$console"
  sw_vers | sed -n "s/^ProductVersion:[ $tab]*/macos_version=/p; s/^BuildVersion:[ $tab]*/build=/p"
  ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatformSerialNumber" = "\(.*\)".*/serial_number=\1/p'
  profiles status -type enrollment 2> /dev/null | sed -n 's/^/enrollment=/p'
  read_profiles
  listed=$(read_keychain find-certificate -a -Z ${whole:+-p} 2>&1) || say keychain_error "$listed"
  printf '%s\n' "$listed" | sed -n 's/^SHA-1 hash: */certificate=/p; s/^SHA-256 hash: */fingerprint=/p'
  identities=$(read_keychain find-identity -p ipsec 2> /dev/null | sed -n 's/^ *[0-9][0-9]*) \([0-9A-F]\{40\}\) .*/\1/p')
  for identity in $identities; do say identity "$identity"; done
  if [ -n "$(vpnutil_path)" ]; then say vpnutil 1; fi
  tunnels
}
