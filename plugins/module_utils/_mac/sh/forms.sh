# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
#
# What the commands of ../forms.py use.

# Paths of the disk stand alone, so that a double of the Mac can have them elsewhere.
[ -n "${library-}" ] || library=/Library
[ -n "${users-}" ] || users=/Users
system=$library/Keychains/System.keychain
stored=$library/Preferences/com.apple.networkextension.plist
extension=/System/Library/Frameworks/NetworkExtension.framework/PlugIns/NEIKEv2Provider.appex
console=$(stat -f %Su /dev/console)
case $console in root | loginwindow | _mbsetupuser) console='' ;; esac

masked() { sed 's/"[^"]*"/"..."/'; }
shown() { profiles show -type configuration -output stdout-xml; }

# What the controller takes out of all that is said.
hide() { while read -r name; do [ -z "$name" ] || printf 'hide=%s\n' "$name"; done; }
names() {
  {
    printf '%s\n' "$console"
    id -un
    ls "$users"
    hostname
    scutil --get ComputerName
    scutil --get LocalHostName
    ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatform[A-Za-z]*" = "\(.*\)".*/\1/p'
  } 2> /dev/null | hide
}
