# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../half.py
#
# The half of a conformance run that runs on a Mac: POSIX sh and tools that every Mac has.
#
#   mark    a random word by which the answer, and this very process, are known
#   limit   seconds that one form may take
#   left, run, minutes   as evidence.sh has them
#   again   not empty: the names are known already
#
# Everything happens in one folder of its own, which goes at the end, and whatever ends this. HOME is a folder in there,
# too: `security` keeps the default keychain and the search list in HOME's Library/Preferences (Apple's Security source,
# DLDbListCFPref::getPwInfo), so those of the user are not even written to.
#
# The answer: "hide=NAME" lines, "account=NAME", "form N" when a form begins, "absent N" when it does not apply here;
# behind "sizes" what `wc -c` says of one file for each stream, and behind "bytes" all of them in hex.

: "${mark:?}" "${limit:?}" "${left?}" "${run?}" "${minutes:?}" "${again?}"
mine=$(id -un)
work='' running=''

clean() {
  trap '' HUP INT TERM PIPE
  if [ -n "$running" ]; then stop "$running"; fi
  [ -n "$work" ] || return 0
  for each in "$work"/files/*.keychain-db; do
    if [ -e "$each" ]; then security delete-keychain "$each"; fi
  done > /dev/null 2>&1
  cd / && rm -rf "$work"
}

stop() {
  pkill -TERM -P "$1"
  kill -TERM "$1"
} 2> /dev/null

# What hangs is ended; nothing here outlives its form by more than a second.
watch() {
  waited=0
  while [ "$waited" -lt "$limit" ] && kill -0 "$1"; do
    sleep 1
    waited=$((waited + 1))
  done
  stop "$1"
}

begin() {
  umask 077
  work=$(mktemp -d -t vwan.user_vpn.conformance) || exit 70
  printf '%s\n' "$$" > "$work/owner"
  mkdir "$work/home" "$work/files" "$work/said" && mkdir -p "$work/home/Library/Preferences" "$work/home/Library/Keychains"
  umask 022
  cd "$work/files" || exit 70
  printf 'begin %s\n' "$mark"
  [ -n "$again" ] || names
  printf 'account=%s\n' "$mine"
  if [ "$(id -u)" != 0 ]; then export HOME="$work/home"; fi
}

# Put a file of that name here, from base64 on stdin.
put() { base64 -D > "$1"; }

form() {
  if [ -n "$2" ] && ! (eval "$2") > /dev/null 2>&1 < /dev/null; then
    printf 'absent %s\n' "$1"
    return
  fi
  printf 'form %s\n' "$1"
  said=$work/said/$1
  (eval "$3") > "$said.out" 2> "$said.err" < /dev/null &
  running=$!
  watch "$running" > /dev/null 2>&1 < /dev/null &
  watching=$!
  wait "$running"
  printf '%s\n' "$?" > "$said.status"
  running=''
  kill "$watching" 2> /dev/null
  wait "$watching" 2> /dev/null
  ls -ln > "$said.ls" 2>&1
}

finish() {
  cd "$work/said" || exit 70
  printf 'sizes\n'
  wc -c -- *
  printf 'bytes\n'
  cat -- * | od -An -v -tx1
  printf 'end %s\n' "$mark"
}

trap clean EXIT
trap 'exit 129' HUP INT TERM PIPE
