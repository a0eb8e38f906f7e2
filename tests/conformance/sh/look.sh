# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../half.py
#
# A look at all that a conformance run could leave on a Mac, before and after. First it takes away what runs that were
# killed have left; a run that still lives is left alone, but for the one that `ending` names.
#
# The answer: a line "TOPIC: WHAT" for each thing seen, between the marks.

: "${mark:?}" "${ending?}"
# Where mktemp puts them, which TMPDIR need not tell.
temp=$(mktemp -d -t vwan.user_vpn.look) && rmdir "$temp"
temp=${temp%/*}

lives() {
  case $(ps -ww -o args= -p "$1" 2> /dev/null) in *" mark=$2"*) ;; *) return 1 ;; esac
}

sweep() {
  for work in "$temp"/vwan.user_vpn.conformance.*; do
    [ -d "$work" ] || continue
    process=''
    [ ! -r "$work/owner" ] || read -r process < "$work/owner"
    if [ -n "$process" ] && [ -n "$ending" ] && lives "$process" "$ending"; then
      kill -TERM "$process" 2> /dev/null
      waited=0
      while [ "$waited" -lt 10 ] && lives "$process" "$ending"; do
        sleep 1
        waited=$((waited + 1))
      done
    fi
    if [ -n "$process" ] && lives "$process" ""; then continue; fi
    for each in "$work"/files/*.keychain-db; do
      if [ -e "$each" ]; then security delete-keychain "$each"; fi
    done > /dev/null 2>&1
    rm -rf "$work"
  done
}

# Each line of a command's output, under a topic.
told() {
  topic=$1
  shift
  "$@" 2>&1 < /dev/null | sed "s/^/$topic: /"
}

summed() { "$@" 2> /dev/null < /dev/null | sort | cksum; }
ours() { for each in "$temp"/*vwan.user_vpn*; do [ ! -e "$each" ] || printf '%s\n' "${each##*/}"; done; }
listed() { ls -a "$1" 2> /dev/null; }

printf 'begin %s\n' "$mark"
sweep
told 'keychain search list' security list-keychains
told 'default keychain' security default-keychain
told 'keychain files' listed "$HOME/Library/Keychains"
told 'System keychain' summed security find-certificate -a -Z "$system"
told 'keychains of this account' summed security find-certificate -a -Z
told 'trust of this account' summed security dump-trust-settings
told 'trust of the Mac' summed security dump-trust-settings -d
told 'profiles' summed profiles list
told 'defaults of security' summed defaults read com.apple.security
told 'files' ours
for folder in 'Application Support' Caches; do told 'files' listed "$HOME/Library/$folder/vwan.user_vpn"; done
printf 'end %s\n' "$mark"
