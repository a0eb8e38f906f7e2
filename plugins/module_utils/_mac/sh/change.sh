# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# Bring certificates into the keychain, and take others out.
#
#   new     SHA-1 of the wanted identity, or nothing: what is going goes only when it is there
#   going   certificate:SHA-1 or identity:SHA-1, with blanks between
#
# On stdin the quoted password of the keychain or an empty line; then one line for each of what is to come in:
#   cer - BASE64                a root
#   p12 PASSWORD BASE64 LABEL   the client identity; LABEL is quoted

: "${new?}" "${going?}"

# What the VPN of macOS is made of; it may use the key without asking.
programs='-T /usr/libexec/nehelper -T /usr/libexec/nesessionmanager -T /usr/libexec/neagent'
programs="$programs -T /System/Library/Frameworks/NetworkExtension.framework/PlugIns/NEIKEv2Provider.appex"

# `security -i` takes its commands from stdin: a password among them is in no process's arguments.
in_keychain() {
  { [ -z "$unlock" ] || printf 'unlock-keychain -p %s "%s"\n' "$unlock" "$keychain"; cat; } \
    | as_user "$owner" security -i 2>&1
}

# Stage what is to come in, and print the commands that bring it.
import_commands() {
  read -r kind # the line of the keychain's password
  number=0
  while read -r kind password text label; do
    # shellcheck disable=SC2016 # that user's HOME
    file=$(printf '%s' "$text" | as_user "$owner" sh -c '
      umask 077 && cd "$HOME" && mkdir -p "./$1" && base64 -D > "./$1/$2" && printf "%s" "$PWD/$1/$2"' sh \
      "$cache/$mark" "$number.$kind") || return 1
    access=
    [ "$kind" = cer ] || access=" -P $password -x $programs"
    printf 'import "%s" -k "%s"%s\n' "$file" "$keychain" "$access"
    # A login keychain guards its keys a second time, by the maker of the program.
    if [ "$kind" = p12 ] && [ -n "$unlock" ]; then
      printf 'set-key-partition-list -S apple-tool:,apple: -s -l %s -k %s "%s"\n' "$label" "$unlock" "$keychain"
    fi
    number=$((number + 1))
  done
}

delete_commands() {
  for each in $going; do printf 'delete-%s -Z %s "%s"\n' "${each%%:*}" "${each#*:}" "$keychain"; done
}

change() {
  owner=$(id -un) keychain=/Library/Keychains/System.keychain
  if [ "$scope" = User ]; then owner=$console keychain=login.keychain-db; fi
  incoming=$(input)
  if ! whole "$incoming"; then
    say stage cut_off
    return
  fi
  unlock=${incoming%%"$feed"*}
  refusal=$(note_staged "$owner" 2>&1) || {
    say stage cannot_write
    say message "$refusal"
    return
  }
  guard "$owner"
  commands=$(printf '%s\n' "$incoming" | import_commands 2> /dev/null) || {
    say stage cannot_write
    say message "$(printf '%s\n' "$incoming" | import_commands 2>&1 > /dev/null)" # the rest is secret
    return
  }
  refusal=$([ -z "$commands" ] || printf '%s\n' "$commands" | in_keychain)
  if [ -n "$going" ] && { [ -z "$new" ] || read_keychain find-identity -p ipsec 2> /dev/null | grep -q " $new "; }; then
    refusal="$refusal
$(delete_commands | in_keychain)"
  fi
  printf '%s\n' "$refusal" | sed -n -e 's/.*security: \(Sec.*\)/message=\1/p' -e 's/.*\(Unable to .*\)/message=\1/p' \
    -e 's/.*\(sudo: .*\)/message=\1/p' -e 's/.*security: \([a-z].*\)/message=\1/p' | head -n 1
  release
}

act() {
  console=$(console_user)
  change
  know
}
