# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2016,SC2034,SC2154,SC2329 # the commands are shown as they are, and use what is set here
#
# What one real Mac can say to the open points of docs/fidelity.md, without changing anything on it.
#
#   minutes   of the log
#   left      the process that an exec before, over a connection that has ended, has left running (see linger.sh)
#   run       the mark of that exec
#
# The answer: first hide=NAME lines (what the controller takes out of all that follows), then for each command a line
# "? topic", "$ command", its output behind "| ", and "= exit status". What profiles hold never leaves the Mac: it is
# counted here.

: "${minutes:?}" "${left:?}" "${run:?}"
library=/Library
system=$library/Keychains/System.keychain
stored=$library/Preferences/com.apple.networkextension.plist
extension=/System/Library/Frameworks/NetworkExtension.framework/PlugIns/NEIKEv2Provider.appex
console=$(stat -f %Su /dev/console)

hide() { while read -r name; do [ -z "$name" ] || printf 'hide=%s\n' "$name"; done; }

see() {
  printf '? %s\n$ %s\n' "$1" "$2"
  seen=$(eval "$2" 2>&1)
  status=$?
  printf '%s\n' "$seen" | tail -n 400 | sed 's/^/| /'
  printf '= %s\n' "$status"
}

masked() { sed 's/"[^"]*"/"..."/'; }
shown() { profiles show -type configuration -output stdout-xml; }

act() {
  {
    printf '%s\n' "$console"
    id -un
    ls /Users
    hostname
    scutil --get ComputerName
    scutil --get LocalHostName
    ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatform[A-Za-z]*" = "\(.*\)".*/\1/p'
  } 2> /dev/null | hide

  see 'release' 'sw_vers'
  see 'release' 'uname -m'
  see 'release' 'openssl version'
  see 'reaching the Mac: login shell and PATH' 'printf "%s %s\n" "${SHELL:-}" "$PATH"'
  see 'reaching the Mac: /bin/sh' '/bin/sh --version'
  see 'reaching the Mac: sshd' 'sshd -T | grep -i "^max"'
  see 'reaching the Mac: become' 'id -u'
  see 'reaching the Mac: processes that outlive their connection' 'ps -ww -o args= -p "$left" | grep -c " mark=$run "'
  see 'tools' 'for tool in awk base64 ifconfig ioreg launchctl log mktemp open profiles ps scutil sed security stat sudo; do command -v "$tool" > /dev/null || echo "$tool is missing"; done'
  see 'tools: base64 -D' 'printf "YQ==" | base64 -D'
  see 'tools: head -c' 'printf abc | head -c 2'
  see 'tools: ps' 'ps -ww -o args= -p $$ | tail -c 40'
  see 'the screen: owner of /dev/console' 'stat -f %Su /dev/console'
  see 'the session of this exec' 'launchctl managername'
  case $console in
    root | loginwindow | _mbsetupuser | '') ;;
    *)
      see 'the session of the user at the screen' 'launchctl asuser "$(id -u "$console")" sudo -H -u "$console" launchctl managername'
      see 'profiles, as that user' 'sudo -H -u "$console" profiles show -type configuration -output stdout-xml | wc -l'
      see 'login keychain: identities' 'sudo -H -u "$console" security find-identity -p ipsec login.keychain-db | masked'
      ;;
  esac
  see 'profiles: tool' 'profiles version'
  see 'profiles: enrolment' 'profiles status -type enrollment | sed "s/\(server: \).*/\1.../"'
  see 'profiles: first lines' 'shown | head -n 3 | cut -c 1-60'
  see 'profiles: last line' 'shown | tail -n 1 | cut -c 1-60'
  see 'profiles: of all accounts' 'profiles show -type configuration -all -output stdout-xml | grep -c "<key>ProfileIdentifier</key>"'
  see 'profiles: keys' 'shown | sed -n "s/.*<key>\(.*\)<\/key>.*/\1/p" | grep -E "^(Profile|Payload|_computerlevel)" | sort | uniq -c'
  see 'profiles: are passwords printed' 'shown | grep -c "<key>Password</key>"'
  see 'profiles: are PKCS#12 files printed' 'shown | grep -c "<data>"'
  see 'System keychain: identities' 'security find-identity -p ipsec "$system" | masked'
  see 'System keychain: valid identities' 'security find-identity -v -p ipsec "$system" | masked'
  see 'System keychain: hashes' 'security find-certificate -a -Z "$system" | sed -n "s/^\(SHA-[0-9]* hash: \).*/\1/p" | sort | uniq -c'
  see 'keychain: nothing found' 'security find-certificate -c no.such.certificate "$system"'
  see 'trust: administrator settings' 'security dump-trust-settings -d | sed "s/^\(Cert [0-9]*: \).*/\1.../"'
  see 'trust: who may set it' 'security authorizationdb read com.apple.trust-settings.admin'
  see 'access list: programs' 'ls -d /usr/libexec/nehelper /usr/libexec/nesessionmanager /usr/libexec/neagent "$extension"'
  see 'tunnel: services' 'scutil --nc list | masked'
  see 'tunnel: interfaces' 'ifconfig | grep -A 5 "^ipsec"'
  see 'tunnel: routes' 'netstat -rn -f inet | grep ipsec'
  see 'tunnel: resolvers' 'scutil --dns | grep -E "nameserver|if_index"'
  see 'tunnel: network' 'scutil --nwi | grep -E "REACH|ipsec"'
  see 'tunnel: provider' 'pgrep -x NEIKEv2Provider'
  see 'tunnel: other ways to start it' 'command -v shortcuts; command -v vpnutil'
  see 'tunnel: stored configuration' 'ls -l "$stored"'
  see 'tunnel: profiles that it names' 'shown | sed -n "/<key>ProfileIdentifier</{n;s/.*<string>\(.*\)<\/string>.*/\1/p;}" | while read -r name; do grep -Fq "$name" "$stored" && echo named || echo "not named"; done | sort | uniq -c'
  see 'tunnel: log' "log show --last ${minutes}m --style compact --predicate 'subsystem == \"com.apple.networkextension\"' | tail -n 400"
}
