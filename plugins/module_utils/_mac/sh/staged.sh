# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# A part: what a person or `security` is to read lies in a folder of its owner, and goes whatever happens.

cache=Library/Caches/vwan.user_vpn

# Note whose folder has what, and which run cleans up. Nothing is staged before this is written.
note_staged() {
  mkdir -p "$HOME/$cache" && printf '%s\t%s\t%s\n' "$1" "$$" "$mark" > "$HOME/$cache/staged" && return
  forget_staged
  return 1
}

forget_staged() { rm -f "$HOME/$cache/staged" && { rmdir "$HOME/$cache" 2> /dev/null || :; }; }

# Whatever ends this run from now on takes away what it stages for a user.
guard() {
  staged_for=$1
  trap 'unstage "$staged_for"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
}

release() {
  unstage "$staged_for"
  trap - EXIT
}

unstage() {
  # shellcheck disable=SC2016 # that user's HOME
  as_user "$1" sh -c 'cd "$HOME" && rm -rf "./$1/profiles" && { rmdir "./$1" 2> /dev/null || :; }' sh "$cache" \
    && forget_staged
}

# A file that an earlier run staged and could not remove. It holds a private key. With 1 it is only told.
leftovers() {
  [ -r "$HOME/$cache/staged" ] || return 0
  owner='' process='' run=''
  IFS=$tab read -r owner process run < "$HOME/$cache/staged" || :
  # A run that still waits for its person cleans up by itself. It is known by its mark: its number may be another
  # process's by now, and answers `kill -0` also while nobody has taken note of its end.
  case $(ps -ww -o args= -p "${process:-0}" 2> /dev/null) in *" mark=${run:-none} "*) return 0 ;; esac
  if [ -z "$owner" ]; then # killed while it wrote this, before anything was staged
    if [ "$1" = 0 ]; then forget_staged; fi
    return 0
  fi
  say leftover "$owner"
  if [ "$1" = 0 ]; then unstage "$owner" || say stuck 1; fi
}
