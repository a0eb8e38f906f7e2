# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154,SC2329 # joined with others: see ../shell.py, and the head of base.sh
# A part: what a person or `security` is to read lies in a folder of its owner, and goes whatever happens.
#
# Each run has a folder of its own there, and a note of its own beside the one who runs it: whose folder it is, and a line
# for each process that takes it away.

cache=Library/Caches/vwan.user_vpn
note=$HOME/$cache/$mark.staged

# Nothing is staged before this is written.
note_staged() {
  mkdir -p "$HOME/$cache" && printf '%s\n%s\n' "$1" "$$" > "$note" && return
  forget_staged "$note"
  return 1
}

forget_staged() { rm -f "$1" && { rmdir "$HOME/$cache" 2> /dev/null || :; }; }

# Whatever ends this run from now on takes away what it stages for a user.
guard() {
  staged_for=$1
  trap 'unstage "$staged_for" "$note"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
}

release() {
  unstage "$staged_for" "$note"
  trap - EXIT
}

# From now on another process takes it away, so many seconds later. It is deaf to the end of this connection from the
# moment it is there; only a signal that nothing can catch leaves the rest to the next look.
release_later() {
  trap '' HUP PIPE
  (
    detach
    trap 'unstage "$staged_for" "$note"' EXIT
    trap 'exit 129' INT TERM
    sleep "$1"
  ) &
  printf '%s\n' "$!" >> "$note"
  trap - EXIT
  trap 'exit 129' HUP PIPE
}

# Take away what a run has staged for a user, and its note.
unstage() {
  run=${2##*/}
  # shellcheck disable=SC2016 # that user's HOME
  as_user "$1" sh -c 'cd "$HOME" && rm -rf "./$1/${2:?}" && { rmdir "./$1" 2> /dev/null || :; }' sh \
    "$cache" "${run%.staged}" && forget_staged "$2"
}

# Whether a process of a run lives. It is known by the run's mark: its number may be another process's by now, and
# answers `kill -0` also while nobody has taken note of its end.
lives() {
  case $(ps -ww -o args= -p "$1" 2> /dev/null) in *" mark=$2 "*) ;; *) return 1 ;; esac
}

# What earlier runs have staged, if no process of theirs takes it away any more. It holds a private key. With 1 it is
# only told.
leftovers() {
  for left in "$HOME/$cache"/*.staged; do
    [ -r "$left" ] || continue # there is none
    run=${left##*/}
    {
      owner='' alive=''
      read -r owner || :
      while read -r process; do
        if lives "$process" "${run%.staged}"; then alive=1; fi
      done
    } < "$left"
    [ -z "$alive" ] || continue
    [ -e "$left" ] || continue # it was at its end, and is done meanwhile
    if [ -z "$owner" ]; then # killed while it wrote this, before anything was staged
      [ "$1" = 1 ] || forget_staged "$left"
      continue
    fi
    say leftover "$owner"
    [ "$1" = 1 ] || refusal=$(unstage "$owner" "$left" 2>&1) || {
      say stuck 1
      say stuck_by "$refusal"
    }
  done
}
